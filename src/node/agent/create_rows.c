#include "create_body-internal.h"

#include "base/parse.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>

enum { PORT_MAX = 65535 };

/* Engine values ------------------------------------------------------------------------------------------------- */

static json_object *text(const char *s) { return json_object_new_string(s); }
static json_object *textn(const char *s, size_t n) { return json_object_new_string_len(s, (int) n); }

static json_object *child(json_object *o, const char *key, enum json_type type) {
        json_object *v = jv_get(o, key);
        if (!v) {
                v = type == json_type_array ? json_object_new_array() : json_object_new_object();
                json_object_object_add(o, key, v);
        }
        return v;
}

/* A scalar as the string that Docker wants for labels and environment: 1, true and "x" alike. NULL for null and containers. */
static const char *scalar_text(json_object *v) {
        switch (json_object_get_type(v)) {
        case json_type_string: case json_type_int: case json_type_double: case json_type_boolean:
                return json_object_get_string(v);
        default:
                return NULL;
        }
}

json_object *engine_list(json_object *v) {
        if (jv_len(v) == 0)
                return NULL;
        json_object *a = json_object_new_array();
        for (size_t i = 0; i < jv_len(v); i++) {
                const char *s = scalar_text(jv_at(v, i));
                if (s)
                        json_object_array_add(a, text(s));
        }
        return a;
}

json_object *engine_map(json_object *v) {
        if (!json_object_is_type(v, json_type_object) || json_object_object_length(v) == 0)
                return NULL;
        json_object *m = json_object_new_object();
        json_object_object_foreach(v, key, item)
                json_object_object_add(m, key, text(str_or(scalar_text(item), "")));
        return m;
}

json_object *engine_number(json_object *v, int64_t factor) {
        uint64_t max = INT64_MAX;
        int64_t n;
        if (json_object_is_type(v, json_type_int) || json_object_is_type(v, json_type_double))
                n = json_object_get_int64(v);
        else if (!json_object_is_type(v, json_type_string) || parse_i64(json_object_get_string(v), &n) < 0)
                return NULL;                            /* rancher-compose sends numbers as text now and then */
        return n == INT64_MIN || (uint64_t) llabs(n) > max / (uint64_t) factor ? NULL : json_object_new_int64(n * factor);
}

json_object *engine_text(json_object *v) { return *jv_text(v) ? text(jv_text(v)) : NULL; }
json_object *engine_bool(json_object *v) { return json_object_is_type(v, json_type_boolean) ? json_object_get(v) : NULL; }

void build_warn(struct build *b, const char *fmt, ...) {
        char line[400];
        va_list ap;
        va_start(ap, fmt);
        vsnprintf(line, sizeof line, fmt, ap);
        va_end(ap);
        sbuf_puts(&b->warnings, line);
        sbuf_putc(&b->warnings, '\n');
}

/* Rows that are not one value to one value ---------------------------------------------------------------------- */

int put_image(struct build *b, json_object *v, struct dr_error *err) {
        const char *image = spec_image(b->spec);
        if (!*image)
                return dr_fail(err, DR_E_MISSING_REQUIRED, "imageUuid", "the full name of docker image is empty");
        json_object_object_add(b->config, "Image", text(image));
        return 0;
}

/* An array as it is; a string (old data) split on single spaces without quoting, then commandArgs. */
int put_command(struct build *b, json_object *v, struct dr_error *err) {
        json_object *cmd = NULL;
        if (json_object_is_type(v, json_type_string)) {
                const char *s = json_object_get_string(v);
                if (*s) {
                        cmd = json_object_new_array();
                        for (const char *end; ; s = end + 1) {
                                end = strchrnul(s, ' ');
                                json_object_array_add(cmd, textn(s, (size_t) (end - s)));
                                if (!*end)
                                        break;
                        }
                        json_object *args = jv_arr(b->spec, "commandArgs");
                        for (size_t i = 0; i < jv_len(args); i++)
                                json_object_array_add(cmd, text(str_or(scalar_text(jv_at(args, i)), "")));
                }
        } else {
                cmd = engine_list(v);
        }
        if (cmd)
                json_object_object_add(b->config, "Cmd", cmd);
        return 0;
}

