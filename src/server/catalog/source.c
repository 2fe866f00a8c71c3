#include "source.h"

#include <ctype.h>
#include <stdio.h>
#include <sys/stat.h>

#include "formats/json.h"

enum { VALUE_BYTES_MAX = 256 << 10 };

static void source_done(struct source *s) {
        free(s->name);
        free(s->url);
        free(s->branch);
        free(s->kind);
}

void sources_done(struct sources *s) {
        for (size_t i = 0; i < s->n; i++)
                source_done(&s->v[i]);
        vec_done(s);
}

const struct source *sources_get(const struct sources *s, const char *name) {
        for (size_t i = 0; i < s->n; i++)
                if (str_eq(s->v[i].name, name))
                        return &s->v[i];
        return NULL;
}

void sources_remove(struct sources *s, const char *name) {
        for (size_t i = 0; i < s->n; i++)
                if (str_eq(s->v[i].name, name)) {
                        source_done(&s->v[i]);
                        vec_remove_at(s, i);
                        return;
                }
}

static int by_name(const void *a, const void *b) { return strcmp(((const struct source *) a)->name, ((const struct source *) b)->name); }

void sources_add(struct sources *s, const char *name, const char *url, const char *branch, const char *kind) {
        vec_push(s, ((struct source) { dr_xstrdup(name), dr_xstrdup(url), dr_xstrdup(str_or(branch, "")), dr_xstrdup(str_or(kind, "")) }));
        vec_sort(s, by_name);
}

int source_check_name(const char *name, struct dr_error *err) {
        size_t n = strlen(name);
        if (!n || n > SOURCE_NAME_BYTES_MAX)
                return dr_fail(err, DR_E_INVALID_FORMAT, "name", "the name of a catalog has 1 to %d bytes", SOURCE_NAME_BYTES_MAX);
        for (const char *p = name; *p; p++)
                if ((unsigned char) *p <= ' ' || *p == 0x7f || strchr(":*/?#%\\", *p))
                        return dr_fail(err, DR_E_INVALID_CHARACTERS, "name",
                                       "the name of a catalog has no blanks and none of : * / ? # %% \\");
        return 0;
}

/* Like git check-ref-format, but narrower: nothing that git could take for an option or a range. */
int source_check_branch(const char *branch, struct dr_error *err) {
        size_t n = strlen(branch);
        bool good = n <= SOURCE_BRANCH_BYTES_MAX && *branch != '-' && *branch != '/' && *branch != '.' && !strstr(branch, "..") &&
                    !strstr(branch, "//") && !strstr(branch, "/.") && (!n || (branch[n - 1] != '/' && branch[n - 1] != '.'));
        for (const char *p = branch; *p && good; p++)
                good = isalnum((unsigned char) *p) || strchr("._/-+@#", *p);
        return good ? 0 : dr_fail(err, DR_E_INVALID_FORMAT, "branch", "\"%.100s\" cannot be the name of a branch", branch);
}

/* ---- reading the setting ---- */
/* v1.6.30 to v1.6-release, where the branch says ${RELEASE}. */
static char *expand_release(const char *branch, const char *version) {
        static const char word[] = "${RELEASE}";
        const char *at = strstr(branch, word);
        if (!at)
                return dr_xstrdup(branch);
        const char *dot = strchr(version, '.');
        size_t n = dot ? (size_t) (dot - version) + 1 + strspn(dot + 1, "0123456789") : 0;
        if (!n)
                return dr_xasprintf("%.*smaster%s", (int) (at - branch), branch, at + strlen(word));
        return dr_xasprintf("%.*s%s%.*s-release%s", (int) (at - branch), branch, *version == 'v' ? "" : "v", (int) n, version,
                            at + strlen(word));
}

static int add_checked(struct sources *s, const char *name, const char *url, const char *branch, const char *kind, const char *version,
                       struct dr_error *err) {
        auto_free char *full = expand_release(str_or(branch, ""), version);
        int r = source_check_name(name, err);
        if (r == 0 && s->n >= SOURCES_MAX)
                r = dr_fail(err, DR_E_TOO_LARGE, "catalog.url", "there are more than %d catalogs", SOURCES_MAX);
        if (r == 0 && sources_get(s, name))
                r = dr_fail(err, DR_E_NOT_UNIQUE, "name", "there are two of that name");
        if (r == 0 && (!url || !*url))
                r = dr_fail(err, DR_E_MISSING_REQUIRED, "url", "it has no url");
        if (r < 0)
                return dr_prefix(err, r, "catalog \"%.64s\"", name);
        sources_add(s, name, url, full, kind);
        return 0;
}

static int parse_list(const char *value, const char *version, struct sources *ret, struct dr_error *err) {
        int r = 0;
        for (const char *p = value; *p; ) {
                size_t n = strcspn(p, ",");
                const char *eq = memchr(p, '=', n);
                struct dr_error *first = r < 0 ? NULL : err;
                if (eq && eq > p) {
                        auto_free char *name = dr_xstrndup(p, (size_t) (eq - p)), *url = dr_xstrndup(eq + 1, n - (size_t) (eq - p) - 1);
                        int k = add_checked(ret, name, url, "master", "", version, first);
                        r = k < 0 ? k : r;
                } else if (n) {
                        r = dr_fail(first, DR_E_INVALID_FORMAT, "catalog.url", "\"%.*s\" is no NAME=URL", (int) MIN(n, (size_t) 100), p);
                }
                p += n + (p[n] == ',');
        }
        return r;
}

