#include "check.h"

#include "node/netmgr/forward.h"
#include "node/netmgr/rules.h"

static struct mdata *model(const char *containers) {
        struct mdata *m = mdata_new();
        auto_free char *env = dr_xstrdup(
                "{'topic':'env','rev':1,'base':0,'set':{'environment':{'name':'e','uuid':'env'},'defaultData':{'self':{'host':{'uuid':'h1','labels':{'b':'docker0'}}}},"
                "'host/h1':{'uuid':'h1','labels':{'b':'docker0'}},'network/n1':{'uuid':'n1','name':'vxlan','environment_uuid':'env','is_default':true,'host_ports':true,"
                "'metadata':{'cniConfig':{'20-x.conf':{'type':'rancher-bridge','bridge':'other','bridgeSubnet':'10.1.0.0/16'},'10-v.conf':{'type':'rancher-bridge',"
                "'bridge':'__host_label__: b','bridgeSubnet':'10.42.0.0/16','hostNat':true}}}},'network/n2':{'uuid':'n2','name':'quiet','environment_uuid':'env','host_ports':false,"
                "'metadata':{'cniConfig':{'a.conf':{'type':'rancher-bridge','bridge':'br; drop','bridgeSubnet':'10.43.0.0/16'}}}}}}");
        auto_free char *stack = dr_xasprintf("{'topic':'stack/-','rev':1,'base':0,'set':{%s}}", containers);
        char *texts[] = { env, stack };
        for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
                struct dr_error err = { 0 };
                for (char *p = texts[i]; *p; p++)
                        *p = *p == '\'' ? '"' : *p;
                if (mdata_apply_text(m, texts[i], strlen(texts[i]), &err) < 0)
                        fail_msg("%s", err.message);
        }
        return m;
}

#define CONTAINER(uuid, ip, state, more, ports) "'container/" uuid "':{'uuid':'" uuid "','name':'" uuid "','primary_ip':'" ip "','state':'" state "'," more "'ports':[" ports "]}"
#define HERE "'host_uuid':'h1','network_uuid':'n1',"

static char *text_of(const char *containers, bool bridge_filter) {
        AUTO(mdata_free) struct mdata *m = model(containers);
        struct rules r;
        struct sbuf out = SBUF(RULES_BYTES_MAX);
        rules_read(m, &r);
        rules_format(&r, "169.254.169.250", bridge_filter, &out);
        rules_done(&r);
        return sbuf_steal(&out);
}

TEST(ports_have_three_parts_or_two) {
        static const struct { const char *text; uint32_t host; unsigned port, target; bool udp; } good[] = {
                { "0.0.0.0:80:8080/tcp", 0, 80, 8080, false }, { "0.0.0.0:80:8080", 0, 80, 8080, false }, { "80:8080/udp", 0, 80, 8080, true },
                { "192.0.2.1:53:53/UDP", 0xc0000201, 53, 53, true },
        };
        for (size_t i = 0; i < ARRAY_LEN(good); i++) {
                struct port_map p;
                CHECK_INT(port_map_parse(good[i].text, 7, &p), ==, 0);
                CHECK_INT(p.host, ==, good[i].host);
                CHECK_INT(p.port, ==, good[i].port);
                CHECK_INT(p.target_port, ==, good[i].target);
                CHECK_INT(p.target, ==, 7);
                CHECK(p.udp == good[i].udp);
        }
        static const char *const bad[] = { "", "80", "80:", "a:80", "0:80", "80:65536", "1.2.3:80:80", "1.2.3.4:5:80:80", "80:80/sctp", "x.y:80:80", "1.2.3.4:80:80; drop",
                                           "fd00::1:80:80/tcp" };
        for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
                struct port_map p;
                CHECK_INT(port_map_parse(bad[i], 7, &p), ==, -EINVAL);
        }
}

