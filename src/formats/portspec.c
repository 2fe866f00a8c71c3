#include "portspec.h"

#include "base/parse.h"

#include <arpa/inet.h>
#include <stdio.h>

static const char *const protocols[PORT_PROTOCOL_MAX] = { [PORT_TCP] = "tcp", [PORT_UDP] = "udp" };

const char *port_protocol_to_string(enum port_protocol p) { return p < PORT_PROTOCOL_MAX ? protocols[p] : NULL; }

static int parse_port(const char *s, uint16_t *ret) {
        uint64_t v;
        if (parse_u64(s, 65535, &v) < 0 || v == 0)
                return -EINVAL;
        *ret = (uint16_t) v;
        return 0;
}

/* The address in canonical form; brackets are off already. */
static int parse_ip(const char *s, char ret[PORTSPEC_IP_MAX + 1]) {
        unsigned char raw[sizeof(struct in6_addr)];
        int family = strchr(s, ':') ? AF_INET6 : AF_INET;
        if (inet_pton(family, s, raw) != 1)
                return -EINVAL;
        return inet_ntop(family, raw, ret, PORTSPEC_IP_MAX + 1) ? 0 : -EINVAL;
}

static int wrong_format(const char *s, const char *why, struct dr_error *err) {
        return dr_fail(err, DR_E_PORT_FORMAT, "ports", "cannot read port \"%.100s\": %s", s, why);
}

int portspec_parse(const char *s, struct portspec *ret, struct dr_error *err) {
        struct portspec p = { .protocol = PORT_TCP };
        char text[PORTSPEC_CHARS_MAX + 1];
        if (strlen(s) >= sizeof text)
                return wrong_format(s, "it is too long", err);
        memcpy(text, s, strlen(s) + 1);

        char *slash = strchr(text, '/');
        if (slash) {
                *slash = 0;
                for (p.protocol = 0; p.protocol < PORT_PROTOCOL_MAX; p.protocol++)
                        if (str_eq(slash + 1, protocols[p.protocol]))
                                break;
                if (p.protocol == PORT_PROTOCOL_MAX)
                        return dr_fail(err, DR_E_PORT_PROTOCOL, "ports", "cannot read port \"%s\": protocol \"%s\" is not tcp or udp",
                                       s, slash + 1);
        }
        char *ports = text, *ip = NULL;
        if (text[0] == '[') {
                char *end = strchr(text, ']');
                if (!end || end[1] != ':')
                        return wrong_format(s, "expected ']:' after the IPv6 address", err);
                *end = 0;
                ip = text + 1;
                ports = end + 2;
                if (!strchr(ip, ':'))
                        return wrong_format(s, "brackets are for IPv6 addresses", err);
                if (!strchr(ports, ':'))
                        return wrong_format(s, "expected [ip]:public:private or [ip]::private", err);
        }
        char *private = strrchr(ports, ':'), *public = NULL;
        if (private) {
                *private++ = 0;
                public = ports;
                char *first = strchr(ports, ':');
                if (first && ip)
                        return wrong_format(s, "too many ':'", err);
                if (first) {
                        *first = 0;
                        ip = ports;
                        public = first + 1;
                        if (strchr(public, ':'))
                                return wrong_format(s, "too many ':' (an IPv6 address goes in brackets)", err);
                }
        } else {
                private = ports;
        }
        if (ip && parse_ip(ip, p.ip) < 0)
                return wrong_format(s, "expected an IP address before the ports", err);
        if (public && (*public || !ip) && parse_port(public, &p.public_port) < 0)
                return dr_fail(err, DR_E_PORT_PUBLIC, "ports", "cannot read port \"%s\": public port \"%s\" is not 1 to 65535", s, public);
        if (parse_port(private, &p.private_port) < 0)
                return dr_fail(err, DR_E_PORT_PRIVATE, "ports", "cannot read port \"%s\": private port \"%s\" is not 1 to 65535", s, private);
        *ret = p;
        return 0;
}

void portspec_format(const struct portspec *p, char buf[PORTSPEC_CHARS_MAX + 1]) {
        char public[8] = "";
        if (p->public_port)
                snprintf(public, sizeof public, "%u", p->public_port);
        bool v6 = strchr(p->ip, ':');
        snprintf(buf, PORTSPEC_CHARS_MAX + 1, "%s%s%s%s%s%s%u/%s", v6 ? "[" : "", p->ip, v6 ? "]" : "", p->ip[0] ? ":" : "", public,
                 p->ip[0] || public[0] ? ":" : "", p->private_port, protocols[p->protocol]);
}

static bool any_address(const char *ip) { return !ip[0] || str_eq(ip, "0.0.0.0") || str_eq(ip, "::"); }

bool portspec_conflicts(const struct portspec *a, const struct portspec *b) {
        return a->public_port && a->public_port == b->public_port && a->protocol == b->protocol &&
               (any_address(a->ip) || any_address(b->ip) || str_eq(a->ip, b->ip));
}
