#include "check.h"
#include "node/net/overlay.h"

#include <stdio.h>
#include <sys/socket.h>

static void put(struct mdata *m, const char *text) {
        struct dr_error err = { 0 };
        int r = mdata_apply_text(m, text, strlen(text), &err);
        if (r < 0)
                printf("%s: %s\n", text, err.message);
        CHECK(r >= 0);
}

static void put_host(struct mdata *m, const char *uuid, const char *ip, const char *more) {
        auto_free char *text = dr_xasprintf("{\"metadata_kind\":\"host\",\"uuid\":\"%s\",\"name\":\"name-%s\",\"agent_ip\":\"%s\"%s}", uuid, uuid, ip, more);
        put(m, text);
}

static void put_container(struct mdata *m, const char *uuid, const char *host, const char *ip, const char *mac, const char *state) {
        auto_free char *text = dr_xasprintf("{\"metadata_kind\":\"container\",\"uuid\":\"%s\",\"name\":\"%s\",\"host_uuid\":\"%s\",\"primary_ip\":\"%s\",\"primary_mac_address\":\"%s\","
                                            "\"state\":\"%s\",\"network_uuid\":\"n-1\"}", uuid, uuid, host, ip, mac, state);
        put(m, text);
}

static struct mdata *world(void) {
        struct mdata *m = mdata_new();
        put(m, "{\"metadata_kind\":\"network\",\"uuid\":\"n-1\",\"name\":\"vxlan\",\"metadata\":{\"cniConfig\":{\"20-b.conf\":{\"bridge\":\"no\"},\"10-a.conf\":{\"bridge\":\"docker0\","
               "\"mtu\":\"1460\",\"linkMTUOverhead\":50}}}}");
        put_host(m, "h-1", "172.28.0.11", "");
        put_host(m, "h-2", "172.28.0.12", "");
        put(m, "{\"metadata_kind\":\"defaultData\",\"version\":\"1\",\"self\":{\"host\":{\"uuid\":\"h-1\"}}}");
        return m;
}

static size_t count(const struct overlay *o, enum overlay_kind kind) {
        size_t n = 0;
        for (size_t i = 0; i < o->items.n; i++)
                n += o->items.v[i].kind == kind;
        return n;
}

/* The item of a kind whose key is this address or MAC; NULL: none. */
static const struct overlay_item *find(const struct overlay *o, enum overlay_kind kind, const char *key) {
        uint8_t bytes[6] = { 0 };
        struct inet ip;
        if (inet_parse(key, &ip) == 0)
                memcpy(bytes, ip.bytes, 4);
        else
                CHECK(mac_parse(key, bytes) == 0);
        for (size_t i = 0; i < o->items.n; i++)
                if (o->items.v[i].kind == kind && memcmp(o->items.v[i].key, bytes, sizeof bytes) == 0)
                        return &o->items.v[i];
        return NULL;
}

static bool is_ip(const uint8_t *bytes, const char *text) {
        struct inet ip;
        return inet_parse(text, &ip) == 0 && memcmp(bytes, ip.bytes, 4) == 0;
}

TEST(a_remote_container_has_its_four_entries_and_a_local_one_none) {
        AUTO(mdata_free) struct mdata *m = world();
        struct overlay o = { 0 };
        put_container(m, "c-1", "h-1", "10.42.0.1", "02:00:00:00:00:01", "running");
        put_container(m, "c-2", "h-2", "10.42.0.2", "02:00:00:00:00:02", "running");
        overlay_decide(&o, m, "vxlan");
        CHECK_STR(o.missing, ==, "");
        CHECK_STR(o.bridge, ==, "docker0");
        CHECK_INT(o.mtu, ==, 1410);
        CHECK_INT(o.containers, ==, 1);
        CHECK_INT(o.peers.n, ==, 1);
        CHECK(is_ip(find(&o, OVERLAY_FDB, "02:00:00:00:00:02")->value, "172.28.0.12"));
        CHECK(find(&o, OVERLAY_PORT_FDB, "02:00:00:00:00:02"));
        CHECK(memcmp(find(&o, OVERLAY_NEIGHBOUR, "10.42.0.2")->value, "\2\0\0\0\0\2", 6) == 0);
        const struct overlay_item *route = find(&o, OVERLAY_ROUTE, "10.42.0.2");
        CHECK(memcmp(route->value, o.peers.v[0].address.bytes, 4) == 0);
        CHECK(memcmp(route->value + 4, o.address.bytes, 4) == 0);
        CHECK_INT(route->value[8] << 8 | route->value[9], ==, 1410);
        CHECK(!find(&o, OVERLAY_NEIGHBOUR, "10.42.0.1") && !find(&o, OVERLAY_FDB, "02:00:00:00:00:01"));
        CHECK(find(&o, OVERLAY_FDB, "0e:00:ac:1c:00:0c") && !find(&o, OVERLAY_FDB, "0e:00:ac:1c:00:0b"));
        for (size_t i = 1; i < o.items.n; i++)
                CHECK(overlay_item_compare(&o.items.v[i - 1], &o.items.v[i]) < 0);
        overlay_done(&o);
}

