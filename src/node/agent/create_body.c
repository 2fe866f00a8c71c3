#include "create_body-internal.h"

#include <ctype.h>

enum { WARNINGS_BYTES_MAX = 4096 };

/* Where a value goes and how it is read. since/until: API minor versions that know the engine field; 0: no bound. cgroup1: a knob that version 2 of
 * control groups does not have. What is out of bounds is left out with a warning, since the engine would refuse the whole container. */
enum place { CONFIG, HOST };
enum kind { TEXT, INT, BOOL, LIST, MAP, CUSTOM, KIND_MAX };
struct row {
        const char *field, *engine;
        enum place place;
        enum kind kind;
        put_fn *custom;
        unsigned since, until;
        bool cgroup1;
};

static const char *const net_names[NET_KIND_MAX] = { "bridge", "host", "none", "container", "cni" };
const char *net_kind_to_string(enum net_kind k) { return (unsigned) k < NET_KIND_MAX ? net_names[k] : NULL; }

enum net_kind net_kind_of(json_object *spec) {
        const char *mode = jv_str(spec, "networkMode");
        if (jv_bool(jv_obj(spec, "network"), "cni"))
                return NET_CNI;
        if (str_eq(mode, "host"))
                return NET_HOST;
        if (str_eq(mode, "none"))
                return NET_NONE;
        if (str_eq(mode, "container") || str_starts(mode, "container:"))
                return NET_CONTAINER;
        return NET_BRIDGE;
}

bool net_has_ports(enum net_kind k) { return k == NET_BRIDGE; }
bool net_keeps_hostname(enum net_kind k) { return k == NET_BRIDGE || k == NET_NONE || k == NET_CNI; }

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

static const struct row rows[] = {
        { "imageUuid", "Image", CONFIG, CUSTOM, put_image },
        { "command", "Cmd", CONFIG, CUSTOM, put_command },
        { "entryPoint", "Entrypoint", CONFIG, LIST },
        { "environment", "Env", CONFIG, CUSTOM, put_environment },
        { "workingDir", "WorkingDir", CONFIG, TEXT },
        { "user", "User", CONFIG, TEXT },
        { "stopSignal", "StopSignal", CONFIG, TEXT },
        { "domainName", "Domainname", CONFIG, TEXT },
        { "hostname", "Hostname", CONFIG, CUSTOM, put_hostname },
        { "tty", "Tty", CONFIG, BOOL },
        { "stdinOpen", "OpenStdin", CONFIG, BOOL },
        { "stopTimeout", "StopTimeout", CONFIG, INT, .since = 25 },
        { "labels", "Labels", CONFIG, CUSTOM, put_labels },
        { "healthCmd", "Healthcheck", CONFIG, CUSTOM, put_health },
        { "ports", "PortBindings", HOST, CUSTOM, put_ports },
        { "publishAllPorts", "PublishAllPorts", HOST, CUSTOM, put_publish_all },
        { "privileged", "Privileged", HOST, BOOL },
        { "readOnly", "ReadonlyRootfs", HOST, BOOL },
        { "capAdd", "CapAdd", HOST, LIST },
        { "capDrop", "CapDrop", HOST, LIST },
        { "dns", "Dns", HOST, LIST },
        { "dnsSearch", "DnsSearch", HOST, CUSTOM, put_dns_search },
        { "dnsOpt", "DnsOptions", HOST, LIST },
        { "extraHosts", "ExtraHosts", HOST, LIST },
        { "devices", "Devices", HOST, CUSTOM, put_devices },
        { "securityOpt", "SecurityOpt", HOST, LIST },
        { "groupAdd", "GroupAdd", HOST, LIST },
        { "pidMode", "PidMode", HOST, TEXT },
        { "ipcMode", "IpcMode", HOST, TEXT },
        { "uts", "UTSMode", HOST, TEXT },
        { "usernsMode", "UsernsMode", HOST, TEXT },
        { "cgroupParent", "CgroupParent", HOST, TEXT },
        { "cgroup", "Cgroup", HOST, TEXT },
        { "restartPolicy", "RestartPolicy", HOST, CUSTOM, put_restart_policy },
        { "logConfig", "LogConfig", HOST, CUSTOM, put_log_config },
        { "memory", "Memory", HOST, INT },
        { "memorySwap", "MemorySwap", HOST, INT },
        { "memoryReservation", "MemoryReservation", HOST, INT },
        { "memorySwappiness", "MemorySwappiness", HOST, INT, .cgroup1 = true },
        { "kernelMemory", "KernelMemory", HOST, INT, .until = 41, .cgroup1 = true },    /* removed in API 1.42 (Engine 23) */
        { "oomKillDisable", "OomKillDisable", HOST, BOOL, .cgroup1 = true },
        { "oomScoreAdj", "OomScoreAdj", HOST, INT },
        { "shmSize", "ShmSize", HOST, INT },
        { "cpuShares", "CpuShares", HOST, CUSTOM, put_cpu_shares },
        { "cpuSet", "CpusetCpus", HOST, TEXT },
        { "cpuSetMems", "CpusetMems", HOST, TEXT },
        { "cpuPeriod", "CpuPeriod", HOST, INT },
        { "cpuQuota", "CpuQuota", HOST, INT },
        { "cpuRealtimePeriod", "CpuRealtimePeriod", HOST, INT, .since = 25, .cgroup1 = true },
        { "cpuRealtimeRuntime", "CpuRealtimeRuntime", HOST, INT, .since = 25, .cgroup1 = true },
        { "pidsLimit", "PidsLimit", HOST, INT },
        { "diskQuota", "DiskQuota", HOST, INT },
        { "ulimits", "Ulimits", HOST, CUSTOM, put_ulimits },
        { "sysctls", "Sysctls", HOST, MAP },
        { "tmpfs", "Tmpfs", HOST, MAP },
        { "storageOpt", "StorageOpt", HOST, MAP },
        { "runInit", "Init", HOST, BOOL, .since = 25 },
        { "blkioWeight", "BlkioWeight", HOST, INT },
        { "blkioDeviceOptions", "BlkioWeightDevice", HOST, CUSTOM, put_blkio_devices },
        { "dataVolumes", "Binds", HOST, CUSTOM, put_volumes },
        { "secrets", "Mounts", HOST, CUSTOM, put_secrets },
        { "volumesFromUuids", "VolumesFrom", HOST, CUSTOM, put_volumes_from },
        { "networkMode", "NetworkMode", HOST, CUSTOM, put_network },
        { "labels", "MacAddress", CONFIG, CUSTOM, put_mac },
        { "network", "Entrypoint", CONFIG, CUSTOM, put_cni },   /* after command, entryPoint, dns, dataVolumes */
};

