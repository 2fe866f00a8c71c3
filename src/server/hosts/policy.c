#include "policy.h"

#include "base/parse.h"
#include "base/sbuf.h"
#include "core/settings.h"
#include "formats/json.h"

enum { POLICY_BYTES_MAX = 256 };

/* The host's label, else the setting. */
static const char *say(struct core *c, const struct record *host, const char *label, const char *setting) {
        const char *own = json_str(record_json(host, F_labels), label, "");
        return *own ? own : setting_get(c, setting);
}

char *policy_images(struct core *c, const struct record *host) {
        uint64_t after_s = 0, percent = 0;
        const char *after = say(c, host, "io.rancher.host.image_cleanup.after_seconds", "drover.host.image.cleanup.after.seconds");
        const char *full = say(c, host, "io.rancher.host.image_cleanup.disk_percent", "drover.host.image.cleanup.disk.percent");
        const char *scope = say(c, host, "io.rancher.host.image_cleanup.scope", "drover.host.image.cleanup.scope");
        if (parse_u64(after, INT32_MAX, &after_s) < 0 || after_s == 0)  /* "off", or anything that is no number */
                return dr_xstrdup("null");
        (void) parse_u64(full, 100, &percent);                          /* no number: whatever the disk */
        auto_sbuf struct sbuf out = SBUF(POLICY_BYTES_MAX);
        struct jw w = JW(&out, 0);
        jw_begin_object(&w);
        jw_kint(&w, "afterS", (int64_t) after_s);
        jw_kint(&w, "diskPercent", (int64_t) percent);
        jw_kbool(&w, "all", str_eq(scope, "all"));
        jw_end(&w);
        return sbuf_steal(&out);
}

bool policy_upgrades(struct core *c) { return str_ieq(setting_get(c, "drover.host.upgrade"), "true"); }
