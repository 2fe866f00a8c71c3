/* tls-internal.h: contexts as the stream layer uses them. */
#pragma once
#include <openssl/ssl.h>

#include "net/tls.h"

struct tls_ctx {
        unsigned refs;
        SSL_CTX *ctx;
        bool client, insecure, pinned;
        unsigned char pin[32];
};
/* A connection's SSL on two memory BIOs. host (client side): name or address to verify and send as SNI. NULL: out of memory. */
SSL *tls_ssl_new(struct tls_ctx *c, const char *host);
/* The reason the handshake or a read failed, from the thread's error queue and the verification result. */
void tls_reason(SSL *ssl, char *buf, size_t n);
