#include "agent.h"

#include "base/file.h"
#include "base/log.h"
#include "base/parse.h"
#include "base/rng.h"
#include "node/agent/hostinfo.h"
#include "node/agent/identity.h"
#include "node/agent/images.h"
#include "node/agent/metadata.h"
#include "node/agent/register.h"
#include "node/agent/requests.h"
#include "node/agent/session.h"
#include "node/agent/units.h"
#include "node/agent/upgrade.h"
#include "node/streams/channel.h"

#include <inttypes.h>
#include <stdio.h>

enum { REFRESH_MS = 60000, FACTS_MS = 115000, FIRST_FACTS_MS = 2000, INFO_MS = 10000, HOST_BYTES_MAX = 1 << 20, REPLACED_DELAY_MS = 30000, REGISTER_TRIES = 8, PROXIES_MAX = 6,
       ORPHAN_GRACE_MS = 120000, ORPHAN_GRACE_S_MAX = 30 * 86400 };

static const char default_ca_file[] = "/var/lib/rancher/etc/ssl/ca.crt";
static const char status_file[] = "agent.status";

/* Lookups that may block, done on a pool thread. Owned by the work until it is done. */
struct lookup { struct agent *agent; char *server; unsigned port; char *state_dir; char *hostname, *address, *host_key; };

struct agent {
        struct loop *loop;
        struct agent_config cfg;
        struct identity identity;
        struct node_state *state;
        char *state_path, *status_path, *images_path, *base_url;
        struct http_client *http;
        struct docker *docker;
        struct units *units;
        struct requests *requests;
        struct channels *channels;
        struct images *images;
        struct agent_metadata *metadata;
        struct upgrade *upgrade;
        struct registration *registration;
        struct session *session;
        struct timer *refresh, *first_facts;
        struct docker_call *info_call;
        struct lookup *lookup;          /* running */
        char *hostname, *address, *host_key;    /* found by lookup */
        struct hostinfo hostinfo;
        json_object *engine_info;       /* what is needed of GET /info */
        uint64_t saved_rev;
        uint64_t facts_hash, facts_told_ms;     /* of the last host message; facts_hash 0: none on this connection */
        bool looked_up, started, dialling, upgrading;
        char boot[17], host_id[64];
        char **search;
        const char *proxies[PROXIES_MAX + 1];
        char *proxy_texts[PROXIES_MAX];
        uint64_t orphan_grace_ms;       /* DROVER_ORPHAN_GRACE_S */
};

/* What a human, and the installer, can see: one NAME=value a line. */
static void write_status(struct agent *a, const char *state, const char *message) {
        auto_sbuf struct sbuf out = SBUF(4096);
        sbuf_printf(&out, "state=%s\npid=%d\nhostId=%s\nmessage=", state, (int) getpid(), a->host_id);
        for (const char *p = message; *p; p++)
                sbuf_putc(&out, (unsigned char) *p < ' ' ? ' ' : *p);
        sbuf_putc(&out, '\n');
        auto_free char *temporary = dr_xasprintf("%s.new", a->status_path);
        FILE *f = fopen(temporary, "we");
        if (!f)
                return;                                 /* only informative; a full disk shows elsewhere */
        size_t n = fwrite(sbuf_str(&out), 1, out.len, f);
        if (fclose(f) == 0 && n == out.len)
                (void) rename(temporary, a->status_path);
}

/* The host message ------------------------------------------------------------------------------------------------ */

static void add(struct sbuf *out, const char *key, const char *value) {
        sbuf_printf(out, "\"%s\":", key);
        sbuf_json_string(out, value, strlen(value));
        sbuf_putc(out, ',');
}

