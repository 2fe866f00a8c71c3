/* instance_labels.c: labels of pods: asked of the environment's labels provider after their container was made (orchestrators.md 2.6). */
#include "applier.h"

#include "agent_event.h"
#include "model/launch.h"
#include "settings.h"

#define EVENT "compute.instance.providelabels"
enum { ASK_AGAIN_MS = 1000 };

static bool wants_labels(const struct record *i) {
        char buf[64];
        return str_eq(launch_label(i, "io.kubernetes.container.name", buf, sizeof buf), "POD");
}

static struct json_object *event_data(struct core *c, const struct record *i) {
        struct json_object *data = json_object_new_object(), *instance = json_object_new_object(), *inner = json_object_new_object(), *fields = json_object_new_object();
        char uuid[RECORD_UUID_MAX];
        json_set_int(instance, "id", i->id);
        json_set_str(instance, "uuid", record_uuid(i, uuid));
        json_set_str(instance, "name", record_name(i));
        json_set_str(instance, "kind", type_name((enum type_id) i->kind));
        json_set_str(instance, "externalId", record_str(i, F_externalId));
        json_set(fields, "labels", launch_labels(c->world, i));
        json_set(inner, "fields", fields);
        json_set(instance, "data", inner);
        json_set(data, "instance", instance);
        return data;
}

/* {"instance":{"+data":{"+fields":{"+labels":{...}}}}}, in upstream's notation for merging; NULL: none are there. */
static struct json_object *labels_in(struct json_object *data) {
        struct json_object *o = json_get_object(data, "instance");
        if (!o)
                o = json_get_object(json_get_object(data, "instanceHostMap"), "instance");
        o = json_get_object(json_get_object(json_get_object(o, "+data"), "+fields"), "+labels");
        return o && json_object_object_length(o) ? o : NULL;
}

static void merge(struct core *c, struct record *i, struct json_object *labels) {
        struct json_object *given = launch_json(i, "labels");
        AUTO(json_free) struct json_object *all = given ? json_copy(given) : json_object_new_object();
        json_object_object_foreach(labels, key, v)
                json_set_str(all, key, v ? json_object_get_string(v) : "");
        core_put(c, i, F_labels, value_json(all));
}

static enum step again(struct step_ctx *ctx, const char *message) {
        (void) dr_fail(&ctx->err, DR_E_NOT_FOUND, NULL, "%s", message);
        return STEP_RETRY;
}

static enum step ask(struct core *c, struct record *i, struct run *run, struct step_ctx *ctx) {
        const struct record *provider = agent_service_provider(c, i->account_id, "labels_provider");
        const struct record *project = world_get(c->world, T_account, i->account_id);
        if (!provider)
                return project && str_eq(record_str(project, F_orchestration), "kubernetes") ? again(ctx, "Failed to find labels provider") : STEP_DONE;
        AUTO(json_free) struct json_object *data = event_data(c, i);
        if (!agent_event_ask(c, i, run, record_int(provider, F_agentId), EVENT, data, setting_int(c, "eventing.timeout.millis"))) {
                core_progress(c, i, "waiting for the labels provider to listen");
                core_wake_at(c, i, core_mono_ms(c) + ASK_AGAIN_MS);
                return STEP_WAIT;
        }
        core_progress(c, i, "asking the labels provider");
        return STEP_WAIT;
}

/* STEP_DONE: they are there, or none are wanted. */
enum step instance_ask_labels(struct core *c, struct record *i, struct run *run, struct step_ctx *ctx) {
        if (!wants_labels(i))
                return STEP_DONE;
        if (!run->event)
                return ask(c, i, run, ctx);
        struct json_object *data = NULL;
        enum agent_answer a = agent_event_answer(c, i, run, setting_int(c, "eventing.timeout.millis"), &data, &ctx->err);
        if (a == ANSWER_NOT_YET)
                return STEP_WAIT;
        struct json_object *labels = a == ANSWER_GIVEN ? labels_in(data) : NULL;
        if (labels)
                merge(c, i, labels);
        agent_event_over(c, run);
        if (a != ANSWER_GIVEN)
                return STEP_RETRY;
        return labels ? STEP_DONE : again(ctx, "Failed to find labels for POD");
}
