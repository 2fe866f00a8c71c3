#include "dockerref.h"

#include <ctype.h>
#include <stdio.h>

static int bad(struct dr_error *err, const char *ref, const char *why) {
        return dr_fail(err, DR_E_INVALID_FORMAT, "imageUuid", "cannot read image \"%.200s\": %s", ref, why);
}

/* Length of the server part of ref, 0 when it has none. */
static size_t server_length(const char *ref) {
        const char *slash = strchr(ref, '/');
        if (!slash)
                return 0;
        size_t n = (size_t) (slash - ref);
        if (memchr(ref, '.', n) || memchr(ref, ':', n) || (n == 9 && memcmp(ref, "localhost", 9) == 0))
                return n;
        return 0;
}

static bool alnum_low(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

/* Components of [a-z0-9] runs joined by '.', '_', "__" or any number of '-'; components joined by '/'. */
static const char *check_path(const char *s, size_t n) {
        if (n == 0)
                return "it has no name";
        size_t i = 0;
        while (i < n) {
                if (!alnum_low(s[i]))
                        return isupper((unsigned char) s[i]) ? "the name must be lower case"
                                                             : "name parts begin with a lower-case letter or digit";
                while (i < n && alnum_low(s[i]))
                        i++;
                if (i == n)
                        return NULL;
                if (s[i] == '/' || s[i] == '.') {
                        i++;
                } else if (s[i] == '_') {
                        i += i + 1 < n && s[i + 1] == '_' ? 2 : 1;
                } else if (s[i] == '-') {
                        while (i < n && s[i] == '-')
                                i++;
                } else {
                        return isupper((unsigned char) s[i]) ? "the name must be lower case"
                                                             : "the name has a character other than a-z 0-9 . _ - /";
                }
        }
        return "the name ends with a separator";
}

static const char *check_tag(const char *s, size_t n) {
        if (n == 0)
                return "the tag is empty";
        if (n > 128)
                return "the tag is longer than 128 characters";
        for (size_t i = 0; i < n; i++) {
                bool word = isalnum((unsigned char) s[i]) || s[i] == '_';
                if (!word && (i == 0 || (s[i] != '.' && s[i] != '-')))
                        return "the tag has a character other than A-Z a-z 0-9 _ . - (the first: A-Z a-z 0-9 _)";
        }
        return NULL;
}

static const char *check_digest(const char *s) {
        const char *colon = strchr(s, ':');
        if (!colon || colon == s || !isalpha((unsigned char) s[0]))
                return "the digest is not ALGORITHM:HEX";
        for (const char *p = s; p < colon; p++)
                if (!isalnum((unsigned char) *p) && !strchr("+._-", *p))
                        return "the digest is not ALGORITHM:HEX";
        size_t n = strlen(colon + 1);
        if (strspn(colon + 1, "0123456789abcdefABCDEF") != n || n < 32 || (str_starts(s, "sha256:") && n != 64))
                return "the digest has the wrong number of hexadecimal digits";
        return NULL;
}

static const char *check_server(const char *s, size_t n) {
        if (n == 0)
                return "the server is empty";
        for (size_t i = 0; i < n; i++)
                if (!isalnum((unsigned char) s[i]) && !strchr(".-:[]_", s[i]))
                        return "the server has a character that host names do not have";
        return NULL;
}

int dockerref_parse(const char *ref, struct dockerref *ret, struct dr_error *err) {
        struct dockerref r = { 0 };
        if (!*ref)
                return bad(err, ref, "it is empty");
        if (strlen(ref) > DOCKERREF_CHARS_MAX)
                return bad(err, ref, "it is too long");
        size_t n = server_length(ref);
        const char *why = NULL, *path = ref;
        if (n || ref[0] == '/') {
                why = check_server(ref, n);
                if (why || n >= sizeof r.server)
                        return bad(err, ref, why ? why : "the server is too long");
                memcpy(r.server, ref, n);
                r.server_given = true;
                path = ref + n + 1;
        } else {
                memcpy(r.server, DOCKERREF_DEFAULT_SERVER, sizeof DOCKERREF_DEFAULT_SERVER);
        }
        const char *at = strchr(path, '@'), *end = at ? at : path + strlen(path), *colon = memchr(path, ':', (size_t) (end - path));
        size_t path_len = (size_t) ((colon ? colon : end) - path);
        why = check_path(path, path_len);
        if (!why && path_len >= sizeof r.path)
                why = "the name is too long";
        if (!why && colon)
                why = check_tag(colon + 1, (size_t) (end - colon - 1));
        if (!why && at)
                why = check_digest(at + 1);
        if (!why && at && strlen(at + 1) >= sizeof r.digest)
                why = "the digest is too long";
        if (why)
                return bad(err, ref, why);
        memcpy(r.path, path, path_len);
        if (colon)
                memcpy(r.tag, colon + 1, (size_t) (end - colon - 1));
        if (at)
                memcpy(r.digest, at + 1, strlen(at + 1));
        *ret = r;
        return 0;
}

void dockerref_format(const struct dockerref *r, char *buf, size_t n) {
        const char *tag = r->tag[0] ? r->tag : r->digest[0] ? "" : "latest";
        snprintf(buf, n, "%s%s%s%s%s%s%s", r->server_given ? r->server : "", r->server_given ? "/" : "", r->path, *tag ? ":" : "", tag,
                 r->digest[0] ? "@" : "", r->digest);
}

const char *dockerref_from_uuid(const char *uuid) { return str_starts(uuid, "docker:") ? uuid + 7 : uuid; }

void dockerref_server(const char *ref, char *buf, size_t n) {
        size_t len = server_length(ref);
        if (len)
                snprintf(buf, n, "%.*s", (int) len, ref);
        else
                snprintf(buf, n, "%s", DOCKERREF_DEFAULT_SERVER);
}
