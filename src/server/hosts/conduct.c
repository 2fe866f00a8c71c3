#include "conduct.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/log.h"
#include "model/ids.h"

#define PREFIX "cut off: "

/* A host with thousands of containers that start at once has that much to say, but not for ever. */
enum { MESSAGES_PER_S = 1000, MESSAGES_BURST = 30000, WHY_BYTES = 200 };

static char why[WHY_BYTES];

void conduct_init(struct conduct *k, uint64_t now_ms) { *k = (struct conduct) { .tokens = MESSAGES_BURST, .at_ms = now_ms }; }

bool conduct_may_send(struct conduct *k, uint64_t now_ms) {
        k->tokens = MIN((double) MESSAGES_BURST, k->tokens + (double) (now_ms - k->at_ms) * MESSAGES_PER_S / 1000.0);
        k->at_ms = now_ms;
        if (k->tokens < 1)
                return false;
        k->tokens -= 1;
        return true;
}

const char *conduct_check_observed(struct core *c, int64_t host_id, const struct observed *obs, size_t n) {
        for (size_t i = 0; i < n; i++) {
                char uuid[UUID_CHARS + 1];
                if (obs[i].foreign)
                        continue;
                uuid_format(&obs[i].uuid, uuid);
                const struct record *r = world_by_uuid(core_world(c), T_instance, uuid);
                int64_t of = r ? record_int(r, F_hostId) : 0;
                if (!of || of == host_id)
                        continue;               /* removed meanwhile, or not placed any more */
                snprintf(why, sizeof why, "it reports container %s, which is another host's", uuid);
                return why;
        }
        return NULL;
}

const char *conduct_check_epoch(struct core *c, uint64_t epoch) {
        if (epoch <= core_epoch(c))
                return NULL;
        snprintf(why, sizeof why, "it has obeyed epoch %" PRIu64 ", this server has %" PRIu64 ": another server leads, or an old copy of the database is served "
                 "(see \"drover-server restore\")", epoch, core_epoch(c));
        return why;
}

void conduct_name(struct core *c, struct record *host, const char *peer, const char *reason) {
        char id[ID_TEXT_MAX] = "", message[WHY_BYTES + sizeof PREFIX];
        if (host) {
                snprintf(message, sizeof message, PREFIX "%s", reason);
                core_put_str(c, host, F_transitioningState, "error");
                core_put_str(c, host, F_transitioningMessage, message);
                id_format(API_V2_BETA, T_host, host->id, id);
        }
        log_warning("host is cut off: it does what a host may not", "host", id, "name", host ? str_or(record_str(host, F_hostname), "") : "",
                    "reason", reason, "peer", peer, NULL);
}

void conduct_clear(struct core *c, struct record *host) {
        const char *message = record_str(host, F_transitioningMessage);
        if (!message || !str_starts(message, PREFIX))
                return;
        core_clear(c, host, F_transitioningState);
        core_clear(c, host, F_transitioningMessage);
}