static bool is_given(json_object *v) {
        return v && (!json_object_is_type(v, json_type_boolean) || json_object_get_boolean(v)) &&
               (!json_object_is_type(v, json_type_int) || json_object_get_int64(v) != 0);
}

static json_object *number(json_object *v) { return engine_number(v, 1); }

static int put_row(struct build *b, const struct row *r, struct dr_error *err) {
        static json_object *(*const readers[KIND_MAX])(json_object *v) = {
                [TEXT] = engine_text, [INT] = number, [BOOL] = engine_bool, [LIST] = engine_list, [MAP] = engine_map,
        };
        json_object *in = jv_get(b->spec, r->field);
        unsigned minor = b->facts->api_minor;
        bool api_refuses = (r->since && minor < r->since) || (r->until && minor > r->until), cgroup_refuses = r->cgroup1 && b->facts->cgroup_version == 2;
        if (api_refuses || cgroup_refuses) {
                if (is_given(in) && api_refuses)
                        build_warn(b, "%s is left out: this host's engine does not take it (API 1.%u)", r->field, minor);
                else if (is_given(in))
                        build_warn(b, "%s is left out: this host has version 2 of control groups, which does not know it", r->field);
                return 0;
        }
        if (r->kind == CUSTOM)
                return r->custom(b, in, err);
        json_object *out = readers[r->kind](in);
        if (out)
                json_object_object_add(r->place == CONFIG ? b->config : b->host, r->engine, out);
        return 0;
}

/* The spec's labels are complete; the uuid label is the container's identity, so it is set here whatever they say. */
static json_object *make_labels(json_object *spec, const char *uuid) {
        json_object *labels = engine_map(jv_get(spec, "labels"));
        if (!labels)
                labels = json_object_new_object();
        json_object_object_add(labels, "io.rancher.container.uuid", json_object_new_string(uuid));
        if (net_kind_of(spec) == NET_CNI)
                add_cni_labels(jv_obj(spec, "network"), labels);
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
