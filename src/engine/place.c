#include "place.h"

#include "formats/json.h"
#include "formats/portspec.h"
#include "model/launch.h"

#include <stdio.h>
#include <strings.h>

enum what { HOST_LABEL, CONTAINER_LABEL, CONTAINER };
enum { TEXT_MAX = 256, CONSTRAINTS_MAX = 64 };

struct constraint {
        enum what what;
        bool not, soft, dropped;
        char key[TEXT_MAX], value[TEXT_MAX];
};
struct constraints { struct constraint v[CONSTRAINTS_MAX]; size_t n; };

static void lower(char *s) {
        for (; *s; s++)
                if (*s >= 'A' && *s <= 'Z')
                        *s = (char) (*s + 32);
}

/* ${stack_name}, ${project_name} and ${service_name} from the container's own names (3.4). */
static void expand(const char *in, const struct record *i, char *out, size_t n) {
        char stack[128] = "", service[128] = "";
        if (i)
                launch_names(i, stack, service, sizeof stack);
        const struct { const char *macro, *value; } macros[] = {
                { "${stack_name}", stack }, { "${project_name}", stack }, { "${service_name}", service },
        };
        size_t k = 0;
        while (*in && k + 1 < n) {
                bool hit = false;
                for (size_t m = 0; m < ARRAY_LEN(macros) && !hit; m++)
                        if (str_starts(in, macros[m].macro)) {
                                k += (size_t) snprintf(out + k, n - k, "%s", macros[m].value);
                                k = MIN(k, n - 1);
                                in += strlen(macros[m].macro);
                                hit = true;
                        }
                if (!hit)
                        out[k++] = *in++;
        }
        out[k] = 0;
        lower(out);
}

static void add(struct constraints *cs, enum what what, bool not, bool soft, const char *key, const char *value) {
        if (cs->n == CONSTRAINTS_MAX)
                return;
        struct constraint *c = &cs->v[cs->n++];
        *c = (struct constraint) { .what = what, .not = not, .soft = soft };
        snprintf(c->key, sizeof c->key, "%s", key);
        snprintf(c->value, sizeof c->value, "%s", value);
}

static const struct { const char *suffix; enum what what; bool not, soft; } kinds[] = {
        { "host_label", HOST_LABEL, false, false }, { "host_label_ne", HOST_LABEL, true, false },
        { "host_label_soft", HOST_LABEL, false, true }, { "host_label_soft_ne", HOST_LABEL, true, true },
        { "container_label", CONTAINER_LABEL, false, false }, { "container_label_ne", CONTAINER_LABEL, true, false },
        { "container_label_soft", CONTAINER_LABEL, false, true }, { "container_label_soft_ne", CONTAINER_LABEL, true, true },
        { "container", CONTAINER, false, false }, { "container_ne", CONTAINER, true, false },
        { "container_soft", CONTAINER, false, true }, { "container_soft_ne", CONTAINER, true, true },
};
static const char prefix[] = "io.rancher.scheduler.affinity:";

/* A service name without its stack means one of the same stack (3.4). */
static void qualify(const struct record *i, char *key, char *value, size_t n) {
        bool named = str_eq(key, "io.rancher.stack_service.name") || str_eq(key, "io.rancher.project_service.name");
        if (!named || strchr(value, '/') || !i)
                return;
        char stack[128], service[128], whole[TEXT_MAX];
        launch_names(i, stack, service, sizeof stack);
        char *slash = strchr(service, '/');
        const char *lc = "";
        if (slash) {
                *slash = 0;
                lc = strcasecmp(service, value) == 0 ? slash + 1 : "";
        }
        snprintf(whole, sizeof whole, "%s/%s%s%s", stack, value, *lc ? "/" : "", lc);
        lower(whole);
        snprintf(value, n, "%s", whole);
        snprintf(key, n, "io.rancher.stack_service.name");
}

