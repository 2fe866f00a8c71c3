#include "netns.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

int netns_open(const char *path, int *ret_fd, struct dr_error *err) {
        auto_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        if (fd < 0) {
                int e = errno;
                dr_fail(err, e == ENOENT ? DR_E_NOT_FOUND : DR_E_INTERNAL, NULL, "could not open network namespace \"%s\": %m", path);
                return e == ENOTDIR || e == ESRCH ? -ENOENT : -e;
        }
        /* `ip netns` leaves a plain file behind for a moment, and a name is a plain file before its namespace is mounted. */
        if (ioctl(fd, NS_GET_NSTYPE) != CLONE_NEWNET) {
                dr_fail(err, DR_E_NOT_FOUND, NULL, "\"%s\" is no network namespace", path);
                return -ENOENT;
        }
        *ret_fd = fd;
        fd = -1;
        return 0;
}

int netns_open_own(int *ret_fd, struct dr_error *err) { return netns_open("/proc/thread-self/ns/net", ret_fd, err); }

uint64_t netns_id(int fd) {
        struct stat st;
        return fstat(fd, &st) == 0 ? st.st_ino : 0;
}

bool netns_has_process(uint64_t id) {
        DIR *d = opendir("/proc");
        bool found = false;
        for (struct dirent *e; d && !found && (e = readdir(d));) {
                char path[300];
                struct stat st;
                if (e->d_name[0] < '1' || e->d_name[0] > '9')
                        continue;
                snprintf(path, sizeof path, "%s/ns/net", e->d_name);
                found = fstatat(dirfd(d), path, &st, 0) == 0 && st.st_ino == id;
        }
        if (d)
                closedir(d);
        return found;
}

int netns_run(int fd, int (*fn)(void *arg, struct dr_error *err), void *arg, struct dr_error *err) {
        auto_close int back = -1;
        int r = netns_open_own(&back, err);
        if (r < 0)
                return r;
        if (setns(fd, CLONE_NEWNET) < 0)
                return dr_fail(err, DR_E_INTERNAL, NULL, "could not enter a network namespace: %m");
        r = fn(arg, err);
        int lost = setns(back, CLONE_NEWNET);
        assert(lost == 0);              /* a thread in a namespace that its owner does not expect would do harm */
        return r;
}
