#include "sbuf.h"

#include <stdio.h>

void sbuf_done(struct sbuf *b) {
        free(b->data);
        *b = (struct sbuf) { .max = b->max };
}

static bool reserve(struct sbuf *b, size_t n) {
        if (b->overflow)
                return false;
        if (n > b->max || b->len > b->max - n) {
                b->overflow = true;
                return false;
        }
        if (b->len + n + 1 > b->cap) {
                size_t cap = MAX(b->cap * 2, (size_t) 64);
                b->cap = MAX(cap, b->len + n + 1);
                b->data = dr_xrealloc(b->data, b->cap);
        }
        return true;
}

void sbuf_add(struct sbuf *b, const void *p, size_t n) {
        if (!reserve(b, n))
                return;
        if (n)
                memcpy(b->data + b->len, p, n);
        b->len += n;
        b->data[b->len] = 0;
}

void sbuf_puts(struct sbuf *b, const char *s) { sbuf_add(b, s, strlen(s)); }
void sbuf_putc(struct sbuf *b, char c) { sbuf_add(b, &c, 1); }

void sbuf_printf(struct sbuf *b, const char *fmt, ...) {
        va_list ap;
        va_start(ap, fmt);
        va_list again;
        va_copy(again, ap);
        int n = vsnprintf(NULL, 0, fmt, ap);
        va_end(ap);
        if (n >= 0 && reserve(b, (size_t) n)) {
                vsnprintf(b->data + b->len, (size_t) n + 1, fmt, again);
                b->len += (size_t) n;
        }
        va_end(again);
}

void sbuf_json_string(struct sbuf *b, const char *s, size_t n) {
        static const char hex[] = "0123456789abcdef";
        sbuf_putc(b, '"');
        size_t from = 0;
        for (size_t i = 0; i < n; i++) {
                unsigned char c = (unsigned char) s[i];
                if (c >= 0x20 && c != '"' && c != '\\')
                        continue;
                sbuf_add(b, s + from, i - from);
                from = i + 1;
                char e = c == '"' ? '"' : c == '\\' ? '\\' : c == '\n' ? 'n' : c == '\t' ? 't' : c == '\r' ? 'r' : 0;
                if (e) {
                        char two[2] = { '\\', e };
                        sbuf_add(b, two, 2);
                } else {
                        char six[6] = { '\\', 'u', '0', '0', hex[c >> 4], hex[c & 15] };
                        sbuf_add(b, six, 6);
                }
        }
        sbuf_add(b, s + from, n - from);
        sbuf_putc(b, '"');
}

void sbuf_reset(struct sbuf *b) {
        b->len = 0;
        b->overflow = false;
        if (b->data)
                b->data[0] = 0;
}

void sbuf_consume(struct sbuf *b, size_t n) {
        assert(n <= b->len);
        if (!n)
                return;
        memmove(b->data, b->data + n, b->len - n + 1);
        b->len -= n;
}

char *sbuf_steal(struct sbuf *b) {
        char *s = b->data ? b->data : dr_xstrdup("");
        *b = (struct sbuf) { .max = b->max };
        return s;
}
