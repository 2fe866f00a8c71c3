#include "upgrade.h"

#include "base/file.h"
#include "base/log.h"
#include "base/rng.h"
#include "base/times.h"
#include "node/json_view.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>

enum {
        SPREAD_MS = 5000, RETRY_MS = 60000, RETRY_MS_MAX = 3600000, TOTAL_MS = 900000, IDLE_MS = 60000, TRIAL_LOOK_MS = 100, STOP_MS = 15000,
        PROGRAM_BYTES_MAX = 256 << 20, FILE_BYTES_MAX = 8192, PIECE_BYTES = 65536, PATH_BYTES = 4096,
};

static const char trial_env[] = "DROVER_UPGRADE_TRIAL";
static const char record_file[] = "drover-upgrade.json", status_file[] = "agent.status";

struct digest { EVP_MD_CTX *ctx; };

struct own { struct upgrade *upgrade; char hex[SHA256_HEX_CHARS + 1]; };

struct upgrade {
        struct upgrade_config cfg;
        char path[PATH_BYTES];          /* of this program; "": not known */
        char own[SHA256_HEX_CHARS + 1], wanted[SHA256_HEX_CHARS + 1], failed[SHA256_HEX_CHARS + 1];
        char error[300];
        bool again, ready;
        struct own *computing;
        struct timer *timer;
        uint64_t retry_ms;
        struct http_call *call;
        struct digest digest;
        int fd;
        size_t got;
};

/* Digests ---------------------------------------------------------------------------------------------------------- */

static bool digest_begin(struct digest *d) {
        d->ctx = EVP_MD_CTX_new();
        return d->ctx && EVP_DigestInit_ex(d->ctx, EVP_sha256(), NULL);
}
static void digest_end(struct digest *d, char hex[SHA256_HEX_CHARS + 1]) {
        unsigned char mac[EVP_MAX_MD_SIZE];
        unsigned n = 0;
        bool ok = d->ctx && EVP_DigestFinal_ex(d->ctx, mac, &n) && n * 2 == SHA256_HEX_CHARS;
        EVP_MD_CTX_free(d->ctx);
        d->ctx = NULL;
        *hex = 0;
        for (unsigned i = 0; ok && i < n; i++)
                snprintf(hex + 2 * i, 3, "%02x", mac[i]);
}

static void own_work(void *arg) {
        struct own *o = arg;
        auto_close int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
        auto_free char *piece = dr_xmalloc(PIECE_BYTES);
        struct digest d = { 0 };
        ssize_t n = -1;
        if (fd >= 0 && digest_begin(&d))
                while ((n = read(fd, piece, PIECE_BYTES)) > 0)
                        EVP_DigestUpdate(d.ctx, piece, (size_t) n);
        digest_end(&d, o->hex);
        if (n != 0)
                *o->hex = 0;
}

static void consider(struct upgrade *u);

static void own_done(void *arg) {
        struct own *o = arg;
        struct upgrade *u = o->upgrade;
        if (u) {
                u->computing = NULL;
                memcpy(u->own, o->hex, sizeof u->own);
                u->cfg.on_facts(u->cfg.arg);
                consider(u);
        }
        free(o);
}

/* The record of a failed one --------------------------------------------------------------------------------------- */

static void record_read(const char *dir, char failed[SHA256_HEX_CHARS + 1], char *error, size_t n) {
        auto_free char *path = dr_xasprintf("%s/%s", dir, record_file), *text = NULL;
        size_t len;
        *failed = *error = 0;
        if (file_read(path, FILE_BYTES_MAX, &text, &len, NULL) < 0)
                return;
        AUTO(jv_put) json_object *o = jv_parse(text, len, FILE_BYTES_MAX, NULL);
        snprintf(failed, SHA256_HEX_CHARS + 1, "%s", jv_str(o, "sha256"));
        snprintf(error, n, "%s", jv_str(o, "message"));
}

