#include "create_body.h"

#include "base/parse.h"
#include "base/sbuf.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>

enum { WARNINGS_BYTES_MAX = 4096, PORT_MAX = 65535 };

struct build {
        json_object *spec, *config, *host;      /* config: the top level of the body; host: HostConfig */
        json_object *labels;
        const struct create_facts *facts;
        enum net_kind net;
        struct sbuf warnings;
};

/* Where a value goes and how it is read. since/until: API minor versions that know the engine field; 0: no bound. */
enum place { CONFIG, HOST };
enum kind { TEXT, INT, BOOL, LIST, MAP, CUSTOM };
struct row {
        const char *field, *engine;
        enum place place;
        enum kind kind;
        unsigned since, until;
        int (*custom)(struct build *b, json_object *value, struct dr_error *err);
};

static const char *const net_names[NET_KIND_MAX] = { "bridge", "host", "none", "container" };
const char *net_kind_to_string(enum net_kind k) { return (unsigned) k < NET_KIND_MAX ? net_names[k] : NULL; }

enum net_kind net_kind_of(json_object *spec) {
        const char *mode = jv_str(spec, "networkMode");
        if (str_eq(mode, "host"))
                return NET_HOST;
        if (str_eq(mode, "none"))
                return NET_NONE;
        if (str_eq(mode, "container") || str_starts(mode, "container:"))
                return NET_CONTAINER;
        return NET_BRIDGE;
}

static bool has_ports(enum net_kind k) { return k == NET_BRIDGE; }
static bool keeps_hostname(enum net_kind k) { return k == NET_BRIDGE || k == NET_NONE; }

const char *spec_image(json_object *spec) {
        const char *image = jv_str(spec, "imageUuid");
        return str_starts(image, "docker:") ? image + strlen("docker:") : image;
}

char *container_docker_name(const char *name, const char *uuid) {
        size_t n = name ? strlen(name) : 0;
        bool good = n > 1 && isalnum((unsigned char) name[0]);
        for (size_t i = 1; good && i < n; i++)
                good = isalnum((unsigned char) name[i]) || strchr("_.-", name[i]);
        if (good && strlen(uuid) >= 8)
                return dr_xasprintf("r-%s-%.8s", name, uuid);
        return dr_xasprintf("r-%s", uuid);
}

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

static json_object *text_list(json_object *v) {
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

static json_object *text_map(json_object *v) {
        if (!json_object_is_type(v, json_type_object) || json_object_object_length(v) == 0)
                return NULL;
        json_object *m = json_object_new_object();
        json_object_object_foreach(v, key, item)
                json_object_object_add(m, key, text(str_or(scalar_text(item), "")));
        return m;
}

static json_object *number(json_object *v, int64_t factor) {
        uint64_t max = INT64_MAX;
        int64_t n;
        if (json_object_is_type(v, json_type_int) || json_object_is_type(v, json_type_double))
                n = json_object_get_int64(v);
        else if (!json_object_is_type(v, json_type_string) || parse_i64(json_object_get_string(v), &n) < 0)
                return NULL;                            /* rancher-compose sends numbers as text now and then */
        return (uint64_t) llabs(n) > max / (uint64_t) factor ? NULL : json_object_new_int64(n * factor);
}

static void warn(struct build *b, const char *fmt, const char *what) {
        sbuf_printf(&b->warnings, fmt, what);
        sbuf_putc(&b->warnings, '\n');
}

/* Rows that are not one value to one value ---------------------------------------------------------------------- */

static int put_image(struct build *b, json_object *v, struct dr_error *err) {
        const char *image = spec_image(b->spec);
        if (!*image)
                return dr_fail(err, DR_E_MISSING_REQUIRED, "imageUuid", "the full name of docker image is empty");
        json_object_object_add(b->config, "Image", text(image));
        return 0;
}

/* An array as it is; a string (old data) split on single spaces without quoting, then commandArgs. */
static int put_command(struct build *b, json_object *v, struct dr_error *err) {
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
                cmd = text_list(v);
        }
        if (cmd)
                json_object_object_add(b->config, "Cmd", cmd);
        return 0;
}

