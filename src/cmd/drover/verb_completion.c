/* verb_completion.c: drover completion SHELL, and the hidden verb that the scripts ask for names. */
#include <stdio.h>

#include "catalog_entry.h"
#include "verbs.h"

static int run(const struct opts *o, void *context) {
        struct cli *c = context;
        const char *shell = opts_args(o, NULL)[0];
        auto_free char *script = opt_completion(c->root, shell, true);
        if (!script)
                return dr_fail(&c->err, DR_E_INVALID_OPTION, NULL, "no completion for \"%.64s\": it is there for bash and zsh", shell);
        fputs(script, stdout);
        return 0;
}

static int print_names(struct cli *c, enum res_type t) {
        AUTO(json_free) struct json_object *list = NULL, *stacks = NULL;
        auto_free char *path = lookup_collection(c->api, t), *stacks_path = t == RES_SERVICE ? lookup_collection(c->api, RES_STACK) : NULL;
        int r = api_list(c->api, path, &list, &c->err);
        if (r >= 0 && stacks_path)
                r = api_list(c->api, stacks_path, &stacks, &c->err);
        for (size_t i = 0; r >= 0 && i < json_object_array_length(list); i++) {
                struct json_object *item = json_object_array_get_idx(list, i);
                const char *name = json_str(item, "name", json_str(item, "hostname", json_str(item, "id", "")));
                for (size_t k = 0; stacks && k < json_object_array_length(stacks); k++) {
                        struct json_object *stack = json_object_array_get_idx(stacks, k);
                        if (str_eq(json_str(stack, "id", NULL), json_str(item, "stackId", "")))
                                printf("%s/", json_str(stack, "name", ""));
                }
                printf("%s\n", name);
        }
        return r;
}

static int print_templates(struct cli *c) {
        AUTO(json_free) struct json_object *list = NULL;
        int r = c->api ? 0 : cli_connect(c, NULL);
        if (r >= 0)
                r = api_list(c->api, "/projectTemplates", &list, &c->err);
        for (size_t i = 0; r >= 0 && i < json_object_array_length(list); i++)
                puts(json_str(json_object_array_get_idx(list, i), "name", ""));
        return r;
}

/* As CATALOG/FOLDER: a colon would end the word for bash. */
static int print_catalog(struct cli *c) {
        AUTO(json_free) struct json_object *list = NULL;
        int r = c->api ? 0 : cli_connect_project(c);
        if (r >= 0)
                r = catalog_templates(c, &list);
        for (size_t i = 0; r >= 0 && i < json_object_array_length(list); i++) {
                auto_free char *id = dr_xstrdup(json_str(json_object_array_get_idx(list, i), "id", ""));
                if (strchr(id, ':'))
                        *strchr(id, ':') = '/';
                puts(id);
        }
        return r;
}

/* KIND[,KIND...]; quiet about everything, since it runs while someone types. */
static int run_complete(const struct opts *o, void *context) {
        struct cli *c = context;
        auto_free char *kinds = dr_xstrdup(opts_args(o, NULL)[0]);
        char *save = NULL;
        for (char *kind = strtok_r(kinds, ",", &save); kind; kind = strtok_r(NULL, ",", &save)) {
                if (str_eq(kind, "command")) {
                        for (size_t i = 0; i < c->root->n_sub; i++)
                                if (!c->root->sub[i]->hidden)
                                        puts(c->root->sub[i]->name);
                        continue;
                }
                bool template = str_eq(kind, "template");
                if (template || str_eq(kind, "catalog-template")) {
                        if ((template ? print_templates(c) : print_catalog(c)) < 0)
                                return 1;
                        continue;
                }
                int t = res_type_from_string(kind);
                if (t < 0)
                        continue;
                if (!c->api && (t == RES_PROJECT ? cli_connect(c, NULL) : cli_connect_project(c)) < 0)
                        return 1;
                if (print_names(c, (enum res_type) t) < 0)
                        return 1;
        }
        return 0;
}

const struct opt_command verb_completion = {
        .name = "completion", .summary = "print a completion script for bash or zsh", .args = "bash|zsh", .min_args = 1, .max_args = 1,
        .about = "For bash:  drover completion bash > /etc/bash_completion.d/drover\n"
                 "For zsh:   drover completion zsh > \"${fpath[1]}/_drover\"",
        .run = run,
};
const struct opt_command verb_complete = { .name = "__complete", .summary = "names for completion", .args = "KIND", .min_args = 1, .max_args = 1,
                                           .hidden = true, .run = run_complete };
