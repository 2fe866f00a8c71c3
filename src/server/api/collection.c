#include "collection.h"

#include <stdio.h>

#include "access.h"
#include "base/parse.h"
#include "encode.h"
#include "fields.h"
#include "filter.h"
#include "formats/json.h"
#include "history.h"

enum { LIMIT_DEFAULT = 100, LIMIT_MAX = 3000, SORTED_MAX = 30000 };      /* SORTED_MAX: newest rows of history that a sort looks at */

struct listing {
        struct api_req *req;
        const struct type_def *def;
        const struct record *parent;    /* of a link, else NULL */
        const struct link_def *link;
        bool paged;
        struct record_list rows;        /* candidates by id */
        struct conditions conditions;
        const struct link_def *include;
        enum field_id sort;
        bool descending;
        size_t limit, offset;
        size_t past;                    /* rows kept out of history */
        int64_t of;                     /* parent's id of rows that are only in history (its link's field); 0: not so */
        bool more;
};

/* ---- candidates ---- */
/* Pairs that world.c indexes and filters may use. */
static const struct { enum type_id table; enum field_id field; } indexed[] = {
        { T_instance, F_hostId }, { T_instance, F_serviceId }, { T_instance, F_stackId }, { T_service, F_stackId },
        { T_host, F_agentId }, { T_host, F_physicalHostId }, { T_volume, F_hostId }, { T_instanceLink, F_instanceId }, { T_instanceLink, F_targetInstanceId },
        { T_serviceConsumeMap, F_serviceId }, { T_serviceConsumeMap, F_consumedServiceId }, { T_projectMember, F_projectId },
};

static bool is_indexed(enum type_id table, enum field_id f) {
        for (size_t i = 0; i < ARRAY_LEN(indexed); i++)
                if (indexed[i].table == table && indexed[i].field == f)
                        return true;
        return false;
}

static void push_all(const struct records *l, struct record_list *ret) {
        for (size_t i = 0; i < l->n; i++)
                vec_push(ret, l->v[i]);
}

static void push_where(struct api_req *req, enum type_id table, enum field_id f, int64_t value, struct record_list *ret) {
        if (view_is(table)) {
                bool narrows = f == F_instanceId || f == F_hostId || f == F_serviceId || f == F_accountId;
                size_t from = ret->n;
                view_list(req, table, narrows ? f : F_NONE, value, ret);
                size_t kept = from;
                for (size_t i = from; i < ret->n; i++)
                        if (f == F_accountId ? ret->v[i]->account_id == value : record_int(ret->v[i], f) == value)
                                ret->v[kept++] = ret->v[i];
                ret->n = kept;
                return;
        }
        api_saw(req, world_table_seq(api_world(req), table));
        if (f == F_accountId) {
                push_all(world_of_account(api_world(req), table, value), ret);
        } else if (is_indexed(table, f)) {
                push_all(world_by_int(api_world(req), table, f, value), ret);
        } else {
                const struct records *l = world_all(api_world(req), table);
                for (size_t i = 0; i < l->n; i++) {
                        struct field_read x = field_read(req, l->v[i], f);
                        if (x.o ? json_object_is_type(x.o, json_type_int) && json_object_get_int64(x.o) == value : x.v.tag == V_INT && x.v.i == value)
                                vec_push(ret, l->v[i]);
                }
        }
}

/* Volumes of a container: what it has mounted. */
static void push_mounted(struct world *w, const struct record *instance, struct record_list *ret) {
        struct json_object *list = record_json(instance, F_mountList);
        for (size_t i = 0; list && i < json_object_array_length(list); i++) {
                struct record *v = world_get(w, T_volume, json_int(json_object_array_get_idx(list, i), "volumeId", 0));
                if (v)
                        vec_push(ret, v);
        }
}

/* Maps that only join a view to what it is computed from: the target's rows know their source themselves. */
static bool is_view_map(enum type_id via) { return via == T_instanceLabelMap || via == T_hostLabelMap || via == T_hostIpAddressMap; }