static void add_env(json_object *env, const char *key, const char *value) {
        auto_free char *pair = dr_xasprintf("%s=%s", key, value);
        json_object_array_add(env, text(pair));
}

/* Where the API is, for containers that speak to it (agent.md 9): the agent's own address of the server. One whose host is this machine itself is of no
 * use inside a container, which then finds out the address by itself and is told the rest. */
static void add_api_env(struct build *b, json_object *user, json_object *env) {
        const char *url = b->facts->api_url;
        if (!url || (!jv_get(b->labels, "io.rancher.container.agent_id") && !jv_get(b->labels, "io.rancher.container.cattle_url")))
                return;
        const char *host = strstr(url, "://"), *path = host ? strchr(host + 3, '/') : NULL;
        size_t scheme_len = host ? (size_t) (host - url) : 0, host_len = host ? strcspn(host + 3, "/") : 0;
        auto_free char *name = dr_xstrndup(host ? host + 3 : "", host_len), *scheme = dr_xstrndup(url, scheme_len);
        const struct { const char *key, *value; } remote[] = { { "CATTLE_CONFIG_URL", url }, { "CATTLE_URL", url } },
                local[] = { { "CATTLE_AGENT_INSTANCE", "true" }, { "CATTLE_CONFIG_URL_SCHEME", scheme }, { "CATTLE_CONFIG_URL_PATH", path ? path : "" },
                            { "CATTLE_CONFIG_URL_PORT", "9342" } };
        bool here = strstr(name, "localhost") != NULL;
        for (size_t i = 0; i < (here ? ARRAY_LEN(local) : ARRAY_LEN(remote)); i++) {
                const char *key = here ? local[i].key : remote[i].key;
                if (!jv_get(user, key))
                        add_env(env, key, here ? local[i].value : remote[i].value);
        }
}

/* K=V each; an empty value is "K=". System containers also get the agent's proxies, which win (agent.md 9). */
int put_environment(struct build *b, json_object *v, struct dr_error *err) {
        bool system = str_eq(jv_str(b->labels, "io.rancher.container.system"), "true");
        const char *const *proxies = system ? b->facts->proxy_env : NULL;
        json_object *env = json_object_new_array();
        if (json_object_is_type(v, json_type_object)) {
                json_object_object_foreach(v, key, item) {
                        bool overridden = false;
                        for (size_t i = 0; proxies && proxies[i]; i++)
                                overridden |= str_starts(proxies[i], key) && proxies[i][strlen(key)] == '=';
                        if (!overridden)
                                add_env(env, key, str_or(scalar_text(item), ""));
                }
        }
        add_api_env(b, v, env);
        for (size_t i = 0; proxies && proxies[i]; i++)
                json_object_array_add(env, text(proxies[i]));
        if (json_object_array_length(env) == 0)
                json_object_put(env);
        else
                json_object_object_add(b->config, "Env", env);
        return 0;
}

int put_hostname(struct build *b, json_object *v, struct dr_error *err) {
        if (net_keeps_hostname(b->net) && *jv_text(v))
                json_object_object_add(b->config, "Hostname", text(jv_text(v)));
        return 0;
}

int put_labels(struct build *b, json_object *v, struct dr_error *err) {
        json_object_object_add(b->config, "Labels", json_object_get(b->labels));
        return 0;
}

