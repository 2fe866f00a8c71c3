/* check.h: TEST(name_as_a_sentence) { ... } on top of cmocka. One test program per file: TEST_MAIN("room/module") at the end.
 *
 * CHECK_... print what was compared and end the test. A program given arguments runs only the tests whose name contains the first. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

enum { CHECK_TESTS_MAX = 512 };
static struct CMUnitTest check_tests[CHECK_TESTS_MAX];
static size_t check_tests_n;

#define TEST(fn)                                                                                        \
        static void fn(void **state_);                                                                  \
        __attribute__((constructor)) static void fn##_register(void) {                                  \
                check_tests[check_tests_n++] = (struct CMUnitTest) { #fn, fn, NULL, NULL, NULL };       \
        }                                                                                               \
        static void fn(void **state_ __attribute__((unused)))

#define TEST_MAIN(group)                                                                                \
        int main(int argc, char **argv) {                                                               \
                if (argc > 1) {                                                                         \
                        size_t n = 0;                                                                   \
                        for (size_t i = 0; i < check_tests_n; i++)                                      \
                                if (strstr(check_tests[i].name, argv[1]))                               \
                                        check_tests[n++] = check_tests[i];                              \
                        check_tests_n = n;                                                              \
                }                                                                                       \
                return _cmocka_run_group_tests(group, check_tests, check_tests_n, NULL, NULL) ? 1 : 0;  \
        }

#define CHECK(cond) do { if (!(cond)) { print_error("%s:%d: not true: %s\n", __FILE__, __LINE__, #cond); fail(); } } while (0)
#define CHECK_INT(a, op, b) do {                                                                        \
        long long a_ = (long long) (a), b_ = (long long) (b);                                           \
        if (!(a_ op b_)) {                                                                              \
                print_error("%s:%d: %s %s %s: %lld, %lld\n", __FILE__, __LINE__, #a, #op, #b, a_, b_);  \
                fail();                                                                                 \
        }                                                                                               \
} while (0)
#define CHECK_STR(a, op, b) do {                                                                        \
        const char *a_ = (a), *b_ = (b);                                                                \
        if (!a_ || !b_ || !(strcmp(a_, b_) op 0)) {                                                     \
                print_error("%s:%d: %s %s %s: \"%s\", \"%s\"\n", __FILE__, __LINE__, #a, #op, #b,       \
                            a_ ? a_ : "(null)", b_ ? b_ : "(null)");                                    \
                fail();                                                                                 \
        }                                                                                               \
} while (0)
#define CHECK_OK(expr, err) do {                                                                        \
        int r_ = (expr);                                                                                \
        if (r_ < 0) {                                                                                   \
                print_error("%s:%d: %s: %d: %s\n", __FILE__, __LINE__, #expr, r_, (err)->message);      \
                fail();                                                                                 \
        }                                                                                               \
} while (0)