TEST(only_containers_that_run_count_and_the_running_one_of_two_has_an_address) {
        AUTO(mdata_free) struct mdata *m = world();
        struct overlay o = { 0 };
        put_container(m, "c-1", "h-2", "10.42.0.2", "02:00:00:00:00:01", "stopping");
        put_container(m, "c-2", "h-2", "10.42.0.2", "02:00:00:00:00:02", "running");
        put_container(m, "c-3", "h-2", "10.42.0.3", "02:00:00:00:00:03", "stopped");
        put_container(m, "c-4", "h-2", "10.42.0.4", "02:00:00:00:00:04", "starting");
        put_container(m, "c-5", "h-9", "10.42.0.5", "02:00:00:00:00:05", "running");
        put_container(m, "c-6", "h-2", "nonsense", "02:00:00:00:00:06", "running");
        overlay_decide(&o, m, "vxlan");
        CHECK_INT(o.containers, ==, 2);
        CHECK_INT(o.duplicates, ==, 1);
        CHECK(find(&o, OVERLAY_FDB, "02:00:00:00:00:02") && !find(&o, OVERLAY_FDB, "02:00:00:00:00:01"));
        CHECK(find(&o, OVERLAY_NEIGHBOUR, "10.42.0.4") && !find(&o, OVERLAY_NEIGHBOUR, "10.42.0.3") && !find(&o, OVERLAY_NEIGHBOUR, "10.42.0.5"));
        /* The running one is on this host: a stale one elsewhere gets nothing. */
        put_container(m, "c-2", "h-1", "10.42.0.2", "02:00:00:00:00:02", "running");
        overlay_decide(&o, m, "vxlan");
        CHECK(!find(&o, OVERLAY_NEIGHBOUR, "10.42.0.2") && !find(&o, OVERLAY_FDB, "02:00:00:00:00:01"));
        overlay_done(&o);
}

TEST(a_container_without_mac_is_behind_its_host) {
        AUTO(mdata_free) struct mdata *m = world();
        struct overlay o = { 0 };
        put_container(m, "c-2", "h-2", "10.42.0.2", "", "running");
        overlay_decide(&o, m, "vxlan");
        CHECK(memcmp(find(&o, OVERLAY_NEIGHBOUR, "10.42.0.2")->value, "\x0e\0\xac\x1c\0\x0c", 6) == 0);
        CHECK_INT(count(&o, OVERLAY_FDB), ==, 1);
        overlay_done(&o);
}

TEST(what_is_missing_is_said) {
        AUTO(mdata_free) struct mdata *m = mdata_new();
        struct overlay o = { 0 };
        overlay_decide(&o, m, "vxlan");
        CHECK_STR(o.missing, ==, "this host is not known yet");
        put_host(m, "h-1", "", "");
        put(m, "{\"metadata_kind\":\"defaultData\",\"version\":\"1\",\"self\":{\"host\":{\"uuid\":\"h-1\"}}}");
        overlay_decide(&o, m, "vxlan");
        CHECK_STR(o.missing, ==, "this host has no IPv4 address of its own (agent_ip is \"\")");
        put_host(m, "h-1", "172.28.0.11", "");
        overlay_decide(&o, m, "vxlan");
        CHECK_STR(o.missing, ==, "there is no network \"vxlan\" yet");
        put(m, "{\"metadata_kind\":\"network\",\"uuid\":\"n-1\",\"name\":\"vxlan\",\"metadata\":{}}");
        overlay_decide(&o, m, "vxlan");
        CHECK_STR(o.missing, ==, "network \"vxlan\" has no configuration that names a bridge");
        overlay_done(&o);
}

/* 2000 hosts, where hashes meet: all have addresses of their own, and each comes to the same ones whoever asks. */
TEST(hosts_addresses_are_their_own_and_the_same_for_everyone) {
        struct overlay o[2] = { 0 };
        for (int who = 0; who < 2; who++) {
                AUTO(mdata_free) struct mdata *m = world();
                for (int i = 0; i < 2000; i++) {
                        int n = who ? 1999 - i : i;             /* in another order */
                        char uuid[16], ip[32];
                        snprintf(uuid, sizeof uuid, "x-%04d", n);
                        snprintf(ip, sizeof ip, "10.9.%d.%d", n / 250, n % 250 + 1);
                        put_host(m, uuid, ip, "");
                }
                auto_free char *self = dr_xasprintf("{\"metadata_kind\":\"defaultData\",\"version\":\"1\",\"self\":{\"host\":{\"uuid\":\"%s\"}}}", who ? "h-2" : "h-1");
                put(m, self);
                overlay_decide(&o[who], m, "vxlan");
                CHECK_INT(o[who].peers.n, ==, 2001);
        }
        CHECK(inet_eq(&o[0].address, &o[1].peers.v[0].address));        /* h-1, as h-2 sees it */
        CHECK(inet_eq(&o[1].address, &o[0].peers.v[0].address));
        for (size_t i = 1; i < 2001; i++)
                CHECK(inet_eq(&o[0].peers.v[i].address, &o[1].peers.v[i].address));
        CHECK_INT(count(&o[0], OVERLAY_NEIGHBOUR), ==, 2001);   /* each address once: items with the same key are dropped */
        overlay_done(&o[0]);
        overlay_done(&o[1]);
}

TEST(two_hosts_behind_one_address_are_one) {
        AUTO(mdata_free) struct mdata *m = world();
        struct overlay o = { 0 };
        put_host(m, "h-3", "172.28.0.12", "");
        put_host(m, "h-4", "::1", "");
        put_host(m, "h-5", "172.28.0.15", ",\"agent_state\":\"disconnected\"");
        overlay_decide(&o, m, "vxlan");
        CHECK_INT(o.peers.n, ==, 2);
        CHECK_STR(o.peers.v[0].uuid, ==, "h-2");
        CHECK(!o.peers.v[0].away && o.peers.v[1].away);
        CHECK_STR(o.peers.v[1].name, ==, "name-h-5");
        overlay_done(&o);
}

TEST_MAIN("node/overlay")
