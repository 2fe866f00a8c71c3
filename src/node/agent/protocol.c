#include "protocol.h"

#include <inttypes.h>
#include <stdio.h>

enum { HEARTBEAT_MS = 5000, HEARTBEAT_MS_MIN = 100, HEARTBEAT_MS_MAX = 600000, STOP_TIMEOUT_S = 10, STOP_TIMEOUT_S_MAX = 86400 };

static const struct { const char *t; enum server_kind kind; } kinds[] = {
        { "hello", SERVER_HELLO }, { "desired", SERVER_DESIRED }, { "request", SERVER_REQUEST }, { "stream", SERVER_STREAM }, { "settings", SERVER_SETTINGS }, { "metadata", SERVER_METADATA }, { "bye", SERVER_BYE },
};

static uint64_t u64(json_object *o, const char *key) {
        int64_t n = jv_i64(o, key);
        return n > 0 ? (uint64_t) n : 0;
}

int server_message_parse(const char *buf, size_t len, struct server_message *ret, struct dr_error *err) {
        json_object *o = jv_parse(buf, len, PROTOCOL_BYTES_MAX, err);
        if (!o || !json_object_is_type(o, json_type_object) || !*jv_str(o, "t")) {
                int r = o || !err || err->code == DR_OK ? dr_fail(err, DR_E_INVALID_BODY, "t", "a message is no object with a kind \"t\"") : -EINVAL;
                json_object_put(o);
                return r;
        }
        struct server_message m = { .kind = SERVER_OTHER, .tree = o };
        for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
                if (str_eq(jv_str(o, "t"), kinds[i].t))
                        m.kind = kinds[i].kind;
        m.epoch = u64(o, "epoch");
        m.rev = u64(o, "rev");
        m.full = jv_bool(o, "full");
        m.containers = jv_arr(o, "containers");
        m.heartbeat_ms = u64(o, "heartbeatMs");
        if (m.heartbeat_ms < HEARTBEAT_MS_MIN || m.heartbeat_ms > HEARTBEAT_MS_MAX)
                m.heartbeat_ms = HEARTBEAT_MS;
        m.host_id = jv_str(o, "hostId");
        m.project = jv_str(o, "projectUuid");
        m.node_sha256 = jv_str(o, "nodeSha256");
        m.images = jv_obj(o, "images");
        m.id = jv_str(o, "id");
        m.stream = u64(o, "id");
        m.stream_kind = jv_str(o, "kind");
        m.name = jv_str(o, "name");
        m.data = jv_obj(o, "data");
        m.deadline_ms = u64(o, "deadlineMs");
        m.reason = jv_str(o, "reason");
        *ret = m;
        return 0;
}

void server_message_done(struct server_message *m) {
        json_object_put(m->tree);
        *m = (struct server_message) { 0 };
}

static int entry_check(json_object *o, struct dr_error *err) {
        const char *uuid = jv_str(o, "uuid");
        int want = want_from_string(jv_str(o, "state"));
        if (!*uuid || strlen(uuid) > STATE_UUID_MAX)
                return dr_fail(err, DR_E_INVALID_FORMAT, "uuid", "a desired container has no usable uuid");
        if (want < 0)
                return dr_fail(err, DR_E_INVALID_OPTION, "state", "container \"%s\" shall be \"%s\", which is no state", uuid, jv_str(o, "state"));
        if (u64(o, "gen") == 0)
                return dr_fail(err, DR_E_MISSING_REQUIRED, "gen", "container \"%s\" has no generation", uuid);
        if (want == WANT_RUNNING && !jv_obj(o, "spec") && !*jv_str(o, "dockerId"))
                return dr_fail(err, DR_E_MISSING_REQUIRED, "spec", "container \"%s\" shall run without a spec", uuid);
        return 0;
}

