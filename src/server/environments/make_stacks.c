#include "make_stacks.h"

#include <stdio.h>

#include "base/log.h"
#include "entries.h"
#include "formats/json.h"
#include "model/ids.h"
#include "server/api/internal.h"
#include "server/catalog/catalog.h"

static size_t list_len(const struct json_object *list) { return json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0; }

static bool holds(const struct json_object *ids, int64_t id) {
        for (size_t i = 0; i < list_len(ids); i++)
                if (json_object_get_int64(json_object_array_get_idx(ids, i)) == id)
                        return true;
        return false;
}

static void add_id(struct core *c, struct record *project, enum field_id f, int64_t id) {
        AUTO(json_free) struct json_object *ids = record_json(project, f) ? json_copy(record_json(project, f)) : json_object_new_array();
        if (holds(ids, id))
                return;
        json_object_array_add(ids, json_object_new_int64(id));
        core_put(c, project, f, value_json(ids));
}

static bool is_gone(const struct record *r) { return state_is_gone((enum state_id) r->state); }

static const struct record *stack_of(struct core *c, const struct record *project, const char *external_id) {
        const struct records *l = world_of_account(core_world(c), T_stack, project->id);
        for (size_t i = 0; i < l->n; i++)
                if (record_bool(l->v[i], F_system) && !is_gone(l->v[i]) && str_eq(record_str(l->v[i], F_externalId), external_id))
                        return l->v[i];
        return NULL;
}

/* What the entry's stack is made of: externalId and compose texts, put into body. */
static int resolve(struct catalogs *catalogs, const struct record *project, const struct json_object *entry, struct json_object *body, struct dr_error *err) {
        const char *pinned = json_str(entry, "templateVersionId", ""), *id = *pinned ? pinned : json_str(entry, "templateId", "");
        if (!*id) {
                char md5[INLINE_ID_CHARS + 1];
                entries_inline_id(entry, md5);
                json_set_str(body, "externalId", md5);
                json_set_str(body, "dockerCompose", json_str(entry, "dockerCompose", ""));
                json_set_str(body, "rancherCompose", json_str(entry, "rancherCompose", ""));
                return 0;
        }
        struct catalog_version v;
        int r = catalog_find(catalogs, project->id, id, *pinned ? "" : NULL, &v, err);
        if (r < 0)
                return r;
        if (!v.docker_compose)
                return dr_fail(err, DR_E_NOT_FOUND, NULL, "catalog entry \"%s\" has no docker-compose.yml", v.id);
        auto_free char *external_id = dr_xasprintf("catalog://%s", v.id);
        json_set_str(body, "externalId", external_id);
        json_set_str(body, "dockerCompose", v.docker_compose);
        json_set_str(body, "rancherCompose", str_or(v.rancher_compose, ""));
        return 0;
}

static int make_one(struct core *c, struct api *a, struct catalogs *catalogs, const struct record *project, const struct json_object *entry, int64_t *ret_id,
                    struct dr_error *err) {
        AUTO(json_free) struct json_object *body = json_object_new_object(), *made = NULL;
        int r = resolve(catalogs, project, entry, body, err);
        if (r < 0)
                return r;
        const struct record *there = stack_of(c, project, json_str(body, "externalId", ""));
        if (there) {
                *ret_id = there->id;
                return 0;
        }
        json_set_str(body, "name", json_str(entry, "name", ""));
        json_set_bool(body, "system", true);
        json_set(body, "environment", entries_environment(entry));
        if (*json_str(entry, "description", ""))
                json_set_str(body, "description", json_str(entry, "description", ""));
        if (json_get_object(entry, "binding"))
                json_set(body, "binding", json_copy(json_get(entry, "binding")));
        r = api_internal(a, &(struct api_caller) { project->id, project->id, ROLE_owner }, VERB_POST, "stacks", body, &made, err);
        if (r < 0)
                return r;
        const char *id = json_str(made, "id", "");
        return id_decode_number(id, strlen(id), false, ret_id) < 0 ? dr_fail(err, DR_E_INTERNAL, NULL, "the new stack has no id") : 0;
}

/* Why there is no stack, or what is wrong with it; NULL: nothing. Borrowed. */
static const char *problem_of(struct core *c, const struct json_object *entry) {
        int64_t id = json_int(entry, "stackId", 0);
        const struct record *stack = id ? world_get(core_world(c), T_stack, id) : NULL;
        if (!id)
                return json_str(entry, "problem", NULL);
        return stack && stack->state == S_error ? str_or(record_str(stack, F_transitioningMessage), "it is in state error") : NULL;
}

