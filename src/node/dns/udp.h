/* udp.h: queries over UDP: threads of their own, one socket each, many messages per system call, no allocation for what is known.
 *
 * What must be asked elsewhere goes to the loop, at most UDP_WAITING_MAX at once: more get SERVFAIL. Made and freed on the loop thread. */
#pragma once
#include "node/dns/resolve.h"

enum { UDP_WAITING_MAX = 4000, UDP_QUERY_BYTES_MAX = 4096, UDP_THREADS_MAX = 64 };
struct udp;
struct sockaddr_storage;
/* address: numeric; port 0: any, see udp_port(). Negative with *err. */
int udp_new(struct loop *l, struct resolver *r, const char *address, uint16_t port, unsigned threads, struct udp **ret, struct dr_error *err);
/* Ends the threads and takes back what they posted. The resolver may go after this, and must before udp_free(). */
void udp_stop(struct udp *u);
struct udp *udp_free(struct udp *u);    /* NULL is fine */
uint16_t udp_port(const struct udp *u);
int dns_socket(const char *address, uint16_t port, int type, bool share, struct dr_error *err); /* bound; the caller owns it */
/* A peer's IPv4 address in network order, also out of one mapped into IPv6; 0: it has none. */
uint32_t dns_client_ip(const struct sockaddr_storage *peer);
