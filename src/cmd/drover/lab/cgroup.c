#include "cgroup.h"

#include "state.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/mount.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

enum { MOUNTINFO_BYTES_MAX = 8 << 20, FILE_BYTES_MAX = 1 << 20, DEPTH_MAX = 16, WAIT_MS = 5, WAITS_MAX = 2000 };

static bool is_v2(const char *path) {
        struct statfs fs;
        return statfs(path, &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC;
}

static void add_root(struct cgroup_tree *t, const char *path) {
        t->roots = dr_xrealloc(t->roots, (t->n + 1) * sizeof *t->roots);
        t->roots[t->n++] = dr_xstrdup(path);
}

/* Lines: id parent major:minor root mountpoint options [optional fields] - type source superoptions. */
static int find_v1(struct cgroup_tree *t, struct dr_error *err) {
        auto_free char *text = lab_file_read("/proc/self/mountinfo", MOUNTINFO_BYTES_MAX);
        if (!text)
                return dr_fail(err, DR_E_INTERNAL, NULL, "could not read file \"/proc/self/mountinfo\": %m");
        char *save = NULL;
        for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
                char mountpoint[512] = "", type[32] = "";
                const char *tail = strstr(line, " - ");
                if (!tail || sscanf(line, "%*s %*s %*s %*s %511s", mountpoint) != 1 || sscanf(tail + 3, "%31s", type) != 1)
                        continue;
                if (str_eq(type, "cgroup") && str_starts(mountpoint, "/sys/fs/cgroup/"))
                        add_root(t, mountpoint);
        }
        return 0;
}

