/* Ranges of subnets and which addresses are free (networking.md 3). */
#include "base/rng.h"
#include "engine/address_pool.h"

#include "check.h"

static const char *range(const char *network, int64_t prefix, const char *gateway, const char *start, const char *end) {
        static char text[128];
        struct address_range r;
        struct dr_error err;
        char a[3][ADDRESS_TEXT_MAX];
        if (address_range_make(network, prefix, gateway, start, end, &r, &err) < 0)
                snprintf(text, sizeof text, "%s: %s", err.field, err.message);
        else
                snprintf(text, sizeof text, "%s %s-%s /%u", address_format(r.gateway, a[0]), address_format(r.first, a[1]), address_format(r.last, a[2]), r.prefix);
        return text;
}

TEST(a_subnet_has_its_defaults) {
        CHECK_STR(range("10.42.0.0/16", 0, NULL, "", ""), ==, "10.42.0.1 10.42.0.2-10.42.255.250 /16");
        CHECK_STR(range(NULL, 0, NULL, NULL, NULL), ==, "10.44.0.1 10.44.0.2-10.44.255.250 /16");
        CHECK_STR(range("10.1.2.0", 0, NULL, NULL, NULL), ==, "10.1.2.1 10.1.2.2-10.1.2.250 /24");
        CHECK_STR(range("10.1.2.0", 28, NULL, NULL, NULL), ==, "10.1.2.1 10.1.2.2-10.1.2.10 /28");
        CHECK_STR(range("10.1.2.0/many", 0, NULL, NULL, NULL), ==, "10.1.2.1 10.1.2.2-10.1.2.250 /24");
        CHECK_STR(range("10.1.2.99/24", 0, NULL, NULL, NULL), ==, "10.1.2.1 10.1.2.2-10.1.2.250 /24");
        CHECK_STR(range("172.22.101.0/24", 0, "172.22.101.254", "172.22.101.100", "172.22.101.120"), ==, "172.22.101.254 172.22.101.100-172.22.101.120 /24");
        CHECK_STR(range("10.0.0.0/8", 0, NULL, NULL, NULL), ==, "10.0.0.1 10.0.0.2-10.255.255.250 /8");
}
TEST(what_is_no_subnet_says_which_field) {
        CHECK(strstr(range("ten", 0, NULL, NULL, NULL), "networkAddress: "));
        CHECK(strstr(range("10.1.2", 0, NULL, NULL, NULL), "networkAddress: "));
        CHECK(strstr(range("10.1.2.0/30", 0, NULL, NULL, NULL), "cidrSize: "));
        CHECK(strstr(range("10.1.2.0", 4, NULL, NULL, NULL), "cidrSize: "));
        CHECK(strstr(range("10.1.2.0/24", 0, "x", NULL, NULL), "gateway: "));
        CHECK(strstr(range("10.1.2.0/24", 0, NULL, "10.1.2.9", "10.1.2.8"), "startAddress: "));
        CHECK(strstr(range("10.1.2.0/24", 0, NULL, "10.1.3.9", NULL), "startAddress: "));
        CHECK(strstr(range("10.1.2.0/24", 0, NULL, NULL, "10.1.2.255"), "startAddress: "));
}
TEST(the_address_that_was_free_for_longest_is_given) {
        struct address_pool *p = address_pool_new(10, 13);
        CHECK_INT(address_pool_take(p), ==, 10);
        CHECK_INT(address_pool_take(p), ==, 11);
        address_pool_release(p, 10);
        CHECK_INT(address_pool_take(p), ==, 12);
        address_pool_release(p, 11);
        CHECK_INT(address_pool_take(p), ==, 13);
        CHECK_INT(address_pool_take(p), ==, 10);
        CHECK_INT(address_pool_take(p), ==, 11);
        CHECK_INT(address_pool_take(p), ==, 0);
        address_pool_release(p, 12);
        CHECK_INT(address_pool_held(p), ==, 3);
        CHECK_INT(address_pool_take(p), ==, 12);
        address_pool_free(p);
}
TEST(an_address_with_two_holders_is_free_after_both) {
        struct address_pool *p = address_pool_new(10, 11);
        CHECK(address_pool_hold(p, 10));
        CHECK(address_pool_hold(p, 10));
        CHECK(!address_pool_hold(p, 12));
        CHECK_INT(address_pool_take(p), ==, 11);
        address_pool_release(p, 10);
        CHECK_INT(address_pool_take(p), ==, 0);
        address_pool_release(p, 10);
        address_pool_release(p, 10);
        CHECK_INT(address_pool_take(p), ==, 10);
        CHECK_INT(address_pool_take(p), ==, 0);
        address_pool_free(p);
}
TEST(one_that_is_held_by_name_meanwhile_waits_its_time_again) {
        struct address_pool *p = address_pool_new(10, 12);
        for (uint32_t a = 10; a <= 12; a++)
                CHECK_INT(address_pool_take(p), ==, a);
        address_pool_release(p, 10);
        address_pool_release(p, 11);
        CHECK(address_pool_hold(p, 10));
        address_pool_release(p, 10);                    /* 11 has been free for longer now */
        CHECK_INT(address_pool_take(p), ==, 11);
        CHECK_INT(address_pool_take(p), ==, 10);
        CHECK_INT(address_pool_take(p), ==, 0);
        address_pool_free(p);
}
TEST(a_pool_that_is_rebuilt_goes_on_after_the_newest) {
        struct address_pool *p = address_pool_new(10, 14);
        address_pool_hold(p, 10);
        address_pool_hold(p, 12);
        address_pool_go_on_after(p, 12);
        static const uint32_t order[] = { 13, 14, 11, 0 };
        for (size_t i = 0; i < 4; i++)
                CHECK_INT(address_pool_take(p), ==, order[i]);
        address_pool_free(p);
        p = address_pool_new(10, 14);
        address_pool_go_on_after(p, 14);
        CHECK_INT(address_pool_take(p), ==, 10);
        address_pool_free(p);
}
/* Against a list that is searched from its front. */
TEST(whatever_happens_the_order_is_that_of_a_plain_list) {
        enum { FIRST = 100, N = 40, STEPS = 40000 };
        struct rng rng;
        for (uint64_t seed = 1; seed <= 5; seed++) {
                uint32_t free_list[N], n_free = N;
                unsigned holders[N] = { 0 };
                rng_seed(&rng, seed);
                struct address_pool *p = address_pool_new(FIRST, FIRST + N - 1);
                for (uint32_t i = 0; i < N; i++)
                        free_list[i] = i;
                for (int step = 0; step < STEPS; step++) {
                        uint32_t o = (uint32_t) rng_below(&rng, N);
                        switch (rng_below(&rng, 4)) {
                        case 0: case 1: {
                                uint32_t want = n_free ? FIRST + free_list[0] : 0, got = address_pool_take(p);
                                CHECK_INT(got, ==, want);
                                if (want) {
                                        holders[free_list[0]] = 1;
                                        memmove(free_list, free_list + 1, --n_free * sizeof *free_list);
                                }
                                break;
                        }
                        case 2:
                                CHECK(address_pool_hold(p, FIRST + o));
                                for (uint32_t i = 0; i < n_free; i++)
                                        if (free_list[i] == o) {
                                                memmove(free_list + i, free_list + i + 1, (n_free - i - 1) * sizeof *free_list);
                                                n_free--;
                                                break;
                                        }
                                holders[o]++;
                                break;
                        default:
                                address_pool_release(p, FIRST + o);
                                if (holders[o] && --holders[o] == 0)
                                        free_list[n_free++] = o;
                                break;
                        }
                        CHECK_INT(address_pool_held(p), ==, N - n_free);
                        CHECK(address_pool_is_free(p, FIRST + o) == !holders[o]);
                }
                address_pool_free(p);
        }
}
TEST_MAIN("engine/address_pool")
