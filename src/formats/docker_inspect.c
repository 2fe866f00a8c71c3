#include "docker_inspect.h"

#include <stdio.h>

enum where { CONFIG, HOST };
enum how {
        TEXT, NUMBER, FLAG, LIST, MAP,          /* as it is, when it says anything */
        CUSTOM,
};

static struct json_object *at(struct json_object *list, size_t i) { return json_object_array_get_idx(list, i); }
static size_t length(struct json_object *list) { return json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0; }
static const char *text_at(struct json_object *list, size_t i) {
        struct json_object *v = at(list, i);
        return json_object_is_type(v, json_type_string) ? json_object_get_string(v) : "";
}

/* ---- rows that are not one value to one value: NULL is nothing ---- */
static struct json_object *environment(struct json_object *list) {
        struct json_object *map = json_object_new_object();
        for (size_t i = 0; i < length(list); i++) {
                const char *pair = text_at(list, i), *eq = strchr(pair, '=');
                auto_free char *key = dr_xstrndup(pair, eq ? (size_t) (eq - pair) : strlen(pair));
                if (*key)
                        json_set_str(map, key, eq ? eq + 1 : "");
        }
        return map;
}

static struct json_object *capabilities(struct json_object *list) {     /* engines from 20.10 on put CAP_ in front; the API's have none */
        struct json_object *out = json_object_new_array();
        for (size_t i = 0; i < length(list); i++)
                json_object_array_add(out, json_object_new_string(text_at(list, i) + (str_starts(text_at(list, i), "CAP_") ? strlen("CAP_") : 0)));
        return out;
}

static struct json_object *devices(struct json_object *list) {
        struct json_object *out = json_object_new_array();
        for (size_t i = 0; i < length(list); i++) {
                const char *host = json_str(at(list, i), "PathOnHost", "");
                auto_free char *s = dr_xasprintf("%s:%s:%s", host, json_str(at(list, i), "PathInContainer", host), json_str(at(list, i), "CgroupPermissions", "rwm"));
                if (*host)
                        json_object_array_add(out, json_object_new_string(s));
        }
        return out;
}

static struct json_object *restart_policy(struct json_object *o) {
        const char *name = json_str(o, "Name", "");
        if (!*name || str_eq(name, "no"))
                return NULL;
        struct json_object *out = json_object_new_object();
        json_set_str(out, "name", name);
        if (json_int(o, "MaximumRetryCount", 0))
                json_set_int(out, "maximumRetryCount", json_int(o, "MaximumRetryCount", 0));
        return out;
}

static struct json_object *log_config(struct json_object *o) {
        struct json_object *out, *config = json_get_object(o, "Config");
        if (!*json_str(o, "Type", ""))
                return NULL;
        out = json_object_new_object();
        json_set_str(out, "driver", json_str(o, "Type", ""));
        json_set(out, "config", config ? json_copy(config) : json_object_new_object());
        return out;
}

static struct json_object *ulimits(struct json_object *list) {
        struct json_object *out = json_object_new_array();
        for (size_t i = 0; i < length(list); i++) {
                struct json_object *u = json_object_new_object();
                json_set_str(u, "name", json_str(at(list, i), "Name", ""));
                json_set_int(u, "soft", json_int(at(list, i), "Soft", 0));
                json_set_int(u, "hard", json_int(at(list, i), "Hard", 0));
                json_object_array_add(out, u);
        }
        return out;
}

static struct json_object *namespace_of_host(struct json_object *v) {   /* the API has this one value */
        const char *s = json_object_is_type(v, json_type_string) ? json_object_get_string(v) : "";
        return str_eq(s, "host") ? json_object_new_string(s) : NULL;
}

static struct json_object *ipc(struct json_object *v) {                  /* private and shareable are what nobody asks for */
        const char *s = json_object_is_type(v, json_type_string) ? json_object_get_string(v) : "";
        return str_eq(s, "host") || str_starts(s, "container:") ? json_object_new_string(s) : NULL;
}

