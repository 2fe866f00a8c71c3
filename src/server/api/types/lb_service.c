/* Load balancer services (spec api.md 3.6, orchestration.md 5): rules are checked, what the balancer's container needs is added. */
#include <stdio.h>

#include "formats/json.h"
#include "formats/selector.h"
#include "server/api/change.h"
#include "types.h"

enum { HEALTH_PORT = 42 };

static int check_rule(struct json_object *rule, struct dr_error *err) {
        const char *selector = json_str(rule, "selector", NULL);
        bool has_service = json_get(rule, "serviceId") != NULL, has_selector = selector && *selector;
        int64_t source = json_int(rule, "sourcePort", 0);
        if (!source)
                return dr_fail(err, DR_E_MISSING_REQUIRED, "sourcePort", "a port rule needs a source port");
        if (source == HEALTH_PORT)
                return dr_fail(err, DR_E_INVALID_OPTION, "sourcePort", "port %d is reserved for service health check", HEALTH_PORT);
        if (!has_service && !has_selector)
                return dr_fail(err, DR_E_MISSING_REQUIRED, "serviceId", "a port rule needs a service or a selector");
        if (has_service && has_selector)
                return dr_fail(err, DR_E_INVALID_OPTION, "serviceId", "a port rule has either a service or a selector");
        if (has_service && !json_int(rule, "targetPort", 0))
                return dr_fail(err, DR_E_MISSING_REQUIRED, "targetPort", "a port rule with a service needs a target port");
        if (*json_str(rule, "region", "") && !*json_str(rule, "environment", ""))
                return dr_fail(err, DR_E_MISSING_REQUIRED, "environment", "a port rule with a region needs an environment");
        AUTO(selector_free) struct selector *sel = NULL;
        return has_selector ? selector_parse(selector, "selector", &sel, err) : 0;
}

int lb_config_check(struct json_object *lb, bool balancer, struct dr_error *err) {
        struct json_object *rules = json_get_array(lb, "portRules");
        for (size_t i = 0; rules && i < json_object_array_length(rules); i++) {
                struct json_object *rule = json_object_array_get_idx(rules, i);
                if (balancer && check_rule(rule, err) < 0)
                        return -EINVAL;
                if (!balancer && !json_int(rule, "targetPort", 0))
                        return dr_fail(err, DR_E_MISSING_REQUIRED, "targetPort", "a target rule needs a target port");
        }
        return 0;
}

static void add_health_check(struct json_object *lc) {
        if (json_get_object(lc, "healthCheck"))
                return;
        static const struct { const char *key; int64_t value; } fields[] = {
                { "port", HEALTH_PORT }, { "interval", 2000 }, { "responseTimeout", 2000 }, { "healthyThreshold", 2 }, { "unhealthyThreshold", 3 },
                { "initializingTimeout", 60000 }, { "reinitializingTimeout", 60000 },
        };
        struct json_object *check = json_object_new_object();
        for (size_t i = 0; i < ARRAY_LEN(fields); i++)
                json_set_int(check, fields[i].key, fields[i].value);
        json_set(lc, "healthCheck", check);
}

/* Balancers from v0.7.12 on drain; only those of the platform's own image are known (orchestration.md 5). */
static bool drains(const char *image, const char *own) {
        const char *tag = strrchr(own, ':');
        size_t n = tag ? (size_t) (tag - own) : strlen(own);
        unsigned a, b, c;
        if (str_starts(image, "docker:"))
                image += strlen("docker:");
        return n && strncmp(image, own, n) == 0 && sscanf(image + n, ":v%5u.%5u.%5u", &a, &b, &c) == 3 && (a * 1000000ULL + b * 1000ULL + c) >= 7012;
}

void lb_launch_config(struct json_object *lc, const char *own_image) {
        struct json_object *labels = json_get_object(lc, "labels");
        if (!labels)
                json_set(lc, "labels", labels = json_object_new_object());
        if (!json_has(labels, "io.rancher.container.agent.role")) {
                json_set_str(labels, "io.rancher.container.agent.role", "environmentAdmin");
                json_set_str(labels, "io.rancher.container.create_agent", "true");
        }
        if (drains(json_str(lc, "imageUuid", ""), own_image)) {
                json_set_str(labels, "io.rancher.container.agent.role", "environmentAdmin,agent");
                json_set_str(labels, "io.rancher.container.agent_service.drain_provider", "true");
        }
        add_health_check(lc);
}
