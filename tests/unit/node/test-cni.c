#include "check.h"

#include "node/cni/bridge-internal.h"
#include "node/cni/ipam.h"
#include "node/json_view.h"

#include <stdlib.h>

#define ID "0123456789abcdef0123456789abcdef"
#define CONF "{\"cniVersion\":\"1.1.0\",\"name\":\"net\",\"ipam\":{\"type\":\"drover-ipam\"}}"

static const struct cni_env add = { .command = "ADD", .container_id = ID, .netns = "/proc/1/ns/net", .ifname = "eth0" };

static unsigned parse(const struct cni_env *env, const char *conf, struct cni_request *r) {
        struct cni_error err = { 0 };
        int result = cni_request_parse(env, conf, strlen(conf), r, &err);
        CHECK_INT(result, ==, err.code ? -1 : 0);
        if (err.code)
                CHECK(err.msg[0]);
        return err.code;
}

static unsigned code_of(const struct cni_env *env, const char *conf) {
        auto_cni_request struct cni_request r;
        return parse(env, conf, &r);
}

TEST(versions_have_names_both_ways) {
        for (int v = 0; v < CNI_VERSION_MAX; v++)
                CHECK_INT(cni_version_from_string(cni_version_to_string((enum cni_version) v)), ==, v);
        CHECK(!cni_version_to_string(CNI_VERSION_MAX));
        CHECK_INT(cni_version_from_string("0.1"), <, 0);
        CHECK_INT(cni_version_from_string("2.0.0"), <, 0);
}

TEST(a_wrong_environment_is_error_4) {
        static const struct { const char *what; struct cni_env env; } rows[] = {
                { "no command", { .container_id = ID, .netns = "/n", .ifname = "eth0" } },
                { "unknown command", { .command = "PUT", .container_id = ID, .netns = "/n", .ifname = "eth0" } },
                { "no container", { .command = "ADD", .netns = "/n", .ifname = "eth0" } },
                { "no namespace", { .command = "ADD", .container_id = ID, .ifname = "eth0" } },
                { "no namespace to check", { .command = "CHECK", .container_id = ID, .ifname = "eth0" } },
                { "no interface", { .command = "DEL", .container_id = ID } },
                { "a slash in the id", { .command = "ADD", .container_id = "a/b", .netns = "/n", .ifname = "eth0" } },
                { "a dot first", { .command = "ADD", .container_id = "..", .netns = "/n", .ifname = "eth0" } },
                { "a long interface", { .command = "ADD", .container_id = ID, .netns = "/n", .ifname = "eth0123456789abc" } },
                { "an interface with a slash", { .command = "ADD", .container_id = ID, .netns = "/n", .ifname = "a/b" } },
                { "an interface with a blank", { .command = "ADD", .container_id = ID, .netns = "/n", .ifname = "a b" } },
                { "args without value", { .command = "ADD", .container_id = ID, .netns = "/n", .ifname = "eth0", .args = "MACAddress" } },
                { "args unknown", { .command = "ADD", .container_id = ID, .netns = "/n", .ifname = "eth0", .args = "K8S_POD_NAME=x" } },
                { "a bad mac", { .command = "ADD", .container_id = ID, .netns = "/n", .ifname = "eth0", .args = "MACAddress=02:00" } },
                { "a bad address", { .command = "ADD", .container_id = ID, .netns = "/n", .ifname = "eth0", .args = "IPAddress=10.42.1.300/16" } },
                { "a bad overhead", { .command = "ADD", .container_id = ID, .netns = "/n", .ifname = "eth0", .args = "LinkMTUOverhead=-1" } },
                { "a bad truth", { .command = "ADD", .container_id = ID, .netns = "/n", .ifname = "eth0", .args = "IgnoreUnknown=perhaps" } },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                unsigned code = code_of(&rows[i].env, CONF);
                if (code != CNI_E_ENV)
                        print_error("%s: %u\n", rows[i].what, code);
                CHECK_INT(code, ==, CNI_E_ENV);
        }
}

