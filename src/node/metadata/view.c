#include "view.h"

#include "formats/utf8.h"
#include "render.h"

enum { TEXT_BYTES_MAX = 64 << 20 };

/* An empty list that JSON shows as null, as upstream does with the sidekicks of a service without any, in the later form only. */
static struct json_object *nil_list(void) {
        static struct json_object *list;
        if (!list)
                list = json_object_new_array();
        return list;
}

/* The same of "links" without any: of containers in both forms, of services in the earlier one. */
static struct json_object *nil_map(void) {
        static struct json_object *map;
        if (!map)
                map = json_object_new_object();
        return map;
}

struct views { struct view form[2]; };

static void view_done(struct view *v) {
        for (size_t i = 0; i < v->fields.n; i++)
                json_object_put(v->fields.v[i].value);
        vec_done(&v->fields);
        free(v->text);
        *v = (struct view) { 0 };
}

void views_free(void *arg) {
        struct views *views = arg;
        view_done(&views->form[0]);
        view_done(&views->form[1]);
        free(views);
}

/* Fields ---------------------------------------------------------------------------------------------------------- */

static int by_key(const void *a, const void *b) { return strcmp(((const struct view_field *) a)->key, ((const struct view_field *) b)->key); }

struct view_field *view_find(const struct view *v, const char *key) {
        struct view_field probe = { .key = key };
        return v->fields.n ? bsearch(&probe, v->fields.v, v->fields.n, sizeof *v->fields.v, by_key) : NULL;
}

/* While the fields are not sorted yet. Takes over value; key is borrowed: static or the object's. */
static void set(struct view *v, const char *key, struct json_object *value) {
        for (size_t i = 0; i < v->fields.n; i++)
                if (str_eq(v->fields.v[i].key, key)) {
                        json_object_put(v->fields.v[i].value);
                        v->fields.v[i].value = value;
                        return;
                }
        vec_push(&v->fields, ((struct view_field) { key, value }));
}

static void unset(struct view *v, const char *key) {
        for (size_t i = 0; i < v->fields.n; i++)
                if (str_eq(v->fields.v[i].key, key)) {
                        json_object_put(v->fields.v[i].value);
                        vec_remove_at(&v->fields, i);
                        return;
                }
}

static struct json_object *text_or_null(const char *s) { return s ? json_object_new_string(s) : NULL; }

static struct json_object *lowered(const char *s) {
        if (!s)
                return NULL;
        auto_free char *low = md_lower(s);
        return json_object_new_string(low);
}

static struct json_object *name_in(const char *s, bool lower) { return lower ? lowered(s) : text_or_null(s); }

static void lower_field(struct view *v, const struct md_object *o, const char *key) {
        struct json_object *value = json_get(o->json, key);
        if (json_object_is_type(value, json_type_string))
                set(v, key, lowered(json_object_get_string(value)));
}

static struct json_object *links_of(const struct mdata *m, const struct md_object *o, bool lower_keys) {
        const md_list *links = mdata_links(m, o);
        struct json_object *ret = json_object_new_object();
        for (size_t i = 0; i < links->n; i++) {
                auto_free char *low = lower_keys ? md_lower(links->v[i]->name) : NULL;
                json_set(ret, lower_keys ? low : links->v[i]->name, json_object_get(json_get(links->v[i]->json, "value")));
        }
        return ret;
}

static struct json_object *links_or_nil(const struct mdata *m, const struct md_object *o, bool lower_keys) {
        return mdata_links(m, o)->n ? links_of(m, o, lower_keys) : json_object_get(nil_map());
}

