#include "check.h"

#include "base/parse.h"
#include "cmd/drover/lab/prog.h"
#include "cmd/drover/lab/state.h"

#include <net/if.h>
#include <stdio.h>

enum { TABLE_BYTES_MAX = 4 << 20, VXLAN_OVERHEAD_BYTES = 50, MTU_USUAL = 1500, MTU_LEAST = 1280 };

void check_server(const struct check_input *in, struct check_result *r) {
        struct dr_error err = { 0 };
        auto_free char *body = NULL;
        auto_free char *url = in->server ? dr_xasprintf("%s/ping", in->server) : NULL;
        int status = url ? check_get(in, url, &body, NULL, &err) : 0;
        if (!url)
                check_ok(r, "not asked for (--server URL)");
        else if (status < 0)
                check_bad(r, CHECK_FAIL, "check the address, that the server runs, and firewalls between here and there", "server \"%s\" cannot be reached: %s", in->server, err.message);
        else if (status != 200 || !body || !str_starts(body, "pong"))
                check_bad(r, CHECK_FAIL, "give the server's own address: http://HOST:8080", "\"%s\" answers %d and is no drover server", url, status);
        else
                check_ok(r, "%s answers", in->server);
}

static long interface_mtu(const char *name) {
        auto_free char *path = dr_xasprintf("/sys/class/net/%s/mtu", name);
        auto_free char *text = lab_file_read(path, 64);
        uint64_t mtu = 0;
        if (text)
                text[strcspn(text, "\n")] = '\0';
        return text && parse_u64(text, 1 << 20, &mtu) == 0 ? (long) mtu : -1;
}

/* The interface of the default route. False: there is none. */
static bool default_interface(char name[IFNAMSIZ]) {
        auto_free char *text = lab_file_read("/proc/net/route", TABLE_BYTES_MAX);
        char *save = NULL;
        for (char *line = text ? strtok_r(text, "\n", &save) : NULL; line; line = strtok_r(NULL, "\n", &save)) {
                char iface[IFNAMSIZ] = "", dest[16] = "", mask[16] = "";
                if (sscanf(line, "%15s %15s %*s %*s %*s %*s %*s %15s", iface, dest, mask) == 3 && str_eq(dest, "00000000") && str_eq(mask, "00000000")) {
                        snprintf(name, IFNAMSIZ, "%s", iface);
                        return true;
                }
        }
        return false;
}

void check_mtu(const struct check_input *in, struct check_result *r) {
        char name[IFNAMSIZ];
        if (!default_interface(name)) {
                check_bad(r, CHECK_WARN, "fine without internet; containers of several hosts use the network between the hosts", "there is no default route");
                return;
        }
        long mtu = interface_mtu(name), docker = interface_mtu("docker0");
        if (mtu < 0)
                check_bad(r, CHECK_WARN, "look at \"ip link\"", "could not read the MTU of %s", name);
        else if (mtu < MTU_LEAST + VXLAN_OVERHEAD_BYTES)
                check_bad(r, CHECK_FAIL, "raise it: \"ip link set DEV mtu 1500\"", "MTU %ld of %s leaves too little inside the containers' network", mtu, name);
        else if (docker > mtu)
                check_bad(r, CHECK_WARN, "set \"mtu\" in /etc/docker/daemon.json to the smaller value: large packets of containers get lost otherwise", "MTU %ld of docker0 is larger than %ld of %s", docker, mtu, name);
        else if (mtu < MTU_USUAL)
                check_bad(r, CHECK_WARN, "give all hosts the same MTU; the containers' network takes 50 bytes less", "MTU %ld of %s is below %d", mtu, name, MTU_USUAL);
        else
                check_ok(r, "MTU %ld of %s, %ld inside the containers' network", mtu, name, mtu - VXLAN_OVERHEAD_BYTES);
}

