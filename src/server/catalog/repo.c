#include "repo.h"

#include <dirent.h>
#include <sodium.h>
#include <stdio.h>

#include "base/log.h"
#include "base/times.h"
#include "server/audit/scrub.h"

enum { BACKOFF_MAX = 6, KEY_BYTES = 16 };       /* up to 2^6 times the interval between looks at a place that fails */

enum repo_phase { PHASE_IDLE, PHASE_WAITING, PHASE_GIT, PHASE_WORK };

struct seen { repo_seen_fn *fn; void *arg; unsigned pass; };
struct repo_inside {
        struct repo shown;
        struct repos *all;
        char *url, *branch, *where, *dir;
        enum source_kind kind;
        bool local, online, offline_pass, again, dead;
        bool unreachable;               /* the newest pass did not get at the place: it is looked at less often */
        unsigned holders, fails, pass;          /* pass: number of the newest one that began */
        enum repo_phase phase;
        char id[GIT_ID_MAX], bad[GIT_ID_MAX], mark[FILESET_MARK_MAX];
        uint64_t due_ms;
        struct git *git;
        VEC(struct seen) seen;
};

struct repos {
        struct repos_conf conf;
        char *home;
        VEC(struct repo *) v;
        VEC(struct repo *) waiting;
        unsigned running, working;
        bool keep;
        struct dr_error home_err;
};

/* What a worker does for one pass. */
struct job {
        struct repo_inside *repo;
        struct repos *all;
        enum source_kind kind;
        bool fresh;                     /* the copy is in DIR.new: it takes the place of DIR when it is good */
        char *where, *dir;
        char mark[FILESET_MARK_MAX], id[GIT_ID_MAX], commit[GIT_ID_MAX];
        struct git_content *content;
        struct snapshot *snapshot;
        struct dr_error err;
        int r;                          /* 1 read, 0 the same, negative failed */
        bool cleanup;                   /* what was fetched is of no use: only its folder has to go */
};

static void next_of(struct repos *all);

/* ---- on a worker ---- */
static void promote(const char *dir, bool good) {
        auto_free char *fresh = dr_xasprintf("%s.new", dir), *old = dr_xasprintf("%s.old", dir);
        git_remove_tree(old);
        if (good) {
                (void) rename(dir, old);        /* the first time there is none */
                (void) rename(fresh, dir);      /* else it is fetched again at the next start */
                git_remove_tree(old);
        } else {
                git_remove_tree(fresh);
        }
}

static void job_work(void *arg) {
        struct job *j = arg;
        struct fileset files = { 0 };
        if (j->cleanup) {
                promote(j->dir, false);
                return;
        }
        if (j->kind == SOURCE_GIT)
                j->r = git_content_read(j->content, &files, &j->err) < 0 ? -1 : 1;
        else if (j->kind == SOURCE_FOLDER)
                j->r = fileset_read_folder(&files, j->where, j->mark, j->mark, &j->err);
        else
                j->r = fileset_read_builtin(&files, j->where, &j->err) < 0 ? -1 : 1;
        if (j->r > 0 && snapshot_new(&files, &j->snapshot, &j->err) < 0)
                j->r = -1;
        fileset_done(&files);
        git_content_free(dr_take(j->content));
        if (j->fresh)
                promote(j->dir, j->r > 0);
}

static void sweep_work(void *arg) {
        struct job *j = arg;
        git_remove_tree(j->dir);
}
static void sweep_done(void *arg) {
        struct job *j = arg;
        j->all->working--;
        free(j->dir);
        free(j);
}
static void sweep(struct repos *all, const char *dir) {
        struct job *j = dr_xnew(struct job);
        j->all = all;
        j->dir = dr_xstrdup(dir);
        all->working++;
        loop_work(all->conf.loop, sweep_work, sweep_done, j);
}