/* "8080:80/tcp" gets an address in front; see spec metadata.md 7. */
static struct json_object *ports_of(const struct md_object *o, bool lower) {
        struct json_object *from = json_get_array(o->json, "ports"), *ret = json_object_new_array();
        const char *host_ip = json_str(o->json, "host_ip", "");
        for (size_t i = 0; from && i < json_object_array_length(from); i++) {
                struct json_object *item = json_object_array_get_idx(from, i);
                if (!json_object_is_type(item, json_type_string)) {
                        json_object_array_add(ret, json_object_get(item));
                        continue;
                }
                const char *port = json_object_get_string(item), *ip = port;
                size_t colons = 0;
                for (const char *p = port; *p; p++)
                        colons += *p == ':';
                bool any = colons < 2 || str_starts(ip, "0.0.0.0:");
                const char *rest = colons < 2 ? port : strchr(port, ':') + 1;
                if (lower ? colons >= 2 : !any) {
                        json_object_array_add(ret, json_object_get(item));
                        continue;
                }
                auto_free char *full = dr_xasprintf("%s:%s", lower ? "0.0.0.0" : host_ip, rest);
                json_object_array_add(ret, json_object_new_string(full));
        }
        return ret;
}

static void fill_container(const struct mdata *m, struct md_object *o, bool lower, struct view *v) {
        const struct md_object *service = mdata_container_service(m, o);
        if (lower)
                lower_field(v, o, "name");
        set(v, "ports", ports_of(o, lower));
        set(v, "links", links_or_nil(m, o, false));
        set(v, "service_name", service ? name_in(service->name, lower) : NULL);
        set(v, "stack_name", service ? name_in(json_str(service->json, "stack_name", NULL), lower) : NULL);
        set(v, "stack_uuid", service ? text_or_null(json_str(service->json, "stack_uuid", NULL)) : NULL);
        if (service)
                set(v, "service_uuid", json_object_new_string(service->uuid));
        else
                unset(v, "service_uuid");
        unset(v, "host_ip");
}

static void fill_service(const struct mdata *m, struct md_object *o, bool lower, struct view *v) {
        if (lower) {
                lower_field(v, o, "name");
                lower_field(v, o, "stack_name");
                lower_field(v, o, "primary_service_name");
                struct json_object *from = json_get_array(o->json, "sidekicks"), *to = json_object_new_array();
                for (size_t i = 0; from && i < json_object_array_length(from); i++) {
                        struct json_object *item = json_object_array_get_idx(from, i);
                        json_object_array_add(to, json_object_is_type(item, json_type_string) ? lowered(json_object_get_string(item)) : json_object_get(item));
                }
                if (from && json_object_array_length(from) == 0) {
                        json_object_put(to);
                        to = json_object_get(nil_list());
                }
                set(v, "sidekicks", to);
        }
        set(v, "links", lower ? links_of(m, o, true) : links_or_nil(m, o, false));
        /* Upstream blanks the token of the services that containers with an address see as theirs, and of no others. */
        const md_list *members = mdata_members(m, o);
        for (size_t i = 0; i < members->n; i++)
                if (members->v[i]->ip) {
                        set(v, "token", NULL);
                        break;
                }
        if (!json_has(o->json, "token"))
                set(v, "token", NULL);
        set(v, "containers", NULL);
        v->hole = "containers";
}

static void fill(const struct mdata *m, struct md_object *o, bool lower, struct view *v) {
        json_object_object_foreach(o->json, key, value)
                vec_push(&v->fields, ((struct view_field) { key, json_object_get(value) }));
        set(v, "metadata_kind", json_object_new_string(md_kind_to_string(o->kind)));
        switch (o->kind) {
        case MD_CONTAINER: fill_container(m, o, lower, v); break;
        case MD_SERVICE: fill_service(m, o, lower, v); break;
        case MD_STACK:
                if (lower)
                        lower_field(v, o, "name");
                set(v, "services", NULL);
                v->hole = "services";
                break;
        case MD_HOST:
                if (lower)
                        unset(v, "hostId");
                break;
        default: break;
        }
        vec_sort(&v->fields, by_key);
}

const struct view *view_get(const struct mdata *m, struct md_object *o, bool lower) {
        if (!o->view)
                o->view = dr_xnew(struct views);
        struct view *v = &((struct views *) o->view)->form[lower];
        if (v->fields.n && v->stamp == o->stamp)
                return v;
        view_done(v);
        v->stamp = o->stamp;
        fill(m, o, lower, v);
        return v;
}

