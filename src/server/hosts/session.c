#include "session.h"

#include <stdio.h>

#include "base/log.h"
#include "core/settings.h"
#include "conduct.h"
#include "formats/json.h"
#include "message.h"
#include "metadata.h"
#include "policy.h"
#include "model/ids.h"
#include "server/auth/auth.h"

enum {
        REQUESTS_MAX = 4096,
        HELLO_MS = 30000, LOOK_MS = 1000, STALL_MS = 30000, QUEUE_BYTES_MAX = 24 << 20, OUT_BYTES_MAX = HOST_MESSAGE_BYTES_MAX,
        LOW_BYTES = 64 * 1024,          /* frames of streams go to the connection while less than this waits there: control messages overtake the rest */
};

struct host_sessions { struct loop *loop; struct core *core; struct node_files *files; struct metadata *metadata; struct session *first; size_t n; struct map out_until /* agent id -> loop ms until which it is kept out */; uint64_t looked_ms; char node_sha256[NODE_SHA256_CHARS + 1]; };

struct session {
        struct host_link link;          /* first: the core's handle */
        struct host_sessions *all;
        struct session *prev, *next;
        struct ws *ws;                  /* NULL: closed, kept for answers that wait for their commit */
        struct timer *hello_timer;
        int64_t agent_id, host_id;      /* host_id 0: no hello yet */
        uint64_t settings_told;         /* hash; 0: hello was not answered yet */
        bool attached, knows_metadata;
        struct metadata_sub *metadata;  /* NULL: it has not asked */
        struct map streams;             /* id -> struct host_stream */
        uint32_t last_stream;           /* ids are never used again */
        VEC(struct buf *) frames;       /* of streams, waiting; from frames_at on */
        size_t frames_at;
        unsigned pending;               /* answers that wait for their commit */
        struct conduct conduct;
        struct smap requests;           /* ids that this connection was asked, owned: what it may answer */
};

size_t host_sessions_count(const struct host_sessions *h) { return h->n; }

static void unlink_session(struct session *s) {
        *(s->prev ? &s->prev->next : &s->all->first) = s->next;
        if (s->next)
                s->next->prev = s->prev;
        s->all->n--;
}

static void drop_frames(struct session *s) {
        for (; s->frames_at < s->frames.n; s->frames_at++)
                buf_unref(s->frames.v[s->frames_at]);
        vec_clear(&s->frames);
        s->frames_at = 0;
}

static void forget_requests(struct session *s) {
        for (size_t i = 0; i < s->requests.cap; i++)
                if (s->requests.slots[i].value)
                        free(s->requests.slots[i].value);
        smap_done(&s->requests);
        s->requests = (struct smap) { 0 };
}

static void free_if_over(struct session *s) {
        if (s->ws || s->pending)
                return;
        if (s->all)
                unlink_session(s);
        timer_free(s->hello_timer);
        drop_frames(s);
        vec_done(&s->frames);
        map_done(&s->streams);
        forget_requests(s);
        free(s);
}

/* One by one: the owner of several may end them all when it hears of the first. */
static void lose_streams(struct session *s) {
        for (struct host_stream *st; s->streams.n;) {
                st = NULL;
                map_foreach(&s->streams, slot) {
                        st = slot->value;
                        break;
                }
                (void) map_del(&s->streams, st->id);
                host_stream_lost(st, "HostUnavailable", "the connection to the host was lost");
        }
        drop_frames(s);
}

static void detach(struct session *s) {
        s->metadata = metadata_unsubscribe(s->metadata);
        if (s->attached)
                hosts_detach(s->all->core, &s->link);
        s->attached = false;
        lose_streams(s);
}

static void refuse(struct session *s, unsigned code, const char *reason) {
        detach(s);
        if (s->ws)
                ws_close(s->ws, code, reason);
}

/* A host that lies or floods: kept out for a while, named. */
static void blame(struct session *s, const char *why) {
        struct core *c = s->all->core;
        struct record *host = s->host_id ? world_get(core_world(c), T_host, s->host_id) : NULL;
        conduct_name(c, host, s->ws ? ws_peer(s->ws) : "", why);
        map_set(&s->all->out_until, (uint64_t) s->agent_id, (void *) (uintptr_t) (loop_now_ms(s->all->loop) + CONDUCT_OUT_MS));
}

static void misbehaved(struct session *s, unsigned code, const char *why) {
        blame(s, why);
        refuse(s, code, why);
}

