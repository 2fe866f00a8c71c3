#include "schedule.h"

#include <dirent.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

#include "base/log.h"
#include "base/vec.h"
#include "store/backup.h"

enum { NAME_BYTES = sizeof "drover-20260101-000000.db" - 1 };

struct schedule { struct loop *loop; struct timer *timer; char *db, *dir; unsigned keep; bool busy, freed; int result; struct dr_error err; char *file; };

static void free_now(struct schedule *s) {
        free(s->db);
        free(s->dir);
        free(s->file);
        free(s);
}

static int by_name(const void *a, const void *b) { return strcmp(*(char *const *) a, *(char *const *) b); }

/* Ours by name only: nothing else in the folder is touched. */
static bool is_ours(const char *name) {
        static const char form[] = "drover-00000000-000000.db";
        if (strlen(name) != NAME_BYTES)
                return false;
        for (size_t i = 0; i < NAME_BYTES; i++)
                if (form[i] == '0' ? name[i] < '0' || name[i] > '9' : name[i] != form[i])
                        return false;
        return true;
}

static void remove_old(const struct schedule *s) {
        DIR *d = opendir(s->dir);
        if (!d)
                return;
        VEC(char *) names = { 0 };
        for (struct dirent *e; (e = readdir(d));)
                if (is_ours(e->d_name))
                        vec_push(&names, dr_xstrdup(e->d_name));
        closedir(d);
        if (names.n)
                qsort(names.v, names.n, sizeof *names.v, by_name);
        for (size_t i = 0; i < names.n; i++) {
                if (i + s->keep < names.n) {
                        auto_free char *path = dr_xasprintf("%s/%s", s->dir, names.v[i]);
                        (void) unlink(path);            /* tried again after the next one */
                }
                free(names.v[i]);
        }
        vec_done(&names);
}

static void work(void *arg) {
        struct schedule *s = arg;
        if (mkdir(s->dir, 0700) < 0 && errno != EEXIST) {
                s->result = dr_fail(&s->err, DR_E_STORE_FAILED, NULL, "could not make folder \"%s\": %m", s->dir);
                return;
        }
        s->result = store_backup_copy(s->db, s->file, &s->err);
        if (s->result == 0)
                remove_old(s);
}

static void done(void *arg) {
        struct schedule *s = arg;
        s->busy = false;
        if (s->freed) {
                free_now(s);
                return;
        }
        if (s->result < 0)
                log_error("the backup failed", "file", s->file, "reason", s->err.message, NULL);
        else
                log_info("backup made", "file", s->file, NULL);
}

static void on_time(void *arg) {
        struct schedule *s = arg;
        if (s->busy)
                return;
        time_t now = time(NULL);
        struct tm tm;
        char when[32];
        gmtime_r(&now, &tm);
        strftime(when, sizeof when, "%Y%m%d-%H%M%S", &tm);
        free(s->file);
        s->file = dr_xasprintf("%s/drover-%s.db", s->dir, when);
        s->busy = true;
        loop_work(s->loop, work, done, s);
}

struct schedule *schedule_new(struct loop *l, const char *db, const char *dir, uint64_t every_ms, unsigned keep) {
        struct schedule *s = dr_xnew(struct schedule);
        *s = (struct schedule) { .loop = l, .db = dr_xstrdup(db), .dir = dr_xstrdup(dir), .keep = keep };
        s->timer = timer_new(l, on_time, s);
        timer_start_periodic(s->timer, every_ms, every_ms);
        return s;
}

struct schedule *schedule_free(struct schedule *s) {
        if (s) {
                s->timer = timer_free(s->timer);
                s->freed = true;
                if (!s->busy)
                        free_now(s);
        }
        return NULL;
}
