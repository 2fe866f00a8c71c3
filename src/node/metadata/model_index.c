/* Lists of the model: each object is put in and taken out by bisection, so a change costs what it touches. */
#include "model-internal.h"

static const md_list no_objects;

/* Orders ---------------------------------------------------------------------------------------------------------- */

typedef int order(const struct md_object *a, const struct md_object *b);

static int by_key(const struct md_object *a, const struct md_object *b) { return strcmp(a->key, b->key); }
static int by_uuid(const struct md_object *a, const struct md_object *b) {
        int c = strcmp(a->uuid, b->uuid);
        return c ? c : by_key(a, b);
}
static int by_name(const struct md_object *a, const struct md_object *b) {
        int c = strcmp(a->name, b->name);
        return c ? c : by_uuid(a, b);
}
static int by_lower(const struct md_object *a, const struct md_object *b) {
        int c = strcmp(((const struct object *) a)->lower, ((const struct object *) b)->lower);
        return c ? c : by_uuid(a, b);
}
static int by_owner(const struct md_object *a, const struct md_object *b) {
        int c = strcmp(a->uuid, b->uuid);
        return c ? c : by_name(a, b);
}
static int by_seq(const struct md_object *a, const struct md_object *b) { return (a->seq > b->seq) - (a->seq < b->seq); }
static int by_element(const struct md_object *a, const struct md_object *b) {           /* the primary's key has no second '/' */
        bool a_side = strchr(strchr(a->key, '/') + 1, '/'), b_side = strchr(strchr(b->key, '/') + 1, '/');
        return a_side != b_side ? a_side - b_side : by_name(a, b);
}

static size_t place(const md_list *l, const struct md_object *o, order *cmp) {
        size_t from = 0, to = l->n;
        while (from < to) {
                size_t mid = from + (to - from) / 2;
                if (cmp(l->v[mid], o) < 0)
                        from = mid + 1;
                else
                        to = mid;
        }
        return from;
}

static void insert(md_list *l, struct md_object *o, order *cmp) {
        size_t i = place(l, o, cmp);
        vec_push(l, o);
        memmove(l->v + i + 1, l->v + i, (l->n - 1 - i) * sizeof *l->v);
        l->v[i] = o;
}

static void drop(md_list *l, struct md_object *o, order *cmp) {
        for (size_t i = place(l, o, cmp); i < l->n; i++)
                if (l->v[i] == o) {
                        vec_remove_at(l, i);
                        return;
                }
        assert(!"an object that is in every list");
}

/* Nears ----------------------------------------------------------------------------------------------------------- */

static const char *id_of(const struct mdata *m, char what, const char *a, const char *b) {
        struct sbuf *s = m->scratch;
        sbuf_reset(s);
        sbuf_putc(s, what);
        sbuf_putc(s, '/');
        sbuf_puts(s, a);
        if (b) {
                sbuf_putc(s, '/');
                sbuf_puts(s, b);
        }
        return sbuf_str(s);
}

static struct near *near_find(const struct mdata *m, char what, const char *a, const char *b) {
        return smap_get(&m->nears, id_of(m, what, a, b));
}

static struct near *near_get(struct mdata *m, char what, const char *a, const char *b) {
        const char *id = id_of(m, what, a, b);
        struct near *n = smap_get(&m->nears, id);
        if (n)
                return n;
        n = dr_xnew(struct near);
        n->id = dr_xstrdup(id);
        smap_set(&m->nears, n->id, n);
        return n;
}

static void near_put(struct mdata *m, struct near *n) {
        if (n->objects.n || n->links.n || n->members.n || n->owners.n || n->guests.n || n->memberships.n)
                return;
        smap_del(&m->nears, n->id);
        vec_done(&n->objects);
        vec_done(&n->links);
        vec_done(&n->members);
        vec_done(&n->owners);
        vec_done(&n->guests);
        vec_done(&n->memberships);
        free(n->id);
        free(n);
}

/* One place of one object: which list of which near, in which order. */
enum which { OBJECTS, LINKS, MEMBERS, OWNERS, GUESTS, MEMBERSHIPS };
static md_list *list_in(struct near *n, enum which w) {
        md_list *const lists[] = { &n->objects, &n->links, &n->members, &n->owners, &n->guests, &n->memberships };
        return lists[w];
}