static void make_host(struct agent *a, struct sbuf *out) {
        const struct docker_version *v = docker_version(a->docker);
        const struct agent_config *c = &a->cfg;
        struct hostinfo_input in = {
                .engine_info = a->engine_info, .engine_version = v->version, .engine_build = v->build, .host_labels = c->host_labels,
                .scheduler_ips = c->scheduler_ips, .scheduler_require_any = c->scheduler_require_any, .agent_image = c->agent_image,
                .memory_override = c->memory_override, .milli_cpu_override = c->milli_cpu_override, .local_storage_mb_override = c->local_storage_mb_override,
                .host_key = a->host_key, .node_sha256 = a->upgrade ? upgrade_own_sha256(a->upgrade) : "", .upgrade_error = a->upgrade ? upgrade_error(a->upgrade) : "",
        };
        sbuf_putc(out, '{');
        add(out, "uuid", a->identity.docker_uuid);
        add(out, "physicalUuid", a->identity.physical_uuid);
        add(out, "hostname", c->hostname && *c->hostname ? c->hostname : str_or(a->hostname, ""));
        add(out, "agentIp", c->agent_ip && *c->agent_ip ? c->agent_ip : str_or(a->address, ""));
        hostinfo_format(&a->hostinfo, &in, out);
        sbuf_puts(out, ",\"engine\":{");
        add(out, "version", v->version);
        add(out, "apiVersion", v->api);
        add(out, "minApiVersion", v->min_api);
        add(out, "message", docker_health_message(a->docker));
        sbuf_printf(out, "\"healthy\":%s}}", docker_is_healthy(a->docker) ? "true" : "false");
}

/* Of what changes only when something happened: engine, names, addresses, this program. */
static uint64_t lasting_facts(struct agent *a) {
        const struct docker_version *v = docker_version(a->docker);
        const char *facts[] = {
                v->version, v->api, v->min_api, docker_health_message(a->docker), a->hostname, a->address, a->host_key, a->engine_info ? jv_print(a->engine_info) : NULL,
                a->upgrade ? upgrade_own_sha256(a->upgrade) : NULL, a->upgrade ? upgrade_error(a->upgrade) : NULL,
        };
        uint64_t hash = docker_is_healthy(a->docker) ? 1 : 2;
        for (size_t i = 0; i < ARRAY_LEN(facts); i++)
                hash = hash_u64(hash ^ hash_bytes(str_or(facts[i], ""), strlen(str_or(facts[i], ""))));
        return hash | 1;
}

/* At once when one of those changed; loads and fill levels every two minutes (agent.md 7), since the server stores each. */
static void send_host(struct agent *a) {
        if (!a->session || !session_is_ready(a->session))
                return;
        uint64_t facts = lasting_facts(a), now_ms = loop_now_ms(a->loop);
        if (facts == a->facts_hash && now_ms < a->facts_told_ms + FACTS_MS)
                return;
        auto_sbuf struct sbuf out = SBUF(HOST_BYTES_MAX);
        sbuf_puts(&out, "{\"t\":\"host\",\"host\":");
        make_host(a, &out);
        sbuf_putc(&out, '}');
        if (sbuf_ok(&out) && session_send(a->session, out.data, out.len) == 0) {
                a->facts_hash = facts;
                a->facts_told_ms = now_ms;
        }
}

static void make_hello(struct sbuf *out, void *arg) {
        struct agent *a = arg;
        sbuf_printf(out, "{\"t\":\"hello\",\"version\":%d,\"nodeVersion\":\"%s\",\"epoch\":%" PRIu64 ",\"rev\":%" PRIu64 ",\"boot\":\"%s\",\"metadata\":true,\"host\":", PROTOCOL_VERSION,
                    DROVER_VERSION, a->state->epoch, a->saved_rev, a->boot);
        make_host(a, out);
        sbuf_putc(out, '}');
        a->facts_hash = lasting_facts(a);
        a->facts_told_ms = loop_now_ms(a->loop);
}

/* Facts ------------------------------------------------------------------------------------------------------------ */

static void start_session(struct agent *a);

static void facts_are_there(struct agent *a) {
        if (!a->started && a->looked_up && (a->engine_info || !timer_is_running(a->first_facts)))
                start_session(a);
        send_host(a);
}
static void on_first_facts(void *arg) { facts_are_there(arg); }

