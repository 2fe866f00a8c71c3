#include "log_lines.h"

#include <time.h>

enum { MESSAGE_BYTES = 16 * 1024 };     /* the engine's longest message */
static const int64_t NS = 1000000000;
static const int64_t SECONDS_MAX = 9000000000;          /* year 2255: nanoseconds still fit */

/* Times ------------------------------------------------------------------------------------------------------------ */

static bool digits(const char *p, size_t n, int *ret) {
        int v = 0;
        for (size_t i = 0; i < n; i++) {
                if (p[i] < '0' || p[i] > '9')
                        return false;
                v = v * 10 + (p[i] - '0');
        }
        *ret = v;
        return true;
}

/* Digits behind a point, as nanoseconds; more than nine are cut. */
static size_t fraction(const char *p, size_t n, int64_t *ret_ns) {
        int64_t unit = NS / 10;
        size_t i = 0;
        *ret_ns = 0;
        for (; i < n && p[i] >= '0' && p[i] <= '9'; i++, unit /= 10)
                *ret_ns += (p[i] - '0') * unit;
        return i;
}

size_t log_time_parse(const char *p, size_t n, int64_t *ret_ns) {
        struct tm tm = { 0 };
        int year, month, offset_h = 0, offset_m = 0;
        int64_t ns = 0;
        if (n < 20 || p[4] != '-' || p[7] != '-' || (p[10] != 'T' && p[10] != 't') || p[13] != ':' || p[16] != ':' || !digits(p, 4, &year) ||
            !digits(p + 5, 2, &month) || !digits(p + 8, 2, &tm.tm_mday) || !digits(p + 11, 2, &tm.tm_hour) || !digits(p + 14, 2, &tm.tm_min) ||
            !digits(p + 17, 2, &tm.tm_sec))
                return 0;
        if (year < 1970 || year > 2200 || month < 1 || month > 12 || tm.tm_mday < 1 || tm.tm_mday > 31 || tm.tm_hour > 23 || tm.tm_min > 59 || tm.tm_sec > 60)
                return 0;
        size_t at = 19;
        if (p[at] == '.') {
                size_t k = fraction(p + at + 1, n - at - 1, &ns);
                if (k == 0)
                        return 0;
                at += 1 + k;
        }
        if (at == n)
                return 0;
        char zone = p[at++];
        if (zone == '+' || zone == '-') {
                if (n - at < 5 || p[at + 2] != ':' || !digits(p + at, 2, &offset_h) || !digits(p + at + 3, 2, &offset_m))
                        return 0;
                at += 5;
        } else if (zone != 'Z' && zone != 'z') {
                return 0;
        }
        tm.tm_year = year - 1900;
        tm.tm_mon = month - 1;
        int64_t offset_s = offset_h * 3600 + offset_m * 60;
        *ret_ns = ((int64_t) timegm(&tm) - (zone == '-' ? -offset_s : offset_s)) * NS + ns;
        return at;
}

static size_t number(const char *s, int64_t *ret_whole, int64_t *ret_ns) {
        size_t n = 0;
        *ret_whole = *ret_ns = 0;
        for (; s[n] >= '0' && s[n] <= '9'; n++) {
                *ret_whole = *ret_whole * 10 + (s[n] - '0');
                if (*ret_whole > SECONDS_MAX)
                        return 0;
        }
        if (n && s[n] == '.')
                n += 1 + fraction(s + n + 1, strlen(s + n + 1), ret_ns);
        return n;
}

/* As Go writes durations: numbers with units, several in a row. */
static bool duration(const char *s, int64_t *ret_ns) {
        static const struct { const char *unit; int64_t ns; } units[] = {
                { "ms", 1000000 }, { "us", 1000 }, { "ns", 1 }, { "h", 3600 * NS }, { "m", 60 * NS }, { "s", NS }, { "d", 86400 * NS },
        };
        *ret_ns = 0;
        while (*s) {
                int64_t whole, part, sum;
                size_t n = number(s, &whole, &part), u = 0;
                while (u < ARRAY_LEN(units) && !str_starts(s + n, units[u].unit))
                        u++;
                if (n == 0 || u == ARRAY_LEN(units))
                        return false;
                if (__builtin_mul_overflow(whole, units[u].ns, &sum) || __builtin_add_overflow(sum, *ret_ns, &sum) ||
                    __builtin_add_overflow(sum, (int64_t) ((double) part / (double) NS * (double) units[u].ns), &sum))
                        return false;
                *ret_ns = sum;
                s += n + strlen(units[u].unit);
        }
        return true;
}

int log_since_parse(const char *s, int64_t now_ns, int64_t *ret_ns, struct dr_error *err) {
        size_t len = strlen(s);
        int64_t whole, part;
        if (!len) {
                *ret_ns = 0;
                return 0;
        }
        if (len < 64 && log_time_parse(s, len, &part) == len) {
                *ret_ns = part;
                return 0;
        }
        if (len < 64 && number(s, &whole, &part) == len) {
                *ret_ns = whole * NS + part;
                return 0;
        }
        if (len < 64 && duration(s, &part)) {
                *ret_ns = MAX(now_ns - part, (int64_t) 1);
                return 0;
        }
        return dr_fail(err, DR_E_INVALID_FORMAT, "since", "\"%.60s\" is neither a time, nor Unix seconds, nor a duration such as 10m", s);
}

/* Lines ------------------------------------------------------------------------------------------------------------ */