static void record_write(const char *dir, const char *sha256, const char *message) {
        auto_free char *path = dr_xasprintf("%s/%s", dir, record_file);
        AUTO(jv_put) json_object *o = json_object_new_object();
        json_object_object_add(o, "sha256", json_object_new_string(sha256));
        json_object_object_add(o, "message", json_object_new_string(message));
        struct dr_error err;
        if (file_replace(path, jv_print(o), strlen(jv_print(o)), 0644, &err) < 0)
                log_error("a failed upgrade could not be written down", "reason", err.message, NULL);
}

/* Download --------------------------------------------------------------------------------------------------------- */

/* The path of this program, also when it was replaced while it runs. */
static bool own_path(char path[PATH_BYTES]) {
        static const char deleted[] = " (deleted)";
        ssize_t n = readlink("/proc/self/exe", path, PATH_BYTES - 8);
        path[MAX(n, (ssize_t) 0)] = 0;
        if (n > 0 && str_ends(path, deleted))
                path[(size_t) n - strlen(deleted)] = 0;
        return n > 0;
}

static void drop_file(struct upgrade *u) {
        if (u->fd >= 0)
                close(u->fd);
        u->fd = -1;
        auto_free char *path = dr_xasprintf("%s.new", u->path);
        (void) unlink(path);
        char hex[SHA256_HEX_CHARS + 1];
        digest_end(&u->digest, hex);
}

static void download_failed(struct upgrade *u, const char *why) {
        log_warning("the server's drover-node could not be downloaded", "reason", why, NULL);
        snprintf(u->error, sizeof u->error, "could not download drover-node: %.200s", why);
        drop_file(u);
        timer_start(u->timer, u->retry_ms);
        u->retry_ms = MIN(u->retry_ms * 2, (uint64_t) RETRY_MS_MAX);
        u->cfg.on_facts(u->cfg.arg);
}

static void on_body(struct http_call *c, const char *p, size_t n, void *arg) {
        struct upgrade *u = arg;
        u->got += n;
        if (u->fd < 0 || u->got > PROGRAM_BYTES_MAX)
                return;
        EVP_DigestUpdate(u->digest.ctx, p, n);
        while (n > 0) {
                ssize_t k = write(u->fd, p, n);
                if (k < 0 && errno == EINTR)
                        continue;
                if (k <= 0) {                           /* a full disk: told at the end */
                        close(u->fd);
                        u->fd = -1;
                        return;
                }
                p += k;
                n -= (size_t) k;
        }
}

static void on_done(struct http_call *c, int result, struct http_response *res, const struct dr_error *err, void *arg) {
        struct upgrade *u = arg;
        char hex[SHA256_HEX_CHARS + 1], why[200];
        u->call = NULL;
        digest_end(&u->digest, hex);
        if (result < 0)
                return download_failed(u, err->message);
        if (res->status != 200) {
                snprintf(why, sizeof why, "the server answered with status %d", res->status);
                return download_failed(u, why);
        }
        if (u->fd < 0 || fsync(u->fd) < 0 || fchmod(u->fd, 0755) < 0)
                return download_failed(u, "it could not be written to disk");
        if (!str_eq(hex, u->wanted)) {
                snprintf(why, sizeof why, "it has SHA-256 %.16s... instead of %.16s...", hex, u->wanted);
                return download_failed(u, why);
        }
        close(u->fd);
        u->fd = -1;
        u->ready = true;
        log_info("the server's drover-node is here and will be tried", "sha256", hex, NULL);
        u->cfg.on_ready(u->cfg.arg);
}

