/* inet.h: IP addresses with prefix lengths and MAC addresses as values. No I/O. Any thread. */
#pragma once
#include "base/base.h"

struct inet { int family; uint8_t bytes[16]; };                 /* AF_INET (4 bytes, network order) or AF_INET6; 0: none */
struct inet_cidr { struct inet ip; unsigned prefix; };          /* ip keeps its host bits */

enum { INET_TEXT_MAX = 64, MAC_BYTES = 6, MAC_TEXT_MAX = 18 };

static inline unsigned inet_bits(int family) { return family == 2 ? 32 : 128; }         /* 2 is AF_INET everywhere on Linux */

/* "10.42.3.7", "fd00::1". Returns 0 or -EINVAL; *ret stays untouched then. */
int inet_parse(const char *s, struct inet *ret);
/* "10.42.3.7/16". default_prefix: for text without a slash; negative: then -EINVAL. */
int inet_cidr_parse(const char *s, int default_prefix, struct inet_cidr *ret);
const char *inet_text(const struct inet *ip, char *buf);                /* buf: INET_TEXT_MAX bytes; "" for none */
const char *inet_cidr_text(const struct inet_cidr *c, char *buf);

bool inet_eq(const struct inet *a, const struct inet *b);
bool inet_cidr_eq(const struct inet_cidr *a, const struct inet_cidr *b);
bool inet_is_zero(const struct inet *ip);                               /* 0.0.0.0, :: */
struct inet_cidr inet_cidr_net(const struct inet_cidr *c);               /* host bits cleared */
bool inet_cidr_has(const struct inet_cidr *net, const struct inet *ip);
/* The network's first address after its own: 10.42.3.7/16 gives 10.42.0.1/16. -EINVAL: the prefix leaves no room. */
int inet_first_host(const struct inet_cidr *c, struct inet_cidr *ret);

/* "02:42:0a:2a:03:07", either case; unicast only, not all zeros. */
int mac_parse(const char *s, uint8_t ret[MAC_BYTES]);
const char *mac_text(const uint8_t mac[MAC_BYTES], char *buf);          /* buf: MAC_TEXT_MAX bytes */