/* healthCmd and its numbers share Config.Healthcheck; an empty Test inherits the image's. */
int put_health(struct build *b, json_object *v, struct dr_error *err) {
        static const struct { const char *field, *engine; int64_t factor; } numbers[] = {
                { "healthInterval", "Interval", 1000000000 }, { "healthTimeout", "Timeout", 1000000000 }, { "healthRetries", "Retries", 1 },
        };
        json_object *h = json_object_new_object(), *test = engine_list(v);
        if (test)
                json_object_object_add(h, "Test", test);
        for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
                json_object *n = engine_number(jv_get(b->spec, numbers[i].field), numbers[i].factor);
                if (n)
                        json_object_object_add(h, numbers[i].engine, n);
        }
        if (json_object_object_length(h) == 0)
                json_object_put(h);
        else
                json_object_object_add(b->config, "Healthcheck", h);
        return 0;
}

static int bad_port(struct dr_error *err, const char *port) {
        return dr_fail(err, DR_E_PORT_FORMAT, "ports", "port \"%s\" is not [ip:][public:]private[/proto]", port);
}

/* "[ip:][public:]private[/proto]"; an IPv6 address is in brackets. Private port 0 is skipped (agent.md 8). */
static int put_port(struct build *b, const char *port, struct dr_error *err) {
        char ip[64] = "", public[8] = "", private[8] = "", proto[8] = "tcp";
        const char *p = port, *slash = strchr(p, '/');
        size_t n = slash ? (size_t) (slash - p) : strlen(p);
        if (slash) {
                if (strlen(slash + 1) >= sizeof proto || !slash[1])
                        return bad_port(err, port);
                for (size_t i = 0; i <= strlen(slash + 1); i++)
                        proto[i] = (char) tolower((unsigned char) slash[1 + i]);
                if (!str_eq(proto, "tcp") && !str_eq(proto, "udp") && !str_eq(proto, "sctp"))
                        return dr_fail(err, DR_E_PORT_PROTOCOL, "ports", "port \"%s\" has protocol \"%s\"; tcp and udp exist", port, proto);
        }
        /* From the right: private, public, and what is left is the address. */
        auto_free char *head = dr_xstrndup(p, n);
        char *colon = strrchr(head, ':');
        const char *last = colon ? colon + 1 : head;
        uint64_t number_;
        if (parse_u64(last, PORT_MAX, &number_) < 0)
                return bad_port(err, port);
        if (number_ == 0)
                return 0;
        snprintf(private, sizeof private, "%u", (unsigned) number_);
        if (colon) {
                *colon = 0;
                colon = strrchr(head, ':');
                char *bracket = strrchr(head, ']');
                if (bracket && colon && colon < bracket)
                        colon = NULL;
                const char *middle = colon ? colon + 1 : head;
                bool address_only = !colon && (bracket || strchr(head, '.'));       /* "10.0.0.1:80": no public port */
                if (!address_only && *middle) {
                        if (parse_u64(middle, PORT_MAX, &number_) < 0)
                                return bad_port(err, port);
                        if (number_)
                                snprintf(public, sizeof public, "%u", (unsigned) number_);
                }
                if (colon)
                        *colon = 0;
                if (colon || address_only) {
                        size_t k = strlen(head);
                        bool bracketed = k > 2 && head[0] == '[' && head[k - 1] == ']';
                        if (k >= sizeof ip)
                                return bad_port(err, port);
                        snprintf(ip, sizeof ip, "%.*s", (int) (bracketed ? k - 2 : k), bracketed ? head + 1 : head);
                        struct in6_addr address;
                        if (inet_pton(AF_INET, ip, &address) != 1 && inet_pton(AF_INET6, ip, &address) != 1)
                                return bad_port(err, port);
                }
        }
        char key[24];
        snprintf(key, sizeof key, "%s/%s", private, proto);
        json_object_object_add(child(b->config, "ExposedPorts", json_type_object), key, json_object_new_object());
        json_object *binding = json_object_new_object();
        json_object_object_add(binding, "HostIp", text(ip));
        json_object_object_add(binding, "HostPort", text(public));
        json_object_array_add(child(child(b->host, "PortBindings", json_type_object), key, json_type_array), binding);
        return 0;
}