static void on_info(struct docker_call *c, int result, int status, const char *body, size_t len, const struct dr_error *err, void *arg) {
        static const char *const keys[] = { "Driver", "DriverStatus", "OperatingSystem", "DockerRootDir", "CgroupVersion" };
        struct agent *a = arg;
        a->info_call = NULL;
        if (result == 0 && status == 200) {
                AUTO(jv_put) json_object *o = jv_parse(body, len, PROTOCOL_BYTES_MAX, NULL);
                json_object_put(a->engine_info);
                a->engine_info = json_object_new_object();
                for (size_t i = 0; i < ARRAY_LEN(keys); i++)
                        if (jv_get(o, keys[i]))
                                json_object_object_add(a->engine_info, keys[i], json_object_get(jv_get(o, keys[i])));
                units_set_engine_facts(a->units, jv_str(a->engine_info, "DockerRootDir"), NULL, str_eq(jv_str(a->engine_info, "CgroupVersion"), "2") ? 2 : 1);
                images_set_root(a->images, jv_str(a->engine_info, "DockerRootDir"));
        }
        facts_are_there(a);
}

static void ask_info(struct agent *a) {
        if (a->info_call)
                return;
        struct docker_request r = { .path = "/info", .total_ms = INFO_MS, .done = on_info, .arg = a };
        a->info_call = docker_call_start(a->docker, &r, NULL);
}

static void lookup_work(void *arg) {
        struct lookup *k = arg;
        k->hostname = hostinfo_hostname();
        k->address = hostinfo_address(k->server, k->port);
        k->host_key = hostinfo_host_key(k->state_dir);
}

static void lookup_done(void *arg) {
        struct lookup *k = arg;
        struct agent *a = k->agent;
        if (a) {                                        /* NULL: the agent ended meanwhile */
                free(a->hostname);
                free(a->address);
                a->hostname = dr_take(k->hostname);
                a->address = dr_take(k->address);
                if (k->host_key) {
                        free(a->host_key);
                        a->host_key = dr_take(k->host_key);
                }
                a->lookup = NULL;
                a->looked_up = true;
                facts_are_there(a);
        }
        free(k->server);
        free(k->state_dir);
        free(k->host_key);
        free(k->hostname);
        free(k->address);
        free(k);
}

static void look_up(struct agent *a) {
        struct http_url url;
        if (a->lookup || http_url_parse(a->base_url, &url, NULL) < 0)
                return;
        struct lookup *k = dr_xnew(struct lookup);
        k->agent = a;
        k->server = dr_xstrdup(url.host);
        k->state_dir = dr_xstrdup(a->cfg.state_dir);
        k->port = url.port;
        http_url_done(&url);
        a->lookup = k;
        loop_work(a->loop, lookup_work, lookup_done, k);
}

static void on_refresh(void *arg) {
        struct agent *a = arg;
        look_up(a);
        ask_info(a);
        if (docker_is_healthy(a->docker))
                units_survey(a->units);
}

/* Engine ----------------------------------------------------------------------------------------------------------- */

static void on_engine_health(bool healthy, const char *message, void *arg) { send_host(arg); }
static void on_engine_connected(void *arg) {
        struct agent *a = arg;
        ask_info(a);
        units_engine_connected(a->units);
        images_engine_connected(a->images);
        channels_engine_connected(a->channels);
}
static void on_engine_event(const struct docker_event *e, void *arg) {
        struct agent *a = arg;
        units_engine_event(a->units, e);
        channels_engine_event(a->channels, e);
}
static const struct docker_watch docker_watch = { on_engine_health, on_engine_connected, on_engine_event };

/* Containers ------------------------------------------------------------------------------------------------------- */

static void on_observed(bool full, const char *containers, void *arg) {
        struct agent *a = arg;
        if (!a->session)
                return;
        auto_sbuf struct sbuf out = SBUF(PROTOCOL_BYTES_MAX);
        sbuf_printf(&out, "{\"t\":\"observed\",\"full\":%s,\"containers\":%s}", full ? "true" : "false", containers);
        if (sbuf_ok(&out))
                (void) session_send(a->session, out.data, out.len);     /* not ready: the next session begins with a full list */
}

static void obey(struct agent *a) {
        a->saved_rev = a->state->rev;
        units_desired_changed(a->units);
        if (a->session)
                session_beat(a->session);
}
static void on_saved(void *arg) {
        struct agent *a = arg;
        if (a->saved_rev != a->state->rev)              /* a `desired` that could not be written when it came */
                obey(a);
}
static void on_pulled(const char *image, void *arg) {
        log_info("image is here", "image", image, NULL);
        images_pulled(((struct agent *) arg)->images, image);
}
static const struct units_events units_events = { on_observed, on_saved, on_pulled };

