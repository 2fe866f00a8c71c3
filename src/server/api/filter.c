#include "filter.h"

#include "base/parse.h"
#include "base/times.h"
#include "fields.h"

enum { LIKE_STEPS_MAX = 100000 };

static enum field_kind kind_of(const struct type_def *def, enum field_id f) {
        const struct field_def *d = type_field(def, f);
        return d ? d->type->kind : field_internal_kind(f);
}

/* The text as the field's value; false: nothing can equal it. */
static bool convert(struct api_req *req, const struct type_def *def, enum field_id f, const char *s, struct value *ret) {
        int64_t n;
        double d;
        bool b;
        if ((f == F_id && def->base != T_setting) || (f == F_resourceId && def->base == T_auditLog && parse_i64(s, &n) < 0)) {
                if (id_decode_number(s, strlen(s), req->plain_ids, &n) < 0)
                        return false;
                *ret = value_int(n);
                return true;
        }
        switch (kind_of(def, f)) {
        case FK_REFERENCE:
                if (id_decode_number(s, strlen(s), req->plain_ids, &n) < 0)
                        return false;
                *ret = value_int(n);
                return true;
        case FK_INT:
                if (parse_i64(s, &n) < 0)
                        return false;
                *ret = value_int(n);
                return true;
        case FK_FLOAT:
                if (parse_double(s, &d) < 0)
                        return false;
                *ret = value_float(d);
                return true;
        case FK_BOOL:
                if (parse_bool(s, &b) < 0)
                        return false;
                *ret = value_bool(b);
                return true;
        case FK_DATE:
                if (time_parse_iso(s, &n) < 0 && parse_i64(s, &n) < 0)
                        return false;
                *ret = value_int(n);
                return true;
        case FK_NONE:                   /* a column that no role sees: numbers are numbers */
                *ret = parse_i64(s, &n) == 0 ? value_int(n) : value_str(s);
                return true;
        default:
                *ret = value_str(s);
                return true;
        }
}

void conditions_read(struct api_req *req, const struct type_def *def, struct conditions *ret) {
        const struct http_query *q = req->http ? &req->http->query : NULL;
        for (size_t i = 0; q && i < q->n; i++) {
                const char *name = q->v[i].name, *under = strrchr(name, '_');
                size_t len = strlen(name);
                int modifier = FM_EQ;
                enum field_id f = field_by_name(name, len);
                if (f == F_NONE && under && under != name) {
                        modifier = filter_modifier_from_string(under + 1, strlen(under + 1));
                        f = field_by_name(name, (size_t) (under - name));
                }
                const struct filter_def *fd = f == F_NONE || modifier < 0 ? NULL : type_filter(def, f);
                if (!fd || !(fd->modifiers & BIT(modifier)) || f == F_all)      /* all=true widens the list (collection.c) */
                        continue;
                struct condition c = { .field = f, .modifier = (enum filter_modifier) modifier, .text = q->v[i].value };
                if (modifier == FM_PREFIX || modifier == FM_LIKE || modifier == FM_NOTLIKE)
                        c.value = value_str(c.text);
                else if (modifier != FM_NULL && modifier != FM_NOTNULL)
                        c.impossible = !convert(req, def, f, c.text, &c.value);
                vec_push(ret, c);
        }
}

void conditions_done(struct conditions *c) {
        for (size_t i = 0; i < c->n; i++)
                value_done(&c->v[i].value);
        vec_done(c);
}

static double number_of(struct value v) {
        return v.tag == V_FLOAT ? v.f : v.tag == V_INT ? (double) v.i : v.tag == V_BOOL ? (double) v.b : 0;
}

int value_compare(struct value a, struct value b) {
        if (a.tag == V_NULL || b.tag == V_NULL)
                return (a.tag != V_NULL) - (b.tag != V_NULL);
        bool text_a = a.tag >= V_STR, text_b = b.tag >= V_STR;
        if (text_a != text_b)
                return text_a - text_b;
        if (text_a) {
                int r = strcmp(a.t->s, b.t->s);
                return (r > 0) - (r < 0);
        }
        if (a.tag == V_INT && b.tag == V_INT)
                return (a.i > b.i) - (a.i < b.i);
        double x = number_of(a), y = number_of(b);
        return (x > y) - (x < y);
}

/* SQL LIKE: '%' any run, '_' one byte, without case as MySQL does. steps bounds the work on hostile patterns. */
static bool like(const char *s, const char *pattern, unsigned *steps) {
        for (; *pattern; pattern++, s++) {
                if (*steps == 0)
                        return false;
                --*steps;
                if (*pattern == '%') {
                        while (*pattern == '%')
                                pattern++;
                        if (!*pattern)
                                return true;
                        for (; *s; s++)
                                if (like(s, pattern, steps))
                                        return true;
                        return false;
                }
                if (!*s)
                        return false;
                char a = *s, b = *pattern;
                if (a >= 'A' && a <= 'Z')
                        a = (char) (a + 32);
                if (b >= 'A' && b <= 'Z')
                        b = (char) (b + 32);
                if (a != b && *pattern != '_')
                        return false;
        }
        return !*s;
}

static bool matches(const struct condition *c, struct value v) {
        unsigned steps = LIKE_STEPS_MAX;
        if (c->modifier == FM_NULL)
                return v.tag == V_NULL;
        if (c->modifier == FM_NOTNULL)
                return v.tag != V_NULL;
        if (c->impossible)
                return c->modifier == FM_NE;
        if (v.tag == V_NULL)            /* as SQL: null equals nothing and differs from nothing; false booleans are stored as absent */
                return c->value.tag == V_BOOL && (c->modifier == FM_EQ ? !c->value.b : c->modifier == FM_NE && c->value.b);
        switch (c->modifier) {
        case FM_EQ:      return value_compare(v, c->value) == 0;
        case FM_NE:      return value_compare(v, c->value) != 0;
        case FM_LT:      return value_compare(v, c->value) < 0;
        case FM_LTE:     return value_compare(v, c->value) <= 0;
        case FM_GT:      return value_compare(v, c->value) > 0;
        case FM_GTE:     return value_compare(v, c->value) >= 0;
        case FM_PREFIX:  return v.tag >= V_STR && str_starts(v.t->s, c->value.t->s);
        case FM_LIKE:    return v.tag >= V_STR && like(v.t->s, c->value.t->s, &steps);
        case FM_NOTLIKE: return v.tag >= V_STR && !like(v.t->s, c->value.t->s, &steps);
        default:         return false;
        }
}

bool conditions_match(struct api_req *req, const struct conditions *c, const struct record *r) {
        for (size_t i = 0; i < c->n; i++) {
                auto_value struct value v = field_scalar(req, r, c->v[i].field);
                if (!matches(&c->v[i], v))
                        return false;
        }
        return true;
}
