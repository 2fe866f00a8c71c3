/* dispatch.c: from path and method to the operation (spec api.md 1.1, 1.6). */
#include "access.h"
#include "change.h"
#include "collection.h"
#include "history.h"
#include "schemas.h"
#include "types/types.h"

#include "encode.h"

static void not_found(struct api_req *req) { api_fail_code(req, DR_E_NOT_FOUND, NULL); }
static void wrong_method(struct api_req *req) { api_fail_code(req, DR_E_METHOD, NULL); }

static void history_found(struct api_req *req, struct record *r) {
        if (r && access_sees(req, r))
                record_reply(req, r, 200);
        else
                not_found(req);
}

static void get_one(struct api_req *req, const struct type_def *def) {
        struct record *r = access_get(req, def, req->seg[1]);
        int64_t id;
        if (r) {
                const struct type_hooks *h = type_hooks_of(req->version, (enum type_id) r->kind);
                if (h->on_get && h->on_get(req, r))
                        return;
                record_reply(req, r, 200);
        } else if (def->base != T_setting && id_decode_number(req->seg[1], strlen(req->seg[1]), req->plain_ids, &id) == 0) {
                api_saw(req, world_table_seq(api_world(req), def->base));
                history_get(req, def->base, id, history_found);         /* removed, but not purged yet */
        } else {
                not_found(req);
        }
}

/* May this role do so with things of the type, or of one of its kinds? */
static bool some_allow(const struct type_def *def, const struct api_req *req, unsigned need) {
        bool allow = type_methods(def, req->role) & need;
        for (size_t i = 0; i < def->n_children && !allow; i++) {
                const struct type_def *child = type_get(req->version, (enum type_id) def->children[i]);
                allow = child && some_allow(child, req, need);
        }
        return allow;
}

static void one(struct api_req *req, const struct type_def *def) {
        const struct type_hooks *h = type_hooks_of(req->version, def->id);
        struct dr_error err;
        if (h->on_item && req->method == VERB_POST && req->action && !type_action(def, req->action)) {
                (void) dr_fail(&err, DR_E_INVALID_ACTION, "action", "%s has no action \"%.64s\"", def->name, req->action);
                api_fail(req, &err);
                return;
        }
        if (h->on_item) {               /* types without records */
                int k = h->on_item(req, def, req->seg[1], &err);
                if (k < 0 && k != -ENOSYS)
                        api_fail(req, &err);
                if (k != -ENOSYS)
                        return;
        }
        if (req->method == VERB_GET) {
                if (type_methods(def, req->role) & TM_GET)
                        get_one(req, def);
                else
                        wrong_method(req);
                return;
        }
        if (req->method == VERB_POST) {
                if (req->action)
                        action_reply(req, def, req->seg[1], req->action);
                else
                        wrong_method(req);
                return;
        }
        if (def->base == T_setting && req->method == VERB_PUT) {        /* a setting need not be stored to be set */
                if (!(type_methods(def, req->role) & TM_UPDATE))
                        wrong_method(req);
                else if (setting_put(req, req->seg[1], &err) < 0)
                        api_fail(req, &err);
                return;
        }
        struct record *r = access_get(req, def, req->seg[1]);
        unsigned need = req->method == VERB_PUT ? TM_UPDATE : TM_DELETE;
        if (!r || !access_changes(req, r)) {
                if (some_allow(def, req, need))
                        not_found(req);
                else
                        wrong_method(req);
                return;
        }
        const struct type_def *shown = api_type_of(req, r);
        if ((type_methods(shown ? shown : def, req->role) & need) && access_check_infra(req, r, &err) < 0)
                api_fail(req, &err);
        else if (req->method == VERB_PUT)
                update_reply(req, shown ? shown : def, r);
        else
                remove_reply(req, shown ? shown : def, r);
}

