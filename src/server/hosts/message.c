#include "message.h"

#include "formats/json.h"

enum { ID_BYTES_MAX = 128, TEXT_BYTES_MAX = 4096 };

static const struct { const char *t; enum host_message_kind kind; } kinds[] = {
        { "hello", HOST_HELLO }, { "heartbeat", HOST_HEARTBEAT }, { "host", HOST_HOST }, { "observed", HOST_OBSERVED },
        { "reply", HOST_REPLY }, { "progress", HOST_PROGRESS }, { "metadata.resume", HOST_METADATA },
};

static uint64_t u64(struct json_object *o, const char *key) {
        int64_t n = json_int(o, key, 0);
        return n > 0 ? (uint64_t) n : 0;
}

/* A text of the message, "" when absent; longer ones are left out rather than cut inside a character. */
static const char *text(struct json_object *o, const char *key, size_t max) {
        const char *s = json_str(o, key, "");
        return strlen(s) <= max ? s : "";
}

static int read_container(struct json_object *o, struct observed *ret, struct dr_error *err) {
        const char *uuid = json_str(o, "uuid", "");
        *ret = (struct observed) {
                .gen = json_int(o, "gen", 0),
                .state = observed_state_from_string(json_str(o, "state", "")),
                .exit_code = (int) json_int(o, "exitCode", 0),
                .started_ms = (int64_t) u64(o, "startedAt"), .finished_ms = (int64_t) u64(o, "finishedAt"),
                .docker_id = text(o, "dockerId", ID_BYTES_MAX), .ip = text(o, "ip", ID_BYTES_MAX),
                .error = text(o, "error", TEXT_BYTES_MAX), .progress = text(o, "progress", TEXT_BYTES_MAX),
                .ports = json_get_array(o, "ports"), .mounts = json_get_array(o, "mounts"),
                .foreign = json_bool(o, "foreign", false),
                .image = text(o, "image", TEXT_BYTES_MAX),
        };
        if (ret->state == OBS_NONE)
                return dr_fail(err, DR_E_INVALID_OPTION, "state", "container \"%.40s\" is \"%.40s\", which is no state", uuid, json_str(o, "state", ""));
        if (ret->foreign) {
                if (!*ret->docker_id)
                        ret->docker_id = text(o, "uuid", ID_BYTES_MAX); /* what it is known by */
                ret->name = text(o, "name", TEXT_BYTES_MAX);
                ret->labels = json_get_object(o, "labels");
                ret->inspect = json_get_object(o, "inspect");
        }
        if (uuid_parse(uuid, &ret->uuid) < 0 && !ret->foreign)
                return dr_fail(err, DR_E_INVALID_FORMAT, "uuid", "\"%.40s\" is no uuid of a container", uuid);
        return ret->gen < 0 ? dr_fail(err, DR_E_MIN_LIMIT, "gen", "container \"%.40s\" has a negative generation", uuid) : 0;
}