TEST(only_what_is_published_here_becomes_a_rule) {
        auto_free char *text = text_of(
                CONTAINER("a", "10.42.0.2", "running", HERE, "'0.0.0.0:80:8080/tcp','192.0.2.1:81:81/udp'") ","
                CONTAINER("b", "10.42.0.3", "running", "'host_uuid':'h2','network_uuid':'n1',", "'0.0.0.0:82:82/tcp'") ","
                CONTAINER("c", "10.42.0.4", "stopped", HERE, "'0.0.0.0:83:83/tcp'") ","
                CONTAINER("d", "10.42.0.5", "starting", HERE, "'0.0.0.0:84:84/tcp'") ","
                CONTAINER("e", "10.43.0.6", "running", "'host_uuid':'h1','network_uuid':'n2',", "'0.0.0.0:85:85/tcp'") ","
                CONTAINER("f", "10.43.0.7", "running", "'host_uuid':'h1','network_uuid':'n2','system':true,'labels':{'io.rancher.network.host_ports':'true'},", "'0.0.0.0:86:86/tcp'"), true);
        CHECK(strstr(text, "elements = { tcp . 80 : 10.42.0.2 . 8080, tcp . 84 : 10.42.0.5 . 84, tcp . 86 : 10.43.0.7 . 86 }"));
        CHECK(strstr(text, "elements = { 192.0.2.1 . udp . 81 : 10.42.0.2 . 81 }"));
        CHECK(strstr(text, "elements = { 10.42.0.2 . 10.42.0.2, 10.42.0.5 . 10.42.0.5, 10.43.0.7 . 10.43.0.7 }"));
        CHECK(strstr(text, "ip saddr 10.42.0.0/16 oifname != \"docker0\" masquerade\n"));
        CHECK(!strstr(text, "drop") && !strstr(text, "10.43.0.0") && !strstr(text, "10.1.0.0"));
        char *accept = strstr(text, "ip saddr 10.42.0.0/16 ip daddr 169.254.169.250 accept"), *first = strstr(text, "masquerade");
        CHECK(accept && first && accept < first);
}

TEST(of_two_who_want_a_port_the_running_one_then_the_newer_has_it) {
        auto_free char *runs = text_of(CONTAINER("a", "10.42.0.2", "running", HERE, "'80:1/tcp'") "," CONTAINER("b", "10.42.0.3", "starting", HERE, "'80:1/tcp'"), true);
        CHECK(strstr(runs, "elements = { tcp . 80 : 10.42.0.2 . 1 }"));
        auto_free char *newer = text_of(CONTAINER("a", "10.42.0.2", "running", HERE, "'80:1/tcp'") "," CONTAINER("b", "10.42.0.3", "running", HERE, "'80:1/tcp'"), true);
        CHECK(strstr(newer, "elements = { tcp . 80 : 10.42.0.3 . 1 }"));
}

TEST(neighbours_are_masqueraded_only_where_bridged_packets_pass_by_the_rules) {
        auto_free char *with = text_of(CONTAINER("a", "10.42.0.2", "running", HERE, "'80:1/tcp'"), true), *without = text_of(CONTAINER("a", "10.42.0.2", "running", HERE, "'80:1/tcp'"), false);
        const char *rule = "ct status dnat ip saddr 10.42.0.0/16 ip daddr 10.42.0.0/16 oifname \"docker0\" masquerade";
        CHECK(!strstr(with, rule) && strstr(without, rule));
}

/* Forward chains -------------------------------------------------------------------------------------------------- */

#define OURS "-A CATTLE_FORWARD -d 10.42.0.0/16 -o docker0 -j ACCEPT\n-A CATTLE_FORWARD -s 10.42.0.0/16 -i docker0 -j ACCEPT\n"

static char *plan(const char *save, bool remove, int want) {
        struct host_net net = { .bridge = "docker0" };
        CHECK_INT(inet_cidr_parse("10.42.0.0/16", -1, &net.subnet), ==, 0);
        struct rules r = { .nets = { .v = &net, .n = 1 } };
        struct sbuf out = SBUF(FORWARD_BYTES_MAX);
        CHECK_INT(forward_plan(save, &r, remove, &out), ==, want);
        return sbuf_steal(&out);
}

TEST(the_jump_is_the_first_of_the_chain_that_the_engine_leaves_to_users) {
        auto_free char *fresh = plan("*filter\n:FORWARD DROP [0:0]\n:DOCKER-USER - [0:0]\n-A FORWARD -j DOCKER-USER\n-A DOCKER-USER -j RETURN\nCOMMIT\n", false, 1);
        CHECK_STR(fresh, ==, "*filter\n:CATTLE_FORWARD - [0:0]\n" OURS "-I DOCKER-USER 1 -j CATTLE_FORWARD\nCOMMIT\n");
        auto_free char *right = plan("*filter\n:FORWARD DROP [0:0]\n:CATTLE_FORWARD - [0:0]\n:DOCKER-USER - [0:0]\n-A FORWARD -j DOCKER-USER\n" OURS
                                     "-A DOCKER-USER -j CATTLE_FORWARD\n-A DOCKER-USER -j RETURN\nCOMMIT\n", false, 0);
        CHECK_STR(right, ==, "");
        auto_free char *behind = plan("*filter\n:FORWARD DROP [0:0]\n:CATTLE_FORWARD - [0:0]\n:DOCKER-USER - [0:0]\n-A FORWARD -j DOCKER-USER\n" OURS
                                      "-A DOCKER-USER -s 1.2.3.4/32 -j DROP\n-A DOCKER-USER -j CATTLE_FORWARD\nCOMMIT\n", false, 1);
        CHECK_STR(behind, ==, "*filter\n-D DOCKER-USER -j CATTLE_FORWARD\n-I DOCKER-USER 1 -j CATTLE_FORWARD\nCOMMIT\n");
}

