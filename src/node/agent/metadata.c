#include "node/agent/metadata.h"

#include "base/log.h"
#include "base/map.h"
#include "node/agent/metasocket.h"

enum { SAVE_SOON_MS = 200, MESSAGE_BYTES_MAX = 4 << 20 };

struct agent_metadata {
        struct agent_metadata_config cfg;
        struct metastore *store;
        struct metasocket *socket;      /* NULL: it could not be made */
        struct timer *save;
        struct smap asked;              /* topics asked for again, until something of them fits; owned names */
        bool refused;                   /* what came on this connection cannot be kept */
};

static void names_done(struct smap *m) {
        smap_foreach(m, s)
                free(s->value);
        smap_done(m);
        *m = (struct smap) { 0 };
}

static void on_tell(void *arg, const char *line, size_t len) {
        struct agent_metadata *m = arg;
        if (m->socket)
                metasocket_tell(m->socket, line, len);
}

static void save_later(struct agent_metadata *m, uint64_t at_ms) {
        uint64_t now = loop_now_ms(m->cfg.loop);
        if (at_ms != UINT64_MAX)
                timer_start(m->save, at_ms > now ? at_ms - now : 1);
}

static void on_save(void *arg) {
        struct agent_metadata *m = arg;
        save_later(m, metastore_save(m->store, loop_now_ms(m->cfg.loop)));
}

static void ask(struct agent_metadata *m, struct json_object *topics) {
        auto_sbuf struct sbuf b = SBUF(MESSAGE_BYTES_MAX);
        sbuf_puts(&b, "{\"t\":\"metadata.resume\",\"topics\":");
        json_write(topics, 0, &b);
        sbuf_putc(&b, '}');
        if (sbuf_ok(&b))
                (void) m->cfg.send(sbuf_str(&b), b.len, m->cfg.arg);    /* not there: asked when it is */
}

void agent_metadata_connected(struct agent_metadata *m) {
        AUTO(json_free) struct json_object *have = metastore_revisions(m->store);
        m->refused = false;
        names_done(&m->asked);
        ask(m, have);
}

void agent_metadata_lost(struct agent_metadata *m) { metastore_drop_pieces(m->store); }

static void ask_again(struct agent_metadata *m, const char *topic) {
        if (smap_get(&m->asked, topic))
                return;
        char *own = dr_xstrdup(topic);
        smap_set(&m->asked, own, own);
        AUTO(json_free) struct json_object *topics = json_object_new_object();
        json_set_int(topics, topic, (int64_t) metastore_rev(m->store, topic));
        ask(m, topics);
}

void agent_metadata_take(struct agent_metadata *m, struct json_object *message) {
        static const char sync[] = "{\"sync\":true}";
        const char *topic = json_str(message, "topic", "");
        struct dr_error err;
        if (json_bool(message, "sync", false)) {
                on_tell(m, sync, strlen(sync));
                return;
        }
        if (m->refused)
                return;
        int r = metastore_take(m->store, message, &err);
        if (r == -ESTALE) {
                ask_again(m, topic);
        } else if (r < 0) {
                log_error("metadata of the server is not taken any more on this connection", "reason", err.message, NULL);
                m->refused = true;
        } else {
                free(smap_del(&m->asked, topic));
                if (r && !timer_is_running(m->save))
                        timer_start(m->save, SAVE_SOON_MS);
        }
}

void agent_metadata_clear(struct agent_metadata *m) { metastore_clear(m->store); }

struct agent_metadata *agent_metadata_new(const struct agent_metadata_config *cfg) {
        struct agent_metadata *m = dr_xnew(struct agent_metadata);
        auto_free char *dir = dr_xasprintf("%s/metadata", cfg->state_dir), *path = dr_xasprintf("%s/metadata.sock", cfg->state_dir);
        struct dr_error err;
        m->cfg = *cfg;
        m->store = metastore_new(dir, on_tell, m);
        m->save = timer_new(cfg->loop, on_save, m);
        if (metasocket_new(cfg->loop, path, m->store, &m->socket, &err) < 0)
                log_error("services of this host get no metadata", "reason", err.message, NULL);
        return m;
}

struct agent_metadata *agent_metadata_free(struct agent_metadata *m) {
        if (!m)
                return NULL;
        (void) metastore_save(m->store, UINT64_MAX);
        metasocket_free(m->socket);
        metastore_free(m->store);
        timer_free(m->save);
        names_done(&m->asked);
        free(m);
        return NULL;
}
