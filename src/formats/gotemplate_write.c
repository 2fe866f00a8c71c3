/* gotemplate_write.c: what stands in literals, and the tree as Go writes it in messages. */
#include "gotemplate-internal.h"

#include <ctype.h>

/* ---- literals ---- */
static int hex(char c) { return isdigit((unsigned char) c) ? c - '0' : isxdigit((unsigned char) c) ? tolower((unsigned char) c) - 'a' + 10 : 99; }

/* One escape behind the backslash at *p. False: it is none. */
static bool escape(const char **p, const char *end, char quote, struct sbuf *b) {
        static const char from[] = "abfnrtv\\", to[] = "\a\b\f\n\r\t\v\\";
        char c = *(*p)++;
        const char *at = c ? strchr(from, c) : NULL;
        int digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0, base = digits ? 16 : 8;
        if (at) {
                sbuf_putc(b, to[at - from]);
                return true;
        }
        if (c == quote) {
                sbuf_putc(b, c);
                return true;
        }
        if (c >= '0' && c <= '7') {
                digits = 3;
                (*p)--;
        }
        if (!digits || end - *p < digits)
                return false;
        unsigned v = 0;
        for (int i = 0; i < digits; i++) {
                int d = hex(*(*p)++);
                if (d >= base)
                        return false;
                v = v * (unsigned) base + (unsigned) d;
        }
        if (digits <= 3) {
                sbuf_putc(b, (char) v);
                return v <= 0xff;
        }
        if (v > 0x10ffff || (v >= 0xd800 && v < 0xe000))
                return false;
        gt_put_rune(b, v);
        return true;
}

bool gt_unquote(struct gt_token t, struct sbuf *b) {
        const char *p = t.s + 1, *end = t.s + t.n - 1;
        while (p < end) {
                char c = *p++;
                if (*t.s == '`') {
                        if (c != '\r')
                                sbuf_putc(b, c);
                } else if (c != '\\') {
                        sbuf_putc(b, c);
                } else if (p >= end || !escape(&p, end, *t.s, b)) {
                        return false;
                }
        }
        return sbuf_ok(b);
}

/* 12, 0x1f, 0b11, 0o17, 017, 1_000 in Go's form, without the sign. */
bool gt_whole(const char *s, uint64_t *ret) {
        int base = 10;
        uint64_t v = 0;
        if (*s == '0' && s[1] && strchr("xXbBoO_01234567", s[1])) {
                char c = (char) tolower((unsigned char) s[1]);
                base = c == 'x' ? 16 : c == 'b' ? 2 : 8;
                s += isdigit((unsigned char) c) || c == '_' ? 1 : 2;
        }
        if (!*s)
                return false;
        for (; *s; s++) {
                if (*s == '_')
                        continue;
                int d = hex(*s);
                if (d >= base || __builtin_mul_overflow(v, (uint64_t) base, &v) || __builtin_add_overflow(v, (uint64_t) d, &v))
                        return false;
        }
        *ret = v;
        return true;
}

/* ---- as Go writes it ---- */
static void write_fields(const struct gt_name *n, struct sbuf *out) {
        for (; n; n = n->next)
                sbuf_printf(out, ".%s", n->s);
}

void gt_write_operand(const struct gt_operand *o, struct sbuf *out) {
        switch (o->kind) {
        case GT_DOT:            sbuf_putc(out, '.'); break;
        case GT_NIL:            sbuf_puts(out, "nil"); break;
        case GT_BOOL:           sbuf_puts(out, o->truth ? "true" : "false"); break;
        case GT_NUMBER:
        case GT_STRING:
        case GT_VARIABLE:       sbuf_puts(out, o->text); break;
        case GT_FUNCTION:       sbuf_puts(out, o->function ? o->function->name : "?"); break;
        case GT_PIPE:           gt_write_pipe(o->pipe, out); break;
        case GT_CHAIN:
                if (o->of->kind == GT_PIPE)
                        sbuf_putc(out, '(');
                gt_write_operand(o->of, out);
                if (o->of->kind == GT_PIPE)
                        sbuf_putc(out, ')');
                break;
        case GT_FIELD:          break;
        }
        write_fields(o->fields, out);
}

void gt_write_command(const struct gt_command *cmd, struct sbuf *out) {
        for (const struct gt_operand *o = cmd->args; o; o = o->next) {
                sbuf_puts(out, o == cmd->args ? "" : " ");
                sbuf_puts(out, o->kind == GT_PIPE ? "(" : "");
                gt_write_operand(o, out);
                sbuf_puts(out, o->kind == GT_PIPE ? ")" : "");
        }
}

void gt_write_pipe(const struct gt_pipe *p, struct sbuf *out) {
        for (unsigned i = 0; i < p->n_vars; i++)
                sbuf_printf(out, "%s%s", i ? ", " : "", p->vars[i]);
        if (p->n_vars)
                sbuf_puts(out, p->assigns ? " = " : " := ");
        for (const struct gt_command *cmd = p->commands; cmd; cmd = cmd->next) {
                gt_write_command(cmd, out);
                sbuf_puts(out, cmd->next ? " | " : "");
        }
}