/* Session ---------------------------------------------------------------------------------------------------------- */

static uint64_t get_rev(void *arg) { return ((struct agent *) arg)->saved_rev; }
static void send_reply(const char *p, size_t n, void *arg) {
        struct agent *a = arg;
        if (a->session)
                (void) session_send(a->session, p, n);  /* not ready: the server has given the request up */
}

static int check_epoch(struct agent *a, const struct server_message *m, struct dr_error *err) {
        if (m->epoch < a->state->epoch)
                return dr_fail(err, DR_E_CONFLICT, "epoch", "epoch %" PRIu64 " is below %" PRIu64 ", which was obeyed before: this server does not lead (any more)",
                               m->epoch, a->state->epoch);
        if (m->epoch == a->state->epoch)
                return 0;
        a->state->epoch = m->epoch;
        return m->kind == SERVER_DESIRED ? 0 : state_save(a->state, a->state_path, err);
}

static void take_settings(struct agent *a, const struct server_message *m) {
        images_set_policy(a->images, m->images);
        if (a->upgrade)
                upgrade_want(a->upgrade, m->node_sha256, false);
}

static void on_upgrade_asked(const char *sha256, void *arg) {
        struct agent *a = arg;
        if (a->upgrade)
                upgrade_want(a->upgrade, sha256, true);
}
static void on_upgrade_ready(void *arg) {
        struct agent *a = arg;
        a->upgrading = true;
        loop_stop(a->loop);
}
/* The first time: the own digest is known, and the session may begin: its hello says which program this is. */
static void on_upgrade_facts(void *arg) {
        struct agent *a = arg;
        if (!a->dialling)
                session_start(a->session);
        a->dialling = true;
        send_host(a);
}
bool agent_wants_upgrade(const struct agent *a) { return a->upgrading; }

static int take_hello(struct agent *a, const struct server_message *m, struct dr_error *err) {
        snprintf(a->host_id, sizeof a->host_id, "%s", m->host_id);
        take_settings(a, m);
        if (a->state->project && *m->project && !str_eq(a->state->project, m->project)) {
                log_warning("this host is in another environment now; what was desired before is dropped", "before", a->state->project, "now", m->project, NULL);
                state_clear(a->state);
                agent_metadata_clear(a->metadata);
                entry_set_text(&a->state->owner, a->identity.access_key);
                a->saved_rev = 0;
                (void) state_save(a->state, a->state_path, NULL);       /* tried again with the next change */
                return dr_fail(err, DR_E_CONFLICT, "projectUuid", "the environment changed: connecting anew from nothing");
        }
        if (!a->state->project && *m->project) {
                entry_set_text(&a->state->project, m->project);
                return state_save(a->state, a->state_path, err);
        }
        return 0;
}

static int take_desired(struct agent *a, const struct server_message *m, struct dr_error *err) {
        int r = protocol_take_desired(m, a->state, err);
        if (r < 0)
                return r;
        struct dr_error why;
        if (state_save(a->state, a->state_path, &why) < 0) {
                log_error("desired state could not be written; nothing new is done until it can", "reason", why.message, NULL);
                units_state_unsaved(a->units);
                return 0;
        }
        obey(a);
        if (m->full)
                units_survey(a->units);                 /* what is here and not in the snapshot goes */
        return 0;
}

static int take_bye(struct agent *a, const struct server_message *m) {
        if (str_eq(m->reason, "removed")) {
                log_warning("this host was removed from the server; the agent does not connect again until it is registered anew", NULL);
                struct dr_error err;
                if (identity_set_removed(a->cfg.state_dir, &a->identity, &err) < 0)
                        log_error("the removal could not be written down", "reason", err.message, NULL);
                state_clear(a->state);
                agent_metadata_clear(a->metadata);
                (void) state_save(a->state, a->state_path, NULL);       /* it belongs to a key that is gone: not used again anyway */
                a->saved_rev = 0;
                session_stop(a->session, UINT64_MAX, "removed");
                write_status(a, "removed", "this host was removed from the server; run the join command again to add it");
        } else {
                session_stop(a->session, REPLACED_DELAY_MS, m->reason);
        }
        return 0;
}

