/* The service keys of compose.md 4.1 and 4.2, one row each, and their checks (compose.md 7). */
#include "compose-internal.h"

#include "base/sbuf.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <limits.h>

/* Sorted by name. Rows without field have no effect or are read by name elsewhere. */
static const struct compose_key keys[] = {
        { "blkio_weight", V12, KEY_NUMBER, .field = "blkioWeight", .convert = conv_int },
        { "blkio_weight_device", V12, KEY_RATES, .field = "weight", .convert = conv_rates },
        { "build", V12, KEY_STRING_MAP, .field = "build", .convert = conv_build },
        { "cap_add", V12, KEY_LIST, .field = "capAdd", .convert = conv_list },
        { "cap_drop", V12, KEY_LIST, .field = "capDrop", .convert = conv_list },
        { "certs", V12, KEY_LIST },
        { "cgroup_parent", V12, KEY_STRING, .field = "cgroupParent", .convert = conv_string },
        { "command", V12, KEY_COMMAND, .field = "command", .convert = conv_list },
        { "config", V2, KEY_ANY },
        { "container_name", V12, KEY_STRING },
        { "cpu_period", V12, KEY_NUMBER, .field = "cpuPeriod", .convert = conv_int },
        { "cpu_quota", V12, KEY_NUMBER, .field = "cpuQuota", .convert = conv_int },
        { "cpu_shares", V12, KEY_NUMBER, .field = "cpuShares", .convert = conv_int },
        { "cpuset", V12, KEY_STRING, .field = "cpuSet", .convert = conv_string },
        { "default_cert", V12, KEY_STRING },
        { "depends_on", V2, KEY_LIST },
        { "description", V12, KEY_STRING },
        { "device_read_bps", V12, KEY_RATES, .field = "readBps", .convert = conv_rates },
        { "device_read_iops", V12, KEY_RATES, .field = "readIops", .convert = conv_rates },
        { "device_write_bps", V12, KEY_RATES, .field = "writeBps", .convert = conv_rates },
        { "device_write_iops", V12, KEY_RATES, .field = "writeIops", .convert = conv_rates },
        { "devices", V12, KEY_LIST, .field = "devices", .convert = conv_devices },
        { "disks", V12, KEY_LIST, .item = ITEM_SECRET, .field = "disks", .convert = conv_disks },
        { "dns", V12, KEY_STRINGS, .field = "dns", .convert = conv_list },
        { "dns_opt", V12, KEY_LIST, .field = "dnsOpt", .convert = conv_list },
        { "dns_search", V12, KEY_STRINGS, .field = "dnsSearch", .convert = conv_list },
        { "dockerfile", V1, KEY_STRING },
        { "domainname", V12, KEY_STRING, .field = "domainName", .convert = conv_string },
        { "drain_timeout_ms", V12, KEY_NUMBER, .field = "drainTimeoutMs", .convert = conv_int },
        { "entrypoint", V12, KEY_COMMAND, .field = "entryPoint", .convert = conv_list },
        { "env_file", V12, KEY_STRINGS },
        { "environment", V12, KEY_DICT, .field = "environment", .convert = conv_dict },
        { "expose", V12, KEY_LIST, .item = ITEM_EXPOSE, .field = "expose", .convert = conv_list },
        { "extends", V12, KEY_STRING_MAP },
        { "external_ips", V12, KEY_LIST },
        { "external_links", V12, KEY_LIST },
        { "extra_hosts", V12, KEY_DICT, .field = "extraHosts", .convert = conv_list },
        { "group_add", V12, KEY_LIST, .item = ITEM_NUMBER, .field = "groupAdd", .convert = conv_list },
        { "health_check", V12, KEY_MAP, .field = "healthCheck", .convert = conv_health },
        { "hostname", V12, KEY_STRING, .field = "hostname", .convert = conv_string },
        { "image", V12, KEY_STRING, .field = "imageUuid", .convert = conv_image },
        { "init", V12, KEY_BOOL, .field = "runInit", .convert = conv_bool },
        { "ipc", V12, KEY_STRING, .field = "ipcMode", .convert = conv_string },
        { "isolation", V12, KEY_STRING, .field = "isolation", .convert = conv_string },
        { "labels", V12, KEY_DICT, .field = "labels", .convert = conv_dict },
        { "lb_config", V12, KEY_MAP },
        { "links", V12, KEY_LIST },
        { "load_balancer_config", V12, KEY_MAP },
        { "log_driver", V1, KEY_STRING },
        { "log_opt", V1, KEY_MAP },
        { "logging", V2, KEY_MAP, .field = "logConfig", .convert = conv_logging },
        { "mac_address", V12, KEY_STRING },
        { "mem_limit", V12, KEY_NUMBER, .field = "memory", .convert = conv_size },
        { "mem_reservation", V12, KEY_NUMBER, .field = "memoryReservation", .convert = conv_size },
        { "mem_swappiness", V12, KEY_NUMBER, .field = "memorySwappiness", .convert = conv_int },
        { "memory", V12, KEY_NUMBER, .field = "memoryMb", .convert = conv_memory_mb },
        { "memswap_limit", V12, KEY_NUMBER, .field = "memorySwap", .convert = conv_size },
        { "metadata", V12, KEY_MAP },
        { "milli_cpu_reservation", V12, KEY_NUMBER, .field = "milliCpuReservation", .convert = conv_int },
        { "net", V1, KEY_STRING },
        { "network_driver", V12, KEY_MAP },
        { "network_mode", V2, KEY_STRING, .field = "networkMode", .convert = conv_network },
        { "networks", V2, KEY_ANY },
        { "oom_kill_disable", V12, KEY_BOOL, .field = "oomKillDisable", .convert = conv_bool },
        { "oom_score_adj", V12, KEY_NUMBER, .field = "oomScoreAdj", .convert = conv_int },
        { "pid", V12, KEY_STRING_NULL, .field = "pidMode", .convert = conv_string },
        { "port_rules", V2, KEY_ANY },
        { "ports", V12, KEY_LIST, .item = ITEM_PORT, .field = "ports", .convert = conv_list },
        { "privileged", V12, KEY_BOOL, .field = "privileged", .convert = conv_bool },
        { "read_only", V12, KEY_BOOL, .field = "readOnly", .convert = conv_bool },
        { "restart", V12, KEY_STRING },
        { "retain_ip", V12, KEY_BOOL },
        { "scale", V12, KEY_NUMBER },
        { "scale_policy", V12, KEY_MAP },
        { "secrets", V2, KEY_LIST, .item = ITEM_SECRET, .field = "secrets", .convert = conv_secrets },
        { "security_opt", V12, KEY_LIST, .field = "securityOpt", .convert = conv_list },
        { "shm_size", V12, KEY_NUMBER, .field = "shmSize", .convert = conv_size },
        { "start_on_create", V12, KEY_BOOL },
        { "stdin_open", V12, KEY_BOOL, .field = "stdinOpen", .convert = conv_bool },
        { "stickiness_policy", V2, KEY_ANY },
        { "stop_grace_period", V12, KEY_NUMBER, .field = "stopTimeout", .convert = conv_seconds },
        { "stop_signal", V12, KEY_STRING, .field = "stopSignal", .convert = conv_string },
        { "storage_driver", V12, KEY_MAP },
        { "sysctls", V12, KEY_DICT, .field = "sysctls", .convert = conv_dict },
        { "tmpfs", V2, KEY_STRINGS, .field = "tmpfs", .convert = conv_tmpfs },
        { "tty", V12, KEY_BOOL, .field = "tty", .convert = conv_bool },
        { "type", V12, KEY_STRING, .field = "kind", .convert = conv_kind },
        { "ulimits", V12, KEY_MAP, .field = "ulimits", .convert = conv_ulimits },
        { "upgrade_strategy", V12, KEY_MAP },
        { "user", V12, KEY_STRING, .field = "user", .convert = conv_string },
        { "userdata", V12, KEY_STRING, .field = "userdata", .convert = conv_string },
        { "uts", V12, KEY_STRING, .field = "uts", .convert = conv_string },
        { "vcpu", V12, KEY_NUMBER, .field = "vcpu", .convert = conv_int },
        { "volume_driver", V12, KEY_STRING, .field = "volumeDriver", .convert = conv_string },
        { "volumes", V12, KEY_LIST, .field = "dataVolumes", .convert = conv_volumes },
        { "volumes_from", V12, KEY_LIST, .field = "dataVolumesFromLaunchConfigs", .convert = conv_list },
        { "working_dir", V12, KEY_STRING, .field = "workingDir", .convert = conv_string },
};

