/* service_log.h: what was done for a service, for people to read (orchestration.md 1.19): rows of history, kept as the setting
 * service_log.purge.after.seconds says. Entries of one run share their transactionId. */
#pragma once
#include "core.h"

enum service_log_level { LOG_OF_SERVICE, LOG_OF_SERVICE_ERROR };
/* instance: the container it is about, or NULL: the service itself. event: service.activate, service.update, create, delete ... A service without a
 * run logs nothing: there is no one who did it. */
void service_log(struct core *c, const struct record *service, const struct record *instance, enum service_log_level level, const char *event,
                 const char *fmt, ...) DR_PRINTF(6, 7);