static int on_message(struct server_message *m, struct dr_error *err, void *arg) {
        struct agent *a = arg;
        int r = m->kind == SERVER_BYE || m->kind == SERVER_OTHER ? 0 : check_epoch(a, m, err);
        if (r < 0)
                return r;
        switch (m->kind) {
        case SERVER_HELLO:   return take_hello(a, m, err);
        case SERVER_DESIRED: return take_desired(a, m, err);
        case SERVER_REQUEST: return requests_take(a->requests, m), 0;
        case SERVER_STREAM:  return channels_open(a->channels, m->stream, m->stream_kind, m->data, err);
        case SERVER_SETTINGS: return take_settings(a, m), 0;
        case SERVER_METADATA: return agent_metadata_take(a->metadata, m->tree), 0;
        case SERVER_BYE:     return take_bye(a, m);
        default:             return 0;
        }
}

static void on_session_state(bool ready, bool refused, const char *why, void *arg) {
        struct agent *a = arg;
        if (!ready) {
                requests_cancel_all(a->requests);
                channels_end_all(a->channels);
        }
        if (!a->identity.removed)
                write_status(a, ready ? "connected" : refused ? "refused" : "connecting", why);
        if (!ready) {
                images_set_policy(a->images, NULL);     /* nothing is removed without a server */
                agent_metadata_lost(a->metadata);
        } else {
                agent_metadata_connected(a->metadata);
        }
        units_set_server(a->units, ready);
}

static int on_binary(const char *p, size_t n, struct dr_error *err, void *arg) { return channels_input(((struct agent *) arg)->channels, p, n, err); }
static void on_session_drain(void *arg) { channels_drained(((struct agent *) arg)->channels); }

static const struct session_events session_events = {
        .make_hello = make_hello, .get_rev = get_rev, .on_message = on_message, .on_binary = on_binary, .on_drain = on_session_drain, .on_state = on_session_state,
};

static int send_text(const char *p, size_t n, void *arg) {
        struct agent *a = arg;
        return a->session ? session_send(a->session, p, n) : -EPIPE;
}
static int send_frame(const char *p, size_t n, void *arg) { return session_send_binary(((struct agent *) arg)->session, p, n); }
static size_t session_queue(void *arg) { return session_queued_bytes(((struct agent *) arg)->session); }
static const char *get_project(void *arg) { return ((struct agent *) arg)->state->project; }

static void connect_server(struct agent *a) {
        /* The state belongs to the key it came with: another key is another host, perhaps of another server. */
        if (a->state->owner && !str_eq(a->state->owner, a->identity.access_key)) {
                log_warning("this host was registered anew; what was desired before is dropped", NULL);
                state_clear(a->state);
                agent_metadata_clear(a->metadata);
                a->saved_rev = 0;
        }
        entry_set_text(&a->state->owner, a->identity.access_key);
        a->upgrade = upgrade_new(&(struct upgrade_config) { .loop = a->loop, .http = a->http, .base_url = a->base_url, .access_key = a->identity.access_key,
                .secret_key = a->identity.secret_key, .state_dir = a->cfg.state_dir, .allowed = a->cfg.upgrades && !upgrade_is_trial(),
                .on_ready = on_upgrade_ready, .on_facts = on_upgrade_facts, .arg = a });
        a->session = session_new(&(struct session_config) { .loop = a->loop, .http = a->http, .url = a->base_url, .access_key = a->identity.access_key,
                                                            .secret_key = a->identity.secret_key, .low_bytes = OUT_LOW_BYTES, .events = &session_events, .arg = a });
}

static void on_registered(int result, const char *access_key, const char *secret_key, const struct dr_error *err, void *arg) {
        struct agent *a = arg;
        struct dr_error why = { 0 };
        if (result < 0) {
                log_error("registration failed", "reason", err->message, NULL);
                return write_status(a, "refused", err->message);
        }
        if (identity_save_keys(a->cfg.state_dir, &a->identity, access_key, secret_key, &why) < 0) {
                log_error("the keys could not be written", "reason", why.message, NULL);
                return write_status(a, "refused", why.message);
        }
        log_info("registered", "url", a->base_url, NULL);
        connect_server(a);
}