static void from_label(struct constraints *cs, const struct record *i, const char *label, const char *text) {
        char key[TEXT_MAX], all[1024];
        snprintf(key, sizeof key, "%s", label);
        lower(key);
        if (!str_starts(key, prefix))
                return;
        size_t k = 0;
        while (k < ARRAY_LEN(kinds) && !str_eq(kinds[k].suffix, key + strlen(prefix)))
                k++;
        if (k == ARRAY_LEN(kinds))
                return;
        expand(text, i, all, sizeof all);
        char *save = NULL;
        for (char *e = strtok_r(all, ",", &save); e; e = strtok_r(NULL, ",", &save)) {
                if (kinds[k].what == CONTAINER) {
                        add(cs, CONTAINER, kinds[k].not, kinds[k].soft, "", e);
                        continue;
                }
                char name[TEXT_MAX], value[TEXT_MAX] = "";
                char *eq = strchr(e, '=');
                if (eq) {
                        *eq++ = 0;
                        snprintf(value, sizeof value, "%.*s", (int) strcspn(eq, "="), eq);
                }
                snprintf(name, sizeof name, "%s", e);
                if (kinds[k].what == CONTAINER_LABEL)
                        qualify(i, name, value, sizeof value);
                if (eq)
                        add(cs, kinds[k].what, kinds[k].not, kinds[k].soft, name, value);
                else if (!kinds[k].not)         /* without "=": never satisfied for must and should */
                        add(cs, kinds[k].what, false, kinds[k].soft, name, "\001");
        }
}

/* "constraint:label==value" and "affinity:container==name" as keys of the environment (Swarm's form). */
static void from_environment(struct constraints *cs, const struct record *i, const char *entry) {
        static const struct { const char *op; bool not, soft; } ops[] = {
                { "!=~", true, true }, { "==~", false, true }, { "!=", true, false }, { "==", false, false },
        };
        bool host = str_starts(entry, "constraint:");
        if (!host && !str_starts(entry, "affinity:"))
                return;
        char text[TEXT_MAX];
        expand(strchr(entry, ':') + 1, i, text, sizeof text);
        for (size_t k = 0; k < ARRAY_LEN(ops); k++) {
                char *at = strstr(text, ops[k].op);
                if (!at)
                        continue;
                *at = 0;
                const char *value = at + strlen(ops[k].op);
                if (host)
                        add(cs, HOST_LABEL, ops[k].not, ops[k].soft, text, value);
                else if (str_eq(text, "container"))
                        add(cs, CONTAINER, ops[k].not, ops[k].soft, "", value);
                else
                        add(cs, CONTAINER_LABEL, ops[k].not, ops[k].soft, text, value);
                return;
        }
}

static void collect(struct constraints *cs, const struct record *i) {
        struct json_object *labels = launch_json(i, "labels"), *env = launch_json(i, "environment");
        if (labels) {
                json_object_object_foreach(labels, key, v)
                        if (strncasecmp(key, prefix, strlen(prefix)) == 0 && v)
                                from_label(cs, i, key, json_object_get_string(v));
        }
        if (env && json_object_is_type(env, json_type_object)) {
                json_object_object_foreach(env, name, value) {
                        (void) value;
                        from_environment(cs, i, name);
                }
        }
}

static bool host_has_label(const struct record *host, const char *key, const char *value) {
        struct json_object *labels = record_json(host, F_labels);
        if (labels) {
                json_object_object_foreach(labels, k, v)
                        if (strcasecmp(k, key) == 0 && strcasecmp(v ? json_object_get_string(v) : "", value) == 0)
                                return true;
        }
        return false;
}

static bool counts(const struct record *i) {    /* not removed and not in error; set aside by an upgrade does not count */
        switch (i->state) {
        case S_removing: case S_removed: case S_purging: case S_purged: case S_error: case S_erroring:
                return false;
        default:
                return !record_bool(i, F_upgradeSetAside);
        }
}

static bool container_matches(const struct world *w, const struct record *i, const struct constraint *c) {
        if (c->what == CONTAINER) {
                char uuid[RECORD_UUID_MAX];
                return strcasecmp(record_name(i), c->value) == 0 || strcasecmp(record_uuid(i, uuid), c->value) == 0;
        }
        (void) w;
        char buf[160];
        const char *v = launch_label(i, c->key, buf, sizeof buf);
        if (!v && (str_eq(c->key, "io.rancher.container.name")))
                v = record_name(i);
        if (!v) {                               /* keys compare without case */
                struct json_object *labels = launch_json(i, "labels");
                if (labels) {
                        json_object_object_foreach(labels, k, o)
                                if (strcasecmp(k, c->key) == 0)
                                        v = o ? json_object_get_string(o) : "";
                }
        }
        return v && strcasecmp(v, c->value) == 0;
}

