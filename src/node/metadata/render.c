#include "render.h"

#include "base/parse.h"
#include "view.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>

enum { DIGITS_MAX = 17 };

/* Formats --------------------------------------------------------------------------------------------------------- */

static const struct { const char *type, *subtype; enum md_format format; } offers[] = {
        { "text", "plain", MD_TEXT }, { "application", "json", MD_JSON }, { "application", "yaml", MD_YAML },
        { "application", "x-yaml", MD_YAML }, { "text", "yaml", MD_YAML }, { "text", "x-yaml", MD_YAML },
};

const char *md_format_content_type(enum md_format f) {
        static const char *const types[MD_FORMAT_MAX] = {
                [MD_TEXT] = "text/plain; charset=utf-8", [MD_JSON] = "application/json", [MD_YAML] = "application/yaml",
        };
        return f < MD_FORMAT_MAX ? types[f] : NULL;
}

static const char *skip_blanks(const char *p) { return p + strspn(p, " \t"); }

static size_t token_len(const char *p) { return strcspn(p, "/;, \t"); }

static bool token_is(const char *p, size_t n, const char *word) { return strlen(word) == n && strncasecmp(p, word, n) == 0; }

/* The quality in the parameters at p: 0 to 1, 1 without "q", -1 when it is no number. */
static double quality(const char *p, const char *end) {
        for (; p < end; p = memchr(p, ';', (size_t) (end - p)) ?: end) {
                p = skip_blanks(p + 1);
                if (p >= end || tolower((unsigned char) *p) != 'q' || *skip_blanks(p + 1) != '=')
                        continue;
                p = skip_blanks(skip_blanks(p + 1) + 1);
                char text[16];
                size_t n = strspn(p, "0123456789.");
                double q;
                if (n == 0 || n >= sizeof text)
                        return -1;
                memcpy(text, p, n);
                text[n] = 0;
                return parse_double(text, &q) < 0 ? -1 : MIN(q, 1.0);
        }
        return 1;
}

enum md_format md_format_negotiate(const char *accept) {
        double best_q = 0;
        int best_specific = -1, best_offer = -1;
        for (const char *p = accept; p && *p;) {
                p = skip_blanks(p);
                const char *end = p + strcspn(p, ",");
                size_t type_n = token_len(p);
                const char *sub = p[type_n] == '/' ? p + type_n + 1 : NULL;
                size_t sub_n = sub ? token_len(sub) : 0;
                const char *params = memchr(p, ';', (size_t) (end - p)) ?: end;
                double q = quality(params, end);
                for (int i = 0; sub && i < (int) ARRAY_LEN(offers); i++) {
                        bool any_type = token_is(p, type_n, "*"), any_sub = token_is(sub, sub_n, "*");
                        if (!(any_type && any_sub) && !(token_is(p, type_n, offers[i].type) && (any_sub || token_is(sub, sub_n, offers[i].subtype))))
                                continue;
                        int specific = any_type ? 0 : any_sub ? 1 : 2;
                        if (q > best_q || (q > 0 && q == best_q && (specific > best_specific || (specific == best_specific && i < best_offer)))) {
                                best_q = q;
                                best_specific = specific;
                                best_offer = i;
                        }
                }
                p = *end ? end + 1 : end;
        }
        return best_offer < 0 ? MD_TEXT : offers[best_offer].format;
}

/* Numbers --------------------------------------------------------------------------------------------------------- */

/* v > 0 as digits d1d2..., v = 0.d1d2... * 10^*ret_point. */
static size_t shortest(double v, char digits[DIGITS_MAX + 1], int *ret_point) {
        char text[40];
        double back = 0;
        for (int n = 0; n < DIGITS_MAX; n++) {
                snprintf(text, sizeof text, "%.*e", n, v);
                if (parse_double(text, &back) == 0 && back == v)
                        break;
        }
        size_t k = 0;
        const char *e = strchr(text, 'e');
        for (const char *p = text; p < e; p++)
                if (isdigit((unsigned char) *p))
                        digits[k++] = *p;
        while (k > 1 && digits[k - 1] == '0')
                k--;
        digits[k] = 0;
        int64_t exponent = 0;
        (void) parse_i64(e[1] == '+' ? e + 2 : e + 1, &exponent);       /* printf wrote it */
        *ret_point = (int) exponent + 1;
        return k;
}

