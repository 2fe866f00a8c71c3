/* Paths, queries and URLs: what was decoded and is escaped again decodes to the same. */
#include "net/http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_again(const char *s) {
        auto_sbuf struct sbuf b = SBUF(1 << 20);
        http_escape(&b, s);
        auto_free char *back = http_unescape(sbuf_str(&b), b.len, true);
        if (!back || strcmp(back, s) != 0)
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        const char *text = (const char *) data;
        struct http_path path;
        if (http_path_parse(text, size, &path) == 0) {
                for (size_t i = 0; i < path.n; i++)
                        check_again(path.seg[i]);
                http_path_done(&path);
        }
        struct http_query query;
        if (http_query_parse(text, size, &query) == 0) {
                for (size_t i = 0; i < query.n; i++) {
                        check_again(query.v[i].name);
                        check_again(query.v[i].value);
                }
                http_query_done(&query);
        }
        auto_free char *s = dr_xstrndup(text, size);
        struct http_url url;
        if (http_url_parse(s, &url, NULL) == 0) {
                if (!url.host || !url.target || url.target[0] != '/' || !url.authority)
                        abort();
                http_url_done(&url);
        }
        struct http_headers h = { 0 };
        http_headers_add(&h, "Authorization", s);
        char *user, *password;
        if (http_headers_basic(&h, &user, &password) == 0) {
                free(user);
                free(password);
        }
        http_headers_done(&h);
        return 0;
}
