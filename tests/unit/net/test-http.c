#include "check.h"
#include "net/http.h"
#include "net/http_parse.h"

TEST(verbs_go_to_string_and_back) {
        for (unsigned v = 0; v < VERB_MAX; v++)
                CHECK_INT(verb_from_string(verb_to_string((enum verb) v)), ==, v);
        CHECK_INT(verb_from_string("get"), ==, VERB_OTHER);
        CHECK(!verb_to_string(VERB_MAX));
        CHECK_STR(http_status_text(422), ==, "Unprocessable Entity");
        CHECK_STR(http_status_text(299), ==, "Unknown");
}
TEST(headers_are_found_without_case_and_lists_by_token) {
        struct http_headers h = { 0 };
        http_headers_add(&h, "Connection", "keep-alive , Upgrade");
        http_headers_add(&h, "connection", "x");
        CHECK_STR(http_headers_get(&h, "CONNECTION"), ==, "keep-alive , Upgrade");
        CHECK(http_headers_has_token(&h, "Connection", "upgrade"));
        CHECK(http_headers_has_token(&h, "Connection", "X"));
        CHECK(!http_headers_has_token(&h, "Connection", "keep"));
        CHECK(!http_headers_has_token(&h, "Connection", ""));
        http_headers_set(&h, "Connection", "close");
        CHECK_INT(h.n, ==, 1);
        CHECK(!http_headers_get(&h, "Host"));
        http_headers_done(&h);
}
TEST(basic_credentials_decode_or_are_refused) {
        static const struct { const char *value; int ret; const char *user, *password; } rows[] = {
                { "Basic dTpw", 0, "u", "p" }, { "basic  QWxhZGRpbjpvcGVuIHNlc2FtZQ==", 0, "Aladdin", "open sesame" },
                { "Basic Og==", 0, "", "" }, { "Basic dTpwOng=", 0, "u", "p:x" }, { "Bearer x", -ENOENT, 0, 0 },
                { "Basic dQ==", -EINVAL, 0, 0 }, { "Basic d", -EINVAL, 0, 0 }, { "Basic d*==", -EINVAL, 0, 0 },
                { "Basic", -ENOENT, 0, 0 }, { "Basic dTpw====", -EINVAL, 0, 0 }, { "Basic OgAA", -EINVAL, 0, 0 },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                struct http_headers h = { 0 };
                http_headers_add(&h, "Authorization", rows[i].value);
                char *user = NULL, *password = NULL;
                CHECK_INT(http_headers_basic(&h, &user, &password), ==, rows[i].ret);
                if (rows[i].ret == 0) {
                        CHECK_STR(user, ==, rows[i].user);
                        CHECK_STR(password, ==, rows[i].password);
                        char *again = http_basic_value(user, password);
                        CHECK_STR(strrchr(again, ' ') + 1, ==, strrchr(rows[i].value, ' ') + 1);
                        free(again);
                }
                free(user);
                free(password);
                http_headers_done(&h);
        }
}
TEST(a_path_is_split_before_it_is_decoded) {
        static const struct { const char *raw, *want; } rows[] = {
                { "/", "" }, { "/a", "a" }, { "/a/", "a|" }, { "/a/b%2Fc", "a|b/c" }, { "//", "|" }, { "/a//b", "a||b" },
                { "/%2e%2e/x", "..|x" }, { "/a+b", "a+b" }, { "/%C3%A4", "\xc3\xa4" }, { "", NULL }, { "a", NULL }, { "/%", NULL },
                { "/%4", NULL }, { "/%4g", NULL }, { "/%00", NULL }, { "/a%0", NULL },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                struct http_path p = { 0 };
                CHECK_INT(http_path_parse(rows[i].raw, strlen(rows[i].raw), &p), ==, rows[i].want ? 0 : -EINVAL);
                auto_sbuf struct sbuf b = SBUF(1000);
                for (size_t k = 0; k < p.n; k++)
                        sbuf_printf(&b, "%s%s", k ? "|" : "", p.seg[k]);
                CHECK_STR(sbuf_str(&b), ==, str_or(rows[i].want, ""));
                http_path_done(&p);
        }
}
TEST(a_query_keeps_repeated_names_and_their_order) {
        static const struct { const char *raw, *want; } rows[] = {
                { "", "" }, { "a=1", "a=1;" }, { "a=1&a=2&b", "a=1;a=2;b=;" }, { "&&a=&", "a=;" }, { "a=b=c", "a=b=c;" },
                { "a+b=+%2B", "a b= +;" }, { "=x", "=x;" }, { "%61=%3D%26", "a==&;" }, { "a=%0", NULL }, { "%00", NULL },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                struct http_query q = { 0 };
                CHECK_INT(http_query_parse(rows[i].raw, strlen(rows[i].raw), &q), ==, rows[i].want ? 0 : -EINVAL);
                auto_sbuf struct sbuf b = SBUF(1000);
                for (size_t k = 0; k < q.n; k++)
                        sbuf_printf(&b, "%s=%s;", q.v[k].name, q.v[k].value);
                CHECK_STR(sbuf_str(&b), ==, str_or(rows[i].want, ""));
                http_query_done(&q);
        }
        auto_sbuf struct sbuf many = SBUF(10000);
        for (int i = 0; i < 1001; i++)
                sbuf_puts(&many, "a&");
        struct http_query q;
        CHECK_INT(http_query_parse(many.data, many.len - 2, &q), ==, 0);
        http_query_done(&q);
        CHECK_INT(http_query_parse(many.data, many.len, &q), ==, -EINVAL);
}
TEST(what_is_escaped_comes_back) {
        char all[256];
        for (int i = 1; i < 256; i++)
                all[i - 1] = (char) i;
        all[255] = 0;
        auto_sbuf struct sbuf b = SBUF(1000);
        http_escape(&b, all);
        CHECK_INT(strcspn(b.data, " +&=/?#"), ==, b.len);
        char *back = http_unescape(b.data, b.len, true);
        CHECK_STR(back, ==, all);
        free(back);
}
TEST(urls_are_taken_apart_or_refused) {
        static const struct { const char *url, *want; } rows[] = {
                { "http://h", "h 80 / h 0" }, { "https://h/a?b#c", "h 443 /a?b h 1" }, { "HTTP://h:81/", "h 81 / h:81 0" },
                { "ws://[::1]:8080/x", "::1 8080 /x [::1]:8080 0" }, { "wss://h?x", "h 443 /?x h 1" }, { "https://h:80", "h 80 / h:80 1" },
                { "unix:/run/docker.sock:/v1.41/info", "/run/docker.sock /v1.41/info" }, { "unix:///run/d", "/run/d /" },
                { "http://u:p@h/", "h 80 / h 0 u p" }, { "http://", NULL }, { "http://:80/", NULL }, { "http://h:0/", NULL },
                { "http://h:65536/", NULL }, { "http://h:x/", NULL }, { "http://[::1/", NULL }, { "http://[::1]x/", NULL }, { "ftp://h/", NULL },
                { "h", NULL }, { "http://h/a b", NULL }, { "http://h/\r\nX: y", NULL }, { "unix:run/x", NULL }, { "http://%zz@h/", NULL },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                struct http_url u = { 0 };
                struct dr_error err;
                int r = http_url_parse(rows[i].url, &u, &err);
                if ((r == 0) != (rows[i].want != NULL)) {
                        print_error("%s: %d\n", rows[i].url, r);
                        fail();
                }
                if (r < 0)
                        continue;
                char got[200];
                if (u.unix_path)
                        snprintf(got, sizeof got, "%s %s", u.unix_path, u.target);
                else
                        snprintf(got, sizeof got, "%s %u %s %s %d%s%s%s%s", u.host, u.port, u.target, u.authority, u.tls, u.user ? " " : "",
                                 str_or(u.user, ""), u.user ? " " : "", str_or(u.password, ""));
                CHECK_STR(got, ==, rows[i].want);
                http_url_done(&u);
        }
}
TEST_MAIN("net/http")
