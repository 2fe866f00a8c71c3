#include "history.h"

#include "base/log.h"

struct reading {
        struct api_req *req;
        enum type_id table;
        void (*row)(void *arg, struct record *r);
        void (*done)(void *arg, int result);
        void (*one)(struct api_req *req, struct record *r);
        struct record *found;
        void *arg;
};

/* Tables whose rows are history from birth. */
static bool is_log(enum type_id table) { return table == T_processInstance || table == T_auditLog || table == T_serviceLog; }

bool history_wanted(const struct api_req *req, const struct type_def *def) {
        return req->api->conf.store && (is_log(def->base) || req->removed);
}

/* A finished run, as core's process.c writes it: short keys. */
static struct record *process_of(struct api_req *req, int64_t id, int64_t account, struct json_object *o) {
        struct record *r = record_new(T_processInstance, T_processInstance, id);
        enum type_id type = type_id_by_name(json_str(o, "rt", ""));
        char text[ID_TEXT_MAX];
        r->account_id = account;
        record_put(r, F_processName, value_str(json_str(o, "p", NULL)));
        record_put(r, F_resourceType, value_str(json_str(o, "rt", NULL)));
        if (type != T_NONE)
                record_put(r, F_resourceId, value_str(id_format(req->version, type, json_int(o, "ri", 0), text)));
        record_put(r, F_phase, value_str("DONE"));
        record_put(r, F_startTime, value_int(json_int(o, "t0", 0)));
        record_put(r, F_endTime, value_int(json_int(o, "t1", 0)));
        record_put(r, F_result, value_str(json_str(o, "re", NULL)));
        record_put(r, F_exitReason, value_str(json_str(o, "xr", NULL)));
        record_put(r, F_executionCount, value_int(json_int(o, "at", 0) + 1));
        return r;
}

static struct value value_of(struct json_object *o) {
        switch (json_object_get_type(o)) {
        case json_type_boolean: return value_bool(json_object_get_boolean(o));
        case json_type_int:     return value_int(json_object_get_int64(o));
        case json_type_double:  return value_float(json_object_get_double(o));
        case json_type_string:  return value_str(json_object_get_string(o));
        default:                return value_json(o);
        }
}

/* A log row: its keys are field names. */
static struct record *log_of(enum type_id table, int64_t id, int64_t account, struct json_object *o) {
        struct record *r = record_new(table, table, id);
        r->account_id = account;
        r->created_ms = json_int(o, "created", 0);
        json_object_object_foreach(o, key, v) {
                enum field_id f = field_by_name(key, strlen(key));
                if (f != F_NONE && f != F_id && f != F_created)
                        record_put(r, f, value_of(v));
        }
        return r;
}

static struct record *decode(struct reading *x, const char *table, int64_t id, int64_t account, const char *body, size_t len) {
        AUTO(json_free) struct json_object *o = NULL;
        struct dr_error err;
        struct record *r = NULL;
        int k = is_log(x->table) ? json_parse(body, len, len, &o, &err)
                                 : core_decode_history(api_core(x->req), table, id, body, len, &r, &err);
        if (k < 0) {
                log_warning("history row cannot be read", "table", table, "reason", err.message, NULL);
                return NULL;
        }
        if (x->table == T_processInstance)
                r = process_of(x->req, id, account, o);
        else if (is_log(x->table))
                r = log_of(x->table, id, account, o);
        return api_keep(x->req, r);
}

static void on_row(void *arg, const char *table, int64_t id, int64_t account, const char *body, size_t len) {
        struct reading *x = arg;
        struct record *r = decode(x, table, id, account, body, len);
        if (r && x->row)
                x->row(x->arg, r);
        x->found = r;
}

static void on_done(void *arg, int result, const char *message) {
        struct reading *x = arg;
        if (result < 0)
                log_warning("could not read history", "table", type_name(x->table), "reason", str_or(message, ""), NULL);
        if (x->one)
                x->one(x->req, x->found);
        else
                x->done(x->arg, result);
}

static void read_rows(struct api_req *req, struct reading *x, int64_t id, unsigned limit) {
        struct store *s = req->api->conf.store;
        bool all = req->all_accounts || x->one;         /* one row: the caller checks whose it is */
        struct store_history_query q = {
                .table = type_name(x->table), .id = id, .account_id = all ? 0 : req->account_id, .descending = true, .limit = limit,
        };
        s->ops->history(s, &q, on_row, on_done, x);
}

void history_list(struct api_req *req, enum type_id table, void (*row)(void *arg, struct record *r), void (*done)(void *arg, int result), void *arg) {
        struct reading *x = arena_alloc(&req->arena, sizeof *x);
        *x = (struct reading) { .req = req, .table = table, .row = row, .done = done, .arg = arg };
        read_rows(req, x, 0, STORE_HISTORY_LIMIT_MAX);
}

void history_get(struct api_req *req, enum type_id table, int64_t id, void (*done)(struct api_req *req, struct record *r)) {
        if (!req->api->conf.store) {
                done(req, NULL);
                return;
        }
        struct reading *x = arena_alloc(&req->arena, sizeof *x);
        *x = (struct reading) { .req = req, .table = table, .one = done };
        read_rows(req, x, id, 1);
}
