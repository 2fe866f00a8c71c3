#include "vxlan.h"

#include "base/file.h"
#include "base/log.h"
#include "base/times.h"
#include "net/http_server.h"
#include "node/metadata/feed.h"
#include "node/net/report.h"

#include <stdio.h>

enum {
        LOOK_SOON_MS = 20, LOOK_EVERY_MS = 30000, RETRY_MS = 1000, TELL_EVERY_MS = 10000, LISTEN_EVERY_MS = 1000, REPORT_BYTES_MAX = 8 << 20,
        BUSY_SHARE = 5,                 /* a look that took a while is not repeated before five times that */
};

struct vxlan {
        struct loop *loop;
        struct vxlan_config cfg;
        struct mdata *model;
        struct feed *feed;
        struct kernel *kernel;
        struct reach *reach;
        struct http_server *http;
        struct timer *look, *again, *told, *listen;
        struct overlay overlay;
        struct kernel_result result;
        char failure[256];
        uint64_t generation;            /* of what the last look worked from */
        int64_t started_ms;
        uint64_t looks, repairs, rest_until_ms;
        enum report_state state;
        bool synced;                    /* metadata was complete once */
        bool listen_said;
};

/* Telling -------------------------------------------------------------------------------------------------------------- */

static struct report report_of(const struct vxlan *v) {
        return (struct report) { .network = v->cfg.network, .overlay = &v->overlay, .kernel = &v->result, .failure = v->failure, .reach = v->reach, .looks = v->looks,
                                 .repairs = v->repairs, .started_ms = v->started_ms };
}

static void write_state(struct vxlan *v) {
        struct report r = report_of(v);
        auto_sbuf struct sbuf out = SBUF(REPORT_BYTES_MAX), message = SBUF(2048);
        struct dr_error err;
        enum report_state state = report_judge(&r, &message);
        if (state != v->state)
                log_kv(state == REPORT_OK || state == REPORT_STARTING ? LOG_INFO : LOG_WARNING, "overlay", "was", report_state_to_string(v->state), "is",
                       report_state_to_string(state), "reason", sbuf_str(&message), NULL);
        v->state = state;
        if (!v->cfg.state_file)
                return;
        report_json(&r, &out);
        if (!sbuf_ok(&out) || file_replace(v->cfg.state_file, out.data, out.len, 0644, &err) < 0)
                log_warning("could not write what of the overlay works", "file", v->cfg.state_file, "reason", sbuf_ok(&out) ? err.message : "it is too long", NULL);
}

static void on_told(void *arg) { write_state(arg); }

/* Looking -------------------------------------------------------------------------------------------------------------- */

static void apply(struct vxlan *v) {
        struct dr_error err = { 0 };
        uint64_t began_us = time_mono_us();
        bool news = v->generation != mdata_generation(v->model);
        v->failure[0] = 0;
        /* Removing waits until all that the agent knows is here. */
        if (kernel_sync(v->kernel, &v->overlay, !v->synced, &v->result, &err) < 0) {
                snprintf(v->failure, sizeof v->failure, "%s", err.message);
                log_warning("the overlay cannot be set up", "reason", err.message, NULL);
        } else if (v->result.failed) {
                log_warning("parts of the overlay could not be set up", "reason", v->result.first.message, NULL);
        }
        v->generation = mdata_generation(v->model);
        v->looks++;
        unsigned changes = v->result.added + v->result.removed;
        if (!news)
                v->repairs += changes;
        if (changes)
                log_infof("overlay: %u entries set, %u removed%s", v->result.added, v->result.removed, news ? "" : ", which something else had changed");
        if (reach_set(v->reach, &v->overlay, &err) < 0)
                log_warning("other hosts cannot be asked", "reason", err.message, NULL);
        v->rest_until_ms = loop_now_ms(v->loop) + (time_mono_us() - began_us) / 1000 * BUSY_SHARE;
}

static void on_look(void *arg) {
        struct vxlan *v = arg;
        if (mdata_generation(v->model) == 0)
                return;
        v->synced |= mdata_is_synced(v->model);
        overlay_decide(&v->overlay, v->model, v->cfg.network);
        if (!*v->overlay.missing)
                apply(v);
        timer_start(v->again, *v->failure || v->result.failed ? RETRY_MS : LOOK_EVERY_MS);
        write_state(v);
}

