#include "check.h"
#include "net/ws.h"
#include "net/ws_frame.h"

static struct sbuf log_ = SBUF(1 << 20);

static int on_message(void *arg, unsigned opcode, char *p, size_t n) {
        CHECK(p[n] == 0);
        sbuf_printf(&log_, "%u:%.*s;", opcode, (int) n, p);
        return 0;
}

static int feed(struct ws_decoder *d, const char *bytes, size_t n, size_t step) {
        for (size_t i = 0; i < n; i += step) {
                int r = ws_decoder_feed(d, bytes + i, MIN(step, n - i));
                if (r)
                        return r;
        }
        return 0;
}

/* Payloads from clients in the rows are masked with zeros, so that they can be read. */
#define M "\0\0\0\0"
#define ROW(name, bytes, ret, want) { name, bytes, sizeof(bytes) - 1, ret, want }
static const struct { const char *name, *bytes; size_t n; int ret; const char *want; } rows[] = {
        ROW("text", "\x81\x82" M "ab", 0, "1:ab;"),
        ROW("empty", "\x82\x80" M, 0, "2:;"),
        ROW("masked", "\x81\x83\x01\x02\x03\x04" "abc", 0, "1:```;"),
        ROW("two", "\x81\x81" M "a\x81\x81" M "b", 0, "1:a;1:b;"),
        ROW("fragments", "\x01\x81" M "a\x00\x81" M "b\x80\x81" M "c", 0, "1:abc;"),
        ROW("ping inside fragments", "\x01\x81" M "a\x89\x81" M "p\x80\x81" M "b", 0, "9:p;1:ab;"),
        ROW("character over fragments", "\x01\x81" M "\xc3\x80\x81" M "\xa4", 0, "1:\xc3\xa4;"),
        ROW("close", "\x88\x84" M "\x03\xe8ok", 0, "8:\x03\xe8ok;"),
        ROW("length in 16 bits, small", "\x81\xfe\x00\x02" M "ab", 0, "1:ab;"),
        ROW("unmasked", "\x81\x02" "ab", 1002, ""),
        ROW("reserved bit", "\xc1\x82" M "ab", 1002, ""),
        ROW("unknown data opcode", "\x83\x80" M, 1002, ""),
        ROW("unknown control opcode", "\x8b\x80" M, 1002, ""),
        ROW("long ping", "\x89\xfe\x00\x7e" M, 1002, ""),
        ROW("fragmented ping", "\x09\x80" M, 1002, ""),
        ROW("continuation alone", "\x80\x80" M, 1002, ""),
        ROW("message inside a message", "\x01\x80" M "\x81\x80" M, 1002, ""),
        ROW("top bit of the length", "\x81\xff\x80\0\0\0\0\0\0\0" M, 1002, ""),
        ROW("too big", "\x81\xfe\x03\xe9" M, 1009, ""),
        ROW("far too big", "\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff" M, 1009, ""),
        ROW("too big in two", "\x01\x81" M "a\x80\xfe\x03\xe8" M, 1009, ""),
        ROW("not UTF-8", "\x81\x81" M "\xff", 1007, ""),
        ROW("cut UTF-8", "\x81\x81" M "\xc3", 1007, ""),
        ROW("surrogate", "\x81\x83" M "\xed\xa0\x80", 1007, ""),
        ROW("overlong", "\x81\x82" M "\xc0\x80", 1007, ""),
        ROW("binary need not be UTF-8", "\x82\x81" M "\xff", 0, "2:\xff;"),
};

TEST(frames_decode_to_messages_or_their_close_code_however_they_are_cut) {
        for (size_t i = 0; i < ARRAY_LEN(rows); i++)
                for (size_t step = 1; step <= rows[i].n; step++) {
                        struct ws_decoder d;
                        ws_decoder_init(&d, true, 1000);
                        d.on_message = on_message;
                        sbuf_reset(&log_);
                        int r = feed(&d, rows[i].bytes, rows[i].n, step);
                        if (r != rows[i].ret || strcmp(sbuf_str(&log_), rows[i].want) != 0) {
                                print_error("%s, in steps of %zu: %d %s <%s>\n", rows[i].name, step, r, str_or(d.reason, ""), sbuf_str(&log_));
                                fail();
                        }
                        ws_decoder_done(&d);
                }
}
TEST(a_client_refuses_masked_frames) {
        struct ws_decoder d;
        ws_decoder_init(&d, false, 1000);
        d.on_message = on_message;
        CHECK_INT(ws_decoder_feed(&d, "\x81\x80" M, 6), ==, 1002);
        ws_decoder_done(&d);
}
TEST(what_is_encoded_decodes_at_every_size_and_mask_alignment) {
        static const size_t sizes[] = { 0, 1, 2, 3, 7, 8, 9, 63, 125, 126, 127, 1000, 65535, 65536, 70001 };
        char *data = dr_xmalloc(70001);
        for (size_t i = 0; i < 70001; i++)
                data[i] = (char) ('a' + i % 26);
        for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
                for (int masked = 0; masked < 2; masked++)
                        for (size_t step = 1; step < 2000; step = step * 3 + 1) {
                                AUTO(buf_unref) struct buf *b = ws_frame(2, data, sizes[i], masked ? (const unsigned char *) "\x12\xff\x80\x01" : NULL);
                                struct ws_decoder d;
                                ws_decoder_init(&d, masked, 70001);
                                d.on_message = on_message;
                                sbuf_reset(&log_);
                                CHECK_INT(feed(&d, (char *) b->data, b->len, step), ==, 0);
                                CHECK_INT(log_.len, ==, sizes[i] + 3);
                                CHECK(memcmp(log_.data + 2, data, sizes[i]) == 0);
                                ws_decoder_done(&d);
                        }
        free(data);
        sbuf_done(&log_);
}
TEST(close_payloads_are_checked) {
        static const struct { const char *p; size_t n; int bad; unsigned code; const char *reason; } closes[] = {
                { "", 0, 0, 1005, "" }, { "\x03\xe8", 2, 0, 1000, "" }, { "\x0f\xa0xy", 4, 0, 4000, "xy" }, { "\x03", 1, 1002, 0, "" },
                { "\x03\xed", 2, 1002, 0, "" }, { "\x03\xee", 2, 1002, 0, "" }, { "\x00\x01", 2, 1002, 0, "" }, { "\x13\x88", 2, 1002, 0, "" },
                { "\x03\xe8\xff", 3, 1007, 0, "" },
        };
        for (size_t i = 0; i < ARRAY_LEN(closes); i++) {
                unsigned code = 0;
                char reason[124];
                CHECK_INT(ws_close_parse(closes[i].p, closes[i].n, &code, reason), ==, closes[i].bad);
                CHECK_INT(code, ==, closes[i].code);
                CHECK_STR(reason, ==, closes[i].reason);
        }
}
TEST_MAIN("net/ws-frame")
