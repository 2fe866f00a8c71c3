#include "unixsock.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>

enum { LINE_TIMEOUT_MS = 10000 };

/* *ret_dir keeps the folder open as long as the address is used. */
static int make_address(const char *dir, const char *file, struct sockaddr_un *ret, int *ret_dir, struct dr_error *err) {
        *ret_dir = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (*ret_dir < 0)
                return dr_fail(err, DR_E_NOT_FOUND, NULL, "could not open folder \"%s\": %m", dir);
        *ret = (struct sockaddr_un) { .sun_family = AF_UNIX };
        snprintf(ret->sun_path, sizeof ret->sun_path, "/proc/self/fd/%d/%s", *ret_dir, file);
        return 0;
}

int unixsock_listen(const char *dir, const char *file, int *ret_fd, struct dr_error *err) {
        auto_close int dir_fd = -1;
        struct sockaddr_un a;
        int r = make_address(dir, file, &a, &dir_fd, err);
        if (r < 0)
                return r;
        auto_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        (void) unlinkat(dir_fd, file, 0);       /* bind tells when it is still there */
        if (fd < 0 || bind(fd, (struct sockaddr *) &a, sizeof a) < 0 || listen(fd, 16) < 0)
                return dr_fail(err, DR_E_INTERNAL, NULL, "could not listen on socket \"%s/%s\": %m", dir, file);
        *ret_fd = fd;
        fd = -1;
        return 0;
}

int unixsock_connect(const char *dir, const char *file, int *ret_fd, struct dr_error *err) {
        auto_close int dir_fd = -1;
        struct sockaddr_un a;
        int r = make_address(dir, file, &a, &dir_fd, err);
        if (r < 0)
                return r;
        auto_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0 || connect(fd, (struct sockaddr *) &a, sizeof a) < 0)
                return dr_fail(err, DR_E_UNAVAILABLE, NULL, "could not connect to socket \"%s/%s\": %m", dir, file);
        *ret_fd = fd;
        fd = -1;
        return 0;
}

ssize_t unixsock_read_line(int fd, char *buf, size_t size) {
        size_t n = 0;
        while (n + 1 < size) {
                struct pollfd p = { .fd = fd, .events = POLLIN };
                if (poll(&p, 1, LINE_TIMEOUT_MS) <= 0)
                        return -1;
                ssize_t got = read(fd, buf + n, size - 1 - n);
                if (got <= 0)
                        return -1;
                n += (size_t) got;
                buf[n] = '\0';
                char *end = memchr(buf, '\n', n);
                if (end) {
                        *end = '\0';
                        return end - buf;
                }
        }
        return -1;
}