static bool holds(const struct place_request *req, const struct constraint *c, const struct record *host) {
        if (c->what == HOST_LABEL)
                return host_has_label(host, c->key, c->value) != c->not;
        const struct records *l = world_by_int(req->world, T_instance, F_hostId, host->id);
        bool found = false;
        for (size_t k = 0; k < l->n && !found; k++) {
                bool own = false;               /* members of the unit being placed do not count against themselves */
                for (size_t m = 0; m < req->instances.n; m++)
                        own |= req->instances.v[m] == l->v[k];
                found = !own && counts(l->v[k]) && container_matches(req->world, l->v[k], c);
        }
        return found != c->not;
}

bool place_host_labels_match(struct json_object *labels, const struct record *host) {
        struct constraints cs = { .n = 0 };
        if (labels) {
                json_object_object_foreach(labels, key, v)
                        if (v)
                                from_label(&cs, NULL, key, json_object_get_string(v));
        }
        for (size_t k = 0; k < cs.n; k++)
                if (cs.v[k].what == HOST_LABEL && host_has_label(host, cs.v[k].key, cs.v[k].value) == cs.v[k].not)
                        return false;
        return true;
}

/* ---- ports (3.6) ---- */
enum { PORTS_MAX = 256 };
struct ports { struct portspec v[PORTS_MAX]; size_t n; };

static void add_ports(struct ports *ps, const struct record *i) {
        struct json_object *list = launch_json(i, "ports");
        for (size_t k = 0; list && k < json_object_array_length(list); k++) {
                struct portspec p;
                const char *s = json_object_get_string(json_object_array_get_idx(list, k));
                if (s && ps->n < PORTS_MAX && portspec_parse(s, &p, NULL) == 0 && p.public_port)
                        ps->v[ps->n++] = p;
        }
}

static bool same_port(const struct portspec *a, const struct portspec *b) {
        return a->public_port == b->public_port && a->protocol == b->protocol && str_eq(a->ip, b->ip);
}

static bool ports_free(const struct place_request *req, const struct ports *want, const struct record *host) {
        if (!want->n)
                return true;
        const struct records *l = world_by_int(req->world, T_instance, F_hostId, host->id);
        for (size_t k = 0; k < l->n; k++) {
                const struct record *i = l->v[k];
                if (i->state != S_starting && i->state != S_restarting && i->state != S_running && i->state != S_stopping)
                        continue;       /* one set aside by an upgrade lets go of its ports when it has stopped, not before */
                bool own = false;
                for (size_t m = 0; m < req->instances.n; m++)
                        own |= req->instances.v[m] == i;
                if (own || !launch_json(i, "ports"))
                        continue;
                struct ports has = { .n = 0 };
                add_ports(&has, i);
                for (size_t a = 0; a < has.n; a++)
                        for (size_t b = 0; b < want->n; b++)
                                if (same_port(&has.v[a], &want->v[b]))
                                        return false;
        }
        return true;
}

static int ports_wanted(const struct place_request *req, struct ports *ret, struct dr_error *err) {
        ret->n = 0;
        for (size_t m = 0; m < req->instances.n; m++)
                add_ports(ret, req->instances.v[m]);
        for (size_t a = 0; a < ret->n; a++)
                for (size_t b = 0; b < a; b++)
                        if (same_port(&ret->v[a], &ret->v[b]))
                                return dr_fail(err, DR_E_INVALID_OPTION, "ports", "Port %u/%s requested more than once.", ret->v[a].public_port,
                                               port_protocol_to_string(ret->v[a].protocol));
        return 0;
}

