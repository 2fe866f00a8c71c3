#include "ui.h"

#include <stdio.h>

enum { TAG_BYTES = 32, NAME_BYTES_MAX = 64 };

/* Nothing from elsewhere, no script or style in the page itself, and nobody may put the page into a frame. */
#define POLICY "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; " \
        "form-action 'none'; frame-ancestors 'none'"

static const struct ui_file *find(const char *name) {
        for (size_t i = 0; i < ui_files_n; i++)
                if (str_eq(ui_files[i].name, name))
                        return &ui_files[i];
        return NULL;
}

/* A browser's tag is the file's, whichever encoding it got: a weak comparison (RFC 9110 8.8.3.2). */
static bool has_it(const struct http_request *req, const char *tag) {
        const char *given = http_headers_get(&req->headers, "if-none-match");
        return given && (str_eq(given, "*") || strstr(given, tag));
}

static void reply(struct http_request *req, const struct ui_file *f) {
        bool packed = http_headers_has_token(&req->headers, "accept-encoding", "gzip");
        char tag[TAG_BYTES];
        snprintf(tag, sizeof tag, "W/\"%s\"", f->tag);
        const struct http_header headers[] = {
                { "Content-Type", f->type }, { "ETag", tag }, { "Cache-Control", "no-cache" }, { "Vary", "Accept, Accept-Encoding" },
                { "Content-Security-Policy", POLICY }, { "X-Content-Type-Options", "nosniff" }, { "Referrer-Policy", "same-origin" },
                { "Cross-Origin-Opener-Policy", "same-origin" }, { "Content-Encoding", "gzip" },
        };
        size_t n = ARRAY_LEN(headers) - !packed;
        if (has_it(req, tag))
                http_reply(req, 304, headers, n, NULL, 0);
        else
                http_reply(req, 200, headers, n, packed ? f->packed : f->data, packed ? f->packed_bytes : f->bytes);
}

static bool wants_page(const struct http_request *req) {
        const char *accept = http_headers_get(&req->headers, "accept");
        return accept && strstr(accept, "text/html") && !http_query_get(&req->query, "_format");
}

bool ui_serve(struct http_request *req) {
        const struct http_path *p = &req->path;
        bool page = p->n == 0 || (p->n == 1 && str_eq(p->seg[0], "login"));
        if (!page && (p->n < 2 || !str_eq(p->seg[0], "ui")))
                return false;
        if (page && !wants_page(req))
                return false;
        if (req->verb != VERB_GET && req->verb != VERB_HEAD) {
                if (page)
                        return false;
                http_reply_error(req, 405, "files of the web page are only read");
                return true;
        }
        char name[NAME_BYTES_MAX] = "index.html";
        if (!page && (p->n > 3 || snprintf(name, sizeof name, "%s%s%s", p->seg[1], p->n == 3 ? "/" : "", p->n == 3 ? p->seg[2] : "") >= (int) sizeof name))
                *name = '\0';
        const struct ui_file *f = find(name);
        if (f)
                reply(req, f);
        else
                http_reply_error(req, 404, "the web page has no such file");
        return true;
}