TEST(unknown_args_pass_with_ignore_unknown_wherever_it_stands) {
        struct cni_env env = add;
        env.args = "K8S_POD_NAME=x;IPAddress=10.42.1.2/16;MACAddress=02:01:02:03:04:05;LinkMTUOverhead=0;RancherContainerUUID=u-1;IgnoreUnknown=true;DOCKER=true";
        auto_cni_request struct cni_request r;
        CHECK_INT(parse(&env, CONF, &r), ==, 0);
        CHECK_STR(r.args.ip, ==, "10.42.1.2/16");
        CHECK_STR(r.args.uuid, ==, "u-1");
        CHECK(r.args.has_mac && r.args.mac[5] == 5);
        CHECK(r.args.has_overhead && r.args.overhead == 0);
}

TEST(configurations_are_refused_with_the_specifications_codes) {
        static const struct { const char *conf; unsigned code; } rows[] = {
                { "", CNI_E_DECODE }, { "{", CNI_E_DECODE }, { "[]", CNI_E_DECODE }, { "null", CNI_E_DECODE }, { "{} {}", CNI_E_DECODE },
                { "{\"cniVersion\":\"0.3.2\",\"name\":\"n\"}", CNI_E_VERSION }, { "{\"cniVersion\":\"1.2.0\",\"name\":\"n\"}", CNI_E_VERSION },
                { "{\"cniVersion\":1,\"name\":\"n\"}", CNI_E_CONFIG }, { "{\"cniVersion\":\"1.0.0\"}", CNI_E_CONFIG }, { "{\"cniVersion\":\"1.0.0\",\"name\":\"\"}", CNI_E_CONFIG },
                { "{\"cniVersion\":\"1.0.0\",\"name\":\"a/b\"}", CNI_E_CONFIG }, { "{\"name\":\"n\"}", 0 }, { "{\"cniVersion\":\"1.1.0\",\"name\":\"n\"}", 0 },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++)
                CHECK_INT(code_of(&add, rows[i].conf), ==, rows[i].code);
}

TEST(commands_exist_from_their_version_on) {
        static const struct { const char *command; enum cni_version since; } rows[] = { { "ADD", CNI_0_1_0 }, { "DEL", CNI_0_1_0 }, { "CHECK", CNI_0_4_0 }, { "GC", CNI_1_1_0 }, { "STATUS", CNI_1_1_0 } };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++)
                for (int v = 0; v < CNI_VERSION_MAX; v++) {
                        struct cni_env env = add;
                        env.command = rows[i].command;
                        auto_free char *conf = dr_xasprintf("{\"cniVersion\":\"%s\",\"name\":\"n\"}", cni_version_to_string((enum cni_version) v));
                        CHECK_INT(code_of(&env, conf), ==, v < (int) rows[i].since ? CNI_E_VERSION : 0);
                }
}

static unsigned conf_code(const char *conf, struct bridge_conf *ret) {
        auto_cni_request struct cni_request r;
        struct cni_error err = { 0 };
        auto_free char *text = dr_xasprintf("{\"name\":\"n\",\"ipam\":{\"type\":\"drover-ipam\"}%s%s}", *conf ? "," : "", conf);
        CHECK_INT(parse(&add, text, &r), ==, 0);
        int result = bridge_conf_read(&r, ret, &err);
        CHECK_INT(result, ==, err.code ? -1 : 0);
        return err.code;
}