/* One line for people: the first entry that failed, and how many more. */
static void show_problems(struct core *c, struct record *project, const struct json_object *entries) {
        const struct json_object *first = NULL;
        size_t n = 0;
        for (size_t i = 0; i < list_len(entries); i++) {
                const struct json_object *e = json_object_array_get_idx(entries, i);
                if (!problem_of(c, e))
                        continue;
                first = first ? first : e;
                n++;
        }
        if (!first) {
                core_clear(c, project, F_transitioningState);
                core_clear(c, project, F_transitioningMessage);
                return;
        }
        char more[64] = "";
        if (n > 1)
                snprintf(more, sizeof more, " (and %zu more of its template)", n - 1);
        auto_free char *text = dr_xasprintf("could not make stack \"%s\" of the environment's template: %s%s", json_str(first, "name", ""),
                                            problem_of(c, first), more);
        core_put_str(c, project, F_transitioningState, "error");
        core_put_str(c, project, F_transitioningMessage, text);
}

static void try_entry(struct core *c, struct api *a, struct catalogs *catalogs, struct record *project, struct json_object *entry) {
        struct dr_error err;
        int64_t id;
        if (make_one(c, a, catalogs, project, entry, &id, &err) == 0) {
                json_set_int(entry, "stackId", id);
                json_object_object_del(entry, "problem");
                add_id(c, project, F_createdStackIds, id);
                return;
        }
        if (!str_eq(json_str(entry, "problem", NULL), err.message))
                log_warning("could not make a stack of an environment's template", "environment", record_name(project), "stack", json_str(entry, "name", ""),
                            "reason", err.message, NULL);
        json_set_str(entry, "problem", err.message);
}

static bool is_wanted(const struct json_object *e, bool again) { return !json_get(e, "stackId") && (again || !json_get(e, "problem")); }

static void try_all(struct core *c, struct api *a, struct catalogs *catalogs, struct record *project, bool again) {
        AUTO(json_free) struct json_object *entries = json_copy(record_json(project, F_templateEntries));
        for (size_t i = 0; i < list_len(entries); i++) {
                struct json_object *e = json_object_array_get_idx(entries, i);
                if (is_wanted(e, again))
                        try_entry(c, a, catalogs, project, e);
        }
        core_put(c, project, F_templateEntries, value_json(entries));
}

void make_stacks(struct core *c, struct api *a, struct catalogs *catalogs, struct record *project, bool again) {
        const struct json_object *entries = record_json(project, F_templateEntries);
        if (!entries)
                return;
        for (size_t i = 0; i < list_len(entries); i++)
                if (is_wanted(json_object_array_get_idx(entries, i), again)) {
                        try_all(c, a, catalogs, project, again);
                        break;
                }
        show_problems(c, project, record_json(project, F_templateEntries));
}

/* ---- start ---- */
bool make_stacks_waits(const struct record *project) {
        return list_len(record_json(project, F_createdStackIds)) > list_len(record_json(project, F_startedStackIds));
}

static bool has_host(struct core *c, const struct record *project) {
        const struct records *l = world_of_account(core_world(c), T_host, project->id);
        for (size_t i = 0; i < l->n; i++)
                if (l->v[i]->state == S_active)
                        return true;
        return false;
}

/* All its services are there and can be activated. */
static bool is_ready(struct core *c, const struct record *stack) {
        if (stack->state != S_active)
                return false;
        const struct records *l = world_by_int(core_world(c), T_service, F_stackId, stack->id);
        for (size_t i = 0; i < l->n; i++)
                if (l->v[i]->state == S_requested || l->v[i]->state == S_registering)
                        return false;
        return true;
}

void make_stacks_start(struct core *c, struct api *a, struct record *project) {
        if (!make_stacks_waits(project) || !has_host(c, project))
                return;
        AUTO(json_free) struct json_object *created = json_copy(record_json(project, F_createdStackIds));
        for (size_t i = 0; i < list_len(created); i++) {
                int64_t id = json_object_get_int64(json_object_array_get_idx(created, i));
                const struct record *stack = world_get(core_world(c), T_stack, id);
                if (holds(record_json(project, F_startedStackIds), id) || (stack && !is_gone(stack) && !is_ready(c, stack)))
                        continue;
                add_id(c, project, F_startedStackIds, id);
                if (!stack || is_gone(stack))
                        continue;
                char text[ID_TEXT_MAX];
                auto_free char *path = dr_xasprintf("stacks/%s?action=activateservices", id_format(API_V2_BETA, T_stack, id, text));
                struct dr_error err;
                if (api_internal(a, &(struct api_caller) { project->id, project->id, ROLE_owner }, VERB_POST, path, NULL, NULL, &err) < 0)
                        log_warning("could not start a stack of an environment's template", "environment", record_name(project), "stack", record_name(stack),
                                    "reason", err.message, NULL);
        }
}
