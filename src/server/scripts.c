#include "scripts.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "api/context.h"
#include "base/log.h"
#include "core/settings.h"
#include "registration_token.h"

enum { SCRIPT_BYTES_MAX = 1 << 20, PEM_BYTES_MAX = 256 * 1024 };

extern const char join_script[];        /* scripts/join.sh */

struct scripts { struct core *core; struct node_files *files; char *public_dir; struct host_tokens *tokens; };

/* Values go into single- or double-quoted shell words: what could end one is left out. Tokens, versions and URLs have none. */
static void add_word(struct sbuf *out, const char *s) {
        for (; *s; s++)
                if ((unsigned char) *s > ' ' && *s != '\'' && *s != '"' && *s != '\\' && *s != '$' && *s != '`' && *s != 0x7f)
                        sbuf_putc(out, *s);
}

static const char *trimmed(struct api_req *req, const char *url) {
        size_t n = strlen(url);
        while (n > 0 && url[n - 1] == '/')
                n--;
        return arena_strndup(&req->arena, url, n);
}

/* Address of the API as hosts shall use it: agent.instance.register.url, else api.host, else that of this request. */
static const char *agent_url(struct api_req *req) {
        struct core *c = api_core(req);
        const char *url = setting_get(c, "agent.instance.register.url"), *host = setting_get(c, "api.host");
        if (*url)
                return trimmed(req, url);
        if (!*host)
                return arena_printf(&req->arena, "%s/v1", req->base);
        host = trimmed(req, host);
        bool has_version = str_ends(host, "/v1") || str_ends(host, "/v2-beta");
        return arena_printf(&req->arena, "%s%s%s", strstr(host, "://") ? "" : "http://", host, has_version ? "" : "/v1");
}

static char *read_file(const char *dir, const char *name, size_t *ret_len) {
        auto_free char *path = dr_xasprintf("%s/%s", dir, name);
        auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
        struct stat st;
        if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size > PEM_BYTES_MAX)
                return NULL;
        char *p = dr_xmalloc((size_t) st.st_size + 1);
        ssize_t n = read(fd, p, (size_t) st.st_size);
        p[n > 0 ? n : 0] = 0;
        *ret_len = n > 0 ? (size_t) n : 0;
        return p;
}

static void reply_text(struct api_req *req) {
        req->content_type = "text/plain; charset=utf-8";
        req->html = false;
        api_reply(req, 200);
}

static void exports(struct api_req *req, const char *token) {
        struct sbuf *out = &req->out;
        sbuf_puts(out, "#!/bin/sh\nexport CATTLE_REGISTRATION_ACCESS_KEY=\"registrationToken\"\nexport CATTLE_REGISTRATION_SECRET_KEY=\"");
        add_word(out, token);
        sbuf_puts(out, "\"\nexport CATTLE_URL=\"");
        add_word(out, agent_url(req));
        sbuf_puts(out, "\"\nexport DETECTED_CATTLE_AGENT_IP=\"");
        add_word(out, str_or(req->client_ip, ""));
        sbuf_puts(out, "\"\n");
        reply_text(req);
}

/* PEM text in single quotes: letters, digits and "+/=- \n" only. */
static void add_pem(struct sbuf *out, const char *pem) {
        for (; *pem; pem++)
                if (*pem != '\'' && ((unsigned char) *pem >= ' ' || *pem == '\n'))
                        sbuf_putc(out, *pem);
        while (out->len && out->data[out->len - 1] == '\n')
                out->data[--out->len] = 0;
}

static void join(struct scripts *s, struct api_req *req, const char *token) {
        const char *sha256 = node_files_sha256(s->files);
        struct dr_error err;
        if (!sha256) {
                (void) dr_fail(&err, DR_E_UNAVAILABLE, NULL, "this server has no drover-node program to give to hosts");
                log_warning("a host asked to join, but there is no drover-node program to serve: see --node-dir", NULL);
                api_fail(req, &err);
                return;
        }
        size_t n;
        auto_free char *ca = read_file(s->public_dir, "ca.pem", &n);
        const struct { const char *mark, *value; } words[] = {
                { "@URL@", agent_url(req) }, { "@TOKEN@", token }, { "@SHA256@", sha256 }, { "@VERSION@", DROVER_VERSION },
        };
        for (const char *p = join_script; *p;) {
                size_t i = 0;
                while (i < ARRAY_LEN(words) && !str_starts(p, words[i].mark))
                        i++;
                if (i < ARRAY_LEN(words)) {
                        add_word(&req->out, words[i].value);
                        p += strlen(words[i].mark);
                } else if (str_starts(p, "@CA_PEM@")) {
                        add_pem(&req->out, str_or(ca, ""));
                        p += strlen("@CA_PEM@");
                } else {
                        sbuf_putc(&req->out, *p++);
                }
        }
        reply_text(req);
}

static void on_scripts(void *arg, struct api_req *req) {
        struct scripts *s = arg;
        const char *name = req->n_seg > 1 ? req->seg[1] : "";
        bool certificate = req->n_seg == 2 && (str_eq(name, "api.crt") || str_eq(name, "ca.pem") || str_eq(name, "ca.crt"));
        if (req->method == VERB_HEAD)
                req->method = VERB_GET;
        if (req->method != VERB_GET) {
                api_fail_code(req, DR_E_METHOD, NULL);
        } else if (certificate) {
                size_t n = 0;
                auto_free char *pem = str_eq(name, "api.crt") ? dr_xstrdup(host_tokens_public_pem(s->tokens)) : read_file(s->public_dir, "ca.pem", &n);
                req->wrote = true;              /* a key that was made for this is stored before it is told */
                if (pem && !n)
                        n = strlen(pem);
                if (!pem) {
                        api_fail_code(req, DR_E_NOT_FOUND, NULL);
                        return;
                }
                sbuf_add(&req->out, pem, n);
                reply_text(req);
        } else if (registration_token_check(s->core, name) && req->n_seg == 2) {
                exports(req, name);
        } else if (registration_token_check(s->core, name) && req->n_seg == 3 && str_eq(req->seg[2], "join")) {
                join(s, req, name);
        } else {
                api_fail_code(req, DR_E_NOT_FOUND, NULL);
        }
}

struct scripts *scripts_new(struct core *c, struct api *api, struct node_files *files, const char *data_dir, struct host_tokens *tokens) {
        struct scripts *s = dr_xnew(struct scripts);
        *s = (struct scripts) { .core = c, .files = files, .public_dir = dr_xasprintf("%s/public", data_dir), .tokens = tokens };
        api_add_special(api, "scripts", true, on_scripts, s);
        return s;
}

struct scripts *scripts_free(struct scripts *s) {
        if (s) {
                free(s->public_dir);
                free(s);
        }
        return NULL;
}
