/* The parts of a stack, in the order in which they are made (compose.md 8). Each looks first: what is there stays. */
#include <stdio.h>

#include "deploy.h"
#include "formats/json.h"
#include "model/ids.h"

static const char *stack_id(const struct record *stack, char id[ID_TEXT_MAX]) { return id_format(API_V2_BETA, T_stack, stack->id, id); }

static int post(struct deploy *d, const struct record *stack, const char *collection, struct json_object *body, const char *what, const char *name) {
        struct dr_error err;
        d->left -= d->left > 0;
        if (deploy_call(d->x, stack, VERB_POST, collection, body, NULL, &err) < 0)
                return deploy_failed(d, &d->problems, &err, what, name);
        return 0;
}

/* ---- volumes ---- */
static const struct record *template_of(struct deploy *d, const struct record *stack, const char *name) {
        const struct records *l = world_of_account(core_world(d->x->core), T_volumeTemplate, stack->account_id);
        for (size_t i = 0; i < l->n; i++)
                if (record_is_live(l->v[i]) && record_int(l->v[i], F_stackId) == stack->id && str_eq(record_name(l->v[i]), name))
                        return l->v[i];
        return NULL;
}

static int check_volume(struct deploy *d, const struct record *stack, const struct json_object *v, const struct record *have) {
        AUTO(json_free) struct json_object *existing = NULL;
        struct dr_error err;
        char path[ID_TEXT_MAX + 32], id[ID_TEXT_MAX];
        snprintf(path, sizeof path, "volumetemplates/%s", id_format(API_V2_BETA, T_volumeTemplate, have->id, id));
        if (deploy_call(d->x, stack, VERB_GET, path, NULL, &existing, &err) < 0)
                return deploy_failed(d, &d->problems, &err, "look at volume", record_name(have));
        if (compose_volume_fits(v, existing, &err) < 0)
                deploy_line(&d->problems, "%s", err.message);
        return 0;
}

static int volumes(struct deploy *d, const struct record *stack) {
        struct json_object *list = compose_volumes(d->compose);
        char id[ID_TEXT_MAX];
        int r;
        for (size_t i = 0; list && i < json_object_array_length(list); i++) {
                const struct json_object *v = json_object_array_get_idx(list, i);
                const char *name = json_str(v, "name", "");
                const struct record *have = template_of(d, stack, name);
                if (have && (r = check_volume(d, stack, v, have)) < 0 && d->retry)
                        return r;
                if (have)
                        continue;
                if (!d->left)
                        return LOOK_AGAIN;
                AUTO(json_free) struct json_object *body = json_copy(v);
                json_set_str(body, "stackId", stack_id(stack, id));
                if ((r = post(d, stack, "volumetemplates", body, "create volume", name)) < 0 && d->retry)
                        return r;
        }
        return d->problems.len ? -EINVAL : LOOK_DONE;
}

/* ---- secrets ---- */
static int secrets(struct deploy *d, const struct record *stack) {
        struct json_object *list = compose_secrets(d->compose);
        int r;
        for (size_t i = 0; list && i < json_object_array_length(list); i++) {
                const struct json_object *s = json_object_array_get_idx(list, i);
                const char *name = json_str(s, "name", "");
                if (json_bool(s, "external", false) || named_of_account(d->x->core, T_secret, stack->account_id, name))
                        continue;
                if (!d->left)
                        return LOOK_AGAIN;
                AUTO(json_free) struct json_object *body = json_object_new_object();
                json_set_str(body, "name", name);
                json_set_str(body, "value", json_str(s, "value", ""));
                if ((r = post(d, stack, "secrets", body, "create secret", name)) < 0 && d->retry)
                        return r;
        }
        return d->problems.len ? -EINVAL : LOOK_DONE;
}

/* ---- hosts: STACK-NAME-1 ... (compose.md 2) ---- */
static bool host_is_there(struct deploy *d, const struct record *stack, const char *hostname) {
        const struct records *l = world_of_account(core_world(d->x->core), T_host, stack->account_id);
        for (size_t i = 0; i < l->n; i++)
                if (record_is_live(l->v[i]) && (str_eq(record_str(l->v[i], F_hostname), hostname) || str_eq(record_name(l->v[i]), hostname)))
                        return true;
        return false;
}

static int make_host(struct deploy *d, const struct record *stack, const struct json_object *h, const char *hostname) {
        const char *template = json_str(h, "template", NULL);
        const struct record *t = template ? named_of_account(d->x->core, T_hostTemplate, stack->account_id, template) : NULL;
        char id[ID_TEXT_MAX];
        if (template && !t) {
                deploy_line(&d->problems, "could not create host \"%s\": there is no host template \"%s\"", hostname, template);
                return -EINVAL;
        }
        AUTO(json_free) struct json_object *fields = json_get_object(h, "fields") ? json_copy(json_get_object(h, "fields")) : json_object_new_object();
        json_set_str(fields, "hostname", hostname);
        json_set_str(fields, "name", hostname);
        json_set_str(fields, "stackId", stack_id(stack, id));
        if (t)
                json_set_str(fields, "hostTemplateId", id_format(API_V2_BETA, T_hostTemplate, t->id, id));
        return post(d, stack, "hosts", fields, "create host", hostname);
}

