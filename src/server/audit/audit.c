#include "audit.h"

#include <stdio.h>

#include "base/times.h"
#include "scrub.h"

enum { BODY_BYTES_MAX = 2 * AUDIT_OBJECT_BYTES_MAX * 2 + 4096 };        /* texts inside a text: quotes count twice */

static bool is_recorded(const struct type_def *def) {
        static const enum type_id never[] = { T_publish, T_subscribe, T_configContent, T_containerEvent, T_externalEvent, T_serviceEvent, T_userPreference,
                                              T_dynamicSchema, T_hostApiProxyToken, T_externalHandler, T_externalService };
        for (size_t i = 0; i < ARRAY_LEN(never); i++)
                if (def->id == never[i] || (def->parent != T_NONE && def->parent == never[i] && never[i] == T_externalEvent))
                        return false;
        return true;
}

/* The type as eventType has it: upstream kept older names (api.md 3, auditLog). */
static const char *event_type_name(const struct api_req *req, const struct type_def *def) {
        if (def->id == T_project)
                return "environment";
        return req->version == API_V1 && def->id == T_environment ? "stack" : def->name;
}

static const char *action_of(const struct api_req *req) {
        if (req->action)
                return req->action;
        return req->method == VERB_POST ? "create" : req->method == VERB_PUT ? "update" : "delete";
}

/* What the request is about: the record it answered with, else the one its path names. */
static void subject_of(const struct api_req *req, const struct type_def **def, int64_t *id) {
        if (req->subject_id) {
                const struct type_def *d = type_get(req->version, req->subject_kind);
                *def = d ? d : *def;
                *id = req->subject_id;
        } else if (req->n_seg > 1) {
                (void) id_decode_number(req->seg[1], strlen(req->seg[1]), req->plain_ids, id);
        }
}

/* The name in "NAME:PASSWORD". */
static const char *login_of(struct api_req *req) {
        const char *code = req->body ? json_str(req->body, "code", "") : "";
        return arena_printf(&req->arena, "login \"%.*s\"", (int) MIN(strcspn(code, ":"), (size_t) 64), code);
}

static void put_text(struct json_object *row, const char *key, struct json_object *o, const struct type_def *def) {
        auto_sbuf struct sbuf b = SBUF(AUDIT_OBJECT_BYTES_MAX);
        if (json_object_is_type(o, json_type_object)) {
                scrub(o, def);
                json_write(o, 0, &b);
        }
        json_set_str(row, key, sbuf_ok(&b) && b.len ? sbuf_str(&b) : sbuf_ok(&b) ? "{}" : "{\"tooLong\":true}");
}

static void put_answer(struct api_req *req, struct json_object *row, const struct type_def *def) {
        AUTO(json_free) struct json_object *o = NULL;
        if (req->out.len && req->out.len <= 2 * AUDIT_OBJECT_BYTES_MAX && !req->content_type &&
            json_parse(sbuf_str(&req->out), req->out.len, req->out.len, &o, NULL) < 0)
                o = NULL;
        if (json_object_is_type(o, json_type_object)) {
                json_object_object_del(o, "links");
                json_object_object_del(o, "actions");
        }
        put_text(row, "responseObject", o, def);
}

static void put_who(struct api_req *req, struct json_object *row, int64_t who) {
        char id[ID_TEXT_MAX];
        json_set_int(row, "authenticatedAsAccountId", who);
        auto_free char *identity = dr_xasprintf("rancher_id:%s", id_format(API_V2_BETA, T_account, who, id));
        json_set_str(row, "authenticatedAsIdentityId", identity);
        if (req->auth_type)
                json_set_str(row, "authType", req->auth_type);
}

/* Catalogs of environments are no records: they are in the part of the API that server/catalog answers. */
static bool is_catalog(const struct api_req *req) {
        return req->n_seg > 1 && str_eq(req->seg[0], "v1-catalog") && (str_ieq(req->seg[1], "catalogs") || str_ieq(req->seg[1], "catalog"));
}

void audit_request(struct api_req *req, int status) {
        bool catalog = is_catalog(req);
        const struct type_def *def = req->n_seg && !catalog ? type_by_name(req->version, req->seg[0], strlen(req->seg[0])) : NULL;
        bool change = req->method == VERB_POST || req->method == VERB_PUT || req->method == VERB_DELETE;
        if (!change || !req->caller || !(catalog || (def && is_recorded(def))))
                return;
        bool login = def && def->id == T_token;
        int64_t id = 0, who = req->caller->id, account = req->account_id;
        const struct type_def *shown = def;
        if (def)
                subject_of(req, &shown, &id);
        if (login) {                    /* the token account asks; who it is about is known when it fits */
                who = account = req->subject_id;
                shown = def;
                id = 0;
        }
        AUTO(json_free) struct json_object *row = json_object_new_object();
        char event[160];
        snprintf(event, sizeof event, "api.%s.%.64s", def ? event_type_name(req, req->n_seg < 3 ? def : shown) : "catalog", action_of(req));
        json_set_int(row, "created", core_wall_ms(api_core(req)));
        json_set_str(row, "eventType", event);
        json_set_str(row, "resourceType", def ? shown->name : "catalog");
        if (id > 0)
                json_set_int(row, "resourceId", id);
        if (who)
                put_who(req, row, who);
        else if (req->auth_type)
                json_set_str(row, "authType", req->auth_type);
        json_set_str(row, "clientIp", str_or(req->client_ip, ""));
        json_set_int(row, "responseCode", status);
        if (login)
                json_set_str(row, "description", req->method == VERB_DELETE ? "logout" : login_of(req));
        AUTO(json_free) struct json_object *asked = req->body ? json_copy(req->body) : NULL;
        put_text(row, "requestObject", asked, shown);
        put_answer(req, row, shown);
        struct sbuf b = SBUF(BODY_BYTES_MAX);
        json_write(row, 0, &b);
        size_t len = b.len;
        if (sbuf_ok(&b))
                (void) core_history(api_core(req), T_auditLog, account, sbuf_steal(&b), len);
        else
                sbuf_done(&b);
}
