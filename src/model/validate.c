#include "model/validate.h"

#include <json-c/json.h>
#include <math.h>
#include <stdio.h>
#include <strings.h>

#include "base/parse.h"
#include "base/times.h"
#include "formats/json.h"
#include "model/ids.h"

enum { NESTING_MAX = 64, DEFAULT_BYTES_MAX = 1 << 16, PRINTED_BYTES_MAX = 64 << 20 };

static const char *field_text(const struct field_def *f) { return field_name((enum field_id) f->id); }

/* --- conversion: JSON of any type to JSON of the field's type (references to numbers or names, dates to milliseconds) */

struct scope {
        const struct validate *c;
        const struct field_def *f;
        unsigned depth;
        struct dr_error *err;
};

static int check_object(const struct validate *c, const struct type_def *def, enum validate_op op, unsigned depth,
                        struct json_object *in, struct json_object **ret, struct dr_error *err);

static int bad_format(const struct scope *s, const struct field_type *t, struct json_object *in) {
        return dr_fail(s->err, DR_E_INVALID_FORMAT, field_text(s->f), "field \"%s\" is not of type %s: %.100s", field_text(s->f),
                       t->text, json_object_to_json_string_ext(in, JSON_C_TO_STRING_PLAIN));
}

static bool is_scalar(struct json_object *o) {
        return !json_object_is_type(o, json_type_object) && !json_object_is_type(o, json_type_array);
}

/* A scalar as text, the way Java prints it. Strings with a NUL inside are none: they are C strings everywhere else. */
static const char *scalar_text(struct json_object *o) {
        if (!is_scalar(o))
                return NULL;
        if (!json_object_is_type(o, json_type_string))
                return json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN);
        const char *s = json_object_get_string(o);
        return strlen(s) == (size_t) json_object_get_string_len(o) ? s : NULL;
}

static bool integer_of(struct json_object *o, int64_t *ret) {
        switch (json_object_get_type(o)) {
        case json_type_int:
                if (json_object_get_int64(o) > 0 && json_object_get_uint64(o) > INT64_MAX)
                        return false;
                *ret = json_object_get_int64(o);
                return true;
        case json_type_double: {
                double d = json_object_get_double(o);
                if (!(d >= -9007199254740992.0 && d <= 9007199254740992.0) || d != floor(d))
                        return false;
                *ret = (int64_t) d;
                return true;
        }
        case json_type_string: {
                const char *s = scalar_text(o);
                return s && parse_i64(s, ret) == 0;
        }
        default:
                return false;
        }
}

static int convert_int(const struct scope *s, const struct field_type *t, struct json_object *in, struct json_object **ret) {
        int64_t x;
        if (!integer_of(in, &x))
                return bad_format(s, t, in);
        *ret = json_object_new_int64(x);
        return 0;
}

static int convert_float(const struct scope *s, const struct field_type *t, struct json_object *in, struct json_object **ret) {
        double d;
        if (json_object_is_type(in, json_type_int) || json_object_is_type(in, json_type_double))
                d = json_object_get_double(in);
        else if (!json_object_is_type(in, json_type_string) || !scalar_text(in) || parse_double(scalar_text(in), &d) < 0)
                return bad_format(s, t, in);
        if (!isfinite(d))
                return bad_format(s, t, in);
        *ret = json_object_new_double(d);
        return 0;
}

static int convert_bool(const struct scope *s, const struct field_type *t, struct json_object *in, struct json_object **ret) {
        bool b = false;
        const char *text = scalar_text(in);
        if (json_object_is_type(in, json_type_boolean))
                b = json_object_get_boolean(in);
        else if (!text || parse_bool(text, &b) < 0)
                return bad_format(s, t, in);
        *ret = json_object_new_boolean(b);
        return 0;
}

static int convert_string(const struct scope *s, const struct field_type *t, struct json_object *in, struct json_object **ret) {
        const char *text = scalar_text(in);
        if (!text)
                return bad_format(s, t, in);
        *ret = json_object_new_string(text);
        return 0;
}

/* api.md 1.3: that format, a number of milliseconds, "now", or blank = null. */
static int convert_date(const struct scope *s, const struct field_type *t, struct json_object *in, struct json_object **ret) {
        int64_t ms;
        const char *text = scalar_text(in);
        if (json_object_is_type(in, json_type_string) && text && text[strspn(text, " \t\r\n")] == 0) {
                *ret = NULL;
                return 0;
        }
        if (text && strcasecmp(text, "now") == 0)
                ms = s->c->now_ms;
        else if (!text || json_object_is_type(in, json_type_boolean) ||
                 (time_parse_iso(text, &ms) < 0 && !integer_of(in, &ms)))
                return dr_fail(s->err, DR_E_INVALID_DATE_FORMAT, field_text(s->f),
                               "field \"%s\" is not a date like 2017-03-02T10:20:30Z: %.60s", field_text(s->f),
                               json_object_to_json_string_ext(in, JSON_C_TO_STRING_PLAIN));
        *ret = json_object_new_int64(ms);
        return 0;
}

