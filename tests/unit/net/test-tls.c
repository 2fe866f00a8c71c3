#include "base/sbuf.h"
#include "base/times.h"
#include "check.h"
#include "net/tls.h"

TEST(an_authority_signs_a_certificate_that_the_openssl_program_accepts) {
        struct dr_error err;
        struct tls_pair ca = { 0 }, cert = { 0 };
        CHECK_OK(tls_make_ca("drover test", 3650, &ca, &err), &err);
        const char *names[] = { "server.example", "10.1.2.3", "fd00::1", "localhost" };
        CHECK_OK(tls_make_cert(&ca, names, 4, 825, &cert, &err), &err);
        char dir[] = "/tmp/drover-tls-XXXXXX", path[64], command[512];
        CHECK(mkdtemp(dir));
        const char *files[] = { "ca", ca.cert_pem, "cert", cert.cert_pem };
        for (int i = 0; i < 4; i += 2) {
                snprintf(path, sizeof path, "%s/%s", dir, files[i]);
                FILE *f = fopen(path, "w");
                CHECK(f && fputs(files[i + 1], f) >= 0 && fclose(f) == 0);
        }
        static const struct { const char *check; bool ok; } checks[] = {
                { "-verify_hostname server.example", true }, { "-verify_ip 10.1.2.3", true }, { "-verify_ip fd00::1", true },
                { "-verify_hostname other.example", false }, { "-verify_ip 10.1.2.4", false }, { "-purpose sslserver", true },
        };
        for (size_t i = 0; i < ARRAY_LEN(checks); i++) {
                snprintf(command, sizeof command, "openssl verify -x509_strict -CAfile %s/ca %s %s/cert >/dev/null 2>&1", dir, checks[i].check, dir);
                FILE *p = popen(command, "r");
                CHECK(p);
                if ((pclose(p) == 0) != checks[i].ok) {
                        print_error("%s\n", command);
                        fail();
                }
        }
        int64_t expires;
        CHECK_INT(tls_cert_expires(cert.cert_pem, &expires, &err), ==, 0);
        int64_t days = (expires - time_wall_ms() / 1000 + 3600) / 86400;
        CHECK_INT(days, ==, 825);
        snprintf(command, sizeof command, "rm -r %s", dir);
        FILE *p = popen(command, "r");
        CHECK(p && pclose(p) == 0);
        tls_pair_done(&ca);
        tls_pair_done(&cert);
}
TEST(fingerprints_differ_and_are_sha256_in_hex) {
        struct dr_error err;
        struct tls_pair a = { 0 }, b = { 0 };
        char fa[TLS_FINGERPRINT_CHARS + 1], fb[TLS_FINGERPRINT_CHARS + 1];
        CHECK_OK(tls_make_ca("a", 1, &a, &err), &err);
        CHECK_OK(tls_make_ca("a", 1, &b, &err), &err);
        CHECK_OK(tls_fingerprint(a.cert_pem, fa, &err), &err);
        CHECK_OK(tls_fingerprint(b.cert_pem, fb, &err), &err);
        CHECK_INT(strspn(fa, "0123456789abcdef"), ==, 64);
        CHECK_STR(fa, !=, fb);
        tls_pair_done(&a);
        tls_pair_done(&b);
}
TEST(bad_certificates_keys_names_and_fingerprints_are_refused_with_a_reason) {
        struct dr_error err;
        struct tls_pair a = { 0 }, b = { 0 }, c = { 0 };
        struct tls_ctx *ctx = NULL;
        char print[TLS_FINGERPRINT_CHARS + 1];
        CHECK_OK(tls_make_ca("a", 1, &a, &err), &err);
        CHECK_OK(tls_make_ca("b", 1, &b, &err), &err);
        CHECK_INT(tls_make_ca("", 1, &c, &err), ==, -EINVAL);
        CHECK_INT(tls_server_ctx_new(a.cert_pem, b.key_pem, &ctx, &err), ==, -EINVAL);
        CHECK(strstr(err.message, "cannot use certificate and key"));
        CHECK_INT(tls_server_ctx_new("x", b.key_pem, &ctx, &err), ==, -EINVAL);
        CHECK_INT(tls_server_ctx_new(a.cert_pem, "x", &ctx, &err), ==, -EINVAL);
        CHECK_INT(tls_fingerprint("x", print, &err), ==, -EINVAL);
        CHECK_INT(tls_make_cert(&(struct tls_pair) { a.cert_pem, "x" }, (const char *[]) { "h" }, 1, 1, &c, &err), ==, -EINVAL);
        CHECK_INT(tls_client_ctx_new(&(struct tls_client_options) { .pin_sha256 = "12:34" }, &ctx, &err), ==, -EINVAL);
        CHECK_INT(tls_client_ctx_new(&(struct tls_client_options) { .ca_pem = "x" }, &ctx, &err), ==, -EINVAL);
        CHECK_INT(tls_client_ctx_new(&(struct tls_client_options) { .ca_file = "/nonexistent" }, &ctx, &err), ==, -EINVAL);
        CHECK(!ctx && !c.cert_pem);
        tls_pair_done(&a);
        tls_pair_done(&b);
}
TEST_MAIN("net/tls")