static void write_float(double v, int below, int from, bool pad, struct sbuf *ret) {
        if (!isfinite(v)) {
                sbuf_puts(ret, isnan(v) ? "NaN" : v < 0 ? "-Inf" : "+Inf");
                return;
        }
        if (signbit(v))
                sbuf_putc(ret, '-');
        if (v == 0) {
                sbuf_putc(ret, '0');
                return;
        }
        char digits[DIGITS_MAX + 1];
        int point;
        size_t n = shortest(fabs(v), digits, &point);
        int exponent = point - 1;
        if (exponent < below || exponent >= from) {
                sbuf_putc(ret, digits[0]);
                if (n > 1)
                        sbuf_putc(ret, '.');
                sbuf_puts(ret, digits + 1);
                sbuf_printf(ret, pad ? "e%c%02d" : "e%c%d", exponent < 0 ? '-' : '+', abs(exponent));
                return;
        }
        if (point <= 0)
                sbuf_puts(ret, "0.");
        for (int i = point; i < 0; i++)
                sbuf_putc(ret, '0');
        for (int i = 0; i < (int) n || i < point; i++) {
                if (i == point && point > 0)
                        sbuf_putc(ret, '.');
                sbuf_putc(ret, i < (int) n ? digits[i] : '0');
        }
}

void md_float(double v, struct sbuf *ret) { write_float(v, -4, 6, true, ret); }
void md_float_json(double v, struct sbuf *ret) { write_float(v, -6, 21, false, ret); }

/* "%f" without the zeros at its end (spec 4.1). */
static void text_float(double v, struct sbuf *ret) {
        size_t from = ret->len;
        sbuf_printf(ret, "%f", v);
        if (!sbuf_ok(ret) || !memchr(ret->data + from, '.', ret->len - from))
                return;
        while (ret->data[ret->len - 1] == '0')
                ret->len--;
        if (ret->data[ret->len - 1] == '.')
                ret->len--;
        ret->data[ret->len] = 0;
}

/* Text ------------------------------------------------------------------------------------------------------------ */

void md_escape(const char *s, struct sbuf *ret) {
        for (const unsigned char *p = (const unsigned char *) s; *p; p++) {
                if (isalnum(*p) || strchr("-._~", *p))
                        sbuf_putc(ret, (char) *p);
                else if (*p == ' ')
                        sbuf_putc(ret, '+');
                else
                        sbuf_printf(ret, "%%%02X", *p);
        }
}

static void text_scalar(struct json_object *o, struct sbuf *ret) {
        switch (json_object_get_type(o)) {
        case json_type_null: break;
        case json_type_double: text_float(json_object_get_double(o), ret); break;
        case json_type_string: sbuf_add(ret, json_object_get_string(o), (size_t) json_object_get_string_len(o)); break;
        default: json_write(o, 0, ret); break;
        }
}

/* "name", else "uuid", when it is a string; NULL otherwise. */
static const char *label_of(const struct md_node *e) {
        static const char *const keys[] = { "name", "uuid" };
        for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
                struct md_node v;
                if (md_node_shape(e) == MD_MAP && md_node_step(e, keys[i], &v) && v.type == MD_NODE_JSON && json_object_is_type(v.json, json_type_string))
                        return json_object_get_string(v.json);
        }
        return NULL;
}

static int by_line(const void *a, const void *b) { return strcmp(*(char *const *) a, *(char *const *) b); }

