/* vxlan.h: `drover-node net vxlan`: keeps this host's part of the VXLAN overlay as the environment's metadata says, and tells what of it works.
 *
 * Everything is looked at again when metadata or the kernel's network changes, when asked to, and every 30 s. Ending it leaves the network as
 * it is, and two at a time do the same twice. Answers on 127.0.0.1: /ping, /connectivity (200, or 500 when a host that should answer does not),
 * /state, /metrics and /v1/reload. Loop thread only. Spec networking.md 8. */
#pragma once
#include "net/loop.h"

struct vxlan;
struct vxlan_config {
        const char *network;            /* name of the network in metadata */
        const char *file, *socket_path; /* where metadata comes from: as feed.h */
        const char *state_file;         /* what works, as JSON (docs/overlay.md): written at each change and every 10 s; NULL: nowhere */
        const char *listen_address;     /* numeric */
        unsigned short port;            /* 0: it answers nobody */
};
/* cfg's strings are borrowed. */
int vxlan_new(struct loop *l, const struct vxlan_config *cfg, struct vxlan **ret, struct dr_error *err);
struct vxlan *vxlan_free(struct vxlan *v);              /* NULL is fine; returns NULL */
DR_DEFINE_AUTO(struct vxlan *, vxlan_free)
void vxlan_reload(struct vxlan *v);                     /* the file again, and everything is looked at */