/* ---- passes ---- */
static void repo_free(struct repo_inside *r) {
        snapshot_free(r->shown.now);
        vec_done(&r->seen);
        free(r->url);
        free(r->branch);
        free(r->where);
        free(r->dir);
        free(r);
}

static void tell_seen(struct repo_inside *r, const struct dr_error *err) {
        for (size_t i = 0; i < r->seen.n; ) {
                struct seen s = r->seen.v[i];
                if (s.pass > r->pass && !r->dead) {
                        i++;
                        continue;
                }
                vec_remove_at(&r->seen, i);
                s.fn(s.arg, err);
        }
}

static void enqueue(struct repo_inside *r) {
        r->phase = PHASE_WAITING;
        r->shown.running = true;
        vec_push(&r->all->waiting, &r->shown);
        next_of(r->all);
}

/* The end of a pass. changed: now is another one. */
static void finish(struct repo_inside *r, const struct dr_error *err, bool changed) {
        struct repos *all = r->all;
        bool first = !r->shown.tried;
        all->running--;
        r->phase = PHASE_IDLE;
        r->shown.running = false;
        if (r->dead) {
                repo_free(r);
                next_of(all);
                return;
        }
        bool was_offline = r->offline_pass, says = !was_offline || !err;
        r->offline_pass = false;
        if (says) {
                if (err && (r->shown.err.code == DR_OK || !str_eq(r->shown.err.message, err->message))) {
                        auto_free char *url = scrub_url(r->url);
                        log_warning("catalog could not be read; what was read before stays", "url", url, "branch", r->branch, "reason",
                                    err->message, NULL);
                }
                r->shown.err = err ? *err : (struct dr_error) { .code = DR_OK };
                r->shown.checked_ms = all->conf.wall_ms(all->conf.arg);
                r->fails = r->unreachable ? MIN(r->fails + 1, (unsigned) BACKOFF_MAX) : 0;
        }
        r->shown.tried = r->shown.tried || says || !r->online;
        if (!was_offline)
                tell_seen(r, err);
        if ((was_offline && r->online) || r->again) {
                r->again = false;
                if (r->phase == PHASE_IDLE)
                        enqueue(r);
        }
        if (changed || (first && r->shown.tried))
                all->conf.on_change(all->conf.arg, &r->shown);
        next_of(all);
}

static void job_done(void *arg) {
        struct job *j = arg;
        struct repo_inside *r = j->repo;
        r->all->working--;
        if (j->r > 0 && !r->dead) {
                snapshot_free(r->shown.now);
                r->shown.now = dr_take(j->snapshot);
                r->shown.loaded_ms = r->all->conf.wall_ms(r->all->conf.arg);
                snprintf(r->id, sizeof r->id, "%s", j->id);
                snprintf(r->shown.commit, sizeof r->shown.commit, "%s", j->kind == SOURCE_FOLDER ? j->mark : j->commit);
                memcpy(r->mark, j->mark, sizeof r->mark);
                r->bad[0] = 0;
                auto_free char *url = scrub_url(r->url);
                log_info("catalog read", "url", url, "branch", r->branch, "commit", r->shown.commit, NULL);
        } else if (j->r < 0 && j->kind == SOURCE_GIT && j->fresh && !j->cleanup) {
                snprintf(r->bad, sizeof r->bad, "%s", j->id);
                (void) dr_prefix(&j->err, -1, "commit %.12s", j->commit);
        }
        snapshot_free(j->snapshot);
        finish(r, j->r < 0 ? &j->err : NULL, j->r > 0);
        free(j->where);
        free(j->dir);
        free(j);
}

