#include "stack_files.h"

#include "read_fd.h"

int stack_files_read(struct cli *c, struct json_object *body) {
        auto_free char *docker = NULL, *rancher = NULL;
        size_t n;
        int r = fd_read_path(opts_str(c->opts, "docker-compose"), STACK_FILE_BYTES_MAX, &docker, &n, &c->err);
        if (r < 0) {
                c->hint = opts_has(c->opts, "empty") ? "name the file with -f, or make a stack without services with --empty" : "name the file with -f";
                return r;
        }
        r = fd_read_path(opts_str(c->opts, "rancher-compose"), STACK_FILE_BYTES_MAX, &rancher, &n, &c->err);
        if (r < 0 && (r != -ENOENT || opts_source(c->opts, "rancher-compose") != OPT_FROM_DEFAULT))
                return r;
        json_set_str(body, "dockerCompose", docker);
        if (rancher)
                json_set_str(body, "rancherCompose", rancher);
        return 0;
}