static void on_register_trouble(const char *message, void *arg) {
        log_warning("registration will be tried again", "reason", message, NULL);
        write_status(arg, "connecting", message);
}

static void start_session(struct agent *a) {
        a->started = true;
        if (a->identity.removed)
                return write_status(a, "removed", "this host was removed from the server; run the join command again to add it");
        if (a->identity.access_key)
                return connect_server(a);
        if (!a->cfg.token || !*a->cfg.token)
                return write_status(a, "refused", "this host is not registered and no registration token is given");
        a->registration = registration_start(&(struct registration_config) { .loop = a->loop, .http = a->http, .url = a->cfg.url, .token = a->cfg.token,
                .key = a->identity.key, .on_done = on_registered, .on_trouble = on_register_trouble, .arg = a });
}

/* Start and end ---------------------------------------------------------------------------------------------------- */

static void read_environment(struct agent *a) {
        static const char *const names[PROXIES_MAX] = { "http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "no_proxy", "NO_PROXY" };
        size_t n = 0, len;
        for (size_t i = 0; i < PROXIES_MAX; i++)
                if (getenv(names[i])) {
                        a->proxy_texts[n] = dr_xasprintf("%s=%s", names[i], getenv(names[i]));
                        a->proxies[n] = a->proxy_texts[n];
                        n++;
                }
        uint64_t grace_s;
        a->orphan_grace_ms = parse_u64(str_or(getenv("DROVER_ORPHAN_GRACE_S"), ""), ORPHAN_GRACE_S_MAX, &grace_s) == 0 ? grace_s * 1000 : ORPHAN_GRACE_MS;
        auto_free char *text = NULL;
        (void) file_read("/etc/resolv.conf", 65536, &text, &len, NULL);         /* none: no search domains */
        a->search = hostinfo_search_domains(str_or(text, ""));
}

static int client_new(struct loop *l, const struct agent_config *cfg, struct http_client **ret, struct dr_error *err) {
        const char *ca = cfg->ca_file && *cfg->ca_file ? cfg->ca_file : access(default_ca_file, R_OK) == 0 ? default_ca_file : NULL;
        return http_client_new(l, &(struct http_client_config) { .tls.ca_file = ca, .user_agent = "drover-node/" DROVER_VERSION, .idle_max = 1 }, ret, err);
}

int agent_new(struct loop *l, const struct agent_config *cfg, struct agent **ret, struct dr_error *err) {
        if (!cfg->url || !*cfg->url)
                return dr_fail(err, DR_E_MISSING_REQUIRED, "url", "no server is given: set --url or CATTLE_URL");
        struct agent *a = dr_xnew(struct agent);
        a->loop = l;
        a->cfg = *cfg;
        a->base_url = server_base_url(cfg->url);
        a->state_path = dr_xasprintf("%s/drover-desired.json", cfg->state_dir);
        a->status_path = dr_xasprintf("%s/%s", cfg->state_dir, status_file);
        random_string("0123456789abcdef", a->boot, sizeof a->boot - 1);
        read_environment(a);
        a->refresh = timer_new(l, on_refresh, a);
        a->first_facts = timer_new(l, on_first_facts, a);
        struct http_url url;
        int r = http_url_parse(a->base_url, &url, err);
        if (r >= 0) {
                http_url_done(&url);
                r = identity_load(cfg->state_dir, cfg->docker_uuid, cfg->physical_uuid, &a->identity, err);
        }
        if (r >= 0)
                r = state_load(a->state_path, &a->state, err);
        if (r >= 0)
                r = client_new(l, cfg, &a->http, err);
        const char *socket = cfg->docker_socket && *cfg->docker_socket ? cfg->docker_socket : "/var/run/docker.sock";
        if (r >= 0)
                r = docker_new(l, str_starts(socket, "unix://") ? socket + strlen("unix://") : socket, &docker_watch, a, &a->docker, err);
        if (r < 0) {
                agent_free(a);
                return r;
        }
        a->saved_rev = a->state->rev;
        a->units = units_new(&(struct units_config) { .loop = l, .docker = a->docker, .state = a->state, .state_path = a->state_path, .state_dir = a->cfg.state_dir,
                .host_search = (const char *const *) a->search, .proxy_env = a->proxies, .api_url = cfg->url, .orphan_grace_ms = a->orphan_grace_ms,
                .events = &units_events, .arg = a });
        a->requests = requests_new(&(struct requests_config) { .loop = l, .docker = a->docker, .send = send_reply, .on_pulled = on_pulled, .on_upgrade = on_upgrade_asked, .arg = a });
        a->channels = channels_new(&(struct channels_config) { .loop = l, .docker = a->docker, .send = send_frame, .queued_bytes = session_queue,
                .project = get_project, .arg = a });
        a->images_path = dr_xasprintf("%s/drover-images.json", cfg->state_dir);
        a->images = images_new(&(struct images_config) { .loop = l, .docker = a->docker, .state = a->state, .path = a->images_path });
        a->metadata = agent_metadata_new(&(struct agent_metadata_config) { .loop = l, .state_dir = cfg->state_dir, .send = send_text, .arg = a });
        write_status(a, "starting", "");
        docker_start(a->docker);
        look_up(a);
        timer_start(a->first_facts, FIRST_FACTS_MS);
        timer_start_periodic(a->refresh, REFRESH_MS, REFRESH_MS);
        *ret = a;
        return 0;
}

struct agent *agent_free(struct agent *a) {
        if (!a)
                return NULL;
        if (a->units && !a->identity.removed)   /* "removed" stays told; or a join is under way and waits for the next agent's word */
                write_status(a, "stopped", "the agent was stopped");
        registration_free(a->registration);
        upgrade_free(a->upgrade);
        a->session = session_free(a->session);
        channels_free(a->channels);
        requests_free(a->requests);
        units_free(a->units);
        images_free(a->images);
        agent_metadata_free(a->metadata);
        if (a->info_call)
                docker_call_cancel(a->info_call);
        docker_free(a->docker);
        http_client_free(a->http);
        if (a->lookup)
                a->lookup->agent = NULL;
        timer_free(a->refresh);
        timer_free(a->first_facts);
        state_free(a->state);
        identity_done(&a->identity);
        hostinfo_done(&a->hostinfo);
        json_object_put(a->engine_info);
        for (size_t i = 0; i < PROXIES_MAX; i++)
                free(a->proxy_texts[i]);
        free(a->search);
        free(a->hostname);
        free(a->address);
        free(a->host_key);
        free(a->images_path);
        free(a->state_path);
        free(a->status_path);
        free(a->base_url);
        free(a);
        return NULL;
}

struct once { struct loop *loop; struct identity *identity; const char *dir; int result; struct dr_error *err; };

static void on_registered_once(int result, const char *access_key, const char *secret_key, const struct dr_error *err, void *arg) {
        struct once *o = arg;
        o->result = result;
        if (result < 0 && o->err)
                *o->err = *err;
        if (result >= 0)
                o->result = identity_save_keys(o->dir, o->identity, access_key, secret_key, o->err);
        loop_stop(o->loop);
}
static void on_trouble_once(const char *message, void *arg) { log_warning("registration will be tried again", "reason", message, NULL); }

int agent_register(const struct agent_config *cfg, struct dr_error *err) {
        if (!cfg->url || !*cfg->url || !cfg->token || !*cfg->token)
                return dr_fail(err, DR_E_MISSING_REQUIRED, "token", "registration needs --url and --token");
        struct identity identity = { 0 };
        int r = identity_load(cfg->state_dir, cfg->docker_uuid, cfg->physical_uuid, &identity, err);
        if (r < 0)
                return r;
        AUTO(loop_free) struct loop *l = loop_new();
        struct http_client *http = NULL;
        r = client_new(l, cfg, &http, err);
        if (r >= 0) {
                struct once o = { .loop = l, .identity = &identity, .dir = cfg->state_dir, .err = err };
                struct registration *reg = registration_start(&(struct registration_config) { .loop = l, .http = http, .url = cfg->url, .token = cfg->token,
                        .key = identity.key, .tries_max = REGISTER_TRIES, .on_done = on_registered_once, .on_trouble = on_trouble_once, .arg = &o });
                loop_run(l);
                registration_free(reg);
                http_client_free(http);
                loop_run(l);                            /* closes what is left */
                r = o.result;
        }
        identity_done(&identity);
        return r;
}
