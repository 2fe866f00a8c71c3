/* verb_ps.c: drover ps: services and containers, and why a container is not placed.
 *
 * As upstream: no argument lists services with their sidekicks; SERVICE arguments list their containers; -c lists all
 * containers, or those of the HOST arguments. Stack names are accepted too: their services. */
#include <stdio.h>

#include "cli.h"
#include "service_verbs.h"
#include "verbs.h"

static const struct opt_row rows[] = {
        CLI_ALL_ROW,
        { .name = "containers", .letter = 'c', .type = OPT_FLAG, .help = "show containers; arguments are hosts or services then" },
        CLI_SYSTEM_ROW, CLI_LIST_ROWS,
};

static const struct table_column service_columns[] = {
        { "ID", "ID" }, { "TYPE", "Type" }, { "NAME", "Name" }, { "IMAGE", "Image" }, { "STATE", "CombinedState" }, { "SCALE", "Scale" },
        { "ENDPOINTS", "Endpoints" }, { "DETAIL", "Detail" },
};
static const struct table_column container_columns[] = {
        { "ID", "ID" }, { "NAME", "Container.Name" }, { "IMAGE", "Image" }, { "STATE", "CombinedState" }, { "HOST", "Host" },
        { "IP", "Container.PrimaryIpAddress" }, { "DOCKER", "DockerID" }, { "DETAIL", "Container.TransitioningMessage" },
};

struct listing {
        struct cli *cli;
        struct json_object *stacks, *hosts;     /* arrays of the whole environment; hosts only for containers */
        struct json_object *out;
        bool all, system;
};

static struct json_object *find_id(struct json_object *list, const char *id) {
        for (size_t i = 0; list && id && i < json_object_array_length(list); i++) {
                struct json_object *o = json_object_array_get_idx(list, i);
                if (str_eq(json_str(o, "id", NULL), id))
                        return o;
        }
        return NULL;
}

static const char *image_of(const struct json_object *config) {
        const char *image = json_str(config, "imageUuid", "");
        return str_starts(image, "docker:") ? image + strlen("docker:") : image;
}

static char *endpoints_of(const struct json_object *service) {
        auto_sbuf struct sbuf b = SBUF(64 * 1024);
        struct json_object *list = json_get_array(service, "publicEndpoints");
        for (size_t i = 0; list && i < json_object_array_length(list); i++) {
                struct json_object *e = json_object_array_get_idx(list, i);
                char one[128];
                snprintf(one, sizeof one, "%s:%lld", json_str(e, "ipAddress", ""), (long long) json_int(e, "port", 0));
                if (!b.len || !strstr(sbuf_str(&b), one))
                        sbuf_printf(&b, "%s%s", b.len ? "," : "", one);
        }
        return sbuf_steal(&b);
}

static char *scale_of(const struct json_object *service) {
        struct json_object *ids = json_get_array(service, "instanceIds");
        const char *global = json_str(json_get_object(json_get_object(service, "launchConfig"), "labels"), "io.rancher.scheduler.global", "");
        long long n = json_int(service, "currentScale", ids ? (int64_t) json_object_array_length(ids) : 0);     /* sidekicks do not count */
        if (!json_has(service, "scale"))
                return dr_xstrdup("");
        return str_eq(global, "true") ? dr_xasprintf("%lld", n) : dr_xasprintf("%lld/%lld", n, (long long) json_int(service, "scale", 0));
}

/* What holds a service up: its own message, else that of a container of it. */
static char *detail_of(struct listing *l, const struct json_object *service) {
        const char *message = json_str(service, "transitioningMessage", NULL), *health = json_str(service, "healthState", "healthy");
        if (message && *message)
                return dr_xstrdup(message);
        if (str_eq(health, "healthy") || str_eq(health, "started-once") || str_eq(json_str(service, "state", ""), "inactive"))
                return dr_xstrdup("");
        AUTO(json_free) struct json_object *list = NULL;
        auto_free char *path = api_project_path(l->cli->api, "/services/%s/instances", json_str(service, "id", ""));
        if (api_list(l->cli->api, path, &list, NULL) < 0)
                return dr_xstrdup("");          /* the listing is worth more than this column */
        for (size_t i = 0; i < json_object_array_length(list); i++) {
                struct json_object *c = json_object_array_get_idx(list, i);
                const char *why = json_str(c, "transitioningMessage", NULL);
                if (why && *why)
                        return dr_xasprintf("%s: %s", json_str(c, "name", json_str(c, "id", "")), why);
        }
        return dr_xstrdup("");
}

