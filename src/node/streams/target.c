#include "target.h"

#include <fcntl.h>
#include <stdio.h>

enum { LOOK_MS = 15000, INSPECT_BYTES_MAX = 8 << 20 };

struct target_look {
        struct channel *channel;
        struct target_look **slot;
        struct docker_call *call;
        char *uuid;
        void (*fn)(struct channel *, const struct target *);
        void (*no)(struct channel *, const struct dr_error *);
};

static void look_free(struct target_look *k) {
        free(k->uuid);
        free(k);
}

void target_look_cancel(struct target_look **slot) {
        struct target_look *k = dr_take(*slot);
        if (!k)
                return;
        if (k->call)
                docker_call_cancel(k->call);
        look_free(k);
}

/* Another environment's container is none of this host's, and a uuid that is not its own is a mix-up. */
static bool is_ours(const struct channels *cs, const struct docker_container *d, const char *uuid) {
        const char *project = cs->cfg.project ? cs->cfg.project(cs->cfg.arg) : NULL;
        if (d->environment && project && *project && !str_eq(d->environment, project))
                return false;
        return !d->uuid || !*uuid || str_eq(d->uuid, uuid);
}

static void fill(struct target *t, const struct docker_container *d, json_object *o) {
        json_object *state = jv_obj(o, "State"), *labels = jv_obj(jv_obj(o, "Config"), "Labels");
        const char *mode = jv_str(jv_obj(o, "HostConfig"), "NetworkMode"), *label = jv_str(labels, "io.rancher.container.ip");
        int64_t pid = jv_i64(state, "Pid");
        *t = (struct target) { .running = jv_bool(state, "Running"), .tty = jv_bool(jv_obj(o, "Config"), "Tty"), .started_ms = d->started_ms };
        t->pid = pid > 0 && pid <= INT32_MAX ? (int) pid : 0;
        memcpy(t->id, d->id, sizeof t->id);
        snprintf(t->ip, sizeof t->ip, "%s", d->ip);
        snprintf(t->own_ip, sizeof t->own_ip, "%.*s", (int) strcspn(label, "/"), label);
        t->host_network = str_eq(mode, "host");
        t->shares_network = str_starts(mode, "container:");
}

int target_parse(const struct channels *cs, const char *body, size_t len, const char *uuid, struct target *ret, struct dr_error *err) {
        AUTO(jv_put) json_object *o = jv_parse(body, len, INSPECT_BYTES_MAX, err);
        struct docker_container d;
        if (!o)
                return err->code ? -EINVAL : dr_fail(err, DR_E_INVALID_BODY, NULL, "the engine's answer about a container is empty");
        int r = docker_container_parse(o, &d, err);
        if (r < 0)
                return r;
        r = is_ours(cs, &d, uuid) ? 0 : -ENOENT;
        fill(ret, &d, o);
        docker_container_done(&d);
        return r;
}

static void on_inspected(struct docker_call *call, int result, int status, const char *body, size_t len, const struct dr_error *err, void *arg) {
        struct target_look *k = arg;
        struct channel *c = k->channel;
        struct dr_error why = { 0 };
        struct target t;
        *k->slot = NULL;
        bool gone = status == 404, found = false;
        if (result < 0) {
                why = *err;
        } else if (status != 200 && !gone) {
                char text[400];
                docker_error_text(body, len, text, sizeof text);
                dr_fail(&why, DR_E_INTERNAL, NULL, "%s", text);
        } else if (!gone) {
                int r = target_parse(c->all, body, len, k->uuid, &t, &why);
                found = r == 0;
                gone = r == -ENOENT;
        }
        __auto_type fn = k->fn;
        __auto_type no = k->no;
        look_free(k);
        if (found)
                fn(c, &t);
        else if (no)
                no(c, gone ? NULL : &why);
        else if (gone)
                channel_end(c, "NotFound", "there is no such container on this host");
        else
                channel_end_error(c, &why);
}

void target_look(struct channel *c, const char *container, const char *uuid, struct target_look **slot, void (*fn)(struct channel *, const struct target *),
                 void (*no)(struct channel *, const struct dr_error *)) {
        size_t n = strlen(container);
        if (n < 12 || n > DOCKER_ID_CHARS || strspn(container, "0123456789abcdef") != n)
                return channel_end(c, "NotFound", "\"%.80s\" is no id of a container", container);
        struct target_look *k = dr_xnew(struct target_look);
        *k = (struct target_look) { .channel = c, .slot = slot, .fn = fn, .no = no, .uuid = dr_xstrdup(uuid) };
        auto_free char *path = dr_xasprintf("/containers/%s/json", container);
        struct dr_error err;
        k->call = docker_call_start(channel_docker(c), &(struct docker_request) { .path = path, .total_ms = LOOK_MS, .done = on_inspected, .arg = k }, &err);
        if (!k->call) {
                look_free(k);
                return no ? no(c, &err) : channel_end_error(c, &err);
        }
        *slot = k;
}

int target_netns(const struct channels *cs, const struct target *t, struct dr_error *err) {
        char path[300];
        snprintf(path, sizeof path, "%s/%d/ns/net", cs->cfg.proc, t->pid);
        int fd = t->pid ? open(path, O_RDONLY | O_CLOEXEC) : -1;
        return fd >= 0 ? fd : dr_fail(err, DR_E_UNAVAILABLE, NULL, "could not open the network namespace of container \"%.12s\": %m", t->id);
}
