#include "rollout.h"

#include <signal.h>
#include <stdio.h>

enum { TEXT_BYTES_MAX = 1024, ERROR_GRACE_MS = 15000 };

static char interrupt_text[TEXT_BYTES_MAX];     /* written before the handler is there, only read by it */
static size_t interrupt_len;

static void on_interrupt(int number) {
        (void) number;
        (void) !write(STDERR_FILENO, interrupt_text, interrupt_len);
        _exit(130);
}

void rollout_on_interrupt(const char *text) {
        struct sigaction sa = { .sa_handler = SIG_DFL };
        (void) sigaction(SIGINT, &sa, NULL);
        if (!text)
                return;
        int n = snprintf(interrupt_text, sizeof interrupt_text, "\n%.900s\n", text);
        interrupt_len = MIN((size_t) n, sizeof interrupt_text - 1);
        sa.sa_handler = on_interrupt;
        (void) sigaction(SIGINT, &sa, NULL);
}

void rollout_explain_interrupt(const char *finish, const char *back) {
        auto_free char *text = dr_xasprintf("The upgrade goes on without this command. When it is done:\n  %s   keeps it\n  %s   takes it back", finish, back);
        rollout_on_interrupt(text);
}

void rollout_explain_end(const char *finish, const char *back) {
        fprintf(stderr, "the old containers are kept, stopped; now either\n  %s\n  %s\n", finish, back);
}

static char *path_of(struct cli *c, const struct json_object *o) {
        auto_free char *collection = lookup_collection(c->api, (enum res_type) res_type_of(o));
        return dr_xasprintf("%s/%s", collection, json_str(o, "id", ""));
}

int rollout_look(struct cli *c, struct json_object **resource) {
        AUTO(json_free) struct json_object *now = NULL;
        auto_free char *path = path_of(c, *resource);
        int r = api_get(c->api, path, &now, &c->err);
        if (r < 0)
                return r;
        json_free(*resource);
        *resource = dr_take(now);
        return 0;
}

static struct waiter *new_waiter(struct cli *c, struct progress *p, bool up) {
        struct waiter_config cfg = { .api = c->api, .timeout_ms = (uint64_t) opts_int(c->opts, "wait-timeout"), .error_grace_ms = ERROR_GRACE_MS,
                                     .up = up, .progress = p };
        return waiter_new(&cfg);
}

/* Services of a stack whose upgrade runs are watched beside it: they are what takes the time. */
static void watch_services(struct cli *c, struct waiter *w, const struct json_object *stack) {
        AUTO(json_free) struct json_object *list = NULL;
        auto_free char *path = api_project_path(c->api, "/services?stackId=%s", json_str(stack, "id", ""));
        if (api_list(c->api, path, &list, NULL) < 0)
                return;                 /* the stack alone says how it ends */
        for (size_t i = 0; i < json_object_array_length(list); i++) {
                struct json_object *s = json_object_array_get_idx(list, i);
                auto_free char *label = dr_xasprintf("%s/%s", json_str(stack, "name", ""), json_str(s, "name", ""));
                waiter_follow(w, s, label);
        }
}

int rollout_act(struct cli *c, struct json_object **resource, const char *action, struct json_object *body, const char *state, bool detach) {
        AUTO(json_free) struct json_object *answer = NULL;
        int r = api_action(c->api, *resource, action, body, &answer, &c->err);
        if (r < 0)
                return dr_prefix(&c->err, r, "%s of \"%s\"", action, json_str(*resource, "name", "?"));
        if (detach)
                return rollout_look(c, resource);
        AUTO(progress_free) struct progress *p = progress_new_stderr();
        AUTO(waiter_free) struct waiter *w = new_waiter(c, p, false);
        waiter_add(w, *resource, NULL);
        if (res_type_of(*resource) == RES_STACK)
                watch_services(c, w, *resource);
        if ((r = waiter_run(w, &c->err)) < 0)
                c->hint = "the server goes on trying: \"drover ps\" shows how it goes on";
        if (r < 0 || (r = rollout_look(c, resource)) < 0)
                return r;
        const char *now = json_str(*resource, "state", "?");
        if (state && !str_eq(now, state))
                return dr_fail(&c->err, DR_E_INVALID_STATE, NULL, "%s of \"%s\" ended in state %s, not %s", action, json_str(*resource, "name", "?"), now, state);
        return 0;
}

int rollout_attach(struct cli *c, struct json_object **stack) {
        AUTO(progress_free) struct progress *p = progress_new_stderr();
        AUTO(waiter_free) struct waiter *w = new_waiter(c, p, false), *up = new_waiter(c, p, true);
        AUTO(json_free) struct json_object *list = NULL;
        waiter_add(w, *stack, NULL);
        int r = waiter_run(w, &c->err);
        if (r < 0)
                return r;
        auto_free char *path = api_project_path(c->api, "/services?stackId=%s", json_str(*stack, "id", ""));
        if ((r = api_list(c->api, path, &list, &c->err)) < 0)
                return r;
        for (size_t i = 0; i < json_object_array_length(list); i++) {
                struct json_object *s = json_object_array_get_idx(list, i);
                if (!str_eq(json_str(s, "state", ""), "inactive"))
                        waiter_add(up, s, NULL);
        }
        bool any = waiter_count(up) > 0;
        waiter_follow(up, *stack, NULL);
        if (any && (r = waiter_run(up, &c->err)) < 0) {
                c->hint = "the server keeps trying: \"drover ps\" shows how it goes on";
                return r;
        }
        return rollout_look(c, stack);
}

int rollout_end(struct cli *c, enum res_type type, const struct rollout_end *ends, size_t n, const char *watch) {
        AUTO(json_free) struct json_object *resource = NULL;
        auto_free char *text = dr_xasprintf("It goes on without this command: \"%s\" shows how far it is.", watch);
        int r = cli_connect_project(c);
        if (r >= 0)
                r = lookup(c->api, opts_args(c->opts, NULL)[0], (unsigned) BIT(type), &resource, &c->err);
        rollout_on_interrupt(text);
        for (size_t i = 0; r >= 0 && i < n; i++)
                if (str_eq(opts_command(c->opts)->name, ends[i].verb))
                        r = rollout_act(c, &resource, ends[i].action, NULL, ends[i].state, opts_bool(c->opts, "detach"));
        if (r >= 0)
                printf("%s\n", json_str(resource, "id", ""));
        return r;
}
