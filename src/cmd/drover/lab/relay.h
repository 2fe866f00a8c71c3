/* relay.h: passes TCP connections from a listening socket on to one address, as a process of its own.
 *
 * The listening socket belongs to the lab's switch, the outgoing connections to the machine: a socket stays in the network
 * namespace where it was made. */
#pragma once
#include "base/base.h"

#include <sys/socket.h>

enum { RELAY_CONNECTIONS_MAX = 512, RELAY_BUFFER_BYTES = 65536 };

struct relay_target { struct sockaddr_storage address; socklen_t len; };

/* Numeric address and port. -EINVAL. */
int relay_target_parse(const char *host, const char *port, struct relay_target *ret, struct dr_error *err);
/* Runs until it is killed; the caller has entered the namespace for outgoing connections. listen_fd is borrowed. */
_Noreturn void relay_loop(int listen_fd, const struct relay_target *to);