void link_rows(struct api_req *req, const struct record *r, const struct link_def *l, struct record_list *ret) {
        struct world *w = api_world(req);
        switch (l->kind) {
        case LINK_REFERENCE: {
                struct field_read x = field_read(req, r, l->field);
                int64_t id = x.o ? json_object_get_int64(x.o) : x.v.tag == V_INT ? x.v.i : 0;
                enum type_id table = type_base(l->target);
                struct record *to = id <= 0 ? NULL : view_is(table) ? view_get(req, table, id) : world_get(w, table, id);
                if (to)
                        vec_push(ret, to);
                break;
        }
        case LINK_CHILD:
                if (r->type == T_instance && type_base(l->target) == T_volume) {
                        push_mounted(w, r, ret);
                        break;
                }
                push_where(req, type_base(l->target), l->field, r->id, ret);
                break;
        case LINK_MAP: {
                if (is_view_map(l->via)) {
                        push_where(req, type_base(l->target), l->field, r->id, ret);
                        break;
                }
                struct record_list via = { 0 };
                enum type_id table = type_base(l->target);
                push_where(req, l->via, l->field, r->id, &via);
                for (size_t i = 0; i < via.n; i++) {
                        int64_t id = record_int(via.v[i], l->far);
                        struct record *to = id <= 0 ? NULL : view_is(table) ? view_get(req, table, id) : world_get(w, table, id);
                        if (to && !via.v[i]->removed_ms)
                                vec_push(ret, to);
                }
                vec_done(&via);
                break;
        }
        default:
                break;
        }
}

static void candidates(struct listing *l) {
        struct api_req *req = l->req;
        enum type_id table = l->def->base;
        if (l->parent) {
                link_rows(req, l->parent, l->link, &l->rows);
                return;
        }
        for (size_t i = 0; i < l->conditions.n; i++) {
                const struct condition *c = &l->conditions.v[i];
                bool view = view_is(table) && (c->field == F_instanceId || c->field == F_hostId || c->field == F_serviceId);
                if (c->modifier == FM_EQ && c->value.tag == V_INT && !c->impossible && (view || is_indexed(table, c->field))) {
                        push_where(req, table, c->field, c->value.i, &l->rows);
                        return;
                }
        }
        bool everybody = req->all_accounts || !type_field(l->def, F_accountId) || table == T_account;
        if (view_is(table)) {
                view_list(req, table, everybody ? F_NONE : F_accountId, req->account_id, &l->rows);
                return;
        }
        api_saw(req, world_table_seq(api_world(req), table));
        push_all(everybody ? world_all(api_world(req), table) : world_of_account(api_world(req), table, req->account_id), &l->rows);
        if (!everybody && type_field(l->def, F_isPublic)) {
                const struct records *all = world_all(api_world(req), table);
                for (size_t i = 0; i < all->n; i++)
                        if (all->v[i]->account_id != req->account_id && record_bool(all->v[i], F_isPublic))
                                vec_push(&l->rows, all->v[i]);
        }
}

/* Projects are those the caller belongs to; an administrator asks for all of them with ?all=true (api.md 2.5). */
static bool listed(struct listing *l, const struct record *r) {
        struct api_req *req = l->req;
        if (!access_is_of(req, l->def, r) || !access_sees(req, r))
                return false;
        if (l->def->id == T_project && !l->parent && req->all_accounts && !req->all && !req->conditions_all)
                return api_member_role(req, req->caller, r) != NULL;
        if (l->def->id == T_userPreference && !l->parent && !req->all)  /* everybody's only when they are asked for (api.md 3.1) */
                return r->account_id == req->account_id;
        return true;
}

/* ---- order and page ---- */
struct sorted { struct record *r; struct value v; };

static int by_value(const void *pa, const void *pb, void *arg) {
        const struct sorted *a = pa, *b = pb;
        int r = value_compare(a->v, b->v);
        if (r == 0)
                r = (a->r->id > b->r->id) - (a->r->id < b->r->id);
        return *(bool *) arg ? -r : r;
}

static int by_id(const void *pa, const void *pb, void *arg) {
        int64_t a = (*(struct record *const *) pa)->id, b = (*(struct record *const *) pb)->id;
        int r = (a > b) - (a < b);
        return *(bool *) arg ? -r : r;
}

