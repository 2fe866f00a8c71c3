#include "hostfs.h"

#include "state.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>

const char hostfs_runc_wrapper[] = "/run/drover-lab/runc";

bool hostfs_needs_wrapper(void) { return prctl(PR_CAPBSET_READ, CAP_SYS_RESOURCE, 0, 0, 0) != 1; }

/* Edits what the engine asks of the runtime: without CAP_SYS_RESOURCE it cannot be given, kept or used. */
static const char wrapper_text[] =
        "#!/bin/sh\n"
        "f= prev=\n"
        "for a in \"$@\"; do case $prev in --bundle|-b) f=\"$f $a/config.json\";; --process|-p) f=\"$f $a\";; esac; prev=$a; done\n"
        "for x in $f; do [ -f \"$x\" ] && sed -i -e 's/,\"CAP_SYS_RESOURCE\"//g' -e 's/\"CAP_SYS_RESOURCE\",//g' -e 's/\"CAP_SYS_RESOURCE\"//g' \\\n"
        "  -e 's/\"oomScoreAdj\":-[0-9]*/\"oomScoreAdj\":0/' -e 's/,\\?\"rlimits\":\\[[^]]*\\]//' \"$x\"; done\n"
        "exec %s \"$@\"\n";

static int do_mount(const char *what, const char *from, const char *to, const char *type, unsigned long flags, const char *data,
                    struct dr_error *err) {
        if (mount(from, to, type, flags, data) < 0)
                return dr_fail(err, DR_E_INTERNAL, NULL, "could not mount %s at \"%s\": %m", what, to);
        return 0;
}

/* A new sysfs shows the new network namespace; the machine's control groups move over to it. */
static int mount_sys(const struct hostfs *f, struct dr_error *err) {
        int r;
        if (f->cgroup2) {
                r = do_mount("sysfs", "sysfs", "/sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL, err);
                return r < 0 ? r : do_mount("cgroup2", "cgroup2", "/sys/fs/cgroup", "cgroup2", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL, err);
        }
        if (mkdir("/run/cg", 0755) < 0)
                return dr_fail(err, DR_E_INTERNAL, NULL, "could not make folder \"/run/cg\": %m");
        r = do_mount("control groups", "/sys/fs/cgroup", "/run/cg", NULL, MS_BIND | MS_REC, NULL, err);
        r = r < 0 ? r : do_mount("sysfs", "sysfs", "/sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL, err);
        r = r < 0 ? r : do_mount("control groups", "/run/cg", "/sys/fs/cgroup", NULL, MS_BIND | MS_REC, NULL, err);
        if (r < 0)
                return r;
        if (umount2("/run/cg", MNT_DETACH) < 0)
                return dr_fail(err, DR_E_INTERNAL, NULL, "could not unmount \"/run/cg\": %m");
        return rmdir("/run/cg") < 0 ? dr_fail(err, DR_E_INTERNAL, NULL, "could not remove folder \"/run/cg\": %m") : 0;
}

/* By descriptor: the host's own folder may lie below one of the places that get hidden. */
static int bind_own(int dir_fd, const char *sub, const char *to, struct dr_error *err) {
        auto_close int fd = openat(dir_fd, sub, O_PATH | O_DIRECTORY | O_CLOEXEC);
        char path[64];
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        if (fd < 0)
                return dr_fail(err, DR_E_INTERNAL, NULL, "could not open the host's folder \"%s\": %m", sub);
        return do_mount("the host's own folder", path, to, NULL, MS_BIND, NULL, err);
}

/* The engine's cgroup2 controllers are handed down from our root, which holds no processes itself (PID 1 is in "init"). */
static void hand_down_controllers(void) {
        auto_free char *names = lab_file_read("/sys/fs/cgroup/cgroup.controllers", 4096);
        char *save = NULL;
        for (char *name = names ? strtok_r(names, " \n", &save) : NULL; name; name = strtok_r(NULL, " \n", &save)) {
                auto_close int fd = open("/sys/fs/cgroup/cgroup.subtree_control", O_WRONLY | O_CLOEXEC);
                if (fd >= 0)
                        (void) !dprintf(fd, "+%s", name);       /* limits of this kind are not available then */
        }
}

static int write_wrapper(const struct hostfs *f, struct dr_error *err) {
        auto_free char *text = dr_xasprintf(wrapper_text, f->runc);
        int r = lab_file_write(hostfs_runc_wrapper, text, err);
        if (r < 0)
                return r;
        return chmod(hostfs_runc_wrapper, 0755) < 0 ? dr_fail(err, DR_E_INTERNAL, NULL, "could not make \"%s\" executable: %m", hostfs_runc_wrapper) : 0;
}

int hostfs_build(const struct hostfs *f, struct dr_error *err) {
        if (sethostname(f->name, strlen(f->name)) < 0)
                return dr_fail(err, DR_E_INTERNAL, NULL, "could not set the host name: %m");
        int r = do_mount("everything private", "none", "/", NULL, MS_REC | MS_PRIVATE, NULL, err);
        r = r < 0 ? r : do_mount("proc", "proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL, err);
        if (r < 0)
                return r;
        auto_close int dir_fd = open(f->dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (dir_fd < 0)
                return dr_fail(err, DR_E_INTERNAL, NULL, "could not open folder \"%s\": %m", f->dir);
        struct stat st;
        bool own_var_run = lstat("/var/run", &st) == 0 && S_ISDIR(st.st_mode);
        r = do_mount("tmpfs", "tmpfs", "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=755", err);
        r = r < 0 ? r : dir_make("/run/lock", 01777, err);
        r = r < 0 ? r : dir_make("/run/drover-lab", 0755, err);
        if (r >= 0 && own_var_run)
                r = do_mount("/run", "/run", "/var/run", NULL, MS_BIND, NULL, err);
        r = r < 0 ? r : mount_sys(f, err);
        r = r < 0 ? r : bind_own(dir_fd, "etc", "/etc", err);
        r = r < 0 ? r : bind_own(dir_fd, "log", "/var/log", err);
        r = r < 0 ? r : bind_own(dir_fd, "varlib", "/var/lib", err);
        r = r < 0 ? r : do_mount("everything shared", "none", "/", NULL, MS_REC | MS_SHARED, NULL, err);
        if (r < 0)
                return r;
        if (f->cgroup2)
                hand_down_controllers();
        return f->wrap_runc ? write_wrapper(f, err) : 0;
}
