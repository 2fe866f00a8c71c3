#include "html.h"

#include "core/settings.h"

extern const char browse_script[];      /* browse.js */

static void attribute(struct sbuf *b, const char *s) {
        for (; *s; s++) {
                switch (*s) {
                case '&':  sbuf_puts(b, "&amp;"); break;
                case '<':  sbuf_puts(b, "&lt;"); break;
                case '>':  sbuf_puts(b, "&gt;"); break;
                case '"':  sbuf_puts(b, "&quot;"); break;
                case '\'': sbuf_puts(b, "&#39;"); break;
                default:   sbuf_putc(b, *s);
                }
        }
}

/* A string inside a script: JSON, with what could end the script escaped. */
static void script_string(struct sbuf *b, const char *s) {
        struct sbuf t = SBUF(64 << 10);
        sbuf_json_string(&t, s, strlen(s));
        for (const char *p = sbuf_str(&t); *p; p++) {
                if (*p == '<')
                        sbuf_puts(b, "\\u003c");
                else
                        sbuf_putc(b, *p);
        }
        sbuf_done(&t);
}

/* JSON inside a script element: '<' occurs in strings only, where it may be written as an escape. */
static void script_json(struct sbuf *b, const char *s, size_t n) {
        for (size_t i = 0; i < n; i++) {
                if (s[i] == '<')
                        sbuf_puts(b, "\\u003c");
                else
                        sbuf_putc(b, s[i]);
        }
}

void html_wrap(struct api_req *req) {
        struct core *c = api_core(req);
        const char *css = setting_get(c, "api.ui.css.url"), *js = setting_get(c, "api.ui.js.url");
        struct sbuf b = SBUF(API_ANSWER_BYTES_MAX);
        sbuf_puts(&b, "<!DOCTYPE html>\n<html><head><meta charset=\"utf-8\"><title>API</title>\n");
        if (*css) {
                sbuf_puts(&b, "<link rel=\"stylesheet\" href=\"");
                attribute(&b, css);
                sbuf_puts(&b, "\">\n");
        }
        sbuf_puts(&b, "</head><body>\n<div id=\"filters\"></div>\n<div id=\"forms\"></div>\n<pre id=\"json\"></pre>\n<script>\nvar data = ");
        script_json(&b, sbuf_str(&req->out), req->out.len);
        sbuf_puts(&b, ";\nvar schemas = ");
        script_string(&b, arena_printf(&req->arena, "%s/schemas", req->url));
        sbuf_puts(&b, ";\nvar docJson = ");
        script_string(&b, arena_printf(&req->arena, "%s/typedocumentations", req->url));
        sbuf_puts(&b, ";\nvar user = ");
        script_string(&b, req->caller ? record_name(req->caller) : "");
        sbuf_puts(&b, ";\n");
        if (*js) {
                sbuf_puts(&b, "</script>\n<script src=\"");
                attribute(&b, js);
                sbuf_puts(&b, "\"></script>\n");
        } else {                        /* readable and usable without any download */
                sbuf_puts(&b, browse_script);
                sbuf_puts(&b, "</script>\n");
        }
        sbuf_puts(&b, "</body></html>\n");
        sbuf_done(&req->out);
        req->out = b;
        req->content_type = "text/html; charset=utf-8";
}
