#include "notify.h"

#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/base.h"

void notify_manager(const char *state) {
        const char *path = getenv("NOTIFY_SOCKET");
        struct sockaddr_un a = { .sun_family = AF_UNIX };
        if (!path || (*path != '/' && *path != '@') || strlen(path) >= sizeof a.sun_path)
                return;
        size_t n = strlen(path);
        memcpy(a.sun_path, path, n);
        if (*path == '@')
                a.sun_path[0] = 0;      /* the abstract name space */
        auto_close int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (fd >= 0)
                (void) sendto(fd, state, strlen(state), MSG_NOSIGNAL | MSG_DONTWAIT, (struct sockaddr *) &a,
                              (socklen_t) (offsetof(struct sockaddr_un, sun_path) + n));
}
