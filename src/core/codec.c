/* codec.c: a record as a stored row and back.
 *
 * {"k":"container","s":"running","a":5,"c":1488450030000,"u":"…","f":{"name":"web-1",…},"r":{…}}: kind, state, account, created, uuid,
 * fields, run. Names, not numbers, so that a row outlives a change of the tables. A JSON value longer than blob_bytes_min() is
 * a row of its own, written once and named by {"$b":id}: a launch config costs its bytes once however many containers have it. */
#include "core-internal.h"

#include "base/log.h"
#include "formats/json.h"

enum { BLOB_BYTES_MIN = 256, SHARED_BYTES_MIN = 64 };  /* SHARED: values that many records have by design */

const char *table_name(enum type_id table) { return type_name(table); }
enum type_id table_by_name(const char *name) {
        enum type_id t = type_id_by_name(name);
        return t != T_NONE && type_base(t) == t ? t : T_NONE;
}

static uint32_t blob_bytes_min(enum field_id f) {
        return f == F_launchConfig || f == F_launchConfigText ? SHARED_BYTES_MIN : BLOB_BYTES_MIN;
}
static bool looks_like_blob(const struct text *t) { return str_starts(t->s, "{\"$b\":"); }

static int64_t blob_id(struct core *c, struct text *t, struct batch *b) {
        uintptr_t id = (uintptr_t) map_get(&c->blob_ids, (uint64_t) (uintptr_t) t);
        if (id)
                return (int64_t) id;
        id = (uintptr_t) c->next_blob_id++;
        map_set(&c->blob_ids, (uint64_t) (uintptr_t) text_ref(t), (void *) id);
        vec_push(&b->blobs, t);
        char *body = dr_xmalloc(t->len + 1u);
        memcpy(body, t->s, t->len + 1u);
        store_batch_add(b->rows, STORE_BLOB_PUT, "blob", (int64_t) id, 0, 0, body, t->len);
        return (int64_t) id;
}

static void encode_text(struct jw *w, const char *key, const struct text *t) {
        if (t)
                jw_kstring(w, key, t->s);
}

static void encode_run(struct jw *w, const struct run *run) {
        jw_key(w, "r");
        jw_begin_object(w);
        jw_kint(w, "id", run->id);
        jw_kstring(w, "p", process_get(run->process)->name);
        jw_kint(w, "at", run->attempts);
        jw_kint(w, "st", run->step);
        jw_kint(w, "t0", run->started_ms);
        jw_kint(w, "ra", run->run_after_ms);
        jw_kint(w, "dl", run->deadline_ms);
        encode_text(w, "d", run->data);
        encode_text(w, "ev", run->event);
        encode_text(w, "re", run->reply);
        encode_text(w, "er", run->error);
        jw_end(w);
}

void record_encode(struct core *c, const struct record *r, bool inlined, struct batch *b, struct sbuf *out) {
        char uuid[RECORD_UUID_MAX];
        struct jw w = JW(out, 0);
        jw_begin_object(&w);
        jw_kstring(&w, "k", type_name((enum type_id) r->kind));
        jw_kstring(&w, "s", state_name((enum state_id) r->state));
        if (r->account_id)
                jw_kint(&w, "a", r->account_id);
        jw_kint(&w, "c", r->created_ms);
        if (r->removed_ms)
                jw_kint(&w, "x", r->removed_ms);
        jw_kstring(&w, "u", record_uuid(r, uuid));
        jw_key(&w, "f");
        jw_begin_object(&w);
        for (unsigned i = 0; i < r->n; i++) {
                const struct slot *s = &r->slots[i];
                if (s->field == F_uuid)
                        continue;
                jw_key(&w, field_name((enum field_id) s->field));
                switch ((enum vtag) s->tag) {
                case V_NULL:  jw_null(&w); break;
                case V_BOOL:  jw_bool(&w, s->b); break;
                case V_INT:   jw_int(&w, s->i); break;
                case V_FLOAT: jw_double(&w, s->f); break;
                case V_STR:   jw_stringn(&w, s->t->s, s->t->len); break;
                case V_JSON:
                        if (inlined || (s->t->len < blob_bytes_min((enum field_id) s->field) && !looks_like_blob(s->t))) {
                                jw_raw(&w, s->t->s, s->t->len);
                        } else {
                                jw_begin_object(&w);
                                jw_kint(&w, "$b", blob_id(c, s->t, b));
                                jw_end(&w);
                        }
                        break;
                }
        }
        jw_end(&w);
        if (r->run)
                encode_run(&w, r->run);
        jw_end(&w);
}

