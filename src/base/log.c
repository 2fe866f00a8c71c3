#include "log.h"

#include "sbuf.h"
#include "times.h"

#include <stdio.h>

enum { VALUE_BYTES_MAX = 512, LINE_BYTES_MAX = 8192 };

static struct { enum log_level level; enum log_format format; const char *program; } conf = { LOG_INFO, LOG_LOGFMT, NULL };
static const char *const level_names[LOG_LEVEL_MAX] = { "debug", "info", "warning", "error" };
static const char *const format_names[LOG_FORMAT_MAX] = { "logfmt", "json" };

int log_level_from_string(const char *s) {
        for (int i = 0; i < LOG_LEVEL_MAX; i++)
                if (str_eq(s, level_names[i]))
                        return i;
        return -EINVAL;
}
const char *log_level_to_string(enum log_level l) { return (unsigned) l < LOG_LEVEL_MAX ? level_names[l] : NULL; }
int log_format_from_string(const char *s) {
        for (int i = 0; i < LOG_FORMAT_MAX; i++)
                if (str_eq(s, format_names[i]))
                        return i;
        return -EINVAL;
}

void log_init(enum log_level level, enum log_format format, const char *program) {
        conf.level = level;
        conf.format = format;
        conf.program = program;
}
bool log_on(enum log_level level) { return level >= conf.level; }

static void add_pair(struct sbuf *b, const char *key, const char *value) {
        size_t n = value ? strnlen(value, VALUE_BYTES_MAX) : 0;
        if (conf.format == LOG_JSON) {
                sbuf_puts(b, b->len > 1 ? "," : "");
                sbuf_json_string(b, key, strlen(key));
                sbuf_putc(b, ':');
                sbuf_json_string(b, value ? value : "", n);
                return;
        }
        if (b->len)
                sbuf_putc(b, ' ');
        sbuf_puts(b, key);
        sbuf_putc(b, '=');
        bool plain = n > 0;
        for (size_t i = 0; i < n && plain; i++)
                plain = (unsigned char) value[i] > ' ' && value[i] != '"' && value[i] != '=' && value[i] != '\\';
        if (plain)
                sbuf_add(b, value, n);
        else
                sbuf_json_string(b, value ? value : "", n);
}

static void begin(struct sbuf *b, enum log_level level, const char *message) {
        char when[40];
        time_format_iso_ms(time_wall_ms(), when, sizeof when);
        if (conf.format == LOG_JSON)
                sbuf_putc(b, '{');
        add_pair(b, "time", when);
        add_pair(b, "level", level_names[level]);
        if (conf.program)
                add_pair(b, "program", conf.program);
        add_pair(b, "msg", message);
}

static void finish(struct sbuf *b) {
        sbuf_puts(b, conf.format == LOG_JSON ? "}\n" : "\n");
        if (sbuf_ok(b)) {
                ssize_t w = write(STDERR_FILENO, b->data, b->len);
                (void) w;                       /* nowhere to report a failing log */
        }
}

void log_kv(enum log_level level, const char *message, ...) {
        if (!log_on(level))
                return;
        int saved = errno;
        auto_sbuf struct sbuf b = SBUF(LINE_BYTES_MAX);
        begin(&b, level, message);
        va_list ap;
        va_start(ap, message);
        for (const char *k; (k = va_arg(ap, const char *));) {
                const char *v = va_arg(ap, const char *);
                add_pair(&b, k, v);
        }
        va_end(ap);
        finish(&b);
        errno = saved;
}

void log_f(enum log_level level, const char *fmt, ...) {
        if (!log_on(level))
                return;
        int saved = errno;
        char message[VALUE_BYTES_MAX];
        va_list ap;
        va_start(ap, fmt);
        vsnprintf(message, sizeof message, fmt, ap);
        va_end(ap);
        auto_sbuf struct sbuf b = SBUF(LINE_BYTES_MAX);
        begin(&b, level, message);
        finish(&b);
        errno = saved;
}
