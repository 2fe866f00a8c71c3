#include "api-fixture.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "server/auth/credential.h"
#include "server/auth/first_start.h"
#include "server/auth/session.h"
#include "server/auth/throttle.h"

TEST(an_address_has_a_burst_of_failures_and_gets_one_back_at_a_time) {
        AUTO(throttle_free) struct throttle *t = throttle_new();
        for (int i = 0; i < THROTTLE_BURST; i++) {
                CHECK(throttle_allows(t, "192.0.2.1", 1000));
                throttle_failed(t, "192.0.2.1", 1000);
        }
        CHECK(!throttle_allows(t, "192.0.2.1", 1000));
        CHECK(throttle_allows(t, "192.0.2.2", 1000));
        CHECK(!throttle_allows(t, "192.0.2.1", 1000 + THROTTLE_REFILL_MS - 1));
        CHECK(throttle_allows(t, "192.0.2.1", 1000 + THROTTLE_REFILL_MS));
        throttle_failed(t, "192.0.2.1", 1000 + THROTTLE_REFILL_MS);
        CHECK(!throttle_allows(t, "192.0.2.1", 1000 + THROTTLE_REFILL_MS));
}

TEST(more_addresses_than_are_remembered_do_not_grow_it) {
        AUTO(throttle_free) struct throttle *t = throttle_new();
        char address[32];
        for (int i = 0; i < THROTTLE_ADDRESSES_MAX + 10; i++) {
                snprintf(address, sizeof address, "10.%d.%d.%d", i >> 16, (i >> 8) & 255, i & 255);
                throttle_failed(t, address, 1000);
        }
        CHECK(throttle_allows(t, address, 1000));
}

TEST(passwords_match_their_own_hash_only) {
        char hash[PASSWORD_HASH_BYTES];
        CHECK(password_hash("secret", hash));
        CHECK(str_starts(hash, "$argon2id$"));
        CHECK(password_matches(hash, "secret"));
        CHECK(!password_matches(hash, "Secret"));
        CHECK(!password_matches(password_no_hash(), ""));
        CHECK(!password_matches("damaged", "secret"));
}

TEST(a_session_ends_with_its_time_and_its_key_is_not_stored) {
        struct api_fix f = fix_new();
        char key[SESSION_KEY_CHARS + 1];
        struct record *s = session_new(f.core, 1, key);
        CHECK(session_find(f.core, key) == s);
        CHECK(strstr(record_str(s, F_tokenHash), key) == NULL);
        CHECK(session_find(f.core, "x") == NULL);
        core_put_int(f.core, s, F_expiresMs, core_wall_ms(f.core));
        CHECK(session_find(f.core, key) == NULL);
        fix_done(&f);
}

TEST(an_agent_keeps_one_key_that_can_be_told_again) {
        struct api_fix f = fix_new();
        struct record *a = credential_agent_key(f.core, 5);
        CHECK(credential_agent_key(f.core, 5) == a);
        auto_free char *secret = credential_secret(f.core, a);
        CHECK_INT(strlen(secret), ==, 40);
        CHECK(strstr(record_str(a, F_secretValue), secret) == NULL);
        CHECK(credential_check(f.core, record_str(a, F_publicValue), secret) == a);
        CHECK(credential_check(f.core, record_str(a, F_publicValue), "wrong") == NULL);
        a->state = S_inactive;
        CHECK(credential_check(f.core, record_str(a, F_publicValue), secret) == NULL);
        fix_done(&f);
}

/* ---- first start ---- */
struct start { struct api_fix f; char dir[64]; };