static bool wanted(struct listing *l, const struct record *r) {
        return listed(l, r) && conditions_match(l->req, &l->conditions, r);
}

/* Is row i the one before it, or a copy out of history of what is live again after a roll-back? */
static bool is_same(const struct listing *l, size_t i) {
        return i > 0 && l->def->base != T_setting && l->def->base != T_activeSetting && l->rows.v[i]->id == l->rows.v[i - 1]->id;
}

/* Narrows rows to the page. In id order only as much as the page needs is looked at. */
static void select_page(struct listing *l) {
        size_t last = l->offset + l->limit + 1, kept = 0, n = l->rows.n;
        bool named = l->def->base == T_setting || l->def->base == T_activeSetting;
        if (!named && n > 1)
                qsort_r(l->rows.v, n, sizeof *l->rows.v, by_id, &(bool) { l->sort == F_NONE && l->descending });
        for (size_t i = 0; i < n && (l->sort != F_NONE || kept < last); i++)
                if (!is_same(l, i) && wanted(l, l->rows.v[i]))
                        l->rows.v[kept++] = l->rows.v[i];
        l->rows.n = kept;
        if (l->sort != F_NONE && kept > 1) {
                VEC(struct sorted) s = { 0 };
                for (size_t i = 0; i < kept; i++)
                        vec_push(&s, ((struct sorted) { l->rows.v[i], field_scalar(l->req, l->rows.v[i], l->sort) }));
                qsort_r(s.v, s.n, sizeof *s.v, by_value, &l->descending);
                for (size_t i = 0; i < kept; i++) {
                        l->rows.v[i] = s.v[i].r;
                        value_done(&s.v[i].v);
                }
                vec_done(&s);
        }
        l->more = kept > l->offset + l->limit;
        size_t from = MIN(l->offset, kept), to = MIN(l->offset + l->limit, kept);
        if (from && to > from)
                memmove(l->rows.v, l->rows.v + from, (to - from) * sizeof *l->rows.v);
        l->rows.n = to - from;
}

/* ---- writing ---- */
/* This request's URL with the named parameters dropped and one added; in the arena. */
static const char *url_with(struct api_req *req, const char *drop, const char *drop2, const char *name, const char *value) {
        auto_sbuf struct sbuf b = SBUF(HTTP_TARGET_BYTES_MAX * 4);
        sbuf_puts(&b, req->self);
        char sep = '?';
        for (size_t i = 0; req->http && i < req->http->query.n; i++) {
                const struct http_param *p = &req->http->query.v[i];
                if (str_eq(p->name, drop) || str_eq(p->name, drop2))
                        continue;
                sbuf_putc(&b, sep);
                sep = '&';
                http_escape(&b, p->name);
                sbuf_putc(&b, '=');
                http_escape(&b, p->value);
        }
        sbuf_printf(&b, "%c%s=", sep, name);
        http_escape(&b, value);
        return arena_strdup(&req->arena, sbuf_str(&b));
}

static void write_create_types(struct listing *l, struct jw *w) {
        struct api_req *req = l->req;
        jw_key(w, "createTypes");
        jw_begin_object(w);
        for (unsigned i = 0; l->def->n_children && i <= l->def->n_children; i++) {
                const struct type_def *d = i ? api_visible_type(req, (enum type_id) l->def->children[i - 1]) : l->def;
                if (d && (type_methods(d, req->role) & TM_CREATE))
                        jw_kstring(w, d->name, api_url_type(req, d));
        }
        jw_end(w);
}

static void write_sort(struct listing *l, struct jw *w) {
        struct api_req *req = l->req;
        jw_key(w, "sortLinks");
        jw_begin_object(w);
        for (unsigned i = 0; i < l->def->n_filters; i++) {
                const char *name = field_name((enum field_id) l->def->filters[i].field);
                jw_kstring(w, name, url_with(req, "sort", "marker", "sort", name));
        }
        jw_end(w);
        jw_key(w, "sort");
        if (l->sort == F_NONE) {
                jw_null(w);
                return;
        }
        jw_begin_object(w);
        jw_kstring(w, "name", field_name(l->sort));
        jw_kstring(w, "order", l->descending ? "desc" : "asc");
        jw_kstring(w, "reverse", url_with(req, "order", "marker", "order", l->descending ? "asc" : "desc"));
        jw_end(w);
}

