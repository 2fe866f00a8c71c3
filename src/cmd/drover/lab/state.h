/* state.h: what a lab is: its folder, settings and hosts, as recorded below the state folder.
 *
 * Folder (docs/lab.md, "Files"): lab.conf, lock, cuts, switch.pid, switch.sock, log/switch.log, hosts/NAME/{pid,etc,varlib,log}.
 * Owned by one process at a time through lab_lock(); reading needs no lock. Blocking. */
#pragma once
#include "base/base.h"

#include <sys/types.h>

enum { LAB_HOSTS_MAX = 50, LAB_NAME_BYTES_MAX = 32, LAB_ID_CHARS = 6, LAB_FIRST_ADDRESS = 11 };

struct lab {
        char *name, *dir;
        char id[LAB_ID_CHARS + 1];      /* drawn at creation; makes cgroup names and MAC addresses unique on the machine */
        unsigned char net[3];           /* the /24 */
        size_t n_hosts;
        bool cgroup2;                   /* force cgroup2 where the machine has v1 */
        char *server;                   /* URL as the user gave it, or NULL */
        char *mirror;                   /* registry mirror URL as the user gave it, or NULL */
};

struct lab_host {                       /* a name for host number n, 1 to n_hosts */
        size_t n;
        char name[16];                  /* "host1"; also the name of its port in the switch */
        char address[20];
        char mac[20];
};

/* Name and dir may be NULL: "lab"; $DROVER_LAB_DIR/NAME or ~/.drover/lab/NAME. Fills id, network and 0 hosts for a lab that is
 * not there yet. -EINVAL (bad name, damaged lab.conf). */
int lab_open(const char *name, const char *dir, struct lab **ret, struct dr_error *err);
bool lab_exists(const struct lab *l);   /* it has been saved */
int lab_save(const struct lab *l, struct dr_error *err);        /* makes the folders, 0700 */
struct lab *lab_free(struct lab *l);
DR_DEFINE_AUTO(struct lab *, lab_free)

/* Exclusive, held until *ret_fd is closed; waits for another command of the same lab. */
int lab_lock(const struct lab *l, int *ret_fd, struct dr_error *err);

int lab_set_subnet(struct lab *l, const char *text, struct dr_error *err);     /* "A.B.C.0/24" */
void lab_host_get(const struct lab *l, size_t n, struct lab_host *ret);
/* "host2" or "2". -ENOENT with the names that exist. */
int lab_host_find(const struct lab *l, const char *name, struct lab_host *ret, struct dr_error *err);
char *lab_path(const struct lab *l, const char *fmt, ...) DR_PRINTF(2, 3);      /* below dir; caller frees */
char *lab_switch_address(const struct lab *l);  /* caller frees */
char *lab_cgroup(const struct lab *l, const char *leaf);        /* "drover-lab-ID" or "drover-lab-ID/LEAF"; caller frees */

/* Process records: "PID STARTTIME BOOTID", so that a number used again is not taken for ours. */
int lab_pid_write(const char *path, pid_t pid, struct dr_error *err);
pid_t lab_pid_read(const char *path);   /* 0: none, or not running any more */
/* SIGKILL (or sig) and waits until the process is gone, at most timeout_ms. -ETIMEDOUT. 0 when there was none. */
int lab_pid_kill(pid_t pid, int sig, int timeout_ms, struct dr_error *err);

/* Files of at most max bytes as a string; caller frees. NULL: could not be read (errno). */
char *lab_file_read(const char *path, size_t max);
int lab_file_write(const char *path, const char *text, struct dr_error *err);      /* replaces by rename, 0644 */
int dir_make(const char *path, unsigned mode, struct dr_error *err);           /* with its parents */
