/* packets.h: keeps this host's packet rules as metadata wants them: one nftables table, the jump into other forward chains, sysctls, and
 * connection tracking entries of UDP ports whose target changed.
 *
 * Rules are replaced only when they differ from what is wanted; the kernel's notice of any nftables change, and a look every few seconds at what
 * sends no notice, lead to a check and a repair. Loop thread only; programs nft, iptables and conntrack run as children. */
#pragma once
#include "net/loop.h"
#include "node/metadata/model.h"

struct packets;
struct packets_config { struct loop *loop; const char *metadata_ip; };
struct packets *packets_new(const struct packets_config *cfg);
struct packets *packets_free(struct packets *p);        /* NULL is fine; the rules stay; returns NULL */
void packets_changed(struct packets *p, const struct mdata *m);         /* metadata has other content */
/* Everything that was put anywhere is taken away; done comes once. For uninstalling. */
void packets_remove(struct packets *p, void (*done)(void *arg), void *arg);
/* Whether the last round ended as it should; *why: static until the next call of the loop, "" when it did. */
bool packets_are_right(const struct packets *p, const char **why);
