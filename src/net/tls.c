#include "net/tls-internal.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <time.h>

#include "base/rng.h"
#include "base/sbuf.h"

enum { PEM_BYTES_MAX = 1 << 20, DAY_S = 86400 };

static inline void x509_free(X509 *x) { X509_free(x); }
static inline void pkey_free(EVP_PKEY *k) { EVP_PKEY_free(k); }
static inline void bio_free(BIO *b) { BIO_free(b); }
DR_DEFINE_AUTO(X509 *, x509_free)
DR_DEFINE_AUTO(EVP_PKEY *, pkey_free)
DR_DEFINE_AUTO(BIO *, bio_free)

static const char *ssl_why(char buf[160]) {
        unsigned long e = ERR_peek_last_error();
        const char *reason = e ? ERR_reason_error_string(e) : NULL;
        snprintf(buf, 160, "%s", reason ? reason : "unknown reason");
        ERR_clear_error();
        return buf;
}

void tls_pair_done(struct tls_pair *p) {
        free(p->cert_pem);
        if (p->key_pem)
                OPENSSL_cleanse(p->key_pem, strlen(p->key_pem));
        free(p->key_pem);
        *p = (struct tls_pair) { 0 };
}

static int read_cert(const char *pem, X509 **ret, struct dr_error *err) {
        char why[160];
        AUTO(bio_free) BIO *b = BIO_new_mem_buf(pem, -1);
        X509 *x = b ? PEM_read_bio_X509(b, NULL, NULL, NULL) : NULL;
        if (!x)
                return dr_fail(err, DR_E_INVALID_FORMAT, NULL, "cannot read certificate: %s", ssl_why(why));
        *ret = x;
        return 0;
}

static int no_password(char *buf, int size, int rwflag, void *arg) { return -1; }

static int read_key(const char *pem, EVP_PKEY **ret, struct dr_error *err) {
        char why[160];
        AUTO(bio_free) BIO *b = BIO_new_mem_buf(pem, -1);
        EVP_PKEY *k = b ? PEM_read_bio_PrivateKey(b, NULL, no_password, NULL) : NULL;
        if (!k)
                return dr_fail(err, DR_E_INVALID_FORMAT, NULL, "cannot read private key: %s", ssl_why(why));
        *ret = k;
        return 0;
}

static char *bio_string(BIO *b) {
        char *p;
        long n = BIO_get_mem_data(b, &p);
        return dr_xstrndup(p, (size_t) n);
}

static int write_pair(X509 *x, EVP_PKEY *k, struct tls_pair *ret, struct dr_error *err) {
        char why[160];
        AUTO(bio_free) BIO *bx = BIO_new(BIO_s_mem());
        AUTO(bio_free) BIO *bk = BIO_new(BIO_s_mem());
        if (!bx || !bk || !PEM_write_bio_X509(bx, x) || !PEM_write_bio_PrivateKey(bk, k, NULL, NULL, 0, NULL, NULL))
                return dr_fail(err, DR_E_INTERNAL, NULL, "could not encode certificate: %s", ssl_why(why));
        ret->cert_pem = bio_string(bx);
        ret->key_pem = bio_string(bk);
        return 0;
}

static bool add_ext(X509 *x, X509V3_CTX *ctx, int nid, const char *value) {
        X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, ctx, nid, value);
        bool ok = e && X509_add_ext(x, e, -1);
        X509_EXTENSION_free(e);
        return ok;
}

/* Subject alternative names are built by hand: the configuration syntax would split a name at its commas. */
static bool add_names(X509 *x, const char *const *names, size_t n) {
        GENERAL_NAMES *gens = GENERAL_NAMES_new();
        bool ok = gens != NULL;
        for (size_t i = 0; ok && i < n; i++) {
                GENERAL_NAME *g = GENERAL_NAME_new();
                unsigned char ip[16];
                int len = inet_pton(AF_INET, names[i], ip) == 1 ? 4 : inet_pton(AF_INET6, names[i], ip) == 1 ? 16 : 0;
                ASN1_STRING *s = len ? (ASN1_STRING *) ASN1_OCTET_STRING_new() : (ASN1_STRING *) ASN1_IA5STRING_new();
                ok = g && s && (len ? ASN1_STRING_set(s, ip, len) : ASN1_STRING_set(s, names[i], -1));
                if (ok) {
                        GENERAL_NAME_set0_value(g, len ? GEN_IPADD : GEN_DNS, s);
                        ok = sk_GENERAL_NAME_push(gens, g) > 0;
                } else {
                        ASN1_STRING_free(s);
                        GENERAL_NAME_free(g);
                }
        }
        ok = ok && X509_add1_ext_i2d(x, NID_subject_alt_name, gens, 0, X509V3_ADD_DEFAULT) == 1;
        GENERAL_NAMES_free(gens);
        return ok;
}

