#include "core/health_checks.h"
#include "encode.h"

#include <stdio.h>

#include "access.h"
#include "core/settings.h"
#include "fields.h"
#include "model/encode.h"

/* A field without a value: booleans that cannot be null have one all the same (api.md 1.3). */
static void encode_absent(struct jw *w, const struct api_req *req, const struct field_def *f) {
        if (f->type->kind == FK_BOOL && !field_nullable(f, req->role)) {
                if (f->rule->default_json)
                        jw_raw(w, f->rule->default_json, strlen(f->rule->default_json));
                else
                        jw_bool(w, false);
        } else {
                jw_null(w);
        }
}

/* What hosts say of pulls and the like ends in a percentage ("pulling x: 40%"); -1: it does not. */
static int percent_of(const char *message) {
        const char *end = message ? strrchr(message, '%') : NULL, *p = end;
        int n = 0;
        while (p && p > message && p[-1] >= '0' && p[-1] <= '9' && end - p < 4)
                p--;
        if (!end || p == end)
                return -1;
        for (; p < end; p++)
                n = n * 10 + (*p - '0');
        return n <= 100 ? n : -1;
}

static void encode_field(struct api_req *req, struct jw *w, const struct record *r, const struct field_def *f) {
        enum field_id id = (enum field_id) f->id;
        char uuid[RECORD_UUID_MAX];
        jw_key(w, field_name(id));
        switch (id) {
        case F_state:
                jw_string(w, state_name(field_state(req, r)));
                return;
        case F_kind: {
                auto_value struct value v = field_scalar(req, r, F_kind);
                value_write(w, req->version, req->role, false, f->type, v);
                return;
        }
        case F_uuid:
                jw_string(w, record_uuid(r, uuid));
                return;
        case F_transitioning:
                jw_string(w, core_transitioning(r));
                return;
        case F_transitioningMessage:
                jw_string(w, core_transitioning_message(api_core(req), r));
                return;
        case F_transitioningProgress: {
                int percent = percent_of(str_eq(core_transitioning(r), "yes") ? core_transitioning_message(api_core(req), r) : NULL);
                if (percent < 0)
                        jw_null(w);
                else
                        jw_int(w, percent);
                return;
        }
        default:
                break;
        }
        if (field_compute(req, r, f, w))
                return;
        if ((f->read_on_create_only & BIT(req->role)) && (req->method != VERB_POST || req->action)) {
                jw_null(w);             /* told once, in the answer that made it */
                return;
        }
        struct field_read x = field_read(req, r, id);
        if (x.o)
                value_write_json(w, req->version, req->role, false, f->type, x.o);
        else if (x.v.tag == V_NULL)
                encode_absent(w, req, f);
        else
                value_write(w, req->version, req->role, false, f->type, x.v);
        if (f->type->kind == FK_DATE && x.v.tag == V_INT) {
                char name[96];
                snprintf(name, sizeof name, "%sTS", field_name(id));
                jw_kint(w, name, x.v.i);
        }
}

/* ---- links and actions ---- */
static bool link_shown(struct api_req *req, const struct record *r, const struct link_def *l) {
        switch (l->kind) {
        case LINK_REFERENCE: {
                struct field_read x = field_read(req, r, l->field);
                int64_t id = x.o ? json_object_get_int64(x.o) : x.v.tag == V_INT ? x.v.i : 0;
                return id > 0 && (l->target == T_NONE || api_visible_type(req, l->target));
        }
        case LINK_CHILD: case LINK_MAP:
                return api_visible_type(req, l->target) != NULL;
        case LINK_SPECIAL:
                if (str_eq(l->name, "registrationUrl"))
                        return r->state == S_active;
                if (r->type == T_auditLog)
                        return record_has(r, str_eq(l->name, "resource") ? F_resourceId : F_authenticatedAsIdentityId);
                if (str_eq(l->name, "config"))
                        return false;           /* only machines that drover made have one */
                return true;
        default:
                return false;
        }
}

