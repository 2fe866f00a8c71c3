/* tls.h: certificates (ECDSA P-256) and contexts. TLS 1.2 and newer.
 *
 * Making keys takes under a millisecond; all functions may run on any thread. Contexts are counted and shared. */
#pragma once
#include "base/base.h"

struct tls_pair { char *cert_pem, *key_pem; };
void tls_pair_done(struct tls_pair *p);
/* A self-signed certificate authority. days: validity from a day ago. */
int tls_make_ca(const char *common_name, unsigned days, struct tls_pair *ret, struct dr_error *err);
/* A server certificate signed by ca. names: DNS names and IP addresses, the first also as common name. */
int tls_make_cert(const struct tls_pair *ca, const char *const *names, size_t n_names, unsigned days, struct tls_pair *ret,
                  struct dr_error *err);
enum { TLS_FINGERPRINT_CHARS = 64 };
/* SHA-256 of the first certificate's DER form, lower-case hex. */
int tls_fingerprint(const char *cert_pem, char buf[TLS_FINGERPRINT_CHARS + 1], struct dr_error *err);
enum { TLS_SHA1_CHARS = 59 };
/* SHA-1 as upstream's CA_FINGERPRINT has it: "AA:BB:...". */
int tls_fingerprint_sha1(const char *cert_pem, char buf[TLS_SHA1_CHARS + 1], struct dr_error *err);
/* Unix seconds after which the first certificate is not valid. */
int tls_cert_expires(const char *cert_pem, int64_t *ret_s, struct dr_error *err);

struct tls_ctx;
/* chain_pem: certificate, then intermediates. -EINVAL: not PEM, or the key does not fit. */
int tls_server_ctx_new(const char *chain_pem, const char *key_pem, struct tls_ctx **ret, struct dr_error *err);

/* Connections accepted from now on see this certificate. A failure changes nothing. */
int tls_server_ctx_renew(struct tls_ctx *c, const char *chain_pem, const char *key_pem, struct dr_error *err);

struct tls_client_options {
        const char *ca_file;            /* PEM file; with ca_pem both count; neither: the system's */
        const char *ca_pem;
        const char *pin_sha256;         /* hex, with or without colons: a certificate with this fingerprint is accepted without
                                         * chain and name checks, any other is refused */
        bool insecure;                  /* no checks */
};
int tls_client_ctx_new(const struct tls_client_options *o, struct tls_ctx **ret, struct dr_error *err);
struct tls_ctx *tls_ctx_ref(struct tls_ctx *c);
struct tls_ctx *tls_ctx_unref(struct tls_ctx *c);       /* NULL is fine; returns NULL */
DR_DEFINE_AUTO(struct tls_ctx *, tls_ctx_unref)