static void send(struct session *s, const struct sbuf *out) {
        if (!s->ws || ws_is_closing(s->ws))
                return;
        if (!sbuf_ok(out)) {
                log_errorf("a message to host %lld is longer than %d bytes: its connection is closed", (long long) s->host_id, OUT_BYTES_MAX);
                refuse(s, WS_CLOSE_TOO_BIG, "the message for this host is too large");
                return;
        }
        (void) ws_send(s->ws, WS_TEXT, sbuf_str(out), out->len);        /* too slow or closing: on_close follows */
}

/* ---- what the core asks of a link ---- */
static void link_desired(struct host_link *l, const struct desired *entries, size_t n, uint64_t rev, bool full) {
        struct session *s = container_of(l, struct session, link);
        auto_sbuf struct sbuf out = SBUF(OUT_BYTES_MAX);
        host_desired_write(core_epoch(s->all->core), rev, full, entries, n, &out);
        send(s, &out);
}

static void link_request(struct host_link *l, const char *id, const char *name, struct json_object *data, uint64_t deadline_ms) {
        struct session *s = container_of(l, struct session, link);
        auto_sbuf struct sbuf out = SBUF(OUT_BYTES_MAX);
        if (s->requests.n >= REQUESTS_MAX)
                forget_requests(s);     /* never answered: their time is over long ago */
        char *own = dr_xstrdup(id);
        free(smap_set(&s->requests, own, own));
        host_request_write(core_epoch(s->all->core), id, name, data, deadline_ms, &out);
        send(s, &out);
}

static void link_close(struct host_link *l, const char *reason) {
        struct session *s = container_of(l, struct session, link);
        auto_sbuf struct sbuf out = SBUF(4096);
        s->attached = false;
        s->metadata = metadata_unsubscribe(s->metadata);
        lose_streams(s);
        host_bye_write(core_epoch(s->all->core), reason, &out);
        send(s, &out);
        if (s->ws)
                ws_close(s->ws, WS_CLOSE_NORMAL, reason);
}

/* ---- streams ---- */
static void pump(struct session *s) {
        while (s->ws && s->frames_at < s->frames.n && ws_queued_bytes(s->ws) < LOW_BYTES) {
                struct buf *b = s->frames.v[s->frames_at++];
                (void) ws_send_frame(s->ws, b);         /* closing: on_close follows */
                buf_unref(b);
        }
        if (s->frames_at == s->frames.n) {
                vec_clear(&s->frames);
                s->frames_at = 0;
        }
}

static void link_stream_send(struct host_link *l, struct host_stream *st, unsigned kind, const void *p, size_t n) {
        struct session *s = container_of(l, struct session, link);
        auto_free char *frame = dr_xmalloc(HOST_FRAME_HEAD_BYTES + n);
        host_frame_head(st->id, kind, frame);
        if (n)
                memcpy(frame + HOST_FRAME_HEAD_BYTES, p, n);
        vec_push(&s->frames, ws_frame_binary(frame, HOST_FRAME_HEAD_BYTES + n));
        pump(s);
}

static int link_stream_open(struct host_link *l, struct host_stream *st, const char *kind, struct json_object *data, struct dr_error *err) {
        struct session *s = container_of(l, struct session, link);
        if (s->streams.n >= HOST_STREAMS_MAX || s->last_stream == UINT32_MAX)
                return dr_fail(err, DR_E_TOO_MANY_REQUESTS, NULL, "this host has %d streams open already", HOST_STREAMS_MAX);
        auto_sbuf struct sbuf out = SBUF(OUT_BYTES_MAX);
        st->id = ++s->last_stream;
        map_set(&s->streams, st->id, st);
        host_stream_write(core_epoch(s->all->core), st->id, kind, data, &out);
        send(s, &out);
        return 0;
}

static void link_stream_forget(struct host_link *l, struct host_stream *st) {
        (void) map_del(&container_of(l, struct session, link)->streams, st->id);
}

static void on_frame(struct session *s, const char *p, size_t n) {
        struct host_frame f;
        struct dr_error err;
        if (host_frame_parse(p, n, &f, &err) < 0) {
                misbehaved(s, WS_CLOSE_PROTOCOL, err.message);
                return;
        }
        struct host_stream *st = map_get(&s->streams, f.id);
        if (st)
                host_stream_receive(st, f.kind, f.payload, f.len);
        else if (f.id == 0 || f.id > s->last_stream)
                misbehaved(s, WS_CLOSE_POLICY, "it sends on a stream that was never opened");
        else if (!conduct_may_send(&s->conduct, loop_now_ms(s->all->loop)))     /* it has ended here, which the host may not know yet */
                misbehaved(s, WS_CLOSE_POLICY, "it sends too much");
}