static struct text *decode_text(struct json_object *o, const char *key) {
        const char *s = json_str(o, key, NULL);
        return s ? text_get(s, strlen(s)) : NULL;
}

static struct run *decode_run(struct json_object *o) {
        enum process_id p = process_by_name(json_str(o, "p", ""));
        if (p == P_NONE)
                return NULL;
        struct run *run = dr_xnew(struct run);
        run->id = json_int(o, "id", 0);
        run->process = (uint16_t) p;
        run->attempts = (uint16_t) json_int(o, "at", 0);
        run->step = (uint8_t) json_int(o, "st", 0);
        run->started_ms = json_int(o, "t0", 0);
        run->run_after_ms = json_int(o, "ra", 0);
        run->deadline_ms = json_int(o, "dl", 0);
        run->data = decode_text(o, "d");
        run->event = decode_text(o, "ev");
        run->reply = decode_text(o, "re");
        run->error = decode_text(o, "er");
        return run;
}

static struct text *blob_text(struct core *c, struct json_object *o) {
        struct json_object *id = json_get(o, "$b");
        if (!id || json_object_object_length(o) != 1)
                return NULL;
        return text_ref(map_get(&c->loaded_blobs, (uint64_t) json_object_get_int64(id)));
}

static struct value decode_value(struct core *c, struct json_object *o) {
        switch (json_object_get_type(o)) {
        case json_type_boolean: return value_bool(json_object_get_boolean(o));
        case json_type_int:     return value_int(json_object_get_int64(o));
        case json_type_double:  return value_float(json_object_get_double(o));
        case json_type_string:  return value_str(json_object_get_string(o));
        case json_type_object: {
                struct text *t = blob_text(c, o);
                if (t)
                        return (struct value) { .tag = V_JSON, .t = t };
                return value_json(o);
        }
        case json_type_array:   return value_json(o);
        default:                return value_null();
        }
}

int record_decode(struct core *c, const char *table, int64_t id, const char *body, size_t len, struct record **ret,
                  struct dr_error *err) {
        AUTO(json_free) struct json_object *o = NULL;
        int k = json_parse(body, len, len, &o, err);
        if (k < 0)
                return dr_prefix(err, k, "stored row %s %lld", table, (long long) id);
        enum type_id type = table_by_name(table), kind = type_id_by_name(json_str(o, "k", ""));
        enum state_id state = state_by_name(json_str(o, "s", ""));
        if (type == T_NONE || kind == T_NONE || type_base(kind) != type || state == S_NONE)
                return dr_fail(err, DR_E_INVALID_FORMAT, NULL, "stored row %s %lld has an unknown type or state", table, (long long) id);
        struct record *r = record_new(type, kind, id);
        r->state = (uint16_t) state;
        r->account_id = json_int(o, "a", 0);
        r->created_ms = json_int(o, "c", 0);
        r->removed_ms = json_int(o, "x", 0);
        record_set_uuid(r, json_str(o, "u", ""));
        struct json_object *fields = json_get_object(o, "f");
        if (fields) {
                json_object_object_foreach(fields, key, v) {
                        enum field_id f = field_by_name(key, strlen(key));
                        if (f == F_NONE)
                                log_warning("stored field is unknown and dropped", "table", table, "field", key, NULL);
                        else
                                record_put(r, f, decode_value(c, v));
                }
        }
        struct json_object *run = json_get_object(o, "r");
        if (run)
                r->run = decode_run(run);
        *ret = r;
        return 0;
}

int core_decode_history(struct core *c, const char *table, int64_t id, const char *body, size_t len, struct record **ret, struct dr_error *err) {
        if (memmem(body, len, "\"$b\":", 5))
                map_foreach(&c->blob_ids, s)
                        map_set(&c->loaded_blobs, (uint64_t) (uintptr_t) s->value, (void *) (uintptr_t) s->key);
        int r = record_decode(c, table, id, body, len, ret, err);
        map_done(&c->loaded_blobs);
        return r;
}
