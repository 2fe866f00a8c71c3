#include "base/map.h"
#include "base/rng.h"
#include "check.h"

TEST(a_map_agrees_with_a_plain_array_after_random_sets_and_deletes) {
        enum { KEYS = 500 };
        static int values[KEYS];
        bool there[KEYS] = { 0 };
        struct map m = { 0 };
        struct rng r;
        rng_seed(&r, 1);
        for (int i = 0; i < 20000; i++) {
                size_t k = rng_below(&r, KEYS);
                if (rng_chance(&r, 500)) {
                        void *former = map_set(&m, k, &values[k]);
                        CHECK((former != NULL) == there[k]);
                        there[k] = true;
                } else {
                        void *former = map_del(&m, k);
                        CHECK((former != NULL) == there[k]);
                        there[k] = false;
                }
        }
        size_t n = 0;
        for (size_t k = 0; k < KEYS; k++) {
                CHECK(map_get(&m, k) == (there[k] ? &values[k] : NULL));
                n += there[k];
        }
        CHECK_INT(m.n, ==, n);
        map_done(&m);
}
TEST(a_string_map_agrees_with_a_plain_array_after_random_sets_and_deletes) {
        enum { KEYS = 300 };
        static char keys[KEYS][8];
        bool there[KEYS] = { 0 };
        struct smap m = { 0 };
        struct rng r;
        rng_seed(&r, 2);
        for (int i = 0; i < KEYS; i++)
                snprintf(keys[i], sizeof keys[i], "k%d", i);
        for (int i = 0; i < 20000; i++) {
                size_t k = rng_below(&r, KEYS);
                if (rng_chance(&r, 500)) {
                        CHECK((smap_set(&m, keys[k], keys[k]) != NULL) == there[k]);
                        there[k] = true;
                } else {
                        CHECK((smap_del(&m, keys[k]) != NULL) == there[k]);
                        there[k] = false;
                }
        }
        for (size_t k = 0; k < KEYS; k++)
                CHECK(smap_get(&m, keys[k]) == (there[k] ? keys[k] : NULL));
        CHECK(smap_getn(&m, "k1suffix", 2) == (there[1] ? keys[1] : NULL));
        smap_done(&m);
}
TEST_MAIN("base/map")
