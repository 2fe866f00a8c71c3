/* log.h: one line per decision, logfmt or JSON, to stderr. Any thread.
 *
 * log_info("host joined", "host", id, "name", name, NULL) is log_kv: the message is constant text, facts are pairs
 * of C strings ended by NULL. log_infof() is printf-like for messages that read better whole.
 * Never log secrets, tokens or whole bodies. Values are cut at 512 bytes. */
#pragma once
#include "base.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERROR, LOG_LEVEL_MAX };
enum log_format { LOG_LOGFMT, LOG_JSON, LOG_FORMAT_MAX };

int log_level_from_string(const char *s);               /* -EINVAL: unknown */
const char *log_level_to_string(enum log_level l);
int log_format_from_string(const char *s);

void log_init(enum log_level level, enum log_format format, const char *program);      /* before threads start */
bool log_on(enum log_level level);

void log_kv(enum log_level level, const char *message, ...) __attribute__((sentinel));
void log_f(enum log_level level, const char *fmt, ...) DR_PRINTF(2, 3);

#define log_debug(...)   do { if (log_on(LOG_DEBUG)) log_kv(LOG_DEBUG, __VA_ARGS__); } while (0)
#define log_info(...)    log_kv(LOG_INFO, __VA_ARGS__)
#define log_warning(...) log_kv(LOG_WARNING, __VA_ARGS__)
#define log_error(...)   log_kv(LOG_ERROR, __VA_ARGS__)
#define log_debugf(...)   do { if (log_on(LOG_DEBUG)) log_f(LOG_DEBUG, __VA_ARGS__); } while (0)
#define log_infof(...)    log_f(LOG_INFO, __VA_ARGS__)
#define log_warningf(...) log_f(LOG_WARNING, __VA_ARGS__)
#define log_errorf(...)   log_f(LOG_ERROR, __VA_ARGS__)
