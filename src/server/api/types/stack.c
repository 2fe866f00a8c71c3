/* Stacks (spec api.md 1.8, 3.6; orchestration.md 1.2; compose.md 8, 9). What their text says is done by server/compose/executor.h. */
#include "formats/compose.h"
#include "formats/zip.h"
#include "model/names.h"
#include "server/api/change.h"
#include "server/api/encode.h"
#include "server/compose/executor.h"
#include "server/compose/export.h"
#include "types.h"

static bool is_live(const struct record *r) {
        return !r->removed_ms && r->state != S_removing && r->state != S_removed && r->state != S_purging && r->state != S_purged;
}

static int check_texts(const struct field_values *values, struct dr_error *err) {
        static const enum field_id texts[] = { F_dockerCompose, F_rancherCompose };
        for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
                const struct value *v = field_values_get(values, texts[i]);
                if (v && v->tag == V_STR && v->t->len > COMPOSE_TEXT_MAX)
                        return dr_fail(err, DR_E_MAX_LENGTH, field_name(texts[i]), "%s is longer than %d bytes", field_name(texts[i]), COMPOSE_TEXT_MAX);
        }
        return 0;
}

int stack_validate(struct api_req *req, const struct type_def *def, struct field_values *values, struct record *old, struct dr_error *err) {
        (void) def;
        int r = check_texts(values, err);
        if (r < 0)
                return r;
        const struct value *system = field_values_get(values, F_system);
        if (system && system->tag == V_BOOL && system->b && !capability(req, NULL, "modifyInfra"))
                return dr_fail(err, DR_E_FORBIDDEN, NULL, "role %s may not make system stacks", role_name(req->role));
        const struct value *name = field_values_get(values, F_name);
        if (!name || name->tag != V_STR)
                return 0;
        r = name_check_stack(name->t->s, "name", err);
        if (r < 0)
                return r;
        int64_t account = old ? old->account_id : req->account_id;
        const struct records *l = world_by_text(api_world(req), T_stack, F_name, name->t);
        for (size_t i = 0; i < l->n; i++)
                if (l->v[i] != old && l->v[i]->account_id == account && is_live(l->v[i]))
                        return dr_fail(err, DR_E_NOT_UNIQUE, "name", "there is a stack \"%s\" already", name->t->s);
        return 0;
}

/* Each service of the stack that can do it begins the process; those that cannot are left as they are. */
static void each_service(struct api_req *req, const struct record *stack, enum process_id p) {
        struct core *c = api_core(req);
        struct record_ids { int64_t *v; size_t n, cap; } ids = { 0 };   /* starting one may change the index */
        const struct records *l = world_by_int(api_world(req), T_service, F_stackId, stack->id);
        for (size_t i = 0; i < l->n; i++)
                vec_push(&ids, l->v[i]->id);
        for (size_t i = 0; i < ids.n; i++) {
                struct record *s = world_get(api_world(req), T_service, ids.v[i]);
                if (s && core_process_allowed(s, p))
                        (void) core_process_start(c, s, p, NULL, NULL);
        }
        vec_done(&ids);
}

/* All or nothing: one service in a state that cannot be left stops it (api.md 3.6). */
static int deactivate_services(struct api_req *req, const struct record *stack, struct dr_error *err) {
        const struct records *l = world_by_int(api_world(req), T_service, F_stackId, stack->id);
        for (size_t i = 0; i < l->n; i++) {
                const struct record *s = l->v[i];
                if (is_live(s) && s->state != S_inactive && s->state != S_deactivating && !core_process_allowed(s, P_service_deactivate))
                        return dr_fail(err, DR_E_INVALID_STATE, NULL, "service \"%s\" is in state %s", record_name(s), state_name((enum state_id) s->state));
        }
        each_service(req, stack, P_service_deactivate);
        return 0;
}

