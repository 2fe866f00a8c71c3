/* Whatever plugins print, other managers write, iptables-save prints, metadata calls a port, and stands in a container's files. */
#include "node/entry/netstate.h"
#include "node/netmgr/etc_files.h"
#include "node/netmgr/forward.h"
#include "node/netmgr/plugin_result.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void result(const char *text, size_t n) {
        struct dr_error err;
        auto_free char *state = NULL;
        char ip[64];
        struct netstate s, again;
        if (plugin_result_read(text, n, &state, ip, &err) == 0 && state && (netstate_parse(state, strlen(state), &s, &err) < 0 || !str_eq(s.ip, ip)))
                abort();                                /* what we write for the agent, it reads */
        if (netstate_parse(text, n, &again, &err) == 0 && !*again.ip == !*again.error)
                abort();
        free(plugin_error_text(text, n, text, 1, 0));
}

/* What the plan says is carried out by reading it as the next save would print it: then nothing is left to do. */
static void forward(const char *text) {
        struct host_net net = { .bridge = "docker0" };
        (void) inet_cidr_parse("10.42.0.0/16", -1, &net.subnet);
        struct rules r = { .nets = { .v = &net, .n = 1 } };
        auto_sbuf struct sbuf out = SBUF(FORWARD_BYTES_MAX), gone = SBUF(FORWARD_BYTES_MAX);
        if ((forward_plan(text, &r, false, &out) == 1) != (out.len > 0) || (forward_plan(text, &r, true, &gone) == 1) != (gone.len > 0))
                abort();
        (void) forward_drops(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static const char *const domains[] = { "web.shop.rancher.internal", "rancher.internal", NULL };
        if (size > 4096)
                return 0;
        auto_free char *text = dr_xstrndup((const char *) data, size);
        auto_sbuf struct sbuf once = SBUF(1 << 20), twice = SBUF(1 << 20), hosts = SBUF(1 << 20), hosts_again = SBUF(1 << 20);
        result(text, strlen(text));
        forward(text);
        resolv_rewrite(text, domains, size & 1, "169.254.169.250", &once);
        resolv_rewrite(sbuf_str(&once), domains, size & 1, "169.254.169.250", &twice);
        if (!str_eq(sbuf_str(&once), sbuf_str(&twice)))
                abort();
        hosts_add(text, "10.42.1.2", "web", &hosts);
        hosts_add(sbuf_str(&hosts), "10.42.1.2", "web", &hosts_again);
        if (!str_eq(sbuf_str(&hosts), sbuf_str(&hosts_again)))
                abort();
        struct port_map p;
        if (port_map_parse(text, 1, &p) == 0 && (p.port == 0 || p.target_port == 0))
                abort();
        (void) netstate_is_name(text);
        return 0;
}