TEST(where_nothing_leads_to_that_chain_the_jump_is_in_forward) {
        auto_free char *none = plan("*filter\n:FORWARD DROP [0:0]\nCOMMIT\n", false, 1);
        CHECK_STR(none, ==, "*filter\n:CATTLE_FORWARD - [0:0]\n" OURS "-I FORWARD 1 -j CATTLE_FORWARD\nCOMMIT\n");
        auto_free char *flushed = plan("*filter\n:FORWARD DROP [0:0]\n:CATTLE_FORWARD - [0:0]\n:DOCKER-USER - [0:0]\n" OURS "-A DOCKER-USER -j CATTLE_FORWARD\nCOMMIT\n", false, 1);
        CHECK_STR(flushed, ==, "*filter\n-D DOCKER-USER -j CATTLE_FORWARD\n-I FORWARD 1 -j CATTLE_FORWARD\nCOMMIT\n");
}

TEST(a_chain_with_other_rules_is_filled_again_and_a_back_end_that_is_not_used_is_left_alone) {
        auto_free char *other = plan("*filter\n:FORWARD DROP [0:0]\n:CATTLE_FORWARD - [0:0]\n-A CATTLE_FORWARD -j DROP\n-A FORWARD -j CATTLE_FORWARD\nCOMMIT\n", false, 1);
        CHECK_STR(other, ==, "*filter\n:CATTLE_FORWARD - [0:0]\n" OURS "COMMIT\n");
        auto_free char *empty = plan("", false, 0), *nat = plan("*nat\n:FORWARD DROP [0:0]\nCOMMIT\n", false, 0);
        CHECK_STR(empty, ==, "");
        CHECK_STR(nat, ==, "");
        CHECK(forward_drops("*filter\n:FORWARD DROP [0:0]\n") && !forward_drops("*filter\n:FORWARD ACCEPT [0:0]\n"));
}

TEST(a_firewall_of_its_own_that_drops_is_named) {
        static const struct { const char *chains, *want; } rows[] = {
                { "{\"nftables\":[{\"metainfo\":{}},{\"chain\":{\"family\":\"ip\",\"table\":\"filter\",\"name\":\"FORWARD\",\"hook\":\"forward\",\"policy\":\"drop\"}}]}", "" },
                { "{\"nftables\":[{\"chain\":{\"family\":\"inet\",\"table\":\"firewalld\",\"name\":\"filter_FORWARD\",\"hook\":\"forward\",\"policy\":\"accept\"}}]}", "" },
                { "{\"nftables\":[{\"chain\":{\"family\":\"inet\",\"table\":\"fw\",\"name\":\"fwd\",\"hook\":\"forward\",\"policy\":\"drop\"}}]}", "inet fw fwd" },
                { "", "" }, { "[]", "" },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                char got[160];
                forward_other_drops(rows[i].chains, strlen(rows[i].chains), got, sizeof got);
                CHECK_STR(got, ==, rows[i].want);
        }
}

TEST(removing_takes_jumps_and_chain_away) {
        auto_free char *gone = plan("*filter\n:FORWARD DROP [0:0]\n:CATTLE_FORWARD - [0:0]\n:DOCKER-USER - [0:0]\n-A FORWARD -j CATTLE_FORWARD\n-A DOCKER-USER -j CATTLE_FORWARD\nCOMMIT\n",
                                    true, 1);
        CHECK_STR(gone, ==, "*filter\n-D DOCKER-USER -j CATTLE_FORWARD\n-D FORWARD -j CATTLE_FORWARD\n-F CATTLE_FORWARD\n-X CATTLE_FORWARD\nCOMMIT\n");
        auto_free char *none = plan("*filter\n:FORWARD DROP [0:0]\nCOMMIT\n", true, 0);
        CHECK_STR(none, ==, "");
}

TEST_MAIN("node/netmgr/rules")
