#include "node/entry/netstate.h"

#include "base/file.h"
#include "node/json_view.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

static json_object *get_any_case(json_object *o, const char *key) {
        if (!o || !json_object_is_type(o, json_type_object))
                return NULL;
        json_object_object_foreach(o, name, v)
                if (str_ieq(name, key))
                        return v;
        return NULL;
}

int netstate_parse(const char *buf, size_t len, struct netstate *ret, struct dr_error *err) {
        AUTO(jv_put) json_object *o = jv_parse(buf, len, NETSTATE_BYTES_MAX, err);
        if (!o)
                return -EINVAL;
        struct netstate s = { 0 };
        const char *error = jv_text(get_any_case(o, "error")), *ip = jv_text(get_any_case(get_any_case(o, "ip4"), "ip"));
        size_t n = strcspn(ip, "/");
        if (*error)
                snprintf(s.error, sizeof s.error, "%s", error);
        else if (n > 0 && n < sizeof s.ip)
                memcpy(s.ip, ip, n);
        else
                return dr_fail(err, DR_E_INVALID_FORMAT, NULL, "network state has neither an address nor an error");
        *ret = s;
        return 0;
}

int netstate_read(const char *path, struct netstate *ret, struct dr_error *err) {
        auto_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
                return -ENOENT;
        if (fd < 0)
                return dr_fail(err, DR_E_INTERNAL, NULL, "could not open network state \"%s\": %m", path);
        auto_free char *buf = dr_xmalloc(NETSTATE_BYTES_MAX + 1);
        size_t len = 0;
        ssize_t n;
        while ((n = read(fd, buf + len, NETSTATE_BYTES_MAX + 1 - len)) > 0)
                len += (size_t) n;
        if (n < 0)
                return dr_fail(err, DR_E_INTERNAL, NULL, "could not read network state \"%s\": %m", path);
        return netstate_parse(buf, len, ret, err);
}

bool netstate_is_name(const char *name) {
        size_t n = strlen(name);
        return n >= 20 && n < NETSTATE_NAME_MAX && isdigit((unsigned char) name[0]) && name[10] == 'T' && name[n - 1] == 'Z' && !strchr(name, '/');
}

int netstate_write(const char *dir, const char *id, const char *started, const char *text, struct dr_error *err) {
        auto_free char *folder = dr_xasprintf("%s/%s", dir, id), *path = dr_xasprintf("%s/%s", folder, started);
        if (!netstate_is_name(started))
                return dr_fail(err, DR_E_INVALID_FORMAT, NULL, "\"%.60s\" is no start time of a container", started);
        if (mkdir(folder, 0755) < 0 && errno != EEXIST)
                return dr_fail(err, DR_E_INTERNAL, NULL, "could not make folder \"%s\": %m", folder);
        int r = file_replace_unsynced(path, text, strlen(text), 0644, err);
        return r < 0 ? dr_prefix(err, r, "network state") : 0;
}

void netstate_remove(const char *dir, const char *id, const char *keep) {
        auto_free char *folder = dr_xasprintf("%s/%s", dir, id);
        DIR *d = opendir(folder);
        if (!d)
                return;
        for (struct dirent *e; (e = readdir(d)); )
                if (!str_eq(e->d_name, ".") && !str_eq(e->d_name, "..") && !str_eq(e->d_name, keep))
                        (void) unlinkat(dirfd(d), e->d_name, 0);
        closedir(d);
        if (!keep)
                (void) rmdir(folder);
}
