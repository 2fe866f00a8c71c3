#include "check.h"

#include "base/sbuf.h"
#include "base/vec.h"
#include "node/streams/log_lines.h"

#define T1 "2026-11-25T06:00:01.000000001Z"
#define T2 "2026-11-25T06:00:02.500000000Z"
static const int64_t t1_ns = 1795586401000000001;

/* What came, a line a piece: "OUTPUT|time|text". Pieces that go on have '+' for the time. */
static void note(const struct log_line *l, void *arg) {
        struct sbuf *b = arg;
        sbuf_printf(b, "%u|%s|", l->output, l->first ? l->time : "+");
        sbuf_add(b, l->text, l->len);
        if (l->text[l->len - 1] != '\n')
                sbuf_puts(b, "$\n");
}

static void frame(struct sbuf *b, int output, const char *text, size_t n) {
        char head[8] = { (char) output, 0, 0, 0, (char) (n >> 24), (char) (n >> 16), (char) (n >> 8), (char) n };
        sbuf_add(b, head, sizeof head);
        sbuf_add(b, text, n);
}
static void text_frame(struct sbuf *b, int output, const char *text) { frame(b, output, text, strlen(text)); }

static char *cut(bool tty, const char *p, size_t n, size_t piece) {
        struct sbuf out = SBUF(8 << 20);
        struct log_lines l;
        struct dr_error err;
        log_lines_init(&l, tty, note, &out);
        for (size_t k; n; p += k, n -= k) {
                k = MIN(piece, n);
                CHECK_OK(log_lines_feed(&l, p, k, &err), &err);
        }
        log_lines_end(&l);
        log_lines_done(&l);
        return sbuf_steal(&out);
}

TEST(frames_cut_at_any_byte_give_the_same_lines) {
        auto_sbuf struct sbuf in = SBUF(1 << 20);
        text_frame(&in, 1, T1 " one\n");
        text_frame(&in, 2, T2 " to stderr\n");
        text_frame(&in, 1, T2 " \n");
        text_frame(&in, 3, T2 " from the engine\n");
        text_frame(&in, 1, T2 " unfinished");
        for (size_t piece = 1; piece <= in.len; piece++) {
                auto_free char *got = cut(false, in.data, in.len, piece);
                CHECK_STR(got, ==, "1|" T1 "|one\n2|" T2 "|to stderr\n1|" T2 "|\n2|" T2 "|from the engine\n1|" T2 "|unfinished$\n");
        }
}

TEST(a_line_of_several_messages_is_one_line_without_the_times_in_the_middle) {
        auto_sbuf struct sbuf in = SBUF(1 << 20), want = SBUF(1 << 20), part = SBUF(1 << 20);
        sbuf_puts(&part, T1 " ");
        for (int i = 0; i < 16384; i++)
                sbuf_putc(&part, 'a');
        frame(&in, 1, part.data, part.len);
        text_frame(&in, 2, T1 " between\n");
        text_frame(&in, 1, T2 " end\n");
        sbuf_printf(&want, "2|" T1 "|between\n1|" T1 "|%send\n", part.data + strlen(T1) + 1);
        auto_free char *got = cut(false, in.data, in.len, 1000);
        CHECK_STR(got, ==, want.data);

        sbuf_reset(&in);
        sbuf_puts(&in, T1 " short\r\n");
        sbuf_add(&in, part.data, part.len);
        sbuf_puts(&in, T2 " end\r\n" T2 " next\r\n");
        auto_sbuf struct sbuf want_tty = SBUF(1 << 20);
        sbuf_printf(&want_tty, "0|" T1 "|short\r\n0|" T1 "|%send\r\n0|" T2 "|next\r\n", part.data + strlen(T1) + 1);
        for (size_t piece = 1; piece < 100; piece += 7) {
                auto_free char *tty = cut(true, in.data, in.len, piece);
                CHECK_STR(tty, ==, want_tty.data);
        }
}