int put_ports(struct build *b, json_object *v, struct dr_error *err) {
        if (!net_has_ports(b->net))
                return 0;
        for (size_t i = 0; i < jv_len(v); i++) {
                int r = put_port(b, jv_text(jv_at(v, i)), err);
                if (r < 0)
                        return r;
        }
        return 0;
}

int put_publish_all(struct build *b, json_object *v, struct dr_error *err) {
        if (net_has_ports(b->net) && jv_bool(b->spec, "publishAllPorts"))
                json_object_object_add(b->host, "PublishAllPorts", json_object_new_boolean(true));
        return 0;
}

/* When all search domains are the platform's, the host's own are added: behind, or with priority service_last in front. */
int put_dns_search(struct build *b, json_object *v, struct dr_error *err) {
        json_object *list = engine_list(v);
        if (!list && b->net == NET_CNI)
                list = engine_list(jv_get(jv_obj(b->spec, "network"), "dnsSearch"));
        if (!list)
                return 0;
        bool ours = true;
        for (size_t i = 0; i < jv_len(list); i++)
                ours &= str_ends(jv_text(jv_at(list, i)), "rancher.internal");
        const char *const *host = ours ? b->facts->host_search : NULL;
        if (host && str_eq(jv_str(b->labels, "io.rancher.container.dns.priority"), "service_last")) {
                json_object *all = json_object_new_array();
                size_t n = 0;
                while (host[n])
                        n++;
                while (n > 0)                           /* each is prepended in turn, so they end up reversed */
                        json_object_array_add(all, text(host[--n]));
                for (size_t i = 0; i < jv_len(list); i++)
                        json_object_array_add(all, json_object_get(jv_at(list, i)));
                json_object_put(list);
                list = all;
        } else {
                for (size_t i = 0; host && host[i]; i++)
                        json_object_array_add(list, text(host[i]));
        }
        json_object_object_add(b->host, "DnsSearch", list);
        return 0;
}

/* "host:container[:permissions]"; one part means the same path on both sides. */
int put_devices(struct build *b, json_object *v, struct dr_error *err) {
        for (size_t i = 0; i < jv_len(v); i++) {
                const char *s = jv_text(jv_at(v, i)), *c1 = strchr(s, ':'), *c2 = c1 ? strchr(c1 + 1, ':') : NULL;
                if (*s != '/' || (c1 && c1[1] != '/') || (c2 && (!c2[1] || strspn(c2 + 1, "rwm") != strlen(c2 + 1))))
                        return dr_fail(err, DR_E_INVALID_FORMAT, "devices", "device \"%s\" is not HOST[:CONTAINER[:rwm]]", s);
                size_t n1 = c1 ? (size_t) (c1 - s) : strlen(s);
                size_t n2 = c1 ? (c2 ? (size_t) (c2 - c1 - 1) : strlen(c1 + 1)) : n1;
                json_object *d = json_object_new_object();
                json_object_object_add(d, "PathOnHost", textn(s, n1));
                json_object_object_add(d, "PathInContainer", textn(c1 ? c1 + 1 : s, n2));
                json_object_object_add(d, "CgroupPermissions", text(c2 ? c2 + 1 : "rwm"));
                json_object_array_add(child(b->host, "Devices", json_type_array), d);
        }
        return 0;
}

int put_restart_policy(struct build *b, json_object *v, struct dr_error *err) {
        if (!*jv_str(v, "name"))
                return 0;
        json_object *p = json_object_new_object();
        json_object_object_add(p, "Name", text(jv_str(v, "name")));
        json_object_object_add(p, "MaximumRetryCount", json_object_new_int64(jv_i64(v, "maximumRetryCount")));
        json_object_object_add(b->host, "RestartPolicy", p);
        return 0;
}

int put_log_config(struct build *b, json_object *v, struct dr_error *err) {
        json_object *config = engine_map(jv_get(v, "config"));
        if (!*jv_str(v, "driver") && !config)
                return 0;
        json_object *l = json_object_new_object();
        json_object_object_add(l, "Type", text(jv_str(v, "driver")));
        json_object_object_add(l, "Config", config ? config : json_object_new_object());
        json_object_object_add(b->host, "LogConfig", l);
        return 0;
}

