#include "model/schema_json.h"

#include <ctype.h>

static const struct { enum type_methods bit; const char *method; bool collection; } methods[] = {
        { TM_LIST, "GET", true }, { TM_CREATE, "POST", true },
        { TM_GET, "GET", false }, { TM_UPDATE, "PUT", false }, { TM_DELETE, "DELETE", false },
};

static void write_methods(struct jw *w, const char *key, unsigned bits, bool collection) {
        jw_key(w, key);
        jw_begin_array(w);
        for (size_t i = 0; i < ARRAY_LEN(methods); i++)
                if (methods[i].collection == collection && (bits & methods[i].bit))
                        jw_string(w, methods[i].method);
        jw_end(w);
}

static void write_rule(struct jw *w, const struct field_rule *r) {
        if (r->default_json) {
                jw_key(w, "default");
                jw_raw(w, r->default_json, strlen(r->default_json));
        }
        if (r->n_options) {
                jw_key(w, "options");
                jw_begin_array(w);
                for (size_t i = 0; i < r->n_options; i++)
                        jw_string(w, r->options[i]);
                jw_end(w);
        }
        if (r->has_min)
                jw_kint(w, "min", r->min);
        if (r->has_max)
                jw_kint(w, "max", r->max);
        if (r->has_min_length)
                jw_kint(w, "minLength", r->min_length);
        if (r->has_max_length)
                jw_kint(w, "maxLength", r->max_length);
        if (r->valid_chars)
                jw_kstring(w, "validChars", r->valid_chars);
        if (r->invalid_chars)
                jw_kstring(w, "invalidChars", r->invalid_chars);
}

static void write_field(struct jw *w, const struct field_def *f, enum role role) {
        jw_key(w, field_name((enum field_id) f->id));
        jw_begin_object(w);
        jw_kstring(w, "type", f->type->text);
        jw_kbool(w, "create", field_creatable(f, role));
        jw_kbool(w, "update", field_updatable(f, role));
        jw_kbool(w, "required", field_required(f, role));
        jw_kbool(w, "nullable", field_nullable(f, role));
        jw_kbool(w, "unique", f->flags & FF_UNIQUE);
        if (!(f->flags & FF_IN_LIST))
                jw_kbool(w, "includeInList", false);
        if (f->read_on_create_only & (1U << role))
                jw_kbool(w, "readOnCreateOnly", true);
        write_rule(w, f->rule);
        jw_end(w);
}

static void write_actions(struct jw *w, const struct type_def *def, enum role role) {
        jw_key(w, "resourceActions");
        jw_begin_object(w);
        for (size_t i = 0; i < def->n_actions; i++) {
                const struct action_def *a = &def->actions[i];
                if (!action_visible(a, role))
                        continue;
                jw_key(w, a->name);
                jw_begin_object(w);
                jw_kstring(w, "input", type_name(a->input));
                jw_kstring(w, "output", type_name(a->output));
                jw_end(w);
        }
        jw_end(w);
}

static void write_filters(struct jw *w, const struct type_def *def) {
        jw_key(w, "collectionFilters");
        jw_begin_object(w);
        for (size_t i = 0; i < def->n_filters; i++) {
                jw_key(w, field_name((enum field_id) def->filters[i].field));
                jw_begin_object(w);
                jw_key(w, "modifiers");
                jw_begin_array(w);
                for (unsigned m = 0; m < FM_MAX; m++)
                        if (def->filters[i].modifiers & (1U << m))
                                jw_string(w, filter_modifier_to_string((enum filter_modifier) m));
                jw_end(w);
                jw_end(w);
        }
        jw_end(w);
}

static bool visible_in(const struct type_def *def, enum type_id other, enum role role) {
        const struct type_def *d = type_get(def->version, other);
        return d && type_visible(d, role);
}

static void write_relatives(struct jw *w, const struct type_def *def, enum role role) {
        jw_key(w, "includeableLinks");
        jw_begin_array(w);
        for (size_t i = 0; i < def->n_links; i++)
                if (def->links[i].kind != LINK_SPECIAL && visible_in(def, def->links[i].target, role))
                        jw_string(w, def->links[i].name);
        jw_end(w);
        jw_key(w, "children");
        jw_begin_array(w);
        for (size_t i = 0; i < def->n_children; i++)
                if (visible_in(def, (enum type_id) def->children[i], role))
                        jw_string(w, type_name((enum type_id) def->children[i]));
        jw_end(w);
        jw_kstring(w, "parent", visible_in(def, def->parent, role) ? type_name(def->parent) : NULL);
}

/* links.collection only if the type can be listed; URLs have the plural in lower case, schema ids keep their case. */
static void write_links(struct jw *w, const struct type_def *def, unsigned bits, const char *base_url) {
        auto_free char *self = dr_xasprintf("%s/schemas/%s", base_url, def->name);
        jw_key(w, "links");
        jw_begin_object(w);
        jw_kstring(w, "self", self);
        if (bits & TM_LIST) {
                auto_free char *url = dr_xasprintf("%s/%s", base_url, def->plural);
                for (char *p = url + strlen(base_url); *p; p++)
                        *p = (char) tolower((unsigned char) *p);
                jw_kstring(w, "collection", url);
        }
        jw_end(w);
}

void schema_write(struct jw *w, const struct type_def *def, enum role role, const char *base_url) {
        unsigned bits = type_methods(def, role);
        if (!(bits & TM_VISIBLE))
                return;
        jw_begin_object(w);
        jw_kstring(w, "id", def->name);
        jw_kstring(w, "type", "schema");
        jw_kstring(w, "baseType", "schema");
        write_links(w, def, bits, base_url);
        jw_key(w, "actions");
        jw_begin_object(w);
        jw_end(w);
        jw_kstring(w, "pluralName", def->plural);
        write_methods(w, "resourceMethods", bits, false);
        write_methods(w, "collectionMethods", bits, true);
        jw_key(w, "resourceFields");
        jw_begin_object(w);
        for (size_t i = 0; i < def->n_fields; i++)
                if (field_visible(&def->fields[i], role))
                        write_field(w, &def->fields[i], role);
        jw_end(w);
        write_actions(w, def, role);
        write_filters(w, def);
        static const char *const empty_maps[] = { "collectionActions", "collectionFields" };
        for (size_t i = 0; i < ARRAY_LEN(empty_maps); i++) {
                jw_key(w, empty_maps[i]);
                jw_begin_object(w);
                jw_end(w);
        }
        write_relatives(w, def, role);
        jw_end(w);
}

const struct type_def *schema_find(enum api_version v, enum role role, const char *name, size_t len) {
        const struct type_def *d = type_by_name(v, name, len);
        return d && type_visible(d, role) ? d : NULL;
}
