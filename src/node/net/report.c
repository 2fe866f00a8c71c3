#include "report.h"

#include "base/times.h"

#include <inttypes.h>

enum { NAMED_MAX = 5, MESSAGE_BYTES_MAX = 2000 };

const char *report_state_to_string(enum report_state s) {
        static const char *const names[REPORT_STATE_MAX] = { "ok", "starting", "degraded", "broken" };
        return s < REPORT_STATE_MAX ? names[s] : NULL;
}

static size_t count(const struct report *r, enum peer_state state) {
        size_t n = 0;
        for (size_t i = 0; i < reach_count(r->reach); i++)
                n += reach_at(r->reach, i)->state == state;
        return n;
}

static void name_peers(const struct report *r, enum peer_state state, struct sbuf *out) {
        size_t named = 0, all = count(r, state);
        char text[INET_TEXT_MAX];
        for (size_t i = 0; i < reach_count(r->reach) && named < NAMED_MAX; i++) {
                const struct probed *p = reach_at(r->reach, i);
                if (p->state == state)
                        sbuf_printf(out, "%s%.64s (%s)", named++ ? ", " : "", p->name, inet_text(&p->host, text));
        }
        if (all > named)
                sbuf_printf(out, " and %zu more", all - named);
}

enum report_state report_judge(const struct report *r, struct sbuf *message) {
        size_t lost = count(r, PEER_LOST), small = count(r, PEER_SMALL_ONLY), fine = count(r, PEER_OK);
        if (*r->overlay->missing) {
                sbuf_puts(message, r->overlay->missing);
                return REPORT_STARTING;
        }
        if (*r->failure || r->kernel->failed) {
                sbuf_puts(message, *r->failure ? r->failure : r->kernel->first.message);
                return REPORT_BROKEN;
        }
        if (r->kernel->no_bridge) {
                sbuf_printf(message, "bridge %s does not exist yet", r->overlay->bridge);
                return REPORT_STARTING;
        }
        if (lost) {
                sbuf_printf(message, "%zu of %zu hosts not reachable over the overlay: ", lost, lost + small + fine);
                name_peers(r, PEER_LOST, message);
        }
        if (small) {
                sbuf_printf(message, "%spackets of %u bytes do not arrive at ", lost ? "; " : "", r->overlay->mtu);
                name_peers(r, PEER_SMALL_ONLY, message);
        }
        if (lost || small)
                return fine + small ? REPORT_DEGRADED : REPORT_BROKEN;
        return REPORT_OK;
}

static void text(struct sbuf *out, const char *key, const char *value) {
        sbuf_printf(out, "\"%s\":", key);
        sbuf_json_string(out, value, strlen(value));
        sbuf_putc(out, ',');
}

static void peer_json(const struct probed *p, struct sbuf *out) {
        char ip[INET_TEXT_MAX], since[32];
        time_format_iso_ms(p->since_ms, since, sizeof since);
        sbuf_putc(out, '{');
        text(out, "uuid", p->uuid);
        text(out, "name", p->name);
        text(out, "host", inet_text(&p->host, ip));
        text(out, "address", inet_text(&p->address, ip));
        text(out, "state", peer_state_to_string(p->state));
        text(out, "since", since);
        sbuf_printf(out, "\"rttMs\":%.3f,\"sent\":%" PRIu64 ",\"answered\":%" PRIu64 "}", (double) p->rtt_us / 1000, p->sent, p->answered);
}

void report_json(const struct report *r, struct sbuf *out) {
        auto_sbuf struct sbuf message = SBUF(MESSAGE_BYTES_MAX);
        enum report_state state = report_judge(r, &message);
        const struct overlay *o = r->overlay;
        char ip[INET_TEXT_MAX], now[32], started[32];
        time_format_iso_ms(r->started_ms, started, sizeof started);
        time_format_iso_ms(time_wall_ms(), now, sizeof now);
        sbuf_putc(out, '{');
        text(out, "at", now);
        text(out, "started", started);
        text(out, "state", report_state_to_string(state));
        text(out, "message", sbuf_str(&message));
        text(out, "network", r->network);
        text(out, "device", OVERLAY_DEVICE);
        text(out, "bridge", o->bridge);
        text(out, "host", inet_text(&o->host, ip));
        text(out, "address", inet_text(&o->address, ip));
        text(out, "underlay", r->kernel->underlay);
        sbuf_printf(out, "\"mtu\":%u,\"underlayMtu\":%u,\"containers\":%u,\"duplicates\":%u,\"looks\":%" PRIu64 ",\"repairs\":%" PRIu64 ",\"peers\":[", o->mtu,
                    r->kernel->underlay_mtu, o->containers, o->duplicates, r->looks, r->repairs);
        for (size_t i = 0; i < reach_count(r->reach); i++) {
                sbuf_puts(out, i ? "," : "");
                peer_json(reach_at(r->reach, i), out);
        }
        sbuf_puts(out, "]}\n");
}

static void label(struct sbuf *out, const char *s) {
        for (; *s; s++) {
                if (*s == '"' || *s == '\\')
                        sbuf_putc(out, '\\');
                sbuf_putc(out, *s == '\n' ? ' ' : *s);
        }
}

void report_metrics(const struct report *r, struct sbuf *out) {
        auto_sbuf struct sbuf message = SBUF(MESSAGE_BYTES_MAX);
        sbuf_printf(out, "# TYPE drover_overlay_ok gauge\ndrover_overlay_ok %d\n", report_judge(r, &message) == REPORT_OK);
        sbuf_printf(out, "# TYPE drover_overlay_containers gauge\ndrover_overlay_containers %u\n", r->overlay->containers);
        sbuf_printf(out, "# TYPE drover_overlay_repairs_total counter\ndrover_overlay_repairs_total %" PRIu64 "\n", r->repairs);
        static const char *const names[] = { "drover_overlay_peer_up gauge", "drover_overlay_peer_rtt_seconds gauge", "drover_overlay_peer_probes_total counter",
                                             "drover_overlay_peer_answers_total counter" };
        for (size_t k = 0; k < ARRAY_LEN(names); k++) {
                sbuf_printf(out, "# TYPE %s\n", names[k]);
                for (size_t i = 0; i < reach_count(r->reach); i++) {
                        const struct probed *p = reach_at(r->reach, i);
                        sbuf_printf(out, "%.*s{peer=\"", (int) strcspn(names[k], " "), names[k]);
                        label(out, p->name);
                        sbuf_puts(out, "\"} ");
                        if (k == 0)
                                sbuf_printf(out, "%d\n", p->state == PEER_OK);
                        else if (k == 1)
                                sbuf_printf(out, "%.6f\n", (double) p->rtt_us / 1e6);
                        else
                                sbuf_printf(out, "%" PRIu64 "\n", k == 2 ? p->sent : p->answered);
                }
        }
}