/* "should be a ...": upstream ends some with a period and others not. */
static const char *const wanted[KEY_TYPE_MAX] = {
        [KEY_STRING] = "a string.", [KEY_BOOL] = "a boolean.", [KEY_NUMBER] = "a number or string.",
        [KEY_STRING_NULL] = "a string or null.", [KEY_LIST] = "an array.", [KEY_STRINGS] = "a string or array",
        [KEY_COMMAND] = "a string or array", [KEY_MAP] = "an object.", [KEY_DICT] = "an array or object",
        [KEY_RATES] = "an array or object", [KEY_STRING_MAP] = "a string or object", [KEY_ANY] = "anything",
};

/* Upstream's own hints (compose.md 7); for other keys the nearest known one is suggested. */
static const struct { const char *wrong, *right; } hints[] = {
        { "add_host", "extra_hosts" }, { "cpu_share", "cpu_shares" }, { "device", "devices" }, { "extra_host", "extra_hosts" }, { "hosts", "extra_hosts" },
        { "link", "links" }, { "memory_swap", "memswap_limit" }, { "port", "ports" }, { "privilege", "privileged" }, { "privilige", "privileged" },
        { "priviliged", "privileged" }, { "volume", "volumes" }, { "workdir", "working_dir" }, { "healthcheck", "health_check" },
};

