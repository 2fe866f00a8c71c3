#include "entries.h"

#include <openssl/evp.h>
#include <sodium.h>

#include "core/core.h"
#include "formats/catalog.h"
#include "formats/json.h"
#include "model/infra.h"
#include "model/names.h"

static bool has_text(const struct json_object *e, const char *key) { return *json_str(e, key, "") != 0; }

static int check_id(const struct json_object *e, const char *key, bool version, struct catalog_id *ret, struct dr_error *err) {
        const char *text = json_str(e, key, "");
        if (catalog_id_parse(text, ret, NULL) < 0 || str_starts(text, "catalog://"))
                return dr_fail(err, DR_E_INVALID_FORMAT, key, "\"%.100s\" is no id of a template, such as library:infra*ipsec", text);
        if (version != (*ret->version != 0))
                return dr_fail(err, DR_E_INVALID_FORMAT, key, version ? "\"%.100s\" has no version at its end: that is a templateId" :
                               "\"%.100s\" has a version at its end: that is a templateVersionId", text);
        return 0;
}

/* One way to make the stack, and what it is called if nobody says. */
static int check_source(const struct json_object *e, size_t i, struct catalog_id *ret, struct dr_error *err) {
        bool inlined = has_text(e, "dockerCompose") || has_text(e, "rancherCompose");
        int ways = has_text(e, "templateId") + has_text(e, "templateVersionId") + inlined;
        if (ways == 0)
                return dr_fail(err, DR_E_MISSING_REQUIRED, "templateId", "entry %zu has neither templateId, templateVersionId nor dockerCompose", i + 1);
        if (inlined && ways > 1)
                return dr_fail(err, DR_E_INVALID_OPTION, "dockerCompose", "entry %zu has compose texts and a template too: one of them", i + 1);
        if (inlined)
                return has_text(e, "dockerCompose") ? 0 : dr_fail(err, DR_E_MISSING_REQUIRED, "dockerCompose", "entry %zu has rancherCompose alone", i + 1);
        int r = has_text(e, "templateId") ? check_id(e, "templateId", false, ret, err) : 0;
        if (r == 0 && has_text(e, "templateVersionId"))
                r = check_id(e, "templateVersionId", true, ret, err);
        return r;
}

static int check_entry(const struct json_object *e, size_t i, struct json_object **ret, struct dr_error *err) {
        struct catalog_id id = { 0 };
        if (!json_object_is_type(e, json_type_object))
                return dr_fail(err, DR_E_INVALID_FORMAT, "stacks", "entry %zu is no object", i + 1);
        int r = check_source(e, i, &id, err);
        if (r < 0)
                return r;
        const char *name = has_text(e, "name") ? json_str(e, "name", "") : id.folder;
        if (!*name)
                return dr_fail(err, DR_E_MISSING_REQUIRED, "name", "entry %zu has no name", i + 1);
        if ((r = name_check_stack(name, "name", err)) < 0)
                return r;
        AUTO(json_free) struct json_object *copy = json_copy(e);
        json_set_str(copy, "name", name);
        json_object_object_del(copy, "stackId");
        json_object_object_del(copy, "problem");
        *ret = dr_take(copy);
        return 0;
}

int entries_check(const struct json_object *stacks, struct json_object **ret, struct dr_error *err) {
        AUTO(json_free) struct json_object *list = json_object_new_array();
        size_t n = json_object_is_type(stacks, json_type_array) ? json_object_array_length(stacks) : 0;
        if (n > ENTRIES_MAX)
                return dr_fail(err, DR_E_MAX_LIMIT, "stacks", "%zu stacks are more than %d", n, ENTRIES_MAX);
        for (size_t i = 0; i < n; i++) {
                struct json_object *e = NULL;
                int r = check_entry(json_object_array_get_idx(stacks, i), i, &e, err);
                if (r < 0)
                        return r;
                json_object_array_add(list, e);
                for (size_t k = 0; k < i; k++)
                        if (str_eq(json_str(json_object_array_get_idx(list, k), "name", ""), json_str(e, "name", "")))
                                return dr_fail(err, DR_E_NOT_UNIQUE, "name", "two entries are called \"%.63s\"", json_str(e, "name", ""));
        }
        *ret = dr_take(list);
        return 0;
}

void entries_take(struct core *c, struct record *project, const struct record *template) {
        struct infra_kind kind = { 0 };
        infra_kind_add_entries(&kind, record_json(template, F_stacks));
        core_put_int(c, project, F_projectTemplateId, template->id);
        core_put(c, project, F_templateEntries, value_json(record_json(template, F_stacks)));
        core_put_str(c, project, F_orchestration, infra_orchestration(&kind));
        core_put_bool(c, project, F_virtualMachine, kind.virtual_machine);
}

void entries_inline_id(const struct json_object *entry, char ret[INLINE_ID_CHARS + 1]) {
        auto_free char *text = dr_xasprintf("%s%s", json_str(entry, "dockerCompose", ""), json_str(entry, "rancherCompose", ""));
        unsigned char sum[EVP_MAX_MD_SIZE];
        unsigned n = 0;
        int ok = EVP_Digest(text, strlen(text), sum, &n, EVP_md5(), NULL);
        assert(ok == 1 && n == INLINE_ID_CHARS / 2);
        sodium_bin2hex(ret, INLINE_ID_CHARS + 1, sum, n);
}

struct json_object *entries_environment(const struct json_object *entry) {
        struct json_object *out = json_object_new_object(), *answers = json_get_object(entry, "answers");
        if (!answers)
                return out;
        json_object_object_foreach(answers, key, v)
                json_set_str(out, key, v ? json_object_get_string(v) : "");
        return out;
}
