#include "model/encode.h"

#include <json-c/json.h>
#include <stdio.h>

#include "base/times.h"
#include "model/ids.h"

enum { NAME_ID_BYTES_MAX = 1 << 16 };

struct encoder { struct jw *w; enum api_version v; enum role role; bool plain; };

static void write_number_id(const struct encoder *e, enum type_id target, int64_t n) {
        char buf[ID_TEXT_MAX];
        if (e->plain || target == T_NONE)
                snprintf(buf, sizeof buf, "%lld", (long long) n);
        else
                id_format(e->v, target, n, buf);
        jw_string(e->w, buf);
}

static void write_name_id(const struct encoder *e, enum type_id target, const char *name) {
        auto_sbuf struct sbuf b = SBUF(NAME_ID_BYTES_MAX);
        if (e->plain || target == T_NONE)
                sbuf_puts(&b, name);
        else
                id_format_name(e->v, target, name, &b);
        jw_stringn(e->w, sbuf_str(&b), b.len);
}

static void write_date(const struct encoder *e, int64_t ms) {
        char buf[64];
        time_format_iso(ms, buf, sizeof buf);
        jw_string(e->w, buf);
}

static void write_json(const struct encoder *e, const struct field_type *t, struct json_object *o);

/* Nested objects carry their type, as resources do (api.md 1.3); a stored one is not looked at. */
static void write_nested(const struct encoder *e, const struct type_def *def, struct json_object *o) {
        jw_begin_object(e->w);
        jw_kstring(e->w, "type", def->name);
        json_object_object_foreach(o, key, item) {
                if (strcmp(key, "type") == 0)
                        continue;
                const struct field_def *f = type_field(def, field_by_name(key, strlen(key)));
                if (f && !field_visible(f, e->role))
                        continue;
                jw_key(e->w, key);
                if (f)
                        write_json(e, f->type, item);
                else
                        jw_json(e->w, item);
        }
        jw_end(e->w);
}

static void write_json(const struct encoder *e, const struct field_type *t, struct json_object *o) {
        enum json_type have = json_object_get_type(o);
        const struct type_def *def = t->kind == FK_TYPE ? type_get(e->v, t->target) : NULL;
        if (t->kind == FK_REFERENCE && have == json_type_int)
                write_number_id(e, t->target, json_object_get_int64(o));
        else if (t->kind == FK_REFERENCE && have == json_type_string)
                write_name_id(e, t->target, json_object_get_string(o));
        else if (t->kind == FK_DATE && have == json_type_int)
                write_date(e, json_object_get_int64(o));
        else if (t->kind == FK_ARRAY && have == json_type_array) {
                jw_begin_array(e->w);
                for (size_t i = 0; i < json_object_array_length(o); i++)
                        write_json(e, t->element, json_object_array_get_idx(o, i));
                jw_end(e->w);
        } else if (t->kind == FK_MAP && have == json_type_object) {
                jw_begin_object(e->w);
                json_object_object_foreach(o, key, item) {
                        jw_key(e->w, key);
                        write_json(e, t->element, item);
                }
                jw_end(e->w);
        } else if (def && have == json_type_object)
                write_nested(e, def, o);
        else
                jw_json(e->w, o);
}

/* Does printing the stored JSON need a look at its inside, or can its bytes be copied? */
static bool has_inner_form(const struct field_type *t) {
        while (t->kind == FK_ARRAY || t->kind == FK_MAP)
                t = t->element;
        return t->kind == FK_REFERENCE || t->kind == FK_DATE || t->kind == FK_TYPE;
}

void value_write(struct jw *w, enum api_version v, enum role role, bool plain_ids, const struct field_type *type, struct value value) {
        struct encoder e = { w, v, role, plain_ids };
        switch (value.tag) {
        case V_NULL:
                jw_null(w);
                return;
        case V_BOOL:
                jw_bool(w, value.b);
                return;
        case V_FLOAT:
                jw_double(w, value.f);
                return;
        case V_INT:
                if (type->kind == FK_REFERENCE)
                        write_number_id(&e, type->target, value.i);
                else if (type->kind == FK_DATE)
                        write_date(&e, value.i);
                else
                        jw_int(w, value.i);
                return;
        case V_STR:
                if (type->kind == FK_REFERENCE)
                        write_name_id(&e, type->target, value.t->s);
                else
                        jw_stringn(w, value.t->s, value.t->len);
                return;
        case V_JSON:
                if (has_inner_form(type) || (w->flags & JSON_ESCAPE_SLASH))
                        write_json(&e, type, text_json(value.t));
                else
                        jw_raw(w, value.t->s, value.t->len);
                return;
        }
}

void value_write_json(struct jw *w, enum api_version v, enum role role, bool plain_ids, const struct field_type *type, struct json_object *o) {
        struct encoder e = { w, v, role, plain_ids };
        write_json(&e, type, o);
}