static void download(void *arg) {
        static const struct http_call_events events = { .on_body = on_body, .on_done = on_done };
        struct upgrade *u = arg;
        struct utsname uts;
        struct dr_error err;
        if (u->call || u->ready || !*u->wanted || str_eq(u->wanted, u->own))
                return;
        auto_free char *path = dr_xasprintf("%s.new", u->path), *basic = http_basic_value(u->cfg.access_key, u->cfg.secret_key);
        auto_free char *url = dr_xasprintf("%s/v1/node/%s/latest", u->cfg.base_url, uname(&uts) == 0 ? uts.machine : "x86_64");
        (void) unlink(path);                            /* a new file: an old one may be running */
        u->fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0700);
        u->got = 0;
        if (u->fd < 0 || !digest_begin(&u->digest))
                return download_failed(u, strerror(errno));
        struct http_header header = { "Authorization", basic };
        struct http_call_spec spec = { .url = url, .headers = &header, .n_headers = 1, .total_ms = TOTAL_MS, .idle_ms = IDLE_MS, .body_max = PROGRAM_BYTES_MAX,
                                       .events = &events, .arg = u };
        log_info("downloading the server's drover-node", "sha256", u->wanted, "own", u->own, NULL);
        u->call = http_call_start(u->cfg.http, &spec, &err);
        if (!u->call)
                download_failed(u, err.message);
}

/* Hosts do not all come at once. */
static void consider(struct upgrade *u) {
        if (!u->cfg.allowed || !*u->own || !*u->wanted || u->ready || str_eq(u->wanted, u->own) || (str_eq(u->wanted, u->failed) && !u->again))
                return;
        if (u->call || timer_is_running(u->timer))
                return;
        struct rng rng;
        rng_seed_random(&rng);
        timer_start(u->timer, rng_below(&rng, SPREAD_MS));
}

static bool is_sha256(const char *s) { return strlen(s) == SHA256_HEX_CHARS && strspn(s, "0123456789abcdef") == SHA256_HEX_CHARS; }

void upgrade_want(struct upgrade *u, const char *sha256, bool again) {
        if (!is_sha256(sha256))
                sha256 = "";
        if (!str_eq(sha256, u->wanted)) {
                snprintf(u->wanted, sizeof u->wanted, "%s", sha256);
                u->retry_ms = RETRY_MS;
                u->again = false;
                timer_stop(u->timer);
                if (u->call) {
                        http_call_cancel(dr_take(u->call));
                        drop_file(u);
                }
        }
        u->again |= again;
        consider(u);
}

const char *upgrade_own_sha256(const struct upgrade *u) { return u->own; }
const char *upgrade_error(const struct upgrade *u) { return str_eq(u->failed, u->own) ? "" : u->error; }

struct upgrade *upgrade_new(const struct upgrade_config *cfg) {
        struct upgrade *u = dr_xnew(struct upgrade);
        u->cfg = *cfg;
        u->fd = -1;
        u->retry_ms = RETRY_MS;
        u->timer = timer_new(cfg->loop, download, u);
        u->cfg.allowed = cfg->allowed && own_path(u->path);
        record_read(cfg->state_dir, u->failed, u->error, sizeof u->error);
        u->computing = dr_xnew(struct own);
        u->computing->upgrade = u;
        loop_work(cfg->loop, own_work, own_done, u->computing);
        return u;
}

struct upgrade *upgrade_free(struct upgrade *u) {
        if (!u)
                return NULL;
        if (u->computing)
                u->computing->upgrade = NULL;
        if (u->call) {
                http_call_cancel(u->call);
                drop_file(u);
        }
        timer_free(u->timer);
        free(u);
        return NULL;
}

/* Trial ------------------------------------------------------------------------------------------------------------ */

bool upgrade_is_trial(void) { return getenv(trial_env) != NULL; }

static pid_t start(const char *path, char *const *argv, const sigset_t *before) {
        setenv(trial_env, "1", 1);                      /* before the fork: the pool's threads may hold the allocator */
        pid_t pid = fork();
        if (pid != 0) {
                unsetenv(trial_env);
                return pid;
        }
        sigprocmask(SIG_SETMASK, before, NULL);
        prctl(PR_SET_PDEATHSIG, SIGTERM);               /* no second agent is left behind */
        execv(path, argv);
        _exit(127);
}

/* The status file says that this process is connected. */
static bool is_connected(const char *state_dir, pid_t pid) {
        auto_free char *path = dr_xasprintf("%s/%s", state_dir, status_file), *text = NULL, *line = dr_xasprintf("\npid=%d\n", (int) pid);
        size_t len;
        return file_read(path, FILE_BYTES_MAX, &text, &len, NULL) == 0 && str_starts(text, "state=connected\n") && strstr(text, line);
}