/* state: what marks a socket as listening in that table ("0A" for TCP, "07" for UDP). */
static bool port_used(const char *const *tables, size_t n, unsigned port, const char *state) {
        for (size_t i = 0; i < n; i++) {
                auto_free char *text = lab_file_read(tables[i], TABLE_BYTES_MAX);
                char *save = NULL;
                for (char *line = text ? strtok_r(text, "\n", &save) : NULL; line; line = strtok_r(NULL, "\n", &save)) {
                        char local[64] = "", st[8] = "";
                        unsigned have = 0;
                        if (sscanf(line, "%*s %63s %*s %7s", local, st) != 2 || !strchr(local, ':') || sscanf(strchr(local, ':'), ":%x", &have) != 1)
                                continue;
                        if (have == port && str_eq(st, state))
                                return true;
                }
        }
        return false;
}

void check_ports(const struct check_input *in, struct check_result *r) {
        static const char *const tcp[] = { "/proc/net/tcp", "/proc/net/tcp6" }, *const udp[] = { "/proc/net/udp", "/proc/net/udp6" };
        char used[128] = "";
        bool ours = false;
        if (port_used(tcp, 2, 8080, "0A")) {
                auto_free char *body = NULL;
                ours = check_get(in, "http://127.0.0.1:8080/ping", &body, NULL, NULL) == 200 && body && str_starts(body, "pong");
                if (!ours)
                        snprintf(used, sizeof used, " TCP 8080 (server)");
        }
        static const struct { unsigned port; const char *what; } wanted[] = { { 500, "encryption" }, { 4500, "encryption" }, { 4789, "VXLAN" } };
        for (size_t i = 0; i < ARRAY_LEN(wanted); i++)
                if (port_used(udp, 2, wanted[i].port, "07"))
                        snprintf(used + strlen(used), sizeof used - strlen(used), "%s UDP %u (%s)", *used ? "," : "", wanted[i].port, wanted[i].what);
        if (*used)
                check_bad(r, CHECK_WARN, "find the user with \"ss -lnptu\"; a server may use another port (--listen), hosts need the UDP ports between each other", "in use:%s", used);
        else
                check_ok(r, "8080 %s, UDP 500, 4500 and 4789 are free", ours ? "is a drover server's" : "is free");
}

static bool output_has(const char *const *argv, const char *text) {
        auto_free char *out = NULL;
        return prog_exists(argv[0]) && prog_status(&(struct prog) { .argv = argv, .ret_output = &out }, NULL) == 0 && out && strstr(out, text);
}

void check_firewall(const struct check_input *in, struct check_result *r) {
        if (output_has(PROG("firewall-cmd", "--state"), "running"))
                check_bad(r, CHECK_WARN, "open what hosts need: TCP 8080 on the server, UDP 500, 4500 and 4789 between hosts; \"firewall-cmd --reload\" drops Docker's rules, restart Docker after it",
                          "firewalld runs");
        else if (output_has(PROG("ufw", "status"), "Status: active"))
                check_bad(r, CHECK_WARN, "open what hosts need: \"ufw allow 8080/tcp\" on the server, \"ufw allow proto udp from HOSTS to any port 500,4500,4789\" on hosts", "ufw is active");
        else if (output_has(PROG("iptables", "-S", "FORWARD"), "-P FORWARD DROP"))
                check_bad(r, CHECK_WARN, "usual with Docker: the agent adds its own rule for the containers' network and keeps it", "iptables drops forwarded packets by default");
        else if (geteuid() != 0)
                check_bad(r, CHECK_WARN, "run this as root", "could not look at the firewall");
        else
                check_ok(r, "no firewalld, no ufw, forwarding is not dropped by default");
}

void check_forwarding(const struct check_input *in, struct check_result *r) {
        auto_free char *text = lab_file_read("/proc/sys/net/ipv4/ip_forward", 16);
        if (text && text[0] == '1')
                check_ok(r, "IP forwarding is on");
        else
                check_bad(r, CHECK_WARN, "Docker turns it on when it starts, but then drops forwarded packets by default; better \"net.ipv4.ip_forward = 1\" in /etc/sysctl.d",
                          "IP forwarding is off");
}