static void encode_links(struct api_req *req, struct jw *w, const struct record *r, const struct type_def *def, const char *self) {
        jw_key(w, "links");
        jw_begin_object(w);
        jw_kstring(w, "self", self);
        for (unsigned i = 0; i < def->n_links; i++) {
                const struct link_def *l = &def->links[i];
                if (!link_shown(req, r, l))
                        continue;
                if (str_eq(l->name, "hostStats") && r->type == T_account) {     /* the doubled prefix: api.md 5.4 */
                        char id[ID_TEXT_MAX];
                        (void) id_format(req->version, T_account, r->id, id);
                        jw_kstring(w, l->name, arena_printf(&req->arena, "%s/%s/projects/%s/projects/%s/hoststats", req->base,
                                                            api_version_to_string(req->version), id, id));
                        continue;
                }
                if (l->kind == LINK_SPECIAL && str_eq(l->name, "registrationUrl")) {    /* the address itself, as the field (api.md 2.6) */
                        jw_kstring(w, l->name, registration_field(req, r, F_registrationUrl));
                        continue;
                }
                jw_kstring(w, l->name, arena_printf(&req->arena, "%s/%s", self, arena_lower(&req->arena, l->name)));
        }
        jw_end(w);
}

static bool list_has(const char *list, const char *word) {
        size_t n = strlen(word);
        for (const char *p = list; p && *p; p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL) {
                p += strspn(p, " ");
                if (strncmp(p, word, n) == 0 && (p[n] == ',' || !p[n] || p[n] == ' '))
                        return true;
        }
        return false;
}

bool capability(struct api_req *req, const struct record *r, const char *name) {
        if (!name)
                return true;
        if (str_eq(name, "modifyInfra"))
                return list_has(setting_get(api_core(req), "modify.infrastructure.roles"), role_name(req->role));
        if (str_eq(name, "console"))
                return r->kind == T_virtualMachine;
        bool everything = req->all_accounts || req->role == ROLE_admin || req->role == ROLE_superadmin || req->role == ROLE_service;
        const char *member = r->kind == T_project && req->caller ? api_member_role(req, req->caller, r) : NULL;
        if (str_eq(name, "owner"))
                return everything || req->role == ROLE_owner || str_eq(member, "owner");
        if (str_eq(name, "setMembers"))
                return everything || req->role == ROLE_owner ||
                       (member && list_has(setting_get(api_core(req), "project.set.member.roles"), member));
        return false;
}

static bool state_allows(struct api_req *req, const struct record *r, enum process_id p) {
        const struct process_def *def = process_get(p);
        enum state_id s = (enum state_id) r->state;
        if (def->state_field != F_state) {
                const char *text = record_str(r, def->state_field);
                s = text ? state_by_name(text) : S_NONE;
        }
        return s != S_NONE && process_edge(def, s, NULL, NULL);
}

/* Actions of system objects need an infra role; so does a shell where it would give more than the container (api.md 2.2). */
static bool role_allows(struct api_req *req, const struct record *r, const struct action_def *a) {
        bool shell = r->type == T_instance && (str_eq(a->name, "execute") || str_eq(a->name, "proxy"));
        if ((!shell && !access_is_system(r)) || capability(req, r, "modifyInfra"))
                return true;
        if (access_is_system(r))
                return r->type == T_instance && str_eq(a->name, "logs");
        struct json_object *caps = field_read(req, r, F_capAdd).o;
        auto_value struct value privileged = field_scalar(req, r, F_privileged);
        bool mighty = record_int(r, F_agentId) || (privileged.tag == V_BOOL && privileged.b) ||
                      (caps && json_object_is_type(caps, json_type_array) && json_object_array_length(caps));
        return !mighty || str_eq(setting_get(api_core(req), "allow.restricted.user.exec"), "true");
}

