/* YAML as upstream's library writes it: block style, two blanks, lists not indented below their key, keys in natural order, text
 * that would read as something else in double quotes, lines folded behind column 80. */
#include "render.h"

#include "formats/utf8.h"
#include "formats/yaml.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>

enum { WIDTH = 80 };

struct writer { struct sbuf *b; size_t line; };         /* line: where the current one begins in b */

static void put(struct writer *w, const char *s, size_t n) { sbuf_add(w->b, s, n); }

static void newline(struct writer *w, size_t indent) {
        sbuf_putc(w->b, '\n');
        w->line = w->b->len;
        for (size_t i = 0; i < indent; i++)
                sbuf_putc(w->b, ' ');
}

static size_t column(const struct writer *w) {          /* in characters */
        size_t n = 0;
        for (size_t i = w->line; i < w->b->len; i++)
                n += (w->b->data[i] & 0xc0) != 0x80;
        return n;
}

/* What a text may be written as ----------------------------------------------------------------------------------- */

/* Characters the library takes as they are: none beyond the first plane. */
static bool is_printable(const unsigned char *s, size_t seq) {
        if (seq == 0 || seq == 4)
                return false;
        if (seq == 1)
                return (s[0] >= 0x20 && s[0] < 0x7f) || s[0] == '\n';
        if (seq == 2)
                return s[0] > 0xc2 || s[1] >= 0xa0;
        return !(s[0] == 0xef && ((s[1] == 0xbb && s[2] == 0xbf) || (s[1] == 0xbf && s[2] >= 0xbe)));
}

static bool is_base60(const char *s) {
        s += *s == '-' || *s == '+';
        if (!isdigit((unsigned char) *s))
                return false;
        s += strspn(s, "0123456789_");
        bool any = false;
        while (*s == ':') {
                size_t n = strspn(s + 1, "0123456789");
                if (n < 1 || n > 2 || (n == 2 && s[1] > '5'))
                        return false;
                s += 1 + n;
                any = true;
        }
        if (*s == '.')
                s += 1 + strspn(s + 1, "0123456789_");
        return any && !*s;
}

/* Whether a reader would take it for something that is no text. */
static bool reads_otherwise(const char *s) {
        struct ynode probe = { .text = s };
        ynode_resolve_plain(&probe);
        return !*s || probe.kind != YNODE_STRING || is_base60(s) || str_eq(s, "<<");
}

enum { PLAIN = 1, SINGLE = 2, LITERAL = 4, MANY_LINES = 8 };

static bool is_blank_or_end(const char *s, size_t i, size_t n) { return i >= n || s[i] == ' ' || s[i] == '\n' || s[i] == '\t'; }

static unsigned allowed_styles(const char *s, size_t n) {
        unsigned ret = PLAIN | SINGLE | LITERAL;
        if (str_starts(s, "---") || str_starts(s, "...") || strchr("#,[]{}&*!|>'\"%@`", s[0]) || ((s[0] == '?' || s[0] == ':' || s[0] == '-') && is_blank_or_end(s, 1, n)))
                ret &= ~(unsigned) PLAIN;
        bool special = false;
        for (size_t i = 0, seq; i < n; i += seq ? seq : 1) {
                seq = utf8_sequence((const unsigned char *) s + i, n - i);
                special |= !is_printable((const unsigned char *) s + i, seq);
                if (i && ((s[i] == ':' && is_blank_or_end(s, i + 1, n)) || (s[i] == '#' && is_blank_or_end(s, i - 1, n))))
                        ret &= ~(unsigned) PLAIN;
                if (s[i] == '\n')
                        ret = (ret & ~(unsigned) PLAIN) | MANY_LINES;
                if (s[i] == ' ' && i + 1 < n && s[i + 1] == '\n')
                        special = true;
                if (s[i] == '\n' && i + 1 < n && s[i + 1] == ' ')
                        ret &= ~(unsigned) (PLAIN | SINGLE);
        }
        if (s[0] == ' ' || s[n - 1] == ' ')
                ret &= ~(unsigned) PLAIN;
        if (s[n - 1] == ' ')
                ret &= ~(unsigned) LITERAL;
        return special ? ret & MANY_LINES : ret;
}

