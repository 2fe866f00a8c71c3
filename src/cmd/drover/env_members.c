#include "env_members.h"

#include "net/http.h"

enum { PATH_BYTES_MAX = 4096 };

/* The identity of a person by login or name. */
static int identity_of(struct cli *c, const char *name, struct json_object **ret) {
        AUTO(json_free) struct json_object *list = NULL;
        auto_sbuf struct sbuf path = SBUF(PATH_BYTES_MAX);
        sbuf_puts(&path, "/identities?name=");
        http_escape(&path, name);
        int r = api_list(c->api, sbuf_str(&path), &list, &c->err);
        if (r < 0)
                return r;
        size_t n = json_object_array_length(list);
        if (n == 0)
                return dr_fail(&c->err, DR_E_NOT_FOUND, NULL, "there is no account \"%.100s\"", name);
        if (n > 1)
                return dr_fail(&c->err, DR_E_INVALID_REFERENCE, NULL, "%zu accounts are called \"%.100s\"", n, name);
        *ret = json_object_get(json_object_array_get_idx(list, 0));
        return 0;
}

static const char *number_of(const struct json_object *m) {     /* "1a7" and "7" are one account */
        const char *id = json_str(m, "externalId", "");
        return str_starts(id, "1a") ? id + 2 : id;
}

static bool is_same(const struct json_object *a, const struct json_object *b) {
        return str_eq(json_str(a, "externalIdType", ""), json_str(b, "externalIdType", "")) && str_eq(number_of(a), number_of(b));
}

static struct json_object *member_in(struct json_object *list, const struct json_object *who) {
        for (size_t i = 0; i < json_object_array_length(list); i++)
                if (is_same(json_object_array_get_idx(list, i), who))
                        return json_object_array_get_idx(list, i);
        return NULL;
}

static struct json_object *as_member(const struct json_object *who, const char *role) {
        struct json_object *m = json_object_new_object();
        json_set_str(m, "externalId", json_str(who, "externalId", ""));
        json_set_str(m, "externalIdType", json_str(who, "externalIdType", ""));
        json_set_str(m, "role", role);
        return m;
}

int env_members_add(struct cli *c, const char *const *words, size_t n, struct json_object *list) {
        for (size_t i = 0; i < n; i++) {
                AUTO(json_free) struct json_object *who = NULL;
                const char *eq = strrchr(words[i], '=');
                auto_free char *name = dr_xstrndup(words[i], eq ? (size_t) (eq - words[i]) : strlen(words[i]));
                int r = identity_of(c, name, &who);
                if (r < 0)
                        return r;
                struct json_object *there = member_in(list, who);
                if (there)
                        json_set_str(there, "role", eq ? eq + 1 : "member");
                else
                        json_object_array_add(list, as_member(who, eq ? eq + 1 : "member"));
        }
        return 0;
}

int env_members_drop(struct cli *c, const char *const *words, size_t n, struct json_object **list) {
        for (size_t i = 0; i < n; i++) {
                AUTO(json_free) struct json_object *who = NULL, *rest = json_object_new_array();
                int r = identity_of(c, words[i], &who);
                if (r < 0)
                        return r;
                if (!member_in(*list, who))
                        return dr_fail(&c->err, DR_E_NOT_FOUND, NULL, "\"%.100s\" is no member", words[i]);
                for (size_t k = 0; k < json_object_array_length(*list); k++) {
                        struct json_object *m = json_object_array_get_idx(*list, k);
                        if (!is_same(m, who))
                                json_object_array_add(rest, json_object_get(m));
                }
                json_object_put(*list);
                *list = dr_take(rest);
        }
        return 0;
}

int env_members_of(struct cli *c, const struct json_object *project, struct json_object **ret) {
        AUTO(json_free) struct json_object *list = NULL, *out = json_object_new_array();
        auto_free char *path = dr_xasprintf("/projects/%s/projectMembers", json_str(project, "id", ""));
        int r = api_list(c->api, path, &list, &c->err);
        if (r < 0)
                return r;
        for (size_t i = 0; i < json_object_array_length(list); i++) {
                struct json_object *m = json_object_array_get_idx(list, i);
                json_object_array_add(out, as_member(m, json_str(m, "role", "member")));
        }
        *ret = dr_take(out);
        return 0;
}
