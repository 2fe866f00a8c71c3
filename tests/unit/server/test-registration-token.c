#include "api-fixture.h"
#include "core/secret.h"
#include "server/registration_token.h"

static int64_t now_ms;
static int64_t wall(void *arg) { (void) arg; return now_ms; }
static uint64_t mono(void *arg) { (void) arg; return (uint64_t) now_ms; }

struct fix { struct mem_disk *disk; struct store *store; struct core *core; struct record *r; };

static struct fix make(void) {
        struct fix f = { .disk = mem_disk_new() };
        struct dr_error err;
        now_ms = 1488450030000;         /* 2 March 2017 */
        f.store = store_open_mem(f.disk);
        f.core = core_new(&(struct core_conf) { .store = f.store, .clock = { wall, mono, NULL }, .seed = 1 });
        CHECK_OK(core_load(f.core, &err), &err);
        f.r = core_create(f.core, T_registrationToken, world_by_uuid(core_world(f.core), T_account, "adminProject")->id);
        f.r->state = S_active;
        auto_free char *sealed = secret_seal(f.core, "very secret");
        core_put_str(f.core, f.r, F_publicValue, "ABCDEF");
        core_put_str(f.core, f.r, F_secretValue, sealed);
        return f;
}
static void done(struct fix *f) {
        core_free(f->core);
        f->store->ops->close(f->store);
        mem_disk_free(f->disk);
}

TEST(a_token_is_the_public_value_day_zero_of_the_year_and_a_signature) {
        struct fix f = make();
        auto_free char *t = registration_token_make(f.core, f.r);
        /* printf %s ABCDEF:1483142400000 | openssl dgst -sha1 -hmac "very secret" -binary | base64 | tr -d /+= */
        CHECK_STR(t, ==, "ABCDEF:1483142400000:tFjzj46SXHlII3LVraGiIpUmA");
        done(&f);
}

TEST(a_token_stays_the_same_all_the_year_and_is_taken_in_later_ones) {
        struct fix f = make();
        auto_free char *t = registration_token_make(f.core, f.r);
        now_ms = 1514764799000;         /* the last second of 2017 */
        auto_free char *late = registration_token_make(f.core, f.r);
        CHECK_STR(late, ==, t);
        now_ms += 1000;
        auto_free char *next = registration_token_make(f.core, f.r);
        CHECK(strcmp(next, t) != 0);
        CHECK(registration_token_check(f.core, t) == f.r);
        done(&f);
}

TEST(a_token_ends_after_its_period) {
        struct fix f = make();
        auto_free char *t = registration_token_make(f.core, f.r);
        now_ms = 1483142400000 + 315360000000;
        CHECK(registration_token_check(f.core, t) == f.r);
        now_ms++;
        CHECK(registration_token_check(f.core, t) == NULL);
        done(&f);
}

TEST(a_changed_cut_or_foreign_token_is_unknown) {
        struct fix f = make();
        auto_free char *t = registration_token_make(f.core, f.r);
        size_t n = strlen(t);
        for (size_t i = 0; i < n; i++) {
                auto_free char *bad = dr_xstrdup(t);
                bad[i] = bad[i] == 'x' ? 'y' : 'x';
                CHECK(registration_token_check(f.core, bad) == NULL);
                bad[i] = 0;
                CHECK(registration_token_check(f.core, bad) == NULL);
        }
        auto_free char *longer = dr_xasprintf("%sA", t), *colon = dr_xasprintf("%s:", t);
        CHECK(registration_token_check(f.core, longer) == NULL);
        CHECK(registration_token_check(f.core, colon) == NULL);
        CHECK(registration_token_check(f.core, NULL) == NULL);
        done(&f);
}

TEST(a_token_whose_credential_or_environment_is_not_active_is_unknown) {
        struct fix f = make();
        auto_free char *t = registration_token_make(f.core, f.r);
        f.r->state = S_inactive;
        CHECK(registration_token_check(f.core, t) == NULL);
        f.r->state = S_active;
        world_get(core_world(f.core), T_account, f.r->account_id)->state = S_inactive;
        CHECK(registration_token_check(f.core, t) == NULL);
        done(&f);
}

TEST_MAIN("server/registration-token")
