#include "pull_task.h"

#include <stdio.h>

#include "applier.h"
#include "engine/place.h"
#include "formats/dockerref.h"
#include "registry.h"

enum { ASK_AGAIN_MS = 120000, GIVE_UP_MS = 3600000 };
#define PULLING "Pulling"
#define EVENT "pull/"

/* Hosts by name in `status`; two of one name share a line. */
static const char *label_of(const struct record *host) { return str_or(record_str(host, F_hostname), str_or(record_name(host), "host")); }

static void put_status(struct core *c, struct record *task, const struct record *host, const char *text) {
        struct json_object *now = record_json(task, F_status);
        AUTO(json_free) struct json_object *status = now ? json_copy(now) : json_object_new_object();
        json_set_str(status, label_of(host), text);
        core_put(c, task, F_status, value_json(status));
}

static void ask(struct core *c, struct record *task, const struct record *host) {
        char event[96];
        AUTO(json_free) struct json_object *data = json_object_new_object();
        const char *image = dockerref_from_uuid(str_or(record_str(task, F_image), ""));
        struct json_object *auth = registry_auth(c, task->account_id, 0, image);
        snprintf(event, sizeof event, EVENT "%lld/%lld", (long long) task->id, (long long) host->id);
        json_set_str(data, "image", image);
        json_set_str(data, "mode", str_or(record_str(task, F_mode), "all"));
        if (auth)
                json_set(data, "registryAuth", auth);
        put_status(c, task, host, PULLING);
        if (!hosts_request(c, host, event, "container.pull", data, GIVE_UP_MS))
                put_status(c, task, host, "the host is not connected");
}

static bool still_pulling(const struct record *task, const struct record *host) {
        return str_eq(json_str(record_json(task, F_status), label_of(host), NULL), PULLING);
}

bool pull_task_reply(struct core *c, const char *event, struct json_object *reply) {
        long long task_id, host_id;
        if (sscanf(event, EVENT "%18lld/%18lld", &task_id, &host_id) != 2)
                return false;
        struct record *task = world_get(c->world, T_genericObject, task_id), *host = world_get(c->world, T_host, host_id);
        if (!task || !host || task->kind != T_pullTask || task->account_id != host->account_id || !still_pulling(task, host))
                return true;            /* nobody waits any more */
        struct json_object *error = json_get_object(reply, "error");
        put_status(c, task, host, error ? json_str(error, "message", "failed") : "Done");
        core_wake(c, task);
        return true;
}

static enum step pull_task_run(struct core *c, struct record *task, struct run *run) {
        const struct records *hosts = world_of_account(c->world, T_host, task->account_id);
        int64_t now = core_wall_ms(c);
        bool first = run->step == 0, again = !first && run->deadline_ms && now >= run->deadline_ms;
        size_t open = 0, all = 0;
        for (size_t i = 0; i < hosts->n; i++) {
                struct record *h = hosts->v[i];
                if (first ? !host_usable(c, h) || !place_host_labels_match(record_json(task, F_labels), h) : !json_has(record_json(task, F_status), label_of(h)))
                        continue;
                if (again && still_pulling(task, h) && now - run->started_ms > GIVE_UP_MS)
                        put_status(c, task, h, "no answer came");
                else if (first || (again && still_pulling(task, h)))
                        ask(c, task, h);        /* again: the host or this server may have started anew in between */
                all++;
                open += still_pulling(task, h);
        }
        run->step = 1;
        if (!open)
                return STEP_DONE;
        if (first || again)
                run->deadline_ms = now + ASK_AGAIN_MS;
        char text[64];
        snprintf(text, sizeof text, "pulled on %zu of %zu hosts", all - open, all);
        core_progress(c, task, text);
        return STEP_WAIT;
}

enum step generic_object_create(struct core *c, struct record *r, struct run *run, struct step_ctx *ctx) {
        (void) ctx;
        return r->kind == T_pullTask ? pull_task_run(c, r, run) : STEP_DONE;
}