TEST(the_bridges_keys_are_read_with_booleans_and_numbers_as_text_too) {
        struct bridge_conf c;
        CHECK_INT(conf_code("", &c), ==, 0);
        CHECK(c.tx_checksum && !c.hairpin && !c.promisc && !c.is_gateway && !c.has_subnet && c.mtu == 0);
        CHECK_INT(conf_code("\"isDefaultGateway\":\"true\",\"promiscMode\":true,\"hairpinMode\":\"false\",\"mtu\":\"1450\",\"linkMTUOverhead\":98,\"hostNat\":true,\"skipFastPath\":\"x\"", &c), ==, 0);
        CHECK(c.is_default_gateway && c.is_gateway && c.promisc && !c.hairpin);
        CHECK_INT(c.mtu, ==, 1450);
        CHECK_INT(c.overhead, ==, 98);
        static const struct { const char *conf, *ip; } rows[] = {
                { "\"bridgeSubnet\":\"10.42.0.0/16\"", "10.42.0.1/16" }, { "\"bridgeSubnet\":\"10.42.5.9/22\"", "10.42.4.1/22" },
                { "\"bridgeSubnet\":\"10.42.0.0/16\",\"bridgeIP\":\"10.42.9.9\"", "10.42.9.9/16" }, { "\"bridgeSubnet\":\"10.42.0.0/16\",\"bridgeIP\":\"10.42.9.9/24\"", "10.42.9.9/24" },
                { "\"bridgeIP\":\"192.0.2.1/24\"", "192.0.2.1/24" },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                char text[INET_TEXT_MAX];
                CHECK_INT(conf_code(rows[i].conf, &c), ==, 0);
                CHECK(c.has_bridge_ip);
                CHECK_STR(inet_cidr_text(&c.bridge_ip, text), ==, rows[i].ip);
        }
        static const struct { const char *conf; unsigned code; } bad[] = {
                { "\"promiscMode\":true,\"hairpinMode\":true", CNI_E_CONFIG }, { "\"mtu\":-1", CNI_E_CONFIG }, { "\"mtu\":67", CNI_E_CONFIG }, { "\"mtu\":\"many\"", CNI_E_CONFIG },
                { "\"mtu\":70000", CNI_E_CONFIG }, { "\"isGateway\":\"maybe\"", CNI_E_CONFIG }, { "\"isGateway\":2", CNI_E_CONFIG }, { "\"bridge\":7", CNI_E_CONFIG },
                { "\"bridge\":\"a-name-that-is-long\"", CNI_E_CONFIG }, { "\"bridgeSubnet\":\"10.42.0.0\"", CNI_E_CONFIG }, { "\"bridgeSubnet\":\"10.42.0.0/32\"", CNI_E_CONFIG },
                { "\"bridgeSubnet\":\"10.42.0.0/16\",\"bridgeIP\":\"10.43.0.1\"", CNI_E_CONFIG }, { "\"bridgeIP\":\"10.43.0.1\"", CNI_E_CONFIG }, { "\"ipMasq\":true", CNI_E_FIELD },
                { "\"ipMasq\":\"false\"", 0 }, { "\"ipam\":{}", CNI_E_CONFIG },
        };
        for (size_t i = 0; i < ARRAY_LEN(bad); i++)
                CHECK_INT(conf_code(bad[i].conf, &c), ==, bad[i].code);
}

TEST(the_hosts_end_is_named_by_a_docker_id_as_upstream_and_else_by_a_hash) {
        char a[IFNAMSIZ], b[IFNAMSIZ];
        bridge_host_name("net", ID, "eth0", a);
        CHECK_STR(a, ==, "vethr0123456789");
        bridge_host_name("net", "cnitool-77383ca0a0715733ca6f", "eth0", a);
        bridge_host_name("net", "cnitool-77383ca0a0715733ca60", "eth0", b);
        CHECK_STR(a, !=, b);                                    /* their first ten characters are the same */
        CHECK_INT(strlen(a), ==, 15);
        bridge_host_name("net", ID, "eth1", b);
        CHECK_STR(b, !=, "vethr0123456789");
        bridge_host_name("net", "cnitool-77383ca0a0715733ca6f", "eth0", b);
        CHECK_STR(a, ==, b);
}

TEST(an_alias_says_whose_link_it_is) {
        struct bridge_owner o = { .network = "net.1", .container = ID, .ifname = "eth0", .ns = UINT64_MAX }, back;
        char alias[256];
        bridge_alias(&o, alias);
        CHECK(bridge_owner_parse(alias, &back));
        CHECK_STR(back.network, ==, "net.1");
        CHECK_STR(back.container, ==, ID);
        CHECK_STR(back.ifname, ==, "eth0");
        CHECK(back.ns == UINT64_MAX);
        static const char *const bad[] = { "", "drover:", "drover:a:b:c", "drover:a:b::1", "other:a:b:c:1", "drover:a:b:c:x", "drover:a:b:toolonginterfacename:1" };
        for (size_t i = 0; i < ARRAY_LEN(bad); i++)
                CHECK(!bridge_owner_parse(bad[i], &back));
}

