#include "service_log.h"

#include <stdio.h>

#include "core-internal.h"
#include "formats/json.h"

enum { DESCRIPTION_MAX = 1024, ROW_MAX = 8192 };

void service_log(struct core *c, const struct record *service, const struct record *instance, enum service_log_level level, const char *event,
                 const char *fmt, ...) {
        char text[DESCRIPTION_MAX];
        va_list ap;
        if (!service || !service->run)
                return;
        va_start(ap, fmt);
        vsnprintf(text, sizeof text, fmt, ap);
        va_end(ap);
        auto_sbuf struct sbuf b = SBUF(ROW_MAX);
        struct jw w = JW(&b, 0);
        int64_t now = core_wall_ms(c);
        char transaction[32];
        snprintf(transaction, sizeof transaction, "1pi%lld", (long long) service->run->id);
        jw_begin_object(&w);
        jw_kint(&w, "created", now);
        jw_kint(&w, "endTime", now);
        jw_kint(&w, "serviceId", service->id);
        if (instance)
                jw_kint(&w, "instanceId", instance->id);
        jw_kstring(&w, "eventType", event);
        jw_kstring(&w, "description", text);
        jw_kstring(&w, "level", level == LOG_OF_SERVICE_ERROR ? "error" : "info");
        jw_kstring(&w, "transactionId", transaction);
        jw_kbool(&w, "subLog", str_eq(event, "create") || str_eq(event, "delete"));
        jw_end(&w);
        size_t len = b.len;
        if (sbuf_ok(&b))
                (void) core_history(c, T_serviceLog, service->account_id, sbuf_steal(&b), len);
}