/* Keys of the Compose specification that mean nothing here. */
static const char *const spec_keys[] = {
        "annotations", "attach", "blkio_config", "cgroup", "cgroupns_mode", "configs", "cpu_count", "cpu_percent", "cpu_rt_period", "cpu_rt_runtime",
        "cpus", "credential_spec", "deploy", "develop", "device_cgroup_rules", "gpus", "healthcheck", "label_file", "models", "pids_limit", "platform",
        "post_start", "pre_stop", "profiles", "provider", "pull_policy", "runtime", "storage_opt", "use_api_socket", "userns_mode",
};

const struct compose_key *compose_keys(size_t *ret_n) {
        *ret_n = ARRAY_LEN(keys);
        return keys;
}

const struct compose_key *compose_key_find(const char *name) {
        for (size_t i = 0; i < ARRAY_LEN(keys); i++)
                if (str_eq(keys[i].name, name))
                        return &keys[i];
        return NULL;
}

enum { DISTANCE_CHARS_MAX = 40 };

static unsigned edit_distance(const char *a, const char *b) {
        size_t n = strlen(a), m = strlen(b);
        if (n > DISTANCE_CHARS_MAX || m > DISTANCE_CHARS_MAX)
                return UINT_MAX;
        unsigned row[DISTANCE_CHARS_MAX + 1];
        for (size_t k = 0; k <= m; k++)
                row[k] = (unsigned) k;
        for (size_t i = 1; i <= n; i++) {
                unsigned diagonal = row[0];
                row[0] = (unsigned) i;
                for (size_t k = 1; k <= m; k++) {
                        unsigned replace = diagonal + (a[i - 1] != b[k - 1]);
                        diagonal = row[k];
                        unsigned add = row[k] + 1, drop = row[k - 1] + 1;
                        row[k] = MIN(replace, add);
                        row[k] = MIN(row[k], drop);
                }
        }
        return row[m];
}

static const char *suggestion(const char *key, unsigned version) {
        for (size_t i = 0; i < ARRAY_LEN(hints); i++)
                if (str_eq(hints[i].wrong, key))
                        return hints[i].right;
        const char *best = NULL;
        size_t limit = MAX(strlen(key) / 3, (size_t) 1);
        for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
                unsigned d = keys[i].versions & (version == 1 ? V1 : V2) ? edit_distance(key, keys[i].name) : UINT_MAX;
                if (d <= limit) {
                        best = keys[i].name;
                        limit = d - 1;
                        if (d <= 1)
                                break;
                }
        }
        return best;
}