static void add_service(struct listing *l, struct json_object *service) {
        struct json_object *stack = find_id(l->stacks, json_str(service, "stackId", NULL)), *config = json_get_object(service, "launchConfig");
        const char *stack_name = json_str(stack, "name", "?"), *name = json_str(service, "name", "");
        if ((cli_is_hidden(service) && !l->all) || (json_bool(service, "system", false) && !l->system))
                return;
        auto_free char *full = dr_xasprintf("%s/%s", stack_name, name), *endpoints = endpoints_of(service), *scale = scale_of(service),
                       *detail = detail_of(l, service);
        struct json_object *row = json_object_new_object();
        json_set_str(row, "ID", json_str(service, "id", NULL));
        json_set_str(row, "Type", json_str(service, "type", NULL));
        json_set_str(row, "Name", full);
        json_set_str(row, "Image", image_of(config));
        json_set_str(row, "CombinedState", waiter_combined_state(service));
        json_set_str(row, "Scale", scale);
        json_set_str(row, "Endpoints", endpoints);
        json_set_str(row, "Detail", detail);
        json_set(row, "Service", json_object_get(service));
        json_set(row, "LaunchConfig", json_object_get(config));
        json_set(row, "Stack", json_object_get(stack));
        json_object_array_add(l->out, row);

        struct json_object *sidekicks = json_get_array(service, "secondaryLaunchConfigs");
        for (size_t i = 0; sidekicks && !opts_bool(l->cli->opts, "quiet") && i < json_object_array_length(sidekicks); i++) {
                struct json_object *s = json_object_array_get_idx(sidekicks, i), *r = json_object_new_object();
                auto_free char *sidekick = dr_xasprintf("%s/%s/%s", stack_name, name, json_str(s, "name", ""));
                json_set_str(r, "ID", json_str(service, "id", NULL));
                json_set_str(r, "Type", "sidekick");
                json_set_str(r, "Name", sidekick);
                json_set_str(r, "Image", image_of(s));
                json_set_str(r, "CombinedState", waiter_combined_state(service));
                json_set(r, "Service", json_object_get(service));
                json_set(r, "LaunchConfig", json_object_get(s));
                json_set(r, "Stack", json_object_get(stack));
                json_object_array_add(l->out, r);
        }
}

static void add_container(struct listing *l, struct json_object *container) {
        if ((cli_is_hidden(container) && !l->all) || (json_bool(container, "system", false) && !l->system))
                return;
        struct json_object *host = find_id(l->hosts, json_str(container, "hostId", NULL)), *row = json_object_new_object();
        auto_free char *docker = dr_xstrndup(json_str(container, "externalId", ""), 12);
        json_set_str(row, "ID", json_str(container, "id", NULL));
        json_set_str(row, "Image", image_of(container));
        json_set_str(row, "CombinedState", waiter_combined_state(container));
        json_set_str(row, "Host", json_str(host, "hostname", json_str(container, "hostId", NULL)));
        json_set_str(row, "DockerID", docker);
        json_set(row, "Container", json_object_get(container));
        json_object_array_add(l->out, row);
}

static int add_all(struct listing *l, const char *path, void (*add)(struct listing *l, struct json_object *o)) {
        AUTO(json_free) struct json_object *list = NULL;
        int r = api_list(l->cli->api, path, &list, &l->cli->err);
        for (size_t i = 0; r >= 0 && i < json_object_array_length(list); i++)
                add(l, json_object_array_get_idx(list, i));
        return r;
}