static int read_observed(struct json_object *o, struct host_message *m, struct dr_error *err) {
        struct json_object *list = json_get_array(o, "containers");
        size_t n = list ? json_object_array_length(list) : 0;
        if (!list)
                return dr_fail(err, DR_E_MISSING_REQUIRED, "containers", "a report has no list of containers");
        if (n > HOST_CONTAINERS_MAX)
                return dr_fail(err, DR_E_TOO_LARGE, "containers", "a report has more than %d containers", HOST_CONTAINERS_MAX);
        m->full = json_bool(o, "full", false);
        m->observed = n ? dr_xcalloc(n, sizeof *m->observed) : NULL;
        m->n_observed = n;
        for (size_t i = 0; i < n; i++) {
                int r = read_container(json_object_array_get_idx(list, i), &m->observed[i], err);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int read_kind(struct json_object *o, struct host_message *m, struct dr_error *err) {
        switch (m->kind) {
        case HOST_HELLO:
                m->version = json_int(o, "version", 0);
                m->node_version = text(o, "nodeVersion", ID_BYTES_MAX);
                m->boot = text(o, "boot", ID_BYTES_MAX);
                m->epoch = u64(o, "epoch");
                m->rev = u64(o, "rev");
                m->metadata = json_bool(o, "metadata", false);
                /* fall through */
        case HOST_HOST:
                m->host = json_get_object(o, "host");
                return m->host ? 0 : dr_fail(err, DR_E_MISSING_REQUIRED, "host", "a \"%s\" message has no host", json_str(o, "t", ""));
        case HOST_METADATA:
                m->topics = json_get_object(o, "topics");
                return 0;
        case HOST_HEARTBEAT:
                m->rev = u64(o, "rev");
                return 0;
        case HOST_OBSERVED:
                return read_observed(o, m, err);
        case HOST_REPLY: case HOST_PROGRESS:
                m->id = text(o, "id", ID_BYTES_MAX);
                m->data = json_get(o, "data");
                m->error = json_get_object(o, "error");
                m->message = text(o, "message", TEXT_BYTES_MAX);
                m->percent = json_int(o, "percent", -1);
                return *m->id ? 0 : dr_fail(err, DR_E_MISSING_REQUIRED, "id", "an answer does not say which request it is for");
        case HOST_OTHER:
                break;
        }
        return 0;
}

int host_message_parse(const char *buf, size_t len, struct host_message *ret, struct dr_error *err) {
        struct host_message m = { .node_version = "", .boot = "", .message = "" };
        int r = json_parse(buf, len, HOST_MESSAGE_BYTES_MAX, &m.tree, err);
        if (r < 0)
                return r;
        const char *t = json_str(m.tree, "t", "");
        for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
                if (str_eq(t, kinds[i].t))
                        m.kind = kinds[i].kind;
        r = *t ? read_kind(m.tree, &m, err) : dr_fail(err, DR_E_INVALID_BODY, "t", "a message is no object with a kind \"t\"");
        if (r < 0) {
                host_message_done(&m);
                return r;
        }
        *ret = m;
        return 0;
}

void host_message_done(struct host_message *m) {
        free(m->observed);
        json_object_put(m->tree);
        *m = (struct host_message) { 0 };
}

/* ---- to the agent ---- */
static void begin(struct jw *w, const char *t, uint64_t epoch) {
        jw_begin_object(w);
        jw_kstring(w, "t", t);
        jw_key(w, "epoch");
        jw_uint(w, epoch);
}

static void put_settings(struct jw *w, const char *node_sha256, const char *images) {
        jw_kstring(w, "nodeSha256", str_or(node_sha256, ""));
        jw_key(w, "images");
        if (images)
                jw_raw(w, images, strlen(images));
        else
                jw_null(w);
}

void host_hello_write(const struct host_hello *h, struct sbuf *out) {
        struct jw w = JW(out, 0);
        begin(&w, "hello", h->epoch);
        jw_kint(&w, "version", HOST_PROTOCOL_VERSION);
        jw_kint(&w, "heartbeatMs", (int64_t) h->heartbeat_ms);
        jw_kstring(&w, "hostId", h->host_id);
        jw_kstring(&w, "projectUuid", h->project_uuid);
        jw_kstring(&w, "serverVersion", h->server_version);
        put_settings(&w, h->node_sha256, h->images);
        jw_end(&w);
}

void host_settings_write(uint64_t epoch, const char *node_sha256, const char *images, struct sbuf *out) {
        struct jw w = JW(out, 0);
        begin(&w, "settings", epoch);
        put_settings(&w, node_sha256, images);
        jw_end(&w);
}

static const char *const desired_names[] = { [DESIRED_RUNNING] = "running", [DESIRED_STOPPED] = "stopped", [DESIRED_ABSENT] = "absent" };

void host_desired_write(uint64_t epoch, uint64_t rev, bool full, const struct desired *entries, size_t n, struct sbuf *out) {
        struct jw w = JW(out, 0);
        begin(&w, "desired", epoch);
        jw_key(&w, "rev");
        jw_uint(&w, rev);
        jw_kbool(&w, "full", full);
        jw_key(&w, "containers");
        jw_begin_array(&w);
        for (size_t i = 0; i < n; i++) {
                const struct desired *d = &entries[i];
                char uuid[UUID_CHARS + 1];
                uuid_format(&d->uuid, uuid);
                jw_begin_object(&w);
                jw_kstring(&w, "uuid", uuid);
                jw_kint(&w, "gen", d->gen);
                jw_kstring(&w, "state", desired_names[d->state]);
                jw_kint(&w, "stopTimeoutS", d->stop_timeout_s);
                if (d->docker_id)
                        jw_kstring(&w, "dockerId", d->docker_id->s);
                if (d->state == DESIRED_RUNNING && d->spec) {
                        jw_key(&w, "spec");
                        jw_raw(&w, d->spec->s, d->spec->len);
                }
                jw_end(&w);
        }
        jw_end(&w);
        jw_end(&w);
}

void host_request_write(uint64_t epoch, const char *id, const char *name, struct json_object *data, uint64_t deadline_ms, struct sbuf *out) {
        struct jw w = JW(out, 0);
        begin(&w, "request", epoch);
        jw_kstring(&w, "id", id);
        jw_kstring(&w, "name", name);
        jw_key(&w, "data");
        jw_json(&w, data);
        jw_kint(&w, "deadlineMs", (int64_t) deadline_ms);
        jw_end(&w);
}

void host_stream_write(uint64_t epoch, uint32_t id, const char *kind, struct json_object *data, struct sbuf *out) {
        struct jw w = JW(out, 0);
        begin(&w, "stream", epoch);
        jw_kint(&w, "id", id);
        jw_kstring(&w, "kind", kind);
        jw_key(&w, "data");
        jw_json(&w, data);
        jw_end(&w);
}

void host_bye_write(uint64_t epoch, const char *reason, struct sbuf *out) {
        struct jw w = JW(out, 0);
        begin(&w, "bye", epoch);
        jw_kstring(&w, "reason", reason);
        jw_end(&w);
}

/* ---- binary frames ---- */
int host_frame_parse(const char *buf, size_t len, struct host_frame *ret, struct dr_error *err) {
        const unsigned char *b = (const unsigned char *) buf;
        if (len < HOST_FRAME_HEAD_BYTES)
                return dr_fail(err, DR_E_INVALID_BODY, NULL, "a frame of %zu bytes is too short for its head", len);
        if (len > HOST_FRAME_HEAD_BYTES + HOST_STREAM_PAYLOAD_MAX)
                return dr_fail(err, DR_E_TOO_LARGE, NULL, "a frame has more than %d bytes", HOST_STREAM_PAYLOAD_MAX);
        *ret = (struct host_frame) {
                .id = (uint32_t) b[0] << 24 | (uint32_t) b[1] << 16 | (uint32_t) b[2] << 8 | b[3], .kind = b[4],
                .payload = buf + HOST_FRAME_HEAD_BYTES, .len = len - HOST_FRAME_HEAD_BYTES,
        };
        return 0;
}

void host_frame_head(uint32_t id, unsigned kind, char buf[HOST_FRAME_HEAD_BYTES]) {
        for (unsigned i = 0; i < 4; i++)
                buf[i] = (char) (id >> (24 - 8 * i));
        buf[4] = (char) kind;
}
