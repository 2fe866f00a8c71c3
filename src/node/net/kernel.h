/* kernel.h: makes the kernel's network what overlay.h says: the device, its entries, the bridge's, routes and the host's own address. Only what
 * differs is changed. Also tells when anything else changes these. Loop thread; blocking as rtnetlink.h. */
#pragma once
#include "net/loop.h"
#include "node/net/overlay.h"
#include "node/netlink/rtnetlink.h"

struct kernel;
/* touched: something that this object looks after changed, own changes included. */
int kernel_new(struct loop *l, loop_fn touched, void *arg, struct kernel **ret, struct dr_error *err);
struct kernel *kernel_free(struct kernel *k);           /* NULL is fine; returns NULL; the network stays as it is */
DR_DEFINE_AUTO(struct kernel *, kernel_free)

struct kernel_result {
        unsigned added, removed, failed;
        bool made_device, no_bridge;    /* no_bridge: it does not exist yet; the rest is done as far as it goes */
        unsigned underlay_mtu;
        char underlay[IFNAMSIZ];        /* link that has the host's address; "" when none has */
        struct dr_error first;          /* what failed first */
};
/* o has nothing missing. keep: nothing is removed (what o was made of may be incomplete). Negative with *err: the device cannot be made. */
int kernel_sync(struct kernel *k, const struct overlay *o, bool keep, struct kernel_result *ret, struct dr_error *err);
