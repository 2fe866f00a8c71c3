#include "export.h"

#include "deploy.h"
#include "formats/compose_export.h"
#include "model/ids.h"
#include "server/api/access.h"
#include "server/api/encode.h"

/* The resource as the API shows it to this caller; NULL: it does not. */
static struct json_object *shown(struct api_req *req, const struct record *r) {
        auto_sbuf struct sbuf text = SBUF(API_ANSWER_BYTES_MAX);
        struct jw w = JW(&text, 0);
        struct json_object *o = NULL;
        if (!access_sees(req, r) || !encode_record(req, &w, r, NULL, NULL) || json_parse(sbuf_str(&text), text.len, API_ANSWER_BYTES_MAX, &o, NULL) < 0)
                return NULL;
        return o;
}

/* Links that name a service of elsewhere: linkedServices has only those with an id. */
static void add_named_links(struct api_req *req, const struct record *s, struct json_object *o) {
        const struct records *l = world_by_int(api_world(req), T_serviceConsumeMap, F_serviceId, s->id);
        struct json_object *list = json_object_new_array();
        for (size_t i = 0; i < l->n; i++) {
                if (!record_is_live(l->v[i]) || !record_str(l->v[i], F_consumedService))
                        continue;
                struct json_object *link = json_object_new_object();
                json_set_str(link, "name", record_name(l->v[i]));
                json_set_str(link, "service", record_str(l->v[i], F_consumedService));
                json_object_array_add(list, link);
        }
        json_set(o, "serviceLinks", list);
}

static bool is_asked(struct json_object *ids, int64_t id) {
        size_t n = ids && json_object_is_type(ids, json_type_array) ? json_object_array_length(ids) : 0;
        for (size_t i = 0; i < n; i++)
                if (json_object_get_int64(json_object_array_get_idx(ids, i)) == id)
                        return true;
        return n == 0;
}

static struct json_object *services_of(struct api_req *req, const struct record *stack, struct json_object *ids) {
        const struct records *l = world_by_int(api_world(req), T_service, F_stackId, stack->id);
        struct json_object *list = json_object_new_array();
        for (size_t i = 0; i < l->n; i++) {
                struct json_object *o = record_is_live(l->v[i]) && is_asked(ids, l->v[i]->id) ? shown(req, l->v[i]) : NULL;
                if (!o)
                        continue;
                add_named_links(req, l->v[i], o);
                json_object_array_add(list, o);
        }
        return list;
}

static struct json_object *volumes_of(struct api_req *req, const struct record *stack) {
        const struct records *l = world_of_account(api_world(req), T_volumeTemplate, stack->account_id);
        struct json_object *list = json_object_new_array();
        for (size_t i = 0; i < l->n; i++) {
                struct json_object *o = record_is_live(l->v[i]) && record_int(l->v[i], F_stackId) == stack->id ? shown(req, l->v[i]) : NULL;
                if (o)
                        json_object_array_add(list, o);
        }
        return list;
}

static int find_name(void *ctx, enum compose_ref kind, const char *text, struct compose_named *ret) {
        static const enum type_id tables[] = { [COMPOSE_REF_SERVICE] = T_service, [COMPOSE_REF_CERTIFICATE] = T_certificate, [COMPOSE_REF_SECRET] = T_secret,
                                                [COMPOSE_REF_CONTAINER] = T_instance };
        struct api_req *req = ctx;
        int64_t id;
        if (id_decode_number(text, strlen(text), false, &id) < 0)
                return -ENOENT;
        const struct record *r = world_get(api_world(req), tables[kind], id), *stack = NULL;
        if (!r || !record_is_live(r) || !access_sees(req, r))
                return -ENOENT;
        if (kind == COMPOSE_REF_SERVICE && !(stack = world_get(api_world(req), T_stack, record_int(r, F_stackId))))
                return -ENOENT;
        *ret = (struct compose_named) { .name = record_name(r), .stack = stack ? record_name(stack) : NULL };
        return 0;
}

int stack_export(struct api_req *req, const struct record *stack, struct json_object *service_ids, char **ret_docker, char **ret_rancher, struct dr_error *err) {
        AUTO(json_free) struct json_object *self = shown(req, stack), *services = services_of(req, stack, service_ids), *volumes = volumes_of(req, stack);
        const struct compose_export_source source = { .stack = self, .services = services, .volumes = volumes, .ctx = req, .name = find_name };
        return self ? compose_export(&source, ret_docker, ret_rancher, err) : dr_fail(err, DR_E_NOT_FOUND, NULL, "there is no such stack");
}
