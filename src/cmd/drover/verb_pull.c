/* verb_pull.c: drover pull IMAGE: an image onto hosts before it is needed. */
#include <stdio.h>

#include "cli.h"
#include "verbs.h"

static const struct opt_row rows[] = {
        { .name = "hosts", .arg = "LABEL=VALUE", .type = OPT_LIST, .help = "only hosts with this label" },
};

static int run(const struct opts *o, void *context) {
        struct cli *c = context;
        size_t n, n_labels;
        const char *const *images = opts_args(o, &n), *const *labels = opts_list(o, "hosts", &n_labels);
        int r = cli_connect_project(c);
        if (r < 0)
                return r;
        AUTO(progress_free) struct progress *progress = NULL;
        AUTO(waiter_free) struct waiter *w = cli_waiter(c, true, &progress);
        auto_free char *path = api_project_path(c->api, "/pulltasks");
        for (size_t i = 0; i < n; i++) {
                AUTO(json_free) struct json_object *body = json_object_new_object(), *made = NULL;
                struct json_object *scheduling = json_object_new_object();
                auto_sbuf struct sbuf list = SBUF(4096);
                for (size_t k = 0; k < n_labels; k++)
                        sbuf_printf(&list, "%s%s", k ? "," : "", labels[k]);
                if (list.len)
                        json_set_str(scheduling, "io.rancher.scheduler.affinity:host_label", sbuf_str(&list));
                json_set_str(body, "mode", "all");
                json_set_str(body, "image", images[i]);
                json_set(body, "labels", scheduling);
                if ((r = api_call(c->api, "POST", path, body, &made, &c->err)) < 0)
                        return dr_prefix(&c->err, r, "could not pull \"%s\"", images[i]);
                printf("%s\n", json_str(made, "id", ""));
                waiter_add(w, made, images[i]);
        }
        (void) fflush(stdout);
        return waiter_run(w, &c->err);
}

const struct opt_command verb_pull = { .name = "pull", .summary = "pull images onto hosts before they are needed", .args = "IMAGE...", .min_args = 1, .max_args = OPT_ANY,
                                       OPT_ROWS(rows), .run = run };