static void text_map(const md_children *children, struct sbuf *ret) {
        VEC(char *) lines = { 0 };
        for (size_t i = 0; i < children->n; i++) {
                auto_sbuf struct sbuf line = SBUF(1 << 20);
                md_escape(children->v[i].key, &line);
                if (md_node_shape(&children->v[i].node) != MD_SCALAR)
                        sbuf_putc(&line, '/');
                vec_push(&lines, sbuf_steal(&line));
        }
        vec_sort(&lines, by_line);                      /* "Sorted bytewise after the suffix is added" */
        for (size_t i = 0; i < lines.n; i++) {
                sbuf_puts(ret, lines.v[i]);
                sbuf_putc(ret, '\n');
                free(lines.v[i]);
        }
        vec_done(&lines);
}

static void text_array(const md_children *children, struct sbuf *ret) {
        for (size_t i = 0; i < children->n; i++) {
                const struct md_node *e = &children->v[i].node;
                const char *label = label_of(e);
                sbuf_printf(ret, "%zu", i);
                if (label) {
                        sbuf_putc(ret, '=');
                        md_escape(label, ret);
                } else if (md_node_shape(e) != MD_SCALAR) {
                        sbuf_putc(ret, '/');
                }
                sbuf_putc(ret, '\n');
        }
}

static void render_text(const struct md_node *n, struct sbuf *ret) {
        if (md_node_shape(n) == MD_SCALAR) {
                text_scalar(n->json, ret);
                return;
        }
        md_children children = { 0 };
        md_node_children(n, &children);
        (md_node_shape(n) == MD_MAP ? text_map : text_array)(&children, ret);
        vec_done(&children);
}

/* JSON ------------------------------------------------------------------------------------------------------------ */

static void render_json(const struct md_node *n, struct sbuf *ret);

static void json_children(const struct md_node *n, bool map, struct sbuf *ret) {
        md_children children = { 0 };
        md_node_children(n, &children);
        sbuf_putc(ret, map ? '{' : '[');
        for (size_t i = 0; i < children.n; i++) {
                if (i)
                        sbuf_putc(ret, ',');
                if (map) {
                        view_json_text(children.v[i].key, strlen(children.v[i].key), ret);
                        sbuf_putc(ret, ':');
                }
                render_json(&children.v[i].node, ret);
        }
        sbuf_putc(ret, map ? '}' : ']');
        vec_done(&children);
}

static void render_json(const struct md_node *n, struct sbuf *ret) {
        switch (n->type) {
        case MD_NODE_JSON: view_json(n->json, ret); return;
        case MD_NODE_LIST: case MD_NODE_MEMBERS: case MD_NODE_REMOTES: json_children(n, false, ret); return;
        case MD_NODE_ROOT: case MD_NODE_SELF: json_children(n, true, ret); return;
        case MD_NODE_OBJECT: break;
        }
        if (n->own) {                                   /* a token in it: rare, and not what is kept */
                json_children(n, true, ret);
                return;
        }
        const struct view *v = view_get(n->model, n->object, n->version == MD_V3);
        const char *text = view_text(v);
        size_t cut = v->hole ? v->hole_at : v->len;
        sbuf_add(ret, text, cut);
        if (v->hole) {
                struct md_node members = *n;
                members.type = MD_NODE_MEMBERS;
                render_json(&members, ret);
                sbuf_add(ret, text + cut, v->len - cut);
        }
}

void md_render(const struct md_node *n, enum md_format f, struct sbuf *ret) {
        if (f == MD_JSON)
                render_json(n, ret);
        else if (f == MD_YAML)
                md_render_yaml(n, ret);
        else
                render_text(n, ret);
}

/* Long polls ------------------------------------------------------------------------------------------------------ */

bool md_plain(const struct md_node *n, struct sbuf *ret) {
        if (md_node_shape(n) != MD_SCALAR) {
                if (md_node_count(n))
                        return false;
                sbuf_puts(ret, md_node_shape(n) == MD_MAP ? "map[]" : "[]");
        } else if (!n->json) {
                sbuf_puts(ret, "<nil>");
        } else if (json_object_is_type(n->json, json_type_double)) {
                md_float(json_object_get_double(n->json), ret);
        } else {
                text_scalar(n->json, ret);
        }
        return true;
}
