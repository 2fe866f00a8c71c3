/* What a container and its engine write into a log stream, and binary frames of the session, as the server sends them. */
#include "base/sbuf.h"
#include "node/streams/frame.h"
#include "node/streams/log_lines.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen { size_t lines, bytes; uint64_t hash; };

static void on_line(const struct log_line *l, void *arg) {
        struct seen *s = arg;
        if (l->len == 0 || l->len > LOG_LINE_MAX || l->output > 2 || strlen(l->time) > LOG_TIME_MAX || (*l->time && !l->first))
                abort();
        const char *newline = memchr(l->text, '\n', l->len);
        if (newline && newline != l->text + l->len - 1)
                abort();
        s->lines++;
        s->bytes += l->len;
        for (size_t i = 0; i < l->len; i++)
                s->hash = (s->hash ^ (unsigned char) l->text[i]) * 1099511628211u;
}

/* The same whatever the reads were. */
static struct seen run(bool tty, const char *p, size_t n, size_t piece) {
        struct seen s = { 0 };
        struct log_lines l;
        log_lines_init(&l, tty, on_line, &s);
        for (size_t k; n > 0; p += k, n -= k) {
                k = MIN(piece, n);
                if (log_lines_feed(&l, p, k, NULL) < 0)
                        break;
        }
        log_lines_end(&l);
        log_lines_done(&l);
        return s;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        const char *p = (const char *) data;
        for (int tty = 0; tty < 2; tty++) {
                struct seen whole = run(tty, p, size, SIZE_MAX), pieces = run(tty, p, size, 3);
                if (whole.lines != pieces.lines || whole.bytes != pieces.bytes || whole.hash != pieces.hash || whole.bytes > size)
                        abort();
        }
        struct frame f;
        if (frame_parse(p, size, &f, NULL) == 0) {
                if (f.len != size - FRAME_HEAD_BYTES || f.id == 0)
                        abort();
                if (f.kind == FRAME_WINDOW)
                        (void) frame_window(&f);
        }
        auto_free char *text = dr_xstrndup(p, size);
        int64_t ns = 0;
        (void) log_time_parse(p, size, &ns);
        (void) log_since_parse(text, INT64_C(1795586401000000000), &ns, NULL);
        return 0;
}
