/* reporter.h: tells the server what checks found: POST serviceevents with the keys of the health check's own agent (orchestration.md 4.5).
 *
 * By HTTP and not over the host agent's session: the check is a service of its own, with its own rights, that works beside any agent, and whose
 * words arrive while the host's control connection is cut, which is when they count most. Reports go over few kept connections, several at a time; of
 * a check only the newest word is sent. A failed report is tried again until the check is forgotten: with the server away, all together with
 * growing pauses; refused for now (409, 403 while the server does not know the check yet), that one alone. Loop thread only. */
#pragma once
#include "net/loop.h"

struct reporter;
struct reporter_conf {
        const char *url;                /* of the server or its API ("http://SERVER:8080", ".../v2-beta"); NULL: changes are only logged */
        const char *access_key, *secret_key, *ca_file;          /* ca_file: NULL for the system's */
        unsigned at_once;               /* reports under way; 0: 4 */
        unsigned retry_ms, retry_max_ms;        /* 0: 2,000 and 30,000 */
};
/* Texts are copied. NULL with *err. */
struct reporter *reporter_new(struct loop *l, const struct reporter_conf *conf, struct dr_error *err);
struct reporter *reporter_free(struct reporter *r);     /* NULL is fine; what was not sent is lost; the loop must turn once more */
DR_DEFINE_AUTO(struct reporter *, reporter_free)

enum report { REPORT_INIT = 1, REPORT_UP, REPORT_DOWN };
/* key: "HOSTUUID_CONTAINERUUID_STARTCOUNT". at_s: Unix seconds of the observation; what is sent for a key never goes back in time. INIT is sent before
 * a later UP even when both wait; otherwise a newer word replaces an older one that waits. */
void reporter_put(struct reporter *r, const char *key, enum report what, int64_t at_s);
void reporter_forget(struct reporter *r, const char *key);

struct reporter_stats { size_t waiting, under_way; uint64_t sent, failed, refused; };
struct reporter_stats reporter_stats(const struct reporter *r);