static void unknown_key(struct compose *c, const struct compose_input *in, const char *name, const struct ynode *key) {
        if (in->spec) {
                if (str_starts(key->text, "x-"))
                        return;
                for (size_t i = 0; i < ARRAY_LEN(spec_keys); i++)
                        if (str_eq(spec_keys[i], key->text)) {
                                compose_warn(c, key, "Service '%s' key '%s' has no meaning here and is ignored", name, key->text);
                                return;
                        }
        }
        compose_error(c, key, "Unsupported config option for %s service: '%.100s'", name, key->text);
        const char *hint = suggestion(key->text, in->version);
        if (hint)
                compose_suggest(c, hint);
}

void compose_print_go(const struct ynode *n, struct sbuf *ret) {
        char buf[64];
        const char *text;
        switch (n->kind) {
        case YNODE_NULL: sbuf_puts(ret, "<nil>"); break;
        case YNODE_SEQ:
                sbuf_putc(ret, '[');
                for (size_t i = 0; i < n->seq.n; i++) {
                        if (i)
                                sbuf_putc(ret, ' ');
                        compose_print_go(n->seq.v[i], ret);
                }
                sbuf_putc(ret, ']');
                break;
        case YNODE_MAP:
                sbuf_puts(ret, "map[");
                for (size_t i = 0; i < n->map.n; i++) {
                        sbuf_printf(ret, "%s%s:", i ? " " : "", n->map.v[i].key->text);
                        compose_print_go(n->map.v[i].value, ret);
                }
                sbuf_putc(ret, ']');
                break;
        default:
                ynode_scalar_text(n, buf, sizeof buf, &text);
                sbuf_puts(ret, text);
        }
}

static bool parse_range(const char *s, size_t n, unsigned *ret_start, unsigned *ret_end) {
        unsigned v[2] = { 0, 0 };
        int part = 0;
        size_t digits = 0;
        for (size_t i = 0; i < n; i++) {
                if (s[i] == '-' && part == 0 && digits) {
                        part = 1;
                        digits = 0;
                        continue;
                }
                if (s[i] < '0' || s[i] > '9' || ++digits > 5)
                        return false;
                v[part] = v[part] * 10 + (unsigned) (s[i] - '0');
        }
        if (!digits || v[0] > 65535 || v[1] > 65535)
                return false;
        *ret_start = v[0];
        *ret_end = part ? v[1] : v[0];
        return *ret_end >= *ret_start;
}

/* [[ip:]hostport:]ctrport[/proto] with ranges, as Docker's nat package reads it: no IPv6, an empty host port is random. */
bool compose_port_ok(const char *s) {
        const char *slash = strchr(s, '/');
        size_t n = slash ? (size_t) (slash - s) : strlen(s);
        if (slash && slash[1] && !str_ieq(slash + 1, "tcp") && !str_ieq(slash + 1, "udp"))
                return false;
        const char *parts[3];
        size_t lens[3], k = 0;
        for (const char *p = s;;) {
                const char *colon = memchr(p, ':', (size_t) (s + n - p));
                if (k == 3)
                        return false;
                parts[k] = p;
                lens[k++] = (size_t) ((colon ? colon : s + n) - p);
                if (!colon)
                        break;
                p = colon + 1;
        }
        unsigned start, end, host_start, host_end;
        if (!parse_range(parts[k - 1], lens[k - 1], &start, &end))
                return false;
        if (k > 1 && lens[k - 2]) {
                if (!parse_range(parts[k - 2], lens[k - 2], &host_start, &host_end))
                        return false;
                if (host_end - host_start != end - start && end != start)
                        return false;
        }
        if (k == 3 && lens[0]) {
                char ip[16];
                struct in_addr a;
                if (lens[0] >= sizeof ip)
                        return false;
                memcpy(ip, parts[0], lens[0]);
                ip[lens[0]] = 0;
                return inet_pton(AF_INET, ip, &a) == 1;
        }
        return true;
}

