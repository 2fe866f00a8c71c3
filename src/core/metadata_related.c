/* metadata_related.c: which records' objects a changed record can change. */
#include "metadata-internal.h"

static void mark_all(const struct records *l, metadata_mark_fn *mark, void *arg) {
        for (size_t i = 0; i < l->n; i++)
                mark(arg, (enum type_id) l->v[i]->type, l->v[i]->id);
}

/* Those that have this service as a link's target. */
static void mark_consumers(const struct world *w, int64_t service_id, metadata_mark_fn *mark, void *arg) {
        const struct records *l = world_by_int(w, T_serviceConsumeMap, F_consumedServiceId, service_id);
        for (size_t i = 0; i < l->n; i++)
                mark(arg, T_service, record_int(l->v[i], F_serviceId));
}

static void mark_balancers(const struct world *w, int64_t account_id, metadata_mark_fn *mark, void *arg) {
        const struct records *l = world_of_account(w, T_service, account_id);
        for (size_t i = 0; i < l->n; i++)
                if (record_has(l->v[i], F_lbConfig))
                        mark(arg, T_service, l->v[i]->id);
}

static void mark_selected(const struct world *w, const struct record *service, metadata_mark_fn *mark, void *arg) {
        const struct records *l = record_has(service, F_selectorContainer) ? world_of_account(w, T_instance, service->account_id) : NULL;
        for (size_t i = 0; l && i < l->n; i++)
                if (record_has(l->v[i], F_selectedByIds))
                        mark(arg, T_instance, l->v[i]->id);
}

static void service_seen(const struct world *w, const struct record *s, metadata_mark_fn *mark, void *arg) {
        mark_all(world_by_int(w, T_instance, F_serviceId, s->id), mark, arg);
        mark_selected(w, s, mark, arg);
        mark_consumers(w, s->id, mark, arg);
        mark_balancers(w, s->account_id, mark, arg);
}

static void stack_seen(const struct world *w, const struct record *stack, metadata_mark_fn *mark, void *arg) {
        const struct records *l = world_by_int(w, T_service, F_stackId, stack->id);
        mark_all(l, mark, arg);
        for (size_t i = 0; i < l->n; i++)
                mark_consumers(w, l->v[i]->id, mark, arg);
        mark_balancers(w, stack->account_id, mark, arg);
        mark_all(world_by_int(w, T_instance, F_stackId, stack->id), mark, arg);
}

static void instance_seen(const struct world *w, const struct record *i, metadata_mark_fn *mark, void *arg) {
        mark_all(world_by_int(w, T_instance, F_networkFromId, i->id), mark, arg);
        const struct records *l = world_by_int(w, T_instanceLink, F_targetInstanceId, i->id);
        for (size_t k = 0; k < l->n; k++)
                mark(arg, T_instance, record_int(l->v[k], F_instanceId));
}

static void seen(const struct world *w, const struct record *r, metadata_mark_fn *mark, void *arg) {
        switch (r->type) {
        case T_service:  service_seen(w, r, mark, arg); break;
        case T_stack:    stack_seen(w, r, mark, arg); break;
        case T_instance: instance_seen(w, r, mark, arg); break;
        case T_host:     mark_all(world_by_int(w, T_instance, F_hostId, r->id), mark, arg); break;
        case T_network:                         /* which one is the default may change with it */
                mark_all(world_of_account(w, T_network, r->account_id), mark, arg);
                mark_all(world_of_account(w, T_instance, r->account_id), mark, arg);
                break;
        case T_account:
                mark_all(world_of_account(w, T_stack, r->id), mark, arg);
                mark_all(world_of_account(w, T_network, r->id), mark, arg);
                mark_all(world_of_account(w, T_instance, r->id), mark, arg);
                break;
        default: break;
        }
}

void metadata_related(const struct world *w, const struct record *r, bool seen_changed, metadata_mark_fn *mark, void *arg) {
        switch (r->type) {
        case T_agent:                   mark_all(world_by_int(w, T_host, F_agentId, r->id), mark, arg); break;
        case T_serviceConsumeMap:       mark(arg, T_service, record_int(r, F_serviceId)); break;
        case T_instanceLink:            mark(arg, T_instance, record_int(r, F_instanceId)); break;
        case T_subnet:                  mark_all(world_of_account(w, T_instance, r->account_id), mark, arg); break;
        case T_certificate:             mark_balancers(w, r->account_id, mark, arg); break;
        default:                        break;
        }
        if (metadata_makes((enum type_id) r->type))
                mark(arg, (enum type_id) r->type, r->id);
        if (seen_changed)
                seen(w, r, mark, arg);
}

static uint64_t field_hash(const struct record *r, enum field_id f) {
        const struct text *t = record_text(r, f);
        return t ? metadata_hash(field_name(f), t->s, t->len) : 0;
}

uint64_t metadata_seen(const struct world *w, const struct record *r) {
        static const enum field_id of_networks[] = { F_name, F_macPrefix, F_dns, F_dnsSearch };
        bool gone = metadata_is_gone(r) || world_get(w, (enum type_id) r->type, r->id) != r;
        uint64_t h = gone ? 2 : 1;
        switch (r->type) {
        case T_host:    h ^= field_hash(r, F_agentIpAddress); break;
        case T_account: h ^= field_hash(r, F_name) ^ hash_u64((uint64_t) record_int(r, F_defaultNetworkId)); break;
        case T_service:
        case T_stack:   h ^= field_hash(r, F_name); break;
        case T_network:
                for (size_t k = 0; k < ARRAY_LEN(of_networks); k++)
                        h ^= field_hash(r, of_networks[k]);
                h ^= hash_u64(r->state);
                break;
        default: break;
        }
        return h ? h : 1;
}
