/* Value grammars of compose.md 4.6, and objects with rows of fields. */
#include "compose-internal.h"

#include "base/parse.h"
#include "base/sbuf.h"
#include "json.h"

#include <ctype.h>
#include <math.h>

int compose_int(const struct ynode *v, int64_t *ret) {
        switch (v->kind) {
        case YNODE_INT: *ret = v->i; return 0;
        case YNODE_FLOAT:
                if (!(v->f > -9e15 && v->f < 9e15))
                        return -ERANGE;
                *ret = (int64_t) v->f;
                return 0;
        case YNODE_STRING: {
                const char *s = v->text + (*v->text == '+');
                return isdigit((unsigned char) *s) || (*s == '-' && s == v->text) ? parse_i64(s, ret) : -EINVAL;
        }
        default: return -EINVAL;
        }
}

/* Integer bytes, or ^\d+(\.\d+)* ?[kKmMgGtTpP]?[bB]?$ */
int compose_size(const struct ynode *v, int64_t *ret) {
        if (v->kind != YNODE_STRING)
                return compose_int(v, ret);
        const char *s = v->text, *p = s;
        if (!isdigit((unsigned char) *p))
                return -EINVAL;
        unsigned dots = 0;
        while (isdigit((unsigned char) *p) || (*p == '.' && isdigit((unsigned char) p[1])))
                dots += *p++ == '.';
        if (dots > 1 || p - s > 30)
                return -EINVAL;
        auto_free char *number = dr_xstrndup(s, (size_t) (p - s));
        p += *p == ' ';
        double scale = 1;
        static const char units[] = "kmgtp";
        const char *unit = *p ? strchr(units, tolower((unsigned char) *p)) : NULL;
        for (const char *u = units; unit && u <= unit; u++)
                scale *= 1024;
        p += unit != NULL;
        p += *p == 'b' || *p == 'B';
        double d = strtod(number, NULL) * scale;
        if (*p || !(d < 9.2e18))
                return -EINVAL;
        *ret = (int64_t) d;
        return 0;
}

/* Whole seconds, or a Go duration: numbers with unit, added up. */
int compose_duration(const struct ynode *v, int64_t *ret_s) {
        static const struct { const char *name; double s; } units[] = {
                { "ns", 1e-9 }, { "us", 1e-6 }, { "\xc2\xb5s", 1e-6 }, { "ms", 1e-3 }, { "s", 1 }, { "m", 60 }, { "h", 3600 },
        };
        if (v->kind != YNODE_STRING)
                return compose_int(v, ret_s);
        const char *p = v->text + (*v->text == '+');
        double total = 0;
        if (!*p)
                return -EINVAL;
        while (*p) {
                size_t n = strspn(p, "0123456789.");
                auto_free char *number = dr_xstrndup(p, n);
                double d;
                if (!n || n > 30 || parse_double(number, &d) < 0)
                        return -EINVAL;
                p += n;
                size_t u = 0;
                for (; u < ARRAY_LEN(units); u++) {
                        size_t len = strlen(units[u].name);
                        if (strncmp(p, units[u].name, len) == 0 && (!p[len] || strchr("0123456789.", p[len])))
                                break;
                }
                if (u == ARRAY_LEN(units))
                        return -EINVAL;
                total += d * units[u].s;
                p += strlen(units[u].name);
        }
        if (!(total < 9e9))
                return -ERANGE;
        *ret_s = (int64_t) (total + 1e-9);
        return 0;
}

/* Quotes and backslashes as in a POSIX shell, no expansion; a word beginning with # comments out the rest of its line. drover: a backtick
 * is an ordinary character, upstream refuses it. */
int compose_shell_split(const char *s, struct json_object **ret, const char **ret_why) {
        AUTO(json_free) struct json_object *list = json_object_new_array();
        auto_sbuf struct sbuf word = SBUF(2 * COMPOSE_TEXT_MAX);
        bool in_word = false;
        for (; *s; s++) {
                if (strchr(" \t\r\n", *s)) {
                        if (in_word)
                                json_object_array_add(list, json_object_new_string(sbuf_str(&word)));
                        in_word = false;
                        sbuf_reset(&word);
                        continue;
                }
                if (*s == '#' && !in_word) {
                        while (s[1] && s[1] != '\n')
                                s++;
                        continue;
                }
                in_word = true;
                if (*s == '\'') {
                        const char *end = strchr(s + 1, '\'');
                        if (!end) {
                                *ret_why = "EOF found when expecting closing quote.";
                                return -EINVAL;
                        }
                        sbuf_add(&word, s + 1, (size_t) (end - s - 1));
                        s = end;
                } else if (*s == '"') {
                        for (s++; *s && *s != '"'; s++) {
                                s += *s == '\\' && s[1];
                                sbuf_putc(&word, *s);
                        }
                        if (!*s) {
                                *ret_why = "EOF found when expecting closing quote.";
                                return -EINVAL;
                        }
                } else if (*s == '\\') {
                        if (!*++s) {
                                *ret_why = "EOF found after escape character";
                                return -EINVAL;
                        }
                        sbuf_putc(&word, *s);
                } else {
                        sbuf_putc(&word, *s);
                }
        }
        if (in_word)
                json_object_array_add(list, json_object_new_string(sbuf_str(&word)));
        *ret = dr_take(list);
        return 0;
}

