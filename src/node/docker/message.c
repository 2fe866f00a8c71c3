#include "message.h"

#include "base/parse.h"
#include "base/sbuf.h"
#include "base/times.h"
#include "base/vec.h"

#include <ctype.h>
#include <stdio.h>

enum { EVENT_BYTES_MAX = 1 << 20, BODY_BYTES_MAX = 8 << 20, AUTH_BYTES_MAX = 8192 };

static const char *const state_names[DOCKER_STATE_MAX] = { "created", "running", "paused", "restarting", "removing", "exited", "dead" };

const char *docker_state_to_string(enum docker_state s) { return (unsigned) s < DOCKER_STATE_MAX ? state_names[s] : NULL; }
int docker_state_from_string(const char *s) {
        for (int i = 0; i < DOCKER_STATE_MAX; i++)
                if (str_eq(s, state_names[i]))
                        return i;
        return -EINVAL;
}

static bool id_copy(char buf[DOCKER_ID_CHARS + 1], const char *id) {
        size_t n = strlen(id);
        if (n < 12 || n > DOCKER_ID_CHARS)
                return false;
        for (size_t i = 0; i < n; i++)
                if (!isxdigit((unsigned char) id[i]))
                        return false;
        memcpy(buf, id, n + 1);
        return true;
}

/* The engine's zero time is 0001-01-01T00:00:00Z. */
static int64_t time_of(const char *s) {
        int64_t ms;
        return time_parse_iso(s, &ms) == 0 && ms > 0 ? ms : 0;
}

static char *label_of(json_object *inspect, const char *key) {
        const char *s = jv_str(jv_obj(jv_obj(inspect, "Config"), "Labels"), key);
        return *s ? dr_xstrdup(s) : NULL;
}

/* Status text is missing in no engine we know, but the booleans are older: both are read. */
static enum docker_state state_of(json_object *state) {
        int s = docker_state_from_string(jv_str(state, "Status"));
        if (s >= 0)
                return (enum docker_state) s;
        return jv_bool(state, "Restarting") ? DOCKER_RESTARTING : jv_bool(state, "Paused") ? DOCKER_PAUSED
             : jv_bool(state, "Running") ? DOCKER_RUNNING : DOCKER_EXITED;
}

static const char *ip_of(json_object *net) {
        json_object *networks = jv_obj(net, "Networks");
        if (networks) {
                json_object_object_foreach(networks, name, endpoint) {
                        (void) name;
                        if (*jv_str(endpoint, "IPAddress"))
                                return jv_str(endpoint, "IPAddress");
                }
        }
        return jv_str(net, "IPAddress");
}

/* {"80/tcp": [{"HostIp": "0.0.0.0", "HostPort": "8080"}], "443/tcp": null} */
static void ports_of(json_object *net, struct docker_container *c) {
        VEC(struct docker_port) ports = { 0 };
        json_object *map = jv_obj(net, "Ports");
        if (map) {
                json_object_object_foreach(map, key, bindings) {
                        const char *slash = strchr(key, '/');
                        auto_free char *number = dr_xstrndup(key, slash ? (size_t) (slash - key) : strlen(key));
                        uint64_t private, public;
                        if (parse_u64(number, 65535, &private) < 0)
                                continue;
                        struct docker_port port = { .private = (unsigned) private };
                        snprintf(port.proto, sizeof port.proto, "%s", slash ? slash + 1 : "tcp");
                        if (jv_len(bindings) == 0)
                                vec_push(&ports, port);
                        for (size_t i = 0; i < jv_len(bindings); i++) {
                                struct docker_port bound = port;
                                json_object *b = jv_at(bindings, i);
                                snprintf(bound.ip, sizeof bound.ip, "%s", jv_str(b, "HostIp"));
                                bound.public = parse_u64(jv_str(b, "HostPort"), 65535, &public) == 0 ? (unsigned) public : 0;
                                vec_push(&ports, bound);
                        }
                }
        }
        c->ports = ports.v;
        c->n_ports = ports.n;
}