/* K=V each; an empty value is "K=". System containers also get the agent's proxies, which win (agent.md 9). */
static int put_environment(struct build *b, json_object *v, struct dr_error *err) {
        bool system = str_eq(jv_str(b->labels, "io.rancher.container.system"), "true");
        const char *const *proxies = system ? b->facts->proxy_env : NULL;
        json_object *env = json_object_new_array();
        if (json_object_is_type(v, json_type_object)) {
                json_object_object_foreach(v, key, item) {
                        bool overridden = false;
                        for (size_t i = 0; proxies && proxies[i]; i++)
                                overridden |= str_starts(proxies[i], key) && proxies[i][strlen(key)] == '=';
                        if (overridden)
                                continue;
                        auto_free char *pair = dr_xasprintf("%s=%s", key, str_or(scalar_text(item), ""));
                        json_object_array_add(env, text(pair));
                }
        }
        for (size_t i = 0; proxies && proxies[i]; i++)
                json_object_array_add(env, text(proxies[i]));
        if (json_object_array_length(env) == 0)
                json_object_put(env);
        else
                json_object_object_add(b->config, "Env", env);
        return 0;
}

static int put_hostname(struct build *b, json_object *v, struct dr_error *err) {
        if (keeps_hostname(b->net) && *jv_text(v))
                json_object_object_add(b->config, "Hostname", text(jv_text(v)));
        return 0;
}

static int put_labels(struct build *b, json_object *v, struct dr_error *err) {
        json_object_object_add(b->config, "Labels", json_object_get(b->labels));
        return 0;
}

