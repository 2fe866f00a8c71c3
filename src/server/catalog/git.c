#include "git.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/parse.h"
#include "base/sbuf.h"
#include "base/times.h"
#include "net/child.h"
#include "server/audit/scrub.h"
#include "source.h"

enum {
        LIST_BYTES_MAX = 32 << 20, LIST_LINES_MAX = 200000,     /* of the listing of a tree, with files that do not count */
        CONTENT_BYTES_MAX = FILESET_BYTES_MAX + (8 << 20),      /* with a line for each file */
        OUT_BYTES_MAX = 64 << 10, ERR_BYTES_MAX = 8 << 10,
        PACK_BYTES_MAX = 256 << 20,             /* of what the remote sends */
        ADDRESS_BYTES_MAX = INT32_MAX,          /* of git's memory */
        WATCH_MS = 500,
        REF_BYTES_MAX = SOURCE_BRANCH_BYTES_MAX + 32,
        ARGS_MAX = 20, ENV_MAX = 24,
};

enum git_step { STEP_ASK, STEP_INIT, STEP_FETCH, STEP_RESOLVE, STEP_LIST, STEP_READ, STEP_OVER };

/* What is read: entry i is file `path` with the content of object `object`. */
struct git_entry { char *path; size_t object; };
struct git_object { char id[GIT_ID_MAX]; size_t bytes; };
struct git_content {
        VEC(struct git_entry) entries;
        VEC(struct git_object) objects;
        struct smap by_id;              /* id to its number + 1; keys live in ids */
        VEC(char *) ids;
        struct fileset skipped;         /* only its reasons are used */
        struct sbuf out;                /* what cat-file printed */
        size_t bytes;
};

struct git {
        struct git_conf conf;
        char *home, *dir, *url, *branch, *known, *bad, *env[ENV_MAX];
        git_done_fn *done;
        void *arg;
        struct child *child;
        struct timer *watch;
        enum git_step step;
        uint64_t ends_ms;
        char ref[REF_BYTES_MAX];
        struct sbuf list;
        size_t lines;                   /* in it so far */
        struct git_read read;
        bool too_much, deep;            /* deep: the remote cannot give one commit only */
};

static void next_step(struct git *g, enum git_step step);

/* ---- content ---- */
void git_content_free(struct git_content *c) {
        if (!c)
                return;
        for (size_t i = 0; i < c->entries.n; i++)
                free(c->entries.v[i].path);
        for (size_t i = 0; i < c->ids.n; i++)
                free(c->ids.v[i]);
        vec_done(&c->entries);
        vec_done(&c->objects);
        vec_done(&c->ids);
        smap_done(&c->by_id);
        fileset_done(&c->skipped);
        sbuf_done(&c->out);
        free(c);
}

static int add_object(struct git_content *c, const char *id, size_t bytes, size_t *ret, struct dr_error *err) {
        uintptr_t at = (uintptr_t) smap_get(&c->by_id, id);
        if (!at) {
                if (c->bytes + bytes > FILESET_BYTES_MAX)
                        return dr_fail(err, DR_E_TOO_LARGE, NULL, "its files have more than %d MiB together", FILESET_BYTES_MAX >> 20);
                c->bytes += bytes;
                struct git_object o = { .bytes = bytes };
                snprintf(o.id, sizeof o.id, "%s", id);
                vec_push(&c->objects, o);
                vec_push(&c->ids, dr_xstrdup(id));
                at = c->objects.n;
                smap_set(&c->by_id, c->ids.v[c->ids.n - 1], (void *) at);
        }
        *ret = at - 1;
        return 0;
}