int docker_container_parse(json_object *inspect, struct docker_container *ret, struct dr_error *err) {
        struct docker_container c = { 0 };
        if (!id_copy(c.id, jv_str(inspect, "Id")))
                return dr_fail(err, DR_E_INVALID_BODY, NULL, "the engine describes a container without an id");
        json_object *state = jv_obj(inspect, "State"), *net = jv_obj(inspect, "NetworkSettings"), *mounts = jv_arr(inspect, "Mounts");
        const char *name = jv_str(inspect, "Name");
        c.name = dr_xstrdup(*name == '/' ? name + 1 : name);
        c.image = dr_xstrdup(jv_str(jv_obj(inspect, "Config"), "Image"));
        c.uuid = label_of(inspect, "io.rancher.container.uuid");
        c.environment = label_of(inspect, "io.rancher.environment.uuid");
        c.ip = dr_xstrdup(ip_of(net));
        c.error = dr_xstrdup(jv_str(state, "Error"));
        c.mounts = dr_xstrdup(mounts ? jv_print(mounts) : "[]");
        c.state = state_of(state);
        c.started_ms = time_of(jv_str(state, "StartedAt"));
        c.finished_ms = time_of(jv_str(state, "FinishedAt"));
        snprintf(c.started, sizeof c.started, "%s", jv_str(state, "StartedAt"));
        c.pid = (int) jv_i64(state, "Pid");
        auto_free char *wait = label_of(inspect, "io.rancher.cni.wait");
        c.cni = str_eq(wait, "true");
        c.exit_code = (int) jv_i64(state, "ExitCode");
        ports_of(net, &c);
        *ret = c;
        return 0;
}

void docker_container_done(struct docker_container *c) {
        free(c->name);
        free(c->image);
        free(c->uuid);
        free(c->environment);
        free(c->ip);
        free(c->error);
        free(c->mounts);
        free(c->ports);
        *c = (struct docker_container) { 0 };
}

int docker_event_parse(const char *buf, size_t len, struct docker_event *ret, struct dr_error *err) {
        AUTO(jv_put) json_object *o = jv_parse(buf, len, EVENT_BYTES_MAX, err);
        if (!o)
                return -EINVAL;
        const char *type = jv_str(o, "Type"), *action = jv_str(o, "Action"), *id = jv_str(jv_obj(o, "Actor"), "ID");
        if (!*action)                                   /* the form of before 1.22, still beside the new one up to 1.51 */
                action = jv_str(o, "status");
        if (!*id)
                id = jv_str(o, "id");
        struct docker_event e = { 0 };
        if ((*type && !str_eq(type, "container")) || !id_copy(e.id, id))
                return 0;
        snprintf(e.action, sizeof e.action, "%.*s", (int) MIN(strcspn(action, ": "), sizeof e.action - 1), action);
        *ret = e;
        return 1;
}

int docker_progress_parse(const char *buf, size_t len, struct docker_progress *ret, struct dr_error *err) {
        AUTO(jv_put) json_object *o = jv_parse(buf, len, EVENT_BYTES_MAX, err);
        if (!o)
                return -EINVAL;
        struct docker_progress p = { .percent = -1 };
        json_object *detail = jv_obj(o, "progressDetail");
        int64_t current = jv_i64(detail, "current"), total = jv_i64(detail, "total");
        if (total > 0 && current >= 0 && current <= total && total < INT64_MAX / 100)
                p.percent = (int) (current * 100 / total);
        const char *id = jv_str(o, "id"), *status = *jv_str(o, "status") ? jv_str(o, "status") : jv_str(o, "stream");     /* builds say "stream" */
        snprintf(p.text, sizeof p.text, "%s%s%.*s", id, *id ? ": " : "", (int) strcspn(status, "\n"), status);
        const char *error = jv_str(jv_obj(o, "errorDetail"), "message");
        snprintf(p.error, sizeof p.error, "%s", *error ? error : jv_str(o, "error"));
        *ret = p;
        return 0;
}

int docker_version_parse(const char *buf, size_t len, struct docker_version *ret, struct dr_error *err) {
        AUTO(jv_put) json_object *o = jv_parse(buf, len, BODY_BYTES_MAX, err);
        if (!o)
                return -EINVAL;
        struct docker_version v = { 0 };
        snprintf(v.version, sizeof v.version, "%s", jv_str(o, "Version"));
        snprintf(v.build, sizeof v.build, "%s", jv_str(o, "GitCommit"));
        snprintf(v.api, sizeof v.api, "%s", jv_str(o, "ApiVersion"));
        snprintf(v.min_api, sizeof v.min_api, "%s", jv_str(o, "MinAPIVersion"));
        *ret = v;
        return 0;
}