static void work(struct repo_inside *r, const struct git_read *read) {
        struct job *j = dr_xnew(struct job);
        *j = (struct job){ .repo = r,
                           .all = r->all,
                           .kind = read ? SOURCE_GIT : r->kind,
                           .where = dr_xstrdup(r->where),
                           .dir = dr_xstrdup(r->dir),
                           .fresh = read && !r->offline_pass,
                           .content = read ? read->content : NULL };
        if (read && read->outcome == GIT_FAILED) {
                j->cleanup = true;
                j->err = read->err;
                j->r = -1;
        }
        memcpy(j->mark, r->shown.now ? r->mark : "", r->shown.now ? sizeof j->mark : 1);
        if (read) {
                memcpy(j->id, read->id, sizeof j->id);
                memcpy(j->commit, read->commit, sizeof j->commit);
        }
        r->phase = PHASE_WORK;
        r->all->working++;
        loop_work(r->all->conf.loop, job_work, job_done, j);
}

static void on_git(void *arg, const struct git_read *read) {
        struct repo_inside *r = arg;
        r->git = NULL;
        r->unreachable = read->outcome == GIT_FAILED;
        if (read->outcome == GIT_READ || (read->outcome == GIT_FAILED && !r->offline_pass))
                return work(r, read);
        if (read->outcome == GIT_FAILED)
                return finish(r, &read->err, false);
        struct dr_error err = r->shown.err;     /* the same: as good, or as bad, as it was */
        finish(r, str_eq(read->id, r->bad) ? &err : NULL, false);
}

static void begin(struct repo_inside *r) {
        struct repos *all = r->all;
        struct dr_error err;
        all->running++;
        if (!r->offline_pass)
                r->pass++;
        if (!r->offline_pass) {         /* what a folder is may change: it may become a repository */
                free(dr_take(r->where));
                int kind = source_kind(r->url, &r->local, &r->where, &err);
                if (kind < 0 || source_check_branch(r->branch, &err) < 0)
                        return finish(r, &err, false);
                r->kind = (enum source_kind) kind;
                if (r->kind != SOURCE_GIT)
                        return work(r, NULL);
        }
        if (all->home_err.code != DR_OK)
                return finish(r, &all->home_err, false);
        struct git_conf conf = { .loop = all->conf.loop,
                                 .home = all->home,
                                 .dir = r->dir,
                                 .url = str_or(r->where, r->url),
                                 .branch = r->branch,
                                 .local = r->local,
                                 .offline = r->offline_pass,
                                 .known = r->id,
                                 .bad = r->bad,
                                 .deadline_ms = all->conf.deadline_ms(all->conf.arg) };
        r->phase = PHASE_GIT;
        r->git = git_start(&conf, on_git, r);
}

static void next_of(struct repos *all) {
        while (all->waiting.n && all->running < REPOS_AT_ONCE) {
                struct repo_inside *r = all->waiting.v[0]->inside;
                vec_remove_at(&all->waiting, 0);
                begin(r);
        }
}

/* ---- repos ---- */
struct repos *repos_new(const struct repos_conf *conf) {
        struct repos *all = dr_xnew(struct repos);
        all->conf = *conf;
        all->home = dr_xstrdup(conf->home);
        if (git_home_make(all->home, &all->home_err) == 0)
                all->home_err.code = DR_OK;
        return all;
}

struct repos *repos_free(struct repos *all) {
        if (!all)
                return NULL;
        while (all->working > 0)
                (void) loop_turn(all->conf.loop, true);
        assert(!all->v.n);
        vec_done(&all->v);
        vec_done(&all->waiting);
        free(all->home);
        free(all);
        return NULL;
}

void repos_keep_copies(struct repos *all) { all->keep = true; }

/* A name for the copy that stays the same over restarts. */
static char *dir_of(const struct repos *all, const char *url, const char *branch) {
        auto_free char *key = dr_xasprintf("%s\n%s", url, branch);
        unsigned char hash[KEY_BYTES];
        char hex[2 * KEY_BYTES + 1];
        crypto_generichash(hash, sizeof hash, (const unsigned char *) key, strlen(key), NULL, 0);
        sodium_bin2hex(hex, sizeof hex, hash, sizeof hash);
        return dr_xasprintf("%s/%s", all->home, hex);
}

