#include "check.h"

#include "base/parse.h"
#include "formats/json.h"

#include <stdio.h>
#include <sys/statvfs.h>

enum { ANSWER_BYTES_MAX = 1 << 20, OLDEST_API_MINOR = 24 };
static const int64_t WARN_BYTES = INT64_C(5) << 30, FAIL_BYTES = INT64_C(1) << 30;

static int ask(const struct check_input *in, const char *path, struct json_object **ret, struct dr_error *err) {
        auto_free char *url = dr_xasprintf("unix:%s:%s", in->engine_socket, path);
        auto_free char *body = NULL;
        int status = check_get(in, url, &body, NULL, err);
        if (status < 0)
                return status;
        if (status != 200)
                return dr_fail(err, DR_E_UNAVAILABLE, NULL, "the engine answered %d to %s", status, path);
        return json_parse(body ? body : "", body ? strlen(body) : 0, ANSWER_BYTES_MAX, ret, err);
}

void check_engine(const struct check_input *in, struct check_result *r) {
        AUTO(json_free) struct json_object *version = NULL;
        struct dr_error err = { 0 };
        bool absent = access(in->engine_socket, F_OK) < 0;
        if (absent && in->server_machine) {
                check_ok(r, "no Docker engine, and a server needs none");
                return;
        }
        if (absent) {
                check_bad(r, CHECK_FAIL, "a host needs Docker: install package docker.io (or docker-ce) and start it; a server does without (--role server)",
                          "no Docker engine: there is no socket \"%s\"", in->engine_socket);
                return;
        }
        if (ask(in, "/version", &version, &err) < 0) {
                check_bad(r, CHECK_FAIL, access(in->engine_socket, W_OK) < 0 ? "run this as root, or as a member of group docker"
                                                                            : "start it (\"systemctl start docker\") and look at its log (\"journalctl -u docker\")",
                          "the Docker engine does not answer: %s", err.message);
                return;
        }
        const char *api = json_str(version, "ApiVersion", "");
        const char *dot = strchr(api, '.');
        uint64_t minor = 0;
        if (!str_starts(api, "1.") || parse_u64(dot + 1, 10000, &minor) < 0 || minor < OLDEST_API_MINOR) {
                check_bad(r, CHECK_FAIL, "update Docker to 1.12 or later", "Docker engine %s speaks API \"%s\", older than 1.%d", json_str(version, "Version", "?"), api,
                          OLDEST_API_MINOR);
                return;
        }
        check_ok(r, "Docker %s, API %s, at %s", json_str(version, "Version", "?"), api, in->engine_socket);
}

void check_disk(const struct check_input *in, struct check_result *r) {
        AUTO(json_free) struct json_object *info = NULL;
        const char *dir = ask(in, "/info", &info, NULL) < 0 ? "/" : json_str(info, "DockerRootDir", "/");
        struct statvfs fs;
        if (statvfs(dir, &fs) < 0 && statvfs(dir = "/", &fs) < 0) {
                check_bad(r, CHECK_WARN, "look at the mounts", "could not read the free space of \"%s\": %s", dir, strerror(errno));
                return;
        }
        int64_t left = (int64_t) fs.f_bavail * (int64_t) fs.f_frsize;
        double gb = (double) left / (1 << 30);
        if (left < FAIL_BYTES || (fs.f_files && fs.f_favail < 10000))
                check_bad(r, CHECK_FAIL, "make room: \"docker system prune\" removes unused images and containers", "%.1f GB and %llu inodes free at %s", gb,
                          (unsigned long long) fs.f_favail, dir);
        else if (left < WARN_BYTES || fs.f_bavail < fs.f_blocks / 20)
                check_bad(r, CHECK_WARN, "images need room: \"docker system prune\" removes what is unused", "only %.1f GB free at %s", gb, dir);
        else
                check_ok(r, "%.1f GB free at %s", gb, dir);
}
