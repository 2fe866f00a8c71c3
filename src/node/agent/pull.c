#include "pull.h"

#include "base/log.h"
#include "net/http.h"
#include "node/agent/own_image.h"
#include "node/docker/json_split.h"

#include <stdio.h>

enum { IDLE_MS = 600000, PATH_BYTES_MAX = 8192, PROGRESS_EVERY_MS = 500, PIECE_BYTES_MAX = 1 << 20 };

struct pull {
        struct pull_request r;
        char *image, *path, *auth;      /* auth: X-Registry-Auth of the first try; NULL: none, or it was refused */
        struct docker_call *call;
        struct json_split split;
        struct docker_progress progress;
        uint64_t told_ms;
        char *first_error;              /* with credentials */
        bool own;                       /* made from this program */
};

static void pull_free(struct pull *p) {
        json_split_done(&p->split);
        free(p->image);
        free(p->path);
        free(p->auth);
        free(p->first_error);
        free(p);
}

void pull_cancel(struct pull *p) {
        if (!p)
                return;
        if (p->call)
                docker_call_cancel(p->call);
        pull_free(p);
}

static void end(struct pull *p, enum pull_result result, const char *why) {
        p->r.on_done(result, why, p->r.arg);
        pull_free(p);
}

static int on_object(const char *object, size_t len, void *arg) {
        struct pull *p = arg;
        struct docker_progress said;
        if (docker_progress_parse(object, len, &said, NULL) < 0)
                return 0;
        if (*said.error || !*p->progress.error)         /* the first error stays */
                p->progress = said;
        uint64_t now_ms = loop_now_ms(p->r.loop);
        if (*said.text && p->r.on_progress && now_ms >= p->told_ms + PROGRESS_EVERY_MS) {
                p->told_ms = now_ms;
                p->r.on_progress(said.text, said.percent, p->r.arg);
        }
        return 0;
}

static void on_piece(const char *piece, size_t n, void *arg) {
        struct pull *p = arg;
        struct dr_error err;
        if (json_split_feed(&p->split, piece, n, on_object, p, &err) < 0 && !*p->progress.error)
                snprintf(p->progress.error, sizeof p->progress.error, "the engine's answer cannot be read: %.300s", err.message);
}

static int start(struct pull *p, struct dr_error *err);

static void on_answer(struct docker_call *c, int result, int status, const char *body, size_t len, const struct dr_error *err, void *arg) {
        struct pull *p = arg;
        p->call = NULL;
        if (result < 0)
                return end(p, PULL_NO_ANSWER, err->message);
        char why[400] = "";
        if (status != 200)
                docker_error_text(body, len, why, sizeof why);
        else
                snprintf(why, sizeof why, "%s", p->progress.error);
        if (status == 200 && !*why)
                return end(p, PULL_DONE, "");
        if (!*why)
                snprintf(why, sizeof why, "the engine answered with status %d", status);
        if (p->auth) {                                  /* with credentials, else without; the first error counts */
                struct dr_error again = { 0 };
                free(dr_take(p->auth));
                p->first_error = dr_xstrdup(why);
                log_info("pull with credentials failed; trying without", "image", p->image, "reason", why, NULL);
                if (start(p, &again) < 0)
                        end(p, PULL_NO_ANSWER, again.message);
                return;
        }
        end(p, PULL_FAILED, p->first_error ? p->first_error : why);
}

static int start(struct pull *p, struct dr_error *err) {
        json_split_done(&p->split);
        p->split = (struct json_split) JSON_SPLIT(PIECE_BYTES_MAX);
        p->progress = (struct docker_progress) { .percent = -1 };
        struct docker_request r = { .method = "POST", .path = p->path, .registry_auth = p->auth, .total_ms = IDLE_MS, .idle_ms = IDLE_MS,
                                    .stream = on_piece, .done = on_answer, .arg = p };
        auto_sbuf struct sbuf tar = { 0 };
        if (p->own) {
                int e = own_image_tar("/proc/self/exe", &tar, err);
                if (e < 0)
                        return e;
                log_info("making an image out of this program", "image", p->image, "version", DROVER_VERSION, NULL);
                r.body = tar.data;
                r.tar_bytes = tar.len;
        }
        p->call = docker_call_start(p->r.docker, &r, err);
        return p->call ? 0 : -EAGAIN;
}

static void pull_path(struct sbuf *path, const char *image) {
        auto_free char *repository = NULL, *tag = NULL;
        docker_image_split(image, &repository, &tag);
        sbuf_puts(path, "/images/create?fromImage=");
        http_escape(path, repository);
        sbuf_puts(path, "&tag=");
        http_escape(path, tag);
}

/* remote: a git or http address; context: the address of a tar archive, which the engine fetches too. */
static void build_path(struct sbuf *path, const char *image, json_object *build) {
        static const char github[] = "git@github.com:";
        const char *remote = *jv_str(build, "remote") ? jv_str(build, "remote") : jv_str(build, "context");
        auto_free char *address = str_starts(remote, github) ? dr_xasprintf("git://%.10s/%s", github + strlen("git@"), remote + strlen(github)) : dr_xstrdup(remote);
        sbuf_puts(path, "/build?rm=1&remote=");
        http_escape(path, address);
        sbuf_puts(path, "&t=");
        http_escape(path, image);
        if (*jv_str(build, "dockerfile")) {
                sbuf_puts(path, "&dockerfile=");
                http_escape(path, jv_str(build, "dockerfile"));
        }
        if (jv_bool(build, "nocache"))
                sbuf_puts(path, "&nocache=1");
        if (jv_bool(build, "forcerm"))
                sbuf_puts(path, "&forcerm=1");
}

struct pull *pull_start(const struct pull_request *r, struct dr_error *err) {
        auto_sbuf struct sbuf path = SBUF(PATH_BYTES_MAX);
        bool build = *jv_str(r->build, "remote") || *jv_str(r->build, "context");
        if (!*r->image) {
                dr_fail(err, DR_E_MISSING_REQUIRED, "image", "no image is named");
                return NULL;
        }
        bool own = !build && own_image_is(r->image);
        if (build)
                build_path(&path, r->image, r->build);
        else if (own)
                own_image_path(r->image, &path);
        else
                pull_path(&path, r->image);
        if (!sbuf_ok(&path)) {
                dr_fail(err, DR_E_TOO_LARGE, "image", "the image's name or build context is too long");
                return NULL;
        }
        struct pull *p = dr_xnew(struct pull);
        p->r = *r;
        p->r.auth = p->r.build = NULL;
        p->image = dr_xstrdup(r->image);
        p->path = sbuf_steal(&path);
        p->own = own;
        p->auth = build || own ? NULL : docker_registry_auth(r->auth);
        p->told_ms = loop_now_ms(r->loop);
        p->split = (struct json_split) JSON_SPLIT(PIECE_BYTES_MAX);
        if (start(p, err) < 0) {
                pull_free(p);
                return NULL;
        }
        return p;
}
