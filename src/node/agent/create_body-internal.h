/* create_body-internal.h: what the table of fields (create_body.c) and the converters of its rows (create_rows.c) share. */
#pragma once
#include "node/agent/create_body.h"

#include "base/sbuf.h"

struct build {
        json_object *spec, *config, *host;      /* config: the top level of the body; host: HostConfig */
        json_object *labels;
        const struct create_facts *facts;
        enum net_kind net;
        struct sbuf warnings;
};

/* Converters: read v (borrowed, NULL: absent) and add to b->config or b->host. Negative with *err filled when the field cannot be read. */
typedef int put_fn(struct build *b, json_object *v, struct dr_error *err);
put_fn put_image, put_command, put_environment, put_hostname, put_labels, put_health, put_ports, put_publish_all, put_dns_search, put_devices, put_restart_policy, put_log_config, put_cpu_shares, put_ulimits, put_blkio_devices, put_volumes, put_volumes_from, put_network, put_mac, put_cni, put_secrets;

/* create_cni.c: what the network manager and the entry wait go by (spec networking.md 4.1). */
void add_cni_labels(json_object *network, json_object *labels);

/* Engine values: new references, NULL when there is nothing to say. */
json_object *engine_text(json_object *v);               /* a string that is not empty */
json_object *engine_bool(json_object *v);               /* pointers in the engine: null stays null, false is said */
json_object *engine_list(json_object *v);               /* texts */
json_object *engine_map(json_object *v);                /* texts */
json_object *engine_number(json_object *v, int64_t factor);

bool net_has_ports(enum net_kind k);
bool net_keeps_hostname(enum net_kind k);
/* One line of what is left out and why. */
void build_warn(struct build *b, const char *fmt, ...) DR_PRINTF(2, 3);