static int list_services(struct listing *l) {
        auto_free char *path = api_project_path(l->cli->api, "/services");
        return add_all(l, path, add_service);
}

static int list_containers(struct listing *l) {
        auto_free char *path = api_project_path(l->cli->api, "/containers");
        return add_all(l, path, add_container);
}

static int list_of(struct listing *l, const char *word, unsigned types, bool containers, bool *ret_containers) {
        AUTO(json_free) struct json_object *o = NULL;
        int r = lookup(l->cli->api, word, types, &o, &l->cli->err);
        if (r < 0)
                return r;
        int type = res_type_of(o);
        const char *id = json_str(o, "id", "");
        l->all = l->all || type != RES_STACK;           /* named things are shown in any state */
        l->system = true;
        if (type == RES_STACK && !containers) {
                auto_free char *path = api_project_path(l->cli->api, "/services?stackId=%s", id);
                *ret_containers = false;
                return add_all(l, path, add_service);
        }
        auto_free char *path = api_project_path(l->cli->api, "/%s/%s/instances", res_type_plural((enum res_type) type), id);
        return add_all(l, path, add_container);
}

static int run(const struct opts *o, void *context) {
        struct cli *c = context;
        size_t n;
        const char *const *args = opts_args(o, &n);
        bool containers = opts_has(o, "containers") && opts_bool(o, "containers"), show_containers = containers || n > 0;
        AUTO(json_free) struct json_object *stacks = NULL, *hosts = NULL, *out = json_object_new_array();
        struct listing l = { .cli = c, .out = out, .all = opts_bool(o, "all"), .system = opts_bool(o, "system") };
        int r = cli_connect_project(c);
        if (r < 0)
                return r;
        auto_free char *stacks_path = api_project_path(c->api, "/stacks"), *hosts_path = api_project_path(c->api, "/hosts");
        if ((r = api_list(c->api, stacks_path, &stacks, &c->err)) < 0 ||
            (show_containers && (r = api_list(c->api, hosts_path, &hosts, &c->err)) < 0))
                return r;
        l.stacks = stacks;
        l.hosts = hosts;
        if (n == 0 && (r = containers ? list_containers(&l) : list_services(&l)) < 0)
                return r;
        unsigned types = (unsigned) (BIT(RES_SERVICE) | BIT(RES_STACK) | (containers ? BIT(RES_HOST) : 0));
        for (size_t i = 0; i < n; i++) {
                bool these = true;
                if ((r = list_of(&l, args[i], types, containers, &these)) < 0)
                        return r;
                if (i > 0 && these != show_containers)
                        return dr_fail(&c->err, DR_E_INVALID_OPTION, NULL, "stacks and services cannot be listed together: add -c for the containers of both");
                show_containers = these;
        }
        return show_containers ? cli_print(c, container_columns, ARRAY_LEN(container_columns), out)
                               : cli_print(c, service_columns, ARRAY_LEN(service_columns), out);
}

const struct opt_command verb_ps = {
        .name = "ps", .summary = "show services, or containers", .args = "[STACK|SERVICE|HOST...]", .max_args = OPT_ANY, .complete = "service,stack",
        .about = "Without arguments: services. With services: their containers. With stacks: their services.\n"
                 "DETAIL says why something is not running, or not placed on a host.",
        OPT_ROWS(rows), .run = run,
};

static const struct opt_row services_rows[] = { CLI_ALL_ROW, CLI_SYSTEM_ROW, CLI_LIST_ROWS };
static const struct opt_command services_ls = { .name = "ls", .aliases = "list", .summary = "list services", OPT_ROWS(services_rows), .run = run };
static const struct opt_command *const services_sub[] = { &services_ls, &service_upgrade, &service_finish, &service_rollback, &service_cancel, &service_continue };
const struct opt_command verb_services = { .name = "services", .aliases = "service", .summary = "services: list, upgrade", OPT_ROWS(services_rows),
                                           OPT_SUB(services_sub), .run = run };