/* "MODE SP TYPE SP ID SP+ SIZE TAB PATH" */
static int add_line(struct git_content *c, char *line, struct dr_error *err) {
        char *tab = strchr(line, '\t'), *mode = line, *type = tab ? strchr(mode, ' ') : NULL, *id = type ? strchr(type + 1, ' ') : NULL;
        char *size = id ? strchr(id + 1, ' ') : NULL;
        uint64_t bytes;
        if (!size || size > tab)
                return dr_fail(err, DR_E_INTERNAL, NULL, "git listed something that cannot be read");
        const char *path = tab + 1;
        *tab = *type = *id = *size = 0;
        for (size++; *size == ' '; size++)
                ;
        if (!fileset_counts(path))
                return 0;
        if (c->entries.n + c->skipped.n_skipped >= FILESET_FILES_MAX)
                return dr_fail(err, DR_E_TOO_LARGE, NULL, "it has more than %d files", FILESET_FILES_MAX);
        if (str_eq(mode, "120000"))
                fileset_skip(&c->skipped, path, "a symbolic link; links are not followed");
        else if (!str_eq(type + 1, "blob"))
                fileset_skip(&c->skipped, path, "a submodule");
        else if (parse_u64(size, UINT64_MAX, &bytes) < 0 || strlen(id + 1) >= GIT_ID_MAX)
                fileset_skip(&c->skipped, path, "git does not know its size");
        else if (bytes > FILESET_FILE_BYTES_MAX)
                fileset_skip(&c->skipped, path, "longer than %d KiB", FILESET_FILE_BYTES_MAX >> 10);
        else {
                size_t object = 0;
                int r = add_object(c, id + 1, (size_t) bytes, &object, err);
                if (r < 0)
                        return r;
                vec_push(&c->entries, ((struct git_entry) { dr_xstrdup(path), object }));
        }
        return 0;
}

int git_content_list(char *list, size_t n, struct git_content **ret, struct dr_error *err) {
        struct git_content *c = dr_xnew(struct git_content);
        c->out = (struct sbuf) SBUF(CONTENT_BYTES_MAX);
        for (char *p = list, *next; p && p < list + n; p = next + 1) {
                next = p + strlen(p);
                int r = add_line(c, p, err);
                if (r < 0) {
                        git_content_free(c);
                        return r;
                }
        }
        *ret = c;
        return 0;
}

void git_content_give(struct git_content *c, const char *p, size_t n) { sbuf_add(&c->out, p, n); }

int git_content_read(const struct git_content *c, struct fileset *f, struct dr_error *err) {
        const char *p = sbuf_str(&c->out), *end = p + c->out.len;
        struct blob **blobs = dr_xcalloc(c->objects.n + 1, sizeof *blobs);
        int r = 0;
        for (size_t i = 0; r == 0 && i < c->objects.n; i++) {           /* answers come in the order of the questions */
                const struct git_object *o = &c->objects.v[i];
                const char *nl = memchr(p, '\n', (size_t) (end - p));
                auto_free char *want = dr_xasprintf("%s blob %zu", o->id, o->bytes);
                if (!nl || (size_t) (nl - p) != strlen(want) || memcmp(p, want, strlen(want)) != 0 || (size_t) (end - nl) < o->bytes + 2) {
                        r = dr_fail(err, DR_E_INTERNAL, NULL, "git did not give what it had listed");
                        break;
                }
                struct blob *b = blob_new(o->bytes);
                memcpy(b->data, nl + 1, o->bytes);
                p = nl + 1 + o->bytes + 1;
                blobs[i] = fileset_blob(f, b, err);
                r = blobs[i] ? 0 : -E2BIG;
        }
        for (size_t i = 0; r == 0 && i < c->entries.n; i++)
                r = fileset_add(f, c->entries.v[i].path, blobs[c->entries.v[i].object], err);
        free(blobs);
        for (size_t i = 0; i < c->skipped.skipped.n; i++)
                vec_push(&f->skipped, dr_xstrdup(c->skipped.skipped.v[i]));
        f->n_skipped += c->skipped.n_skipped;
        fileset_sort(f);
        return r;
}

/* ---- the end ---- */
static void git_free(struct git *g) {
        timer_free(g->watch);
        git_content_free(g->read.content);
        sbuf_done(&g->list);
        for (size_t i = 0; g->env[i]; i++)
                free(g->env[i]);
        free(g->home);
        free(g->dir);
        free(g->url);
        free(g->branch);
        free(g->known);
        free(g->bad);
        free(g);
}

static void tell(void *arg) {
        struct git *g = arg;
        struct git_read read = g->read;
        g->read.content = NULL;
        if (read.outcome != GIT_READ) {
                git_content_free(read.content);
                read.content = NULL;
        }
        g->done(g->arg, &read);
        git_free(g);
}

