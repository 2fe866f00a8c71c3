#include "base.h"

#include <stdio.h>
#include <strings.h>

static const struct dr_error_row rows[] = {
        [DR_OK]                     = { "OK", 200, 0 },
        [DR_E_BAD_REQUEST]          = { "Bad Request", 400, EINVAL },
        [DR_E_INVALID_BODY]         = { "InvalidBodyContent", 400, EBADMSG },
        [DR_E_UNAUTHORIZED]         = { "Unauthorized", 401, EACCES },
        [DR_E_FORBIDDEN]            = { "Forbidden", 403, EPERM },
        [DR_E_NOT_FOUND]            = { "Not Found", 404, ENOENT },
        [DR_E_METHOD]               = { "Method not allowed", 405, EOPNOTSUPP },
        [DR_E_NOT_ACCEPTABLE]       = { "Not acceptable", 406, EINVAL },
        [DR_E_CONFLICT]             = { "Conflict", 409, EEXIST },
        [DR_E_TOO_LARGE]            = { "Request Entity Too Long", 413, EFBIG },
        [DR_E_UNPROCESSABLE]        = { "Unprocessable Entity", 422, EINVAL },
        [DR_E_INTERNAL]             = { "Internal Server Error", 500, EIO },
        [DR_E_UNAVAILABLE]          = { "Service Unavailable", 503, EAGAIN },
        [DR_E_STORE_FAILED]         = { "StoreFailed", 503, EIO },
        [DR_E_MISSING_REQUIRED]     = { "MissingRequired", 422, EINVAL },
        [DR_E_NOT_NULLABLE]         = { "NotNullable", 422, EINVAL },
        [DR_E_INVALID_OPTION]       = { "InvalidOption", 422, EINVAL },
        [DR_E_INVALID_FORMAT]       = { "InvalidFormat", 422, EINVAL },
        [DR_E_INVALID_DATE_FORMAT]  = { "InvalidDateFormat", 422, EINVAL },
        [DR_E_INVALID_REFERENCE]    = { "InvalidReference", 422, EINVAL },
        [DR_E_NOT_UNIQUE]           = { "NotUnique", 422, EEXIST },
        [DR_E_MIN_LENGTH]           = { "MinLengthExceeded", 422, ERANGE },
        [DR_E_MAX_LENGTH]           = { "MaxLengthExceeded", 422, ERANGE },
        [DR_E_MIN_LIMIT]            = { "MinLimitExceeded", 422, ERANGE },
        [DR_E_MAX_LIMIT]            = { "MaxLimitExceeded", 422, ERANGE },
        [DR_E_INVALID_CHARACTERS]   = { "InvalidCharacters", 422, EINVAL },
        [DR_E_INVALID_ACTION]       = { "InvalidAction", 422, EINVAL },
        [DR_E_ACTION_NOT_AVAILABLE] = { "ActionNotAvailable", 422, EINVAL },
        [DR_E_INVALID_STATE]        = { "InvalidState", 422, EINVAL },
        [DR_E_INVALID_CSRF]         = { "InvalidCSRFToken", 403, EPERM },
        [DR_E_PORT_FORMAT]          = { "PortWrongFormat", 422, EINVAL },
        [DR_E_PORT_PUBLIC]          = { "PortInvalidPublicPort", 422, EINVAL },
        [DR_E_PORT_PRIVATE]         = { "PortInvalidPrivatePort", 422, EINVAL },
        [DR_E_PORT_PROTOCOL]        = { "PortInvalidProtocol", 422, EINVAL },
        [DR_E_DRIVER_IN_USE]        = { "DRIVER_IN_USE", 409, EBUSY },
        [DR_E_LAST_ADMIN]           = { "LastAdminAccount", 405, EPERM },
        [DR_E_USERNAME_TAKEN]       = { "UsernameIsTaken", 409, EEXIST },
        [DR_E_INCORRECT_PASSWORD]   = { "IncorrectPassword", 401, EACCES },
        [DR_E_INVALID_OLD_PASSWORD] = { "InvalidOldPassword", 400, EACCES },
        [DR_E_NO_AUTH_PROVIDER]     = { "NoAuthProvider", 500, ENOENT },
        [DR_E_AUTH_ERROR]           = { "AuthError", 403, EPERM },
        [DR_E_CANT_VERIFY_AGENT]    = { "CantVerifyAgent", 403, EPERM },
        [DR_E_TOO_MANY_REQUESTS]    = { "Too Many Requests", 429, EBUSY },
        [DR_E_NOT_IMPLEMENTED]      = { "Not Implemented", 501, ENOSYS },
        [DR_E_TIMEOUT]              = { "Timeout", 504, ETIMEDOUT },
        [DR_E_BUSY]                 = { "Busy", 503, EBUSY },
        [DR_E_MEMBER_FORMAT]        = { "InvalidFormat", 400, EINVAL },
        [DR_E_PROXY_DISABLED]       = { "HostApiProxyDisabled", 501, EOPNOTSUPP },
        [DR_E_EMPTY_SECRET]         = { "EmptySecret", 422, EINVAL },
        [DR_E_INVALID_BASE64]       = { "InvalidBase64", 422, EINVAL },
        [DR_E_SERVER_ADDRESS_USED]  = { "ServerAddressUsed", 400, EEXIST },
        [DR_E_IN_USE]               = { "InvalidAction", 405, EBUSY },
        [DR_E_CANT_VERIFY_HEALTHCHECK] = { "CantVerifyHealthcheck", 403, EPERM },
        [DR_E_TOO_MANY_EVENTS]      = { "TooManyContainerEvents", 409, EBUSY },
        [DR_E_DRIVER_CONFIG]        = { "DriverConfigExactlyOneRequired", 422, EINVAL },
        [DR_E_LATEST_SNAPSHOT]      = { "InvalidState", 400, EINVAL },
        [DR_E_CERT_FAILED]          = { "CertGenerationFailed", 500, EIO },
};
_Static_assert(ARRAY_LEN(rows) == DR_CODE_MAX, "one row per code");