/* Snapshots are for volumes whose driver has them (storage.md 2). */
static bool driver_allows(const struct record *r, const char *action) {
        if (r->type != T_volume || (!str_eq(action, "snapshot") && !str_eq(action, "reverttosnapshot") && !str_eq(action, "restorefrombackup")))
                return true;
        struct json_object *list = record_json(r, F_capabilities);
        for (size_t i = 0; list && i < json_object_array_length(list); i++)
                if (str_eq(json_object_get_string(json_object_array_get_idx(list, i)), "snapshot"))
                        return true;
        return false;
}

bool action_offered(struct api_req *req, const struct record *r, const struct type_def *def, const struct action_def *a) {
        if (!action_visible(a, req->role) || str_eq(a->name, "restore") || r->removed_ms || (r->type == T_processInstance && record_has(r, F_endTime)))
                return false;
        enum process_id p = process_by_action((enum type_id) r->type, a->name);
        if (p != P_NONE && !state_allows(req, r, p))
                return false;
        if (a->states) {
                const uint16_t *s = a->states;
                while (*s != S_NONE && *s != r->state)
                        s++;
                if (*s == S_NONE)
                        return false;
        }
        return role_allows(req, r, a) && capability(req, r, a->capability) && driver_allows(r, a->name);
}

static void encode_actions(struct api_req *req, struct jw *w, const struct record *r, const struct type_def *def, const char *self) {
        jw_key(w, req->action_links ? "actionLinks" : "actions");
        jw_begin_object(w);
        for (unsigned i = 0; i < def->n_actions; i++)
                if (action_offered(req, r, def, &def->actions[i]))
                        jw_kstring(w, def->actions[i].name, arena_printf(&req->arena, "%s/?action=%s", self, def->actions[i].name));
        jw_end(w);
}

/* Not in any schema, but there (api.md 3.3). */
static void encode_health_checks(struct api_req *req, struct jw *w, const struct record *r) {
        char id[ID_TEXT_MAX];
        struct health_check l[HEALTH_CHECKERS];
        size_t n = health_checks_get(r, l);
        if (!n)
                return;
        jw_key(w, "healthcheckStates");
        jw_begin_array(w);
        for (size_t k = 0; k < n; k++) {
                jw_begin_object(w);
                jw_kstring(w, "type", "healthcheckState");
                jw_kstring(w, "hostId", id_format(req->version, T_host, l[k].host_id, id));
                jw_kstring(w, "healthState", health_check_state_to_string((int) l[k].state));
                jw_end(w);
        }
        jw_end(w);
}

bool encode_record(struct api_req *req, struct jw *w, const struct record *r,
                   void (*extra)(struct api_req *req, struct jw *w, const struct record *r, void *arg), void *arg) {
        const struct type_def *def = api_type_of(req, r);
        if (!def)
                return false;
        api_saw(req, r->seq);
        bool was = id_set_plain(req->plain_ids);
        char id[ID_TEXT_MAX];
        const char *self = api_url_record(req, r, def);
        const struct type_def *parent = def->parent == T_NONE ? NULL : type_get(req->version, def->parent);
        bool named = r->type == T_setting || r->type == T_activeSetting;
        jw_begin_object(w);
        jw_kstring(w, "id", named ? record_name(r) : id_format(req->version, (enum type_id) r->type, r->id, id));
        jw_kstring(w, "type", named ? "activeSetting" : def->name);
        jw_kstring(w, "baseType", named ? "setting" : parent ? parent->name : def->name);
        encode_links(req, w, r, def, self);
        encode_actions(req, w, r, def, self);
        for (unsigned i = 0; i < def->n_fields; i++) {
                const struct field_def *f = &def->fields[i];
                if (f->id != F_id && f->id != F_type && field_visible(f, req->role) && (f->flags & FF_IN_LIST))
                        encode_field(req, w, r, f);
        }
        if (r->type == T_instance && req->version == API_V2_BETA)
                encode_health_checks(req, w, r);
        if (extra)
                extra(req, w, r, arg);
        jw_end(w);
        (void) id_set_plain(was);
        return true;
}
