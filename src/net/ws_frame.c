#include "net/ws_frame.h"

#include "net/ws.h"

struct buf *ws_frame(unsigned opcode, const void *p, size_t n, const unsigned char *mask) {
        unsigned char head[14] = { (unsigned char) (0x80 | opcode) };
        unsigned char masked = mask ? 0x80 : 0;
        size_t h = 2;
        if (n < 126) {
                head[1] = (unsigned char) (masked | n);
        } else {
                unsigned w = n <= UINT16_MAX ? 2 : 8;
                head[1] = masked | (w == 2 ? 126 : 127);
                for (unsigned i = 0; i < w; i++)
                        head[h++] = (unsigned char) ((uint64_t) n >> (8 * (w - 1 - i)));
        }
        if (mask) {
                memcpy(head + h, mask, 4);
                h += 4;
        }
        struct buf *b = buf_new(h + n);
        memcpy(b->data, head, h);
        if (n)
                memcpy(b->data + h, p, n);
        if (mask)
                ws_mask(b->data + h, n, mask, 0);
        return b;
}

void ws_mask(void *p, size_t n, const unsigned char key[4], size_t offset) {
        unsigned char *d = p, k[8];
        for (size_t i = 0; i < 8; i++)
                k[i] = key[(offset + i) & 3];
        uint64_t wide, x;
        memcpy(&wide, k, 8);
        size_t i = 0;
        for (; i + 8 <= n; i += 8) {
                memcpy(&x, d + i, 8);
                x ^= wide;
                memcpy(d + i, &x, 8);
        }
        for (; i < n; i++)
                d[i] ^= k[i & 7];
}

bool utf8_valid(const char *s, size_t n) {
        const unsigned char *p = (const unsigned char *) s, *end = p + n;
        while (p < end) {
                if (*p < 0x80) {
                        p++;
                        continue;
                }
                unsigned more = *p >= 0xc2 && *p <= 0xdf ? 1 : (*p & 0xf0) == 0xe0 ? 2 : *p >= 0xf0 && *p <= 0xf4 ? 3 : 0;
                if (!more || (size_t) (end - p) <= more)
                        return false;
                if ((*p == 0xe0 && p[1] < 0xa0) || (*p == 0xed && p[1] > 0x9f) || (*p == 0xf0 && p[1] < 0x90) || (*p == 0xf4 && p[1] > 0x8f))
                        return false;           /* overlong, surrogate, above U+10FFFF */
                for (unsigned i = 1; i <= more; i++)
                        if ((p[i] & 0xc0) != 0x80)
                                return false;
                p += more + 1;
        }
        return true;
}

void ws_decoder_init(struct ws_decoder *d, bool is_server, size_t message_max) {
        *d = (struct ws_decoder) { .is_server = is_server, .message_max = message_max };
        d->message = (struct sbuf) SBUF(message_max);
}

void ws_decoder_done(struct ws_decoder *d) { sbuf_done(&d->message); }

static int violated(struct ws_decoder *d, int code, const char *reason) {
        d->reason = reason;
        return code;
}

/* How long the head is, as far as known from its first n bytes. */
static unsigned head_size(const struct ws_decoder *d) {
        if (d->n_head < 2)
                return 2;
        unsigned len = d->head[1] & 0x7f;
        return 2 + (len == 126 ? 2 : len == 127 ? 8 : 0) + (d->head[1] & 0x80 ? 4 : 0);
}

static int start_frame(struct ws_decoder *d) {
        d->fin = d->head[0] & 0x80;
        d->opcode = d->head[0] & 0x0f;
        bool masked = d->head[1] & 0x80;
        uint64_t len = d->head[1] & 0x7f;
        unsigned w = len == 126 ? 2 : len == 127 ? 8 : 0;
        if (w) {
                len = 0;
                for (unsigned i = 0; i < w; i++)
                        len = len << 8 | d->head[2 + i];
        }
        if (masked)
                memcpy(d->mask, d->head + 2 + w, 4);
        if (len >> 63)
                return violated(d, WS_CLOSE_PROTOCOL, "frame length has its top bit set");
        if (d->opcode & 8) {
                if (!d->fin || len > 125)
                        return violated(d, WS_CLOSE_PROTOCOL, "control frame is fragmented or too long");
                d->n_control = 0;
        } else if (d->opcode == WS_OP_CONTINUATION) {
                if (!d->message_opcode)
                        return violated(d, WS_CLOSE_PROTOCOL, "continuation outside a message");
        } else {
                if (d->message_opcode)
                        return violated(d, WS_CLOSE_PROTOCOL, "new message inside a fragmented one");
                d->message_opcode = d->opcode;
        }
        if (!(d->opcode & 8) && (len > d->message_max || d->message.len > d->message_max - len))
                return violated(d, WS_CLOSE_TOO_BIG, "message is too big");
        d->left = len;
        d->at = 0;
        d->in_payload = true;
        return 0;
}

