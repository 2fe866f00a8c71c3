#include "state.h"

#include "base/file.h"
#include "base/log.h"
#include "base/parse.h"
#include "base/times.h"
#include "node/json_view.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>

enum { STOP_TIMEOUT_S = 10, STOP_TIMEOUT_S_MAX = 86400, VERSION = 1 };

struct node_state *state_new(void) { return dr_xnew(struct node_state); }

static void entry_free(struct entry *e) {
        free(e->uuid);
        free(e->spec);
        free(e->docker_id);
        free(e->error);
        free(e);
}

void state_clear(struct node_state *s) {
        for (size_t i = 0; i < s->entries.n; i++)
                entry_free(s->entries.v[i]);
        vec_done(&s->entries);
        smap_done(&s->by_uuid);
        free(s->owner);
        free(s->project);
        *s = (struct node_state) { 0 };
}

struct node_state *state_free(struct node_state *s) {
        if (s) {
                state_clear(s);
                free(s);
        }
        return NULL;
}

struct entry *state_entry(const struct node_state *s, const char *uuid) { return smap_get(&s->by_uuid, uuid); }

struct entry *state_entry_of(const struct node_state *s, const char *docker_id) {
        for (size_t i = 0; i < s->entries.n; i++)
                if (s->entries.v[i]->docker_id && str_eq(s->entries.v[i]->docker_id, docker_id))
                        return s->entries.v[i];
        return NULL;
}

struct entry *state_entry_add(struct node_state *s, const char *uuid) {
        struct entry *e = state_entry(s, uuid);
        if (e || !*uuid || strlen(uuid) > STATE_UUID_MAX || s->entries.n >= STATE_CONTAINERS_MAX)
                return e;
        e = dr_xnew(struct entry);
        e->uuid = dr_xstrdup(uuid);
        e->stop_timeout_s = STOP_TIMEOUT_S;
        vec_push(&s->entries, e);
        smap_set(&s->by_uuid, e->uuid, e);
        return e;
}

void state_entry_remove(struct node_state *s, struct entry *e) {
        for (size_t i = 0; i < s->entries.n; i++)
                if (s->entries.v[i] == e) {
                        vec_remove_at(&s->entries, i);
                        break;
                }
        smap_del(&s->by_uuid, e->uuid);
        entry_free(e);
}

void entry_set_text(char **field, const char *value) {
        char *copy = dr_xstrdup(value);
        free(*field);
        *field = copy;
}

/* Text ----------------------------------------------------------------------------------------------------------- */

/* The numbers of a record, in the file and in memory. Numbers above 2^53 are written as text would be by others; json-c keeps 64 bits. */
static const struct { const char *key; size_t offset; } numbers[] = {
        { "gen", offsetof(struct record, gen) }, { "doneGen", offsetof(struct record, done_gen) }, { "madeGen", offsetof(struct record, made_gen) },
        { "intentGen", offsetof(struct record, intent_gen) }, { "intentPrevMs", offsetof(struct record, intent_prev_ms) },
        { "intentEngine", offsetof(struct record, intent_engine) }, { "startedGen", offsetof(struct record, started_gen) },
        { "endedGen", offsetof(struct record, ended_gen) }, { "failedGen", offsetof(struct record, failed_gen) },
        { "lostGen", offsetof(struct record, lost_gen) },
        { "seenEngine", offsetof(struct record, seen_engine) },
};

static void add_text(struct sbuf *out, const char *key, const char *value) {
        if (!value)
                return;
        sbuf_printf(out, ",\"%s\":", key);
        sbuf_json_string(out, value, strlen(value));
}

void state_format(const struct node_state *s, struct sbuf *out) {
        sbuf_printf(out, "{\"version\":%d,\"epoch\":%" PRIu64 ",\"rev\":%" PRIu64 ",\"engineData\":%" PRIu64, VERSION, s->epoch, s->rev, s->engine_data);
        add_text(out, "owner", s->owner);
        add_text(out, "project", s->project);
        sbuf_puts(out, ",\"containers\":[");
        for (size_t i = 0; i < s->entries.n; i++) {
                const struct entry *e = s->entries.v[i];
                sbuf_printf(out, "%s\n{\"want\":\"%s\",\"startOnce\":%s,\"stopTimeoutS\":%d", i ? "," : "", want_to_string(e->record.want),
                            e->record.start_once ? "true" : "false", e->stop_timeout_s);
                for (size_t k = 0; k < ARRAY_LEN(numbers); k++) {
                        uint64_t n;
                        memcpy(&n, (const char *) &e->record + numbers[k].offset, sizeof n);
                        if (n)
                                sbuf_printf(out, ",\"%s\":%" PRIu64, numbers[k].key, n);
                }
                add_text(out, "uuid", e->uuid);
                add_text(out, "dockerId", e->docker_id);
                add_text(out, "error", e->error);
                if (e->spec)
                        sbuf_printf(out, ",\"spec\":%s", e->spec);
                sbuf_putc(out, '}');
        }
        sbuf_puts(out, "\n]}\n");
}