static int convert_reference(const struct scope *s, const struct field_type *t, struct json_object *in, struct json_object **ret) {
        const char *text = scalar_text(in), *name = NULL;
        size_t len = 0;
        int64_t n = -1;
        bool found = text && id_decode(text, strlen(text), s->c->plain_ids, &name, &len, &n) == 0;
        if (found && t->target != T_NONE && s->c->exists)
                found = s->c->exists(t->target, n, n < 0 ? name : NULL, s->c->arg);
        if (!found)
                return dr_fail(s->err, DR_E_INVALID_REFERENCE, field_text(s->f), "field \"%s\": %s \"%.100s\" does not exist",
                               field_text(s->f), str_or(type_name(t->target), "reference"), text ? text : "");
        *ret = n >= 0 ? json_object_new_int64(n) : json_object_new_string(name);
        return 0;
}

static int convert(const struct scope *s, const struct field_type *t, struct json_object *in, struct json_object **ret);

static int convert_array(const struct scope *s, const struct field_type *t, struct json_object *in, struct json_object **ret) {
        bool list = json_object_is_type(in, json_type_array);           /* a bare value is a list of one */
        size_t n = list ? json_object_array_length(in) : 1;
        AUTO(json_free) struct json_object *out = json_object_new_array();
        for (size_t i = 0; i < n; i++) {
                struct json_object *item = list ? json_object_array_get_idx(in, i) : in, *made = NULL;
                if (!item)
                        return dr_fail(s->err, DR_E_NOT_NULLABLE, field_text(s->f), "field \"%s\": element %zu is null",
                                       field_text(s->f), i + 1);
                int r = convert(s, t->element, item, &made);
                if (r < 0)
                        return r;
                json_object_array_add(out, made);
        }
        *ret = dr_take(out);
        return 0;
}

static int convert_map(const struct scope *s, const struct field_type *t, struct json_object *in, struct json_object **ret) {
        if (!json_object_is_type(in, json_type_object))
                return bad_format(s, t, in);
        AUTO(json_free) struct json_object *out = json_object_new_object();
        json_object_object_foreach(in, key, item) {
                struct json_object *made = NULL;
                int r = item ? convert(s, t->element, item, &made) : 0;
                if (r < 0)
                        return r;
                json_object_object_add(out, key, made);
        }
        *ret = dr_take(out);
        return 0;
}

/* A nested type is checked as a create of that type, whatever the outer operation is. */
static int convert_nested(const struct scope *s, const struct field_type *t, struct json_object *in, struct json_object **ret) {
        const struct type_def *def = type_get(s->c->version, t->target);
        if (!json_object_is_type(in, json_type_object) || !def)
                return bad_format(s, t, in);
        return check_object(s->c, def, VALIDATE_INPUT, s->depth + 1, in, ret, s->err);
}

static int convert_json(const struct scope *s, const struct field_type *t, struct json_object *in, struct json_object **ret) {
        *ret = json_object_get(in);
        return 0;
}

static int (*const converters[FK_MAX])(const struct scope *, const struct field_type *, struct json_object *, struct json_object **) = {
        [FK_STRING] = convert_string, [FK_PASSWORD] = convert_string, [FK_ENUM] = convert_string, [FK_BLOB] = convert_string,
        [FK_INT] = convert_int, [FK_FLOAT] = convert_float, [FK_BOOL] = convert_bool, [FK_DATE] = convert_date,
        [FK_JSON] = convert_json, [FK_REFERENCE] = convert_reference, [FK_ARRAY] = convert_array, [FK_MAP] = convert_map,
        [FK_TYPE] = convert_nested,
};

/* in is not null. *ret is NULL for a blank date. */
static int convert(const struct scope *s, const struct field_type *t, struct json_object *in, struct json_object **ret) {
        if (s->depth >= NESTING_MAX)
                return dr_fail(s->err, DR_E_INVALID_FORMAT, field_text(s->f), "field \"%s\" is nested too deeply", field_text(s->f));
        return converters[t->kind](s, t, in, ret);
}

/* --- criteria */

static uint32_t next_char(const char **s) {
        const unsigned char *p = (const unsigned char *) *s;
        unsigned n = p[0] < 0x80 ? 1 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
        uint32_t c = n == 1 ? p[0] : p[0] & (0x7fU >> n);
        unsigned i = 1;
        for (; i < n && (p[i] & 0xc0) == 0x80; i++)
                c = c << 6 | (p[i] & 0x3f);
        *s += i;
        return c;
}

