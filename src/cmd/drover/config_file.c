#include "config_file.h"
#include "read_fd.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

char *config_file_path(const char *path, struct dr_error *err) {
        if (path && *path)
                return dr_xstrdup(path);
        const char *home = getenv("HOME");
        if (!home || !*home) {
                dr_fail(err, DR_E_MISSING_REQUIRED, NULL, "HOME is not set: name the configuration file with --config");
                return NULL;
        }
        return dr_xasprintf("%s/.drover/cli.json", home);
}

static int read_file(const char *path, char **ret, size_t *ret_len, mode_t *ret_mode, struct dr_error *err) {
        auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return dr_fail(err, errno == ENOENT ? DR_E_NOT_FOUND : errno == EACCES ? DR_E_FORBIDDEN : DR_E_INTERNAL, NULL,
                               "could not open \"%s\": %m", path);
        struct stat st;
        if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
                return dr_fail(err, DR_E_INVALID_FORMAT, NULL, "\"%s\" is not a file", path);
        *ret_mode = st.st_mode;
        return fd_read_all(fd, path, CONFIG_FILE_BYTES_MAX, ret, ret_len, err);
}

static int parse_object(const char *path, const char *buf, size_t n, struct json_object **ret, struct dr_error *err) {
        AUTO(json_free) struct json_object *o = NULL;
        int r = json_parse(buf, n, CONFIG_FILE_BYTES_MAX, &o, err);
        if (r < 0)
                return dr_prefix(err, r, "%s", path);
        if (!json_object_is_type(o, json_type_object))
                return dr_fail(err, DR_E_INVALID_FORMAT, NULL, "%s: not a JSON object", path);
        *ret = dr_take(o);
        return 0;
}

int config_file_read_json(const char *path, struct json_object **ret, struct dr_error *err) {
        auto_free char *buf = NULL;
        size_t n;
        mode_t mode = 0;
        int r = read_file(path, &buf, &n, &mode, err);
        return r < 0 ? r : parse_object(path, buf, n, ret, err);
}

int config_file_load(const char *path, struct json_object **ret, struct dr_error *err) {
        auto_free char *buf = NULL;
        size_t n;
        mode_t mode = 0;
        struct dr_error own;
        int r = read_file(path, &buf, &n, &mode, &own);
        if (r == -ENOENT) {
                *ret = json_object_new_object();
                return 0;
        }
        if (r < 0)
                return dr_fail(err, own.code, NULL, "%s", own.message);
        AUTO(json_free) struct json_object *o = NULL;
        if ((r = parse_object(path, buf, n, &o, err)) < 0)
                return r;
        if (mode & 077 && json_str(o, "secretKey", NULL))
                return dr_fail(err, DR_E_FORBIDDEN, NULL, "\"%s\" holds a secret key and others may read it: chmod 600 \"%s\"", path, path);
        *ret = dr_take(o);
        return 0;
}

int config_file_save(const char *path, struct json_object *config, struct dr_error *err) {
        auto_free char *dir = dr_xstrdup(path), *temporary = dr_xasprintf("%s.new", path);
        char *slash = strrchr(dir, '/');
        if (slash && slash != dir) {
                *slash = '\0';
                if (mkdir(dir, 0700) < 0 && errno != EEXIST)
                        return dr_fail(err, DR_E_INTERNAL, NULL, "could not make folder \"%s\": %m", dir);
        }
        auto_sbuf struct sbuf text = SBUF(CONFIG_FILE_BYTES_MAX);
        json_write(config, 0, &text);
        sbuf_putc(&text, '\n');
        if (!sbuf_ok(&text))
                return dr_fail(err, DR_E_TOO_LARGE, NULL, "the configuration is larger than %d bytes", CONFIG_FILE_BYTES_MAX);

        (void) unlink(temporary);       /* left behind by a run that was killed */
        auto_close int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (fd < 0)
                return dr_fail(err, DR_E_INTERNAL, NULL, "could not write \"%s\": %m", temporary);
        ssize_t n = write(fd, text.data, text.len);
        if (n != (ssize_t) text.len || fsync(fd) < 0 || rename(temporary, path) < 0) {
                int r = dr_fail(err, DR_E_INTERNAL, NULL, "could not write \"%s\": %m", path);
                (void) unlink(temporary);
                return r;
        }
        return 0;
}
