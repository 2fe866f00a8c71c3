/* tcp.h: queries over TCP: two bytes of length before each message, several under way at once, answered as they are ready.
 *
 * A connection is closed after TCP_IDLE_MS without a whole query (nothing waiting), or when its client does not take answers that long. With
 * TCP_WAITING_MAX queries waiting or TCP_OUT_BYTES unsent nothing more is read. Loop thread only. */
#pragma once
#include "node/dns/resolve.h"

enum { TCP_CONNECTIONS_MAX = 512, TCP_PER_CLIENT_MAX = 64, TCP_IDLE_MS = 10000, TCP_WAITING_MAX = 64, TCP_OUT_BYTES = 256 * 1024 };
struct tcp;
int tcp_new(struct loop *l, struct resolver *r, const char *address, uint16_t port, uint64_t idle_ms, struct tcp **ret, struct dr_error *err);
struct tcp *tcp_free(struct tcp *t);    /* before the resolver; waiting answers are forgotten */