/* issuer NULL: self-signed authority. */
static int make(const char *cn, const char *const *names, size_t n_names, unsigned days, X509 *issuer, EVP_PKEY *issuer_key,
                struct tls_pair *ret, struct dr_error *err) {
        char why[160];
        if (!*cn || strlen(cn) > 64)
                return dr_fail(err, DR_E_INVALID_FORMAT, NULL, "cannot make certificate: name \"%.80s\" is not 1 to 64 bytes", cn);
        AUTO(pkey_free) EVP_PKEY *key = EVP_EC_gen("P-256");
        AUTO(x509_free) X509 *x = X509_new();
        if (!key || !x)
                return dr_fail(err, DR_E_INTERNAL, NULL, "could not make key: %s", ssl_why(why));
        unsigned char serial[16];
        random_bytes(serial, sizeof serial);
        serial[0] = (serial[0] & 0x7f) | 0x40;          /* positive, never zero */
        BIGNUM *bn = BN_bin2bn(serial, sizeof serial, NULL);
        bool ok = bn && BN_to_ASN1_INTEGER(bn, X509_get_serialNumber(x)) && X509_set_version(x, X509_VERSION_3);
        BN_free(bn);
        X509_NAME *name = X509_get_subject_name(x);
        ok = ok && X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *) cn, -1, -1, 0) &&
             X509_set_issuer_name(x, issuer ? X509_get_subject_name(issuer) : name) &&
             X509_gmtime_adj(X509_getm_notBefore(x), -DAY_S) && X509_time_adj_ex(X509_getm_notAfter(x), (int) days, 0, NULL) &&
             X509_set_pubkey(x, key);
        X509V3_CTX ctx;
        X509V3_set_ctx_nodb(&ctx);
        X509V3_set_ctx(&ctx, issuer ? issuer : x, x, NULL, NULL, 0);
        ok = ok && add_ext(x, &ctx, NID_basic_constraints, issuer ? "critical,CA:FALSE" : "critical,CA:TRUE") &&
             add_ext(x, &ctx, NID_key_usage, issuer ? "critical,digitalSignature" : "critical,keyCertSign,cRLSign") &&
             add_ext(x, &ctx, NID_subject_key_identifier, "hash") &&
             add_ext(x, &ctx, NID_authority_key_identifier, "keyid:always");
        if (issuer)
                ok = ok && add_ext(x, &ctx, NID_ext_key_usage, "serverAuth,clientAuth") && add_names(x, names, n_names);
        ok = ok && X509_sign(x, issuer ? issuer_key : key, EVP_sha256());
        if (!ok)
                return dr_fail(err, DR_E_INTERNAL, NULL, "could not make certificate \"%s\": %s", cn, ssl_why(why));
        return write_pair(x, key, ret, err);
}

int tls_make_ca(const char *common_name, unsigned days, struct tls_pair *ret, struct dr_error *err) {
        return make(common_name, NULL, 0, days, NULL, NULL, ret, err);
}

int tls_make_cert(const struct tls_pair *ca, const char *const *names, size_t n_names, unsigned days, struct tls_pair *ret,
                  struct dr_error *err) {
        assert(n_names > 0);
        AUTO(x509_free) X509 *issuer = NULL;
        AUTO(pkey_free) EVP_PKEY *key = NULL;
        int r = read_cert(ca->cert_pem, &issuer, err);
        if (r == 0)
                r = read_key(ca->key_pem, &key, err);
        return r < 0 ? r : make(names[0], names, n_names, days, issuer, key, ret, err);
}

static bool digest(X509 *x, unsigned char md[32]) {
        unsigned n = 32;
        return X509_digest(x, EVP_sha256(), md, &n) == 1 && n == 32;
}

int tls_fingerprint(const char *cert_pem, char buf[TLS_FINGERPRINT_CHARS + 1], struct dr_error *err) {
        AUTO(x509_free) X509 *x = NULL;
        int r = read_cert(cert_pem, &x, err);
        if (r < 0)
                return r;
        unsigned char md[32];
        if (!digest(x, md))
                return dr_fail(err, DR_E_INTERNAL, NULL, "could not digest certificate");
        for (unsigned i = 0; i < 32; i++)
                snprintf(buf + 2 * i, 3, "%02x", md[i]);
        return 0;
}