static const char full[] = "{\"cniVersion\":\"1.1.0\",\"interfaces\":[{\"name\":\"br0\",\"mac\":\"02:00:00:00:00:01\",\"mtu\":1500},{\"name\":\"eth0\",\"mac\":\"02:00:00:00:00:02\",\"mtu\":1402,\"sandbox\":\"/n\"}],"
        "\"ips\":[{\"interface\":1,\"address\":\"10.42.1.2/16\",\"gateway\":\"10.42.0.1\"},{\"interface\":1,\"address\":\"fd00::2/64\"}],"
        "\"routes\":[{\"dst\":\"0.0.0.0/0\",\"gw\":\"10.42.0.1\",\"mtu\":1400,\"priority\":10},{\"dst\":\"fd01::/64\"}],\"dns\":{\"nameservers\":[\"169.254.169.250\"]}}";

static char *converted(const char *text, enum cni_version v) {
        auto_cni_result struct cni_result r = { 0 };
        struct cni_error err = { 0 };
        json_object *o = jv_parse(text, strlen(text), 1 << 20, NULL);
        CHECK(o);
        int result = cni_result_parse(o, &r, &err);
        json_object_put(o);
        if (result < 0)
                print_error("%s\n", err.msg);
        CHECK_INT(result, ==, 0);
        o = cni_result_json(&r, v);
        char *s = dr_xstrdup(jv_print(o));
        json_object_put(o);
        return s;
}

TEST(a_result_has_the_form_of_the_version) {
        static const struct { enum cni_version v; const char *text; } rows[] = {
                { CNI_0_1_0, "{\"cniVersion\":\"0.1.0\",\"ip4\":{\"ip\":\"10.42.1.2/16\",\"gateway\":\"10.42.0.1\",\"routes\":[{\"dst\":\"0.0.0.0/0\",\"gw\":\"10.42.0.1\"}]},"
                             "\"ip6\":{\"ip\":\"fd00::2/64\",\"routes\":[{\"dst\":\"fd01::/64\"}]},\"dns\":{\"nameservers\":[\"169.254.169.250\"]}}" },
                { CNI_0_3_1, "{\"cniVersion\":\"0.3.1\",\"interfaces\":[{\"name\":\"br0\",\"mac\":\"02:00:00:00:00:01\"},{\"name\":\"eth0\",\"mac\":\"02:00:00:00:00:02\",\"sandbox\":\"/n\"}],"
                             "\"ips\":[{\"version\":\"4\",\"interface\":1,\"address\":\"10.42.1.2/16\",\"gateway\":\"10.42.0.1\"},{\"version\":\"6\",\"interface\":1,\"address\":\"fd00::2/64\"}],"
                             "\"routes\":[{\"dst\":\"0.0.0.0/0\",\"gw\":\"10.42.0.1\"},{\"dst\":\"fd01::/64\"}],\"dns\":{\"nameservers\":[\"169.254.169.250\"]}}" },
                { CNI_1_0_0, "{\"cniVersion\":\"1.0.0\",\"interfaces\":[{\"name\":\"br0\",\"mac\":\"02:00:00:00:00:01\"},{\"name\":\"eth0\",\"mac\":\"02:00:00:00:00:02\",\"sandbox\":\"/n\"}],"
                             "\"ips\":[{\"interface\":1,\"address\":\"10.42.1.2/16\",\"gateway\":\"10.42.0.1\"},{\"interface\":1,\"address\":\"fd00::2/64\"}],"
                             "\"routes\":[{\"dst\":\"0.0.0.0/0\",\"gw\":\"10.42.0.1\"},{\"dst\":\"fd01::/64\"}],\"dns\":{\"nameservers\":[\"169.254.169.250\"]}}" },
                { CNI_1_1_0, full },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                auto_free char *s = converted(full, rows[i].v), *again = converted(rows[i].text, rows[i].v);
                CHECK_STR(s, ==, rows[i].text);
                CHECK_STR(again, ==, rows[i].text);             /* what was written is read again */
        }
        auto_free char *old = converted("{\"ip4\":{\"ip\":\"10.1.2.3/24\"}}", CNI_0_3_0);
        CHECK_STR(old, ==, "{\"cniVersion\":\"0.3.0\",\"ips\":[{\"version\":\"4\",\"address\":\"10.1.2.3/24\"}],\"dns\":{}}");
}

