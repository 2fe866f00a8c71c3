#include "check.h"

#include "node/netlink/netns.h"
#include "node/netlink/rtnetlink.h"

#include <fcntl.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <sched.h>

/* Tests that ask the kernel do it in namespaces of their own, which end with their descriptors. */
static int new_netns(void) {
        int back = -1, fd = -1;
        struct dr_error err = { 0 };
        CHECK_OK(netns_open_own(&back, &err), &err);
        if (unshare(CLONE_NEWNET) < 0) {
                close(back);
                print_message("skipped: network namespaces cannot be made here: %s\n", strerror(errno));
                skip();
        }
        int r = netns_open_own(&fd, &err);
        CHECK_INT(setns(back, CLONE_NEWNET), ==, 0);
        close(back);
        CHECK_OK(r, &err);
        return fd;
}

static struct netlink *opened(int ns) {
        struct netlink *n = NULL;
        struct dr_error err = { 0 };
        CHECK_OK(netlink_open(ns, &n, &err), &err);
        return n;
}

static struct nlk_link link_of(struct netlink *n, const char *name) {
        struct nlk_link link = { 0 };
        struct dr_error err = { 0 };
        CHECK_OK(nlk_link_get(n, name, &link, &err), &err);
        return link;
}

static struct inet_cidr cidr(const char *s) {
        struct inet_cidr c = { 0 };
        CHECK_INT(inet_cidr_parse(s, -1, &c), ==, 0);
        return c;
}

TEST(addresses_are_read_and_written_as_people_write_them) {
        static const struct { const char *text, *net, *first; } rows[] = {
                { "10.42.3.7/16", "10.42.0.0/16", "10.42.0.1/16" }, { "10.42.3.7/22", "10.42.0.0/22", "10.42.0.1/22" },
                { "192.0.2.255/30", "192.0.2.252/30", "192.0.2.253/30" }, { "fd00::5:6/64", "fd00::/64", "fd00::1/64" }, { "0.0.0.0/0", "0.0.0.0/0", "0.0.0.1/0" },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                char text[INET_TEXT_MAX];
                struct inet_cidr c = cidr(rows[i].text), net = inet_cidr_net(&c), first = { 0 };
                CHECK_STR(inet_cidr_text(&c, text), ==, rows[i].text);
                CHECK_STR(inet_cidr_text(&net, text), ==, rows[i].net);
                CHECK_INT(inet_first_host(&c, &first), ==, 0);
                CHECK_STR(inet_cidr_text(&first, text), ==, rows[i].first);
                CHECK(inet_cidr_has(&net, &c.ip));
        }
        static const char *const bad[] = { "", "10.42.0.1", "10.42.0.1/33", "10.42.0.1/", "10.42.0.1/-1", "10.42.0.1/ 8", "10.42.0/16", "fd00::/129", "x/8", "10.42.0.1/16/16" };
        struct inet_cidr c = { 0 };
        for (size_t i = 0; i < ARRAY_LEN(bad); i++)
                CHECK_INT(inet_cidr_parse(bad[i], -1, &c), ==, -EINVAL);
        CHECK_INT(inet_cidr_parse("10.42.0.1", 16, &c), ==, 0);
        CHECK_INT(c.prefix, ==, 16);
        struct inet_cidr narrow = cidr("10.42.0.1/31");
        CHECK_INT(inet_first_host(&narrow, &c), ==, -EINVAL);
}

TEST(mac_addresses_are_six_pairs_and_unicast) {
        uint8_t mac[MAC_BYTES];
        char text[MAC_TEXT_MAX];
        CHECK_INT(mac_parse("02:AB:0a:2a:03:07", mac), ==, 0);
        CHECK_STR(mac_text(mac, text), ==, "02:ab:0a:2a:03:07");
        static const char *const bad[] = { "", "02:ab:0a:2a:03", "02:ab:0a:2a:03:7", "02-ab-0a-2a-03-07", "03:ab:0a:2a:03:07", "00:00:00:00:00:00", "02:ab:0a:2a:03:0g", "02:ab:0a:2a:03:07:" };
        for (size_t i = 0; i < ARRAY_LEN(bad); i++)
                CHECK_INT(mac_parse(bad[i], mac), ==, -EINVAL);
}

