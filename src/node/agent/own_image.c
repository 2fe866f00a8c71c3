#include "own_image.h"

#include "net/http.h"
#include "node/docker/message.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

enum { BLOCK = 512, PROGRAM_BYTES_MAX = 256 << 20 };

bool own_image_is(const char *image) {
        size_t n = strlen(OWN_IMAGE);
        return str_starts(image, OWN_IMAGE) && (image[n] == ':' || !image[n]);
}

/* A ustar header; sizes up to 8 GB, names up to 99 bytes. */
static void tar_head(struct sbuf *out, const char *name, char type, unsigned mode, size_t size, const char *link) {
        struct {
                char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], sum[8], type, link[100], magic[6], version[2], user[32], group[32], device[16], prefix[155], pad[12];
        } h = { .type = type, .magic = "ustar", .version = { '0', '0' } };
        _Static_assert(sizeof h == BLOCK, "a tar header is one block");
        snprintf(h.name, sizeof h.name, "%s", name);
        snprintf(h.mode, sizeof h.mode, "%07o", mode);
        snprintf(h.uid, sizeof h.uid, "%07o", 0);
        snprintf(h.gid, sizeof h.gid, "%07o", 0);
        snprintf(h.size, sizeof h.size, "%011zo", size);
        snprintf(h.mtime, sizeof h.mtime, "%011o", 0);
        snprintf(h.link, sizeof h.link, "%s", link);
        memset(h.sum, ' ', sizeof h.sum);
        unsigned sum = 0;
        for (size_t i = 0; i < sizeof h; i++)
                sum += ((const unsigned char *) &h)[i];
        snprintf(h.sum, sizeof h.sum, "%06o", sum);
        sbuf_add(out, &h, sizeof h);
}

static void tar_pad(struct sbuf *out, size_t size) {
        static const char zeros[BLOCK];
        sbuf_add(out, zeros, (BLOCK - size % BLOCK) % BLOCK);
}

static int add_program(int fd, size_t size, struct sbuf *out, struct dr_error *err) {
        char buf[65536];
        size_t left = size;
        tar_head(out, "bin/drover-node", '0', 0755, size, "");
        while (left) {
                ssize_t n = read(fd, buf, MIN(left, sizeof buf));
                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0)
                        return dr_fail(err, DR_E_INTERNAL, NULL, "could not read this program: %s", n < 0 ? strerror(errno) : "it got shorter");
                sbuf_add(out, buf, (size_t) n);
                left -= (size_t) n;
        }
        tar_pad(out, size);
        return 0;
}

int own_image_tar(const char *program, struct sbuf *ret, struct dr_error *err) {
        static const char *const links[] = { "bin/drover-bridge", "bin/drover-ipam", "bin/rancher-bridge", "bin/rancher-cni-ipam", "bin/healthcheck" };
        static const char end[2 * BLOCK];
        auto_close int fd = open(program, O_RDONLY | O_CLOEXEC);
        struct stat st;
        if (fd < 0 || fstat(fd, &st) < 0)
                return dr_fail(err, DR_E_INTERNAL, NULL, "could not open this program, \"%.100s\": %m", program);
        if (st.st_size <= 0 || st.st_size > PROGRAM_BYTES_MAX)
                return dr_fail(err, DR_E_TOO_LARGE, NULL, "this program cannot be put into an image: it has %lld bytes", (long long) st.st_size);
        *ret = (struct sbuf) SBUF((size_t) st.st_size + (64 << 10));
        tar_head(ret, "bin/", '5', 0755, 0, "");
        tar_head(ret, "etc/", '5', 0755, 0, "");
        tar_head(ret, "tmp/", '5', 01777, 0, "");
        int r = add_program(fd, (size_t) st.st_size, ret, err);
        if (r < 0)
                return r;
        for (size_t i = 0; i < ARRAY_LEN(links); i++)
                tar_head(ret, links[i], '2', 0777, 0, "drover-node");
        sbuf_add(ret, end, sizeof end);
        return sbuf_ok(ret) ? 0 : dr_fail(err, DR_E_TOO_LARGE, NULL, "this program does not fit into an image");
}

void own_image_path(const char *image, struct sbuf *ret) {
        static const char *const changes[] = {
                "ENTRYPOINT [\"/bin/drover-node\"]", "ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", ("LABEL io.drover.version=" DROVER_VERSION),
        };
        auto_free char *repository = NULL, *tag = NULL;
        docker_image_split(image, &repository, &tag);
        sbuf_puts(ret, "/images/create?fromSrc=-&repo=");
        http_escape(ret, repository);
        sbuf_puts(ret, "&tag=");
        http_escape(ret, tag);
        for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
                sbuf_puts(ret, "&changes=");
                http_escape(ret, changes[i]);
        }
}