static const struct row {
        const char *field, *engine;
        enum where where;
        enum how how;
        struct json_object *(*custom)(struct json_object *v);
} rows[] = {
        { "command", "Cmd", CONFIG, LIST }, { "entryPoint", "Entrypoint", CONFIG, LIST }, { "environment", "Env", CONFIG, CUSTOM, environment },
        { "workingDir", "WorkingDir", CONFIG, TEXT }, { "user", "User", CONFIG, TEXT }, { "stopSignal", "StopSignal", CONFIG, TEXT },
        { "domainName", "Domainname", CONFIG, TEXT }, { "hostname", "Hostname", CONFIG, TEXT }, { "tty", "Tty", CONFIG, FLAG },
        { "stdinOpen", "OpenStdin", CONFIG, FLAG }, { "stopTimeout", "StopTimeout", CONFIG, NUMBER }, { "labels", "Labels", CONFIG, MAP },
        { "publishAllPorts", "PublishAllPorts", HOST, FLAG }, { "privileged", "Privileged", HOST, FLAG }, { "readOnly", "ReadonlyRootfs", HOST, FLAG },
        { "capAdd", "CapAdd", HOST, CUSTOM, capabilities }, { "capDrop", "CapDrop", HOST, CUSTOM, capabilities },
        { "dns", "Dns", HOST, LIST }, { "dnsSearch", "DnsSearch", HOST, LIST },
        { "dnsOpt", "DnsOptions", HOST, LIST }, { "extraHosts", "ExtraHosts", HOST, LIST }, { "devices", "Devices", HOST, CUSTOM, devices },
        { "securityOpt", "SecurityOpt", HOST, LIST }, { "groupAdd", "GroupAdd", HOST, LIST }, { "pidMode", "PidMode", HOST, CUSTOM, namespace_of_host },
        { "ipcMode", "IpcMode", HOST, CUSTOM, ipc }, { "uts", "UTSMode", HOST, TEXT }, { "usernsMode", "UsernsMode", HOST, TEXT },
        { "cgroupParent", "CgroupParent", HOST, TEXT }, { "restartPolicy", "RestartPolicy", HOST, CUSTOM, restart_policy },
        { "logConfig", "LogConfig", HOST, CUSTOM, log_config }, { "memory", "Memory", HOST, NUMBER }, { "memorySwap", "MemorySwap", HOST, NUMBER },
        { "memoryReservation", "MemoryReservation", HOST, NUMBER }, { "memorySwappiness", "MemorySwappiness", HOST, NUMBER },
        { "kernelMemory", "KernelMemory", HOST, NUMBER }, { "oomKillDisable", "OomKillDisable", HOST, FLAG }, { "oomScoreAdj", "OomScoreAdj", HOST, NUMBER },
        { "shmSize", "ShmSize", HOST, NUMBER }, { "cpuShares", "CpuShares", HOST, NUMBER }, { "cpuSet", "CpusetCpus", HOST, TEXT },
        { "cpuSetMems", "CpusetMems", HOST, TEXT }, { "cpuPeriod", "CpuPeriod", HOST, NUMBER }, { "cpuQuota", "CpuQuota", HOST, NUMBER },
        { "cpuRealtimePeriod", "CpuRealtimePeriod", HOST, NUMBER }, { "cpuRealtimeRuntime", "CpuRealtimeRuntime", HOST, NUMBER },
        { "pidsLimit", "PidsLimit", HOST, NUMBER }, { "diskQuota", "DiskQuota", HOST, NUMBER }, { "ulimits", "Ulimits", HOST, CUSTOM, ulimits },
        { "sysctls", "Sysctls", HOST, MAP }, { "tmpfs", "Tmpfs", HOST, MAP }, { "storageOpt", "StorageOpt", HOST, MAP }, { "runInit", "Init", HOST, FLAG },
        { "blkioWeight", "BlkioWeight", HOST, NUMBER },
};