static void open_core(struct start *s, bool no_auth) {
        struct dr_error err = { 0 };
        s->f.store = store_open_mem(s->f.disk);
        s->f.core = core_new(&(struct core_conf) { .store = s->f.store, .clock = core_real_clock, .seed = 1, .no_auth = no_auth });
        CHECK_OK(core_load(s->f.core, &err), &err);
        core_commit(s->f.core);
        (void) core_store_event(s->f.core);
}
static void close_core(struct start *s) {
        s->f.core = core_free(s->f.core);
        s->f.store->ops->close(s->f.store);
}
static struct start start_new(bool no_auth) {
        struct start s = { .f.disk = mem_disk_new() };
        snprintf(s.dir, sizeof s.dir, "/tmp/drover-auth-XXXXXX");
        CHECK(mkdtemp(s.dir));
        open_core(&s, no_auth);
        return s;
}
static char *path_of(const struct start *s, const char *name) { return dr_xasprintf("%s/%s", s->dir, name); }
static bool has_file(const struct start *s, const char *name) {
        auto_free char *p = path_of(s, name);
        return access(p, F_OK) == 0;
}
static void start_done(struct start *s) {
        auto_free char *a = path_of(s, "admin.json"), *b = path_of(s, "admin.json.new");
        close_core(s);
        (void) unlink(a);
        (void) unlink(b);
        CHECK_INT(rmdir(s->dir), ==, 0);
        mem_disk_free(s->f.disk);
}
/* The keys that the file names work. */
static bool keys_work(const struct start *s) {
        auto_free char *p = path_of(s, "admin.json");
        auto_close int fd = open(p, O_RDONLY | O_CLOEXEC);
        char buf[4096];
        struct stat st;
        ssize_t n = read(fd, buf, sizeof buf);
        CHECK(n > 0 && fstat(fd, &st) == 0);
        CHECK_INT(st.st_mode & 07777, ==, 0600);
        AUTO(json_free) struct json_object *o = NULL;
        CHECK_INT(json_parse(buf, (size_t) n, sizeof buf, &o, NULL), ==, 0);
        const struct record *login = credential_by_login(s->f.core, json_str(o, "username", ""));
        return credential_check(s->f.core, json_str(o, "accessKey", ""), json_str(o, "secretKey", "")) && login &&
               password_matches(record_str(login, F_secretHash), json_str(o, "password", ""));
}

TEST(a_first_start_writes_the_file_once) {
        struct start s = start_new(false);
        struct dr_error err = { 0 };
        CHECK_INT(auth_first_start(s.f.core, s.dir, "http://srv:8080", &err), ==, 1);
        CHECK(keys_work(&s));
        close_core(&s);
        open_core(&s, false);
        CHECK_INT(auth_first_start(s.f.core, s.dir, "http://srv:8080", &err), ==, 0);
        CHECK(keys_work(&s));
        start_done(&s);
}

TEST(without_access_control_there_is_no_file) {
        struct start s = start_new(true);
        struct dr_error err = { 0 };
        CHECK_INT(auth_first_start(s.f.core, s.dir, "http://srv:8080", &err), ==, 0);
        CHECK(!has_file(&s, "admin.json"));
        start_done(&s);
}

TEST(keys_that_could_not_be_stored_are_not_announced_and_the_next_try_makes_others) {
        struct start s = start_new(false);
        struct dr_error err = { 0 };
        mem_store_fault(s.f.store, 1, STORE_FAILED, false, false);
        CHECK_INT(auth_first_start(s.f.core, s.dir, "http://srv:8080", &err), <, 0);
        CHECK_INT(err.code, ==, DR_E_STORE_FAILED);
        CHECK(!has_file(&s, "admin.json"));
        close_core(&s);
        open_core(&s, false);
        CHECK_INT(auth_first_start(s.f.core, s.dir, "http://srv:8080", &err), ==, 1);
        CHECK(keys_work(&s));
        start_done(&s);
}

TEST(a_process_that_died_between_commit_and_file_is_finished_by_the_next_start) {
        struct start s = start_new(false);
        struct dr_error err = { 0 };
        CHECK_INT(auth_first_start(s.f.core, s.dir, "http://srv:8080", &err), ==, 1);
        auto_free char *a = path_of(&s, "admin.json"), *b = path_of(&s, "admin.json.new");
        CHECK_INT(rename(a, b), ==, 0);         /* as it was just before the end */
        close_core(&s);
        open_core(&s, false);
        CHECK_INT(auth_first_start(s.f.core, s.dir, "http://srv:8080", &err), ==, 1);
        CHECK(keys_work(&s));
        start_done(&s);
}

TEST_MAIN("server/auth")