static void end(struct git *g, enum git_outcome outcome) {
        g->step = STEP_OVER;
        g->read.outcome = outcome;
        loop_defer(g->conf.loop, tell, g);
}

static void fail(struct git *g, enum dr_code code, const char *fmt, ...) DR_PRINTF(3, 4);
static void fail(struct git *g, enum dr_code code, const char *fmt, ...) {
        va_list ap;
        char text[400];
        va_start(ap, fmt);
        vsnprintf(text, sizeof text, fmt, ap);
        va_end(ap);
        (void) dr_fail(&g->read.err, code, NULL, "%s", text);
        end(g, GIT_FAILED);
}

void git_abandon(struct git *g) {
        if (g->child)
                child_abandon(g->child);
        loop_defer_cancel(g->conf.loop, tell, g);
        git_free(g);
}

/* ---- running git ---- */
/* The last line that says what was wrong, without the password of the URL. */
static void reason(const struct git *g, const char *err, char *buf, size_t n) {
        const char *best = err, *best_end = err + strcspn(err, "\n");
        for (const char *p = err; *p; ) {
                size_t len = strcspn(p, "\n");
                if (str_starts(p, "fatal:") || str_starts(p, "error:") || (str_starts(p, "ERROR:"))) {
                        best = p;
                        best_end = p + len;
                        break;
                }
                p += len + (p[len] == '\n');
        }
        static const char *const heads[] = { "fatal: ", "error: ", "ERROR: ", "remote: " };
        for (size_t i = 0; i < ARRAY_LEN(heads); i++)
                if (str_starts(best, heads[i]))
                        best += strlen(heads[i]);
        auto_free char *line = dr_xstrndup(best, (size_t) (best_end - best)), *shown = scrub_url(g->url);
        const char *at = strstr(line, g->url);
        if (at)
                snprintf(buf, n, "%.*s%s%s", (int) (at - line), line, shown, at + strlen(g->url));
        else
                snprintf(buf, n, "%s", line);
        for (char *p = buf; *p; p++)
                if ((unsigned char) *p < ' ' || *p == 0x7f)
                        *p = ' ';
}

static size_t pack_bytes(const char *dir) {
        size_t sum = 0;
        auto_free char *path = dr_xasprintf("%s.new/objects/pack", dir);
        auto_free struct dirent **names = NULL;
        int n = scandir(path, &names, NULL, NULL);
        for (int k = 0; k < n; k++) {
                struct stat st;
                auto_free char *file = dr_xasprintf("%s/%s", path, names[k]->d_name);
                if (lstat(file, &st) == 0 && S_ISREG(st.st_mode))
                        sum += (size_t) st.st_size;
                free(names[k]);
        }
        return sum;
}

static void on_watch(void *arg) {
        struct git *g = arg;
        if (!g->child || g->step != STEP_FETCH)
                return;
        if (pack_bytes(g->dir) <= PACK_BYTES_MAX)
                return timer_start(g->watch, WATCH_MS);
        g->too_much = true;
        child_kill(g->child, SIGKILL);
}

static void on_output(struct child *c, bool is_err, const char *p, size_t n, void *arg) {
        struct git *g = arg;
        struct sbuf *to = g->step == STEP_LIST ? &g->list : g->step == STEP_READ ? &g->read.content->out : NULL;
        if (is_err || !to || g->too_much)
                return;
        sbuf_add(to, p, n);
        for (const char *at = p; g->step == STEP_LIST && (at = memchr(at, 0, (size_t) (p + n - at))); at++)
                g->lines++;
        if (!sbuf_ok(to) || g->lines > LIST_LINES_MAX) {
                g->too_much = true;
                child_kill(c, SIGKILL);
        }
}

static bool take_ref(struct git *g, const char *out, const char *ref) {
        for (const char *p = out; *p; ) {
                size_t len = strcspn(p, "\n"), id = strspn(p, "0123456789abcdef");
                if (id >= 40 && id < GIT_ID_MAX && p[id] == '\t' && len - id - 1 == strlen(ref) &&
                    strncmp(p + id + 1, ref, strlen(ref)) == 0) {
                        snprintf(g->read.id, sizeof g->read.id, "%.*s", (int) id, p);
                        snprintf(g->ref, sizeof g->ref, "%s", ref);
                        return true;
                }
                p += len + (p[len] == '\n');
        }
        return false;
}