/* The cgroup2 tree without a place in the file system: a mount that only this process has. */
static int mount_v2(struct cgroup_tree *t, struct dr_error *err) {
        auto_close int ctx = (int) syscall(SYS_fsopen, "cgroup2", FSOPEN_CLOEXEC);
        if (ctx < 0 || syscall(SYS_fsconfig, ctx, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
                return dr_fail(err, DR_E_NOT_FOUND, NULL, "this kernel offers no cgroup2: %m");
        t->fd = (int) syscall(SYS_fsmount, ctx, FSMOUNT_CLOEXEC, 0);
        if (t->fd < 0)
                return dr_fail(err, DR_E_INTERNAL, NULL, "could not mount cgroup2: %m");
        char path[64];
        snprintf(path, sizeof path, "/proc/self/fd/%d", t->fd);
        add_root(t, path);
        return 0;
}

int cgroup_open(bool force_v2, struct cgroup_tree **ret, struct dr_error *err) {
        AUTO(cgroup_free) struct cgroup_tree *t = dr_xnew(struct cgroup_tree);
        t->fd = -1;
        int r = 0;
        if (!force_v2 && !is_v2("/sys/fs/cgroup"))
                r = find_v1(t, err);
        if (r < 0)
                return r;
        /* Hybrid machines: runc makes its groups there too. */
        if (t->n > 0 && is_v2("/sys/fs/cgroup/unified"))
                add_root(t, "/sys/fs/cgroup/unified");
        if (t->n == 0) {
                t->kind = CGROUP_V2;
                if (is_v2("/sys/fs/cgroup"))
                        add_root(t, "/sys/fs/cgroup");
                else if (is_v2("/sys/fs/cgroup/unified"))
                        add_root(t, "/sys/fs/cgroup/unified");
                else
                        r = mount_v2(t, err);
        }
        if (r < 0)
                return r;
        *ret = dr_take(t);
        return 0;
}

struct cgroup_tree *cgroup_free(struct cgroup_tree *t) {
        if (!t)
                return NULL;
        for (size_t i = 0; i < t->n; i++)
                free(t->roots[i]);
        free(t->roots);
        dr_closep(&t->fd);
        free(t);
        return NULL;
}

static int write_file(const char *path, const char *text) {
        auto_close int fd = open(path, O_WRONLY | O_CLOEXEC);
        if (fd < 0 || write(fd, text, strlen(text)) < 0)
                return -errno;
        return 0;
}

/* A v1 cpuset starts without cpus and memory nodes and takes no process then: it gets its parent's. */
static void copy_cpuset(const char *dir) {
        static const char *const files[] = { "cpuset.cpus", "cpuset.mems" };
        for (size_t i = 0; i < ARRAY_LEN(files); i++) {
                auto_free char *to = dr_xasprintf("%s/%s", dir, files[i]);
                auto_free char *from = dr_xasprintf("%s/../%s", dir, files[i]);
                auto_free char *have = lab_file_read(to, FILE_BYTES_MAX);
                auto_free char *want = lab_file_read(from, FILE_BYTES_MAX);
                if (have && want && (!*have || *have == '\n'))
                        (void) write_file(to, want);    /* entering the group tells the failure */
        }
}

/* Hands each controller of dir down to its children, one by one: one that cannot be handed down is no reason to lack the rest. */
static void enable_controllers(const char *dir) {
        auto_free char *list = dr_xasprintf("%s/cgroup.controllers", dir);
        auto_free char *control = dr_xasprintf("%s/cgroup.subtree_control", dir);
        auto_free char *names = lab_file_read(list, 4096);
        char *save = NULL;
        for (char *name = names ? strtok_r(names, " \n", &save) : NULL; name; name = strtok_r(NULL, " \n", &save)) {
                auto_free char *text = dr_xasprintf("+%s", name);
                (void) write_file(control, text);
        }
}

static int make_below(const struct cgroup_tree *t, const char *root, const char *path, struct dr_error *err) {
        auto_free char *full = dr_xasprintf("%s/%s", root, path);
        if (t->kind == CGROUP_V2)
                enable_controllers(root);
        for (char *s = full + strlen(root) + 1; ; s++) {
                if (*s && *s != '/')
                        continue;
                bool last = !*s;
                *s = '\0';
                if (mkdir(full, 0755) < 0 && errno != EEXIST)
                        return dr_fail(err, DR_E_INTERNAL, NULL, "could not make control group \"%s\" below \"%s\": %m", path, root);
                if (t->kind == CGROUP_V1)
                        copy_cpuset(full);
                if (last)
                        return 0;
                if (t->kind == CGROUP_V2)
                        enable_controllers(full);
                *s = '/';
        }
}

int cgroup_make(const struct cgroup_tree *t, const char *path, struct dr_error *err) {
        for (size_t i = 0; i < t->n; i++) {
                int r = make_below(t, t->roots[i], path, err);
                if (r < 0)
                        return r;
        }
        return 0;
}

int cgroup_enter(const struct cgroup_tree *t, const char *path, struct dr_error *err) {
        for (size_t i = 0; i < t->n; i++) {
                auto_free char *procs = dr_xasprintf("%s/%s/cgroup.procs", t->roots[i], path);
                int r = write_file(procs, "0");
                if (r < 0)
                        return dr_fail(err, DR_E_INTERNAL, NULL, "could not enter control group \"%s\" below \"%s\": %s", path, t->roots[i],
                                       strerror(-r));
        }
        return 0;
}

static const char *freezer_root(const struct cgroup_tree *t) {
        for (size_t i = 0; i < t->n; i++)
                if (t->kind == CGROUP_V2 || strstr(t->roots[i], "freezer"))
                        return t->roots[i];
        return NULL;
}

/* The kernel's own view; "FREEZING" is not yet frozen. */
static bool read_frozen(const struct cgroup_tree *t, const char *root, const char *path) {
        auto_free char *file = dr_xasprintf("%s/%s/%s", root, path, t->kind == CGROUP_V2 ? "cgroup.events" : "freezer.state");
        auto_free char *text = lab_file_read(file, 4096);
        return text && (strstr(text, "frozen 1") || str_starts(text, "FROZEN"));
}

bool cgroup_is_frozen(const struct cgroup_tree *t, const char *path) {
        const char *root = freezer_root(t);
        return root && read_frozen(t, root, path);
}

/* Neither hierarchy can be waited on in the same way, and v1 cannot be waited on at all. */
static void pause_briefly(void) { (void) poll(NULL, 0, WAIT_MS); }

int cgroup_freeze(const struct cgroup_tree *t, const char *path, bool frozen, struct dr_error *err) {
        const char *root = freezer_root(t);
        if (!root)
                return dr_fail(err, DR_E_NOT_FOUND, NULL, "this machine has no freezer control group");
        bool v2 = t->kind == CGROUP_V2;
        auto_free char *file = dr_xasprintf("%s/%s/%s", root, path, v2 ? "cgroup.freeze" : "freezer.state");
        int r = write_file(file, v2 ? (frozen ? "1" : "0") : (frozen ? "FROZEN" : "THAWED"));
        if (r < 0)
                return dr_fail(err, DR_E_INTERNAL, NULL, "could not write \"%s\": %s", file, strerror(-r));
        for (int i = 0; i < WAITS_MAX; i++) {
                if (read_frozen(t, root, path) == frozen)
                        return 0;
                pause_briefly();
        }
        return dr_fail(err, DR_E_TIMEOUT, NULL, "control group \"%s\" does not become %s", path, frozen ? "frozen" : "thawed");
}

static void kill_inside(const char *dir) {
        auto_free char *file = dr_xasprintf("%s/cgroup.procs", dir);
        auto_free char *text = lab_file_read(file, FILE_BYTES_MAX);
        char *save = NULL;
        for (char *line = text ? strtok_r(text, "\n", &save) : NULL; line; line = strtok_r(NULL, "\n", &save)) {
                int pid = 0;
                if (sscanf(line, "%d", &pid) == 1 && pid > 1 && pid != getpid())
                        kill(pid, SIGKILL);
        }
}

/* Depth first. Returns the last failure's negative errno, 0 when the folder is gone. */
static int remove_below(const char *dir, int depth, bool kill_left) {
        DIR *d = opendir(dir);
        if (!d)
                return errno == ENOENT ? 0 : -errno;
        if (kill_left)
                kill_inside(dir);
        for (struct dirent *e; depth < DEPTH_MAX && (e = readdir(d));) {
                if (e->d_type != DT_DIR || e->d_name[0] == '.')
                        continue;
                auto_free char *sub = dr_xasprintf("%s/%s", dir, e->d_name);
                (void) remove_below(sub, depth + 1, kill_left); /* the parent's rmdir fails then */
        }
        closedir(d);
        return rmdir(dir) < 0 && errno != ENOENT ? -errno : 0;
}

int cgroup_remove(const struct cgroup_tree *t, const char *path, struct dr_error *err) {
        for (size_t i = 0; i < t->n; i++) {
                auto_free char *full = dr_xasprintf("%s/%s", t->roots[i], path);
                int r = 0;
                /* A group is busy for a moment after its last process has ended. */
                for (int n = 0; n < WAITS_MAX && (r = remove_below(full, 0, true)) == -EBUSY; n++)
                        pause_briefly();
                if (r < 0)
                        return dr_fail(err, DR_E_INTERNAL, NULL, "could not remove control group \"%s\": %s", full, strerror(-r));
        }
        return 0;
}