static void put(struct mdata *m, bool add, char what, const char *a, const char *b, enum which w, struct md_object *o, order *cmp) {
        struct near *n = near_get(m, what, a, b);
        if (add)
                insert(list_in(n, w), o, cmp);
        else
                drop(list_in(n, w), o, cmp);
        if (!add)
                near_put(m, n);
}

static const char *service_uuid(const struct md_object *link) { return json_str(link->json, "service_uuid", ""); }
static const char *service_name(const struct md_object *link) { return json_str(link->json, "service_name", ""); }
static const char *container_uuid(const struct md_object *link) { return json_str(link->json, "container_uuid", ""); }

/* The lists of one kind. add: in, else out. ------------------------------------------------------------------------ */

static void index_container(struct mdata *m, struct md_object *o, bool add) {
        static const struct { char what; const char *field; enum which list; } rows[] = {
                { 'i', "primary_ip", MEMBERS }, { 'h', "host_uuid", MEMBERS }, { 'n', "network_uuid", MEMBERS }, { 'c', "network_from_container_uuid", GUESTS },
        };
        put(m, add, 'c', o->uuid, NULL, OBJECTS, o, by_key);
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                const char *value = json_str(o->json, rows[i].field, NULL);
                if (value)
                        put(m, add, rows[i].what, value, NULL, rows[i].list, o, by_name);
        }
        struct near *n = near_find(m, 'c', o->uuid, NULL);
        for (size_t i = 0; n && i < n->memberships.n; i++)
                put(m, add, 's', service_uuid(n->memberships.v[i]), service_name(n->memberships.v[i]), MEMBERS, o, by_name);
}

static void index_service(struct mdata *m, struct md_object *o, bool add) {
        const char *stack = json_str(o->json, "stack_uuid", NULL);
        put(m, add, 'S', o->uuid, NULL, OBJECTS, o, by_element);
        put(m, add, 's', o->uuid, o->name, OBJECTS, o, by_key);
        if (stack)
                put(m, add, 't', stack, NULL, MEMBERS, o, by_name);
        struct near *n = near_find(m, 's', o->uuid, o->name);
        for (size_t i = 0; n && i < n->memberships.n; i++)
                put(m, add, 'c', container_uuid(n->memberships.v[i]), NULL, OWNERS, o, by_owner);
}

static void index_membership(struct mdata *m, struct md_object *o, bool add) {
        const char *service = service_uuid(o), *name = service_name(o), *container = container_uuid(o);
        put(m, add, 'c', container, NULL, MEMBERSHIPS, o, by_key);
        put(m, add, 's', service, name, MEMBERSHIPS, o, by_key);
        struct near *c = near_find(m, 'c', container, NULL);
        for (size_t i = 0; c && i < c->objects.n; i++)
                put(m, add, 's', service, name, MEMBERS, c->objects.v[i], by_name);
        struct near *s = near_find(m, 's', service, name);
        for (size_t i = 0; s && i < s->objects.n; i++)
                put(m, add, 'c', container, NULL, OWNERS, s->objects.v[i], by_owner);
}

static void index_any(struct mdata *m, struct object *o, bool add) {
        struct md_object *p = &o->pub;
        if (p->kind <= MD_NETWORK) {
                void (*change)(md_list *, struct md_object *, order *) = add ? insert : drop;
                change(&m->lists[p->kind], p, p->kind == MD_NETWORK ? by_seq : by_name);
                change(&m->lower_lists[p->kind], p, p->kind == MD_NETWORK || p->kind == MD_HOST ? by_seq : by_lower);
                char kind[] = { (char) ('0' + p->kind), 0 };
                put(m, add, 'N', kind, o->lower, MEMBERS, p, by_name);
        }
        switch (p->kind) {
        case MD_CONTAINER: index_container(m, p, add); break;
        case MD_SERVICE: index_service(m, p, add); break;
        case MD_STACK: put(m, add, 't', p->uuid, NULL, OBJECTS, p, by_key); break;
        case MD_HOST: put(m, add, 'h', p->uuid, NULL, OBJECTS, p, by_key); break;
        case MD_NETWORK: put(m, add, 'n', p->uuid, NULL, OBJECTS, p, by_key); break;
        case MD_SERVICE_CONTAINER_LINK: index_membership(m, p, add); break;
        case MD_SERVICE_LINK: put(m, add, 'S', p->uuid, NULL, LINKS, p, by_key); break;
        case MD_CONTAINER_LINK: put(m, add, 'c', p->uuid, NULL, LINKS, p, by_key); break;
        case MD_ENVIRONMENT: m->environment = add ? p : NULL; break;
        case MD_DEFAULT_DATA: m->default_data = add ? p : NULL; break;
        case MD_KIND_MAX: break;
        }
}

