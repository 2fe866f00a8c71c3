/* env_ports.c: a port without public part gets one of the environment's, when its service is made (orchestration.md 1.15).
 *
 * The service's containers all publish it, so it is written into the launch config and kept for the service's life. */
#include "applier.h"

#include <stdio.h>

#include "formats/portspec.h"

enum { PORT_FIRST = 49153, PORT_LAST = 65535, PORTS = 65536 };

struct pool { unsigned first, last; unsigned char used[PORTS / 8]; };

static bool is_used(const struct pool *p, unsigned port) { return p->used[port / 8] & (1U << (port % 8)); }
static void use(struct pool *p, unsigned port) { p->used[port / 8] |= (unsigned char) (1U << (port % 8)); }

/* Calls fn for each port spec of a launch config, which may be NULL. */
static void each_spec(struct json_object *lc, void (*fn)(void *arg, const struct portspec *spec), void *arg) {
        struct json_object *ports = json_get_array(lc, "ports");
        for (size_t i = 0; ports && i < json_object_array_length(ports); i++) {
                struct portspec spec;
                const char *text = json_object_get_string(json_object_array_get_idx(ports, i));
                if (text && portspec_parse(text, &spec, NULL) == 0)
                        fn(arg, &spec);
        }
}

static void each_spec_of(const struct record *s, void (*fn)(void *arg, const struct portspec *spec), void *arg) {
        struct json_object *secondaries = record_json(s, F_secondaryLaunchConfigs);
        each_spec(record_json(s, F_launchConfig), fn, arg);
        for (size_t i = 0; secondaries && i < json_object_array_length(secondaries); i++)
                each_spec(json_object_array_get_idx(secondaries, i), fn, arg);
}

static void note_used(void *arg, const struct portspec *spec) {
        if (spec->public_port)
                use(arg, spec->public_port);
}
static void count_needed(void *arg, const struct portspec *spec) { *(unsigned *) arg += !spec->public_port; }

static void read_pool(struct core *c, const struct record *s, struct pool *p) {
        const struct record *account = world_get(c->world, T_account, s->account_id);
        struct json_object *range = account ? record_json(account, F_servicesPortRange) : NULL;
        int64_t first = json_int(range, "startPort", PORT_FIRST), last = json_int(range, "endPort", PORT_LAST);
        bool valid = first >= 1 && last < PORTS && first <= last;
        *p = (struct pool) { .first = valid ? (unsigned) first : PORT_FIRST, .last = valid ? (unsigned) last : PORT_LAST };
        const struct records *l = world_of_account(c->world, T_service, s->account_id);
        for (size_t i = 0; i < l->n; i++)
                each_spec_of(l->v[i], note_used, p);
        l = world_of_account(c->world, T_instance, s->account_id);
        for (size_t i = 0; i < l->n; i++) {             /* containers of no service: their own ports */
                struct json_object *own = record_json(l->v[i], F_ports);
                for (size_t k = 0; own && k < json_object_array_length(own); k++) {
                        struct portspec spec;
                        const char *text = json_object_get_string(json_object_array_get_idx(own, k));
                        if (text && portspec_parse(text, &spec, NULL) == 0)
                                note_used(p, &spec);
                }
        }
}

/* One free port, from a drawn place onwards: there is one, the caller has counted. */
static unsigned draw(struct core *c, struct pool *p) {
        unsigned n = p->last - p->first + 1, at = (unsigned) rng_below(&c->rng, n);
        while (is_used(p, p->first + at))
                at = (at + 1) % n;
        use(p, p->first + at);
        return p->first + at;
}

static void give(struct core *c, struct pool *p, struct json_object *lc) {
        struct json_object *ports = json_get_array(lc, "ports");
        for (size_t i = 0; ports && i < json_object_array_length(ports); i++) {
                struct portspec spec;
                char text[PORTSPEC_CHARS_MAX + 1];
                const char *old = json_object_get_string(json_object_array_get_idx(ports, i));
                if (!old || portspec_parse(old, &spec, NULL) < 0 || spec.public_port)
                        continue;
                spec.public_port = (uint16_t) draw(c, p);
                portspec_format(&spec, text);
                json_object_array_put_idx(ports, i, json_object_new_string(text));
        }
}

static int assign(struct core *c, struct record *s, struct dr_error *err) {
        unsigned needed = 0, available = 0;
        each_spec_of(s, count_needed, &needed);
        if (!needed)
                return 0;
        auto_free struct pool *p = dr_xnew(struct pool);
        read_pool(c, s, p);
        for (unsigned port = p->first; port <= p->last; port++)
                available += !is_used(p, port);
        if (needed > available)
                return dr_fail(err, DR_E_CONFLICT, "ports", "Not enough environment ports to create service. Needed: %u, available: %u", needed, available);
        AUTO(json_free) struct json_object *lc = record_json(s, F_launchConfig) ? json_copy(record_json(s, F_launchConfig)) : NULL;
        AUTO(json_free) struct json_object *secondaries = record_json(s, F_secondaryLaunchConfigs) ? json_copy(record_json(s, F_secondaryLaunchConfigs)) : NULL;
        if (lc) {
                give(c, p, lc);
                core_put(c, s, F_launchConfig, value_json(lc));
        }
        for (size_t i = 0; secondaries && i < json_object_array_length(secondaries); i++)
                give(c, p, json_object_array_get_idx(secondaries, i));
        if (secondaries)
                core_put(c, s, F_secondaryLaunchConfigs, value_json(secondaries));
        return 0;
}

enum step service_create_with_ports(struct core *c, struct record *s, struct run *run, struct step_ctx *ctx) {
        if (s->kind != T_loadBalancerService && assign(c, s, &ctx->err) < 0)
                return STEP_RETRY;      /* stays registering and says why */
        return service_create(c, s, run, ctx);
}