/* What two bytes tell is refused at once, before any more is waited for. */
static int check_start(struct ws_decoder *d) {
        unsigned op = d->head[0] & 0x0f;
        if (d->head[0] & 0x70)
                return violated(d, WS_CLOSE_PROTOCOL, "reserved bits are set");
        if (op > WS_OP_PONG || (op > WS_OP_BINARY && op < WS_OP_CLOSE))
                return violated(d, WS_CLOSE_PROTOCOL, "unknown opcode");
        if (((d->head[1] & 0x80) != 0) != d->is_server)
                return violated(d, WS_CLOSE_PROTOCOL, d->is_server ? "frame is not masked" : "frame is masked");
        return 0;
}

static int end_frame(struct ws_decoder *d) {
        d->in_payload = false;
        d->n_head = 0;
        if (d->opcode & 8) {
                d->control[d->n_control] = 0;
                return d->on_message(d->arg, d->opcode, (char *) d->control, d->n_control);
        }
        if (!d->fin)
                return 0;
        unsigned opcode = d->message_opcode;
        d->message_opcode = 0;
        if (opcode == WS_OP_TEXT && !utf8_valid(sbuf_str(&d->message), d->message.len))
                return violated(d, WS_CLOSE_NOT_UTF8, "text is not UTF-8");
        char none[1] = "";
        int r = d->on_message(d->arg, opcode, d->message.data ? d->message.data : none, d->message.len);
        if (d->message.cap > 16 * 1024)         /* an idle connection keeps no large buffer */
                sbuf_done(&d->message);
        else
                sbuf_reset(&d->message);
        return r;
}

int ws_decoder_feed(struct ws_decoder *d, const char *p, size_t n) {
        for (;;) {
                if (!d->in_payload) {
                        while (n && d->n_head < head_size(d)) {
                                d->head[d->n_head++] = (unsigned char) *p++;
                                n--;
                                int r = d->n_head == 2 ? check_start(d) : 0;
                                if (r)
                                        return r;
                        }
                        if (d->n_head < head_size(d))
                                return 0;
                        int r = start_frame(d);
                        if (r)
                                return r;
                }
                size_t k = (size_t) MIN((uint64_t) n, d->left);
                if (k) {
                        unsigned char *to;
                        if (d->opcode & 8) {
                                to = d->control + d->n_control;
                                memcpy(to, p, k);
                                d->n_control += (unsigned) k;
                        } else {
                                sbuf_add(&d->message, p, k);
                                to = (unsigned char *) d->message.data + d->message.len - k;
                        }
                        if (d->is_server)
                                ws_mask(to, k, d->mask, (size_t) (d->at & 3));
                        p += k;
                        n -= k;
                        d->left -= k;
                        d->at += k;
                }
                if (d->left)
                        return 0;
                int r = end_frame(d);
                if (r)
                        return r;
                if (!n)
                        return 0;
        }
}

int ws_close_parse(const char *p, size_t n, unsigned *ret_code, char reason[124]) {
        reason[0] = 0;
        if (n == 0) {
                *ret_code = WS_CLOSE_NO_STATUS;
                return 0;
        }
        if (n == 1)
                return WS_CLOSE_PROTOCOL;
        unsigned code = (unsigned) (unsigned char) p[0] << 8 | (unsigned char) p[1];
        if (code < 1000 || code >= 5000 || (code >= 1004 && code <= 1006) || (code >= 1015 && code < 3000))
                return WS_CLOSE_PROTOCOL;
        if (!utf8_valid(p + 2, n - 2))
                return WS_CLOSE_NOT_UTF8;
        memcpy(reason, p + 2, n - 2);
        reason[n - 2] = 0;
        *ret_code = code;
        return 0;
}
