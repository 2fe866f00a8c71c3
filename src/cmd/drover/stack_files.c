#include "stack_files.h"

#include <fcntl.h>

#include "read_fd.h"

static int read_text(const char *path, char **ret, struct dr_error *err) {
        auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
        size_t n;
        if (fd < 0)
                return dr_fail(err, errno == ENOENT ? DR_E_NOT_FOUND : DR_E_INTERNAL, NULL, "could not open \"%s\": %m", path);
        return fd_read_all(fd, path, STACK_FILE_BYTES_MAX, ret, &n, err);
}

int stack_files_read(struct cli *c, struct json_object *body) {
        auto_free char *docker = NULL, *rancher = NULL;
        int r = read_text(opts_str(c->opts, "docker-compose"), &docker, &c->err);
        if (r < 0) {
                c->hint = opts_has(c->opts, "empty") ? "name the file with -f, or make a stack without services with --empty" : "name the file with -f";
                return r;
        }
        r = read_text(opts_str(c->opts, "rancher-compose"), &rancher, &c->err);
        if (r < 0 && (r != -ENOENT || opts_source(c->opts, "rancher-compose") != OPT_FROM_DEFAULT))
                return r;
        json_set_str(body, "dockerCompose", docker);
        if (rancher)
                json_set_str(body, "rancherCompose", rancher);
        return 0;
}
