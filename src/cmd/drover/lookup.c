#include "lookup.h"

#include <stdio.h>

#include "base/vec.h"
#include "net/http.h"

enum { DOCKER_ID_CHARS_MIN = 6, WORD_BYTES_MAX = 256 };

static const struct { const char *name, *plural, *prefix; } types_table[RES_TYPE_MAX] = {
        [RES_SERVICE] = { "service", "services", "s" },
        [RES_CONTAINER] = { "container", "containers", "i" },
        [RES_HOST] = { "host", "hosts", "h" },
        [RES_STACK] = { "stack", "stacks", "st" },
        [RES_PROJECT] = { "project", "projects", "a" },
        [RES_VOLUME] = { "volume", "volumes", "v" },
};
_Static_assert(ARRAY_LEN(types_table) == RES_TYPE_MAX, "one row per type");

const char *res_type_to_string(enum res_type t) {
        return (unsigned) t < RES_TYPE_MAX ? types_table[t].name : NULL;
}

const char *res_type_plural(enum res_type t) {
        return (unsigned) t < RES_TYPE_MAX ? types_table[t].plural : NULL;
}

int res_type_from_string(const char *s) {
        for (int t = 0; t < RES_TYPE_MAX; t++)
                if (str_ieq(s, types_table[t].name) || str_ieq(s, types_table[t].plural))
                        return t;
        return str_ieq(s, "environment") ? RES_PROJECT : -EINVAL;
}

int res_type_of(const struct json_object *resource) {
        const char *type = json_str(resource, "type", "");
        int t = res_type_from_string(type);
        if (t >= 0)
                return t;
        if (str_ends(type, "Service"))
                return RES_SERVICE;
        return str_eq(type, "virtualMachine") || str_eq(type, "instance") ? RES_CONTAINER : -EINVAL;
}

int res_type_of_id(const char *s) {
        if (s[0] != '1')
                return -EINVAL;
        size_t letters = strspn(s + 1, "abcdefghijklmnopqrstuvwxyz"), digits = strspn(s + 1 + letters, "0123456789");
        if (letters == 0 || digits == 0 || s[1 + letters + digits] != '\0')
                return -EINVAL;
        for (int t = 0; t < RES_TYPE_MAX; t++)
                if (strlen(types_table[t].prefix) == letters && memcmp(types_table[t].prefix, s + 1, letters) == 0)
                        return t;
        return -EINVAL;
}

char *lookup_collection(struct api *a, enum res_type t) {
        return t == RES_PROJECT ? dr_xstrdup("/projects") : api_project_path(a, "/%s", types_table[t].plural);
}

typedef VEC(struct json_object *) found_t;

static void found_done(found_t *f) {
        for (size_t i = 0; i < f->n; i++)
                json_free(f->v[i]);
        vec_done(f);
}

/* Adds the members of a listing that keep() takes. */
static int add_from(struct api *a, const char *path, bool (*keep)(const struct json_object *o, const char *word), const char *word,
                    found_t *f, struct dr_error *err) {
        AUTO(json_free) struct json_object *list = NULL;
        int r = api_list(a, path, &list, err);
        if (r < 0)
                return r;
        for (size_t i = 0; i < json_object_array_length(list); i++) {
                struct json_object *o = json_object_array_get_idx(list, i);
                if (!keep || keep(o, word))
                        vec_push(f, json_object_get(o));
        }
        return 0;
}

static bool host_is_called(const struct json_object *o, const char *word) {
        return str_eq(json_str(o, "name", NULL), word) || str_ieq(json_str(o, "hostname", ""), word);
}

static bool project_is_called(const struct json_object *o, const char *word) {
        return str_ieq(json_str(o, "name", ""), word);
}

static int add_by_name(struct api *a, enum res_type t, const char *word, found_t *f, struct dr_error *err) {
        auto_free char *collection = lookup_collection(a, t);
        auto_sbuf struct sbuf path = SBUF(4096);
        sbuf_puts(&path, collection);
        if (t == RES_PROJECT)
                sbuf_puts(&path, "?all=true");
        else if (t != RES_HOST) {
                sbuf_puts(&path, "?name=");
                http_escape(&path, word);
        }
        int r = add_from(a, sbuf_str(&path), t == RES_HOST ? host_is_called : t == RES_PROJECT ? project_is_called : NULL, word, f, err);
        if (r < 0 || t != RES_CONTAINER || f->n > 0)
                return r;
        size_t n = strlen(word);
        if (n < DOCKER_ID_CHARS_MIN || word[strspn(word, "0123456789abcdef")] != '\0')
                return 0;
        sbuf_reset(&path);
        sbuf_printf(&path, "%s?externalId_prefix=%s", collection, word);
        return add_from(a, sbuf_str(&path), NULL, NULL, f, err);
}

