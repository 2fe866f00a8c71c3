#include "bridge-internal.h"

#include "node/json_view.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

/* STATE_DIR/NETWORK/CONTAINER:IFNAME holds the address manager's result in the form of the newest version. Names cannot hold '/' or ':',
 * and do not begin with a dot, so what begins with one is a file that is being written. */

enum { LEASES_MAX = 100000 };

static char *path_of(const struct bridge_conf *conf, const struct bridge_owner *o) {
        return dr_xasprintf("%s/%s/%s:%s", conf->state_dir, o->network, o->container, o->ifname);
}

bool leases_load(const struct bridge_conf *conf, const struct bridge_owner *o, struct cni_result *ret) {
        auto_free char *path = path_of(conf, o), *text = dr_xmalloc(CNI_RESULT_BYTES_MAX);
        auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
        ssize_t n = fd >= 0 ? read(fd, text, CNI_RESULT_BYTES_MAX) : -1;
        if (n <= 0)
                return false;
        struct cni_error err;
        json_object *tree = jv_parse(text, (size_t) n, CNI_RESULT_BYTES_MAX, NULL);
        bool ok = tree && cni_result_parse(tree, ret, &err) == 0 && ret->ips.n > 0;
        json_object_put(tree);
        if (!ok)
                cni_result_done(ret);
        return ok;
}

static int make_folder(const char *path) {
        for (const char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
                auto_free char *part = dr_xstrndup(path, (size_t) (slash - path));
                if (mkdir(part, 0700) < 0 && errno != EEXIST)
                        return -errno;
        }
        return 0;
}

int leases_save(const struct bridge_conf *conf, const struct bridge_owner *o, const struct cni_result *r, struct cni_error *err) {
        auto_free char *path = path_of(conf, o), *tmp = dr_xasprintf("%s/%s/.%d", conf->state_dir, o->network, (int) getpid());
        json_object *tree = cni_result_json(r, CNI_1_1_0);
        const char *text = jv_print(tree);
        size_t len = strlen(text);
        bool ok = make_folder(path) == 0;
        int fd = ok ? open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600) : -1;
        ok = fd >= 0 && write(fd, text, len) == (ssize_t) len;
        if (fd >= 0 && close(fd) < 0)
                ok = false;
        ok = ok && rename(tmp, path) == 0;
        int e = errno;
        if (!ok && fd >= 0)
                (void) unlink(tmp);
        json_object_put(tree);
        return ok ? 0 : cni_fail(err, CNI_E_IO, "could not write \"%s\": %s", path, strerror(e));
}

void leases_remove(const struct bridge_conf *conf, const struct bridge_owner *o) {
        auto_free char *path = path_of(conf, o);
        (void) unlink(path);
}

int leases_each(const struct bridge_conf *conf, const char *network, int (*each)(const struct bridge_owner *o, void *arg, struct cni_error *err), void *arg, struct cni_error *err) {
        auto_free char *path = dr_xasprintf("%s/%s", conf->state_dir, network);
        VEC(struct bridge_owner) owners = { 0 };
        DIR *d = opendir(path);                                 /* none: there are no leases */
        for (struct dirent *e; d && (e = readdir(d));) {
                struct bridge_owner o = { 0 };
                const char *colon = strrchr(e->d_name, ':');
                if (e->d_name[0] == '.' || !colon || (size_t) (colon - e->d_name) >= sizeof o.container || strlen(colon + 1) >= sizeof o.ifname || owners.n >= LEASES_MAX)
                        continue;
                snprintf(o.network, sizeof o.network, "%s", network);
                memcpy(o.container, e->d_name, (size_t) (colon - e->d_name));
                snprintf(o.ifname, sizeof o.ifname, "%s", colon + 1);
                vec_push(&owners, o);
        }
        if (d)
                closedir(d);
        int r = 0;
        for (size_t i = 0; i < owners.n && r >= 0; i++)
                r = each(&owners.v[i], arg, err);
        vec_done(&owners);
        return r;
}