void index_add(struct mdata *m, struct object *o) { index_any(m, o, true); }
void index_remove(struct mdata *m, struct object *o) { index_any(m, o, false); }

/* Telling --------------------------------------------------------------------------------------------------------- */

static void tell(struct mdata *m, struct md_object *o, enum md_change what) {
        o->stamp++;
        for (size_t i = 0; i < m->n_observers; i++)
                m->observers[i].fn(m, o, what, m->observers[i].arg);
}

static void tell_list(struct mdata *m, const md_list *l) {
        for (size_t i = 0; i < l->n; i++)
                tell(m, l->v[i], MD_NEIGHBOUR);
}

static void tell_near(struct mdata *m, char what, const char *a, const char *b, enum which w) {
        struct near *n = a ? near_find(m, what, a, b) : NULL;
        if (n)
                tell_list(m, list_in(n, w));
}

void index_notify(struct mdata *m, struct object *o, enum md_change what, bool shown) {
        struct md_object *p = &o->pub;
        tell(m, p, what);
        switch (p->kind) {
        case MD_CONTAINER:
                for (struct near *n = near_find(m, 'c', p->uuid, NULL); n; n = NULL)
                        for (size_t i = 0; i < n->memberships.n; i++)
                                tell_near(m, 's', service_uuid(n->memberships.v[i]), service_name(n->memberships.v[i]), OBJECTS);
                tell_near(m, 'c', json_str(p->json, "network_from_container_uuid", NULL), NULL, OBJECTS);
                break;
        case MD_SERVICE:
                if (shown)
                        tell_near(m, 's', p->uuid, p->name, MEMBERS);
                tell_near(m, 't', json_str(p->json, "stack_uuid", NULL), NULL, OBJECTS);
                break;
        case MD_SERVICE_CONTAINER_LINK:
                tell_near(m, 's', service_uuid(p), service_name(p), OBJECTS);
                tell_near(m, 'c', container_uuid(p), NULL, OBJECTS);
                break;
        case MD_SERVICE_LINK: tell_near(m, 'S', p->uuid, NULL, OBJECTS); break;
        case MD_CONTAINER_LINK: tell_near(m, 'c', p->uuid, NULL, OBJECTS); break;
        default: break;
        }
}

/* Lookups --------------------------------------------------------------------------------------------------------- */

static const md_list *list_of(const struct mdata *m, char what, const char *a, const char *b, enum which w) {
        struct near *n = near_find(m, what, a, b);
        return n ? list_in(n, w) : &no_objects;
}

struct md_object *mdata_by_uuid(const struct mdata *m, enum md_kind kind, const char *uuid) {
        static const char whats[] = { [MD_CONTAINER] = 'c', [MD_SERVICE] = 'S', [MD_STACK] = 't', [MD_HOST] = 'h', [MD_NETWORK] = 'n' };
        if (kind > MD_NETWORK)
                return NULL;
        const md_list *l = list_of(m, whats[kind], uuid, NULL, OBJECTS);
        return l->n ? l->v[0] : NULL;
}

const md_list *mdata_list(const struct mdata *m, enum md_kind kind) { return kind <= MD_NETWORK ? &m->lists[kind] : &no_objects; }
const md_list *mdata_list_lower(const struct mdata *m, enum md_kind kind) { return kind <= MD_NETWORK ? &m->lower_lists[kind] : &no_objects; }
const md_list *mdata_services_by_uuid(const struct mdata *m, const char *uuid) { return list_of(m, 'S', uuid, NULL, OBJECTS); }
const md_list *mdata_by_ip(const struct mdata *m, const char *ip) { return list_of(m, 'i', ip, NULL, MEMBERS); }

