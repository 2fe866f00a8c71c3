/* Records by the names that documents use. */
#include <stdio.h>

#include "deploy.h"
#include "model/ids.h"

bool record_is_live(const struct record *r) {
        return !r->removed_ms && !state_is_gone((enum state_id) r->state);
}

struct record *stack_service(struct core *c, const struct record *stack, const char *name) {
        const struct records *l = world_by_int(core_world(c), T_service, F_stackId, stack->id);
        struct record *found = NULL;
        for (size_t i = 0; i < l->n; i++)
                if (record_is_live(l->v[i]) && str_ieq(record_name(l->v[i]), name) && (!found || str_eq(record_name(l->v[i]), name)))
                        found = l->v[i];
        return found;
}

struct record *named_of_account(struct core *c, enum type_id table, int64_t account, const char *name) {
        const struct records *l = world_of_account(core_world(c), table, account);
        for (size_t i = 0; i < l->n; i++)
                if (record_is_live(l->v[i]) && str_eq(record_name(l->v[i]), name))
                        return l->v[i];
        return NULL;
}

struct record *todo_service(struct deploy *d, const struct record *stack, struct todo *t) {
        struct record *s = t->service_id ? world_get(core_world(d->x->core), T_service, t->service_id) : NULL;
        if (!s || !record_is_live(s)) {
                s = stack_service(d->x->core, stack, t->want->name);
                t->service_id = s ? s->id : 0;
        }
        return s;
}

static int find(void *ctx, enum compose_ref kind, const char *stack_name, const char *name, char *id, size_t n) {
        struct deploy *d = ctx;
        struct core *c = d->x->core;
        char text[ID_TEXT_MAX];
        const struct record *stack = world_get(core_world(c), T_stack, d->stack_id), *found = NULL;
        if (kind == COMPOSE_REF_SERVICE) {
                const struct record *in = stack && stack_name ? named_of_account(c, T_stack, stack->account_id, stack_name) : stack;
                found = in ? stack_service(c, in, name) : NULL;
        } else if (stack) {
                found = named_of_account(c, kind == COMPOSE_REF_SECRET ? T_secret : T_certificate, stack->account_id, name);
        }
        if (!found)
                return -ENOENT;
        snprintf(id, n, "%s", id_format(API_V2_BETA, (enum type_id) found->type, found->id, text));
        return 0;
}

struct compose_resolver deploy_resolver(struct deploy *d) { return (struct compose_resolver) { .ctx = d, .find = find }; }
