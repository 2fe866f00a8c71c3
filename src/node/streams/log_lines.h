/* log_lines.h: the engine's log output, asked for with timestamps, cut into lines. Pure; any thread, one stream each.
 *
 * With a terminal the output has no heads; without one it comes in frames (docker/frames.h). The engine puts a time before each message it kept;
 * a line longer than 16 KB is several messages, whose later times stand in the middle of the line: they are taken out. */
#pragma once
#include "base/sbuf.h"
#include "node/docker/frames.h"

enum { LOG_LINE_MAX = 60 * 1024 - 64, LOG_TIME_MAX = 40 };      /* with prefix and time still one frame of data */
struct log_line {
        unsigned output;                /* 0: terminal, 1: stdout, 2: stderr */
        bool first;                     /* begins a line; false: goes on with one that is too long for one piece */
        const char *time;               /* as the engine wrote it, without the blank; "" when there was none, or not first */
        int64_t time_ns;                /* the same as Unix time; 0: none */
        const char *text;               /* newline kept; without one: more comes, or the output ended there */
        size_t len;
};
typedef void (*log_line_fn)(const struct log_line *l, void *arg);

struct log_source { struct sbuf line, head; char time[LOG_TIME_MAX + 1]; int64_t time_ns; bool awaits_time, is_rest; size_t message_bytes; };
struct log_lines { bool tty; struct docker_frames frames; struct log_source sources[3]; log_line_fn fn; void *arg; };

void log_lines_init(struct log_lines *l, bool tty, log_line_fn fn, void *arg);
void log_lines_done(struct log_lines *l);
/* 0, or negative with *err: what came is no log output. */
int log_lines_feed(struct log_lines *l, const char *p, size_t n, struct dr_error *err);
void log_lines_end(struct log_lines *l);                /* gives what is unfinished; ready for another output */

/* An RFC 3339 time with up to nine digits of fraction and Z or an offset. Returns its length, or 0: none stands there. */
size_t log_time_parse(const char *p, size_t n, int64_t *ret_ns);
/* What "since" may say: "" (ret 0), an RFC 3339 time, Unix seconds with or without fraction, or a duration before now ("10m", "1h30m"). */
int log_since_parse(const char *s, int64_t now_ns, int64_t *ret_ns, struct dr_error *err);
