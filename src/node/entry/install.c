#include "node/entry/entry.h"

#include "base/file.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

enum { COMPARE_BYTES = 64 << 10 };

static bool same_file(int a, int b) {
        struct stat sa, sb;
        if (fstat(a, &sa) < 0 || fstat(b, &sb) < 0 || sa.st_size != sb.st_size || (sb.st_mode & 0555) != 0555)
                return false;
        auto_free char *pa = dr_xmalloc(COMPARE_BYTES), *pb = dr_xmalloc(COMPARE_BYTES);
        for (off_t at = 0; at < sa.st_size; ) {
                ssize_t n = pread(a, pa, COMPARE_BYTES, at);
                if (n <= 0 || pread(b, pb, (size_t) n, at) != n || memcmp(pa, pb, (size_t) n) != 0)
                        return false;
                at += n;
        }
        return true;
}

static int copy(int from, const char *temp, const char *path, struct dr_error *err) {
        auto_close int to = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
        struct stat st;
        if (to < 0 || fstat(from, &st) < 0)
                return dr_fail(err, DR_E_INTERNAL, NULL, "could not write \"%s\": %m", temp);
        off_t at = 0;
        while (at < st.st_size) {
                ssize_t n = sendfile(to, from, &at, (size_t) (st.st_size - at));
                if (n <= 0)
                        return dr_fail(err, DR_E_INTERNAL, NULL, "could not write \"%s\": %m", temp);
        }
        if (fchmod(to, 0755) < 0 || fsync(to) < 0 || rename(temp, path) < 0)
                return dr_fail(err, DR_E_INTERNAL, NULL, "could not write \"%s\": %m", path);
        return 0;
}

int entry_install(const char *state_dir, const char *program, struct dr_error *err) {
        auto_free char *dir = dr_xasprintf("%s/entry", state_dir), *cni = dr_xasprintf("%s/cni", state_dir), *inner = dr_xasprintf("%s/cni", dir);
        auto_free char *path = dr_xasprintf("%s/r", dir), *temp = dr_xasprintf("%s/.r", dir);
        int r;
        /* Readable for every user of every container. */
        if ((r = folder_make(dir, 0755, err)) < 0 || (r = folder_make(cni, 0755, err)) < 0 || (r = folder_make(inner, 0755, err)) < 0)
                return r;
        const char *from = program ? program : "/proc/self/exe";
        auto_close int in = open(from, O_RDONLY | O_CLOEXEC), out = open(path, O_RDONLY | O_CLOEXEC);
        if (in < 0)
                return dr_fail(err, DR_E_INTERNAL, NULL, "could not read program \"%s\": %m", from);
        return out >= 0 && same_file(in, out) ? 0 : copy(in, temp, path, err);
}