int sources_parse(const char *value, const char *server_version, struct sources *ret, struct dr_error *err) {
        value += strspn(value, " \t\r\n");
        if (*value != '{')
                return parse_list(value, server_version, ret, err);
        AUTO(json_free) struct json_object *o = NULL;
        int r = json_parse(value, strlen(value), VALUE_BYTES_MAX, &o, err);
        if (r < 0)
                return r;
        struct json_object *all = json_get_object(o, "catalogs");
        if (!all)
                return dr_fail(err, DR_E_INVALID_FORMAT, "catalog.url", "setting catalog.url has no object \"catalogs\"");
        json_object_object_foreach(all, name, one) {
                int k = add_checked(ret, name, json_str(one, "url", NULL), json_str(one, "branch", NULL), json_str(one, "kind", NULL),
                                    server_version, r < 0 ? NULL : err);
                r = k < 0 ? k : r;
        }
        return r;
}

struct json_object *sources_to_json(const struct sources *s) {
        struct json_object *o = json_object_new_object(), *all = json_object_new_object();
        json_set(o, "catalogs", all);
        for (size_t i = 0; i < s->n; i++) {
                struct json_object *one = json_object_new_object();
                json_set_str(one, "url", s->v[i].url);
                json_set_str(one, "branch", s->v[i].branch);
                json_set_str(one, "kind", s->v[i].kind);
                json_set(all, s->v[i].name, one);
        }
        return o;
}

/* ---- places ---- */
static bool is_git_folder(const char *dir) {
        struct stat st;
        auto_free char *dot = dr_xasprintf("%s/.git", dir), *head = dr_xasprintf("%s/HEAD", dir),
                       *objects = dr_xasprintf("%s/objects", dir);
        return stat(dot, &st) == 0 || (stat(head, &st) == 0 && S_ISREG(st.st_mode) && stat(objects, &st) == 0 && S_ISDIR(st.st_mode));
}

static int folder_kind(const char *dir, bool *ret_local, char **ret_where, struct dr_error *err) {
        if (*dir != '/')
                return dr_fail(err, DR_E_INVALID_FORMAT, "url", "folder \"%.200s\" is no absolute path", dir);
        *ret_local = true;
        bool git = is_git_folder(dir);
        *ret_where = git ? dr_xasprintf("file://%s", dir) : dr_xstrdup(dir);
        return git ? SOURCE_GIT : SOURCE_FOLDER;
}

int source_kind(const char *url, bool *ret_local, char **ret_where, struct dr_error *err) {
        static const struct { const char *scheme; bool local; } schemes[] = {
                { "https://", false }, { "http://", false }, { "git://", false }, { "ssh://", true }, { "git+ssh://", true },
        };
        size_t n = strlen(url);
        if (!n || n > SOURCE_URL_BYTES_MAX)
                return dr_fail(err, DR_E_INVALID_FORMAT, "url", "the url of a catalog has 1 to %d bytes", SOURCE_URL_BYTES_MAX);
        for (const char *p = url; *p; p++)
                if ((unsigned char) *p <= ' ' || *p == 0x7f)
                        return dr_fail(err, DR_E_INVALID_CHARACTERS, "url", "the url of a catalog has no blanks and no control characters");
        if (str_starts(url, "builtin:")) {
                *ret_local = false;
                *ret_where = dr_xstrdup(url + strlen("builtin:"));
                return SOURCE_BUILTIN;
        }
        if (*url == '/')
                return folder_kind(url, ret_local, ret_where, err);
        if (str_starts(url, "file://"))
                return folder_kind(url + strlen("file://"), ret_local, ret_where, err);
        for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
                const char *host = url + strlen(schemes[i].scheme);
                if (!str_starts(url, schemes[i].scheme))
                        continue;
                const char *at = memchr(host, '@', strcspn(host, "/"));
                host = at ? at + 1 : host;
                if (!*host || strchr("/-:", *host))
                        return dr_fail(err, DR_E_INVALID_FORMAT, "url", "\"%.100s\" names no host", url);
                *ret_local = schemes[i].local;
                *ret_where = dr_xstrdup(url);
                return SOURCE_GIT;
        }
        /* USER@HOST:PATH, which git takes for ssh. */
        size_t user = strcspn(url, "@:/"), host = url[user] == '@' ? strcspn(url + user + 1, "@:/") : 0;
        if (user && *url != '-' && host && url[user + 1] != '-' && url[user + 1 + host] == ':' && !strstr(url, "::")) {
                *ret_local = true;
                *ret_where = dr_xstrdup(url);
                return SOURCE_GIT;
        }
        return dr_fail(err, DR_E_INVALID_FORMAT, "url", "\"%.100s\" is neither a folder nor a git repository by https, http, git or ssh",
                       url);
}
