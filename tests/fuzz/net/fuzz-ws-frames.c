/* Frames, whole and byte by byte: the same messages and the same end. */
#include "net/ws.h"
#include "net/ws_frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MESSAGE_MAX = 4096 };
static uint64_t sum;

static int on_message(void *arg, unsigned opcode, char *p, size_t n) {
        if (p[n] != 0 || (opcode == WS_OP_TEXT && !utf8_valid(p, n)) || n > MESSAGE_MAX || (opcode >= WS_OP_CLOSE && n > 125))
                abort();
        if (opcode == WS_OP_CLOSE) {
                unsigned code;
                char reason[124];
                (void) ws_close_parse(p, n, &code, reason);
        }
        sum = sum * 31 + opcode;
        for (size_t i = 0; i < n; i++)
                sum = sum * 31 + (unsigned char) p[i];
        return 0;
}

static int run(const char *p, size_t n, bool is_server, size_t step) {
        struct ws_decoder d;
        ws_decoder_init(&d, is_server, MESSAGE_MAX);
        d.on_message = on_message;
        sum = 0;
        int r = 0;
        for (size_t i = 0; i < n && r == 0; i += step)
                r = ws_decoder_feed(&d, p + i, MIN(step, n - i));
        if (r && (r < WS_CLOSE_NORMAL || !d.reason))
                abort();
        ws_decoder_done(&d);
        return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        if (size < 2)
                return 0;
        const char *p = (const char *) data + 1;
        int whole = run(p, size - 1, data[0] & 1, size - 1);
        uint64_t first = sum;
        if (run(p, size - 1, data[0] & 1, 1) != whole || sum != first)
                abort();
        return 0;
}