/* Copies hold only texts: what an engine says is still from outside. */
static struct json_object *texts(struct json_object *list) {
        struct json_object *out = json_object_new_array();
        for (size_t i = 0; i < length(list); i++)
                json_object_array_add(out, json_object_new_string(text_at(list, i)));
        return out;
}

static struct json_object *text_map(struct json_object *map) {
        struct json_object *out = json_object_new_object();
        json_object_object_foreach(map, key, v)
                json_set_str(out, key, v ? json_object_get_string(v) : "");
        return out;
}

static struct json_object *read_row(const struct row *r, struct json_object *v) {
        switch (r->how) {
        case TEXT:   return json_object_is_type(v, json_type_string) && json_object_get_string_len(v) ? json_copy(v) : NULL;
        case NUMBER: return json_object_is_type(v, json_type_int) && json_object_get_int64(v) ? json_copy(v) : NULL;
        case FLAG:   return json_object_is_type(v, json_type_boolean) && json_object_get_boolean(v) ? json_copy(v) : NULL;
        case LIST:   return length(v) ? texts(v) : NULL;
        case MAP:    return json_object_is_type(v, json_type_object) && json_object_object_length(v) ? text_map(v) : NULL;
        case CUSTOM: break;
        }
        return v ? r->custom(v) : NULL;
}

static bool says_nothing(struct json_object *v) {
        return !v || (json_object_is_type(v, json_type_array) && !json_object_array_length(v)) ||
               (json_object_is_type(v, json_type_object) && !json_object_object_length(v));
}

static void put(struct json_object *out, const char *field, struct json_object *v) {
        if (says_nothing(v))
                json_object_put(v);
        else
                json_set(out, field, v);
}

/* PortBindings as "[ip:][public:]private/proto"; what is exposed and not published. */
static void ports(struct json_object *config, struct json_object *host, struct json_object *out) {
        struct json_object *bound = json_get_object(host, "PortBindings"), *exposed = json_get_object(config, "ExposedPorts");
        struct json_object *published = json_object_new_array(), *inside = json_object_new_array();
        if (bound) {
                json_object_object_foreach(bound, key, list)
                        for (size_t i = 0; i < length(list); i++) {
                                const char *ip = json_str(at(list, i), "HostIp", ""), *public = json_str(at(list, i), "HostPort", "");
                                bool any = !*ip || str_eq(ip, "0.0.0.0"), six = strchr(ip, ':') != NULL, none = !*public || str_eq(public, "0");
                                auto_free char *s = dr_xasprintf("%s%s%s%s%s%s%s", any || !six ? "" : "[", any ? "" : ip, any || !six ? "" : "]", any ? "" : ":",
                                                                 none ? "" : public, none && any ? "" : ":", key);
                                json_object_array_add(published, json_object_new_string(s));
                        }
        }
        if (exposed) {
                json_object_object_foreach(exposed, key, nothing) {
                        (void) nothing;
                        if (!length(json_get(bound, key)))
                                json_object_array_add(inside, json_object_new_string(key));
                }
        }
        put(out, "ports", published);
        put(out, "expose", inside);
}

/* Is path the destination of any bind "source:path[:mode]"? */
static bool is_bound(struct json_object *binds, const char *path) {
        size_t n = strlen(path);
        for (size_t i = 0; i < length(binds); i++) {
                const char *colon = strchr(text_at(binds, i), ':');
                if (colon && strncmp(colon + 1, path, n) == 0 && (!colon[1 + n] || colon[1 + n] == ':'))
                        return true;
        }
        return false;
}

