#include "x509.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <time.h>

static void x509_done(X509 **x) { X509_free(*x); }
static void key_done(EVP_PKEY **k) { EVP_PKEY_free(*k); }
static void bio_done(BIO **b) { BIO_free(*b); }
#define auto_x509 __attribute__((cleanup(x509_done)))
#define auto_key __attribute__((cleanup(key_done)))
#define auto_bio __attribute__((cleanup(bio_done)))

void x509_info_done(struct x509_info *i) {
        free(i->cn);
        free(i->issuer);
        free(i->algorithm);
        free(i->issued_at);
        free(i->expires_at);
        free(i->serial);
        free(i->fingerprint);
        for (size_t k = 0; k < i->names.n; k++)
                free(i->names.v[k]);
        vec_done(&i->names);
        *i = (struct x509_info) { 0 };
}

/* No prompt for a passphrase: an encrypted key is refused. */
static int no_passphrase(char *buf, int size, int rwflag, void *arg) {
        (void) buf, (void) size, (void) rwflag, (void) arg;
        return -1;
}

static X509 *read_cert(BIO *b) {
        X509 *x = PEM_read_bio_X509(b, NULL, no_passphrase, NULL);
        ERR_clear_error();
        return x;
}

static int check_chain(const char *chain, struct dr_error *err) {
        auto_bio BIO *b = BIO_new_mem_buf(chain, -1);
        size_t n = 0;
        for (X509 *x; (x = read_cert(b)); n++)
                X509_free(x);
        return n ? 0 : dr_fail(err, DR_E_INVALID_FORMAT, "certChain", "the chain holds no certificate in PEM form");
}

static int check_key(X509 *x, const char *key, struct dr_error *err) {
        auto_bio BIO *b = BIO_new_mem_buf(key, -1);
        auto_key EVP_PKEY *k = PEM_read_bio_PrivateKey(b, NULL, no_passphrase, NULL);
        ERR_clear_error();
        if (!k)
                return dr_fail(err, DR_E_INVALID_FORMAT, "key", "the key is no private key in PEM form without a passphrase");
        if (X509_check_private_key(x, k) != 1) {
                ERR_clear_error();
                return dr_fail(err, DR_E_INVALID_FORMAT, "key", "the key does not belong to the certificate");
        }
        return 0;
}

static char *name_text(const X509_NAME *name) {
        auto_bio BIO *b = BIO_new(BIO_s_mem());
        char *p;
        X509_NAME_print_ex(b, name, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB);
        long n = BIO_get_mem_data(b, &p);
        return dr_xstrndup(p, (size_t) n);
}

static char *common_name(const X509 *x) {
        const X509_NAME *name = X509_get_subject_name(x);
        int at = X509_NAME_get_index_by_NID((X509_NAME *) name, NID_commonName, -1);
        unsigned char *utf8 = NULL;
        if (at < 0 || ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at))) < 0)
                return dr_xstrdup("");
        char *text = dr_xstrdup((char *) utf8);
        OPENSSL_free(utf8);
        return text;
}

static char *time_text(const ASN1_TIME *t) {
        struct tm tm;
        char text[64];
        if (ASN1_TIME_to_tm(t, &tm) != 1)
                return dr_xstrdup("");
        strftime(text, sizeof text, "%a %b %d %H:%M:%S UTC %Y", &tm);
        return dr_xstrdup(text);
}

/* "SHA256withRSA": Java's names, which clients of the API know. */
static char *algorithm_text(const X509 *x) {
        int digest, key;
        if (OBJ_find_sigid_algs(X509_get_signature_nid(x), &digest, &key) != 1 || digest == NID_undef)
                return dr_xstrdup(OBJ_nid2sn(X509_get_signature_nid(x)));
        const char *of = key == NID_rsaEncryption ? "RSA" : key == NID_X9_62_id_ecPublicKey ? "ECDSA" : key == NID_dsa ? "DSA" : OBJ_nid2sn(key);
        return dr_xasprintf("%swith%s", OBJ_nid2sn(digest), of);
}

static char *serial_text(const X509 *x) {
        BIGNUM *n = ASN1_INTEGER_to_BN(X509_get0_serialNumber(x), NULL);
        char *decimal = n ? BN_bn2dec(n) : NULL, *text = dr_xstrdup(decimal ? decimal : "");
        OPENSSL_free(decimal);
        BN_free(n);
        return text;
}

static char *fingerprint_text(const X509 *x) {
        unsigned char hash[EVP_MAX_MD_SIZE];
        unsigned n = 0;
        char text[3 * EVP_MAX_MD_SIZE] = "";
        X509_digest(x, EVP_sha1(), hash, &n);
        for (unsigned i = 0; i < n; i++)
                snprintf(text + strlen(text), sizeof text - strlen(text), "%s%02X", i ? ":" : "", hash[i]);
        return dr_xstrdup(text);
}

static void alternative_names(const X509 *x, struct x509_info *ret) {
        GENERAL_NAMES *list = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
        for (int i = 0; list && i < sk_GENERAL_NAME_num(list); i++) {
                const GENERAL_NAME *g = sk_GENERAL_NAME_value(list, i);
                if (g->type == GEN_DNS || g->type == GEN_EMAIL || g->type == GEN_URI) {
                        vec_push(&ret->names, dr_xstrndup((const char *) ASN1_STRING_get0_data(g->d.ia5), (size_t) ASN1_STRING_length(g->d.ia5)));
                } else if (g->type == GEN_IPADD) {
                        const unsigned char *p = ASN1_STRING_get0_data(g->d.iPAddress);
                        int n = ASN1_STRING_length(g->d.iPAddress);
                        auto_free char *text = dr_xstrdup("");
                        for (int k = 0; k < n && n == 16; k += 2) {
                                char *more = dr_xasprintf("%s%s%x", text, k ? ":" : "", p[k] << 8 | p[k + 1]);
                                free(text);
                                text = more;
                        }
                        vec_push(&ret->names, n == 4 ? dr_xasprintf("%u.%u.%u.%u", p[0], p[1], p[2], p[3]) : dr_xstrdup(text));
                }
        }
        GENERAL_NAMES_free(list);
}

int x509_describe(const char *cert, const char *key, const char *chain, struct x509_info *ret, struct dr_error *err) {
        auto_bio BIO *b = BIO_new_mem_buf(cert, -1);
        auto_x509 X509 *x = read_cert(b);
        if (!x)
                return dr_fail(err, DR_E_INVALID_FORMAT, "cert", "the certificate is not in PEM form");
        int r = key ? check_key(x, key, err) : 0;
        if (r == 0 && chain && *chain)
                r = check_chain(chain, err);
        if (r < 0)
                return r;
        *ret = (struct x509_info) {
                .cn = common_name(x), .issuer = name_text(X509_get_issuer_name(x)), .algorithm = algorithm_text(x), .serial = serial_text(x),
                .issued_at = time_text(X509_get0_notBefore(x)), .expires_at = time_text(X509_get0_notAfter(x)), .fingerprint = fingerprint_text(x),
                .version = (int) X509_get_version(x) + 1, .key_bits = X509_get0_pubkey(x) ? EVP_PKEY_get_bits(X509_get0_pubkey(x)) : 0,
        };
        alternative_names(x, ret);
        return 0;
}