/* The work goes on in the name of whoever asked for it, with no more rights than that. */
static void remember(struct api_req *req, struct record *stack) {
        executor_remember(api_core(req), stack, req->caller ? req->caller->id : 0, req->all_accounts || !req->project_id ? ROLE_owner : req->role);
}

void stack_create_hook(struct api_req *req, struct record *r, const struct field_values *values) {
        (void) values;
        remember(req, r);
}

int stack_remove_hook(struct api_req *req, struct record *r, struct dr_error *err) {
        return driver_services_check_unused(req, r, err) < 0 ? -EBUSY : -ENOSYS;
}

static void add_outputs(struct api_req *req, struct record *r, const struct field_values *in) {
        const struct value *outputs = field_values_get(in, F_outputs);
        AUTO(json_free) struct json_object *all = record_json(r, F_outputs) ? json_copy(record_json(r, F_outputs)) : json_object_new_object();
        struct json_object *more = outputs && outputs->tag == V_JSON ? text_json(outputs->t) : NULL;
        if (more && json_object_is_type(more, json_type_object)) {
                json_object_object_foreach(more, key, v)
                        json_object_object_add(all, key, json_object_get(v));
        }
        core_put(api_core(req), r, F_outputs, value_json(all));
}

static int export_config(struct api_req *req, const struct record *r, const struct field_values *in, struct dr_error *err) {
        const struct value *ids = field_values_get(in, F_serviceIds);
        auto_free char *docker = NULL, *rancher = NULL;
        int k = stack_export(req, r, ids && ids->tag == V_JSON ? text_json(ids->t) : NULL, &docker, &rancher, err);
        if (k < 0)
                return k;
        struct jw w = JW(&req->out, JSON_ESCAPE_SLASH);
        jw_begin_object(&w);
        jw_kstring(&w, "type", "composeConfig");
        jw_kstring(&w, "baseType", "composeConfig");
        jw_key(&w, "links");
        jw_begin_object(&w);
        jw_end(&w);
        jw_key(&w, "actions");
        jw_begin_object(&w);
        jw_end(&w);
        jw_kstring(&w, "dockerComposeConfig", docker);
        jw_kstring(&w, "rancherComposeConfig", rancher);
        jw_end(&w);
        api_reply(req, 200);
        return 1;
}

int stack_link(struct api_req *req, struct record *r, const struct link_def *l, struct dr_error *err) {
        auto_free char *docker = NULL, *rancher = NULL;
        if (!str_eq(l->name, "composeConfig"))
                return -ENOSYS;
        int k = stack_export(req, r, NULL, &docker, &rancher, err);
        if (k < 0)
                return k;
        const struct zip_file files[] = { { "docker-compose.yml", docker, strlen(docker) }, { "rancher-compose.yml", rancher, strlen(rancher) } };
        zip_write(&req->out, files, ARRAY_LEN(files));
        req->content_type = "application/zip";
        req->html = false;
        api_header_add(req, "Content-Disposition", "attachment; filename=compose.zip");
        api_reply(req, 200);
        return 1;
}

int stack_action(struct api_req *req, struct record *r, const struct action_def *a, struct field_values *in, struct dr_error *err) {
        static const char *const processes[] = { "upgrade", "finishupgrade", "cancelupgrade", "rollback" };
        int k;
        for (size_t i = 0; i < ARRAY_LEN(processes); i++)
                if (str_eq(a->name, processes[i])) {
                        if ((k = check_texts(in, err)) < 0)
                                return k;
                        remember(req, r);
                        return -ENOSYS;         /* the process of that name */
                }
        if (str_eq(a->name, "exportconfig"))
                return export_config(req, r, in, err);
        if (str_eq(a->name, "activateservices"))
                each_service(req, r, P_service_activate);
        else if (str_eq(a->name, "deactivateservices"))
                return deactivate_services(req, r, err);
        else if (str_eq(a->name, "addoutputs"))
                add_outputs(req, r, in);
        else
                return -ENOSYS;
        return 0;
}