static void volumes(struct json_object *config, struct json_object *host, struct json_object *out) {
        struct json_object *binds = json_get_array(host, "Binds"), *anonymous = json_get_object(config, "Volumes");
        struct json_object *all = texts(binds);
        if (anonymous) {
                json_object_object_foreach(anonymous, path, nothing) {
                        (void) nothing;
                        if (!is_bound(binds, path))
                                json_object_array_add(all, json_object_new_string(path));
                }
        }
        put(out, "dataVolumes", all);
        const char *driver = json_str(host, "VolumeDriver", "");
        if (*driver)
                json_set_str(out, "volumeDriver", driver);
}

static void health(struct json_object *config, struct json_object *out) {
        static const struct { const char *field, *engine; int64_t unit; } numbers[] = {
                { "healthInterval", "Interval", 1000000000 }, { "healthTimeout", "Timeout", 1000000000 }, { "healthRetries", "Retries", 1 },
        };
        struct json_object *h = json_get_object(config, "Healthcheck");
        if (!h)
                return;
        put(out, "healthCmd", texts(json_get_array(h, "Test")));
        for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
                if (json_int(h, numbers[i].engine, 0) / numbers[i].unit)
                        json_set_int(out, numbers[i].field, json_int(h, numbers[i].engine, 0) / numbers[i].unit);
}

/* {device: {weight, readIops, writeIops, readBps, writeBps}} */
static void block_devices(struct json_object *host, struct json_object *out) {
        static const struct { const char *engine, *value, *field; } lists[] = {
                { "BlkioWeightDevice", "Weight", "weight" }, { "BlkioDeviceReadIOps", "Rate", "readIops" }, { "BlkioDeviceWriteIOps", "Rate", "writeIops" },
                { "BlkioDeviceReadBps", "Rate", "readBps" }, { "BlkioDeviceWriteBps", "Rate", "writeBps" },
        };
        struct json_object *all = json_object_new_object();
        for (size_t l = 0; l < ARRAY_LEN(lists); l++) {
                struct json_object *list = json_get_array(host, lists[l].engine);
                for (size_t i = 0; i < length(list); i++) {
                        const char *path = json_str(at(list, i), "Path", "");
                        if (!*path)
                                continue;
                        if (!json_get_object(all, path))
                                json_set(all, path, json_object_new_object());
                        json_set_int(json_get_object(all, path), lists[l].field, json_int(at(list, i), lists[l].value, 0));
                }
        }
        put(out, "blkioDeviceOptions", all);
}

struct json_object *docker_inspect_fields(struct json_object *inspect) {
        struct json_object *config = json_get_object(inspect, "Config"), *host = json_get_object(inspect, "HostConfig");
        struct json_object *out = json_object_new_object();
        for (size_t i = 0; i < ARRAY_LEN(rows); i++)
                put(out, rows[i].field, read_row(&rows[i], json_get(rows[i].where == CONFIG ? config : host, rows[i].engine)));
        ports(config, host, out);
        volumes(config, host, out);
        health(config, out);
        block_devices(host, out);
        const char *mode = json_str(host, "NetworkMode", "");
        if (str_eq(mode, "host") || str_starts(mode, "container:"))     /* the hostname is another's */
                json_object_object_del(out, "hostname");
        return out;
}

const char *docker_inspect_network(struct json_object *inspect, const char **other) {
        struct json_object *config = json_get_object(inspect, "Config"), *labels = json_get_object(config, "Labels");
        const char *mode = json_str(json_get_object(inspect, "HostConfig"), "NetworkMode", ""), *named = json_str(labels, "io.rancher.cni.network", "");
        *other = NULL;
        if (*named)
                return named;
        bool plain = !*mode || str_eq(mode, "none") || str_eq(mode, "default") || str_eq(mode, "bridge");
        if (plain && str_ieq(json_str(labels, "io.rancher.container.network", ""), "true"))
                return "managed";
        if (json_bool(config, "NetworkDisabled", false))
                return "none";
        if (!*mode || str_eq(mode, "default"))
                return "bridge";
        if (!str_starts(mode, "container:"))
                return mode;
        *other = mode + strlen("container:");
        return "container";
}
