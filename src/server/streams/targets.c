#include "targets.h"

#include "base/parse.h"
#include "core/hosts.h"
#include "model/ids.h"

enum { TARGETS_MAX = 4096 };

void stream_targets_done(struct stream_targets *t) {
        for (size_t i = 0; i < t->n; i++)
                json_object_put(t->v[i].data);
        vec_done(t);
}

static struct json_object *add(struct stream_targets *t, const struct record *host, const char *kind) {
        struct json_object *data = json_object_new_object();
        vec_push(t, ((struct stream_target) { host, kind, data }));
        return data;
}

static int other_token(struct dr_error *err) { return dr_fail(err, DR_E_UNAUTHORIZED, NULL, "the token is for something else"); }

/* The connected host that the token is for. */
static int host_of(struct core *c, const struct json_object *claims, const struct record **ret, struct dr_error *err) {
        const char *uuid = json_str(claims, "hostUuid", "");
        const struct records *l = world_by_str(core_world(c), T_host, F_reportedUuid, uuid);
        for (size_t i = 0; *uuid && i < l->n; i++)
                if (!l->v[i]->removed_ms && hosts_connected(c, l->v[i])) {
                        *ret = l->v[i];
                        return 0;
                }
        return dr_fail(err, DR_E_UNAUTHORIZED, NULL, "the token's host is not connected");
}

static bool is_on(const struct record *i, const struct record *host) { return i && !i->removed_ms && record_int(i, F_hostId) == host->id; }

/* A container of this host by its Docker id, or its uuid. NULL: gone. */
static const struct record *container_of_host(struct core *c, const struct record *host, const char *id) {
        const struct records *l = world_by_str(core_world(c), T_instance, F_externalId, id);
        for (size_t i = 0; i < l->n; i++)
                if (is_on(l->v[i], host))
                        return l->v[i];
        const struct record *i = world_by_uuid(core_world(c), T_instance, id);
        return is_on(i, host) ? i : NULL;
}

/* The one target of a claim that names a container. */
static int container_target(struct core *c, const struct json_object *claims, const char *claim, const char *key, const char *kind,
                            struct stream_targets *ret, struct json_object **ret_claim, struct json_object **ret_data, struct dr_error *err) {
        struct json_object *o = json_get_object(claims, claim);
        const struct record *host;
        char uuid[RECORD_UUID_MAX];
        if (!o)
                return other_token(err);
        int r = host_of(c, claims, &host, err);
        if (r < 0)
                return r;
        const struct record *i = container_of_host(c, host, json_str(o, key, ""));
        if (!i)
                return dr_fail(err, DR_E_NOT_FOUND, NULL, "the container is gone from its host");
        *ret_claim = o;
        *ret_data = add(ret, host, kind);
        json_set_str(*ret_data, "container", str_or(record_str(i, F_externalId), ""));
        json_set_str(*ret_data, "uuid", record_uuid(i, uuid));
        return 0;
}

static int logs_find(struct core *c, const struct json_object *claims, const char *rest, struct stream_targets *ret, struct dr_error *err) {
        struct json_object *o, *d;
        int r = container_target(c, claims, "logs", "Container", "logs", ret, &o, &d, err);
        if (r < 0)
                return r;
        json_set_int(d, "lines", json_int(o, "Lines", 100));
        json_set_bool(d, "follow", json_bool(o, "Follow", true));
        json_set_bool(d, "timestamps", json_bool(o, "Timestamps", true));
        json_set_str(d, "since", json_str(o, "Since", ""));
        return 0;
}

static int exec_find(struct core *c, const struct json_object *claims, const char *rest, struct stream_targets *ret, struct dr_error *err) {
        struct json_object *o, *d;
        int r = container_target(c, claims, "exec", "Container", "exec", ret, &o, &d, err);
        if (r < 0)
                return r;
        json_set_bool(d, "attachStdin", json_bool(o, "AttachStdin", true));
        json_set_bool(d, "attachStdout", json_bool(o, "AttachStdout", true));
        json_set_bool(d, "tty", json_bool(o, "Tty", true));
        json_set(d, "cmd", json_copy(json_get_array(o, "Cmd")));
        return 0;
}

static int console_find(struct core *c, const struct json_object *claims, const char *rest, struct stream_targets *ret, struct dr_error *err) {
        struct json_object *o, *d;
        return container_target(c, claims, "console", "container", "console", ret, &o, &d, err);
}

/* The token has no claim of its own: it must have none of the others. */
static int socket_find(struct core *c, const struct json_object *claims, const char *rest, struct stream_targets *ret, struct dr_error *err) {
        static const char *const others[] = { "logs", "exec", "console", "proxy", "containerIds", "resourceId", "project", "service" };
        const struct record *host;
        for (size_t i = 0; i < ARRAY_LEN(others); i++)
                if (json_has(claims, others[i]))
                        return other_token(err);
        int r = host_of(c, claims, &host, err);
        if (r == 0)
                (void) add(ret, host, "dockerSocket");
        return r;
}

/* ---- figures ---- */
static void add_container(struct json_object *data, const struct record *i) {
        char id[ID_TEXT_MAX], uuid[RECORD_UUID_MAX];
        struct json_object *all = json_get_object(data, "containers");
        const char *docker_id = record_str(i, F_externalId);
        if (!all)
                json_set(data, "containers", all = json_object_new_object());
        json_set_str(all, docker_id && *docker_id ? docker_id : record_uuid(i, uuid), id_format(API_V2_BETA, T_instance, i->id, id));
}

