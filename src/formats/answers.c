#include "answers.h"

#include "json.h"
#include "yaml.h"

#include <stdio.h>

char *answers_text(const struct json_object *value) {
        if (!value)
                return dr_xstrdup("");
        if (json_object_is_type(value, json_type_string))
                return dr_xstrdup(json_object_get_string((struct json_object *) value));
        auto_sbuf struct sbuf b = SBUF(ANSWERS_BYTES_MAX);
        json_write(value, 0, &b);
        return sbuf_steal(&b);
}

static int map_parse(const char *name, const char *text, size_t n, struct json_object *o, struct dr_error *err) {
        AUTO(yarena_free) struct yarena *a = yarena_new(SIZE_MAX / 2);
        struct yaml_options options = { .size_max = ANSWERS_BYTES_MAX, .duplicate_keys = true };       /* JSON is YAML too */
        struct ynode *root;
        struct dr_error e = { 0 };
        if (yaml_parse(a, text, n, &options, &root, &e) < 0)
                return dr_fail(err, e.code, NULL, "%.80s: %s", name, e.message);
        if (root->kind != YNODE_MAP && root->kind != YNODE_NULL)
                return dr_fail(err, DR_E_INVALID_FORMAT, NULL, "%.80s: a map of variables is expected, not a %s", name, ynode_kind_to_string(root->kind));
        for (size_t i = 0; root->kind == YNODE_MAP && i < root->map.n; i++) {
                const struct ynode *key = root->map.v[i].key, *value = root->map.v[i].value;
                char buf[64];
                const char *shown;
                if (!ynode_is_scalar(value) || value->kind == YNODE_NULL)
                        return dr_fail(err, DR_E_INVALID_FORMAT, NULL,
                                       "%.80s:%u:%u: Environment variables must be of type string, bool, or int. Key %.60s is of type %s", name,
                                       value->line, value->column, key->text, ynode_kind_to_string(value->kind));
                ynode_scalar_text(value, buf, sizeof buf, &shown);
                if (value->kind == YNODE_FLOAT) {               /* 1200000.0 stays a plain number, as answers through the API do */
                        struct json_object *d = ynode_to_json(value);
                        auto_free char *plain = answers_text(d);
                        json_object_put(d);
                        json_set_str(o, key->text, plain);
                } else {
                        json_set_str(o, key->text, shown);
                }
        }
        return 0;
}

static void lines_parse(const char *text, size_t n, struct json_object *o) {
        for (const char *p = text, *end = text + n; p < end;) {
                const char *stop = memchr(p, '\n', (size_t) (end - p)), *next = stop ? stop + 1 : end;
                size_t len = (size_t) ((stop ? stop : end) - p);
                len -= len && p[len - 1] == '\r';
                const char *equals = memchr(p, '=', len);
                auto_free char *key = dr_xstrndup(p, equals ? (size_t) (equals - p) : len);
                auto_free char *value = equals ? dr_xstrndup(equals + 1, len - (size_t) (equals + 1 - p)) : dr_xstrdup("");
                if (*key)
                        json_set_str(o, key, value);
                p = next;
        }
}

int answers_parse(const char *name, const char *text, size_t n, struct json_object **ret, struct dr_error *err) {
        AUTO(json_free) struct json_object *o = json_object_new_object();
        if (n > ANSWERS_BYTES_MAX)
                return dr_fail(err, DR_E_TOO_LARGE, NULL, "%.80s is longer than %d bytes", name, ANSWERS_BYTES_MAX);
        if (memchr(text, 0, n))
                return dr_fail(err, DR_E_INVALID_FORMAT, NULL, "%.80s has bytes that are no text", name);
        if (str_ends(name, ".yml") || str_ends(name, ".yaml") || str_ends(name, ".json")) {
                int r = map_parse(name, text, n, o, err);
                if (r < 0)
                        return r;
        } else {
                lines_parse(text, n, o);
        }
        if (json_object_object_length(o) > ANSWERS_MAX)
                return dr_fail(err, DR_E_TOO_LARGE, NULL, "%.80s has more than %d variables", name, ANSWERS_MAX);
        *ret = dr_take(o);
        return 0;
}