/* healthCmd and its numbers share Config.Healthcheck; an empty Test inherits the image's. */
static int put_health(struct build *b, json_object *v, struct dr_error *err) {
        static const struct { const char *field, *engine; int64_t factor; } numbers[] = {
                { "healthInterval", "Interval", 1000000000 }, { "healthTimeout", "Timeout", 1000000000 }, { "healthRetries", "Retries", 1 },
        };
        json_object *h = json_object_new_object(), *test = text_list(v);
        if (test)
                json_object_object_add(h, "Test", test);
        for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
                json_object *n = number(jv_get(b->spec, numbers[i].field), numbers[i].factor);
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

static int put_ports(struct build *b, json_object *v, struct dr_error *err) {
        if (!has_ports(b->net))
                return 0;
        for (size_t i = 0; i < jv_len(v); i++) {
                int r = put_port(b, jv_text(jv_at(v, i)), err);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int put_publish_all(struct build *b, json_object *v, struct dr_error *err) {
        if (has_ports(b->net) && jv_bool(b->spec, "publishAllPorts"))
                json_object_object_add(b->host, "PublishAllPorts", json_object_new_boolean(true));
        return 0;
}

/* When all search domains are the platform's, the host's own are added: behind, or with priority service_last in front. */
static int put_dns_search(struct build *b, json_object *v, struct dr_error *err) {
        json_object *list = text_list(v);
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
static int put_devices(struct build *b, json_object *v, struct dr_error *err) {
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

static int put_restart_policy(struct build *b, json_object *v, struct dr_error *err) {
        if (!*jv_str(v, "name"))
                return 0;
        json_object *p = json_object_new_object();
        json_object_object_add(p, "Name", text(jv_str(v, "name")));
        json_object_object_add(p, "MaximumRetryCount", json_object_new_int64(jv_i64(v, "maximumRetryCount")));
        json_object_object_add(b->host, "RestartPolicy", p);
        return 0;
}

static int put_log_config(struct build *b, json_object *v, struct dr_error *err) {
        json_object *config = text_map(jv_get(v, "config"));
        if (!*jv_str(v, "driver") && !config)
                return 0;
        json_object *l = json_object_new_object();
        json_object_object_add(l, "Type", text(jv_str(v, "driver")));
        json_object_object_add(l, "Config", config ? config : json_object_new_object());
        json_object_object_add(b->host, "LogConfig", l);
        return 0;
}

/* milliCpuReservation wins over cpuShares. Upstream's floor of 2 when nothing was asked is dropped (agent.md 21). */
static int put_cpu_shares(struct build *b, json_object *v, struct dr_error *err) {
        int64_t milli = jv_i64(b->spec, "milliCpuReservation");
        json_object *shares = milli > 0 && milli < INT32_MAX ? json_object_new_int64(MAX(milli * 1024 / 1000, (int64_t) 2))
                                                             : number(jv_get(b->spec, "cpuShares"), 1);
        if (shares)
                json_object_object_add(b->host, "CpuShares", shares);
        return 0;
}

static int put_ulimits(struct build *b, json_object *v, struct dr_error *err) {
        for (size_t i = 0; i < jv_len(v); i++) {
                json_object *in = jv_at(v, i), *u = json_object_new_object();
                json_object_object_add(u, "Name", text(jv_str(in, "name")));
                json_object_object_add(u, "Soft", json_object_new_int64(jv_i64(in, "soft")));
                json_object_object_add(u, "Hard", json_object_new_int64(jv_i64(in, jv_get(in, "hard") ? "hard" : "soft")));
                json_object_array_add(child(b->host, "Ulimits", json_type_array), u);
        }
        return 0;
}

static int put_blkio_devices(struct build *b, json_object *v, struct dr_error *err) {
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
                        warn(b, "blkioDeviceOptions for %s are left out: this host has no default disk", device);
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
static int put_volumes(struct build *b, json_object *v, struct dr_error *err) {
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

static int put_volumes_from(struct build *b, json_object *v, struct dr_error *err) {
        for (size_t i = 0; i < jv_len(v); i++) {
                const char *uuid = jv_text(jv_at(v, i));
                const char *id = b->facts->id_of ? b->facts->id_of(b->facts->ctx, uuid) : NULL;
                if (id)
                        json_object_array_add(child(b->host, "VolumesFrom", json_type_array), text(id));
                else
                        warn(b, "volumes from container %s are left out: it is not on this host", uuid);
        }
        return 0;
}

static int put_network(struct build *b, json_object *v, struct dr_error *err) {
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
static int put_mac(struct build *b, json_object *v, struct dr_error *err) {
        const char *mac = jv_str(b->labels, "io.rancher.container.mac_address");
        if (!*mac || !has_ports(b->net))
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

static const struct row rows[] = {
        { "imageUuid", "Image", CONFIG, CUSTOM, .custom = put_image },
        { "command", "Cmd", CONFIG, CUSTOM, .custom = put_command },
        { "entryPoint", "Entrypoint", CONFIG, LIST },
        { "environment", "Env", CONFIG, CUSTOM, .custom = put_environment },
        { "workingDir", "WorkingDir", CONFIG, TEXT },
        { "user", "User", CONFIG, TEXT },
        { "stopSignal", "StopSignal", CONFIG, TEXT },
        { "domainName", "Domainname", CONFIG, TEXT },
        { "hostname", "Hostname", CONFIG, CUSTOM, .custom = put_hostname },
        { "tty", "Tty", CONFIG, BOOL },
        { "stdinOpen", "OpenStdin", CONFIG, BOOL },
        { "stopTimeout", "StopTimeout", CONFIG, INT, .since = 25 },
        { "labels", "Labels", CONFIG, CUSTOM, .custom = put_labels },
        { "healthCmd", "Healthcheck", CONFIG, CUSTOM, .custom = put_health },
        { "ports", "PortBindings", HOST, CUSTOM, .custom = put_ports },
        { "publishAllPorts", "PublishAllPorts", HOST, CUSTOM, .custom = put_publish_all },
        { "privileged", "Privileged", HOST, BOOL },
        { "readOnly", "ReadonlyRootfs", HOST, BOOL },
        { "capAdd", "CapAdd", HOST, LIST },
        { "capDrop", "CapDrop", HOST, LIST },
        { "dns", "Dns", HOST, LIST },
        { "dnsSearch", "DnsSearch", HOST, CUSTOM, .custom = put_dns_search },
        { "dnsOpt", "DnsOptions", HOST, LIST },
        { "extraHosts", "ExtraHosts", HOST, LIST },
        { "devices", "Devices", HOST, CUSTOM, .custom = put_devices },
        { "securityOpt", "SecurityOpt", HOST, LIST },
        { "groupAdd", "GroupAdd", HOST, LIST },
        { "pidMode", "PidMode", HOST, TEXT },
        { "ipcMode", "IpcMode", HOST, TEXT },
        { "uts", "UTSMode", HOST, TEXT },
        { "usernsMode", "UsernsMode", HOST, TEXT },
        { "cgroupParent", "CgroupParent", HOST, TEXT },
        { "cgroup", "Cgroup", HOST, TEXT },
        { "restartPolicy", "RestartPolicy", HOST, CUSTOM, .custom = put_restart_policy },
        { "logConfig", "LogConfig", HOST, CUSTOM, .custom = put_log_config },
        { "memory", "Memory", HOST, INT },
        { "memorySwap", "MemorySwap", HOST, INT },
        { "memoryReservation", "MemoryReservation", HOST, INT },
        { "memorySwappiness", "MemorySwappiness", HOST, INT },
        { "kernelMemory", "KernelMemory", HOST, INT, .until = 41 },     /* removed in API 1.42 (Engine 23) */
        { "oomKillDisable", "OomKillDisable", HOST, BOOL },
        { "oomScoreAdj", "OomScoreAdj", HOST, INT },
        { "shmSize", "ShmSize", HOST, INT },
        { "cpuShares", "CpuShares", HOST, CUSTOM, .custom = put_cpu_shares },
        { "cpuSet", "CpusetCpus", HOST, TEXT },
        { "cpuSetMems", "CpusetMems", HOST, TEXT },
        { "cpuPeriod", "CpuPeriod", HOST, INT },
        { "cpuQuota", "CpuQuota", HOST, INT },
        { "cpuRealtimePeriod", "CpuRealtimePeriod", HOST, INT, .since = 25 },
        { "cpuRealtimeRuntime", "CpuRealtimeRuntime", HOST, INT, .since = 25 },
        { "pidsLimit", "PidsLimit", HOST, INT },
        { "diskQuota", "DiskQuota", HOST, INT },
        { "ulimits", "Ulimits", HOST, CUSTOM, .custom = put_ulimits },
        { "sysctls", "Sysctls", HOST, MAP },
        { "tmpfs", "Tmpfs", HOST, MAP },
        { "storageOpt", "StorageOpt", HOST, MAP },
        { "runInit", "Init", HOST, BOOL, .since = 25 },
        { "blkioWeight", "BlkioWeight", HOST, INT },
        { "blkioDeviceOptions", "BlkioWeightDevice", HOST, CUSTOM, .custom = put_blkio_devices },
        { "dataVolumes", "Binds", HOST, CUSTOM, .custom = put_volumes },
        { "volumesFromUuids", "VolumesFrom", HOST, CUSTOM, .custom = put_volumes_from },
        { "networkMode", "NetworkMode", HOST, CUSTOM, .custom = put_network },
        { "labels", "MacAddress", CONFIG, CUSTOM, .custom = put_mac },
};

static int put_row(struct build *b, const struct row *r, struct dr_error *err) {
        if ((r->since && b->facts->api_minor < r->since) || (r->until && b->facts->api_minor > r->until))
                return 0;
        json_object *in = jv_get(b->spec, r->field), *out = NULL;
        switch (r->kind) {
        case CUSTOM:
                return r->custom(b, in, err);
        case TEXT:
                out = *jv_text(in) ? text(jv_text(in)) : NULL;
                break;
        case INT:
                out = number(in, 1);
                break;
        case BOOL:                                      /* pointers in the engine: null stays null, false is said */
                out = json_object_is_type(in, json_type_boolean) ? json_object_get(in) : NULL;
                break;
        case LIST:
                out = text_list(in);
                break;
        case MAP:
                out = text_map(in);
                break;
        }
        if (out)
                json_object_object_add(r->place == CONFIG ? b->config : b->host, r->engine, out);
        return 0;
}

/* The spec's labels are complete; the uuid label is the container's identity, so it is set here whatever they say. */
static json_object *make_labels(json_object *spec, const char *uuid) {
        json_object *labels = text_map(jv_get(spec, "labels"));
        if (!labels)
                labels = json_object_new_object();
        json_object_object_add(labels, "io.rancher.container.uuid", text(uuid));
        return labels;
}

int create_body(json_object *spec, const char *uuid, const struct create_facts *facts, char **ret, char **warnings, struct dr_error *err) {
        AUTO(jv_put) json_object *config = json_object_new_object();
        AUTO(jv_put) json_object *labels = make_labels(spec, uuid);
        json_object *host = json_object_new_object();
        struct build b = { .spec = spec, .config = config, .host = host, .labels = labels, .facts = facts, .net = net_kind_of(spec),
                           .warnings = SBUF(WARNINGS_BYTES_MAX) };
        int r = 0;
        for (size_t i = 0; i < ARRAY_LEN(rows) && r == 0; i++)
                r = put_row(&b, &rows[i], err);
        json_object_object_add(config, "HostConfig", host);
        if (r == 0) {
                *ret = dr_xstrdup(jv_print(config));
                if (warnings)
                        *warnings = sbuf_steal(&b.warnings);
        }
        sbuf_done(&b.warnings);
        return r;
}