/* One container when the path names it, else all that run on the host now. */
static int containers_find(struct core *c, const struct json_object *claims, const char *rest, bool raw, struct stream_targets *ret, struct dr_error *err) {
        struct json_object *ids = json_get_object(claims, "containerIds");
        const struct record *host, *one = NULL;
        if (!ids || (*rest && !json_has(ids, rest)))
                return other_token(err);
        int r = host_of(c, claims, &host, err);
        if (r < 0)
                return r;
        bool whole_host = !*rest && json_has(claims, "resourceId");
        if (!*rest && !whole_host) {            /* the path's id was left out: the token has one */
                json_object_object_foreach(ids, key, v) {
                        (void) v;
                        rest = key;
                }
        }
        if (!whole_host && !(one = container_of_host(c, host, rest)))
                return dr_fail(err, DR_E_NOT_FOUND, NULL, "the container is gone from its host");
        struct json_object *data = add(ret, host, "containerStats");
        json_set(data, "containers", json_object_new_object());
        json_set_bool(data, "raw", raw);
        if (one)
                add_container(data, one);
        const struct records *l = world_by_int(core_world(c), T_instance, F_hostId, host->id);
        for (size_t i = 0; whole_host && i < l->n; i++)
                if (l->v[i]->state == S_running)
                        add_container(data, l->v[i]);
        return 0;
}

static struct json_object *target_of_host(struct stream_targets *t, const struct record *host) {
        for (size_t i = 0; i < t->n; i++)
                if (t->v[i].host == host)
                        return t->v[i].data;
        if (t->n == TARGETS_MAX)
                return NULL;
        struct json_object *data = add(t, host, "containerStats");
        json_set_bool(data, "raw", false);
        return data;
}

/* All running containers of a service: a stream for each host that has some. */
static int service_find(struct core *c, const char *service, struct stream_targets *ret, struct dr_error *err) {
        int64_t id;
        if (id_decode_number(service, strlen(service), false, &id) < 0)
                return other_token(err);
        const struct records *l = world_by_int(core_world(c), T_instance, F_serviceId, id);
        for (size_t i = 0; i < l->n; i++) {
                const struct record *host = world_get(core_world(c), T_host, record_int(l->v[i], F_hostId));
                struct json_object *data = l->v[i]->state == S_running && host && hosts_connected(c, host) ? target_of_host(ret, host) : NULL;
                if (data)
                        add_container(data, l->v[i]);
        }
        return 0;
}

static void add_host_stats(struct stream_targets *ret, const struct record *host) {
        char id[ID_TEXT_MAX];
        json_set_str(add(ret, host, "hostStats"), "resourceId", id_format(API_V2_BETA, T_host, host->id, id));
}

static int project_find(struct core *c, const char *project, struct stream_targets *ret, struct dr_error *err) {
        int64_t id;
        if (id_decode_number(project, strlen(project), false, &id) < 0)
                return other_token(err);
        const struct records *l = world_of_account(core_world(c), T_host, id);
        for (size_t i = 0; i < l->n && ret->n < TARGETS_MAX; i++)
                if (host_usable(c, l->v[i]) && hosts_connected(c, l->v[i]))
                        add_host_stats(ret, l->v[i]);
        return 0;
}

static int host_stats_find(struct core *c, const struct json_object *claims, const char *rest, struct stream_targets *ret, struct dr_error *err) {
        const struct record *host;
        if (str_eq(rest, "project"))
                return json_has(claims, "project") ? project_find(c, json_str(claims, "project", ""), ret, err) : other_token(err);
        if (!json_has(claims, "resourceId") || json_has(claims, "containerIds"))
                return other_token(err);
        int r = host_of(c, claims, &host, err);
        if (r == 0)
                add_host_stats(ret, host);
        return r;
}

static int container_stats_find(struct core *c, const struct json_object *claims, const char *rest, struct stream_targets *ret, struct dr_error *err) {
        if (str_eq(rest, "service"))
                return json_has(claims, "service") ? service_find(c, json_str(claims, "service", ""), ret, err) : other_token(err);
        return containers_find(c, claims, rest, false, ret, err);
}

static int stats_find(struct core *c, const struct json_object *claims, const char *rest, struct stream_targets *ret, struct dr_error *err) {
        return json_has(claims, "containerIds") ? containers_find(c, claims, rest, true, ret, err) : host_stats_find(c, claims, rest, ret, err);
}

int stream_proxy_target(struct core *c, const struct json_object *claims, struct stream_targets *ret, struct dr_error *err) {
        struct json_object *o = NULL, *d = NULL;
        uint64_t port;
        int r = container_target(c, claims, "proxy", "Container", "tcp", ret, &o, &d, err);
        if (r < 0)
                return r;
        const char *colon = strrchr(json_str(o, "address", ""), ':');
        if (!colon || parse_u64(colon + 1, 65535, &port) < 0 || !port)
                return other_token(err);
        json_set_int(d, "port", (int64_t) port);
        return 0;
}

const struct stream_route *stream_route_get(const char *name) {
        static const struct stream_route routes[] = {
                { .name = "logs", .find = logs_find },
                { .name = "exec", .find = exec_find, .raw = true, .is_exec = true },
                { .name = "console", .find = console_find, .raw = true },
                { .name = "dockersocket", .find = socket_find, .raw = true },
                { .name = "stats", .find = stats_find },
                { .name = "hoststats", .find = host_stats_find },
                { .name = "containerstats", .find = container_stats_find },
        };
        for (size_t i = 0; i < ARRAY_LEN(routes); i++)
                if (str_eq(routes[i].name, name))
                        return &routes[i];
        return NULL;
}