static int hosts(struct deploy *d, const struct record *stack) {
        struct json_object *list = compose_hosts(d->compose);
        int r;
        for (size_t i = 0; list && i < json_object_array_length(list); i++) {
                const struct json_object *h = json_object_array_get_idx(list, i);
                for (int64_t k = 1; k <= json_int(h, "count", 1); k++) {
                        auto_free char *name = dr_xasprintf("%s-%s-%lld", record_name(stack), json_str(h, "name", ""), (long long) k);
                        if (host_is_there(d, stack, name))
                                continue;
                        if (!d->left)
                                return LOOK_AGAIN;
                        if ((r = make_host(d, stack, h, name)) < 0)
                                return r;
                }
        }
        return LOOK_DONE;
}

int deploy_base(struct deploy *d, struct record *stack) {
        int (*const parts[])(struct deploy *, const struct record *) = { volumes, secrets, hosts };
        for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
                int r = parts[i](d, stack);
                if (r != LOOK_DONE)
                        return r;
        }
        return LOOK_DONE;
}

/* ---- services ---- */
static int create(struct deploy *d, const struct record *stack, struct todo *t) {
        AUTO(json_free) struct json_object *body = NULL, *made = NULL;
        struct compose_resolver resolver = deploy_resolver(d);
        struct dr_error err;
        char id[ID_TEXT_MAX];
        d->left -= d->left > 0;
        if (compose_service_body(t->want, stack_id(stack, id), &resolver, &body, &err) < 0 ||
            deploy_call(d->x, stack, VERB_POST, t->want->collection, body, &made, &err) < 0)
                return deploy_failed(d, &d->problems, &err, "create service", t->want->name);
        return 0;
}

static void say(struct deploy *d, struct record *stack, const char *what, const char *service, size_t at) {
        char text[256];
        snprintf(text, sizeof text, "%s: %.100s (%zu of %zu)", what, service, at + 1, d->todo.n);
        core_progress(d->x->core, stack, text);
}

static int create_wave(struct deploy *d, struct record *stack, unsigned wave) {
        for (size_t i = 0; i < d->todo.n; i++) {
                struct todo *t = &d->todo.v[i];
                if (t->want->wave != wave || todo_service(d, stack, t))
                        continue;
                if (!d->left)
                        return LOOK_AGAIN;
                say(d, stack, stack->state == S_upgrading ? "Upgrading stack" : "Creating stack", t->want->name, i);
                int r = create(d, stack, t);
                if (r < 0 && d->retry)
                        return r;
        }
        return d->problems.len ? -EINVAL : LOOK_DONE;   /* all of the wave's problems at once */
}

static int link_service(struct deploy *d, struct record *stack, struct todo *t) {
        AUTO(json_free) struct json_object *links = NULL, *now = NULL;
        struct compose_resolver resolver = deploy_resolver(d);
        const struct record *s = todo_service(d, stack, t);
        struct dr_error err;
        if (!s)
                return 0;               /* somebody removed it meanwhile */
        links = compose_service_links(t->want, &resolver, NULL);
        int r = deploy_call_service(d, stack, VERB_GET, s, "", NULL, &now, &err);
        bool differ = r == 0 && compose_links_differ(links, now);
        if (differ && stack->state == S_upgrading)
                undo_keep_links(d->x->core, stack, s);
        if (differ)
                r = deploy_call_service(d, stack, VERB_POST, s, "?action=setservicelinks", links, NULL, &err);
        return r < 0 ? deploy_failed(d, &d->problems, &err, "set the links of service", t->want->name) : 0;
}

static int link_all(struct deploy *d, struct record *stack) {
        for (size_t i = 0; i < d->todo.n; i++) {
                struct todo *t = &d->todo.v[i];
                if (t->linked || !t->want->sets_links)
                        continue;
                if (!d->left)
                        return LOOK_AGAIN;
                int r = link_service(d, stack, t);
                if (r < 0 && d->retry)
                        return r;
                t->linked = r >= 0;
        }
        return d->problems.len ? -EINVAL : LOOK_DONE;
}

int deploy_services(struct deploy *d, struct record *stack) {
        for (unsigned w = 0; w < d->waves; w++) {
                int r = create_wave(d, stack, w);
                if (r == LOOK_DONE)
                        r = deploy_settle(d, stack, w, SETTLE_CREATED);
                if (r != LOOK_DONE)
                        return r;
        }
        return link_all(d, stack);
}

int deploy_activate(struct deploy *d, const struct record *stack, unsigned wave) {
        for (size_t i = 0; i < d->todo.n; i++) {
                struct todo *t = &d->todo.v[i];
                const struct record *s = t->want->wave == wave ? todo_service(d, stack, t) : NULL;
                struct dr_error err;
                if (!s || s->state != S_inactive || t->change.upgrade || t->given_up)
                        continue;
                if (!d->left)
                        return LOOK_AGAIN;
                if (deploy_call_service(d, stack, VERB_POST, s, "?action=activate", NULL, NULL, &err) == 0)
                        continue;
                t->given_up = true;
                if (deploy_failed(d, &d->notes, &err, "activate service", t->want->name) < 0 && d->retry) {
                        t->given_up = false;
                        return -EAGAIN;
                }
        }
        return LOOK_DONE;
}
