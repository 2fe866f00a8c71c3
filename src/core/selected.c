#include "selected.h"

#include "core-internal.h"
#include "formats/json.h"
#include "formats/selector.h"
#include "model/launch.h"

static void walk_labels(const void *labels, bool (*each)(void *ctx, const char *key, const char *value), void *ctx) {
        json_object_object_foreach((struct json_object *) labels, key, v)
                if (!each(ctx, key, v ? json_object_get_string(v) : ""))
                        return;
}

static bool has_selector(const struct record *s) { return *str_or(record_str(s, F_selectorContainer), "") != 0; }

static bool matches(struct core *c, const struct record *service, const struct record *i) {
        AUTO(selector_free) struct selector *sel = NULL;
        if (!has_selector(service) || selector_parse(record_str(service, F_selectorContainer), NULL, &sel, NULL) < 0)
                return false;
        AUTO(json_free) struct json_object *labels = launch_labels(c->world, i);
        return selector_match(sel, labels, walk_labels);
}

/* Writes only what changes: most containers are in no service but their own. */
static void put(struct core *c, struct record *i, int64_t service, bool in) {
        struct json_object *now = record_json(i, F_selectedByIds);
        AUTO(json_free) struct json_object *list = json_object_new_array();
        bool was = false;
        for (size_t k = 0; now && k < json_object_array_length(now); k++) {
                int64_t id = json_object_get_int64(json_object_array_get_idx(now, k));
                was |= id == service;
                if (id != service)
                        json_object_array_add(list, json_object_new_int64(id));
        }
        if (was == in)
                return;
        if (in)
                json_object_array_add(list, json_object_new_int64(service));
        core_put(c, i, F_selectedByIds, json_object_array_length(list) ? value_json(list) : value_null());
}

/* Services with a selector are few: kept apart, so that a start costs nothing where there are none. */
static struct map *known(struct core *c) {
        const struct records *all = c->selectors_read ? NULL : world_all(c->world, T_service);
        for (size_t k = 0; all && k < all->n; k++)
                if (has_selector(all->v[k]))
                        map_set(&c->selectors, (uint64_t) all->v[k]->id, c);
        c->selectors_read = true;
        return &c->selectors;
}

void selected_by_service(struct core *c, const struct record *s, bool gone) {
        bool was = map_get(known(c), (uint64_t) s->id) != NULL, is = has_selector(s) && !gone;
        if (!was && !is)
                return;
        if (is)
                map_set(&c->selectors, (uint64_t) s->id, c);
        const struct records *l = world_of_account(c->world, T_instance, s->account_id);
        for (size_t k = 0; k < l->n; k++)
                put(c, l->v[k], s->id, is && record_int(l->v[k], F_serviceId) != s->id && matches(c, s, l->v[k]));
        if (!is)
                map_del(&c->selectors, (uint64_t) s->id);
}

void selected_instance(struct core *c, struct record *i) {
        map_foreach(known(c), slot) {
                struct record *s = world_get(c->world, T_service, (int64_t) slot->key);
                if (s && s->account_id == i->account_id && s->state != S_removing && s->state != S_removed)
                        put(c, i, s->id, record_int(i, F_serviceId) != s->id && matches(c, s, i));
        }
}