const md_list *mdata_by_lower_name(const struct mdata *m, enum md_kind kind, const char *name) {
        return kind <= MD_NETWORK ? list_of(m, 'N', (char[]) { (char) ('0' + kind), 0 }, name, MEMBERS) : &no_objects;
}

const md_list *mdata_links(const struct mdata *m, const struct md_object *o) {
        return o->kind == MD_SERVICE ? list_of(m, 'S', o->uuid, NULL, LINKS) : o->kind == MD_CONTAINER ? list_of(m, 'c', o->uuid, NULL, LINKS) : &no_objects;
}

const md_list *mdata_members(const struct mdata *m, const struct md_object *o) {
        switch (o->kind) {
        case MD_SERVICE: return list_of(m, 's', o->uuid, o->name, MEMBERS);
        case MD_STACK: return list_of(m, 't', o->uuid, NULL, MEMBERS);
        case MD_HOST: return list_of(m, 'h', o->uuid, NULL, MEMBERS);
        case MD_NETWORK: return list_of(m, 'n', o->uuid, NULL, MEMBERS);
        default: return &no_objects;
        }
}

const md_list *mdata_owners(const struct mdata *m, const struct md_object *o) {
        return o->kind == MD_CONTAINER ? list_of(m, 'c', o->uuid, NULL, OWNERS) : &no_objects;
}

const md_list *mdata_guests(const struct mdata *m, const struct md_object *o) {
        return o->kind == MD_CONTAINER ? list_of(m, 'c', o->uuid, NULL, GUESTS) : &no_objects;
}

/* Decision 9: 2 for a live container of this host, 1 for another live one. */
static int claim(const struct mdata *m, const struct md_object *c) {
        static const char *const live[] = { "starting", "running", "stopping" };
        const char *state = json_str(c->json, "state", "");
        for (size_t i = 0; i < ARRAY_LEN(live); i++)
                if (str_eq(state, live[i]))
                        return str_eq(json_str(c->json, "host_uuid", ""), mdata_host_uuid(m)) ? 2 : 1;
        return 0;
}

struct md_object *mdata_container_by_source(const struct mdata *m, const char *ip) {
        const md_list *l = mdata_by_ip(m, ip);
        struct md_object *best = NULL;
        for (size_t i = 0; i < l->n; i++)
                if (!best || claim(m, l->v[i]) >= claim(m, best))
                        best = l->v[i];
        return best;
}

struct md_object *mdata_container_service(const struct mdata *m, const struct md_object *container) {
        const md_list *owners = mdata_owners(m, container);
        const char *own = owners->n > 1 ? json_str(json_get_object(container->json, "labels"), "io.rancher.stack_service.name", NULL) : NULL;
        for (size_t i = owners->n; own && i-- > 0;) {
                const char *stack = json_str(owners->v[i]->json, "stack_name", "");
                size_t n = strlen(stack);
                const char *primary = json_str(owners->v[i]->json, "primary_service_name", owners->v[i]->name);
                if (strncmp(own, stack, n) == 0 && own[n] == '/' && str_starts(own + n + 1, primary)) {
                        const char *rest = own + n + 1 + strlen(primary);       /* a sidekick's label is STACK/SERVICE/SIDEKICK */
                        if (str_eq(primary, owners->v[i]->name) ? *rest == 0 : *rest == '/' && str_eq(rest + 1, owners->v[i]->name))
                                return owners->v[i];
                }
        }
        return owners->n ? owners->v[owners->n - 1] : NULL;
}

struct md_object *mdata_service_stack(const struct mdata *m, const struct md_object *service) {
        const char *uuid = json_str(service->json, "stack_uuid", NULL);
        return uuid ? mdata_by_uuid(m, MD_STACK, uuid) : NULL;
}

struct md_object *mdata_container_stack(const struct mdata *m, const struct md_object *container) {
        struct md_object *service = mdata_container_service(m, container);
        return service ? mdata_service_stack(m, service) : NULL;
}

bool mdata_has_service(const struct mdata *m, const struct md_object *container) { return list_of(m, 'c', container->uuid, NULL, MEMBERSHIPS)->n; }