/* milliCpuReservation wins over cpuShares. Upstream's floor of 2 when nothing was asked is dropped (agent.md 21). */
int put_cpu_shares(struct build *b, json_object *v, struct dr_error *err) {
        int64_t milli = jv_i64(b->spec, "milliCpuReservation");
        json_object *shares = milli > 0 && milli < INT32_MAX ? json_object_new_int64(MAX(milli * 1024 / 1000, (int64_t) 2))
                                                             : engine_number(jv_get(b->spec, "cpuShares"), 1);
        if (shares)
                json_object_object_add(b->host, "CpuShares", shares);
        return 0;
}

int put_ulimits(struct build *b, json_object *v, struct dr_error *err) {
        for (size_t i = 0; i < jv_len(v); i++) {
                json_object *in = jv_at(v, i), *u = json_object_new_object();
                json_object_object_add(u, "Name", text(jv_str(in, "name")));
                json_object_object_add(u, "Soft", json_object_new_int64(jv_i64(in, "soft")));
                json_object_object_add(u, "Hard", json_object_new_int64(jv_i64(in, jv_get(in, "hard") ? "hard" : "soft")));
                json_object_array_add(child(b->host, "Ulimits", json_type_array), u);
        }
        return 0;
}

int put_blkio_devices(struct build *b, json_object *v, struct dr_error *err) {
        static const struct { const char *field, *engine, *value; } kinds[] = {
                { "weight", "BlkioWeightDevice", "Weight" },
                { "readIops", "BlkioDeviceReadIOps", "Rate" }, { "writeIops", "BlkioDeviceWriteIOps", "Rate" },
                { "readBps", "BlkioDeviceReadBps", "Rate" }, { "writeBps", "BlkioDeviceWriteBps", "Rate" },
        };
        if (!json_object_is_type(v, json_type_object))
                return 0;
        json_object_object_foreach(v, device, options) {
                const char *path = str_eq(device, "DEFAULT_DISK") ? b->facts->default_disk : device;
                if (!path) {
                        build_warn(b, "blkioDeviceOptions for %s are left out: this host has no default disk", device);
                        continue;
                }
                for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
                        int64_t n = jv_i64(options, kinds[i].field);
                        if (n == 0)
                                continue;
                        json_object *d = json_object_new_object();
                        json_object_object_add(d, "Path", text(path));
                        json_object_object_add(d, kinds[i].value, json_object_new_int64(n));
                        json_object_array_add(child(b->host, kinds[i].engine, json_type_array), d);
                }
        }
        return 0;
}

static void add_bind(struct build *b, const char *source, const char *dest, const char *mode) {
        auto_free char *bind = dr_xasprintf("%s:%s:%s", source, dest, mode);
        json_object_array_add(child(b->host, "Binds", json_type_array), text(bind));
}

/* One part is an anonymous volume; two or three are a bind or a named volume, mode rw unless said. */
int put_volumes(struct build *b, json_object *v, struct dr_error *err) {
        static const char docker_lib[] = "/var/lib/docker";
        const char *root = b->facts->docker_root;
        for (size_t i = 0; i < jv_len(v); i++) {
                const char *s = jv_text(jv_at(v, i)), *c1 = strchr(s, ':'), *c2 = c1 ? strchr(c1 + 1, ':') : NULL;
                auto_free char *source = dr_xstrndup(s, c1 ? (size_t) (c1 - s) : strlen(s));
                auto_free char *dest = c1 ? dr_xstrndup(c1 + 1, c2 ? (size_t) (c2 - c1 - 1) : strlen(c1 + 1)) : dr_xstrdup(source);
                const char *mode = c2 && c2[1] ? c2 + 1 : "rw";
                if (!*source || *dest != '/')
                        return dr_fail(err, DR_E_INVALID_FORMAT, "dataVolumes", "volume \"%s\" is not PATH or SOURCE:PATH[:MODE]", s);
                json_object *volumes = child(b->config, "Volumes", json_type_object);
                json_object_object_add(volumes, dest, json_object_new_object());
                if (!c1)
                        continue;
                bool moved = root && *root && !str_eq(root, docker_lib) && str_eq(source, docker_lib) && str_eq(dest, docker_lib);
                add_bind(b, moved ? root : source, dest, mode);
                if (moved)
                        add_bind(b, root, root, mode);
        }
        return 0;
}

