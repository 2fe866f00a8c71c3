#include "request.h"

#include "base/parse.h"
#include "node/json_view.h"

#include <ctype.h>
#include <net/if.h>
#include <stdio.h>

/* Which variables a command needs, and from which version of the configuration on it exists. */
static const struct { const char *name; bool container, netns; enum cni_version since; } commands[CNI_COMMAND_MAX] = {
        [CNI_ADD]     = { "ADD", true, true, CNI_0_1_0 },
        [CNI_DEL]     = { "DEL", true, false, CNI_0_1_0 },
        [CNI_CHECK]   = { "CHECK", true, true, CNI_0_4_0 },
        [CNI_VERSION] = { "VERSION", false, false, CNI_0_1_0 },
        [CNI_GC]      = { "GC", false, false, CNI_1_1_0 },
        [CNI_STATUS]  = { "STATUS", false, false, CNI_1_1_0 },
};

const char *cni_command_to_string(enum cni_command c) { return (unsigned) c < CNI_COMMAND_MAX ? commands[c].name : NULL; }

static bool given(const char *s) { return s && *s; }

/* Letters, digits, '_', '.', '-', beginning with a letter or digit: the specification's form of ids and names. */
static bool is_name(const char *s, size_t max) {
        if (!isalnum((unsigned char) s[0]) || strlen(s) > max)
                return false;
        for (; *s; s++)
                if (!isalnum((unsigned char) *s) && !strchr("_.-", *s))
                        return false;
        return true;
}

static bool is_ifname(const char *s) {
        if (strlen(s) >= IFNAMSIZ || str_eq(s, ".") || str_eq(s, ".."))
                return false;
        for (; *s; s++)
                if (*s == '/' || *s == ':' || isspace((unsigned char) *s) || iscntrl((unsigned char) *s))
                        return false;
        return true;
}

static int check_env(const struct cni_env *env, enum cni_command c, struct cni_error *err) {
        const struct { const char *name, *value; bool needed; } needs[] = {
                { "CNI_CONTAINERID", env->container_id, commands[c].container }, { "CNI_NETNS", env->netns, commands[c].netns },
                { "CNI_IFNAME", env->ifname, commands[c].container },
        };
        for (size_t i = 0; i < ARRAY_LEN(needs); i++)
                if (needs[i].needed && !given(needs[i].value))
                        return cni_fail(err, CNI_E_ENV, "%s needs the variable %s", commands[c].name, needs[i].name);
        if (!commands[c].container)
                return 0;
        if (!is_name(env->container_id, CNI_ID_BYTES_MAX))
                return cni_fail(err, CNI_E_ENV, "CNI_CONTAINERID \"%.140s\" is no container id: up to %d letters, digits, '_', '.' and '-'", env->container_id, CNI_ID_BYTES_MAX);
        if (!is_ifname(env->ifname))
                return cni_fail(err, CNI_E_ENV, "CNI_IFNAME \"%.40s\" is no name of a network interface", env->ifname);
        return 0;
}

static int arg_uuid(struct cni_args *a, const char *v, struct cni_error *err) {
        if (strlen(v) > CNI_ID_BYTES_MAX)
                return cni_fail(err, CNI_E_ENV, "RancherContainerUUID in CNI_ARGS is longer than %d bytes", CNI_ID_BYTES_MAX);
        free(a->uuid);
        a->uuid = *v ? dr_xstrdup(v) : NULL;
        return 0;
}

static int arg_mac(struct cni_args *a, const char *v, struct cni_error *err) {
        a->has_mac = *v;
        if (*v && mac_parse(v, a->mac) < 0)
                return cni_fail(err, CNI_E_ENV, "MACAddress \"%.40s\" in CNI_ARGS is no MAC address of one station", v);
        return 0;
}

static int arg_ip(struct cni_args *a, const char *v, struct cni_error *err) {
        struct inet_cidr c;
        if (*v && inet_cidr_parse(v, 0, &c) < 0)
                return cni_fail(err, CNI_E_ENV, "IPAddress \"%.64s\" in CNI_ARGS is no address like 10.42.0.7/16", v);
        free(a->ip);
        a->ip = *v ? dr_xstrdup(v) : NULL;
        return 0;
}

static int arg_overhead(struct cni_args *a, const char *v, struct cni_error *err) {
        uint64_t n = 0;
        a->has_overhead = *v;
        if (*v && parse_u64(v, 65535, &n) < 0)
                return cni_fail(err, CNI_E_ENV, "LinkMTUOverhead \"%.40s\" in CNI_ARGS is no number up to 65535", v);
        a->overhead = (unsigned) n;
        return 0;
}

static int arg_nothing(struct cni_args *a, const char *v, struct cni_error *err) { return 0; }

static const struct { const char *name; int (*read)(struct cni_args *a, const char *value, struct cni_error *err); } arg_rows[] = {
        { "RancherContainerUUID", arg_uuid }, { "MACAddress", arg_mac }, { "IPAddress", arg_ip }, { "LinkMTUOverhead", arg_overhead },
        { "DOCKER", arg_nothing }, { "IgnoreUnknown", arg_nothing },
};

