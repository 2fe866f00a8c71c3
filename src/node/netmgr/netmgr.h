/* netmgr.h: the network manager of a host: containers' networks, published ports, host NAT, the way to the metadata service.
 *
 * Loop thread only. Spec networking.md 4.2, 6, 7; docs/networking.md. */
#pragma once
#include "net/loop.h"

struct netmgr_config {
        const char *state_dir;          /* /var/lib/rancher/state */
        const char *docker_socket;
        const char *cni_dir;            /* /etc/cni */
        const char *run_dir;            /* links to the built-in plugins: /run/drover */
        const char *bridge;             /* docker0 */
        const char *metadata_ip;        /* 169.254.169.250 */
        const char *metadata_socket, *metadata_file;    /* see node/metadata/feed.h */
};
struct netmgr;
/* All texts of cfg are borrowed until netmgr_free(). NULL with *err. */
struct netmgr *netmgr_new(struct loop *l, const struct netmgr_config *cfg, struct dr_error *err);
struct netmgr *netmgr_free(struct netmgr *n);           /* what it made stays; NULL is fine; returns NULL */
void netmgr_reload(struct netmgr *n);                   /* the file again */
/* Takes rules, jumps and route away and stops the loop. For uninstalling a host: no containers are looked at. */
int netmgr_uninstall(struct loop *l, const struct netmgr_config *cfg, struct dr_error *err);
