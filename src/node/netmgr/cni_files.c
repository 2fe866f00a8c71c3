#include "node/netmgr/cni_files.h"

#include "base/file.h"
#include "base/log.h"
#include "node/json_view.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

enum { DEPTH_MAX = 16, PRETTY = JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE };

static const char keyword[] = "__host_label__", written_name[] = ".drover-written", managed[] = "managed.d";

static json_object *substitute(json_object *v, struct md_object *host, int depth) {
        if (json_object_is_type(v, json_type_object) && depth < DEPTH_MAX) {
                json_object *o = json_object_new_object();
                json_object_object_foreach(v, key, item)
                        json_object_object_add(o, key, substitute(item, host, depth + 1));
                return o;
        }
        if (!str_starts(jv_text(v), keyword))
                return json_object_get(v);
        const char *label = strchrnul(jv_text(v), ':');
        label += strspn(label, ": \t");
        size_t n = strlen(label);
        while (n > 0 && strchr(" \t", label[n - 1]))
                n--;
        auto_free char *name = dr_xstrndup(label, n);
        return json_object_new_string(jv_str(jv_obj(host ? host->json : NULL, "labels"), name));
}

struct json_object *cni_substitute(struct json_object *v, struct md_object *host) { return substitute(v, host, 0); }

/* Whether name can be a folder or file of its own: no '/', no leading '.'. */
static bool name_is_good(const char *name) { return *name && *name != '.' && strlen(name) < 128 && !strchr(name, '/'); }

static bool is_conf(const char *name) { return name_is_good(name) && (str_ends(name, ".conf") || str_ends(name, ".json")); }

static void keep_first(int *r, int now, struct dr_error *err, const struct dr_error *why) {
        if (*r >= 0 && now < 0 && err)
                *err = *why;
        *r = *r < 0 ? *r : now < 0 ? now : *r + now;
}

/* 1: written, 0: it was so. */
static int write_file(const char *path, const char *text, struct dr_error *err) {
        auto_free char *now = NULL;
        size_t len;
        if (file_read(path, CNI_FILE_BYTES_MAX, &now, &len, NULL) == 0 && str_eq(now, text))
                return 0;
        int r = file_replace(path, text, strlen(text), 0600, err);
        return r < 0 ? r : 1;
}

/* Names that were written here before, one a line; those that are not wanted any more go. */
static int forget_old(const char *folder, json_object *config, struct dr_error *err) {
        auto_free char *list_path = dr_xasprintf("%s/%s", folder, written_name), *old = NULL;
        auto_sbuf struct sbuf now = SBUF(CNI_FILES_MAX * 160);
        size_t len;
        int changes = 0;
        if (file_read(list_path, CNI_FILES_MAX * 160, &old, &len, NULL) == 0)
                for (char *save = NULL, *name = strtok_r(old, "\n", &save); name; name = strtok_r(NULL, "\n", &save)) {
                        auto_free char *path = dr_xasprintf("%s/%s", folder, name);
                        if (is_conf(name) && !jv_get(config, name) && unlink(path) == 0)
                                changes++;
                }
        if (config) {
                json_object_object_foreach(config, file, v)
                        if (is_conf(file) && v)
                                sbuf_printf(&now, "%s\n", file);
        }
        int r = write_file(list_path, sbuf_str(&now), err);
        return r < 0 ? r : changes;
}

static int write_network(const char *dir, struct md_object *network, json_object *config, struct md_object *host, struct dr_error *err) {
        auto_free char *folder = dr_xasprintf("%s/%s.d", dir, network->name);
        struct dr_error why;
        int r = 0;
        if (mkdir(folder, 0700) < 0 && errno != EEXIST)
                return dr_fail(err, DR_E_INTERNAL, NULL, "could not make folder \"%s\": %m", folder);
        json_object_object_foreach(config, file, v) {
                if (!is_conf(file) || !json_object_is_type(v, json_type_object)) {
                        log_warning("a network's CNI configuration is left out: it is no object, or its name does not end in .conf or .json", "network", network->name, "file", file, NULL);
                        continue;
                }
                AUTO(jv_put) json_object *o = cni_substitute(v, host);
                auto_free char *path = dr_xasprintf("%s/%s", folder, file);
                keep_first(&r, write_file(path, json_object_to_json_string_ext(o, PRETTY), &why), err, &why);
        }
        keep_first(&r, forget_old(folder, config, &why), err, &why);
        return r;
}