static int read_args(const char *text, struct cni_args *ret, struct cni_error *err) {
        bool ignore = false;
        for (int pass = 0; pass < 2; pass++) {          /* IgnoreUnknown may stand anywhere */
                auto_free char *copy = dr_xstrdup(text);
                char *save = NULL;
                for (char *pair = strtok_r(copy, ";", &save); pair; pair = strtok_r(NULL, ";", &save)) {
                        char *eq = strchr(pair, '=');
                        if (!eq || eq == pair)
                                return cni_fail(err, CNI_E_ENV, "\"%.64s\" in CNI_ARGS is no pair KEY=VALUE", pair);
                        *eq = 0;
                        if (pass == 0) {
                                if (str_eq(pair, "IgnoreUnknown") && parse_bool(eq + 1, &ignore) < 0)
                                        return cni_fail(err, CNI_E_ENV, "IgnoreUnknown \"%.40s\" in CNI_ARGS is neither true nor false", eq + 1);
                                continue;
                        }
                        size_t i = 0;
                        while (i < ARRAY_LEN(arg_rows) && !str_eq(arg_rows[i].name, pair))
                                i++;
                        if (i == ARRAY_LEN(arg_rows) && !ignore)
                                return cni_fail(err, CNI_E_ENV, "\"%.64s\" in CNI_ARGS is not known; with IgnoreUnknown=1 it would be passed over", pair);
                        if (i < ARRAY_LEN(arg_rows) && arg_rows[i].read(ret, eq + 1, err) < 0)
                                return -1;
                }
        }
        return 0;
}

static int read_conf(const char *conf, size_t len, struct cni_request *r, struct cni_error *err) {
        struct dr_error why = { 0 };
        if (len > CNI_CONF_BYTES_MAX)
                return cni_fail(err, CNI_E_IO, "the configuration is longer than %d bytes", CNI_CONF_BYTES_MAX);
        r->conf = jv_parse(conf, len, CNI_CONF_BYTES_MAX, &why);
        if (!r->conf || !json_object_is_type(r->conf, json_type_object))
                return cni_fail(err, CNI_E_DECODE, "the configuration is no JSON object%s%s", r->conf ? "" : ": ", r->conf ? "" : why.message);
        const char *version = NULL;
        if (cni_conf_text(r->conf, "cniVersion", &version, err) < 0)
                return -1;
        int v = version ? cni_version_from_string(version) : CNI_0_1_0;
        if (v < 0) {
                cni_fail(err, CNI_E_VERSION, "cniVersion \"%.40s\" of the configuration is not supported", version);
                snprintf(err->details, sizeof err->details, "supported are 0.1.0, 0.2.0, 0.3.0, 0.3.1, 0.4.0, 1.0.0 and 1.1.0");
                return -1;
        }
        r->version = (enum cni_version) v;
        if (r->version < commands[r->command].since)
                return cni_fail(err, CNI_E_VERSION, "%s exists from cniVersion %s on; the configuration has %s", commands[r->command].name,
                                cni_version_to_string(commands[r->command].since), cni_version_to_string(r->version));
        if (cni_conf_text(r->conf, "name", &r->network, err) < 0)
                return -1;
        if (!r->network)
                return cni_fail(err, CNI_E_CONFIG, "the configuration has no \"name\"");
        if (!is_name(r->network, CNI_NAME_BYTES_MAX))
                return cni_fail(err, CNI_E_CONFIG, "name \"%.80s\" is no network's name: up to %d letters, digits, '_', '.' and '-'", r->network, CNI_NAME_BYTES_MAX);
        return 0;
}

int cni_request_parse(const struct cni_env *env, const char *conf, size_t len, struct cni_request *ret, struct cni_error *err) {
        *ret = (struct cni_request) { .env = *env, .version = CNI_1_1_0 };
        if (!given(env->command))
                return cni_fail(err, CNI_E_ENV, "the variable CNI_COMMAND is missing: this program is a CNI plugin, started by a container runtime");
        unsigned c = 0;
        while (c < CNI_COMMAND_MAX && !str_eq(commands[c].name, env->command))
                c++;
        if (c == CNI_COMMAND_MAX)
                return cni_fail(err, CNI_E_ENV, "CNI_COMMAND \"%.40s\" is not known", env->command);
        ret->command = (enum cni_command) c;
        if (ret->command == CNI_VERSION)
                return 0;
        if (check_env(env, ret->command, err) < 0 || read_conf(conf, len, ret, err) < 0)
                return -1;
        return commands[c].container && given(env->args) ? read_args(env->args, &ret->args, err) : 0;
}

void cni_request_done(struct cni_request *r) {
        json_object_put(r->conf);
        free(r->args.uuid);
        free(r->args.ip);
        *r = (struct cni_request) { .version = CNI_1_1_0 };
}

int cni_conf_bool(struct json_object *o, const char *key, bool *ret, struct cni_error *err) {
        json_object *v = jv_get(o, key);
        if (!v)
                return 0;
        if (json_object_is_type(v, json_type_boolean)) {
                *ret = json_object_get_boolean(v);
                return 0;
        }
        const char *s = json_object_get_string(v);
        if (json_object_is_type(v, json_type_string) && !*s)
                return 0;
        if (parse_bool(s, ret) < 0)
                return cni_fail(err, CNI_E_CONFIG, "\"%s\" of the configuration is neither true nor false", key);
        return 0;
}

int cni_conf_uint(struct json_object *o, const char *key, unsigned max, unsigned *ret, struct cni_error *err) {
        json_object *v = jv_get(o, key);
        uint64_t n = 0;
        if (!v || (json_object_is_type(v, json_type_string) && !*json_object_get_string(v)))
                return 0;
        if (parse_u64(json_object_get_string(v), max, &n) < 0)
                return cni_fail(err, CNI_E_CONFIG, "\"%s\" of the configuration is no number from 0 to %u", key, max);
        *ret = (unsigned) n;
        return 0;
}

int cni_conf_text(struct json_object *o, const char *key, const char **ret, struct cni_error *err) {
        json_object *v = jv_get(o, key);
        if (!v)
                return 0;
        if (!json_object_is_type(v, json_type_string))
                return cni_fail(err, CNI_E_CONFIG, "\"%s\" of the configuration is no text", key);
        if (*json_object_get_string(v))
                *ret = json_object_get_string(v);
        return 0;
}
