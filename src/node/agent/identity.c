#include "identity.h"

#include "base/file.h"
#include "base/rng.h"
#include "node/agent/state.h"
#include "node/json_view.h"

#include <ctype.h>
#include <stdio.h>
#include <sys/stat.h>

enum { FILE_BYTES_MAX = 4096 };

static int make_dirs(const char *dir, struct dr_error *err) {
        auto_free char *path = dr_xstrdup(dir);
        for (char *p = path + 1; ; p++) {
                if (*p && *p != '/')
                        continue;
                char c = *p;
                *p = 0;
                if (mkdir(path, 0755) < 0 && errno != EEXIST)
                        return dr_fail(err, DR_E_INTERNAL, NULL, "could not make folder \"%s\": %m", path);
                *p = c;
                if (!c)
                        return 0;
        }
}

static bool usable(const char *s, size_t n_exact, size_t n_max, bool hex) {
        size_t n = strlen(s);
        if (n == 0 || n > n_max || (n_exact && n != n_exact))
                return false;
        for (size_t i = 0; i < n; i++)
                if (hex ? !isxdigit((unsigned char) s[i]) : !isgraph((unsigned char) s[i]))
                        return false;
        return true;
}

/* The first word of dir/name when it is usable; else fresh, written. wanted replaces both. */
static int word_of(const char *dir, const char *name, const char *wanted, const char *fresh, size_t n_exact, char *buf, size_t size, struct dr_error *err) {
        auto_free char *path = dr_xasprintf("%s/%s", dir, name), *text = NULL;
        size_t len = 0;
        int r = file_read(path, FILE_BYTES_MAX, &text, &len, err);
        if (r < 0 && r != -ENOENT)
                return r;
        if (text)
                text[strcspn(text, " \t\r\n")] = 0;
        bool have = text && usable(text, n_exact, size - 1, n_exact != 0);
        if (wanted && *wanted) {
                if (!usable(wanted, 0, size - 1, false))
                        return dr_fail(err, DR_E_INVALID_FORMAT, name, "\"%.80s\" cannot be this host's id", wanted);
                snprintf(buf, size, "%s", wanted);
                if (have && str_eq(text, wanted))
                        return 0;
        } else if (have) {
                snprintf(buf, size, "%s", text);
                return 0;
        } else {
                snprintf(buf, size, "%s", fresh);
        }
        return file_replace(path, buf, strlen(buf), 0600, err);
}

int identity_load(const char *dir, const char *docker_uuid, const char *physical_uuid, struct identity *ret, struct dr_error *err) {
        struct identity i = { 0 };
        int r = make_dirs(dir, err);
        if (r < 0)
                return r;
        struct rng rng;
        struct uuid u;
        char key[REGISTRATION_KEY_CHARS + 1], uuid[UUID_CHARS + 1];
        random_string("0123456789abcdef", key, REGISTRATION_KEY_CHARS);
        rng_seed_random(&rng);
        uuid_make(&rng, &u);
        uuid_format(&u, uuid);
        r = word_of(dir, ".registration_token", NULL, key, REGISTRATION_KEY_CHARS, i.key, sizeof i.key, err);
        if (r >= 0)
                r = word_of(dir, ".docker_uuid", docker_uuid, uuid, 0, i.docker_uuid, sizeof i.docker_uuid, err);
        uuid_make(&rng, &u);
        uuid_format(&u, uuid);
        if (r >= 0)
                r = word_of(dir, ".physical_host_uuid", physical_uuid, uuid, 0, i.physical_uuid, sizeof i.physical_uuid, err);
        if (r < 0)
                return r;
        auto_free char *keys_path = dr_xasprintf("%s/.agent_keys", dir), *text = NULL, *removed_path = dr_xasprintf("%s/.removed", dir);
        size_t len = 0;
        if (file_read(keys_path, FILE_BYTES_MAX, &text, &len, NULL) == 0) {
                AUTO(jv_put) json_object *o = jv_parse(text, len, FILE_BYTES_MAX, NULL);
                if (*jv_str(o, "accessKey") && *jv_str(o, "secretKey")) {
                        i.access_key = dr_xstrdup(jv_str(o, "accessKey"));
                        i.secret_key = dr_xstrdup(jv_str(o, "secretKey"));
                }
        }
        i.removed = access(removed_path, F_OK) == 0;
        *ret = i;
        return 0;
}

void identity_done(struct identity *i) {
        free(i->access_key);
        free(i->secret_key);
        *i = (struct identity) { 0 };
}

static int remove_file(const char *dir, const char *name, struct dr_error *err) {
        auto_free char *path = dr_xasprintf("%s/%s", dir, name);
        if (unlink(path) < 0 && errno != ENOENT)
                return dr_fail(err, DR_E_INTERNAL, NULL, "could not remove \"%s\": %m", path);
        return 0;
}

int identity_save_keys(const char *dir, struct identity *i, const char *access_key, const char *secret_key, struct dr_error *err) {
        AUTO(jv_put) json_object *o = json_object_new_object();
        json_object_object_add(o, "accessKey", json_object_new_string(access_key));
        json_object_object_add(o, "secretKey", json_object_new_string(secret_key));
        auto_free char *path = dr_xasprintf("%s/.agent_keys", dir);
        const char *text = jv_print(o);
        int r = file_replace(path, text, strlen(text), 0600, err);
        if (r >= 0)
                r = remove_file(dir, ".removed", err);
        if (r < 0)
                return r;
        entry_set_text(&i->access_key, access_key);
        entry_set_text(&i->secret_key, secret_key);
        i->removed = false;
        return 0;
}

int identity_set_removed(const char *dir, struct identity *i, struct dr_error *err) {
        auto_free char *path = dr_xasprintf("%s/.removed", dir);
        int r = file_replace(path, "removed\n", 8, 0600, err);
        if (r >= 0)
                r = remove_file(dir, ".agent_keys", err);
        if (r < 0)
                return r;
        entry_set_text(&i->access_key, NULL);
        entry_set_text(&i->secret_key, NULL);
        i->removed = true;
        return 0;
}