int tls_fingerprint_sha1(const char *cert_pem, char buf[TLS_SHA1_CHARS + 1], struct dr_error *err) {
        AUTO(x509_free) X509 *x = NULL;
        int r = read_cert(cert_pem, &x, err);
        if (r < 0)
                return r;
        unsigned char md[20];
        unsigned n = sizeof md;
        if (X509_digest(x, EVP_sha1(), md, &n) != 1 || n != sizeof md)
                return dr_fail(err, DR_E_INTERNAL, NULL, "could not digest certificate");
        for (unsigned i = 0; i < sizeof md; i++)
                snprintf(buf + 3 * i, 4, "%02X%s", md[i], i + 1 < sizeof md ? ":" : "");
        return 0;
}

int tls_cert_expires(const char *cert_pem, int64_t *ret_s, struct dr_error *err) {
        AUTO(x509_free) X509 *x = NULL;
        int r = read_cert(cert_pem, &x, err);
        if (r < 0)
                return r;
        struct tm tm;
        if (!ASN1_TIME_to_tm(X509_get0_notAfter(x), &tm))
                return dr_fail(err, DR_E_INVALID_FORMAT, NULL, "cannot read the certificate's end of validity");
        *ret_s = timegm(&tm);
        return 0;
}

/* ---- contexts ---- */

static int ctx_new(bool client, struct tls_ctx **ret, struct dr_error *err) {
        char why[160];
        SSL_CTX *s = SSL_CTX_new(client ? TLS_client_method() : TLS_server_method());
        if (!s || !SSL_CTX_set_min_proto_version(s, TLS1_2_VERSION)) {
                SSL_CTX_free(s);
                return dr_fail(err, DR_E_INTERNAL, NULL, "could not make TLS context: %s", ssl_why(why));
        }
        /* no partial writes: with a memory BIO they would cut replies at 16 KB */
        SSL_CTX_set_mode(s, SSL_MODE_RELEASE_BUFFERS);
        SSL_CTX_set_options(s, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_IGNORE_UNEXPECTED_EOF);
        struct tls_ctx *c = dr_xnew(struct tls_ctx);
        *c = (struct tls_ctx) { .refs = 1, .ctx = s, .client = client };
        *ret = c;
        return 0;
}

/* A context of its own for this certificate. */
static int server_ctx_fill(struct tls_ctx *c, const char *chain_pem, const char *key_pem, struct dr_error *err) {
        char why[160];
        AUTO(x509_free) X509 *leaf = NULL;
        AUTO(pkey_free) EVP_PKEY *key = NULL;
        int r = read_cert(chain_pem, &leaf, err);
        if (r < 0 || (r = read_key(key_pem, &key, err)) < 0)
                return r;
        if (SSL_CTX_use_certificate(c->ctx, leaf) != 1 || SSL_CTX_use_PrivateKey(c->ctx, key) != 1)
                return dr_fail(err, DR_E_INVALID_FORMAT, NULL, "cannot use certificate and key: %s", ssl_why(why));
        AUTO(bio_free) BIO *b = BIO_new_mem_buf(chain_pem, -1);
        X509 *x = b ? PEM_read_bio_X509(b, NULL, NULL, NULL) : NULL;    /* the leaf again: behind it come the intermediates */
        X509_free(x);
        while (b && (x = PEM_read_bio_X509(b, NULL, NULL, NULL)))
                if (SSL_CTX_add0_chain_cert(c->ctx, x) != 1)
                        X509_free(x);
        ERR_clear_error();              /* the end of the chain is an error to the reader */
        SSL_CTX_set_session_cache_mode(c->ctx, SSL_SESS_CACHE_OFF);
        return 0;
}

int tls_server_ctx_new(const char *chain_pem, const char *key_pem, struct tls_ctx **ret, struct dr_error *err) {
        AUTO(tls_ctx_unref) struct tls_ctx *c = NULL;
        int r = ctx_new(false, &c, err);
        if (r < 0 || (r = server_ctx_fill(c, chain_pem, key_pem, err)) < 0)
                return r;
        *ret = dr_take(c);
        return 0;
}

int tls_server_ctx_renew(struct tls_ctx *c, const char *chain_pem, const char *key_pem, struct dr_error *err) {
        AUTO(tls_ctx_unref) struct tls_ctx *fresh = NULL;
        assert(!c->client);
        int r = tls_server_ctx_new(chain_pem, key_pem, &fresh, err);
        if (r < 0)
                return r;
        SSL_CTX *old = c->ctx;          /* connections hold their own reference */
        c->ctx = fresh->ctx;
        fresh->ctx = old;
        return 0;
}