/* Writing text ---------------------------------------------------------------------------------------------------- */

/* Plain and single-quoted differ in their quotes only. */
static void write_folded(struct writer *w, const char *s, size_t n, bool quoted, size_t indent, bool key) {
        if (quoted)
                sbuf_putc(w->b, '\'');
        for (size_t i = 0; i < n; i++) {
                if (s[i] == ' ' && !key && i && i + 1 < n && s[i - 1] != ' ' && s[i + 1] != ' ' && column(w) > WIDTH) {
                        newline(w, indent);
                        continue;
                }
                if (quoted && s[i] == '\'')
                        sbuf_putc(w->b, '\'');
                sbuf_putc(w->b, s[i]);
        }
        if (quoted)
                sbuf_putc(w->b, '\'');
}

static uint32_t code_point(const unsigned char *s, size_t seq) {
        static const unsigned char masks[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
        uint32_t c = s[0] & masks[seq];
        for (size_t i = 1; i < seq; i++)
                c = c << 6 | (s[i] & 0x3fu);
        return c;
}

static void write_escape(struct writer *w, uint32_t c) {
        static const struct { uint32_t c; const char *text; } rows[] = {
                { '\a', "\\a" }, { '\b', "\\b" }, { '\t', "\\t" }, { '\n', "\\n" }, { '\v', "\\v" }, { '\f', "\\f" }, { '\r', "\\r" }, { 0x1b, "\\e" },
                { '"', "\\\"" }, { '\\', "\\\\" }, { 0x85, "\\N" }, { 0xa0, "\\_" }, { 0x2028, "\\L" }, { 0x2029, "\\P" },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++)
                if (rows[i].c == c) {
                        sbuf_puts(w->b, rows[i].text);
                        return;
                }
        sbuf_printf(w->b, c <= 0xff ? "\\x%02X" : c <= 0xffff ? "\\u%04X" : "\\U%08X", (unsigned) c);
}

static void write_double(struct writer *w, const char *s, size_t n, size_t indent, bool key) {
        bool blank_before = false;
        sbuf_putc(w->b, '"');
        for (size_t i = 0, seq; i < n; i += seq) {
                const unsigned char *p = (const unsigned char *) s + i;
                seq = utf8_sequence(p, n - i);
                if (!seq) {                             /* not UTF-8: only possible when a peer's text was cut */
                        write_escape(w, 0xfffd);
                        seq = 1;
                } else if (!is_printable(p, seq) || *p == '\n' || *p == '"' || *p == '\\') {
                        write_escape(w, code_point(p, seq));
                } else if (*p == ' ' && !blank_before && !key && i && i + 1 < n && column(w) > WIDTH) {
                        newline(w, indent);
                        if (s[i + 1] == ' ')
                                sbuf_putc(w->b, '\\');
                } else {
                        put(w, s + i, seq);
                }
                blank_before = *p == ' ';
        }
        sbuf_putc(w->b, '"');
}

static void write_literal(struct writer *w, const char *s, size_t n, size_t indent) {
        sbuf_putc(w->b, '|');
        if (s[0] == ' ' || s[0] == '\n')
                sbuf_putc(w->b, '2');
        if (s[n - 1] != '\n')
                sbuf_putc(w->b, '-');
        else if (n == 1 || s[n - 2] == '\n')
                sbuf_putc(w->b, '+');
        bool at_start = true;
        sbuf_putc(w->b, '\n');
        for (size_t i = 0; i < n; i++) {
                for (size_t k = 0; at_start && s[i] != '\n' && k < indent; k++)
                        sbuf_putc(w->b, ' ');
                at_start = s[i] == '\n';
                if (i + 1 < n || !at_start)             /* the last one is whoever writes next */
                        sbuf_putc(w->b, s[i]);
        }
        w->line = w->b->len;
}

static void write_string(struct writer *w, const char *s, size_t n, size_t indent, bool key) {
        unsigned styles = n ? allowed_styles(s, n) : 0;
        if (reads_otherwise(s))
                write_double(w, s, n, indent, key);
        else if (styles & MANY_LINES && styles & LITERAL && !key)
                write_literal(w, s, n, indent);
        else if (styles & MANY_LINES)
                write_double(w, s, n, indent, key);
        else if (styles & (PLAIN | SINGLE))
                write_folded(w, s, n, !(styles & PLAIN), indent, key);
        else
                write_double(w, s, n, indent, key);
}

/* Values ---------------------------------------------------------------------------------------------------------- */

static void write_scalar(struct writer *w, struct json_object *o, size_t indent) {
        switch (json_object_get_type(o)) {
        case json_type_string: write_string(w, json_object_get_string(o), (size_t) json_object_get_string_len(o), indent, false); break;
        case json_type_double: md_float(json_object_get_double(o), w->b); break;
        default: json_write(o, 0, w->b); break;
        }
}

/* As the library sorts keys: numbers in them by value, letters behind everything else. */
static int natural(const void *pa, const void *pb) {
        const unsigned char *a = (const unsigned char *) ((const struct md_child *) pa)->key, *b = (const unsigned char *) ((const struct md_child *) pb)->key;
        size_t i = 0;
        while (a[i] && a[i] == b[i])
                i++;
        bool al = isalpha(a[i]) || a[i] >= 0x80, bl = isalpha(b[i]) || b[i] >= 0x80;
        if (!a[i] || !b[i] || (al && bl))
                return a[i] - b[i];
        if (al != bl)
                return al ? 1 : -1;
        uint64_t an = 0, bn = 0;
        size_t ai = i, bi = i;
        for (; isdigit(a[ai]); ai++)
                an = an * 10 + (a[ai] - '0');
        for (; isdigit(b[bi]); bi++)
                bn = bn * 10 + (b[bi] - '0');
        return an != bn ? (an < bn ? -1 : 1) : ai != bi ? (ai < bi ? -1 : 1) : a[i] - b[i];
}

static void write_node(struct writer *w, const struct md_node *n, size_t indent);

static void write_nested(struct writer *w, const struct md_child *c, size_t indent) {
        if (md_node_shape(&c->node) == MD_MAP)
                newline(w, indent + 2);
        else
                newline(w, indent);
        write_node(w, &c->node, md_node_shape(&c->node) == MD_MAP ? indent + 2 : indent);
}

static void write_entry(struct writer *w, const struct md_child *c, size_t indent) {
        if (c->key) {
                write_string(w, c->key, strlen(c->key), indent, true);
                sbuf_putc(w->b, ':');
                if (md_node_shape(&c->node) != MD_SCALAR && md_node_count(&c->node)) {
                        write_nested(w, c, indent);
                        return;
                }
                sbuf_putc(w->b, ' ');
        } else {
                put(w, "- ", 2);
        }
        write_node(w, &c->node, indent + 2);
}

/* The cursor stands where the value begins; indent is the column of its further lines. */
static void write_node(struct writer *w, const struct md_node *n, size_t indent) {
        if (md_node_shape(n) == MD_SCALAR) {
                write_scalar(w, n->json, indent);
                return;
        }
        md_children children = { 0 };
        md_node_children(n, &children);
        if (md_node_shape(n) == MD_MAP)
                vec_sort(&children, natural);
        if (!children.n)
                sbuf_puts(w->b, md_node_shape(n) == MD_MAP ? "{}" : "[]");
        for (size_t i = 0; i < children.n; i++) {
                if (i)
                        newline(w, indent);
                write_entry(w, &children.v[i], indent);
        }
        vec_done(&children);
}

void md_render_yaml(const struct md_node *n, struct sbuf *ret) {
        struct writer w = { .b = ret, .line = ret->len };
        write_node(&w, n, md_node_shape(n) == MD_SCALAR ? 2 : 0);
        sbuf_putc(ret, '\n');
}