/* Rows of fields */

static void field_error(struct compose_build *b, const struct ynode *at, const char *key, const char *want) {
        compose_error(b->c, at, "Service '%s' configuration key '%s.%s' contains %s%s%.60s%s, it should be %s", b->service, b->key, key,
                      at->kind == YNODE_STRING ? "" : "a ", at->kind == YNODE_STRING ? "'" : "",
                      at->kind == YNODE_STRING ? at->text : ynode_kind_to_string(at->kind), at->kind == YNODE_STRING ? "'" : "", want);
}

static struct json_object *string_list(const struct ynode *v) {
        struct json_object *list = json_object_new_array();
        char buf[64];
        const char *text;
        for (size_t i = 0; v->kind == YNODE_SEQ && i < v->seq.n; i++) {
                if (!ynode_is_scalar(v->seq.v[i]))
                        continue;
                ynode_scalar_text(v->seq.v[i], buf, sizeof buf, &text);
                json_object_array_add(list, json_object_new_string(text));
        }
        return list;
}

static void add_field(struct compose_build *b, struct json_object *o, const struct compose_field *f, const struct ynode *v) {
        int64_t i;
        char buf[64];
        const char *text;
        switch (f->type) {
        case FIELD_INT:
                if (v->kind == YNODE_BOOL || compose_int(v, &i) < 0)
                        field_error(b, v, f->key, "an integer");
                else if (i)
                        json_set_int(o, f->field, i);
                break;
        case FIELD_STRING:
                if (!ynode_is_scalar(v)) {
                        field_error(b, v, f->key, "a string");
                        break;
                }
                ynode_scalar_text(v, buf, sizeof buf, &text);
                if (*text)
                        json_set_str(o, f->field, text);
                break;
        case FIELD_BOOL:
                if (v->kind != YNODE_BOOL)
                        field_error(b, v, f->key, "a boolean");
                else if (v->b)
                        json_set_bool(o, f->field, true);
                break;
        case FIELD_STRINGS:
                if (v->kind != YNODE_SEQ)
                        field_error(b, v, f->key, "an array");
                else if (v->seq.n)
                        json_set(o, f->field, string_list(v));
                break;
        case FIELD_ANY: json_set(o, f->field, ynode_to_json(v)); break;
        case FIELD_CAMEL: json_set(o, f->field, compose_camel(v)); break;
        case FIELD_OBJECT:
                if (v->kind == YNODE_SEQ)
                        json_set(o, f->field, compose_objects(b, f->rows, v));
                else if (v->kind == YNODE_MAP)
                        json_set(o, f->field, compose_object(b, f->rows, v));
                else
                        field_error(b, v, f->key, "an object");
                break;
        }
}

struct json_object *compose_object(struct compose_build *b, const struct compose_field *rows, const struct ynode *v) {
        struct json_object *o = json_object_new_object();
        for (; rows->key; rows++) {
                const struct ynode *value = ynode_get(v, rows->key);
                if (value && value->kind != YNODE_NULL)
                        add_field(b, o, rows, value);
        }
        return o;
}

struct json_object *compose_objects(struct compose_build *b, const struct compose_field *rows, const struct ynode *v) {
        struct json_object *list = json_object_new_array();
        for (size_t i = 0; v->kind == YNODE_SEQ && i < v->seq.n; i++)
                json_object_array_add(list, compose_object(b, rows, v->seq.v[i]));
        return list;
}

static void camel_key(const char *key, struct sbuf *ret) {
        for (; *key; key++)
                if (*key == '_' && key[1])
                        sbuf_putc(ret, (char) toupper((unsigned char) *++key));
                else
                        sbuf_putc(ret, *key);
}

struct json_object *compose_camel(const struct ynode *v) {
        if (v->kind == YNODE_SEQ) {
                struct json_object *list = json_object_new_array();
                for (size_t i = 0; i < v->seq.n; i++)
                        json_object_array_add(list, compose_camel(v->seq.v[i]));
                return list;
        }
        if (v->kind != YNODE_MAP)
                return ynode_to_json(v);
        struct json_object *o = json_object_new_object();
        auto_sbuf struct sbuf key = SBUF(COMPOSE_TEXT_MAX);
        for (size_t i = 0; i < v->map.n; i++) {
                sbuf_reset(&key);
                camel_key(v->map.v[i].key->text, &key);
                json_set(o, sbuf_str(&key), compose_camel(v->map.v[i].value));
        }
        return o;
}
