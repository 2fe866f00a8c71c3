#include "yaml.h"

#include "json.h"
#include "utf8.h"

#include <stdio.h>

/* YAML takes 1024 characters as a key without "? " before it; a byte may become four ("\x01"). */
enum { IMPLICIT_KEY_BYTES_MAX = 240 };
struct writer { struct sbuf *b; unsigned flags; };

static void write_value(struct writer *w, const struct json_object *o, unsigned indent, bool after_dash);

static void newline(struct writer *w) { sbuf_puts(w->b, w->flags & YAML_CRLF ? "\r\n" : "\n"); }

static void spaces(struct writer *w, unsigned n) {
        for (unsigned i = 0; i < n; i++)
                sbuf_puts(w->b, "  ");
}

/* Only characters YAML takes as they are; newlines too when lines is true. */
static bool printable(const char *s, size_t n, bool lines) {
        for (size_t i = 0; i < n;) {
                unsigned char c = (unsigned char) s[i];
                if (c < 0x80) {
                        if ((c < 0x20 && !(lines && c == '\n')) || c == 0x7f)
                                return false;
                        i++;
                        continue;
                }
                size_t seq = utf8_sequence((const unsigned char *) s + i, n - i);
                unsigned char d = seq > 1 ? (unsigned char) s[i + 1] : 0;
                if (!seq || (c == 0xc2 && d < 0xa0) || (c == 0xe2 && d == 0x80 && ((unsigned char) s[i + 2] & 0xfe) == 0xa8) ||
                    (c == 0xef && (d == 0xbb || d == 0xbf)))            /* C1 controls, line separators, byte order mark, U+FFFx */
                        return false;
                i += seq;
        }
        return true;
}

static bool plain_is_safe(const char *s, size_t n) {
        struct ynode probe = { .text = s };
        ynode_resolve_plain(&probe);
        if (probe.kind != YNODE_STRING || !printable(s, n, false))
                return false;
        if (strchr("-?:,[]{}#&*!|>'\"%@`= ", s[0]) || s[n - 1] == ' ' || s[n - 1] == ':')
                return false;
        if (str_starts(s, "---") || str_starts(s, "...") || str_eq(s, "<<"))
                return false;
        return !strstr(s, ": ") && !strstr(s, " #");
}

static void write_double_quoted(struct writer *w, const char *s, size_t n) {
        sbuf_putc(w->b, '"');
        for (size_t i = 0; i < n; i++) {
                unsigned char c = (unsigned char) s[i];
                size_t seq = utf8_sequence((const unsigned char *) s + i, n - i);
                if (c == '"' || c == '\\')
                        sbuf_printf(w->b, "\\%c", c);
                else if (c == '\n')
                        sbuf_puts(w->b, "\\n");
                else if (c == '\t')
                        sbuf_puts(w->b, "\\t");
                else if (c < 0x20 || c == 0x7f)
                        sbuf_printf(w->b, "\\x%02x", c);
                else if (!seq)
                        sbuf_puts(w->b, "\\uFFFD");
                else if (seq == 1 || printable(s + i, seq, false))
                        sbuf_add(w->b, s + i, seq);
                else
                        sbuf_printf(w->b, "\\u%04X", seq == 2 ? (c & 0x1fu) << 6 | ((unsigned char) s[i + 1] & 0x3fu)
                                                              : (c & 0x0fu) << 12 | ((unsigned char) s[i + 1] & 0x3fu) << 6 |
                                                                        ((unsigned char) s[i + 2] & 0x3fu));
                i += seq ? seq - 1 : 0;
        }
        sbuf_putc(w->b, '"');
}