/* ---- which host ---- */
static int bound_host(const struct place_request *req, int64_t *ret, struct dr_error *err) {
        int64_t host = 0;
        for (size_t m = 0; m < req->instances.n; m++) {
                int64_t h = record_int(req->instances.v[m], F_hostId);
                if (h && host && h != host)
                        return dr_fail(err, DR_E_INVALID_OPTION, NULL, "Instances to allocate assigned to different hosts.");
                host = h ? h : host;
        }
        for (size_t m = 0; m < req->instances.n && !host; m++) {        /* volumes and network of containers outside the unit (3.5) */
                const struct record *i = req->instances.v[m];
                const struct record *from = world_get(req->world, T_instance, record_int(i, F_networkFromId));
                struct json_object *ids = record_json(i, F_volumesFromIds);
                if (from && record_int(from, F_hostId))
                        host = record_int(from, F_hostId);
                for (size_t k = 0; ids && !host && k < json_object_array_length(ids); k++) {
                        from = world_get(req->world, T_instance, json_object_get_int64(json_object_array_get_idx(ids, k)));
                        if (from)
                                host = record_int(from, F_hostId);
                }
        }
        *ret = host;
        return 0;
}

static int requested_host(const struct place_request *req, int64_t *ret, struct dr_error *err) {
        int64_t host = 0;
        for (size_t m = 0; m < req->instances.n; m++) {
                const struct record *i = req->instances.v[m];
                int64_t h = record_int(i, F_globalHostId);
                if (!h)
                        h = record_int(i, F_requestedHostId);
                if (!h)
                        h = json_int(record_json(i, F_launchConfigText), "requestedHostId", 0);
                if (h && host && h != host)
                        return dr_fail(err, DR_E_INVALID_OPTION, "requestedHostId",
                                       "Instances to allocate have conflicting requested host ids.");
                host = h ? h : host;
        }
        *ret = host;
        return 0;
}

static void describe(const struct constraint *c, char *buf, size_t n) {
        static const char *const kind[] = { [HOST_LABEL] = "needs host with label", [CONTAINER_LABEL] = "host must%s have a container with label",
                                            [CONTAINER] = "host must%s have a container with name or uuid" };
        char head[96];
        snprintf(head, sizeof head, kind[c->what], c->not ? " not" : "");
        if (c->what == HOST_LABEL)
                snprintf(buf, n, "%s %s%s: %s", head, c->key, c->not ? "_ne" : "", c->value[0] == 1 ? "" : c->value);
        else if (c->what == CONTAINER_LABEL)
                snprintf(buf, n, "%s %s=%s", head, c->key, c->value[0] == 1 ? "" : c->value);
        else
                snprintf(buf, n, "%s %s", head, c->value);
}

/* "sim:" images run on simulated hosts only (spec simulator.md). */
static bool kind_fits(const struct place_request *req, const struct record *host) {
        for (size_t m = 0; m < req->instances.n; m++) {
                const char *image = launch_str(req->instances.v[m], "imageUuid");
                if (image && str_starts(image, "sim:") && !str_eq(record_str(host, F_kind), "sim"))
                        return false;
        }
        return true;
}

struct candidate { struct record *host; size_t load; uint64_t draw; };

static bool less_loaded(const struct candidate *x, const struct candidate *y) {
        return x->load != y->load ? x->load < y->load : x->draw < y->draw;
}

static int by_load(const void *a, const void *b) { return less_loaded(a, b) ? -1 : less_loaded(b, a); }

/* Ordered as far as it was asked for: mostly the first one does. v[0..sorted) are in order, the rest are not before them. */
struct candidates { struct candidate *v; size_t n, cap, sorted; };

static struct candidate *candidate_at(struct candidates *cs, size_t k) {
        enum { PICKED_MAX = 8 };
        if (k >= cs->sorted && cs->sorted >= PICKED_MAX) {
                qsort(cs->v + cs->sorted, cs->n - cs->sorted, sizeof *cs->v, by_load);
                cs->sorted = cs->n;
        }
        for (; cs->sorted <= k; cs->sorted++) {
                struct candidate *first = &cs->v[cs->sorted], *best = first;
                for (struct candidate *x = first + 1; x < cs->v + cs->n; x++)
                        if (less_loaded(x, best))
                                best = x;
                struct candidate t = *first;
                *first = *best;
                *best = t;
        }
        return &cs->v[k];
}