static int parse_pin(const char *s, unsigned char pin[32]) {
        size_t n = 0;
        for (; *s; s++) {
                if (*s == ':')
                        continue;
                char c = *s;
                int v = c >= '0' && c <= '9' ? c - '0' : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10 : -1;
                if (v < 0 || n == 64)
                        return -EINVAL;
                pin[n / 2] = (unsigned char) (n % 2 ? pin[n / 2] | v : v << 4);
                n++;
        }
        return n == 64 ? 0 : -EINVAL;
}

static int verify(X509_STORE_CTX *store, void *arg) {
        struct tls_ctx *c = arg;
        if (!c->pinned)
                return X509_verify_cert(store);
        unsigned char md[32];
        X509 *leaf = X509_STORE_CTX_get0_cert(store);
        if (leaf && digest(leaf, md) && CRYPTO_memcmp(md, c->pin, sizeof md) == 0) {
                X509_STORE_CTX_set_error(store, X509_V_OK);
                return 1;
        }
        X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REJECTED);
        return 0;
}

static int add_ca_pem(SSL_CTX *ctx, const char *pem, struct dr_error *err) {
        AUTO(bio_free) BIO *b = BIO_new_mem_buf(pem, -1);
        unsigned n = 0;
        for (X509 *x; b && (x = PEM_read_bio_X509(b, NULL, NULL, NULL)); n++) {
                X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), x);
                X509_free(x);
        }
        ERR_clear_error();
        return n ? 0 : dr_fail(err, DR_E_INVALID_FORMAT, NULL, "cannot read certificate authority: no PEM certificate in it");
}

int tls_client_ctx_new(const struct tls_client_options *o, struct tls_ctx **ret, struct dr_error *err) {
        char why[160];
        AUTO(tls_ctx_unref) struct tls_ctx *c = NULL;
        int r = ctx_new(true, &c, err);
        if (r < 0)
                return r;
        if (o->pin_sha256) {
                if (parse_pin(o->pin_sha256, c->pin) < 0)
                        return dr_fail(err, DR_E_INVALID_FORMAT, NULL, "certificate fingerprint is not 64 hexadecimal digits");
                c->pinned = true;
        }
        c->insecure = o->insecure;
        if (o->ca_file && SSL_CTX_load_verify_file(c->ctx, o->ca_file) != 1)
                return dr_fail(err, DR_E_INVALID_FORMAT, NULL, "cannot read certificate authority \"%s\": %s", o->ca_file, ssl_why(why));
        if (o->ca_pem && (r = add_ca_pem(c->ctx, o->ca_pem, err)) < 0)
                return r;
        if (!o->ca_file && !o->ca_pem) {
                SSL_CTX_set_default_verify_paths(c->ctx);
                ERR_clear_error();
        }
        SSL_CTX_set_verify(c->ctx, o->insecure ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
        SSL_CTX_set_cert_verify_callback(c->ctx, verify, c);
        *ret = dr_take(c);
        return 0;
}

struct tls_ctx *tls_ctx_ref(struct tls_ctx *c) {
        c->refs++;
        return c;
}

struct tls_ctx *tls_ctx_unref(struct tls_ctx *c) {
        if (c && --c->refs == 0) {
                SSL_CTX_free(c->ctx);
                free(c);
        }
        return NULL;
}

SSL *tls_ssl_new(struct tls_ctx *c, const char *host) {
        SSL *ssl = SSL_new(c->ctx);
        BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
        if (!ssl || !in || !out) {
                BIO_free(in);
                BIO_free(out);
                SSL_free(ssl);
                return NULL;
        }
        SSL_set_bio(ssl, in, out);
        if (!c->client) {
                SSL_set_accept_state(ssl);
                return ssl;
        }
        SSL_set_connect_state(ssl);
        unsigned char ip[16];
        bool is_ip = inet_pton(AF_INET, host, ip) == 1 || inet_pton(AF_INET6, host, ip) == 1;
        bool ok = is_ip ? X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1
                        : SSL_set1_host(ssl, host) == 1 && SSL_set_tlsext_host_name(ssl, host) == 1;
        if (!ok) {
                SSL_free(ssl);
                return NULL;
        }
        return ssl;
}

void tls_reason(SSL *ssl, char *buf, size_t n) {
        char why[160];
        long v = SSL_get_verify_result(ssl);
        if (v != X509_V_OK)
                snprintf(buf, n, "certificate is not trusted: %s",
                         v == X509_V_ERR_CERT_REJECTED ? "its fingerprint is not the expected one" : X509_verify_cert_error_string(v));
        else
                snprintf(buf, n, "TLS: %s", ssl_why(why));
        ERR_clear_error();
}