/* ---- metadata ---- */
static void metadata_send(void *arg, struct buf *frame) {
        struct session *s = arg;
        if (s->ws && !ws_is_closing(s->ws))
                (void) ws_send_frame(s->ws, frame);     /* too slow: on_close follows */
}
static size_t metadata_queued(void *arg) {
        struct session *s = arg;
        return s->ws ? ws_queued_bytes(s->ws) : 0;
}
static const struct metadata_ops metadata_ops = { .send = metadata_send, .queued_bytes = metadata_queued };

static void on_metadata(struct session *s, const struct host_message *m) {
        if (s->metadata)
                metadata_resume(s->metadata, m->topics);
        else if (s->knows_metadata)
                s->metadata = metadata_subscribe(s->all->metadata, s->host_id, m->topics, &metadata_ops, s);
}

static void on_drain(struct ws *w, void *arg) {
        struct session *s = arg;
        (void) w;
        pump(s);
        if (s->metadata)
                metadata_drained(s->metadata);
}

static const struct host_link_ops link_ops = {
        .wants_spec = true, .desired = link_desired, .request = link_request, .close = link_close,
        .stream_open = link_stream_open, .stream_send = link_stream_send, .stream_forget = link_stream_forget,
};

/* ---- what the agent says ---- */
static struct record *agent_of(struct session *s) {
        struct record *a = world_get(core_world(s->all->core), T_agent, s->agent_id);
        return a && a->state != S_removing && a->state != S_removed ? a : NULL;
}

/* NULL: hosts are not to be upgraded, or there is nothing to serve. The file is looked at once a second, not with each host's heartbeat. */
static const char *node_sha256(struct session *s) {
        struct host_sessions *h = s->all;
        uint64_t now_ms = loop_now_ms(h->loop);
        if (!h->looked_ms || now_ms >= h->looked_ms + LOOK_MS) {
                snprintf(h->node_sha256, sizeof h->node_sha256, "%s", str_or(node_files_sha256(h->files), ""));
                h->looked_ms = now_ms | 1;
        }
        return *h->node_sha256 && policy_upgrades(h->core) ? h->node_sha256 : NULL;
}

static uint64_t settings_hash(const char *sha256, const char *images) {
        return hash_bytes(images, strlen(images)) ^ (sha256 ? hash_bytes(sha256, strlen(sha256)) : 0);
}

/* With each heartbeat: what the settings or the host's labels say now, when it is not what was told. */
static void tell_settings(struct session *s) {
        struct core *c = s->all->core;
        const struct record *host = world_get(core_world(c), T_host, s->host_id);
        if (!host || !s->settings_told)
                return;
        const char *sha256 = node_sha256(s);
        auto_free char *images = policy_images(c, host);
        uint64_t hash = settings_hash(sha256, images);
        if (hash == s->settings_told)
                return;
        s->settings_told = hash;
        auto_sbuf struct sbuf out = SBUF(4096);
        host_settings_write(core_epoch(c), sha256, images, &out);
        send(s, &out);
}

static void release_hello(void *arg, int result) {
        struct session *s = arg;
        s->pending--;
        const struct record *host = s->all ? world_get(core_world(s->all->core), T_host, s->host_id) : NULL;
        if (s->ws && s->all && (result < 0 || !host)) {
                refuse(s, WS_CLOSE_TRY_LATER, "what this host said could not be stored");
        } else if (s->ws && s->all && s->attached) {
                struct core *c = s->all->core;
                const struct record *project = world_get(core_world(c), T_account, host->account_id);
                char id[ID_TEXT_MAX], uuid[RECORD_UUID_MAX];
                auto_free char *images = policy_images(c, host);
                struct host_hello h = {
                        .epoch = core_epoch(c), .heartbeat_ms = (uint64_t) setting_int(c, "drover.host.heartbeat.millis"),
                        .host_id = id_format(API_V2_BETA, T_host, host->id, id), .project_uuid = project ? record_uuid(project, uuid) : "",
                        .server_version = DROVER_VERSION, .node_sha256 = node_sha256(s), .images = images,
                };
                auto_sbuf struct sbuf out = SBUF(4096);
                s->settings_told = settings_hash(h.node_sha256, images);
                host_hello_write(&h, &out);
                send(s, &out);
        }
        free_if_over(s);
}

