#include "check.h"
#include "base/sbuf.h"
#include "formats/compose.h"

#include <stdlib.h>
#include <sys/resource.h>

/* Documents made to cost time or memory: each is refused, or read, with a bounded effort. A hang ends in the test's time limit; memory is looked
 * at where no sanitizer keeps freed blocks. */
enum { TEXT_BYTES_MAX = 64 << 20, MEMORY_KIB_MAX = 700 << 10 };
#ifndef __has_feature
#define __has_feature(x) 0
#endif
#if defined __SANITIZE_ADDRESS__ || __has_feature(address_sanitizer)
enum { MEMORY_IS_SEEN = 0 };
#else
enum { MEMORY_IS_SEEN = 1 };
#endif

static int read_file(void *ctx, const char *doc, const char *path, char **ret, size_t *ret_len, struct dr_error *err) {
        const struct sbuf *file = ctx;
        (void) doc;
        (void) path;
        if (!file)
                return dr_fail(err, DR_E_NOT_FOUND, NULL, "no such file");
        *ret = dr_xmalloc(file->len + 1);
        memcpy(*ret, sbuf_str((struct sbuf *) file), file->len + 1);
        *ret_len = file->len;
        return 0;
}

/* The first error; "" when it reads. The caller frees. */
static char *outcome(const char *text, size_t len, const struct sbuf *file) {
        struct compose_doc doc = { "docker-compose.yml", text, len };
        struct compose_env env = { .ctx = (void *) file, .read_file = read_file };
        AUTO(compose_free) struct compose *c = NULL;
        struct dr_error err = { 0 };
        size_t n;
        if (compose_read(&doc, 1, &env, &c, &err) < 0) {
                compose_services(c, &n);
                CHECK_INT(n, ==, 0);
                CHECK(err.message[0]);
                return dr_xstrdup(err.message);
        }
        return dr_xstrdup("");
}

static void check_outcome(struct sbuf *text, const struct sbuf *file, const char *want) {
        CHECK(sbuf_ok(text));
        auto_free char *got = outcome(sbuf_str(text), text->len, file);
        if (!*want ? *got : !strstr(got, want))
                print_error("got \"%.200s\", not \"%s\"\n", got, want);
        CHECK(*want ? strstr(got, want) != NULL : !*got);
        struct rusage usage;
        CHECK_INT(getrusage(RUSAGE_SELF, &usage), ==, 0);
        if (MEMORY_IS_SEEN)
                CHECK_INT(usage.ru_maxrss, <, MEMORY_KIB_MAX);
}

static void repeat(struct sbuf *b, const char *text, size_t n) {
        for (size_t i = 0; i < n; i++)
                sbuf_puts(b, text);
}

TEST(aliases_that_multiply_are_refused) {
        auto_sbuf struct sbuf b = SBUF(TEXT_BYTES_MAX);
        sbuf_puts(&b, "web:\n  image: x\n  metadata:\n    a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol, lol]\n");
        for (int i = 1; i < 30; i++)
                sbuf_printf(&b, "    a%d: &a%d [*a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d]\n", i, i, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1,
                            i - 1, i - 1, i - 1, i - 1);
        check_outcome(&b, NULL, "docker-compose.yml:");
}

TEST(merge_keys_that_multiply_are_refused) {
        auto_sbuf struct sbuf b = SBUF(TEXT_BYTES_MAX);
        sbuf_puts(&b, "m0: &m0 {");
        for (int i = 0; i < 1000; i++)
                sbuf_printf(&b, "k%d: v, ", i);
        sbuf_puts(&b, "image: x}\n");
        for (int i = 1; i < 900; i++)
                sbuf_printf(&b, "m%d: &m%d\n  <<: *m%d\n", i, i, i - 1);
        check_outcome(&b, NULL, "docker-compose.yml:");
}

TEST(an_alias_to_itself_is_refused) {
        auto_sbuf struct sbuf b = SBUF(TEXT_BYTES_MAX);
        sbuf_puts(&b, "web: &w\n  image: x\n  metadata: *w\n");
        check_outcome(&b, NULL, "docker-compose.yml:3:");
}

TEST(deep_nesting_is_refused) {
        static const struct { const char *open, *close; } rows[] = { { "[", "]" }, { "{a: ", "}" }, { "- ", "" }, { "[{a: ", "}]" } };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                auto_sbuf struct sbuf b = SBUF(TEXT_BYTES_MAX);
                sbuf_puts(&b, "web:\n  image: x\n  metadata:\n    deep: ");
                repeat(&b, rows[i].open, 100000);
                repeat(&b, rows[i].close, 100000);
                sbuf_puts(&b, "\n");
                check_outcome(&b, NULL, "docker-compose.yml:");
        }
}