/* \d+([-:]\d+)?(/[a-zA-Z]+)?; the colon for legacy balancers' source:target. */
bool compose_expose_ok(const char *s) {
        for (int part = 0;; part++) {
                if (!isdigit((unsigned char) *s))
                        return false;
                while (isdigit((unsigned char) *s))
                        s++;
                if (part || (*s != '-' && *s != ':'))
                        break;
                s++;
        }
        if (*s == '/') {
                if (!isalpha((unsigned char) *++s))
                        return false;
                while (isalpha((unsigned char) *s))
                        s++;
        }
        return !*s;
}

struct check { struct compose *c; const char *service; const struct compose_key *row; const struct ynode *key; };

static void wrong_type(const struct check *k, const struct ynode *at) {
        compose_error(k->c, at, "Service '%s' configuration key '%s' contains an invalid type, it should be %s", k->service, k->row->name,
                      wanted[k->row->type]);
}

static void check_unique(const struct check *k, const struct ynode *v) {
        struct smap seen = { 0 };
        bool twice = false;
        for (size_t i = 0; i < v->seq.n && !twice; i++)
                if (ynode_is_scalar(v->seq.v[i]))
                        twice = smap_set(&seen, v->seq.v[i]->text, (void *) v) != NULL;
        smap_done(&seen);
        if (!twice)
                return;
        auto_sbuf struct sbuf list = SBUF(400);
        compose_print_go(v, &list);
        if (k->row->type == KEY_LIST)
                compose_error(k->c, v, "Service '%s' configuration key '%s' value %s has non-unique elements", k->service, k->row->name, sbuf_str(&list));
        else
                compose_error(k->c, v, "Service '%s' configuration key '%s' contains non unique items, please remove duplicates from %s", k->service,
                              k->row->name, sbuf_str(&list));
}

static bool secret_ok(const struct ynode *v) {
        static const char *const strings[] = { "source", "target", "uid", "gid" };
        if (v->kind != YNODE_MAP)
                return v->kind == YNODE_STRING;
        for (size_t i = 0; i < ARRAY_LEN(strings); i++) {
                const struct ynode *s = ynode_get(v, strings[i]);
                if (s && s->kind != YNODE_STRING)
                        return false;
        }
        return true;
}

static void check_item(const struct check *k, size_t index, const struct ynode *v) {
        static const char *const item_wanted[] = {
                [ITEM_STRING] = "a string.", [ITEM_PORT] = "a string or number.", [ITEM_EXPOSE] = "a string or number.",
                [ITEM_NUMBER] = "a string or number.", [ITEM_SECRET] = "a string or object",
        };
        enum key_item item = k->row->item;
        bool number = v->kind == YNODE_INT || v->kind == YNODE_FLOAT;
        bool ok = item == ITEM_SECRET ? (str_eq(k->row->name, "disks") ? v->kind == YNODE_MAP : secret_ok(v))
                                      : v->kind == YNODE_STRING || (number && item != ITEM_STRING);
        if (!ok) {
                compose_error(k->c, v, "Service '%s' configuration key '%zu' contains an invalid type, it should be %s", k->service, index, item_wanted[item]);
                return;
        }
        if (item == ITEM_PORT && !compose_port_ok(v->text))
                compose_error(k->c, v, "Service '%s' configuration key %zu value Does not match format 'ports'", k->service, index);
        if (item == ITEM_EXPOSE && !compose_expose_ok(v->text))
                compose_error(k->c, v, "Service '%s' configuration key %zu value Does not match format 'expose'", k->service, index);
}

static void check_string_item(const struct check *k, const struct ynode *v) {
        if (v->kind == YNODE_STRING)
                return;
        auto_sbuf struct sbuf text = SBUF(400);
        compose_print_go(v, &text);
        compose_error(k->c, v, "Service '%s' configuration key '%s' contains %s, which is an invalid type, it should be a string", k->service, k->row->name,
                      sbuf_str(&text));
}