static int link_managed(const char *dir, const char *network, struct dr_error *err) {
        auto_free char *path = dr_xasprintf("%s/%s", dir, managed), *temp = dr_xasprintf("%s/.%s", dir, managed), *target = dr_xasprintf("%s.d", network);
        char now[256];
        ssize_t n = readlink(path, now, sizeof now - 1);
        now[n > 0 ? n : 0] = 0;
        if (str_eq(now, target))
                return 0;
        (void) unlink(temp);
        if (symlink(target, temp) < 0 || rename(temp, path) < 0)
                return dr_fail(err, DR_E_INTERNAL, NULL, "could not link \"%s\": %m", path);
        return 1;
}

int cni_files_write(const char *dir, const struct mdata *m, struct dr_error *err) {
        const md_list *networks = mdata_list(m, MD_NETWORK);
        json_object *env = mdata_environment(m);
        struct dr_error why;
        int r = 0;
        if (mkdir(dir, 0755) < 0 && errno != EEXIST)
                return dr_fail(err, DR_E_INTERNAL, NULL, "could not make folder \"%s\": %m", dir);
        for (size_t i = 0; i < networks->n; i++) {
                struct md_object *network = networks->v[i];
                json_object *config = jv_obj(jv_obj(network->json, "metadata"), "cniConfig");
                const char *owner = jv_str(network->json, "environment_uuid");
                if (!config || json_object_object_length(config) == 0 || (env && *owner && !str_eq(owner, jv_str(env, "uuid"))) || !name_is_good(network->name))
                        continue;
                keep_first(&r, write_network(dir, network, config, mdata_host(m), &why), err, &why);
                if (jv_bool(network->json, "is_default"))
                        keep_first(&r, link_managed(dir, network->name, &why), err, &why);
        }
        return r;
}

static int by_name(const void *a, const void *b) { return strcmp(((const struct cni_file *) a)->name, ((const struct cni_file *) b)->name); }

void cni_files_done(cni_file_list *l) {
        for (size_t i = 0; i < l->n; i++) {
                free(l->v[i].name);
                free(l->v[i].text);
        }
        vec_done(l);
}

static int read_one(const char *folder, const char *name, cni_file_list *l, struct dr_error *err) {
        auto_free char *path = dr_xasprintf("%s/%s", folder, name);
        struct cni_file f = { 0 };
        size_t len;
        int r = file_read(path, CNI_FILE_BYTES_MAX, &f.text, &len, err);
        if (r < 0)
                return r;
        AUTO(jv_put) json_object *o = jv_parse(f.text, len, CNI_FILE_BYTES_MAX, err);
        const char *type = jv_str(o, "type");
        if (!o || !*type || strchr(type, '/') || strlen(type) >= sizeof f.type) {
                free(f.text);
                return o ? dr_fail(err, DR_E_INVALID_FORMAT, NULL, "CNI configuration \"%s\" has no usable type", path) : dr_prefix(err, -EINVAL, "CNI configuration \"%s\"", path);
        }
        snprintf(f.type, sizeof f.type, "%s", type);
        f.name = dr_xstrdup(name);
        vec_push(l, f);
        return 0;
}

int cni_files_read(const char *dir, const char *network, cni_file_list *ret, struct dr_error *err) {
        auto_free char *folder = dr_xasprintf("%s/%s.d", dir, network);
        cni_file_list l = { 0 };
        int r = 0;
        DIR *d = name_is_good(network) ? opendir(folder) : NULL;
        for (struct dirent *e; r >= 0 && d && (e = readdir(d)); )
                if (is_conf(e->d_name) && l.n < CNI_FILES_MAX)
                        r = read_one(folder, e->d_name, &l, err);
        if (d)
                closedir(d);
        if (r >= 0 && l.n == 0)
                r = dr_fail(err, DR_E_NOT_FOUND, NULL, "there is no CNI configuration for network \"%.60s\" in %s", network, folder);
        if (r < 0) {
                cni_files_done(&l);
                return r;
        }
        vec_sort(&l, by_name);
        *ret = l;
        return 0;
}
