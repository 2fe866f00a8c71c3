/* environment.c: how accounts and environments end, and what goes with their orchestrator (spec orchestration.md 7.2, 7.5; api.md 2.5). */
#include "adopt.h"
#include "applier.h"
#include "model/infra.h"

/* {"remove": true}: what DELETE of an active environment means (api.md 1.6). */
enum step account_deactivate(struct core *c, struct record *a, struct run *run, struct step_ctx *ctx) {
        (void) c;
        (void) a;
        if (!json_bool(text_json(run->data), "remove", false))
                return STEP_DONE;
        ctx->chain = P_account_remove;
        return STEP_CHAIN;
}

/* Goes on with the end of one record by the first process its state allows; one that has none, and nothing under way, goes at once. */
static void end_record(struct core *c, struct record *r) {
        static const char *const actions[] = { "remove", "deactivate" };
        for (size_t i = 0; r->state != S_removing && i < ARRAY_LEN(actions); i++) {
                enum process_id p = process_by_action((enum type_id) r->type, actions[i]);
                if (p != P_NONE && core_process_allowed(r, p)) {
                        (void) core_process_start(c, r, p, NULL, NULL);
                        return;
                }
        }
        if (!r->run)
                core_delete(c, r);
}

/* What has a life of its own but needs no host: true when all of it is gone. */
static bool end_owned(struct core *c, enum type_id table, int64_t account_id) {
        for (size_t i = world_of_account(c->world, table, account_id)->n; i-- > 0;)
                end_record(c, world_of_account(c->world, table, account_id)->v[i]);
        return world_of_account(c->world, table, account_id)->n == 0;
}

/* What stands beside stacks and hosts, then rows that only say who and how. */
static bool end_rest(struct core *c, const struct record *a) {
        static const enum type_id owned[] = {
                T_scheduledUpgrade, T_projectTemplate, T_volumeTemplate, T_snapshot, T_volume, T_secret, T_certificate, T_hostTemplate, T_network, T_networkDriver,
                T_storageDriver, T_userPreference,
        };
        static const enum type_id rows[] = { T_credential, T_projectMember, T_storagePool, T_physicalHost, T_genericObject };
        bool over = true;
        for (size_t o = 0; o < ARRAY_LEN(owned); o++)
                over &= end_owned(c, owned[o], a->id);
        for (size_t o = 0; over && o < ARRAY_LEN(rows); o++)
                for (const struct records *l; (l = world_of_account(c->world, rows[o], a->id))->n;)
                        core_delete(c, l->v[l->n - 1]);
        for (const struct records *l; over && (l = world_by_int(c->world, T_projectMember, F_projectId, a->id))->n;)
                core_delete(c, l->v[l->n - 1]);
        return over;
}

/* An environment goes with everything in it; accounts of people with their keys. */
enum step account_remove(struct core *c, struct record *a, struct run *run, struct step_ctx *ctx) {
        (void) run;
        static const struct { enum type_id table; enum process_id remove, before; } order[] = {
                { T_stack, P_stack_remove, P_NONE }, { T_instance, P_NONE, P_NONE }, { T_host, P_host_remove, P_host_deactivate },
        };
        for (size_t o = 0; o < ARRAY_LEN(order); o++) {
                const struct records *l = world_of_account(c->world, order[o].table, a->id);
                for (size_t k = 0; k < l->n; k++) {
                        struct record *r = l->v[k];
                        if (order[o].table == T_instance) {
                                (record_bool(r, F_nativeContainer) ? adopt_forget : instance_destroy)(c, r);
                                continue;
                        }
                        if (order[o].before != P_NONE && r->state == S_active && core_process_start(c, r, order[o].before, NULL, &ctx->err) < 0)
                                return STEP_RETRY;
                        if (core_process_allowed(r, order[o].remove) && core_process_start(c, r, order[o].remove, NULL, &ctx->err) < 0)
                                return STEP_RETRY;
                }
                if (l->n) {
                        core_wake_at(c, a, core_mono_ms(c) + 1000);
                        return STEP_WAIT;
                }
        }
        if (!end_rest(c, a)) {
                core_wake_at(c, a, core_mono_ms(c) + 1000);
                return STEP_WAIT;
        }
        return STEP_DONE;
}

static bool is_kubernetes_part(const struct record *stack) {
        static const char *const prefixes[] = { "kubernetes://", "kubernetes-loadbalancers://", "kubernetes-ingress-lbs://" };
        const char *id = record_str(stack, F_externalId);
        for (size_t i = 0; id && i < ARRAY_LEN(prefixes); i++)
                if (str_starts(id, prefixes[i]))
                        return true;
        return id && stack->kind == T_kubernetesStack;  /* as upstream: only with an externalId */
}

void environment_stack_goes(struct core *c, const struct record *stack) {
        if (!record_bool(stack, F_system) || !infra_is(record_str(stack, F_externalId), "k8s"))
                return;
        const struct records *l = world_of_account(c->world, T_stack, stack->account_id);
        for (size_t i = 0; i < l->n; i++)
                if (l->v[i] != stack && is_kubernetes_part(l->v[i]) && core_process_allowed(l->v[i], P_stack_remove))
                        (void) core_process_start(c, l->v[i], P_stack_remove, NULL, NULL);
}
