#include <stdio.h>

#include "net/http.h"
#include "up.h"

struct waiter_config up_waiter_config(struct up *u, bool up) {
        const struct opts *o = u->cli->opts;
        return (struct waiter_config) { .api = u->cli->api, .timeout_ms = (uint64_t) opts_int(o, "wait-timeout"),
                                        .error_grace_ms = (uint64_t) opts_int(o, "error-grace"), .up = up, .progress = u->progress };
}

int up_wait_quietly(struct up *u, const struct json_object *o, const char *label) {
        struct waiter_config cfg = up_waiter_config(u, false);
        cfg.progress = NULL;
        AUTO(waiter_free) struct waiter *w = waiter_new(&cfg);
        waiter_add(w, o, label);
        return waiter_run(w, &u->cli->err);
}

static int find_stack(struct up *u, struct json_object **ret) {
        AUTO(json_free) struct json_object *list = NULL;
        auto_free char *collection = api_project_path(u->cli->api, "/stacks");
        auto_sbuf struct sbuf path = SBUF(1024);
        sbuf_printf(&path, "%s?name=", collection);
        http_escape(&path, u->files.stack);
        int r = api_list(u->cli->api, sbuf_str(&path), &list, &u->cli->err);
        if (r < 0)
                return r;
        *ret = json_object_array_length(list) ? json_object_get(json_object_array_get_idx(list, 0)) : NULL;
        return 0;
}

int up_get_stack(struct up *u) {
        struct cli *c = u->cli;
        AUTO(json_free) struct json_object *stack = NULL, *body = json_object_new_object();
        auto_free char *collection = api_project_path(c->api, "/stacks");
        int r = find_stack(u, &stack);
        if (r < 0)
                return r;
        if (stack && str_eq(json_str(stack, "state", ""), "removing")) {
                fprintf(stderr, "stack \"%s\" is being removed: waiting for that\n", u->files.stack);
                if ((r = up_wait_quietly(u, stack, u->files.stack)) < 0)
                        return r;
                json_free(stack);
                stack = NULL;
        }
        if (!stack) {
                json_set_str(body, "name", u->files.stack);
                if (opts_str(c->opts, "description"))
                        json_set_str(body, "description", opts_str(c->opts, "description"));
                if ((r = api_call(c->api, "POST", collection, body, &stack, &c->err)) < 0)
                        return dr_prefix(&c->err, r, "could not create stack \"%s\"", u->files.stack);
                if ((r = up_wait_quietly(u, stack, u->files.stack)) < 0)
                        return r;
        }
        u->stack_id = dr_xstrdup(json_str(stack, "id", ""));
        auto_free char *path = api_project_path(c->api, "/services?stackId=%s", u->stack_id);
        return api_list(c->api, path, &u->existing, &c->err);
}

int up_make_volumes(struct up *u) {
        struct cli *c = u->cli;
        struct json_object *volumes = compose_volumes(u->files.compose);
        AUTO(json_free) struct json_object *have = NULL;
        if (!volumes || json_object_array_length(volumes) == 0)
                return 0;
        auto_free char *collection = api_project_path(c->api, "/volumetemplates"), *path = dr_xasprintf("%s?stackId=%s", collection, u->stack_id);
        int r = api_list(c->api, path, &have, &c->err);
        if (r == -ENOENT) {
                fprintf(stderr, "warning: this server has no volume templates: each host's engine makes the volumes of the files\n");
                return 0;
        }
        for (size_t i = 0; r >= 0 && i < json_object_array_length(volumes); i++) {
                struct json_object *v = json_object_array_get_idx(volumes, i);
                bool there = false;
                for (size_t k = 0; k < json_object_array_length(have); k++)
                        there = there || str_eq(json_str(json_object_array_get_idx(have, k), "name", NULL), json_str(v, "name", ""));
                if (there)
                        continue;
                AUTO(json_free) struct json_object *body = json_copy(v);
                json_set_str(body, "stackId", u->stack_id);
                if ((r = api_call(c->api, "POST", collection, body, NULL, &c->err)) < 0)
                        dr_prefix(&c->err, r, "could not create volume \"%s\"", json_str(v, "name", ""));
        }
        return r;
}

int up_make_secrets(struct up *u) {
        struct cli *c = u->cli;
        struct json_object *secrets = compose_secrets(u->files.compose);
        AUTO(json_free) struct json_object *have = NULL;
        if (!secrets || json_object_array_length(secrets) == 0)
                return 0;
        auto_free char *collection = api_project_path(c->api, "/secrets");
        int r = api_list(c->api, collection, &have, &c->err);
        for (size_t i = 0; r >= 0 && i < json_object_array_length(secrets); i++) {
                struct json_object *s = json_object_array_get_idx(secrets, i);
                bool there = json_bool(s, "external", false);
                for (size_t k = 0; k < json_object_array_length(have); k++)
                        there = there || str_eq(json_str(json_object_array_get_idx(have, k), "name", NULL), json_str(s, "name", ""));
                if (there)
                        continue;
                AUTO(json_free) struct json_object *body = json_object_new_object();
                json_set_str(body, "name", json_str(s, "name", ""));
                json_set_str(body, "value", json_str(s, "value", ""));
                if ((r = api_call(c->api, "POST", collection, body, NULL, &c->err)) < 0)
                        dr_prefix(&c->err, r, "could not create secret \"%s\"", json_str(s, "name", ""));
        }
        return r < 0 ? dr_prefix(&c->err, r, "secrets") : 0;
}