static void end(pid_t pid, const sigset_t *set) {
        struct timespec look = { .tv_nsec = TRIAL_LOOK_MS * 1000000L };
        uint64_t until_ms = time_mono_ms() + STOP_MS;
        kill(pid, SIGTERM);
        while (waitpid(pid, NULL, WNOHANG) == 0) {
                if (time_mono_ms() >= until_ms)
                        kill(pid, SIGKILL);
                (void) sigtimedwait(set, NULL, &look);
        }
}

/* 1: it works; 0: a signal wants the end; negative: it does not, why says in which way. */
static int watch(const char *state_dir, pid_t pid, uint64_t trial_ms, const sigset_t *set, char *why, size_t n) {
        struct timespec look = { .tv_nsec = TRIAL_LOOK_MS * 1000000L };
        for (uint64_t until_ms = time_mono_ms() + trial_ms; time_mono_ms() < until_ms;) {
                int status, signum = sigtimedwait(set, NULL, &look);
                if (waitpid(pid, &status, WNOHANG) == pid) {
                        snprintf(why, n, "it ended with %s %d", WIFSIGNALED(status) ? "signal" : "code", WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
                        return -ECHILD;
                }
                bool wanted = signum == SIGTERM || signum == SIGINT, works = !wanted && is_connected(state_dir, pid);
                if (!wanted && !works)
                        continue;
                end(pid, set);
                return works;
        }
        end(pid, set);
        snprintf(why, n, "it did not connect within %llu s", (unsigned long long) trial_ms / 1000);
        return -ETIMEDOUT;
}

static void file_sha256(const char *path, char hex[SHA256_HEX_CHARS + 1]) {
        auto_free char *text = NULL;
        size_t len = 0;
        struct digest d = { 0 };
        if (file_read(path, PROGRAM_BYTES_MAX, &text, &len, NULL) == 0 && digest_begin(&d))
                EVP_DigestUpdate(d.ctx, text, len);
        digest_end(&d, hex);
}

int upgrade_try(const char *state_dir, uint64_t trial_ms, char *const *argv) {
        char path[PATH_BYTES], hex[SHA256_HEX_CHARS + 1], why[200] = "";
        if (!own_path(path))
                return -ENOENT;
        auto_free char *fresh = dr_xasprintf("%s.new", path);
        file_sha256(fresh, hex);
        sigset_t set, before;
        sigemptyset(&set);
        sigaddset(&set, SIGCHLD);
        sigaddset(&set, SIGTERM);
        sigaddset(&set, SIGINT);
        sigprocmask(SIG_BLOCK, &set, &before);
        log_info("trying the new program", "sha256", hex, NULL);
        pid_t pid = start(fresh, argv, &before);
        int r = pid > 0 ? watch(state_dir, pid, trial_ms, &set, why, sizeof why) : -EAGAIN;
        if (r > 0 && rename(fresh, path) < 0) {
                snprintf(why, sizeof why, "it could not take its place: %.150s", strerror(errno));
                r = -EIO;
        }
        if (r > 0) {
                log_info("the new program works and takes over", "sha256", hex, NULL);
                auto_free char *record = dr_xasprintf("%s/%s", state_dir, record_file);
                (void) unlink(record);
        } else {
                (void) unlink(fresh);
        }
        if (r == 0)
                return 0;
        if (r < 0 && r != -EAGAIN) {
                auto_free char *message = dr_xasprintf("drover-node %.12s was tried and taken back: %s", hex, why);
                log_error("the new program is not used", "sha256", hex, "reason", why, NULL);
                record_write(state_dir, hex, message);
        }
        sigprocmask(SIG_SETMASK, &before, NULL);
        execv(path, argv);
        execv("/proc/self/exe", argv);                  /* the file is gone: as before */
        return -errno;
}
