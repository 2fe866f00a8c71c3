/* server_tls.h: the certificate that this server shows, and the authority that made it.
 *
 * Two ways: `own`, where an authority of this installation (kept in the store, its key sealed with the master key, so a backup has it) signs a
 * certificate for the names and addresses of this machine; or files that somebody else makes. Either is looked at every few seconds: an own
 * certificate is made anew when a name or address came or went, or when two thirds of its life are over; files are read again when they changed.
 * Running connections keep what they have. Clients trust the authority (DIR/public/ca.pem, /v1/scripts/ca.crt), never the certificate.
 * Loop thread only. */
#pragma once
#include "core/core.h"
#include "net/loop.h"

struct tls_ctx;
struct server_tls;
struct server_tls_conf {
        bool own;
        const char *const *names;       /* further names and addresses of an own certificate */
        size_t n_names;
        const char *cert_file, *key_file;       /* both or none; not with own */
        const char *ca_file;            /* authority of cert_file that hosts shall trust; NULL: one that they know already */
        const char *data_dir;
};
/* conf is borrowed for the life of what is made; nothing asked for: *ret is NULL. Also writes or removes DATA_DIR/public/ca.pem. */
int server_tls_new(struct loop *l, struct core *c, const struct server_tls_conf *conf, struct server_tls **ret, struct dr_error *err);
struct server_tls *server_tls_free(struct server_tls *t);       /* NULL is fine; returns NULL */
DR_DEFINE_AUTO(struct server_tls *, server_tls_free)
struct tls_ctx *server_tls_ctx(const struct server_tls *t);     /* borrowed; NULL for NULL */
/* PEM of the authority that hosts shall trust; NULL: none of ours. Borrowed. */
const char *server_tls_ca_pem(const struct server_tls *t);