int put_volumes_from(struct build *b, json_object *v, struct dr_error *err) {
        for (size_t i = 0; i < jv_len(v); i++) {
                const char *uuid = jv_text(jv_at(v, i));
                const char *id = b->facts->id_of ? b->facts->id_of(b->facts->ctx, uuid) : NULL;
                if (id)
                        json_object_array_add(child(b->host, "VolumesFrom", json_type_array), text(id));
                else
                        build_warn(b, "volumes from container %s are left out: it is not on this host", uuid);
        }
        return 0;
}

int put_network(struct build *b, json_object *v, struct dr_error *err) {
        const char *mode = jv_str(b->spec, "networkMode"), *from = jv_str(b->spec, "networkFromUuid");
        auto_free char *container = NULL;
        switch (b->net) {
        case NET_HOST:
                json_object_object_add(b->host, "NetworkMode", text("host"));
                break;
        case NET_NONE:
                json_object_object_add(b->host, "NetworkMode", text("none"));
                json_object_object_add(b->config, "NetworkDisabled", json_object_new_boolean(true));
                break;
        case NET_CNI:                                   /* not disabled: the engine writes resolv.conf and hosts */
                json_object_object_add(b->host, "NetworkMode", text("none"));
                json_object_object_add(b->config, "NetworkDisabled", json_object_new_boolean(false));
                break;
        case NET_CONTAINER:
                if (*from) {
                        const char *id = b->facts->id_of ? b->facts->id_of(b->facts->ctx, from) : NULL;
                        if (!id)
                                return dr_fail(err, DR_E_INVALID_REFERENCE, "networkFromUuid",
                                               "container \"%s\", whose network is to be shared, is not on this host", from);
                        container = dr_xasprintf("container:%s", id);
                } else if (str_starts(mode, "container:") && mode[strlen("container:")]) {
                        container = dr_xstrdup(mode);
                } else {
                        return dr_fail(err, DR_E_MISSING_REQUIRED, "networkFromUuid",
                                       "network mode \"container\" needs the container whose network is shared");
                }
                json_object_object_add(b->host, "NetworkMode", text(container));
                break;
        default:                                        /* unset: the engine's bridge */
                break;
        }
        return 0;
}

/* Label io.rancher.container.mac_address; Config.MacAddress moved to the endpoint in API 1.44. */
int put_mac(struct build *b, json_object *v, struct dr_error *err) {
        const char *mac = jv_str(b->labels, "io.rancher.container.mac_address");
        if (!*mac || !net_has_ports(b->net))
                return 0;
        if (b->facts->api_minor < 44) {
                json_object_object_add(b->config, "MacAddress", text(mac));
                return 0;
        }
        json_object_object_add(b->host, "NetworkMode", text("bridge"));        /* the endpoint's name must be the mode */
        json_object *endpoints = child(child(b->config, "NetworkingConfig", json_type_object), "EndpointsConfig", json_type_object);
        json_object_object_add(child(endpoints, "bridge", json_type_object), "MacAddress", text(mac));
        return 0;
}

/* Secrets are files that a storage driver mounts; none does yet. */
int put_secrets(struct build *b, json_object *v, struct dr_error *err) {
        if (jv_len(v) > 0)
                build_warn(b, "secrets are left out: no storage driver of this host serves them");
        return 0;
}