static void entry_take(json_object *o, struct entry *e) {
        uint64_t gen = u64(o, "gen");
        if (gen < e->record.gen)
                return;
        json_object *spec = jv_obj(o, "spec");
        int64_t timeout_s = jv_get(o, "stopTimeoutS") ? jv_i64(o, "stopTimeoutS") : STOP_TIMEOUT_S;
        e->record.gen = gen;
        e->record.want = (enum want) want_from_string(jv_str(o, "state"));
        e->stop_timeout_s = (int) MAX((int64_t) 0, MIN(timeout_s, (int64_t) STOP_TIMEOUT_S_MAX));
        if (spec) {
                entry_set_text(&e->spec, jv_print(spec));
                e->record.start_once = jv_bool(spec, "startOnce");
        }
        const char *docker_id = jv_str(o, "dockerId");
        if (*docker_id) {
                entry_set_text(&e->docker_id, docker_id);
                e->record.foreign = true;
        }
        if (e->record.failed_gen != gen)
                entry_set_text(&e->error, NULL);
}

int protocol_take_desired(const struct server_message *m, struct node_state *s, struct dr_error *err) {
        size_t n = jv_len(m->containers), fresh = 0;
        for (size_t i = 0; i < n; i++) {
                json_object *o = jv_at(m->containers, i);
                int r = entry_check(o, err);
                if (r < 0)
                        return r;
                fresh += !state_entry(s, jv_str(o, "uuid"));
        }
        if (fresh + s->entries.n > STATE_CONTAINERS_MAX)
                return dr_fail(err, DR_E_TOO_LARGE, "containers", "more than %d containers are desired here", STATE_CONTAINERS_MAX);
        struct smap listed = { 0 };
        for (size_t i = 0; i < n; i++) {
                json_object *o = jv_at(m->containers, i);
                struct entry *e = state_entry_add(s, jv_str(o, "uuid"));
                entry_take(o, e);
                if (m->full)
                        smap_set(&listed, e->uuid, e);
        }
        for (size_t i = s->entries.n; m->full && i-- > 0;) {
                struct entry *e = s->entries.v[i];
                if (!smap_get(&listed, e->uuid) && e->docker_id) {      /* foreign, and nothing is asked of it */
                        state_entry_remove(s, e);
                } else if (!smap_get(&listed, e->uuid) && e->record.want != WANT_ABSENT) {
                        e->record.want = WANT_ABSENT;
                        e->record.failed_gen = 0;
                }
        }
        smap_done(&listed);
        s->epoch = m->epoch;
        s->rev = m->rev;
        return 0;
}

static void add(struct sbuf *out, const char *key, const char *value) {
        sbuf_printf(out, ",\"%s\":", key);
        sbuf_json_string(out, value, strlen(value));
}

void report_format(const struct report *r, struct sbuf *out) {
        static const struct docker_container none = { .name = "", .image = "", .ip = "", .mounts = "[]", .error = "" };
        const struct docker_container *c = r->c ? r->c : &none;
        sbuf_puts(out, "{\"uuid\":");
        sbuf_json_string(out, r->uuid, strlen(r->uuid));
        sbuf_printf(out, ",\"gen\":%" PRIu64 ",\"state\":\"%s\",\"dockerId\":\"%s\"", r->gen, told_to_string(r->told), c->id);
        add(out, "ip", c->ip);
        sbuf_puts(out, ",\"ports\":[");
        for (size_t i = 0; i < c->n_ports; i++) {
                sbuf_printf(out, "%s{\"private\":%u,\"public\":%u", i ? "," : "", c->ports[i].private, c->ports[i].public);
                add(out, "proto", c->ports[i].proto);
                add(out, "ip", c->ports[i].ip);
                sbuf_putc(out, '}');
        }
        sbuf_printf(out, "],\"startedAt\":%" PRId64 ",\"finishedAt\":%" PRId64 ",\"exitCode\":%d", c->started_ms, c->finished_ms, c->exit_code);
        if (r->error && *r->error)
                add(out, "error", r->error);
        if (r->progress && *r->progress)
                add(out, "progress", r->progress);
        sbuf_printf(out, ",\"mounts\":%s", c->mounts);
        add(out, "image", c->image);
        if (r->foreign) {
                sbuf_puts(out, ",\"foreign\":true");
                add(out, "name", c->name);
                sbuf_printf(out, ",\"labels\":%s", r->labels ? r->labels : "{}");
                if (r->foreign_inspect)
                        sbuf_printf(out, ",\"inspect\":%s", r->foreign_inspect);
        }
        sbuf_putc(out, '}');
}