TEST(a_line_that_is_too_long_comes_in_pieces_that_never_cut_a_character) {
        auto_sbuf struct sbuf in = SBUF(4 << 20), body = SBUF(4 << 20);
        sbuf_puts(&body, T1 " x");
        for (int i = 0; i < 100000; i++)
                sbuf_puts(&body, "\xe2\x82\xac");
        sbuf_puts(&body, "\n");
        frame(&in, 1, body.data, body.len);
        auto_free char *got = cut(false, in.data, in.len, 4096);
        size_t pieces = 0, bytes = 0;
        for (char *p = got; *p; pieces++) {
                char *end = strchr(p, '\n');
                CHECK(str_starts(p, pieces ? "1|+|" : "1|" T1 "|x"));
                const char *text = p + (pieces ? 4 : 2 + strlen(T1) + 1);
                size_t n = (size_t) (end - text) - (end[-1] == '$');
                CHECK_INT(n, <=, LOG_LINE_MAX);
                CHECK_INT((n - (pieces == 0)) % 3, ==, 0);
                bytes += n;
                p = end + 1;
        }
        CHECK_INT(bytes, ==, 300001);
        CHECK_INT(pieces, ==, 300001 / LOG_LINE_MAX + 1);
}

TEST(output_without_times_is_lines_all_the_same) {
        static const char text[] = "no time here\nx\n\n2026-11-25 is no time\n";
        for (size_t piece = 1; piece < sizeof text; piece++) {
                auto_free char *got = cut(true, text, sizeof text - 1, piece);
                CHECK_STR(got, ==, "0||no time here\n0||x\n0||\n0||2026-11-25 is no time\n");
        }
}

TEST(garbage_where_a_frame_should_begin_is_refused) {
        static const struct { const char *p; size_t n; } rows[] = { { "hello", 5 }, { "\x01\x00\x00\x01", 4 }, { "\x04", 1 }, { "\x01\x00\x00\x00\x00\x00\x00\x01" "a" "\x09", 10 } };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                auto_sbuf struct sbuf out = SBUF(1000);
                struct log_lines l;
                struct dr_error err;
                log_lines_init(&l, false, note, &out);
                CHECK_INT(log_lines_feed(&l, rows[i].p, rows[i].n, &err), ==, -EINVAL);
                log_lines_done(&l);
        }
}

TEST(times_are_read_in_every_form_of_rfc_3339) {
        static const struct { const char *text; size_t n; int64_t ns; } rows[] = {
                { T1, 30, 1795586401000000001 }, { "2026-11-25T06:00:01Z", 20, 1795586401000000000 }, { "2026-11-25T07:00:01.5+01:00", 27, 1795586401500000000 },
                { "2026-11-25T00:30:01-05:30", 25, 1795586401000000000 }, { "2026-11-25T06:00:01", 0, 0 }, { "2026-11-25T06:00:01.Z", 0, 0 },
                { "2026-11-25T06:00:01+0100", 0, 0 }, { "2026-13-25T06:00:01Z", 0, 0 }, { "0026-11-25T06:00:01Z", 0, 0 }, { "", 0, 0 }, { "2026-11-25T06:00:0xZ", 0, 0 },
        };
        CHECK_INT(rows[0].ns, ==, t1_ns);
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                int64_t ns = 0;
                size_t n = log_time_parse(rows[i].text, strlen(rows[i].text), &ns);
                if (n != rows[i].n || (n && ns != rows[i].ns))
                        print_error("row %s: %zu %lld\n", rows[i].text, n, (long long) ns);
                CHECK_INT(n, ==, rows[i].n);
                CHECK(!n || ns == rows[i].ns);
        }
}

TEST(since_takes_times_unix_seconds_and_durations) {
        static const int64_t now = 2000000000000000000, s = 1000000000;
        const struct { const char *text; int64_t ns; } good[] = {
                { "", 0 }, { "2026-11-25T06:00:01Z", 1795586401 * s }, { "1795586401", 1795586401 * s }, { "1795586401.25", 1795586401 * s + s / 4 },
                { "10m", now - 600 * s }, { "1h30m", now - 5400 * s }, { "1.5h", now - 5400 * s }, { "250ms", now - s / 4 }, { "2d", now - 172800 * s }, { "0", 0 },
        };
        for (size_t i = 0; i < ARRAY_LEN(good); i++) {
                int64_t ns = -1;
                struct dr_error err;
                CHECK_OK(log_since_parse(good[i].text, now, &ns, &err), &err);
                CHECK_INT(ns, ==, good[i].ns);
        }
        static const char *const bad[] = { "yesterday", "10x", "-5m", "m", "99999999999999999999", "2026-11-25", "9000000000h9000000000h" };
        for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
                int64_t ns;
                struct dr_error err;
                CHECK_INT(log_since_parse(bad[i], now, &ns, &err), ==, -EINVAL);
                CHECK_STR(err.field, ==, "since");
        }
}

TEST_MAIN("node/log-lines")
