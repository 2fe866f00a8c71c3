/* What an upgrade changes of services without upgrading them, fields and links, as it was before: for rollback. Upstream's leaves the new
 * values, and a balancer that was taken back would go on sending to services of the new version. Kept with the stack until the upgrade ends:
 * {"1s5": {"fields": {...}, "links": [{name, serviceId or service}]}}, of several upgrades what the first found. */
#include "deploy.h"
#include "formats/json.h"
#include "model/ids.h"

static struct json_object *entry_of(struct json_object *all, const struct record *service) {
        char id[ID_TEXT_MAX];
        id_format(API_V2_BETA, T_service, service->id, id);
        if (!json_get_object(all, id))
                json_set(all, id, json_object_new_object());
        return json_get_object(all, id);
}

static struct json_object *copy_of(const struct record *stack) {
        return record_json(stack, F_upgradeUndo) ? json_copy(record_json(stack, F_upgradeUndo)) : json_object_new_object();
}

void undo_keep_fields(struct core *c, struct record *stack, const struct record *service, const struct json_object *now, struct json_object *fields) {
        AUTO(json_free) struct json_object *all = copy_of(stack);
        struct json_object *entry = entry_of(all, service);
        if (!json_get_object(entry, "fields"))
                json_set(entry, "fields", json_object_new_object());
        struct json_object *kept = json_get_object(entry, "fields");
        json_object_object_foreach(fields, key, value) {
                (void) value;
                if (!json_has(kept, key))
                        json_set(kept, key, json_get(now, key) ? json_copy(json_get(now, key)) : NULL);
        }
        core_put(c, stack, F_upgradeUndo, value_json(all));
}

void undo_keep_links(struct core *c, struct record *stack, const struct record *service) {
        AUTO(json_free) struct json_object *all = copy_of(stack);
        struct json_object *entry = entry_of(all, service);
        if (json_has(entry, "links"))
                return;
        struct json_object *links = json_object_new_array();
        const struct records *l = world_by_int(core_world(c), T_serviceConsumeMap, F_serviceId, service->id);
        for (size_t i = 0; i < l->n; i++) {
                char id[ID_TEXT_MAX];
                struct json_object *link = json_object_new_object();
                json_set_str(link, "name", record_name(l->v[i]));
                if (record_int(l->v[i], F_consumedServiceId))
                        json_set_str(link, "serviceId", id_format(API_V2_BETA, T_service, record_int(l->v[i], F_consumedServiceId), id));
                else
                        json_set_str(link, "service", record_str(l->v[i], F_consumedService));
                json_object_array_add(links, link);
        }
        json_set(entry, "links", links);
        core_put(c, stack, F_upgradeUndo, value_json(all));
}

/* Links to services that are gone cannot be set again. */
static struct json_object *living_links(struct deploy *d, struct json_object *links) {
        struct json_object *o = json_object_new_object(), *list = json_object_new_array();
        for (size_t i = 0; i < json_object_array_length(links); i++) {
                struct json_object *link = json_object_array_get_idx(links, i);
                const char *text = json_str(link, "serviceId", NULL);
                int64_t id;
                const struct record *to = text && id_decode_number(text, strlen(text), false, &id) == 0 ? world_get(core_world(d->x->core), T_service, id) : NULL;
                if (!text || (to && record_is_live(to)))
                        json_object_array_add(list, json_object_get(link));
        }
        json_set(o, "serviceLinks", list);
        return o;
}

static int put_back(struct deploy *d, const struct record *stack, const struct record *service, const struct json_object *entry) {
        struct json_object *fields = json_get_object(entry, "fields"), *links = json_get_array(entry, "links");
        AUTO(json_free) struct json_object *living = links ? living_links(d, links) : NULL;
        struct dr_error err;
        if ((fields && deploy_call_service(d, stack, VERB_PUT, service, "", fields, NULL, &err) < 0) ||
            (living && deploy_call_service(d, stack, VERB_POST, service, "?action=setservicelinks", living, NULL, &err) < 0))
                return deploy_failed(d, &d->notes, &err, "restore service", record_name(service));
        return 0;
}

int undo_apply(struct deploy *d, struct record *stack) {
        AUTO(json_free) struct json_object *all = copy_of(stack);
        int r = LOOK_DONE;
        while (json_object_object_length(all)) {
                struct lh_entry *first = json_object_get_object(all)->head;
                const char *key = first->k;
                int64_t id;
                const struct record *s = id_decode_number(key, strlen(key), false, &id) == 0 ? world_get(core_world(d->x->core), T_service, id) : NULL;
                if (s && record_is_live(s) && !d->left)
                        r = LOOK_AGAIN;
                else if (s && record_is_live(s) && put_back(d, stack, s, json_get_object(all, key)) < 0 && d->retry)
                        r = -EAGAIN;
                if (r != LOOK_DONE)
                        break;
                json_object_object_del(all, key);
        }
        core_put(d->x->core, stack, F_upgradeUndo, json_object_object_length(all) ? value_json(all) : value_null());
        return r;
}