static void on_hello(struct session *s, const struct host_message *m) {
        struct core *c = s->all->core;
        struct record *agent = agent_of(s), *host;
        struct dr_error err = { 0 };
        if (s->host_id) {
                refuse(s, WS_CLOSE_POLICY, "hello was said before");
                return;
        }
        if (m->version != HOST_PROTOCOL_VERSION) {
                char why[100];
                snprintf(why, sizeof why, "this server speaks version %d of the host protocol, not %lld", HOST_PROTOCOL_VERSION, (long long) m->version);
                refuse(s, WS_CLOSE_POLICY, why);
                return;
        }
        if (!agent) {
                link_close(&s->link, "removed");
                return;
        }
        host = hosts_report(c, agent, m->host, &err);
        if (!host) {
                log_warning("a host's report is refused", "reason", err.message, "peer", ws_peer(s->ws), NULL);
                refuse(s, WS_CLOSE_POLICY, err.message);
                return;
        }
        timer_stop(s->hello_timer);
        s->host_id = host->id;
        const char *lie = conduct_check_epoch(c, m->epoch);
        if (lie) {
                misbehaved(s, WS_CLOSE_POLICY, lie);
                return;
        }
        s->attached = true;
        s->knows_metadata = m->metadata;
        s->pending++;
        char id[ID_TEXT_MAX];
        log_info("host connected", "host", id_format(API_V2_BETA, T_host, host->id, id), "name", str_or(record_str(host, F_hostname), ""),
                 "node", m->node_version, "peer", ws_peer(s->ws), NULL);
        uint64_t epoch = m->epoch, rev = m->rev;
        /* hello goes first: the outputs of hosts_attach() are queued behind it. */
        core_output(c, release_hello, s);
        if (s->attached && s->ws && !ws_is_closing(s->ws))
                hosts_attach(c, host, &s->link, epoch, rev);
}

static void on_host(struct session *s, const struct host_message *m) {
        struct record *agent = agent_of(s);
        struct dr_error err = { 0 };
        const struct record *host = agent ? hosts_report(s->all->core, agent, m->host, &err) : NULL;
        if (agent && !host)
                log_warning("a host's report is refused", "reason", err.message, "peer", ws_peer(s->ws), NULL);
        else if (host && host->id != s->host_id)
                refuse(s, WS_CLOSE_POLICY, "the host's uuid changed: connect anew");
}

/* Whether the answer may count. One whose request this server process never sent may be late, from before a restart: nothing waits for it, or
 * what waits asked this host. */
static bool may_reply(struct session *s, const char *id) {
        char *own = smap_del(&s->requests, id);
        free(own);
        for (struct session *o = s->all->first; o && !own; o = o->next)
                if (o != s && o->host_id != s->host_id && smap_get(&o->requests, id))
                        return false;
        return true;
}

static void on_reply(struct session *s, const struct host_message *m) {
        if (!may_reply(s, m->id)) {
                misbehaved(s, WS_CLOSE_POLICY, "it answers a request that was another host's");
                return;
        }
        AUTO(json_free) struct json_object *reply = json_object_new_object();
        if (m->error)
                json_set(reply, "error", json_object_get(m->error));
        else
                json_set(reply, "data", json_object_get(m->data));
        (void) core_reply(s->all->core, m->id, reply);          /* nobody waits any more: too late */
}

static void on_observed(struct session *s, const struct host_message *m) {
        struct core *c = s->all->core;
        const char *lie = conduct_check_observed(c, s->host_id, m->observed, m->n_observed);
        if (lie) {
                misbehaved(s, WS_CLOSE_POLICY, lie);
                return;
        }
        struct record *host = m->full ? world_get(core_world(c), T_host, s->host_id) : NULL;
        if (host)
                conduct_clear(c, host);
        hosts_observed(c, &s->link, m->observed, m->n_observed, m->full);
}