static void look_soon(void *arg) {
        struct vxlan *v = arg;
        uint64_t now_ms = loop_now_ms(v->loop), rest_ms = v->rest_until_ms > now_ms ? v->rest_until_ms - now_ms : 0;
        if (!timer_is_running(v->look))
                timer_start(v->look, MAX((uint64_t) LOOK_SOON_MS, rest_ms));
}

static void on_metadata(struct mdata *m, void *arg) { look_soon(arg); }

void vxlan_reload(struct vxlan *v) {
        struct dr_error err;
        int r = feed_reload(v->feed, &err);
        if (r < 0 && r != -ENOTSUP)
                log_warning("metadata could not be read again", "reason", err.message, NULL);
        look_soon(v);
}

/* Answering ------------------------------------------------------------------------------------------------------------ */

static void reply(struct http_request *req, int status, const char *type, const char *text) {
        struct http_header h = { "Content-Type", type };
        http_reply(req, status, &h, 1, text, strlen(text));
}

static void on_request(struct http_request *req, void *arg) {
        struct vxlan *v = arg;
        struct report r = report_of(v);
        auto_sbuf struct sbuf out = SBUF(REPORT_BYTES_MAX), message = SBUF(2048);
        if (str_eq(req->raw_path, "/ping"))
                return reply(req, 200, "text/plain", "OK");
        if (str_eq(req->raw_path, "/connectivity")) {
                bool ok = report_judge(&r, &message) < REPORT_DEGRADED;
                return reply(req, ok ? 200 : 500, "text/plain", ok ? "OK" : "NOT OK");
        }
        if (str_eq(req->raw_path, "/v1/reload")) {
                vxlan_reload(v);
                return reply(req, 200, "text/plain", "OK");
        }
        if (str_eq(req->raw_path, "/metrics")) {
                report_metrics(&r, &out);
                return reply(req, sbuf_ok(&out) ? 200 : 500, "text/plain; version=0.0.4", sbuf_str(&out));
        }
        if (str_eq(req->raw_path, "/state")) {
                report_json(&r, &out);
                return reply(req, sbuf_ok(&out) ? 200 : 500, "application/json", sbuf_str(&out));
        }
        http_reply_error(req, 404, NULL);
}

/* The one that this one replaces may still have the port. */
static void on_listen(void *arg) {
        struct vxlan *v = arg;
        struct dr_error err;
        if (http_server_listen_tcp(v->http, v->cfg.listen_address, v->cfg.port, NULL, NULL, &err) == 0)
                return;
        if (!v->listen_said)
                log_warning("waiting for the port", "reason", err.message, NULL);
        v->listen_said = true;
        timer_start(v->listen, LISTEN_EVERY_MS);
}

/* Life ----------------------------------------------------------------------------------------------------------------- */

int vxlan_new(struct loop *l, const struct vxlan_config *cfg, struct vxlan **ret, struct dr_error *err) {
        AUTO(vxlan_free) struct vxlan *v = dr_xnew(struct vxlan);
        v->loop = l;
        v->cfg = *cfg;
        v->state = REPORT_STARTING;
        v->started_ms = time_wall_ms();
        v->look = timer_new(l, on_look, v);
        v->again = timer_new(l, on_look, v);
        v->told = timer_new(l, on_told, v);
        v->listen = timer_new(l, on_listen, v);
        v->model = mdata_new();
        v->reach = reach_new(l, on_told, v);
        snprintf(v->overlay.missing, sizeof v->overlay.missing, "metadata has not come yet");
        int r = kernel_new(l, look_soon, v, &v->kernel, err);
        if (r < 0)
                return r;
        v->feed = feed_new(l, v->model, &(struct feed_config) { .socket_path = cfg->socket_path, .file = cfg->file, .changed = on_metadata, .arg = v }, err);
        if (!v->feed)
                return -EINVAL;
        if (cfg->port) {
                v->http = http_server_new(l, &(struct http_server_config) { .handler = on_request, .arg = v });
                on_listen(v);
        }
        timer_start_periodic(v->told, TELL_EVERY_MS, TELL_EVERY_MS);
        look_soon(v);
        write_state(v);
        *ret = dr_take(v);
        return 0;
}

struct vxlan *vxlan_free(struct vxlan *v) {
        if (!v)
                return NULL;
        http_server_free(v->http);
        feed_free(v->feed);
        reach_free(v->reach);
        kernel_free(v->kernel);
        mdata_free(v->model);
        timer_free(v->look);
        timer_free(v->again);
        timer_free(v->told);
        timer_free(v->listen);
        overlay_done(&v->overlay);
        free(v);
        return NULL;
}
