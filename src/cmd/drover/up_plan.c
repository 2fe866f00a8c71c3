#include "up_plan.h"

#include "base/sbuf.h"

char *up_stack_name(const char *text) {
        auto_sbuf struct sbuf b = SBUF(256);
        if (*text == '_' || *text == '.' || *text == '-')
                sbuf_putc(&b, 'x');
        for (; *text && b.len < 63; text++) {
                char c = *text >= 'A' && *text <= 'Z' ? (char) (*text + 32) : *text;
                bool good = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
                sbuf_putc(&b, good ? c : '-');
        }
        while (b.len > 0 && b.data[b.len - 1] == '-')
                b.data[--b.len] = '\0';
        return b.len ? sbuf_steal(&b) : dr_xstrdup("default");
}