static bool in_class(uint32_t c, const char *chars) {
        for (const char *p = chars; *p; ) {
                if (*p == '\\' && p[1])
                        p++;
                uint32_t lo = next_char(&p), hi = lo;
                if (*p == '-' && p[1]) {
                        const char *q = p + 1;          /* behind a range '-' is itself: "0-9-._" */
                        uint32_t to = next_char(&q);
                        if (to >= lo) {
                                hi = to;
                                p = q;
                        }
                }
                if (c >= lo && c <= hi)
                        return true;
        }
        return false;
}

bool chars_match(const char *s, const char *chars) {
        while (*s)
                if (!in_class(next_char(&s), chars))
                        return false;
        return true;
}

/* Java's String.length(): UTF-16 units. */
static int64_t utf16_length(const char *s) {
        int64_t n = 0;
        while (*s)
                n += next_char(&s) > 0xffff ? 2 : 1;
        return n;
}

static bool is_option(const struct field_rule *rule, const char *text) {
        for (size_t i = 0; i < rule->n_options; i++)
                if (str_eq(rule->options[i], text))
                        return true;
        return false;
}

static int check_number(const struct field_def *f, double x, struct dr_error *err) {
        const struct field_rule *r = f->rule;
        if (r->has_min && x < (double) r->min)
                return dr_fail(err, DR_E_MIN_LIMIT, field_text(f), "field \"%s\" is less than %lld", field_text(f), (long long) r->min);
        if (r->has_max && x > (double) r->max)
                return dr_fail(err, DR_E_MAX_LIMIT, field_text(f), "field \"%s\" is more than %lld", field_text(f), (long long) r->max);
        return 0;
}

static int check_text(const struct field_def *f, const char *text, struct dr_error *err) {
        const struct field_rule *r = f->rule;
        const char *name = field_text(f);
        int64_t length = r->has_min_length || r->has_max_length ? utf16_length(text) : 0;
        if (r->has_min_length && length < r->min_length)
                return dr_fail(err, DR_E_MIN_LENGTH, name, "field \"%s\" is shorter than %lld characters", name, (long long) r->min_length);
        if (r->has_max_length && length > r->max_length)
                return dr_fail(err, DR_E_MAX_LENGTH, name, "field \"%s\" is longer than %lld characters", name, (long long) r->max_length);
        if (r->n_options && !is_option(r, text))
                return dr_fail(err, DR_E_INVALID_OPTION, name, "field \"%s\" cannot be \"%.100s\"", name, text);
        if (r->valid_chars && !chars_match(text, r->valid_chars))
                return dr_fail(err, DR_E_INVALID_CHARACTERS, name, "field \"%s\" may hold only characters of [%s]", name, r->valid_chars);
        if (r->invalid_chars && chars_match(text, r->invalid_chars))
                return dr_fail(err, DR_E_INVALID_CHARACTERS, name, "field \"%s\" holds only characters of [%s]", name, r->invalid_chars);
        return 0;
}

/* One value that is not null: a field's, or one element of an array field's. */
static int check_criteria(const struct field_def *f, struct json_object *v, struct dr_error *err) {
        const struct field_rule *r = f->rule;
        int ret = 0;
        if (json_object_is_type(v, json_type_int) || json_object_is_type(v, json_type_double))
                ret = check_number(f, json_object_get_double(v), err);
        bool text = r->has_min_length || r->has_max_length || r->n_options || r->valid_chars || r->invalid_chars;
        if (ret < 0 || !text)
                return ret;
        return check_text(f, json_object_is_type(v, json_type_string) ? json_object_get_string(v) :
                          json_object_to_json_string_ext(v, JSON_C_TO_STRING_PLAIN), err);
}

