#include "node/netmgr/sysctls.h"

#include <fcntl.h>

/* 1: it is so now; 0: there is no such setting. */
static int set_one(const char *path, struct dr_error *err) {
        auto_close int fd = open(path, O_RDWR | O_CLOEXEC);
        char now[4] = "";
        if (fd < 0 && errno == ENOENT)
                return 0;
        if (fd < 0 || read(fd, now, sizeof now - 1) < 0 || (now[0] != '1' && pwrite(fd, "1", 1, 0) != 1))
                return dr_fail(err, DR_E_INTERNAL, NULL, "could not set %s to 1: %m", path);
        return 1;
}

bool sysctls_bridge_filter(void) { return set_one("/proc/sys/net/bridge/bridge-nf-call-iptables", NULL) == 1; }

int sysctls_set(const struct rules *r, struct dr_error *err) {
        int result = set_one("/proc/sys/net/ipv4/ip_forward", err);
        (void) sysctls_bridge_filter();
        for (size_t i = 0; i < r->nets.n; i++) {
                auto_free char *path = dr_xasprintf("/proc/sys/net/ipv4/conf/%s/route_localnet", r->nets.v[i].bridge);
                int now = set_one(path, err);
                result = now < 0 ? now : result;
        }
        return result < 0 ? result : 0;
}