static void follow_record(struct api_req *req, struct record *r) {
        if (r && !access_sees(req, r))
                r = NULL;
        const struct type_def *shown = r ? api_type_of(req, r) : NULL;
        const struct link_def *l = shown ? type_link(shown, req->seg[2], strlen(req->seg[2])) : NULL;
        struct dr_error err;
        if (!l) {
                not_found(req);
                return;
        }
        api_saw(req, r->seq);
        if (l->kind == LINK_SPECIAL) {
                const struct type_hooks *h = type_hooks_of(req->version, (enum type_id) r->kind);
                int k = req->method != VERB_GET ? dr_fail(&err, DR_E_METHOD, NULL, "link %s is only read", l->name)
                        : h->on_link ? h->on_link(req, r, l, &err) : -ENOSYS;
                if (k == -ENOSYS)
                        k = dr_fail(&err, DR_E_NOT_FOUND, NULL, "link %s leads nowhere", l->name);
                if (k < 0)
                        api_fail(req, &err);
                return;
        }
        const struct type_def *target = l->target == T_NONE ? NULL : api_visible_type(req, l->target);
        if (l->kind == LINK_REFERENCE) {
                struct record_list rows = { 0 };
                link_rows(req, r, l, &rows);
                struct record *to = rows.n ? rows.v[0] : NULL;
                vec_done(&rows);
                if (req->method != VERB_GET)
                        wrong_method(req);
                else if (to && access_sees(req, to))
                        record_reply(req, to, 200);
                else
                        not_found(req);
        } else if (!target) {
                not_found(req);
        } else if (req->method == VERB_GET) {
                collection_reply_link(req, r, l);
        } else if (req->method == VERB_POST && l->kind == LINK_CHILD) {
                create_reply(req, target, l->field, r->id);
        } else {
                wrong_method(req);
        }
}

static void follow(struct api_req *req, const struct type_def *def) {
        struct record *r = access_get(req, def, req->seg[1]);
        int64_t id;
        if (r || req->method != VERB_GET || def->base == T_setting || id_decode_number(req->seg[1], strlen(req->seg[1]), req->plain_ids, &id) < 0)
                follow_record(req, r);
        else
                history_get(req, def->base, id, follow_record);         /* of a removed one, or a process that has ended */
}

static void all(struct api_req *req, const struct type_def *def) {
        const struct type_hooks *h = type_hooks_of(req->version, def->id);
        if (req->method == VERB_POST && req->action)
                api_fail_code(req, DR_E_INVALID_ACTION, "action");
        else if (req->method == VERB_POST)
                create_reply(req, def, F_NONE, 0);
        else if (req->method != VERB_GET || !(type_methods(def, req->role) & TM_LIST))
                wrong_method(req);
        else if (!h->on_list || !h->on_list(req, def))
                collection_reply(req, def);
}

static void documentation(struct api_req *req) {
        if (req->method != VERB_GET)
                wrong_method(req);
        else if (req->n_seg == 1)
                documentation_reply_all(req);
        else if (req->n_seg == 2)
                documentation_reply(req, req->seg[1]);
        else
                not_found(req);
}

/* What cannot be an id is not found before anything else is asked of it (spec api.md 1.6). Settings have any name. */
static bool is_id(const struct api_req *req, const struct type_def *def) {
        const char *name;
        size_t len;
        int64_t id;
        return def->base == T_setting || def->id == T_typeDocumentation || id_decode(req->seg[1], strlen(req->seg[1]), req->plain_ids, &name, &len, &id) == 0;
}

void api_dispatch(struct api_req *req) {
        const struct api_special *s = api_special_of(req);
        if (req->method == VERB_HEAD)
                req->method = VERB_GET;
        if (s) {
                s->fn(s->arg, req);
                return;
        }
        if (req->method != VERB_GET && req->method != VERB_POST && req->method != VERB_PUT && req->method != VERB_DELETE) {
                wrong_method(req);
                return;
        }
        if (req->n_seg == 0) {
                if (req->method != VERB_GET)
                        wrong_method(req);
                else if (str_eq(req->url, req->base) || str_eq(req->self, req->base))
                        versions_reply(req);
                else
                        version_reply(req);
                return;
        }
        if (str_ieq(req->seg[0], "schemas") || str_ieq(req->seg[0], "schema")) {
                if (req->method != VERB_GET)
                        wrong_method(req);
                else if (req->n_seg == 1)
                        schemas_reply_all(req);
                else if (req->n_seg == 2)
                        schemas_reply(req, req->seg[1]);
                else
                        not_found(req);
                return;
        }
        const struct type_def *def = type_by_name(req->version, req->seg[0], strlen(req->seg[0]));
        if (!def || !type_visible(def, req->role) || req->n_seg > 3 || (req->n_seg > 1 && !is_id(req, def)))
                not_found(req);
        else if (def->id == T_typeDocumentation)
                documentation(req);
        else if (req->n_seg == 1)
                all(req, def);
        else if (req->n_seg == 2)
                one(req, def);
        else
                follow(req, def);
}