static int add_service_of_stack(struct api *a, const char *stack, const char *name, found_t *f, struct dr_error *err) {
        found_t stacks = { 0 };
        int r = 0;
        if (res_type_of_id(stack) == RES_STACK) {
                struct json_object *o = json_object_new_object();
                json_set_str(o, "id", stack);
                vec_push(&stacks, o);
        } else {
                r = add_by_name(a, RES_STACK, stack, &stacks, err);
        }
        for (size_t i = 0; r >= 0 && i < stacks.n; i++) {
                auto_free char *collection = lookup_collection(a, RES_SERVICE);
                auto_sbuf struct sbuf path = SBUF(4096);
                sbuf_printf(&path, "%s?stackId=%s&name=", collection, json_str(stacks.v[i], "id", ""));
                http_escape(&path, name);
                r = add_from(a, sbuf_str(&path), NULL, NULL, f, err);
        }
        found_done(&stacks);
        return r;
}

static int fail_none(const char *word, unsigned types, struct dr_error *err) {
        auto_sbuf struct sbuf names = SBUF(200);
        for (int t = 0; t < RES_TYPE_MAX; t++)
                if (types & BIT(t))
                        sbuf_printf(&names, "%s%s", names.len ? ", " : "", t == RES_PROJECT ? "environment" : types_table[t].name);
        return dr_fail(err, DR_E_NOT_FOUND, NULL, "nothing is called \"%.100s\" (looked for: %s)", word, sbuf_str(&names));
}

static int fail_several(const char *word, const found_t *f, struct dr_error *err) {
        auto_sbuf struct sbuf names = SBUF(300);
        for (size_t i = 0; i < f->n; i++)
                sbuf_printf(&names, "%s%s %s", i ? ", " : "", json_str(f->v[i], "type", "?"), json_str(f->v[i], "id", "?"));
        return dr_fail(err, DR_E_INVALID_REFERENCE, NULL, "\"%.100s\" names several things: %s: use an id%s", word, sbuf_str(&names),
                       res_type_of(f->v[0]) == RES_SERVICE ? " or STACK/SERVICE" : "");
}

static int lookup_by_id(struct api *a, const char *id, enum res_type t, struct json_object **ret, struct dr_error *err) {
        auto_free char *collection = lookup_collection(a, t), *path = dr_xasprintf("%s/%s", collection, id);
        return api_get(a, path, ret, err);
}

int lookup(struct api *a, const char *word, unsigned types, struct json_object **ret, struct dr_error *err) {
        found_t found = { 0 };
        int r = 0, by_id = res_type_of_id(word);

        if (strnlen(word, WORD_BYTES_MAX) == WORD_BYTES_MAX || !*word)
                return dr_fail(err, DR_E_INVALID_FORMAT, NULL, "a name has 1 to %d bytes", WORD_BYTES_MAX - 1);
        if (types & ~BIT(RES_PROJECT) && (r = api_project(a, NULL, err)) < 0)
                return r;
        if (by_id >= 0 && types & BIT(by_id)) {
                r = lookup_by_id(a, word, (enum res_type) by_id, ret, err);
                if (r != -ENOENT)
                        return r;
                r = 0;
        }
        const char *slash = strchr(word, '/');
        if (slash && types & BIT(RES_SERVICE)) {
                auto_free char *stack = dr_xstrndup(word, (size_t) (slash - word));
                r = add_service_of_stack(a, stack, slash + 1, &found, err);
        } else {
                for (int t = 0; r >= 0 && t < RES_TYPE_MAX; t++)
                        if (types & BIT(t))
                                r = add_by_name(a, (enum res_type) t, word, &found, err);
        }
        if (r >= 0 && found.n == 1)
                *ret = json_object_get(found.v[0]);
        else if (r >= 0)
                r = found.n == 0 ? fail_none(word, types, err) : fail_several(word, &found, err);
        found_done(&found);
        return r;
}
