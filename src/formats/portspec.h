/* portspec.h: published ports of containers and services. Any thread, no allocation.
 *
 * Grammar (orchestration.md 1.15), each with optional /tcp or /udp, tcp when absent; no ranges:
 *   private | public:private | ip:public:private | ip::private | [ipv6]:public:private | [ipv6]::private */
#pragma once
#include "base/base.h"

enum { PORTSPEC_IP_MAX = 45, PORTSPEC_CHARS_MAX = PORTSPEC_IP_MAX + 24 };
enum port_protocol { PORT_TCP, PORT_UDP, PORT_PROTOCOL_MAX };

struct portspec {
        char ip[PORTSPEC_IP_MAX + 1];           /* canonical, without brackets; empty: every address */
        uint16_t public_port;                   /* 0: none given */
        uint16_t private_port;
        enum port_protocol protocol;
};

const char *port_protocol_to_string(enum port_protocol p);              /* static storage */

/* Returns 0, or negative with *err, field "ports": DR_E_PORT_FORMAT, DR_E_PORT_PUBLIC, DR_E_PORT_PRIVATE, DR_E_PORT_PROTOCOL.
 * ret is untouched then. */
int portspec_parse(const char *s, struct portspec *ret, struct dr_error *err);

/* The normalised form, as stored: "8080:80/tcp", "10.0.0.1:8080:80/udp", "10.0.0.1::80/tcp", "80/tcp". */
void portspec_format(const struct portspec *p, char buf[PORTSPEC_CHARS_MAX + 1]);
/* Whether two specs cannot be on one host together: same protocol and public port, and the same or any address. */
bool portspec_conflicts(const struct portspec *a, const struct portspec *b);