/* Text ------------------------------------------------------------------------------------------------------------ */

/* As upstream's encoder: '&', '<', '>' and the two line separators are escaped too. */
void view_json_text(const char *s, size_t n, struct sbuf *ret) {
        sbuf_putc(ret, '"');
        for (size_t i = 0, seq; i < n; i += seq) {
                const unsigned char *p = (const unsigned char *) s + i;
                seq = *p < 0x80 ? 1 : utf8_sequence(p, n - i);
                if (*p == '"' || *p == '\\')
                        sbuf_printf(ret, "\\%c", *p);
                else if (*p == '\n' || *p == '\r' || *p == '\t')
                        sbuf_printf(ret, "\\%c", *p == '\n' ? 'n' : *p == '\r' ? 'r' : 't');
                else if (*p < 0x20 || *p == '&' || *p == '<' || *p == '>')
                        sbuf_printf(ret, "\\u%04x", *p);
                else if (seq == 0)
                        sbuf_puts(ret, "\\ufffd");
                else if (seq == 3 && p[0] == 0xe2 && p[1] == 0x80 && (p[2] & 0xfe) == 0xa8)
                        sbuf_printf(ret, "\\u20%02x", p[2] & 0x3f);
                else
                        sbuf_add(ret, s + i, seq);
                seq = seq ? seq : 1;
        }
        sbuf_putc(ret, '"');
}

static int by_text(const void *a, const void *b) { return strcmp(*(const char *const *) a, *(const char *const *) b); }

static void json_map(struct json_object *o, struct sbuf *ret) {
        if (o == nil_map()) {
                sbuf_puts(ret, "null");
                return;
        }
        VEC(const char *) keys = { 0 };
        json_object_object_foreach(o, key, unused) {
                (void) unused;
                vec_push(&keys, key);
        }
        vec_sort(&keys, by_text);
        sbuf_putc(ret, '{');
        for (size_t i = 0; i < keys.n; i++) {
                if (i)
                        sbuf_putc(ret, ',');
                view_json_text(keys.v[i], strlen(keys.v[i]), ret);
                sbuf_putc(ret, ':');
                view_json(json_object_object_get(o, keys.v[i]), ret);
        }
        sbuf_putc(ret, '}');
        vec_done(&keys);
}

void view_json(const struct json_object *constant, struct sbuf *ret) {
        struct json_object *o = (struct json_object *) constant;
        switch (json_object_get_type(o)) {
        case json_type_object: json_map(o, ret); break;
        case json_type_array:
                if (o == nil_list()) {
                        sbuf_puts(ret, "null");
                        break;
                }
                sbuf_putc(ret, '[');
                for (size_t i = 0; i < json_object_array_length(o); i++) {
                        if (i)
                                sbuf_putc(ret, ',');
                        view_json(json_object_array_get_idx(o, i), ret);
                }
                sbuf_putc(ret, ']');
                break;
        case json_type_string: view_json_text(json_object_get_string(o), (size_t) json_object_get_string_len(o), ret); break;
        case json_type_double: md_float_json(json_object_get_double(o), ret); break;
        default: json_write(o, 0, ret); break;
        }
}

const char *view_text(const struct view *constant) {
        struct view *v = (struct view *) constant;      /* a cache */
        if (v->text)
                return v->text;
        auto_sbuf struct sbuf b = SBUF(TEXT_BYTES_MAX);
        sbuf_putc(&b, '{');
        for (size_t i = 0; i < v->fields.n; i++) {
                const struct view_field *f = &v->fields.v[i];
                if (i)
                        sbuf_putc(&b, ',');
                view_json_text(f->key, strlen(f->key), &b);
                sbuf_putc(&b, ':');
                if (v->hole && str_eq(f->key, v->hole))
                        v->hole_at = b.len;
                else
                        view_json(f->value, &b);
        }
        sbuf_putc(&b, '}');
        v->len = b.len;
        v->text = dr_xmalloc(b.len + 1);                /* exactly as long: there is one per object */
        memcpy(v->text, sbuf_str(&b), b.len + 1);
        return v->text;
}
