#include "first_start.h"

#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <sys/stat.h>

#include "credential.h"
#include "base/file.h"
#include "formats/json.h"
#include "core/secret.h"

enum { FILE_BYTES_MAX = 4096 };
#define LOGIN "admin"
#define FILE_NAME "admin.json"
#define FILE_NEW  "admin.json.new"

/* What the file says; with secrets: wiped by its owner. */
struct pair { char password[ADMIN_PASSWORD_CHARS + 1], access[ACCESS_KEY_CHARS + 1], secret[SECRET_KEY_CHARS + 1]; };

static bool has_any(struct core *c, int64_t account_id) {
        const struct records *l = world_of_account(core_world(c), T_credential, account_id);
        for (size_t i = 0; i < l->n; i++)
                if (l->v[i]->kind == T_password || l->v[i]->kind == T_apiKey)
                        return true;
        return false;
}

static int write_file(int dir, const struct pair *p, const char *url, struct dr_error *err) {
        char buf[FILE_BYTES_MAX];
        struct sbuf text = SBUF(FILE_BYTES_MAX);
        struct jw w = JW(&text, 0);
        jw_begin_object(&w);
        jw_kstring(&w, "url", url);
        jw_kstring(&w, "username", LOGIN);
        jw_kstring(&w, "password", p->password);
        jw_kstring(&w, "accessKey", p->access);
        jw_kstring(&w, "secretKey", p->secret);
        jw_end(&w);
        sbuf_putc(&text, '\n');
        size_t n = text.len;
        bool fits = sbuf_ok(&text) && n < sizeof buf;
        memcpy(buf, sbuf_str(&text), fits ? n : 0);
        sodium_memzero((char *) sbuf_str(&text), n);
        sbuf_done(&text);
        if (!fits)
                return dr_fail(err, DR_E_BAD_REQUEST, NULL, "the server's address is too long");
        auto_close int fd = openat(dir, FILE_NEW, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
        int r = fd < 0 ? -errno : fchmod(fd, 0600) < 0 ? -errno : file_write_all(fd, buf, n);
        sodium_memzero(buf, sizeof buf);
        if (r == 0 && fsync(fd) < 0)
                r = -errno;
        if (r < 0) {
                errno = -r;
                return dr_fail(err, DR_E_INTERNAL, NULL, "could not write file \"%s\": %m", FILE_NEW);
        }
        return 0;
}

/* The file gets its name: it is complete, and what it says is stored. */
static int announce(int dir, struct dr_error *err) {
        if (renameat(dir, FILE_NEW, dir, FILE_NAME) < 0 || fsync(dir) < 0)
                return dr_fail(err, DR_E_INTERNAL, NULL, "could not name file \"%s\": %m", FILE_NAME);
        return 1;
}

static void learned(void *arg, int result) { *(int *) arg = result; }

static int commit_and_wait(struct core *c, struct dr_error *err) {
        int result = 1;
        struct store *s = core_config(c)->store;
        core_output(c, learned, &result);
        core_commit(c);
        s->ops->wait(s);
        if (core_store_event(c) < 0 || result != 0)
                return dr_fail(err, DR_E_STORE_FAILED, NULL, "could not store the administrator's keys");
        return 0;
}

/* A file that was written before the process died: its keys are stored, or they never will be. */
static int finish_former(struct core *c, int dir, struct dr_error *err) {
        auto_close int fd = openat(dir, FILE_NEW, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        char buf[FILE_BYTES_MAX];
        ssize_t n = fd < 0 ? 0 : read(fd, buf, sizeof buf);
        struct json_object *o = NULL;
        if (n <= 0 || json_parse(buf, (size_t) n, sizeof buf, &o, NULL) < 0)
                return 0;
        const struct record *key = credential_check(c, json_str(o, "accessKey", ""), json_str(o, "secretKey", ""));
        json_object_put(o);
        sodium_memzero(buf, sizeof buf);
        if (key)
                return announce(dir, err);
        return unlinkat(dir, FILE_NEW, 0) < 0 ? dr_fail(err, DR_E_INTERNAL, NULL, "could not remove file \"%s\": %m", FILE_NEW) : 0;
}

int auth_first_start(struct core *c, const char *data_dir, const char *url, struct dr_error *err) {
        const struct record *admin = world_by_uuid(core_world(c), T_account, "admin");
        if (core_config(c)->no_auth || !admin)
                return 0;
        auto_close int dir = open(data_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (dir < 0)
                return dr_fail(err, DR_E_INTERNAL, NULL, "could not open folder \"%s\": %m", data_dir);
        if (has_any(c, admin->id))
                return finish_former(c, dir, err);
        struct pair p;
        char hash[PASSWORD_HASH_BYTES];
        random_string("ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789", p.password, ADMIN_PASSWORD_CHARS);
        secret_access_key(p.access);
        secret_secret_key(p.secret);
        int r = password_hash(p.password, hash) ? write_file(dir, &p, url, err)
                                                : dr_fail(err, DR_E_INTERNAL, NULL, "could not hash the administrator's password: not enough memory");
        if (r == 0) {
                (void) credential_make_password(c, admin->id, LOGIN, hash);
                (void) credential_make_api_key(c, admin->id, "admin", p.access, p.secret);
                r = commit_and_wait(c, err);
        }
        sodium_memzero(&p, sizeof p);
        return r < 0 ? r : announce(dir, err);
}