static void on_message(struct ws *w, unsigned opcode, const char *p, size_t n, void *arg) {
        struct session *s = arg;
        struct core *c = s->all->core;
        struct host_message m;
        struct dr_error err;
        if (ws_is_closing(w))
                return;
        if (opcode != WS_TEXT) {
                if (s->attached) {
                        hosts_heard(c, &s->link);
                        on_frame(s, p, n);
                } else {
                        refuse(s, WS_CLOSE_POLICY, "hello comes first");
                }
                return;
        }
        if (!conduct_may_send(&s->conduct, loop_now_ms(s->all->loop))) {
                misbehaved(s, WS_CLOSE_POLICY, "it sends too much");
                return;
        }
        if (host_message_parse(p, n, &m, &err) < 0) {
                misbehaved(s, WS_CLOSE_PROTOCOL, err.message);
                return;
        }
        if (m.kind == HOST_HELLO) {
                on_hello(s, &m);
        } else if (!s->attached) {
                if (m.kind != HOST_OTHER)
                        refuse(s, WS_CLOSE_POLICY, "hello comes first");
        } else {
                hosts_heard(c, &s->link);
                switch (m.kind) {
                case HOST_HOST:     on_host(s, &m); break;
                case HOST_HEARTBEAT: tell_settings(s); break;
                case HOST_OBSERVED: on_observed(s, &m); break;
                case HOST_REPLY:    on_reply(s, &m); break;
                case HOST_METADATA: on_metadata(s, &m); break;
                default:            break;      /* progress: heard */
                }
        }
        host_message_done(&m);
}

static void on_close(struct ws *w, unsigned code, const char *reason, void *arg) {
        struct session *s = arg;
        if (s->all && s->attached && ws_is_broken(w))
                blame(s, str_or(reason, "it breaks the protocol"));
        s->ws = NULL;
        if (s->all && s->attached) {
                char id[ID_TEXT_MAX], number[12];
                snprintf(number, sizeof number, "%u", code);
                log_info("host disconnected", "host", id_format(API_V2_BETA, T_host, s->host_id, id), "code", number, "reason", str_or(reason, ""), NULL);
                detach(s);
        }
        free_if_over(s);
}

static const struct ws_events ws_events = { .on_message = on_message, .on_drain = on_drain, .on_close = on_close };

static void on_no_hello(void *arg) { refuse(arg, WS_CLOSE_POLICY, "no hello came"); }

/* ---- connecting ---- */
void host_sessions_connect(struct host_sessions *h, struct http_request *req) {
        struct record *agent = auth_agent(h->core, &req->headers);
        if (!agent) {
                log_warning("a host's key is refused", "peer", req->peer, NULL);
                http_reply_error(req, 401, "this key is not (or no longer) that of a host");
                return;
        }
        uint64_t until_ms = (uint64_t) (uintptr_t) map_get(&h->out_until, (uint64_t) agent->id), now_ms = loop_now_ms(h->loop);
        if (until_ms > now_ms) {
                char seconds[24];
                snprintf(seconds, sizeof seconds, "%llu", (unsigned long long) ((until_ms - now_ms + 999) / 1000));
                http_reply(req, 429, &(struct http_header) { "Retry-After", seconds }, 1, NULL, 0);
                return;
        }
        if (until_ms)
                (void) map_del(&h->out_until, (uint64_t) agent->id);
        static const struct ws_options options = { .message_max = HOST_MESSAGE_BYTES_MAX, .queue_max = QUEUE_BYTES_MAX, .low_bytes = LOW_BYTES,
                                                  .stall_ms = STALL_MS };
        struct session *s = dr_xnew(struct session);
        s->link.ops = &link_ops;
        s->all = h;
        s->agent_id = agent->id;
        conduct_init(&s->conduct, now_ms);
        http_request_trust(req);
        s->ws = http_upgrade_websocket(req, NULL, &options, &ws_events, s);
        if (!s->ws) {                   /* no websocket: answered */
                free(s);
                return;
        }
        s->next = h->first;
        if (h->first)
                h->first->prev = s;
        h->first = s;
        h->n++;
        s->hello_timer = timer_new(h->loop, on_no_hello, s);
        timer_start(s->hello_timer, HELLO_MS);
}

struct host_sessions *host_sessions_new(struct loop *l, struct core *c, struct node_files *files) {
        struct host_sessions *h = dr_xnew(struct host_sessions);
        *h = (struct host_sessions) { .loop = l, .core = c, .files = files, .metadata = metadata_new(l, c) };
        return h;
}

struct host_sessions *host_sessions_free(struct host_sessions *h) {
        if (!h)
                return NULL;
        while (h->first) {              /* those left have their last callbacks still to come */
                struct session *s = h->first;
                detach(s);
                timer_free(dr_take(s->hello_timer));
                unlink_session(s);
                s->all = NULL;
        }
        metadata_free(h->metadata);
        map_done(&h->out_until);
        free(h);
        return NULL;
}