int place_unit(const struct place_request *req, struct record **ret_host, struct dr_error *err) {
        assert(req->instances.n);
        int64_t bound = 0, requested = 0;
        struct ports ports;
        int r = bound_host(req, &bound, err);
        if (r == 0)
                r = requested_host(req, &requested, err);
        if (r == 0)
                r = ports_wanted(req, &ports, err);
        if (r < 0)
                return r;
        if (requested) {                        /* only that one, whatever its state; labels and ports are not looked at (3.3) */
                struct record *h = world_get(req->world, T_host, requested);
                if (!h || (bound && bound != requested))
                        return dr_fail(err, DR_E_INVALID_OPTION, "requestedHostId", "valid host(s) [%lld]", (long long) (bound ? bound : requested));
                *ret_host = h;
                return 0;
        }
        struct constraints cs = { .n = 0 };
        for (size_t m = 0; m < req->instances.n; m++)
                collect(&cs, req->instances.v[m]);
        const struct records *hosts = world_of_account(req->world, T_host, req->instances.v[0]->account_id);
        struct candidates cand = { .n = 0 };
        for (size_t k = 0; k < hosts->n; k++) {
                struct record *h = hosts->v[k];
                if ((bound && h->id != bound) || !req->usable(req->arg, h) || !kind_fits(req, h))
                        continue;
                vec_push(&cand, ((struct candidate) { h, world_by_int(req->world, T_instance, F_hostId, h->id)->n, rng_u64(req->rng) }));
        }
        if (!cand.n) {
                vec_done(&cand);
                return bound ? dr_fail(err, DR_E_UNAVAILABLE, NULL, "valid host(s) [%lld]", (long long) bound)
                             : dr_fail(err, DR_E_UNAVAILABLE, NULL, "No healthy hosts with sufficient resources available");
        }
        for (;;) {
                size_t best_hard = SIZE_MAX, best_soft = SIZE_MAX, best = 0;
                for (size_t k = 0; k < cand.n; k++) {
                        const struct candidate *at = candidate_at(&cand, k);
                        size_t hard = !ports_free(req, &ports, at->host), soft = 0;
                        for (size_t m = 0; m < cs.n; m++)
                                if (!cs.v[m].dropped && !holds(req, &cs.v[m], at->host))
                                        (*(cs.v[m].soft ? &soft : &hard))++;
                        if (!hard && !soft) {
                                *ret_host = at->host;
                                vec_done(&cand);
                                return 0;
                        }
                        if (hard < best_hard || (hard == best_hard && soft < best_soft)) {
                                best_hard = hard;
                                best_soft = soft;
                                best = k;
                        }
                }
                struct constraint *drop = NULL; /* one soft that failed on the nearest candidate, then look again (3.8) */
                for (size_t m = 0; m < cs.n && !drop; m++)
                        if (cs.v[m].soft && !cs.v[m].dropped && !holds(req, &cs.v[m], cand.v[best].host))
                                drop = &cs.v[m];
                if (drop) {
                        drop->dropped = true;
                        continue;
                }
                char text[400] = "";
                if (!ports_free(req, &ports, cand.v[best].host)) {
                        snprintf(text, sizeof text, "host needs ports ");
                        for (size_t a = 0; a < ports.n; a++)
                                snprintf(text + strlen(text), sizeof text - strlen(text), "%s%u/%s", a ? ", " : "", ports.v[a].public_port,
                                         port_protocol_to_string(ports.v[a].protocol));
                        snprintf(text + strlen(text), sizeof text - strlen(text), " available");
                }
                for (size_t m = 0; m < cs.n; m++)
                        if (!cs.v[m].dropped && !holds(req, &cs.v[m], cand.v[best].host)) {
                                char one[TEXT_MAX * 2 + 100];
                                describe(&cs.v[m], one, sizeof one);
                                snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s", *text ? ", " : "", one);
                        }
                vec_done(&cand);
                return dr_fail(err, DR_E_UNAVAILABLE, NULL, "%s", text);
        }
}
