#include "check.h"
#include "net/rate.h"

static inline void rate_freep(struct rate *r) { rate_free(r); }
DR_DEFINE_AUTO(struct rate *, rate_freep)

TEST(a_burst_is_served_and_the_next_has_to_wait) {
        AUTO(rate_freep) struct rate *r = rate_new(10, 3);
        for (int i = 0; i < 3; i++)
                CHECK_INT(rate_take(r, "192.0.2.1", 1000), ==, 0);
        CHECK_INT(rate_take(r, "192.0.2.1", 1000), >, 0);
}
TEST(after_the_time_that_was_told_one_is_served) {
        AUTO(rate_freep) struct rate *r = rate_new(10, 1);
        CHECK_INT(rate_take(r, "192.0.2.1", 1000), ==, 0);
        uint64_t wait_ms = rate_take(r, "192.0.2.1", 1000);
        CHECK_INT(rate_take(r, "192.0.2.1", 1000 + wait_ms), ==, 0);
        CHECK_INT(rate_take(r, "192.0.2.1", 1000 + wait_ms), >, 0);
}
TEST(one_address_does_not_use_up_what_another_has) {
        AUTO(rate_freep) struct rate *r = rate_new(1, 1);
        CHECK_INT(rate_take(r, "192.0.2.1", 1000), ==, 0);
        CHECK_INT(rate_take(r, "192.0.2.1", 1000), >, 0);
        CHECK_INT(rate_take(r, "192.0.2.2", 1000), ==, 0);
        CHECK_INT(rate_take(r, "2001:db8::1", 1000), ==, 0);
}
TEST(addresses_of_one_ipv6_net_are_one_and_mapped_ipv4_is_ipv4) {
        AUTO(rate_freep) struct rate *r = rate_new(1, 1);
        CHECK_INT(rate_take(r, "2001:db8:0:1::1", 1000), ==, 0);
        CHECK_INT(rate_take(r, "2001:db8:0:1:ffff::2", 1000), >, 0);
        CHECK_INT(rate_take(r, "192.0.2.1", 1000), ==, 0);
        CHECK_INT(rate_take(r, "::ffff:192.0.2.1", 1000), >, 0);
}
TEST(with_more_addresses_than_are_remembered_the_oldest_is_forgotten) {
        AUTO(rate_freep) struct rate *r = rate_new(1, 1);
        char address[32];
        for (unsigned i = 0; i < 40000; i++) {
                snprintf(address, sizeof address, "10.%u.%u.%u", i >> 16, (i >> 8) & 255, i & 255);
                CHECK_INT(rate_take(r, address, 1000), ==, 0);
        }
        CHECK_INT(rate_take(r, "10.0.0.0", 1000), ==, 0);
        CHECK_INT(rate_take(r, address, 1000), >, 0);
}
TEST_MAIN("net/rate")