/* "1.41" to 41; major 1 is the only one there ever was. */
static int minor_of(const char *s) {
        uint64_t minor;
        return str_starts(s, "1.") && parse_u64(s + 2, 9999, &minor) == 0 ? (int) minor : -EINVAL;
}

int docker_api_choose(const char *api, const char *min, struct dr_error *err) {
        int highest = minor_of(api), lowest = *min ? minor_of(min) : DOCKER_API_MIN;
        if (highest < 0 || lowest < 0)
                return dr_fail(err, DR_E_INVALID_FORMAT, NULL, "the engine names API versions \"%s\" and \"%s\"", api, min);
        int chosen = MIN(highest, (int) DOCKER_API_MAX);
        if (chosen < DOCKER_API_MIN || chosen < lowest)
                return dr_fail(err, DR_E_NOT_IMPLEMENTED, NULL, "the engine speaks API %s to %s, this agent 1.%d to 1.%d", *min ? min : "1.24", api,
                               DOCKER_API_MIN, DOCKER_API_MAX);
        return chosen;
}

void docker_image_split(const char *image, char **ret_repository, char **ret_tag) {
        const char *at = strchr(image, '@'), *slash = strrchr(image, '/'), *colon = strrchr(slash ? slash : image, ':');
        if (at) {                                       /* name[:tag]@digest: the digest decides, the tag is dropped */
                const char *tag = memchr(slash && slash < at ? slash : image, ':', (size_t) (at - (slash && slash < at ? slash : image)));
                *ret_repository = dr_xstrndup(image, (size_t) ((tag ? tag : at) - image));
                *ret_tag = dr_xstrdup(at + 1);
        } else {
                *ret_repository = dr_xstrndup(image, colon ? (size_t) (colon - image) : strlen(image));
                *ret_tag = dr_xstrdup(colon ? colon + 1 : "latest");
        }
}

char *docker_registry_auth(json_object *auth) {
        static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        static const char *const keys[] = { "username", "password", "email", "serveraddress" };
        if (!auth || !json_object_is_type(auth, json_type_object))
                return NULL;
        auto_sbuf struct sbuf json = SBUF(AUTH_BYTES_MAX);
        for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
                const char *value = jv_str(auth, keys[i]);
                if (str_eq(keys[i], "serveraddress") && str_eq(value, "https://docker.io"))
                        value = "https://index.docker.io";
                sbuf_printf(&json, "%s\"%s\":", i ? "," : "{", keys[i]);
                sbuf_json_string(&json, value, strlen(value));
        }
        sbuf_putc(&json, '}');
        if (!sbuf_ok(&json))
                return NULL;
        auto_sbuf struct sbuf out = SBUF(AUTH_BYTES_MAX * 2);
        const unsigned char *p = (const unsigned char *) json.data;
        for (size_t i = 0; i < json.len; i += 3) {
                size_t left = json.len - i;
                uint32_t v = (uint32_t) p[i] << 16 | (left > 1 ? (uint32_t) p[i + 1] << 8 : 0) | (left > 2 ? p[i + 2] : 0);
                sbuf_putc(&out, alphabet[v >> 18]);
                sbuf_putc(&out, alphabet[v >> 12 & 63]);
                sbuf_putc(&out, left > 1 ? alphabet[v >> 6 & 63] : '=');
                sbuf_putc(&out, left > 2 ? alphabet[v & 63] : '=');
        }
        return sbuf_steal(&out);
}

void docker_error_text(const char *body, size_t len, char *buf, size_t n) {
        AUTO(jv_put) json_object *o = body && len ? jv_parse(body, len, BODY_BYTES_MAX, NULL) : NULL;
        if (*jv_str(o, "message"))
                snprintf(buf, n, "%s", jv_str(o, "message"));
        else
                snprintf(buf, n, "%.*s", (int) MIN(len, n - 1), body ? body : "");
        for (size_t k = strlen(buf); k > 0 && isspace((unsigned char) buf[k - 1]); k--)
                buf[k - 1] = 0;
}