struct repo *repo_get(struct repos *all, const char *url, const char *branch, bool online) {
        for (size_t i = 0; i < all->v.n; i++)
                if (str_eq(all->v.v[i]->url, url) && str_eq(all->v.v[i]->branch, branch)) {
                        all->v.v[i]->inside->holders++;
                        return all->v.v[i];
                }
        struct repo_inside *r = dr_xnew(struct repo_inside);
        r->all = all;
        r->url = dr_xstrdup(url);
        r->branch = dr_xstrdup(branch);
        r->dir = dir_of(all, url, branch);
        r->shown.url = r->url;
        r->shown.branch = r->branch;
        r->shown.inside = r;
        r->holders = 1;
        r->online = online;
        auto_free char *head = dr_xasprintf("%s/HEAD", r->dir);
        r->offline_pass = access(head, F_OK) == 0;      /* a repository whose folder is gone now is still known by its copy */
        bool local;
        int kind = source_kind(url, &local, &r->where, NULL);
        r->kind = kind < 0 ? SOURCE_FOLDER : (enum source_kind) kind;
        vec_push(&all->v, &r->shown);
        if (r->offline_pass || online || r->kind != SOURCE_GIT)
                enqueue(r);
        else
                r->shown.tried = true;          /* only a network could tell more */
        return &r->shown;
}

void repo_release(struct repos *all, struct repo *shown) {
        struct repo_inside *r = shown->inside;
        if (--r->holders)
                return;
        for (size_t i = 0; i < all->v.n; i++)
                if (all->v.v[i] == shown)
                        vec_remove_at(&all->v, i);
        for (size_t i = 0; i < all->waiting.n; i++)
                if (all->waiting.v[i] == shown)
                        vec_remove_at(&all->waiting, i);
        r->dead = true;
        tell_seen(r, NULL);
        if (r->phase == PHASE_GIT) {
                git_abandon(dr_take(r->git));
                all->running--;
        }
        if (!all->keep && r->kind == SOURCE_GIT && r->phase != PHASE_WORK) {
                auto_free char *fresh = dr_xasprintf("%s.new", r->dir);
                sweep(all, r->dir);
                sweep(all, fresh);
        }
        if (r->phase != PHASE_WORK)
                repo_free(r);           /* else when the worker is done */
        next_of(all);
}

void repo_look(struct repo *shown, repo_seen_fn *fn, void *arg) {
        struct repo_inside *r = shown->inside;
        if (fn)
                vec_push(&r->seen, ((struct seen) { fn, arg, r->pass + 1 }));
        if (r->phase == PHASE_IDLE)
                enqueue(r);
        else if (r->phase != PHASE_WAITING || r->offline_pass)
                r->again = true;
}

void repos_look_all(struct repos *all, uint64_t every_ms) {
        uint64_t now = time_mono_ms();
        for (size_t i = 0; i < all->v.n; i++) {
                struct repo_inside *r = all->v.v[i]->inside;
                if (r->phase != PHASE_IDLE || now < r->due_ms)
                        continue;
                r->due_ms = now + (every_ms << r->fails) - every_ms / 2;        /* not late because the last look took a moment */
                if (r->kind != SOURCE_BUILTIN)
                        enqueue(r);
        }
}

void repos_sweep(struct repos *all) {
        DIR *d = opendir(all->home);
        if (!d)
                return;
        for (const struct dirent *e; (e = readdir(d)); ) {
                if (*e->d_name == '.' || str_eq(e->d_name, "gitconfig"))
                        continue;
                auto_free char *path = dr_xasprintf("%s/%s", all->home, e->d_name);
                bool used = false;
                for (size_t i = 0; i < all->v.n && !used; i++)
                        used = str_starts(path, all->v.v[i]->inside->dir);     /* with .new, .old: a pass sees to them */
                if (!used)
                        sweep(all, path);
        }
        closedir(d);
}