static uint64_t number_of(json_object *o, const char *key) {
        json_object *v = jv_get(o, key);
        return v && json_object_is_type(v, json_type_int) ? json_object_get_uint64(v) : 0;
}

static char *text_of(json_object *o, const char *key) { return *jv_str(o, key) ? dr_xstrdup(jv_str(o, key)) : NULL; }

static int entry_parse(json_object *o, struct node_state *s, struct dr_error *err) {
        const char *uuid = jv_str(o, "uuid");
        int want = want_from_string(jv_str(o, "want"));
        int64_t timeout_s = jv_i64(o, "stopTimeoutS");
        if (want < 0 || timeout_s < 0 || timeout_s > STOP_TIMEOUT_S_MAX)
                return dr_fail(err, DR_E_INVALID_FORMAT, "containers", "container \"%s\" has no usable want or stopTimeoutS", uuid);
        if (state_entry(s, uuid))
                return dr_fail(err, DR_E_NOT_UNIQUE, "containers", "container \"%s\" is there twice", uuid);
        struct entry *e = state_entry_add(s, uuid);
        if (!e)
                return dr_fail(err, DR_E_INVALID_FORMAT, "containers", "container \"%.140s\" has no usable uuid, or there are too many", uuid);
        e->record.want = (enum want) want;
        e->record.start_once = jv_bool(o, "startOnce");
        e->stop_timeout_s = (int) timeout_s;
        for (size_t k = 0; k < ARRAY_LEN(numbers); k++) {
                uint64_t n = number_of(o, numbers[k].key);
                memcpy((char *) &e->record + numbers[k].offset, &n, sizeof n);
        }
        e->docker_id = text_of(o, "dockerId");
        e->record.foreign = e->docker_id != NULL;
        e->error = text_of(o, "error");
        json_object *spec = jv_obj(o, "spec");
        e->spec = spec ? dr_xstrdup(jv_print(spec)) : NULL;
        return 0;
}

int state_parse(const char *buf, size_t len, struct node_state **ret, struct dr_error *err) {
        AUTO(jv_put) json_object *o = jv_parse(buf, len, STATE_BYTES_MAX, err);
        if (!o && err && err->code != DR_OK)
                return -EINVAL;
        if (!o || !json_object_is_type(o, json_type_object))
                return dr_fail(err, DR_E_INVALID_FORMAT, NULL, "it is no JSON object");
        if (number_of(o, "version") != VERSION)
                return dr_fail(err, DR_E_INVALID_FORMAT, "version", "its version is not %d", VERSION);
        AUTO(state_free) struct node_state *s = state_new();
        s->epoch = number_of(o, "epoch");
        s->rev = number_of(o, "rev");
        s->engine_data = number_of(o, "engineData");
        s->owner = text_of(o, "owner");
        s->project = text_of(o, "project");
        json_object *list = jv_arr(o, "containers");
        for (size_t i = 0; i < jv_len(list); i++) {
                int r = entry_parse(jv_at(list, i), s, err);
                if (r < 0)
                        return r;
        }
        *ret = dr_take(s);
        return 0;
}

/* Files ---------------------------------------------------------------------------------------------------------- */

int state_load(const char *path, struct node_state **ret, struct dr_error *err) {
        auto_free char *text = NULL;
        size_t len = 0;
        struct dr_error why = { 0 };
        int r = file_read(path, STATE_BYTES_MAX, &text, &len, &why);
        if (r == -ENOENT) {
                *ret = state_new();
                return 0;
        }
        if (r < 0 && why.code != DR_E_TOO_LARGE) {
                if (err)
                        *err = why;
                return r;
        }
        if (r == 0)
                r = state_parse(text, len, ret, &why);
        if (r == 0)
                return 0;
        auto_free char *aside = dr_xasprintf("%s.corrupt-%" PRId64, path, time_wall_ms());
        if (rename(path, aside) < 0)
                return dr_fail(err, DR_E_INTERNAL, NULL, "state file \"%s\" cannot be read (%.200s) and could not be set aside: %m", path, why.message);
        log_error("state file cannot be read; it was set aside and the server's next snapshot is awaited", "file", path, "kept", aside,
                  "reason", why.message, NULL);
        *ret = state_new();
        return 0;
}

int state_save(const struct node_state *s, const char *path, struct dr_error *err) {
        auto_sbuf struct sbuf out = SBUF(STATE_BYTES_MAX);
        state_format(s, &out);
        if (!sbuf_ok(&out))
                return dr_fail(err, DR_E_TOO_LARGE, NULL, "the state is longer than %d bytes", STATE_BYTES_MAX);
        return file_replace(path, out.data, out.len, 0600, err);
}