static void asked(struct git *g, const char *out) {
        char head[REF_BYTES_MAX], tag[REF_BYTES_MAX];
        snprintf(head, sizeof head, "refs/heads/%s", *g->branch ? g->branch : "master");
        snprintf(tag, sizeof tag, "refs/tags/%s", g->branch);
        if (!take_ref(g, out, head) && !take_ref(g, out, *g->branch ? tag : "HEAD"))
                fail(g, DR_E_NOT_FOUND, *g->branch ? "the repository has no branch \"%.100s\"" : "the repository has no branch%s",
                     g->branch);
        else if (str_eq(g->read.id, g->known) || str_eq(g->read.id, g->bad))
                end(g, GIT_SAME);
        else
                next_step(g, STEP_INIT);
}

/* Two lines: the branch's id, and that of its commit. */
static void resolved(struct git *g, const char *out) {
        size_t a = strspn(out, "0123456789abcdef"), b = out[a] == '\n' ? strspn(out + a + 1, "0123456789abcdef") : 0;
        if (a < 40 || a >= GIT_ID_MAX || b < 40 || b >= GIT_ID_MAX)
                return fail(g, DR_E_INTERNAL, "git did not say which commit the branch is at");
        snprintf(g->read.id, sizeof g->read.id, "%.*s", (int) a, out);
        snprintf(g->read.commit, sizeof g->read.commit, "%.*s", (int) b, out + a + 1);
        next_step(g, STEP_LIST);
}

static void listed(struct git *g) {
        if (git_content_list(g->list.data, g->list.len, &g->read.content, &g->read.err) < 0)
                return end(g, GIT_FAILED);
        sbuf_done(&g->list);
        next_step(g, STEP_READ);
}

static void failed(struct git *g, const struct child_result *res) {
        char why[300];
        /* What git's helper was killed for by its limit is not said by git, but to be seen. */
        if (g->step == STEP_FETCH && (g->too_much || pack_bytes(g->dir) >= PACK_BYTES_MAX))
                return fail(g, DR_E_TOO_LARGE, "the repository has more than %d MiB", PACK_BYTES_MAX >> 20);
        if (g->too_much)
                return fail(g, DR_E_TOO_LARGE, "it has too many files: more than %d, or a list of more than %d MiB", LIST_LINES_MAX,
                            LIST_BYTES_MAX >> 20);
        if (res->timed_out)
                return fail(g, DR_E_TIMEOUT, "gave up after %llu s: the repository did not answer in time",
                            (unsigned long long) (g->conf.deadline_ms / 1000));
        if (g->step == STEP_RESOLVE && g->conf.offline)
                return fail(g, DR_E_NOT_FOUND, "there is no copy of the repository yet");
        if (g->step == STEP_FETCH && !g->deep && strstr(res->err, "shallow")) {
                g->deep = true;
                return next_step(g, STEP_FETCH);
        }
        reason(g, res->err, why, sizeof why);
        if (res->signal)
                fail(g, DR_E_INTERNAL, "git ended by signal %d", res->signal);
        else
                fail(g, DR_E_UNAVAILABLE, "git: %s", *why ? why : "it failed without saying why");
}

static void on_exit_(struct child *c, const struct child_result *res, void *arg) {
        struct git *g = arg;
        g->child = NULL;
        timer_stop(g->watch);
        if (res->signal || res->exit_status || g->too_much)
                return failed(g, res);
        switch (g->step) {
        case STEP_ASK:     return asked(g, res->out);
        case STEP_INIT:    return next_step(g, STEP_FETCH);
        case STEP_FETCH:   return next_step(g, STEP_RESOLVE);
        case STEP_RESOLVE: return resolved(g, res->out);
        case STEP_LIST:    return listed(g);
        case STEP_READ:    return end(g, GIT_READ);
        case STEP_OVER:    break;
        }
        assert(false);
}

/* Set just behind the start: git's helpers, which do the work, inherit them. */
static void limit(const struct child *c) {
        struct rlimit file = { PACK_BYTES_MAX, PACK_BYTES_MAX }, memory = { ADDRESS_BYTES_MAX, ADDRESS_BYTES_MAX }, core = { 0, 0 };
        (void) prlimit(child_pid(c), RLIMIT_FSIZE, &file, NULL);
        (void) prlimit(child_pid(c), RLIMIT_AS, &memory, NULL);
        (void) prlimit(child_pid(c), RLIMIT_CORE, &core, NULL);
}