TEST(a_veth_pair_is_born_in_two_namespaces_with_its_mac_and_its_bridge) {
        int host = new_netns(), box = new_netns();
        AUTO(netlink_free) struct netlink *h = opened(host), *b = opened(box);
        struct dr_error err = { 0 };
        uint8_t mac[MAC_BYTES] = { 2, 1, 2, 3, 4, 5 }, own[MAC_BYTES] = { 2, 9, 9, 9, 9, 9 };
        CHECK_OK(nlk_bridge_add(h, "br0", 1450, own, &err), &err);
        CHECK_INT(nlk_bridge_add(h, "br0", 1450, own, &err), ==, -EEXIST);
        struct nlk_link br = link_of(h, "br0");
        CHECK_STR(br.kind, ==, "bridge");
        CHECK_INT(br.mtu, ==, 1450);
        CHECK_OK(nlk_link_change(h, br.index, &(struct nlk_link_change) { .set_up = true, .up = true, .set_promisc = true, .promisc = true }, &err), &err);
        CHECK((link_of(h, "br0").flags & (IFF_UP | IFF_PROMISC)) == (IFF_UP | IFF_PROMISC));

        struct nlk_veth v = { .name = "vethx", .peer_name = "eth0", .mtu = 1450, .peer_mtu = 1400, .peer_mac = mac, .master = br.index, .peer_netns_fd = box };
        CHECK_OK(nlk_veth_add(h, &v, &err), &err);
        struct nlk_link here = link_of(h, "vethx"), there = link_of(b, "eth0");
        CHECK_INT(here.master, ==, br.index);
        CHECK_INT(here.peer, ==, there.index);
        CHECK_INT(there.peer, ==, here.index);
        CHECK_INT(here.mtu, ==, 1450);
        CHECK_INT(there.mtu, ==, 1400);
        CHECK(here.flags & IFF_UP);
        CHECK(!(there.flags & IFF_UP));
        CHECK(memcmp(there.mac, mac, MAC_BYTES) == 0);
        CHECK(memcmp(link_of(h, "br0").mac, own, MAC_BYTES) == 0);      /* ports do not change it */

        CHECK_OK(nlk_link_change(h, here.index, &(struct nlk_link_change) { .alias = "words of ours", .set_hairpin = true, .hairpin = true }, &err), &err);
        CHECK_STR(link_of(h, "vethx").alias, ==, "words of ours");
        CHECK(link_of(h, "vethx").hairpin);
        CHECK_OK(nlk_link_set_tx_checksum(b, "eth0", false, &err), &err);
        auto_free struct nlk_link *ports = NULL;
        size_t n = 0;
        CHECK_OK(nlk_link_list(h, br.index, &ports, &n, &err), &err);
        CHECK_INT(n, ==, 1);
        CHECK_STR(ports[0].name, ==, "vethx");

        CHECK_OK(nlk_link_del(h, here.index, &err), &err);
        struct nlk_link gone;
        CHECK_INT(nlk_link_get(b, "eth0", &gone, &err), ==, -ENOENT);
        CHECK_INT(nlk_link_del(h, here.index, &err), ==, -ENOENT);
        close(host);
        close(box);
}

TEST(addresses_and_routes_are_added_listed_and_removed) {
        int ns = new_netns();
        AUTO(netlink_free) struct netlink *n = opened(ns);
        struct dr_error err = { 0 };
        CHECK_OK(nlk_bridge_add(n, "br0", 0, NULL, &err), &err);
        int index = link_of(n, "br0").index;
        struct inet_cidr a = cidr("10.42.0.1/16"), b = cidr("172.17.0.1/16");
        CHECK_OK(nlk_addr_add(n, index, &a, &err), &err);
        CHECK_OK(nlk_addr_add(n, index, &b, &err), &err);
        CHECK_INT(nlk_addr_add(n, index, &a, &err), ==, -EEXIST);
        CHECK_OK(nlk_link_change(n, index, &(struct nlk_link_change) { .set_up = true, .up = true }, &err), &err);
        auto_free struct nlk_addr *addrs = NULL;
        size_t k = 0;
        CHECK_OK(nlk_addr_list(n, AF_INET, index, &addrs, &k, &err), &err);
        CHECK_INT(k, ==, 2);
        CHECK(inet_cidr_eq(&addrs[0].cidr, &a));

        struct nlk_route r = { .dst = cidr("0.0.0.0/0"), .gw = cidr("10.42.7.7/16").ip, .index = index, .mtu = 1400 };
        CHECK_OK(nlk_route_add(n, &r, false, &err), &err);
        CHECK_INT(nlk_route_add(n, &r, false, &err), ==, -EEXIST);
        struct nlk_route one = { .dst = cidr("169.254.169.250/32"), .index = index, .scope = RT_SCOPE_LINK };
        CHECK_OK(nlk_route_add(n, &one, true, &err), &err);
        CHECK_OK(nlk_route_add(n, &one, true, &err), &err);
        auto_free struct nlk_route *routes = NULL;
        CHECK_OK(nlk_route_list(n, AF_INET, index, 0, &routes, &k, &err), &err);
        CHECK_INT(k, ==, 4);                                    /* two of the kernel's */
        bool seen = false;
        for (size_t i = 0; i < k; i++)
                if (routes[i].dst.prefix == 0) {
                        seen = true;
                        CHECK(inet_eq(&routes[i].gw, &r.gw));
                        CHECK_INT(routes[i].mtu, ==, 1400);
                }
        CHECK(seen);
        struct nlk_route wrong = { .dst = cidr("10.9.0.0/16"), .gw = cidr("192.0.2.1/32").ip, .index = index };
        CHECK_INT(nlk_route_add(n, &wrong, false, &err), <, 0);
        CHECK(strstr(err.message, "could not add route 10.9.0.0/16 via 192.0.2.1: ") && strstr(err.message, "gateway"));        /* the kernel's words too */
        CHECK_OK(nlk_route_del(n, &one, &err), &err);
        CHECK_INT(nlk_route_del(n, &one, &err), ==, -ENOENT);
        CHECK_OK(nlk_addr_del(n, index, &b, &err), &err);
        CHECK_INT(nlk_addr_del(n, index, &b, &err), ==, -ENOENT);
        close(ns);
}

