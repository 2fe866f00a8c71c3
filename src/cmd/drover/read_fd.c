#include "read_fd.h"

#include <fcntl.h>
#include <sys/stat.h>

int fd_read_all(int fd, const char *path, size_t max, char **ret, size_t *ret_len, struct dr_error *err) {
        auto_free char *buf = dr_xmalloc(max + 2);
        size_t n = 0;
        for (;;) {
                ssize_t r = read(fd, buf + n, max + 1 - n);
                if (r < 0 && errno == EINTR)
                        continue;
                if (r < 0)
                        return dr_fail(err, DR_E_INTERNAL, NULL, "could not read \"%s\": %m", path);
                if (r == 0)
                        break;
                n += (size_t) r;
                if (n > max)
                        return dr_fail(err, DR_E_TOO_LARGE, NULL, "\"%s\" is longer than %zu bytes", path, max);
        }
        buf[n] = '\0';
        *ret = dr_take(buf);
        *ret_len = n;
        return 0;
}

int fd_read_path(const char *path, size_t max, char **ret, size_t *ret_len, struct dr_error *err) {
        bool standard_input = str_eq(path, "-");
        auto_close int opened = standard_input ? -1 : open(path, O_RDONLY | O_CLOEXEC);
        int fd = standard_input ? STDIN_FILENO : opened;
        struct stat st;
        if (fd < 0)
                return dr_fail(err, errno == ENOENT ? DR_E_NOT_FOUND : DR_E_INTERNAL, NULL, "could not open \"%s\": %m", path);
        if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode))
                return dr_fail(err, DR_E_INVALID_FORMAT, NULL, "\"%s\" is a folder", path);
        return fd_read_all(fd, path, max, ret, ret_len, err);
}
