#include "port_fdb.h"

#include "rtnetlink-internal.h"

#include <linux/neighbour.h>

static struct nl_msg *request(int type, int flags, int index, const uint8_t *mac) {
        struct ndmsg fixed = { .ndm_family = AF_BRIDGE, .ndm_ifindex = index, .ndm_state = NUD_NOARP, .ndm_flags = NTF_MASTER };
        struct nl_msg *m = nlk_request(type, flags, &fixed, sizeof fixed);
        nlk_put(m, NDA_LLADDR, mac, MAC_BYTES);
        return m;
}

int nlk_port_fdb_set(struct netlink *n, int index, const uint8_t mac[MAC_BYTES], struct dr_error *err) {
        int r = nlk_talk(n, request(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, index, mac), NULL, NULL);
        char text[MAC_TEXT_MAX];
        return r < 0 ? nlk_error(n, r, err, "could not tell the bridge about %s", mac_text(mac, text)) : 0;
}

int nlk_port_fdb_del(struct netlink *n, int index, const uint8_t mac[MAC_BYTES], struct dr_error *err) {
        int r = nlk_talk(n, request(RTM_DELNEIGH, 0, index, mac), NULL, NULL);
        char text[MAC_TEXT_MAX];
        if (r == -ENOENT || r == -ENODEV)
                return -ENOENT;
        return r < 0 ? nlk_error(n, r, err, "could not take %s from the bridge", mac_text(mac, text)) : 0;
}
