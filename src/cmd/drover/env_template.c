#include "env_template.h"

#include <fcntl.h>

#include "formats/catalog.h"
#include "formats/yaml.h"
#include "read_fd.h"

#define CATALOG_SCHEME "catalog://"

int env_template_find(struct cli *c, const char *word, struct json_object **ret) {
        AUTO(json_free) struct json_object *list = NULL;
        int r = api_list(c->api, "/projectTemplates", &list, &c->err);
        if (r < 0)
                return r;
        struct json_object *found = NULL;
        for (size_t i = 0; i < json_object_array_length(list); i++) {           /* by id: the newest comes last */
                struct json_object *t = json_object_array_get_idx(list, i);
                if (str_eq(json_str(t, "id", NULL), word)) {
                        found = t;
                        break;
                }
                if (str_ieq(json_str(t, "name", ""), word))
                        found = t;
        }
        if (!found) {
                c->hint = "drover env templates lists those there are";
                return dr_fail(&c->err, DR_E_NOT_FOUND, NULL, "there is no environment template \"%.200s\"", word);
        }
        *ret = json_object_get(found);
        return 0;
}

int env_template_read(struct cli *c, const char *file, struct json_object **ret) {
        auto_free char *text = NULL;
        size_t n;
        int r = fd_read_path(file, ENV_TEMPLATE_FILE_BYTES_MAX, &text, &n, &c->err);
        return r < 0 ? r : catalog_project_parse(text, n, file, ret, &c->err);
}

static bool is_going(const struct json_object *resource) {
        const char *state = json_str(resource, "state", "");
        return str_eq(state, "removing") || str_eq(state, "removed") || str_eq(state, "purged") || str_eq(state, "purging");
}

static int entry_of(struct cli *c, struct json_object *stack, struct json_object *entry) {
        static const char *const same[] = { "name", "description", "binding" };
        for (size_t i = 0; i < ARRAY_LEN(same); i++)
                if (json_get(stack, same[i]))
                        json_set(entry, same[i], json_object_get(json_get(stack, same[i])));
        struct json_object *answers = json_get_object(stack, "environment");
        if (answers && json_object_object_length(answers))
                json_set(entry, "answers", json_object_get(answers));
        const char *external_id = json_str(stack, "externalId", "");
        if (str_starts(external_id, CATALOG_SCHEME)) {
                json_set_str(entry, "templateVersionId", external_id + strlen(CATALOG_SCHEME));
                return 0;
        }
        AUTO(json_free) struct json_object *config = NULL, *body = json_object_new_object();
        int r = api_action(c->api, stack, "exportconfig", body, &config, &c->err);
        if (r < 0)
                return dr_prefix(&c->err, r, "stack \"%s\"", json_str(stack, "name", ""));
        json_set_str(entry, "dockerCompose", json_str(config, "dockerComposeConfig", ""));
        json_set_str(entry, "rancherCompose", json_str(config, "rancherComposeConfig", ""));
        return 0;
}

int env_template_of(struct cli *c, const struct json_object *project, struct json_object **ret) {
        AUTO(json_free) struct json_object *list = NULL, *out = json_object_new_array();
        auto_free char *path = dr_xasprintf("/projects/%s/stacks", json_str(project, "id", ""));
        int r = api_list(c->api, path, &list, &c->err);
        for (size_t i = 0; r >= 0 && i < json_object_array_length(list); i++) {
                struct json_object *stack = json_object_array_get_idx(list, i);
                if (!json_bool(stack, "system", false) || is_going(stack))
                        continue;
                struct json_object *entry = json_object_new_object();
                json_object_array_add(out, entry);
                r = entry_of(c, stack, entry);
        }
        if (r >= 0)
                *ret = dr_take(out);
        return r < 0 ? r : 0;
}

static void copy_keys(const struct json_object *from, struct json_object *to, const char *const *keys) {
        for (; *keys; keys++) {
                struct json_object *v = json_get(from, *keys);
                bool empty = !v || (json_object_is_type(v, json_type_string) && json_object_get_string_len(v) == 0) ||
                             (json_object_is_type(v, json_type_object) && json_object_object_length(v) == 0);
                if (!empty)
                        json_set(to, *keys, json_object_get(v));
        }
}

char *env_template_yaml(const struct json_object *template) {
        static const char *const head[] = { "name", "description", NULL };
        static const char *const entry[] = { "name", "description", "templateId", "templateVersionId", "answers", "binding", "dockerCompose", "rancherCompose", NULL };
        AUTO(json_free) struct json_object *out = json_object_new_object();
        struct json_object *list = json_object_new_array(), *stacks = json_get_array(template, "stacks");
        copy_keys(template, out, head);
        json_set(out, "stacks", list);
        for (size_t i = 0; stacks && i < json_object_array_length(stacks); i++) {
                struct json_object *e = json_object_new_object();
                copy_keys(json_object_array_get_idx(stacks, i), e, entry);
                json_object_array_add(list, e);
        }
        auto_sbuf struct sbuf b = SBUF(ENV_TEMPLATE_FILE_BYTES_MAX);
        yaml_write(out, 0, &b);
        return sbuf_steal(&b);
}
