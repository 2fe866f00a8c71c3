#include "settings.h"

#include "base/parse.h"

const struct setting_def setting_defs[] = {
        { "access.log", "", false },
        { "agent.activate.ping.retries", "30", false },
        { "agent.activate.ping.timeout", "2000", false },
        { "agent.disconnect.after.seconds", "180", false },
        { "agent.instance.register.url", "", false },
        { "agent.ping.instances.every", "3", false },
        { "agent.ping.reconnect.after.failed.count", "6", false },
        { "agent.ping.resources.every", "12", false },
        { "agent.ping.stats.every", "24", false },
        { "agent.ping.timeout.seconds", "15", false },
        { "allow.restricted.user.exec", "false", false },
        { "api.allow.client.override", "false", false },
        { "api.auth.jwt.token.expiry", "57600000", false },
        { "api.auth.local.access.mode", "unrestricted", false },
        { "api.auth.local.validate.url", "", false },
        { "api.auth.provider.configured", "localauthconfig", false },
        { "api.auth.restrict.concurrent.sessions", "false", false },
        { "api.host", "", true },
        { "api.project.create.default", "true", false },
        { "api.proxy.whitelist", "", false },
        { "api.security.enabled", "true", true },
        { "api.security.role.priority.member", "1", false },
        { "api.security.role.priority.owner", "0", false },
        { "api.security.role.priority.readonly", "3", false },
        { "api.security.role.priority.restricted", "2", false },
        { "api.show.transitioning.internal.message", "false", false },
        { "api.sub.ping.interval.millis", "5000", false },
        { "api.ui.css.url", "", true },
        { "api.ui.js.url", "", true },
        { "audit_log.purge.after.seconds", "2592000", false },
        { "bootstrap.required.image", "rancher/agent:v1.2.11", true },
        { "catalog.execute", "true", false },
        { "catalog.refresh.interval.seconds", "60", false },
        { "catalog.url", "{\"catalogs\":{\"library\":{\"url\":\"builtin:library\"}}}", true },
        { "concurrent.scheduled.upgrades", "5", false },
        { "container.event.max.size", "150", false },
        { "default.schedule.upgrade.delay.minutes", "1440", false },
        { "docker.register.command", "", false },
        { "docker.register.windows.command", "", false },
        { "drover.catalog.deadline.seconds", "120", false },
        { "drover.host.heartbeat.millis", "5000", false },
        { "drover.host.image.cleanup.after.seconds", "off", false },
        { "drover.host.image.cleanup.disk.percent", "0", false },
        { "drover.host.image.cleanup.scope", "pulled", false },
        { "drover.host.upgrade", "true", false },
        { "drover.metadata.everything.hosts", "1000", false },
        { "drover.subscribers.per.account.max", "5000", false },
        { "engine.install.url", "", true },
        { "eventing.timeout.millis", "45000", false },
        { "history.rows.max", "1000000", false },
        { "host.api.proxy.backend.path", "/v1/connectbackend", false },
        { "host.api.proxy.host", "", false },
        { "host.api.proxy.mode", "embedded", false },
        { "host.remove.delay.seconds", "-1", false },
        { "host.remove.delay.startup.seconds", "900", false },
        { "instance.compute.tries", "5", false },
        { "ipsec.service.enable.healthcheck", "false", false },
        { "jwt.default.expiration.seconds", "300", false },
        { "lb.instance.image", "rancher/lb-service-haproxy:v0.9.14", true },
        { "localization", "", true },
        { "machine.driver.config", "file:///var/lib/rancher/etc/machinedrivers.json", false },
        { "machine.drivers.default", "packet,amazonec2,azure,digitalocean,ubiquity,otc", false },
        { "manage.nonrancher.containers", "true", false },
        { "main_tables.purge.after.seconds", "172800", false },
        { "manage.nonrancher.containers", "true", false },
        { "modify.infrastructure.roles", "superadmin,admin,service,owner,member,project,environment,projectadmin,agent", false },
        { "process.retry_max_wait.millis", "120000", false },
        { "process_instance.purge.after.seconds", "3600", false },
        { "project.create.default", "true", true },
        { "project.set.member.roles", "owner", false },
        { "project.template.default.name", "cattle", true },
        { "project.template.defaults", "true", false },
        { "proxy.protocol.https.ports", "443", false },
        { "rancher.server.version", "v1.6.30", true },
        { "registration.token.period.millis", "315360000000", false },
        { "service.execution.credits", "1000", false },
        { "service.execution.delay.seconds", "240", false },
        { "service.execution.period.seconds", "120", false },
        { "service.package.docker.machine.url", "", false },
        { "service_log.purge.after.seconds", "86400", false },
        { "settings.public", "", false },
        { "supported.docker.range", "~v1.12.3 || >=v1.13.0", true },
        { "telemetry.opt", "out", true },
        { "ui.pl", "rancher", true },
        { "upgrade.manager", "mandatory", false },
};
const size_t setting_defs_n = ARRAY_LEN(setting_defs);

const struct setting_def *setting_def_get(const char *name) {
        for (size_t i = 0; i < setting_defs_n; i++)
                if (str_eq(setting_defs[i].name, name))
                        return &setting_defs[i];
        return NULL;
}

struct record *setting_record(struct core *c, const char *name) {
        const struct records *l = world_by_str(core_world(c), T_setting, F_name, name);
        return l->n ? l->v[0] : NULL;
}

const char *setting_get(struct core *c, const char *name) {
        struct record *r = setting_record(c, name);
        const char *v = r ? record_str(r, F_value) : NULL;
        if (v)
                return v;
        if (core_config(c)->no_auth && str_eq(name, "api.security.enabled"))
                return "false";
        if (core_config(c)->proxy_mode && str_eq(name, "host.api.proxy.mode"))
                return core_config(c)->proxy_mode;
        const struct setting_def *d = setting_def_get(name);
        return d ? d->value : "";
}

int64_t setting_int(struct core *c, const char *name) {
        int64_t v;
        if (parse_i64(setting_get(c, name), &v) == 0)
                return v;
        const struct setting_def *d = setting_def_get(name);
        return d && parse_i64(d->value, &v) == 0 ? v : 0;
}
