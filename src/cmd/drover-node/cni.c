#include "node/cni/plugin.h"
#include "parts.h"

static int run_bridge(const struct opts *o, void *context) { return cni_plugin_main("drover-bridge"); }
static int run_ipam(const struct opts *o, void *context) { return cni_plugin_main("drover-ipam"); }

const struct opt_command bridge_command = {
        .name = "bridge", .aliases = "drover-bridge rancher-bridge", .summary = "CNI plugin: puts a container on a bridge", .run = run_bridge,
        .about = "Called by a container runtime, with CNI_... variables and a configuration on standard input.",
};
const struct opt_command ipam_command = {
        .name = "ipam", .aliases = "drover-ipam rancher-cni-ipam", .summary = "CNI plugin: gives a container the address that the server chose", .run = run_ipam,
        .about = "Called by another CNI plugin, with CNI_... variables and a configuration on standard input.",
};
