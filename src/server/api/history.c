#include "history.h"

#include "base/log.h"

struct reading {
        struct api_req *req;
        enum type_id table;
        enum history_wish (*row)(void *arg, struct record *r);
        void (*done)(void *arg, int result);
        bool descending, enough;
        unsigned chunk, limit;          /* rows that came with this question; that were asked for */
        size_t looked_at;
        int64_t last_id;
        int64_t caller, agent;          /* ids: both may be removed while the store reads */
        void (*one)(struct api_req *req, struct record *r);
        struct record *found;
        void *arg;
};

/* Tables whose rows are history from birth. */
static bool is_log(enum type_id table) {
        return table == T_processInstance || table == T_processExecution || table == T_taskInstance || table == T_auditLog || table == T_serviceLog;
}

bool history_wanted(const struct api_req *req, const struct type_def *def) {
        return req->api->conf.store && !req->internal && (is_log(def->base) || req->removed);
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

/* The last execution of a finished run, out of the same row: with a log when it failed. */
static struct record *execution_of(int64_t id, int64_t account, struct json_object *o) {
        struct record *r = record_new(T_processExecution, T_processExecution, id);
        AUTO(json_free) struct json_object *log = json_object_new_object();
        r->account_id = account;
        r->created_ms = json_int(o, "t0", 0);
        json_set_str(log, "name", json_str(o, "p", ""));
        json_set_int(log, "resourceId", json_int(o, "ri", 0));
        json_set_str(log, "resourceType", json_str(o, "rt", ""));
        json_set_str(log, "exitReason", json_str(o, "xr", ""));
        json_set_int(log, "startTime", json_int(o, "t0", 0));
        json_set_int(log, "stopTime", json_int(o, "t1", 0));
        if (json_str(o, "er", NULL))
                json_set_str(log, "exception", json_str(o, "er", NULL));
        record_put(r, F_processInstanceId, value_int(id));
        record_put(r, F_log, value_json(log));
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
        else if (x->table == T_processExecution)
                r = execution_of(id, account, o);
        else if (is_log(x->table))
                r = log_of(x->table, id, account, o);
        return api_keep(x->req, r);
}

static bool caller_is_there(struct reading *x) {
        struct api_req *req = x->req;
        struct world *w = api_world(req);
        if ((!req->caller || world_get(w, T_account, x->caller) == req->caller) && (!req->agent || world_get(w, T_agent, x->agent) == req->agent))
                return true;
        req->caller = req->agent = NULL;
        return false;
}

static void on_row(void *arg, const char *table, int64_t id, int64_t account, const char *body, size_t len) {
        struct reading *x = arg;
        x->chunk++;
        x->last_id = id;
        if (x->enough || !caller_is_there(x)) {
                x->enough = true;
                return;
        }
        struct record *r = decode(x, table, id, account, body, len);
        if (r && x->row) {
                enum history_wish wish = x->row(x->arg, r);
                x->enough = wish == HISTORY_ENOUGH;
                if (wish == HISTORY_DROP) {             /* it was the last kept one */
                        record_free(x->req->made.v[--x->req->made.n]);
                        r = NULL;
                }
        }
        x->found = r;
}

static void read_rows(struct reading *x, int64_t id);

static void on_done(void *arg, int result, const char *message) {
        struct reading *x = arg;
        if (result < 0)
                log_warning("could not read history", "table", type_name(x->table), "reason", str_or(message, ""), NULL);
        x->looked_at += x->chunk;
        if (!caller_is_there(x)) {
                x->enough = true;
                x->found = NULL;
                result = result ? result : -ECANCELED;
        }
        bool more = result == 0 && !x->one && !x->enough && x->chunk == x->limit && x->looked_at < HISTORY_READ_MAX && x->req->http;
        if (more)
                read_rows(x, 0);
        else if (x->one)
                x->one(x->req, x->found);
        else
                x->done(x->arg, result);
}

static void read_rows(struct reading *x, int64_t id) {
        x->caller = x->req->caller ? x->req->caller->id : 0;
        x->agent = x->req->agent ? x->req->agent->id : 0;
        struct store *s = x->req->api->conf.store;
        bool all = x->req->all_accounts || x->one;      /* one row: the caller checks whose it is */
        struct store_history_query q = {
                .table = type_name(x->table == T_processExecution ? T_processInstance : x->table), .id = id, .account_id = all ? 0 : x->req->account_id, .after_id = x->last_id,
                .descending = x->descending, .limit = x->limit,
        };
        x->chunk = 0;
        s->ops->history(s, &q, on_row, on_done, x);
}

void history_list(struct api_req *req, enum type_id table, bool descending, enum history_wish (*row)(void *arg, struct record *r),
                  void (*done)(void *arg, int result), void *arg) {
        struct reading *x = arena_alloc(&req->arena, sizeof *x);
        *x = (struct reading) { .req = req, .table = table, .row = row, .done = done, .arg = arg, .descending = descending, .limit = STORE_HISTORY_LIMIT_MAX };
        read_rows(x, 0);
}

/* What just left memory is in the store once its batch is durable: not looked for before. */
static void on_stored(void *arg, int result) {
        struct reading *x = arg;
        int64_t id = x->last_id;
        x->last_id = 0;
        if (result < 0 || !caller_is_there(x))
                x->one(x->req, NULL);
        else
                read_rows(x, id);
}

void history_get(struct api_req *req, enum type_id table, int64_t id, void (*done)(struct api_req *req, struct record *r)) {
        if (!req->api->conf.store || req->internal) {
                done(req, NULL);
                return;
        }
        struct reading *x = arena_alloc(&req->arena, sizeof *x);
        *x = (struct reading) { .req = req, .table = table, .one = done, .limit = 1, .last_id = id, .caller = req->caller ? req->caller->id : 0, .agent = req->agent ? req->agent->id : 0 };
        core_output_after(api_core(req), world_table_seq(api_world(req), table), on_stored, x);
}