static void run(struct git *g, const char *const *argv, const void *in, size_t in_len) {
        uint64_t now = time_mono_ms();
        struct dr_error err;
        if (now >= g->ends_ms)
                return fail(g, DR_E_TIMEOUT, "gave up after %llu s", (unsigned long long) (g->conf.deadline_ms / 1000));
        struct child_spec spec = {
                .argv = argv,
                .env = (const char *const *) g->env,
                .cwd = g->home,
                .in = in,
                .in_len = in_len,
                .group = true,
                .out_max = g->step == STEP_LIST || g->step == STEP_READ ? 0 : OUT_BYTES_MAX,
                .err_max = ERR_BYTES_MAX,
                .deadline_ms = g->ends_ms - now,
                .on_output = on_output,
                .on_exit = on_exit_,
                .arg = g,
        };
        g->child = child_spawn(g->conf.loop, &spec, &err);
        if (!g->child && access(g->home, X_OK) < 0)
                return fail(g, DR_E_INTERNAL, "folder \"%.200s\" cannot be used: %s", g->home, strerror(errno));
        if (!g->child)
                return fail(g, DR_E_NOT_IMPLEMENTED,
                            "this catalog is a git repository, and the program git cannot be run on the server: %.200s", err.message);
        limit(g->child);
        if (g->step == STEP_FETCH)
                timer_start(g->watch, WATCH_MS);
}

static void ask(struct git *g) {
        char a[REF_BYTES_MAX], b[REF_BYTES_MAX];
        snprintf(a, sizeof a, "refs/heads/%s", *g->branch ? g->branch : "master");
        snprintf(b, sizeof b, "refs/tags/%s", g->branch);
        run(g, (const char *const[]) { "git", "ls-remote", "--quiet", "--", g->url, a, *g->branch ? b : "HEAD", NULL }, NULL, 0);
}

static void fetch(struct git *g, const char *fresh) {
        char spec[REF_BYTES_MAX + 32];
        snprintf(spec, sizeof spec, "+%s:refs/drover/catalog", g->ref);
        const char *argv[ARGS_MAX] = {
                "git", "-C", fresh, "fetch", "--quiet", "--no-tags", "--no-recurse-submodules", "--no-write-fetch-head"
        };
        size_t n = 8;
        if (!g->deep)
                argv[n++] = "--depth=1";
        argv[n++] = "--";
        argv[n++] = g->url;
        argv[n++] = spec;
        run(g, argv, NULL, 0);
}

static void next_step(struct git *g, enum git_step step) {
        auto_free char *fresh = dr_xasprintf("%s.new", g->dir);
        const char *in = g->conf.offline ? g->dir : fresh;
        g->step = step;
        switch (step) {
        case STEP_ASK:
                return ask(g);
        case STEP_INIT:
                git_remove_tree(fresh);         /* of a server that was ended meanwhile: small, it was never used */
                return run(g, (const char *const[]) { "git", "init", "--quiet", "--bare", "--template=", fresh, NULL }, NULL, 0);
        case STEP_FETCH:
                return fetch(g, fresh);
        case STEP_RESOLVE:
                return run(g,
                           (const char *const[]){ "git", "--git-dir", in, "rev-parse", "refs/drover/catalog",
                                                  "refs/drover/catalog^{commit}", NULL },
                           NULL, 0);
        case STEP_LIST:
                g->list = (struct sbuf) SBUF(LIST_BYTES_MAX);
                return run(g,
                           (const char *const[]){ "git", "--git-dir", in, "ls-tree", "-r", "-l", "-z", "--full-tree", g->read.commit,
                                                  NULL },
                           NULL, 0);
        case STEP_READ: {
                auto_sbuf struct sbuf ids = SBUF(FILESET_FILES_MAX * GIT_ID_MAX);
                for (size_t i = 0; i < g->read.content->objects.n; i++)
                        sbuf_printf(&ids, "%s\n", g->read.content->objects.v[i].id);
                return run(g, (const char *const[]) { "git", "--git-dir", in, "cat-file", "--batch", NULL }, sbuf_str(&ids), ids.len);
        }
        case STEP_OVER:
                break;
        }
        assert(false);
}