static void check_dict(const struct check *k, const struct ynode *v) {
        if (v->kind == YNODE_SEQ) {
                for (size_t i = 0; i < v->seq.n; i++)
                        check_string_item(k, v->seq.v[i]);
                check_unique(k, v);
                return;
        }
        for (size_t i = 0; i < v->map.n; i++)
                if (!ynode_is_scalar(v->map.v[i].value)) {
                        wrong_type(k, v->map.v[i].value);
                        return;
                }
}

static void check_ulimits(const struct check *k, const struct ynode *v) {
        for (size_t i = 0; i < v->map.n; i++) {
                const struct ynode *u = v->map.v[i].value, *soft = ynode_get(u, "soft"), *hard = ynode_get(u, "hard");
                bool both = soft && hard && soft->kind == YNODE_INT && hard->kind == YNODE_INT && u->map.n == 2;
                if (u->kind != YNODE_INT && !both)
                        compose_error(k->c, u, "Service '%s' configuration key '%s' contains an invalid type, it should be an integer or an object of the "
                                               "integers soft and hard", k->service, v->map.v[i].key->text);
        }
}

static void check_value(const struct check *k, const struct ynode *v) {
        bool number = v->kind == YNODE_INT || v->kind == YNODE_FLOAT, string = v->kind == YNODE_STRING;
        bool list = v->kind == YNODE_SEQ, map = v->kind == YNODE_MAP;
        bool ok = false;
        switch (k->row->type) {
        case KEY_STRING: ok = string; break;
        case KEY_BOOL: ok = v->kind == YNODE_BOOL; break;
        case KEY_NUMBER: ok = number || string; break;
        case KEY_STRING_NULL: ok = string || v->kind == YNODE_NULL; break;
        case KEY_LIST: ok = list; break;
        case KEY_STRINGS: case KEY_COMMAND: ok = string || list; break;
        case KEY_MAP: ok = map; break;
        case KEY_DICT: case KEY_RATES: ok = list || map; break;
        case KEY_STRING_MAP: ok = string || map; break;
        case KEY_ANY: ok = true; break;
        case KEY_TYPE_MAX: break;
        }
        if (!ok) {
                wrong_type(k, v);
                return;
        }
        if (k->row->type == KEY_DICT || k->row->type == KEY_RATES) {
                check_dict(k, v);
        } else if (list && k->row->type == KEY_LIST) {
                for (size_t i = 0; i < v->seq.n; i++)
                        check_item(k, i, v->seq.v[i]);
                check_unique(k, v);
        } else if (list && k->row->type != KEY_ANY) {
                for (size_t i = 0; i < v->seq.n; i++)
                        check_string_item(k, v->seq.v[i]);
                if (k->row->type == KEY_STRINGS)
                        check_unique(k, v);
        } else if (str_eq(k->row->name, "ulimits")) {
                check_ulimits(k, v);
        } else if (str_eq(k->row->name, "oom_score_adj") && v->kind == YNODE_INT && (v->i < -1000 || v->i > 1000)) {
                compose_error(k->c, v, "Service '%s' configuration key 'oom_score_adj' must be between -1000 and 1000", k->service);
        }
}

static int by_key(const void *a, const void *b) {
        return strcmp(((const struct ypair *) a)->key->text, ((const struct ypair *) b)->key->text);
}

void compose_check_service(struct compose *c, const struct compose_input *in, const char *name, struct ynode *svc) {
        if (svc->map.n > 1)
                qsort(svc->map.v, svc->map.n, sizeof *svc->map.v, by_key);
        for (size_t i = 0; i < svc->map.n; i++) {
                struct ynode *key = svc->map.v[i].key, *value = svc->map.v[i].value;
                struct check k = { c, name, compose_key_find(key->text), key };
                if (!k.row || !(k.row->versions & (in->version == 1 ? V1 : V2)))
                        unknown_key(c, in, name, key);
                else if (str_eq(key->text, "restart") && value->kind == YNODE_BOOL && !value->b)
                        continue;       /* restart: no. Upstream refuses the boolean */
                else
                        check_value(&k, value);
        }
        const struct ynode *swap = ynode_key(svc, "memswap_limit");
        if (swap && !ynode_get(svc, "mem_limit"))
                compose_error(c, swap, "Invalid configuration for '%s' service: dependency 'mem_limit' is not satisfied", name);
}
