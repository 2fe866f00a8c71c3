/* units.c: deployment units that need no row of their own.
 *
 * A unit as it was made says nothing that its containers' rows do not say (deploymentUnitId, deploymentUnitUuid, serviceId,
 * serviceIndex, globalHostId), so it is not written while it has one: a container costs one row less. It gets its row when it says
 * more (evictable) or loses its last container, in the same batch. Loading makes the others again, with their ids. */
#include "core-internal.h"

#include "applier.h"

static const enum field_id told[] = { F_deploymentUnitUuid, F_serviceId, F_serviceIndex, F_globalHostId };

bool unit_is_told(const struct core *c, const struct record *du) {
        if (record_has(du, F_evictable))
                return false;
        const struct records *l = world_by_text(c->world, T_instance, F_deploymentUnitUuid, record_text(du, F_deploymentUnitUuid));
        for (size_t k = 0; k < l->n; k++)
                if (record_int(l->v[k], F_deploymentUnitId) == du->id)
                        return true;
        return false;
}

void unit_lost_member(struct core *c, const struct record *instance) {
        int64_t id = record_int(instance, F_deploymentUnitId);
        struct record *du = id ? world_get(c->world, T_deploymentUnit, id) : NULL;
        if (du && du->unstored && !unit_is_told(c, du))
                core_dirty(c, du);
}

void units_restore(struct core *c) {
        const struct records *all = world_all(c->world, T_instance);
        for (size_t k = 0; k < all->n; k++) {
                const struct record *i = all->v[k];
                int64_t id = record_int(i, F_deploymentUnitId);
                const char *uuid = record_str(i, F_deploymentUnitUuid);
                if (!id || !uuid || world_get(c->world, T_deploymentUnit, id))
                        continue;
                struct record *du = record_new(T_deploymentUnit, T_deploymentUnit, id);
                du->state = S_active;
                du->account_id = i->account_id;
                du->created_ms = i->created_ms;
                du->unstored = true;
                record_set_uuid(du, uuid);
                for (size_t f = 0; f < ARRAY_LEN(told); f++)
                        if (record_has(i, told[f]))
                                record_put(du, told[f], value_ref(record_value(i, told[f])));
                world_insert(c->world, du);
        }
}
