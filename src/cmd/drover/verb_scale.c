/* verb_scale.c: drover scale SERVICE=N... */
#include <stdio.h>

#include "base/parse.h"
#include "cli.h"
#include "verbs.h"

enum { SCALE_MAX = 1000000 };

static int scale_one(struct cli *c, const char *word, struct waiter *w) {
        const char *eq = strrchr(word, '=');
        uint64_t scale;
        if (!eq || eq == word || parse_u64(eq + 1, SCALE_MAX, &scale) < 0)
                return dr_fail(&c->err, DR_E_INVALID_FORMAT, NULL, "\"%.100s\" is not SERVICE=N with N from 0 to %d, such as web=2", word, SCALE_MAX);
        auto_free char *name = dr_xstrndup(word, (size_t) (eq - word));
        AUTO(json_free) struct json_object *service = NULL, *answer = NULL, *body = json_object_new_object();
        int r = lookup(c->api, name, (unsigned) BIT(RES_SERVICE), &service, &c->err);
        if (r < 0)
                return r;
        if (!json_has(service, "scale"))
                return dr_fail(&c->err, DR_E_INVALID_OPTION, NULL, "%s \"%s\" has no scale", json_str(service, "type", "service"), name);
        json_set_int(body, "scale", (int64_t) scale);
        auto_free char *path = api_project_path(c->api, "/services/%s", json_str(service, "id", ""));
        if ((r = api_call(c->api, "PUT", path, body, &answer, &c->err)) < 0)
                return dr_prefix(&c->err, r, "could not scale service \"%s\"", name);
        printf("%s\n", json_str(service, "id", ""));
        if (w)
                waiter_add(w, answer, name);
        return 0;
}

static int run(const struct opts *o, void *context) {
        struct cli *c = context;
        size_t n;
        const char *const *args = opts_args(o, &n);
        int r = cli_connect_project(c);
        if (r < 0)
                return r;
        AUTO(progress_free) struct progress *progress = NULL;
        AUTO(waiter_free) struct waiter *w = cli_waiter(c, false, &progress);
        for (size_t i = 0; i < n; i++)
                if ((r = scale_one(c, args[i], w)) < 0)
                        return r;
        (void) fflush(stdout);
        return w ? waiter_run(w, &c->err) : 0;
}

const struct opt_command verb_scale = { .name = "scale", .summary = "set how many containers services have", .args = "SERVICE=N...", .min_args = 1,
                                        .max_args = OPT_ANY, .complete = "service", .run = run };
