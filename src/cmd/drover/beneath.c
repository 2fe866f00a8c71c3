#include "beneath.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>

/* For kernels before 5.6, and where a filter forbids openat2. */
static int open_resolved(const char *folder, const char *path) {
        char root[PATH_MAX], full[PATH_MAX];
        auto_free char *joined = dr_xasprintf("%s/%s", folder, path);
        if (!realpath(folder, root) || !realpath(joined, full))
                return -1;
        size_t n = strlen(root);
        if (path[0] == '/' || strncmp(full, root, n) != 0 || (n > 1 && full[n] != '/')) {
                errno = EXDEV;
                return -1;
        }
        return open(full, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
}

static int open_beneath(const char *folder, const char *path) {
        struct open_how how = { .flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK, .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS };
        auto_close int root = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (root < 0)
                return -1;
        int fd = (int) syscall(SYS_openat2, root, path, &how, sizeof how);
        return fd < 0 && (errno == ENOSYS || errno == EPERM) ? open_resolved(folder, path) : fd;
}

int beneath_open(const char *folder, const char *path, struct dr_error *err) {
        struct stat st;
        auto_close int fd = open_beneath(folder, path);
        if (fd < 0 && (errno == EXDEV || errno == ELOOP))
                return dr_fail(err, DR_E_FORBIDDEN, NULL, "\"%s\" leads out of the folder \"%s\"", path, folder);
        if (fd < 0)
                return dr_fail(err, errno == ENOENT ? DR_E_NOT_FOUND : DR_E_INTERNAL, NULL, "could not open \"%s\": %m", path);
        if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
                return dr_fail(err, DR_E_INVALID_FORMAT, NULL, "\"%s\" is no regular file", path);
        int ret = fd;
        fd = -1;
        return ret;
}
