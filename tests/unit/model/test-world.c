#include "check.h"
#include "model/world.h"

static struct record *add(struct world *w, enum type_id table, int64_t id, int64_t account) {
        struct record *r = record_new(table, table, id);
        r->account_id = account;
        world_insert(w, r);
        return r;
}

TEST(ids_are_never_given_twice) {
        AUTO(world_free) struct world *w = world_new();
        CHECK_INT(world_next_id(w, T_instance), ==, 1);
        add(w, T_instance, 40, 0);
        CHECK_INT(world_next_id(w, T_instance), ==, 41);
        record_free(world_delete(w, world_get(w, T_instance, 40)));
        CHECK_INT(world_next_id(w, T_instance), ==, 42);
        world_set_next_id(w, T_instance, 10);
        CHECK_INT(world_peek_next_id(w, T_instance), ==, 43);
        CHECK_INT(world_peek_next_id(w, T_host), ==, 1);
}

TEST(records_are_found_by_uuid_name_and_number) {
        AUTO(world_free) struct world *w = world_new();
        struct record *r = record_new(T_account, T_account, 5);
        record_set_uuid(r, "adminProject");
        world_insert(w, r);
        struct record *s = record_new(T_account, T_account, 6);
        record_set_uuid(s, "0d4f6bb6-1c39-4a9f-9c8e-0123456789ab");
        world_insert(w, s);
        CHECK(world_by_uuid(w, T_account, "adminProject") == r);
        CHECK(world_by_uuid(w, T_account, "0d4f6bb6-1c39-4a9f-9c8e-0123456789ab") == s);
        CHECK(world_by_uuid(w, T_account, "0d4f6bb6-1c39-4a9f-9c8e-0123456789ac") == NULL);
        CHECK(world_by_uuid(w, T_host, "adminProject") == NULL);
        CHECK(world_get(w, T_account, 5) == r);
        CHECK(world_get(w, T_account, 7) == NULL);
}

/* What an index must give, by looking at every record. */
static size_t count_int(const struct world *w, enum field_id f, int64_t value, bool account) {
        size_t n = 0;
        const struct records *all = world_all(w, T_instance);
        for (size_t i = 0; i < all->n; i++)
                if (account ? all->v[i]->account_id == value : record_has(all->v[i], f) && record_int(all->v[i], f) == value)
                        n++;
        return n;
}

static size_t count_name(const struct world *w, const char *name) {
        size_t n = 0;
        const struct records *all = world_all(w, T_instance);
        for (size_t i = 0; i < all->n; i++)
                n += str_eq(record_str(all->v[i], F_name), name);
        return n;
}

static void check_sorted(const struct records *l) {
        for (size_t i = 1; i < l->n; i++)
                CHECK_INT(l->v[i - 1]->id, <, l->v[i]->id);
}

static void check_indexes(const struct world *w) {
        check_sorted(world_all(w, T_instance));
        for (int64_t k = 0; k < 5; k++) {
                const struct records *l = world_by_int(w, T_instance, F_hostId, k);
                check_sorted(l);
                CHECK_INT(l->n, ==, count_int(w, F_hostId, k, false));
                l = k ? world_of_account(w, T_instance, k) : NULL;
                CHECK(!l || l->n == count_int(w, F_NONE, k, true));
                char name[8] = { (char) ('a' + k), 0 };
                CHECK_INT(world_by_str(w, T_instance, F_name, name)->n, ==, count_name(w, name));
        }
}

TEST(indexes_agree_with_a_look_at_every_record_after_any_change) {
        size_t before = text_count();
        struct world *w = world_new();
        struct rng rng;
        rng_seed(&rng, 7);
        for (int step = 0; step < 3000; step++) {
                const struct records *all = world_all(w, T_instance);
                struct record *r = all->n ? all->v[rng_below(&rng, all->n)] : NULL;
                int64_t k = (int64_t) rng_below(&rng, 5);
                char name[8] = { (char) ('a' + k), 0 };
                switch (r ? rng_below(&rng, 7) : 0) {
                case 0: case 1:
                        if (all->n < 60)
                                add(w, T_instance, world_next_id(w, T_instance), k);
                        break;
                case 2: world_put(w, r, F_hostId, rng_chance(&rng, 300) ? value_null() : value_int(k)); break;
                case 3: world_put(w, r, F_name, rng_chance(&rng, 300) ? value_null() : value_str(name)); break;
                case 4: world_set_account(w, r, k); break;
                case 5: record_free(world_delete(w, r)); break;
                case 6: {
                        struct record *with = record_copy(r);
                        record_put(with, F_hostId, value_int(k));
                        record_put(with, F_name, value_str(name));
                        with->account_id = k;
                        world_replace_content(w, r, with);
                        record_free(with);
                        break;
                }
                }
                if (step % 10 == 0)
                        check_indexes(w);
        }
        check_indexes(w);
        world_free(w);
        CHECK_INT(text_count(), ==, before);
}

TEST_MAIN("model/world")