/* ---- start ---- */
static void make_env(struct git *g) {
        static const char *const passed[] = { "PATH",      "http_proxy", "https_proxy",    "HTTPS_PROXY",   "no_proxy",    "NO_PROXY",
                                              "all_proxy", "ALL_PROXY",  "GIT_SSL_CAINFO", "SSL_CERT_FILE", "SSL_CERT_DIR" };
        static const char *const ssh[] = { "SSH_AUTH_SOCK", "USER", "LOGNAME" };
        size_t n = 0;
        for (size_t i = 0; i < ARRAY_LEN(passed); i++)
                if (getenv(passed[i]))
                        g->env[n++] = dr_xasprintf("%s=%s", passed[i], getenv(passed[i]));
        for (size_t i = 0; g->conf.local && i < ARRAY_LEN(ssh); i++)
                if (getenv(ssh[i]))
                        g->env[n++] = dr_xasprintf("%s=%s", ssh[i], getenv(ssh[i]));
        g->env[n++] = dr_xasprintf("HOME=%s", g->home);         /* git's own configuration and .netrc are not this machine's */
        g->env[n++] = dr_xasprintf("GIT_CONFIG_GLOBAL=%s/gitconfig", g->home);
        g->env[n++] = dr_xstrdup("GIT_CONFIG_NOSYSTEM=1");
        g->env[n++] = dr_xstrdup("GIT_TERMINAL_PROMPT=0");
        g->env[n++] = dr_xstrdup(g->conf.local ? "GIT_ALLOW_PROTOCOL=https:http:git:ssh:file" : "GIT_ALLOW_PROTOCOL=https:http:git");
        g->env[n++] = dr_xstrdup("GIT_SSH_COMMAND=ssh -oBatchMode=yes -oConnectTimeout=15 -oServerAliveInterval=15");
        g->env[n++] = dr_xstrdup("LC_ALL=C");
        assert(n < ENV_MAX);
}

struct git *git_start(const struct git_conf *conf, git_done_fn *done, void *arg) {
        struct git *g = dr_xnew(struct git);
        g->conf = *conf;
        g->home = dr_xstrdup(conf->home);
        g->dir = dr_xstrdup(conf->dir);
        g->url = dr_xstrdup(conf->url);
        g->branch = dr_xstrdup(conf->branch);
        g->known = dr_xstrdup(*conf->known ? conf->known : "-");
        g->bad = dr_xstrdup(*conf->bad ? conf->bad : "-");
        g->done = done;
        g->arg = arg;
        g->ends_ms = time_mono_ms() + conf->deadline_ms;
        g->watch = timer_new(conf->loop, on_watch, g);
        make_env(g);
        next_step(g, conf->offline ? STEP_RESOLVE : STEP_ASK);
        return g;
}

/* ---- folders ---- */
int git_home_make(const char *home, struct dr_error *err) {
        static const char text[] =
                "[safe]\n\tdirectory = *\n"             /* local repositories belong to their authors; nothing of them is run */
                "[core]\n\thooksPath = /dev/null\n\tfsmonitor = false\n"
                "[http]\n\tlowSpeedLimit = 1000\n\tlowSpeedTime = 30\n"
                "[gc]\n\tauto = 0\n[maintenance]\n\tauto = false\n"
                "[fetch]\n\tunpackLimit = 1\n\trecurseSubmodules = false\n\twriteCommitGraph = false\n"
                "[init]\n\tdefaultBranch = master\n[protocol]\n\tversion = 2\n";
        if (mkdir(home, 0700) < 0 && errno != EEXIST)
                return dr_fail(err, DR_E_INTERNAL, NULL, "could not make folder \"%.200s\": %m", home);
        auto_free char *file = dr_xasprintf("%s/gitconfig", home);
        auto_close int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t) strlen(text))
                return dr_fail(err, DR_E_INTERNAL, NULL, "could not write \"%.200s\": %m", file);
        return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at) {
        (void) remove(path);            /* what stays is tried again at the next start */
        return 0;
}
void git_remove_tree(const char *path) { (void) nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS); }