const struct dr_error_row *dr_error_row(enum dr_code code) {
        return (unsigned) code < DR_CODE_MAX ? &rows[code] : &rows[DR_E_INTERNAL];
}

int dr_fail(struct dr_error *err, enum dr_code code, const char *field, const char *fmt, ...) {
        if (err) {
                va_list ap;
                char message[sizeof err->message];
                va_start(ap, fmt);              /* %m needs errno as the caller left it */
                vsnprintf(message, sizeof message, fmt, ap);
                va_end(ap);
                err->code = code;
                snprintf(err->field, sizeof err->field, "%s", field ? field : "");
                memcpy(err->message, message, sizeof message);
        }
        return -dr_error_row(code)->err;
}

int dr_prefix(struct dr_error *err, int ret, const char *fmt, ...) {
        if (!err)
                return ret;
        char prefix[256], joined[sizeof err->message];
        va_list ap;
        va_start(ap, fmt);
        vsnprintf(prefix, sizeof prefix, fmt, ap);
        va_end(ap);
        size_t n = strlen(prefix);
        memcpy(joined, prefix, n);
        snprintf(joined + n, sizeof joined - n, ": %s", err->message);
        memcpy(err->message, joined, sizeof joined);
        return ret;
}

static void *checked(void *p) {
        if (!p)
                abort();
        return p;
}
void *dr_xmalloc(size_t n) { return checked(malloc(n ? n : 1)); }
void *dr_xcalloc(size_t n, size_t size) { return checked(calloc(n ? n : 1, size ? size : 1)); }
void *dr_xrealloc(void *p, size_t n) { return checked(realloc(p, n ? n : 1)); }
char *dr_xstrdup(const char *s) { return s ? checked(strdup(s)) : NULL; }
char *dr_xstrndup(const char *s, size_t n) { return checked(strndup(s, n)); }

char *dr_xasprintf(const char *fmt, ...) {
        char *s = NULL;
        va_list ap;
        va_start(ap, fmt);
        int n = vasprintf(&s, fmt, ap);
        va_end(ap);
        if (n < 0)
                abort();
        return s;
}

bool str_ieq(const char *a, const char *b) { return a == b || (a && b && strcasecmp(a, b) == 0); }

bool str_ends(const char *s, const char *suffix) {
        size_t n = strlen(s), k = strlen(suffix);
        return n >= k && memcmp(s + n - k, suffix, k) == 0;
}
