#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sbuf.h"

int file_read(const char *path, size_t max, char **ret, size_t *ret_len, struct dr_error *err) {
        auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return dr_fail(err, errno == ENOENT ? DR_E_NOT_FOUND : DR_E_INTERNAL, NULL, "could not open \"%s\": %m", path);
        auto_sbuf struct sbuf b = SBUF(max);
        for (;;) {
                char piece[16384];
                ssize_t n = read(fd, piece, sizeof piece);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return dr_fail(err, DR_E_INTERNAL, NULL, "could not read \"%s\": %m", path);
                if (n == 0)
                        break;
                sbuf_add(&b, piece, (size_t) n);
                if (!sbuf_ok(&b))
                        return dr_fail(err, DR_E_TOO_LARGE, NULL, "\"%s\" is longer than %zu bytes", path, max);
        }
        *ret_len = b.len;
        *ret = sbuf_steal(&b);
        return 0;
}

int file_write_all(int fd, const void *data, size_t len) {
        for (const char *p = data; len > 0;) {
                ssize_t k = write(fd, p, len);
                if (k < 0 && errno != EINTR)
                        return -errno;
                p += k > 0 ? k : 0;
                len -= k > 0 ? (size_t) k : 0;
        }
        return 0;
}

static int sync_folder(const char *path) {
        auto_free char *folder = dr_xstrdup(path);
        char *slash = strrchr(folder, '/');
        if (slash)
                slash[slash == folder] = 0;
        auto_close int dir = open(slash ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return dir < 0 ? -1 : fsync(dir);
}

static int replace(const char *path, const void *data, size_t len, unsigned mode, bool durable, struct dr_error *err) {
        auto_free char *temporary = dr_xasprintf("%s.new", path);
        auto_close int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
        if (fd >= 0 && fchmod(fd, mode) == 0 && file_write_all(fd, data, len) == 0 && (!durable || fsync(fd) == 0) && rename(temporary, path) == 0 &&
            (!durable || sync_folder(path) == 0))
                return 0;
        int r = dr_fail(err, DR_E_INTERNAL, NULL, "could not write \"%s\": %m", path);
        if (fd >= 0)
                (void) unlink(temporary);
        return r;
}

int file_replace(const char *path, const void *data, size_t len, unsigned mode, struct dr_error *err) { return replace(path, data, len, mode, true, err); }

int file_replace_unsynced(const char *path, const void *data, size_t len, unsigned mode, struct dr_error *err) {
        return replace(path, data, len, mode, false, err);
}

int folder_make(const char *path, unsigned mode, struct dr_error *err) {
        if ((mkdir(path, mode) < 0 && errno != EEXIST) || chmod(path, mode) < 0)
                return dr_fail(err, DR_E_INTERNAL, NULL, "could not make folder \"%s\": %m", path);
        return 0;
}