TEST(a_result_that_makes_no_sense_is_error_6) {
        static const char *const bad[] = {
                "{\"ip4\":{\"ip\":\"10.1.2.3\"}}", "{\"ip4\":{\"ip\":\"fd00::1/64\"}}", "{\"ips\":[{\"address\":\"x\"}]}", "{\"ips\":[{\"address\":\"10.1.2.3/24\",\"gateway\":\"fd00::1\"}]}",
                "{\"ips\":[{}]}", "{\"routes\":[{\"dst\":\"10.0.0.0\"}]}", "{\"routes\":[{\"dst\":\"10.0.0.0/8\",\"gw\":\"y\"}]}",
                "{\"interfaces\":[{\"name\":\"eth0\"}],\"ips\":[{\"address\":\"10.1.2.3/24\",\"interface\":3}]}", "[]",
        };
        for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
                auto_cni_result struct cni_result r = { 0 };
                struct cni_error err = { 0 };
                json_object *o = jv_parse(bad[i], strlen(bad[i]), 1 << 20, NULL);
                CHECK(o);
                int result = cni_result_parse(o, &r, &err);
                json_object_put(o);
                CHECK_INT(result, ==, -1);
                CHECK_INT(err.code, ==, CNI_E_DECODE);
        }
}

static unsigned ipam_code(const char *args, const char *ipam, struct cni_result *ret) {
        auto_cni_request struct cni_request r;
        struct cni_error err = { 0 };
        struct cni_env env = add;
        env.args = args;
        auto_free char *text = dr_xasprintf("{\"name\":\"n\",%s}", ipam);
        CHECK_INT(parse(&env, text, &r), ==, 0);
        return ipam_add(&r, ret, &err) < 0 ? err.code : 0;
}

TEST(the_address_of_the_args_gets_the_configurations_prefix_and_routes) {
        static const struct { const char *args, *ipam, *address; unsigned code; } rows[] = {
                { "IPAddress=10.42.1.2/20", "\"ipam\":{}", "10.42.1.2/20", 0 }, { "IPAddress=10.42.1.2", "\"ipam\":{}", "10.42.1.2/16", 0 },
                { "IPAddress=10.42.1.2", "\"ipam\":{\"subnetPrefixSize\":\"/24\"}", "10.42.1.2/24", 0 }, { "IPAddress=10.42.1.2", "\"ipam\":{\"subnetPrefixSize\":\"22\"}", "10.42.1.2/22", 0 },
                { "IPAddress=10.42.1.2", "\"ipam\":{\"subnetPrefixSize\":20}", "10.42.1.2/20", 0 }, { "IPAddress=10.42.1.2", "\"ipam\":{\"subnetPrefixSize\":\"/33\"}", NULL, CNI_E_ENV },
                { "IPAddress=10.42.1.2", "\"ipam\":{\"subnetPrefixSize\":\"wide\"}", NULL, CNI_E_CONFIG }, { "IPAddress=10.42.1.2", "\"ipam\":{\"routes\":{}}", NULL, CNI_E_CONFIG },
                { "IPAddress=10.42.1.2", "\"ipam\":{\"routes\":[{\"dst\":\"all\"}]}", NULL, CNI_E_CONFIG }, { "IPAddress=0.0.0.0", "\"ipam\":{}", NULL, CNI_E_ENV },
                { NULL, "\"runtimeConfig\":{\"ips\":[\"10.9.8.7/24\"]}", "10.9.8.7/24", 0 }, { NULL, "\"runtimeConfig\":{\"ips\":[\"x\"]}", NULL, CNI_E_CONFIG },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                auto_cni_result struct cni_result r = { 0 };
                char text[INET_TEXT_MAX];
                CHECK_INT(ipam_code(rows[i].args, rows[i].ipam, &r), ==, rows[i].code);
                if (rows[i].address)
                        CHECK_STR(inet_cidr_text(&r.ips.v[0].address, text), ==, rows[i].address);
        }
        auto_cni_result struct cni_result r = { 0 };
        CHECK_INT(ipam_code("IPAddress=10.42.1.2", "\"ipam\":{\"routes\":[{\"dst\":\"169.254.169.250/32\"},{\"dst\":\"10.0.0.0/8\",\"gw\":\"10.42.0.9\"}]}", &r), ==, 0);
        CHECK_INT(r.routes.n, ==, 2);
        CHECK(r.routes.v[1].gw.family && !r.routes.v[0].gw.family);
}

TEST_MAIN("node/cni")