static void write_pagination(struct listing *l, struct jw *w) {
        jw_key(w, "pagination");
        if (!l->paged) {
                jw_null(w);
                return;
        }
        char marker[32];
        snprintf(marker, sizeof marker, "m%zu", l->offset + l->limit);
        jw_begin_object(w);
        jw_knull(w, "first");
        jw_knull(w, "previous");
        jw_kstring(w, "next", l->more ? url_with(l->req, "marker", NULL, "marker", marker) : NULL);
        jw_kint(w, "limit", (int64_t) l->limit);
        jw_knull(w, "total");
        jw_kbool(w, "partial", l->more);
        jw_end(w);
}

static void write_filters(struct listing *l, struct jw *w) {
        jw_key(w, "filters");
        jw_begin_object(w);
        for (unsigned i = 0; i < l->def->n_filters; i++) {
                enum field_id f = (enum field_id) l->def->filters[i].field;
                bool any = false;
                jw_key(w, field_name(f));
                for (size_t k = 0; k < l->conditions.n; k++) {
                        const struct condition *c = &l->conditions.v[k];
                        if (c->field != f)
                                continue;
                        if (!any)
                                jw_begin_array(w);
                        any = true;
                        jw_begin_object(w);
                        jw_kstring(w, "value", c->modifier == FM_NULL || c->modifier == FM_NOTNULL ? NULL : c->text);
                        jw_kstring(w, "modifier", filter_modifier_to_string(c->modifier));
                        jw_end(w);
                }
                if (any)
                        jw_end(w);
                else
                        jw_null(w);
        }
        jw_end(w);
}

void link_write(struct api_req *req, struct jw *w, const struct record *r, const struct link_def *l) {
        struct record_list rows = { 0 };
        link_rows(req, r, l, &rows);
        bool one = l->kind == LINK_REFERENCE, any = false;
        jw_key(w, l->name);
        if (!one)
                jw_begin_array(w);
        for (size_t i = 0; i < rows.n && !(one && any); i++)
                if (access_sees(req, rows.v[i]))
                        any |= encode_record(req, w, rows.v[i], NULL, NULL);
        if (!one)
                jw_end(w);
        else if (!any)
                jw_null(w);
        vec_done(&rows);
}

static void write_included(struct api_req *req, struct jw *w, const struct record *r, void *arg) {
        const struct listing *l = arg;
        link_write(req, w, r, l->include);
}

static void write_list(struct listing *l, int status) {
        struct api_req *req = l->req;
        struct jw writer = JW(&req->out, JSON_ESCAPE_SLASH), *w = &writer;
        char id[ID_TEXT_MAX];
        jw_begin_object(w);
        jw_kstring(w, "type", "collection");
        jw_kstring(w, "resourceType", l->def->name);
        jw_key(w, "links");
        jw_begin_object(w);
        jw_kstring(w, "self", req->self);
        jw_end(w);
        write_create_types(l, w);
        jw_key(w, "actions");
        jw_begin_object(w);
        jw_end(w);
        jw_key(w, "data");
        jw_begin_array(w);
        for (size_t i = 0; i < l->rows.n; i++)
                (void) encode_record(req, w, l->rows.v[i], l->include ? write_included : NULL, l);
        jw_end(w);
        write_sort(l, w);
        write_pagination(l, w);
        write_filters(l, w);
        jw_key(w, "createDefaults");
        jw_begin_object(w);
        if (l->parent && l->link->kind == LINK_CHILD && (type_methods(l->def, req->role) & TM_CREATE))
                jw_kstring(w, field_name(l->link->field), id_format(req->version, (enum type_id) l->parent->type, l->parent->id, id));
        jw_end(w);
        jw_end(w);
        conditions_done(&l->conditions);
        vec_done(&l->rows);
        api_reply(req, status);
}

static void finish(struct listing *l) {
        select_page(l);
        write_list(l, 200);
}