TEST(long_lists_and_maps_are_read_or_refused_quickly) {
        static const struct { const char *head, *item, *want; int n; } rows[] = {
                { "web:\n  image: x\n  ports:\n", "  - \"%d:80\"\n", "", 40000 },
                { "web:\n  image: x\n  environment:\n", "    K%d: v\n", "", 60000 },
                { "web:\n  image: x\n  environment:\n", "  - K%d=v\n", "", 60000 },
                { "web:\n  image: x\n  labels:\n", "    io.rancher.loadbalancer.target.s%d: a=1\n", "", 20000 },
                { "web:\n  image: x\n  volumes:\n", "  - /v%d\n", "", 60000 },
                { "web:\n  image: x\n  links:\n", "  - s%d\n", "which is undefined", 50000 },
                { "web:\n  image: x\n", "  key%d: v\n", "more than 1000 keys", 50000 },
                { "version: '2'\nservices:\n", "  s%d: {image: x}\n", "more than 1000 services", 30000 },
                { "version: '2'\nvolumes:\n", "  v%d: {}\n", "", 50000 },
                { "version: '2'\nsecrets:\n", "  v%d: {external: true}\n", "", 30000 },
                { "web:\n  image: x\n  metadata:\n    l:\n", "    - %d\n", "docker-compose.yml:", 110000 },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                auto_sbuf struct sbuf b = SBUF(TEXT_BYTES_MAX);
                sbuf_puts(&b, rows[i].head);
                for (int k = 0; k < rows[i].n && b.len < (1 << 20) - 64; k++)
                        sbuf_printf(&b, rows[i].item, k % 65536);
                check_outcome(&b, NULL, str_eq(rows[i].want, "docker-compose.yml:") && b.len < (1 << 20) ? "" : rows[i].want);
        }
}

TEST(a_text_above_the_limit_is_refused_unread) {
        auto_sbuf struct sbuf b = SBUF(TEXT_BYTES_MAX);
        sbuf_puts(&b, "web:\n  image: x\n  command: \"");
        repeat(&b, "0123456789abcdef", 10 << 16);
        sbuf_puts(&b, "\"\n");
        check_outcome(&b, NULL, "bytes");
}

TEST(services_that_all_link_to_each_other_are_read) {
        auto_sbuf struct sbuf b = SBUF(TEXT_BYTES_MAX);
        for (int i = 0; i < 250; i++) {
                sbuf_printf(&b, "s%d:\n  image: x\n  links: [", i);
                for (int k = 0; k < 250; k++)
                        sbuf_printf(&b, "%ss%d", k ? "," : "", k);
                sbuf_puts(&b, "]\n");
        }
        check_outcome(&b, NULL, "");
}

TEST(a_chain_of_a_thousand_services_is_read) {
        auto_sbuf struct sbuf b = SBUF(TEXT_BYTES_MAX);
        sbuf_puts(&b, "s0: {image: x}\n");
        for (int i = 1; i < 1000; i++)
                sbuf_printf(&b, "s%d: {image: x, links: [s%d]}\n", i, i - 1);
        check_outcome(&b, NULL, "");
}

TEST(circles_of_extends_and_of_sidekicks_are_refused) {
        static const struct { const char *text, *want; } rows[] = {
                { "a: {image: x, extends: {service: b}}\nb: {image: x, extends: {service: a}}\n", "extended in a circle" },
                { "a: {image: x, extends: {service: a}}\n", "extended in a circle" },
                { "a: {image: x, labels: {io.rancher.sidekicks: a}}\n", "is a sidekick of itself" },
                { "a: {image: x, labels: {io.rancher.sidekicks: b}}\nb: {image: x, labels: {io.rancher.sidekicks: a}}\n", "is a sidekick of itself" },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                auto_sbuf struct sbuf b = SBUF(TEXT_BYTES_MAX);
                sbuf_puts(&b, rows[i].text);
                check_outcome(&b, NULL, rows[i].want);
        }
}

TEST(a_file_that_extends_itself_many_times_is_refused) {
        auto_sbuf struct sbuf b = SBUF(TEXT_BYTES_MAX), file = SBUF(TEXT_BYTES_MAX);
        sbuf_puts(&file, "base: {image: x, extends: {file: f, service: base}}\n#");
        repeat(&file, "0123456789abcdef", 60000);
        sbuf_puts(&file, "\n");
        for (int i = 0; i < 900; i++)
                sbuf_printf(&b, "s%d: {extends: {file: f, service: base}}\n", i);
        check_outcome(&b, &file, "too large");
}

TEST(thousands_of_env_files_are_refused) {
        auto_sbuf struct sbuf b = SBUF(TEXT_BYTES_MAX), file = SBUF(TEXT_BYTES_MAX);
        repeat(&file, "#123456789abcdef\n", 60000);
        sbuf_puts(&b, "web:\n  image: x\n  env_file:\n");
        for (int i = 0; i < 20000; i++)
                sbuf_printf(&b, "  - f%d\n", i);
        check_outcome(&b, &file, "docker-compose.yml:");
}

TEST_MAIN("formats/compose-hostile")