void log_lines_init(struct log_lines *l, bool tty, log_line_fn fn, void *arg) {
        *l = (struct log_lines) { .tty = tty, .fn = fn, .arg = arg };
        for (size_t i = 0; i < ARRAY_LEN(l->sources); i++) {
                l->sources[i].line = (struct sbuf) SBUF(LOG_LINE_MAX + LOG_TIME_MAX);
                l->sources[i].head = (struct sbuf) SBUF(LOG_TIME_MAX);
        }
        l->sources[0].awaits_time = true;
}

void log_lines_done(struct log_lines *l) {
        for (size_t i = 0; i < ARRAY_LEN(l->sources); i++) {
                sbuf_done(&l->sources[i].line);
                sbuf_done(&l->sources[i].head);
        }
}

/* The first n bytes of the line; the rest stays. */
static void emit(struct log_lines *l, struct log_source *s, size_t n) {
        if (n == 0)
                return;
        bool ends = s->line.data[n - 1] == '\n';
        struct log_line line = { .output = (unsigned) (s - l->sources), .first = !s->is_rest, .time = s->time, .time_ns = s->time_ns, .text = s->line.data, .len = n };
        l->fn(&line, l->arg);
        sbuf_consume(&s->line, n);
        s->is_rest = !ends;
        *s->time = 0;
        s->time_ns = 0;
        if (!s->line.len && s->line.cap > 4096)
                sbuf_done(&s->line);
}

/* Where a line that is too long is cut: never inside a character of UTF-8. */
static size_t cut_at(const struct sbuf *b) {
        size_t n = b->len;
        for (unsigned i = 0; i < 4 && n > 1; i++) {
                n--;
                unsigned char c = (unsigned char) b->data[n];
                if ((c & 0xc0) == 0x80)
                        continue;
                return c >= 0xc0 ? n : b->len;
        }
        return b->len;
}

static void add_text(struct log_lines *l, struct log_source *s, const char *p, size_t n) {
        while (n > 0) {
                const char *newline = memchr(p, '\n', n);
                size_t k = newline ? (size_t) (newline - p) + 1 : n;
                k = MIN(k, LOG_LINE_MAX - s->line.len);
                sbuf_add(&s->line, p, k);
                p += k;
                n -= k;
                if (s->line.data[s->line.len - 1] == '\n')
                        emit(l, s, s->line.len);
                else if (s->line.len == LOG_LINE_MAX)
                        emit(l, s, cut_at(&s->line));
        }
}

static void take_head(struct log_lines *l, struct log_source *s) {
        int64_t ns;
        size_t n = log_time_parse(sbuf_str(&s->head), s->head.len, &ns);
        s->awaits_time = false;
        s->message_bytes = 0;
        if (n && n + 1 == s->head.len && s->head.data[n] == ' ') {
                if (!s->line.len && !s->is_rest) {
                        memcpy(s->time, s->head.data, n);
                        s->time[n] = 0;
                        s->time_ns = ns;
                }
        } else {
                s->message_bytes = s->head.len;
                add_text(l, s, sbuf_str(&s->head), s->head.len);
                s->awaits_time = l->tty && s->head.len && s->head.data[s->head.len - 1] == '\n';
        }
        sbuf_reset(&s->head);
}

static void add(struct log_lines *l, struct log_source *s, const char *p, size_t n) {
        while (n > 0) {
                if (s->awaits_time) {
                        char c = *p++;
                        n--;
                        sbuf_putc(&s->head, c);
                        if (c == ' ' || c == '\n' || s->head.len == LOG_TIME_MAX)
                                take_head(l, s);
                        continue;
                }
                size_t k = n;
                if (l->tty) {                           /* messages end at a newline or when they are full */
                        k = MIN(k, MESSAGE_BYTES - MIN(s->message_bytes, (size_t) MESSAGE_BYTES - 1));
                        const char *newline = memchr(p, '\n', k);
                        if (newline)
                                k = (size_t) (newline - p) + 1;
                        s->message_bytes += k;
                        s->awaits_time = newline || s->message_bytes >= MESSAGE_BYTES;
                }
                add_text(l, s, p, k);
                p += k;
                n -= k;
        }
}

static void on_frame(enum docker_output output, bool starts, const char *p, size_t n, void *arg) {
        struct log_lines *l = arg;
        struct log_source *s = &l->sources[output == DOCKER_STDERR || output == DOCKER_SYSTEM_ERROR ? 2 : 1];
        if (starts) {
                if (s->awaits_time && s->head.len)
                        take_head(l, s);
                s->awaits_time = true;
        }
        add(l, s, p, n);
}

int log_lines_feed(struct log_lines *l, const char *p, size_t n, struct dr_error *err) {
        if (!l->tty)
                return docker_frames_feed(&l->frames, p, n, on_frame, l, err);
        add(l, &l->sources[0], p, n);
        return 0;
}

void log_lines_end(struct log_lines *l) {
        for (size_t i = 0; i < ARRAY_LEN(l->sources); i++) {
                struct log_source *s = &l->sources[i];
                if (s->awaits_time && s->head.len)
                        take_head(l, s);
                emit(l, s, s->line.len);
                s->is_rest = s->awaits_time = false;
                *s->time = 0;
                s->time_ns = 0;
                s->message_bytes = 0;
        }
        l->sources[0].awaits_time = true;
        l->frames = (struct docker_frames) { 0 };
}
