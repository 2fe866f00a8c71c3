/* base.h: what every room gets: cleanup, errors, allocation that cannot fail, small helpers.
 *
 * Any thread. No allocation here returns NULL: the dr_x... forms abort on exhaustion (small, fixed sizes only;
 * anything whose size comes from outside is checked against a cap first). */
#pragma once
#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static inline void dr_freep(void *p) { free(*(void **) p); }
static inline void dr_closep(int *fd) {
        if (*fd >= 0) {
                int e = errno;
                close(*fd);
                errno = e;
        }
}
#define auto_free   __attribute__((cleanup(dr_freep)))          /* auto_free char *s = NULL; */
#define auto_close  __attribute__((cleanup(dr_closep)))         /* auto_close int fd = -1; */
#define AUTO(fn)    __attribute__((cleanup(fn##_auto)))         /* AUTO(lease_free) struct lease *l = NULL; */
#define DR_DEFINE_AUTO(type, fn) static inline void fn##_auto(type *p) { if (*p) fn(*p); }
#define dr_take(ptr) ({ __auto_type taken_ = (ptr); (ptr) = NULL; taken_; })    /* hand ownership on */

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define BIT(n)       (UINT64_C(1) << (n))
#define DR_NAME_(x, n) x##n
#define DR_NAME(x, n) DR_NAME_(x, n)
/* Each use has its own names, so that one may stand inside another without shadowing. */
#define DR_PICK(a, op, b, n) ({ __auto_type DR_NAME(a_, n) = (a); __auto_type DR_NAME(b_, n) = (b); \
                                DR_NAME(a_, n) op DR_NAME(b_, n) ? DR_NAME(a_, n) : DR_NAME(b_, n); })
#define MIN(a, b)    DR_PICK(a, <, b, __COUNTER__)
#define MAX(a, b)    DR_PICK(a, >, b, __COUNTER__)
#define container_of(ptr, type, member) ((type *) ((char *) (ptr) - offsetof(type, member)))
#define DR_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define DR_UNUSED    __attribute__((unused))

/* One row each in errors.c: drover code, API code, HTTP status, errno. */
enum dr_code {
        DR_OK,
        DR_E_BAD_REQUEST, DR_E_INVALID_BODY, DR_E_UNAUTHORIZED, DR_E_FORBIDDEN, DR_E_NOT_FOUND, DR_E_METHOD,
        DR_E_NOT_ACCEPTABLE, DR_E_CONFLICT, DR_E_TOO_LARGE, DR_E_UNPROCESSABLE, DR_E_INTERNAL, DR_E_UNAVAILABLE,
        DR_E_STORE_FAILED, DR_E_MISSING_REQUIRED, DR_E_NOT_NULLABLE, DR_E_INVALID_OPTION, DR_E_INVALID_FORMAT,
        DR_E_INVALID_DATE_FORMAT, DR_E_INVALID_REFERENCE, DR_E_NOT_UNIQUE, DR_E_MIN_LENGTH, DR_E_MAX_LENGTH,
        DR_E_MIN_LIMIT, DR_E_MAX_LIMIT, DR_E_INVALID_CHARACTERS, DR_E_INVALID_ACTION, DR_E_ACTION_NOT_AVAILABLE,
        DR_E_INVALID_STATE, DR_E_INVALID_CSRF, DR_E_PORT_FORMAT, DR_E_PORT_PUBLIC, DR_E_PORT_PRIVATE,
        DR_E_PORT_PROTOCOL, DR_E_DRIVER_IN_USE, DR_E_LAST_ADMIN, DR_E_USERNAME_TAKEN, DR_E_INCORRECT_PASSWORD,
        DR_E_INVALID_OLD_PASSWORD, DR_E_NO_AUTH_PROVIDER, DR_E_AUTH_ERROR, DR_E_CANT_VERIFY_AGENT,
        DR_E_TOO_MANY_REQUESTS, DR_E_NOT_IMPLEMENTED, DR_E_TIMEOUT, DR_E_BUSY,
        DR_E_MEMBER_FORMAT, DR_E_PROXY_DISABLED, DR_E_EMPTY_SECRET, DR_E_INVALID_BASE64, DR_E_SERVER_ADDRESS_USED, DR_E_IN_USE,
        DR_E_CANT_VERIFY_HEALTHCHECK, DR_E_TOO_MANY_EVENTS, DR_E_DRIVER_CONFIG, DR_E_LATEST_SNAPSHOT, DR_E_CERT_FAILED,
        DR_CODE_MAX
};

struct dr_error {
        enum dr_code code;
        char field[64];         /* API field name, or empty */
        char message[512];      /* lower case, no final period; says what, its name, and why */
};

struct dr_error_row { const char *api_code; int http_status; int err; };
const struct dr_error_row *dr_error_row(enum dr_code code);     /* static storage; never NULL */

/* Fills err (may be NULL) and returns the code's negative errno: return dr_fail(err, ...). field may be NULL. */
int dr_fail(struct dr_error *err, enum dr_code code, const char *field, const char *fmt, ...) DR_PRINTF(4, 5);
/* Puts a printf-made prefix and ": " before err->message. Returns ret unchanged: return dr_prefix(err, r, ...). */
int dr_prefix(struct dr_error *err, int ret, const char *fmt, ...) DR_PRINTF(3, 4);

void *dr_xmalloc(size_t n);
void *dr_xcalloc(size_t n, size_t size);
void *dr_xrealloc(void *p, size_t n);
char *dr_xstrdup(const char *s);                        /* NULL gives NULL */
char *dr_xstrndup(const char *s, size_t n);
char *dr_xasprintf(const char *fmt, ...) DR_PRINTF(1, 2);
#define dr_xnew(type) ((type *) dr_xcalloc(1, sizeof(type)))

static inline bool str_eq(const char *a, const char *b) { return a == b || (a && b && strcmp(a, b) == 0); }
bool str_ieq(const char *a, const char *b);             /* ASCII, without case */
static inline bool str_starts(const char *s, const char *prefix) { return strncmp(s, prefix, strlen(prefix)) == 0; }
bool str_ends(const char *s, const char *suffix);
static inline const char *str_or(const char *s, const char *other) { return s ? s : other; }