static void write_block(struct writer *w, const char *s, size_t n, unsigned indent) {
        size_t trailing = 0;
        while (trailing < n && s[n - 1 - trailing] == '\n')
                trailing++;
        sbuf_puts(w->b, trailing == 0 ? "|-" : trailing == 1 ? "|" : "|+");
        const char *p = s, *end = s + n - (trailing ? 1 : 0);
        for (;;) {
                const char *q = memchr(p, '\n', (size_t) (end - p));
                size_t len = (size_t) ((q ? q : end) - p);
                newline(w);
                if (len) {
                        spaces(w, indent);
                        sbuf_add(w->b, p, len);
                }
                if (!q)
                        return;
                p = q + 1;
        }
}

static void write_string(struct writer *w, const char *s, size_t n, unsigned indent, bool key) {
        if (n && plain_is_safe(s, n)) {
                sbuf_add(w->b, s, n);
        } else if (!key && memchr(s, '\n', n) && s[0] != ' ' && s[0] != '\n' && printable(s, n, true)) {
                write_block(w, s, n, indent);
        } else if (printable(s, n, false)) {
                sbuf_putc(w->b, '\'');
                for (size_t i = 0; i < n; i++) {
                        if (s[i] == '\'')
                                sbuf_putc(w->b, '\'');
                        sbuf_putc(w->b, s[i]);
                }
                sbuf_putc(w->b, '\'');
        } else {
                write_double_quoted(w, s, n);
        }
}

static bool is_empty(const struct json_object *o) {
        return (json_object_is_type(o, json_type_object) && json_object_object_length(o) == 0) ||
               (json_object_is_type(o, json_type_array) && json_object_array_length(o) == 0);
}

static bool is_nested(const struct json_object *o) {
        return (json_object_is_type(o, json_type_object) || json_object_is_type(o, json_type_array)) && !is_empty(o);
}

static void write_scalar(struct writer *w, const struct json_object *o, unsigned indent) {
        struct json_object *mutable = (struct json_object *) o;
        switch (json_object_get_type(o)) {
        case json_type_string: write_string(w, json_object_get_string(mutable), (size_t) json_object_get_string_len(o), indent, false); break;
        case json_type_object: sbuf_puts(w->b, "{}"); break;
        case json_type_array: sbuf_puts(w->b, "[]"); break;
        default: json_write(o, 0, w->b); break;
        }
}

static void write_map(struct writer *w, const struct json_object *o, unsigned indent, bool after_dash) {
        bool first = after_dash;
        json_object_object_foreach((struct json_object *) o, key, value) {
                if (!value && (w->flags & YAML_SKIP_NULL))
                        continue;
                if (!first)
                        spaces(w, indent);
                first = false;
                bool explicit = strlen(key) > IMPLICIT_KEY_BYTES_MAX;
                if (explicit)
                        sbuf_puts(w->b, "? ");
                write_string(w, key, strlen(key), indent, true);
                if (explicit) {
                        newline(w);
                        spaces(w, indent);
                }
                sbuf_putc(w->b, ':');
                if (is_nested(value)) {
                        newline(w);
                        write_value(w, value, json_object_is_type(value, json_type_array) ? indent : indent + 1, false);
                        continue;
                }
                sbuf_putc(w->b, ' ');
                write_scalar(w, value, indent + 1);
                newline(w);
        }
}

static void write_value(struct writer *w, const struct json_object *o, unsigned indent, bool after_dash) {
        if (json_object_is_type(o, json_type_object) && !is_empty(o)) {
                write_map(w, o, indent, after_dash);
                return;
        }
        if (!is_nested(o)) {
                write_scalar(w, o, MAX(indent, 1U));    /* a block scalar's lines are indented, at the top too */
                newline(w);
                return;
        }
        for (size_t i = 0; i < json_object_array_length(o); i++) {
                if (i || !after_dash)
                        spaces(w, indent);
                sbuf_puts(w->b, "- ");
                write_value(w, json_object_array_get_idx(o, i), indent + 1, true);
        }
}

void yaml_write(const struct json_object *o, unsigned flags, struct sbuf *ret) {
        struct writer w = { .b = ret, .flags = flags };
        write_value(&w, o, 0, false);
}
