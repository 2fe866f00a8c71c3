#include "service_instance.h"

#include <strings.h>

static bool is_named(const struct world *w, const struct record *service, const char *name) {
        const char *own = record_name(service);
        size_t n = strlen(own);
        if (str_ieq(own, name))
                return true;
        const struct record *stack = world_get(w, T_stack, record_int(service, F_stackId));
        return n && strncasecmp(own, name, n) == 0 && name[n] == '.' && stack && str_ieq(record_name(stack), name + n + 1);
}

const struct record *service_instance_find(const struct world *w, int64_t account_id, const char *name) {
        const struct records *services = world_of_account(w, T_service, account_id);
        const struct record *found = NULL;
        for (size_t i = 0; i < services->n; i++) {
                if (services->v[i]->removed_ms || !is_named(w, services->v[i], name))
                        continue;
                const struct records *l = world_by_int(w, T_instance, F_serviceId, services->v[i]->id);
                for (size_t k = 0; k < l->n; k++)
                        if (l->v[k]->state == S_running && record_int(l->v[k], F_hostId) && (!found || l->v[k]->id < found->id))
                                found = l->v[k];
        }
        return found;
}