static int check_all_criteria(const struct field_def *f, struct json_object *v, struct dr_error *err) {
        if (f->type->kind != FK_ARRAY)
                return check_criteria(f, v, err);
        for (size_t i = 0; i < json_object_array_length(v); i++) {
                int r = check_criteria(f, json_object_array_get_idx(v, i), err);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* --- objects */

static struct value to_value(enum field_kind kind, struct json_object *v) {
        if (!v)
                return value_null();
        switch (kind) {
        case FK_JSON: case FK_ARRAY: case FK_MAP: case FK_TYPE:
                return value_json(v);
        case FK_BOOL:
                return value_bool(json_object_get_boolean(v));
        case FK_FLOAT:
                return value_float(json_object_get_double(v));
        default:
                return json_object_is_type(v, json_type_int) ? value_int(json_object_get_int64(v)) : value_str(json_object_get_string(v));
        }
}

static int default_of(const struct field_def *f, struct json_object **ret, struct dr_error *err) {
        return json_parse(f->rule->default_json, strlen(f->rule->default_json), DEFAULT_BYTES_MAX, ret, err);
}

static int check_unique(const struct validate *c, const struct type_def *def, const struct field_def *f, struct json_object *v,
                        struct dr_error *err) {
        if (!(f->flags & FF_UNIQUE) || !c->taken)
                return 0;
        auto_value struct value value = to_value(f->type->kind, v);
        if (!c->taken(def, (enum field_id) f->id, value, c->arg))
                return 0;
        return dr_fail(err, DR_E_NOT_UNIQUE, field_text(f), "another %s has the %s \"%.100s\"", def->name, field_text(f),
                       json_object_get_string(v));
}

/* api.md 1.8, steps 2 to 4 for one field that is present. */
static int check_field(const struct validate *c, const struct type_def *def, const struct field_def *f, unsigned depth,
                       struct json_object *in, struct json_object **ret, struct dr_error *err) {
        AUTO(json_free) struct json_object *v = NULL;
        struct scope s = { c, f, depth, err };
        int r = in ? convert(&s, f->type, in, &v) : 0;
        if (r < 0)
                return r;
        bool nullable = field_nullable(f, c->role);
        if (!v && !nullable && f->rule->default_json && (r = default_of(f, &v, err)) < 0)
                return r;
        if (!v && !nullable)
                return dr_fail(err, DR_E_NOT_NULLABLE, field_text(f), "field \"%s\" cannot be null", field_text(f));
        if (v && depth == 0 && (r = check_unique(c, def, f, v, err)) < 0)
                return r;
        if (v && (r = check_all_criteria(f, v, err)) < 0)
                return r;
        *ret = dr_take(v);
        return 0;
}

/* Defaults and what is missing, for creates. */
static int complete(const struct validate *c, const struct type_def *def, struct json_object *out, struct dr_error *err) {
        for (size_t i = 0; i < def->n_fields; i++) {
                const struct field_def *f = &def->fields[i];
                const char *name = field_text(f);
                if (!field_visible(f, c->role))
                        continue;
                struct json_object *v = NULL;
                bool present = json_object_object_get_ex(out, name, &v);
                if (!present && f->rule->default_json) {
                        int r = default_of(f, &v, err);
                        if (r < 0)
                                return r;
                        json_object_object_add(out, name, v);
                }
                if (!field_creatable(f, c->role) || !field_required(f, c->role))
                        continue;
                if (!v || (f->type->kind == FK_ARRAY && json_object_array_length(v) == 0))
                        return dr_fail(err, DR_E_MISSING_REQUIRED, name, "field \"%s\" of %s is required", name, def->name);
        }
        return 0;
}

static int check_object(const struct validate *c, const struct type_def *def, enum validate_op op, unsigned depth,
                        struct json_object *in, struct json_object **ret, struct dr_error *err) {
        AUTO(json_free) struct json_object *out = json_object_new_object();
        json_object_object_foreach(in, key, item) {
                const struct field_def *f = type_field(def, field_by_name(key, strlen(key)));
                if (!f || !(op == VALIDATE_UPDATE ? field_updatable(f, c->role) && f->id != F_id : field_creatable(f, c->role)))
                        continue;
                if (f->type->kind == FK_TYPE && !type_get(c->version, f->type->target))
                        continue;
                struct json_object *v = NULL;
                int r = check_field(c, def, f, depth, item, &v, err);
                if (r < 0)
                        return r;
                json_object_object_add(out, key, v);
        }
        int r = op == VALIDATE_UPDATE ? 0 : complete(c, def, out, err);
        if (r < 0)
                return r;
        *ret = dr_take(out);
        return 0;
}

int validate(const struct validate *c, const struct type_def *def, struct json_object *in, struct field_values *ret,
             struct dr_error *err) {
        AUTO(json_free) struct json_object *empty = json_object_new_object(), *out = NULL;
        if (!in || !json_object_is_type(in, json_type_object))
                in = empty;
        int r = check_object(c, def, c->op, 0, in, &out, err);
        if (r < 0)
                return r;
        json_object_object_foreach(out, key, item) {
                const struct field_def *f = type_field(def, field_by_name(key, strlen(key)));
                struct field_value fv = { (enum field_id) f->id, to_value(f->type->kind, item) };
                vec_push(ret, fv);
        }
        return 0;
}

void field_values_done(struct field_values *v) {
        for (size_t i = 0; i < v->n; i++)
                value_done(&v->v[i].value);
        vec_done(v);
}

const struct value *field_values_get(const struct field_values *v, enum field_id f) {
        for (size_t i = 0; i < v->n; i++)
                if (v->v[i].field == f)
                        return &v->v[i].value;
        return NULL;
}