/* Rows that the page cannot use are dropped at once; in order of id reading ends where the page does. */
static enum history_wish history_row(void *arg, struct record *r) {
        struct listing *l = arg;
        if (!wanted(l, r) || (l->of && record_int(r, l->link->field) != l->of))
                return HISTORY_DROP;
        vec_push(&l->rows, r);
        l->past++;
        if (l->sort == F_NONE)
                return l->past > l->offset + l->limit ? HISTORY_ENOUGH : HISTORY_KEEP;
        return l->past >= SORTED_MAX ? HISTORY_ENOUGH : HISTORY_KEEP;
}
static void history_done(void *arg, int result) {
        struct listing *l = arg;
        if (result == 0) {
                if (!l->of)
                        candidates(l);  /* only now: records do not stay while the store reads */
                finish(l);
                return;
        }
        conditions_done(&l->conditions);
        vec_done(&l->rows);
        api_fail_code(l->req, DR_E_INTERNAL, NULL);
}

static void read_options(struct listing *l) {
        struct api_req *req = l->req;
        int64_t n;
        const char *limit = api_param(req, "limit"), *marker = api_param(req, "marker"), *sort = api_param(req, "sort");
        const char *include = api_param(req, "include");
        l->limit = LIMIT_DEFAULT;
        if (limit && parse_i64(limit, &n) == 0)
                l->limit = n <= 0 || n > LIMIT_MAX ? LIMIT_MAX : (size_t) n;
        if (!l->paged)
                l->limit = SIZE_MAX / 4;
        else if (marker && *marker == 'm' && parse_i64(marker + 1, &n) == 0 && n > 0)
                l->offset = (size_t) MIN(n, (int64_t) INT32_MAX);
        if (sort) {
                enum field_id f = field_by_name(sort, strlen(sort));
                if (f != F_NONE && type_filter(l->def, f))
                        l->sort = f;
        }
        l->descending = str_ieq(str_or(api_param(req, "order"), ""), "desc");
        if (include) {
                l->include = type_link(l->def, include, strlen(include));
                if (l->include && (l->include->kind == LINK_SPECIAL || !api_visible_type(req, l->include->target)))
                        l->include = NULL;
        }
}

static void list(struct api_req *req, const struct type_def *def, const struct record *parent, const struct link_def *link) {
        struct listing *l = arena_alloc(&req->arena, sizeof *l);
        *l = (struct listing) { .req = req, .def = def, .parent = parent, .link = link };
        l->paged = !(link && link->kind == LINK_CHILD) && def->base != T_setting && def->base != T_activeSetting && def->base != T_account &&
                   def->base != T_projectMember && def->id != T_identity;
        conditions_read(req, def, &l->conditions);
        for (size_t i = 0; i < l->conditions.n; i++)    /* by name or uuid an administrator finds every project */
                req->conditions_all |= l->conditions.v[i].field == F_name || l->conditions.v[i].field == F_uuid;
        read_options(l);
        if (parent && link->kind == LINK_CHILD && !req->removed && history_wanted(req, def)) {   /* a log, found by its parent */
                l->of = parent->id;
                l->parent = NULL;
                parent = NULL;
        }
        if (!parent && history_wanted(req, def)) {
                history_list(req, def->base, l->sort != F_NONE || l->descending, history_row, history_done, l);
                return;
        }
        candidates(l);
        finish(l);
}

void collection_reply(struct api_req *req, const struct type_def *def) { list(req, def, NULL, NULL); }

void collection_reply_link(struct api_req *req, const struct record *parent, const struct link_def *link) {
        const struct type_def *def = api_visible_type(req, link->target);
        if (!def)
                api_fail_code(req, DR_E_NOT_FOUND, NULL);
        else
                list(req, def, parent, link);
}

void collection_reply_rows(struct api_req *req, const struct type_def *def, const struct record_list *rows, int status) {
        struct listing *l = arena_alloc(&req->arena, sizeof *l);
        *l = (struct listing) { .req = req, .def = def };
        for (size_t i = 0; i < rows->n; i++)
                vec_push(&l->rows, rows->v[i]);
        write_list(l, status);
}
