/* http.h: parts that HTTP requests and responses share: methods, header lists, paths, queries, URLs. Any thread. */
#pragma once
#include "base/sbuf.h"

enum { HTTP_HEAD_BYTES_MAX = 32 * 1024, HTTP_TARGET_BYTES_MAX = 8 * 1024, HTTP_HEADERS_MAX = 100, HTTP_BODY_BYTES_MAX = 8 << 20 };

enum verb { VERB_GET, VERB_HEAD, VERB_POST, VERB_PUT, VERB_PATCH, VERB_DELETE, VERB_OPTIONS, VERB_OTHER, VERB_MAX };
const char *verb_to_string(enum verb v);                /* "GET"; "OTHER" for VERB_OTHER; NULL out of range */
enum verb verb_from_string(const char *s);              /* case matters, as in HTTP */
const char *http_status_text(int status);               /* "Not Found"; "Unknown" */

struct http_header { const char *name, *value; };
struct http_headers { struct http_header *v; size_t n, cap; };          /* {0} is empty; owns its strings */
void http_headers_add(struct http_headers *h, const char *name, const char *value);
void http_headers_addn(struct http_headers *h, const char *name, size_t name_len, const char *value, size_t value_len);
void http_headers_set(struct http_headers *h, const char *name, const char *value);     /* replaces all of that name */
const char *http_headers_get(const struct http_headers *h, const char *name);           /* first; NULL: absent */
/* Whether the comma-separated lists under name hold token (both without case). */
bool http_headers_has_token(const struct http_headers *h, const char *name, const char *token);
char *http_cookie_get(const struct http_headers *h, const char *name);   /* value of a cookie; NULL: none. The caller frees */
void http_headers_done(struct http_headers *h);
/* "Basic ..." decoded. Returns 0, -ENOENT (no such header or another scheme) or -EINVAL. Caller frees both. */
int http_headers_basic(const struct http_headers *h, char **ret_user, char **ret_password);
char *http_basic_value(const char *user, const char *password);         /* "Basic dTpw"; caller frees */

/* "/v2-beta/a%2Fb/" to {"v2-beta", "a/b", ""}: split on '/' first, each segment decoded after; a trailing slash gives an
 * empty last segment, "/" gives none; nothing is collapsed. -EINVAL: no leading '/', bad escape, %00. */
struct http_path { char **seg; size_t n; };
int http_path_parse(const char *raw, size_t len, struct http_path *ret);
void http_path_done(struct http_path *p);

/* "a=1&b&a=%20+": names repeat, '+' is a space, decoded after splitting. -EINVAL: bad escape, %00, more than 1000 arguments. */
struct http_param { char *name, *value; };              /* value is "" when there was no '=' */
struct http_query { struct http_param *v; size_t n, cap; };
int http_query_parse(const char *raw, size_t len, struct http_query *ret);
const char *http_query_get(const struct http_query *q, const char *name);       /* first; NULL: absent */
void http_query_done(struct http_query *q);

void http_escape(struct sbuf *b, const char *s);        /* percent-encodes all but A-Za-z0-9-._~ */
/* Percent-decodes len bytes. plus: '+' is a space. Returns a string or NULL (bad escape, %00). Caller frees. */
char *http_unescape(const char *s, size_t len, bool plus);

/* http://, https://, ws://, wss://HOST[:PORT]/PATH?QUERY and unix:/SOCKET/FILE:/PATH?QUERY (the socket's name has no ':'). */
struct http_url {
        bool tls;
        char *user, *password;          /* from user:password@, decoded; or NULL */
        char *host;                     /* without brackets; "localhost" for unix */
        unsigned short port;
        char *unix_path;                /* NULL: TCP */
        char *target;                   /* "/path?query", never empty */
        char *authority;                /* value for Host */
};
int http_url_parse(const char *s, struct http_url *ret, struct dr_error *err);
void http_url_done(struct http_url *u);
