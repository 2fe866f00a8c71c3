/* What opens a stream to a host: its engine's socket, its figures and those of its containers; and the same for all hosts of an environment
 * (spec api.md 5.3, 5.4; agent.md 14). */
#include "server/api/access.h"
#include "server/api/host_grant.h"
#include "types.h"

enum { CONTAINER_IDS_MAX = 32 };        /* more would make an address that is too long; the stream looks itself */

int host_access_action(struct api_req *req, struct record *r, const struct action_def *a, struct field_values *in, struct dr_error *err) {
        if (!str_eq(a->name, "dockersocket"))
                return -ENOSYS;
        int k = host_grant_check(req, r, err);
        return k < 0 ? k : host_grant_reply(req, &(struct host_grant) { .type = T_hostAccess, .path = "/v1/dockersocket/", .host = r }, err);
}

static struct json_object *container_ids(struct api_req *req, const struct record *host) {
        const struct records *l = world_by_int(api_world(req), T_instance, F_hostId, host->id);
        struct json_object *ids = json_object_new_object();
        for (size_t i = 0; i < l->n; i++) {
                char id[ID_TEXT_MAX];
                if (l->v[i]->state == S_running && json_object_object_length(ids) < CONTAINER_IDS_MAX)
                        json_set_str(ids, host_grant_container(req, l->v[i]), id_format(req->version, T_instance, l->v[i]->id, id));
        }
        return ids;
}

/* stats (deprecated), hostStats, containerStats. */
int host_access_link(struct api_req *req, struct record *r, const struct link_def *l, struct dr_error *err) {
        static const struct { const char *link, *path; bool containers; } rows[] = {
                { "stats", "/v1/stats/", false }, { "hostStats", "/v1/hoststats", false }, { "containerStats", "/v1/containerstats", true },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                if (!str_eq(rows[i].link, l->name))
                        continue;
                int k = host_grant_check(req, r, err);
                if (k < 0)
                        return k;
                char id[ID_TEXT_MAX];
                AUTO(json_free) struct json_object *claims = json_object_new_object();
                json_set_str(claims, "resourceId", id_format(req->version, T_host, r->id, id));
                if (rows[i].containers)
                        json_set(claims, "containerIds", container_ids(req, r));
                return host_grant_reply(req, &(struct host_grant) { .type = T_statsAccess, .path = rows[i].path, .claims = claims, .host = r }, err);
        }
        return -ENOSYS;
}

/* All active hosts of an environment, looked up when the stream opens. */
int project_access_link(struct api_req *req, struct record *r, const struct link_def *l, struct dr_error *err) {
        if (!str_eq(l->name, "hostStats"))
                return -ENOSYS;
        char id[ID_TEXT_MAX];
        AUTO(json_free) struct json_object *claims = json_object_new_object();
        json_set_str(claims, "project", id_format(req->version, T_account, r->id, id));
        return host_grant_reply(req, &(struct host_grant) { .type = T_statsAccess, .path = "/v1/hoststats/project/", .claims = claims }, err);
}