TEST(a_vxlan_device_has_the_parameters_neighbours_and_forwarding_entries_it_was_given) {
        int ns = new_netns();
        AUTO(netlink_free) struct netlink *n = opened(ns);
        struct dr_error err = { 0 };
        uint8_t mac[MAC_BYTES] = { 0x0e, 0, 10, 42, 3, 7 }, peer[MAC_BYTES] = { 0x0e, 0, 10, 42, 9, 9 };
        struct nlk_vxlan v = { .vni = 1042, .port = 4789, .proxy = true, .rsc = true, .l2miss = true, .l3miss = true };
        CHECK_OK(nlk_vxlan_add(n, "vtep1042", &v, 1450, mac, &err), &err);
        struct nlk_link dev = link_of(n, "vtep1042");
        CHECK_INT(dev.vxlan.vni, ==, 1042);
        CHECK_INT(dev.vxlan.port, ==, 4789);
        CHECK(dev.vxlan.proxy && dev.vxlan.rsc && dev.vxlan.l2miss && dev.vxlan.l3miss && !dev.vxlan.learning);
        CHECK(memcmp(dev.mac, mac, MAC_BYTES) == 0);
        CHECK_OK(nlk_link_change(n, dev.index, &(struct nlk_link_change) { .set_up = true, .up = true }, &err), &err);

        struct nlk_neigh e = { .index = dev.index, .ip = cidr("10.42.9.9/32").ip };
        memcpy(e.mac, peer, MAC_BYTES);
        CHECK_OK(nlk_neigh_set(n, &e, &err), &err);
        struct inet host = cidr("192.0.2.7/32").ip;
        CHECK_OK(nlk_fdb_set(n, dev.index, peer, &host, false, &err), &err);
        auto_free struct nlk_neigh *list = NULL;
        size_t k = 0;
        CHECK_OK(nlk_neigh_list(n, AF_INET, dev.index, &list, &k, &err), &err);
        CHECK_INT(k, ==, 1);
        CHECK_INT(list[0].state, ==, NUD_PERMANENT);
        CHECK(inet_eq(&list[0].ip, &e.ip) && memcmp(list[0].mac, peer, MAC_BYTES) == 0);
        auto_free struct nlk_neigh *fdb = NULL;
        CHECK_OK(nlk_neigh_list(n, AF_BRIDGE, dev.index, &fdb, &k, &err), &err);
        CHECK_INT(k, ==, 1);
        CHECK(fdb[0].self && inet_eq(&fdb[0].ip, &host) && memcmp(fdb[0].mac, peer, MAC_BYTES) == 0);
        CHECK_OK(nlk_fdb_del(n, dev.index, peer, &host, &err), &err);
        CHECK_INT(nlk_fdb_del(n, dev.index, peer, &host, &err), ==, -ENOENT);
        CHECK_OK(nlk_neigh_del(n, dev.index, &e.ip, &err), &err);
        CHECK_INT(nlk_neigh_del(n, dev.index, &e.ip, &err), ==, -ENOENT);
        close(ns);
}

TEST(a_path_that_is_no_namespace_is_not_found) {
        int fd = -1;
        struct dr_error err = { 0 };
        CHECK_INT(netns_open("/proc/self/nowhere", &fd, &err), ==, -ENOENT);
        CHECK_INT(netns_open("/proc/self/status", &fd, &err), ==, -ENOENT);
        CHECK_INT(netns_open("/proc/self/ns/mnt", &fd, &err), ==, -ENOENT);
        CHECK_INT(netns_open("/proc/999999999/ns/net", &fd, &err), ==, -ENOENT);
        CHECK_INT(fd, ==, -1);
}

TEST(a_namespace_without_a_process_is_told_from_one_with) {
        int own = -1, ns = new_netns();
        struct dr_error err = { 0 };
        CHECK_OK(netns_open_own(&own, &err), &err);
        CHECK(netns_has_process(netns_id(own)));
        CHECK(!netns_has_process(netns_id(ns)));
        close(own);
        close(ns);
}

TEST_MAIN("node/netlink")
