#include "image.h"

#include "base/sbuf.h"
#include "prog.h"

#include <elf.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <sys/stat.h>

enum { TAR_BLOCK = 512, LAYER_BYTES_MAX = 1 << 30, CONFIG_BYTES_MAX = 1 << 20, SHA256_HEX = 64 };

static const char *const folders[] = { "bin", "dev", "etc", "home", "proc", "root", "run", "sys", "tmp", "usr", "usr/bin", "var", "www" };
static const struct { const char *path, *text; } texts[] = {
        { "etc/passwd", "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/home:/bin/false\n" },
        { "etc/group", "root:x:0:\nnogroup:x:65534:\n" },
};

/* One ustar member. type: '0' file, '2' link, '5' folder. Owner root, time 0. */
static void tar_add(struct sbuf *b, const char *path, char type, unsigned mode, const char *link, const void *data, size_t n) {
        char head[TAR_BLOCK] = { 0 };
        snprintf(head, 100, "%s", path);
        snprintf(head + 100, 8, "%07o", mode);
        snprintf(head + 108, 8, "%07o", 0);
        snprintf(head + 116, 8, "%07o", 0);
        snprintf(head + 124, 12, "%011zo", n);
        snprintf(head + 136, 12, "%011o", 0);
        memset(head + 148, ' ', 8);
        head[156] = type;
        snprintf(head + 157, 100, "%s", link ? link : "");
        memcpy(head + 257, "ustar\00000", 8);
        unsigned sum = 0;
        for (size_t i = 0; i < TAR_BLOCK; i++)
                sum += (unsigned char) head[i];
        snprintf(head + 148, 8, "%06o", sum);
        sbuf_add(b, head, TAR_BLOCK);
        sbuf_add(b, data, n);
        static const char zeros[TAR_BLOCK];
        sbuf_add(b, zeros, (TAR_BLOCK - n % TAR_BLOCK) % TAR_BLOCK);
}

static void tar_end(struct sbuf *b) {
        static const char zeros[2 * TAR_BLOCK];
        sbuf_add(b, zeros, sizeof zeros);
}

static int read_whole(const char *path, struct sbuf *b, unsigned *ret_mode, struct dr_error *err) {
        auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
        struct stat st;
        if (fd < 0 || fstat(fd, &st) < 0)
                return dr_fail(err, DR_E_NOT_FOUND, NULL, "could not open file \"%s\": %m", path);
        if (!S_ISREG(st.st_mode) || st.st_size > IMAGE_FILE_BYTES_MAX)
                return dr_fail(err, DR_E_TOO_LARGE, NULL, "\"%s\" is not a file of at most %d MB", path, IMAGE_FILE_BYTES_MAX >> 20);
        char buf[65536];
        ssize_t n;
        while ((n = read(fd, buf, sizeof buf)) > 0)
                sbuf_add(b, buf, (size_t) n);
        if (n < 0 || !sbuf_ok(b))
                return dr_fail(err, DR_E_INTERNAL, NULL, "could not read file \"%s\": %m", path);
        *ret_mode = st.st_mode & 0111 ? 0755 : 0644;
        return 0;
}

/* A program that needs a loader (PT_INTERP) has no libraries in the image. */
static bool is_static_elf(const struct sbuf *b) {
        Elf64_Ehdr h;
        if (b->len < sizeof h)
                return false;
        memcpy(&h, b->data, sizeof h);
        if (memcmp(h.e_ident, ELFMAG, SELFMAG) != 0 || h.e_ident[EI_CLASS] != ELFCLASS64)
                return false;
        for (unsigned i = 0; i < h.e_phnum; i++) {
                Elf64_Phdr p;
                uint64_t at = h.e_phoff + (uint64_t) i * h.e_phentsize;
                if (at > b->len || b->len - at < sizeof p)
                        return false;
                memcpy(&p, b->data + at, sizeof p);
                if (p.p_type == PT_INTERP)
                        return false;
        }
        return true;
}

static int add_busybox(struct sbuf *layer, struct dr_error *err) {
        auto_free char *path = prog_find("busybox");
        if (!path)
                return dr_fail(err, DR_E_NOT_FOUND, NULL, "program \"busybox\" is missing; install package busybox-static");
        auto_sbuf struct sbuf b = SBUF(IMAGE_FILE_BYTES_MAX);
        unsigned mode = 0;
        int r = read_whole(path, &b, &mode, err);
        if (r < 0)
                return r;
        if (!is_static_elf(&b))
                return dr_fail(err, DR_E_UNPROCESSABLE, NULL, "\"%s\" is not static; install package busybox-static", path);
        auto_free char *list = NULL;
        r = prog_run(&(struct prog) { .argv = PROG(path, "--list"), .ret_output = &list }, err);
        if (r < 0)
                return r;
        tar_add(layer, "bin/busybox", '0', 0755, NULL, b.data, b.len);
        char *save = NULL;
        for (char *applet = strtok_r(list, "\n", &save); applet; applet = strtok_r(NULL, "\n", &save)) {
                char member[100];
                if (str_eq(applet, "busybox") || strchr(applet, '/') || (size_t) snprintf(member, sizeof member, "bin/%s", applet) >= sizeof member)
                        continue;
                tar_add(layer, member, '2', 0777, "busybox", NULL, 0);
        }
        tar_add(layer, "usr/bin/env", '2', 0777, "../../bin/busybox", NULL, 0);
        return 0;
}

/* Whether the layer has the folder path[0..n) already when file number k is added: engines refuse a member that comes twice. */
static bool folder_known(const struct image_spec *spec, size_t k, const char *path, size_t n) {
        for (size_t i = 0; i < ARRAY_LEN(folders); i++)
                if (strlen(folders[i]) == n && memcmp(folders[i], path, n) == 0)
                        return true;
        for (size_t i = 0; i < k; i++)
                if (strncmp(spec->files[i].to + 1, path, n) == 0 && spec->files[i].to[1 + n] == '/')
                        return true;
        return false;
}

static int add_file(struct sbuf *layer, const struct image_spec *spec, size_t k, struct dr_error *err) {
        const struct image_file *f = &spec->files[k];
        if (f->to[0] != '/' || strlen(f->to) > 99 || strstr(f->to, "..") || str_ends(f->to, "/"))
                return dr_fail(err, DR_E_INVALID_FORMAT, "add", "\"%s\" is not an absolute file path of at most 99 characters", f->to);
        auto_sbuf struct sbuf b = SBUF(IMAGE_FILE_BYTES_MAX);
        unsigned mode = 0;
        int r = read_whole(f->from, &b, &mode, err);
        if (r < 0)
                return r;
        const char *path = f->to + 1;
        for (const char *s = path; (s = strchr(s, '/')); s++)
                if (!folder_known(spec, k, path, (size_t) (s - path))) {
                        auto_free char *folder = dr_xasprintf("%.*s/", (int) (s - path), path);
                        tar_add(layer, folder, '5', 0755, NULL, NULL, 0);
                }
        tar_add(layer, path, '0', mode, NULL, b.data ? b.data : "", b.len);
        return 0;
}

static int make_layer(const struct image_spec *s, struct sbuf *layer, struct dr_error *err) {
        for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
                auto_free char *path = dr_xasprintf("%s/", folders[i]);
                tar_add(layer, path, '5', str_eq(folders[i], "tmp") ? 01777 : 0755, NULL, NULL, 0);
        }
        for (size_t i = 0; i < ARRAY_LEN(texts); i++)
                tar_add(layer, texts[i].path, '0', 0644, NULL, texts[i].text, strlen(texts[i].text));
        int r = add_busybox(layer, err);
        for (size_t i = 0; i < s->n_files && r >= 0; i++)
                r = add_file(layer, s, i, err);
        tar_end(layer);
        if (r >= 0 && !sbuf_ok(layer))
                r = dr_fail(err, DR_E_TOO_LARGE, NULL, "the image is larger than %d MB", LAYER_BYTES_MAX >> 20);
        return r;
}

static void sha256_hex(const struct sbuf *b, char hex[SHA256_HEX + 1]) {
        unsigned char digest[EVP_MAX_MD_SIZE];
        unsigned n = 0;
        if (EVP_Digest(b->data, b->len, digest, &n, EVP_sha256(), NULL) != 1 || n * 2 != SHA256_HEX)
                abort();        /* no memory */
        for (unsigned i = 0; i < n; i++)
                snprintf(hex + 2 * i, 3, "%02x", digest[i]);
}

static void put_json(struct sbuf *b, const char *s) { sbuf_json_string(b, s, strlen(s)); }

static void make_config(const struct image_spec *s, const char *layer_hex, struct sbuf *b) {
        sbuf_puts(b, "{\"architecture\":\"amd64\",\"os\":\"linux\",\"created\":\"1970-01-01T00:00:00Z\",\"config\":{\"Env\":"
                     "[\"PATH=/bin:/usr/bin\"");
        for (size_t i = 0; s->env && s->env[i]; i++) {
                sbuf_putc(b, ',');
                put_json(b, s->env[i]);
        }
        sbuf_puts(b, "],");
        if (s->entrypoint) {
                sbuf_puts(b, "\"Entrypoint\":[");
                put_json(b, s->entrypoint);
                sbuf_puts(b, "],");
        }
        if (s->cmd) {
                sbuf_puts(b, "\"Cmd\":[\"/bin/sh\",\"-c\",");
                put_json(b, s->cmd);
                sbuf_puts(b, "]");
        } else if (s->entrypoint) {
                sbuf_puts(b, "\"Cmd\":null");
        } else {
                sbuf_puts(b, "\"Cmd\":[\"/bin/sh\"]");
        }
        sbuf_printf(b, "},\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha256:%s\"]},\"history\":[{\"created\":\"1970-01-01T00:00:00Z\","
                    "\"created_by\":\"drover lab image\"}]}", layer_hex);
}

static int write_out(const char *path, const struct sbuf *b, struct dr_error *err) {
        auto_close int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
        for (size_t done = 0; fd >= 0 && done < b->len;) {
                ssize_t n = write(fd, b->data + done, b->len - done);
                if (n < 0)
                        return dr_fail(err, DR_E_INTERNAL, NULL, "could not write file \"%s\": %m", path);
                done += (size_t) n;
        }
        return fd < 0 ? dr_fail(err, DR_E_INTERNAL, NULL, "could not make file \"%s\": %m", path) : 0;
}

int image_write(const struct image_spec *s, const char *path, struct dr_error *err) {
        if (!*s->name || strlen(s->name) > 200 || s->name[0] == '-')
                return dr_fail(err, DR_E_INVALID_FORMAT, "name", "\"%s\" is not an image name", s->name);
        auto_sbuf struct sbuf layer = SBUF(LAYER_BYTES_MAX), config = SBUF(CONFIG_BYTES_MAX), manifest = SBUF(CONFIG_BYTES_MAX),
                              all = SBUF((size_t) LAYER_BYTES_MAX + (4 << 20));
        int r = make_layer(s, &layer, err);
        if (r < 0)
                return r;
        char layer_hex[SHA256_HEX + 1], config_hex[SHA256_HEX + 1];
        sha256_hex(&layer, layer_hex);
        make_config(s, layer_hex, &config);
        if (!sbuf_ok(&config))
                return dr_fail(err, DR_E_TOO_LARGE, NULL, "the image's settings are too long");
        sha256_hex(&config, config_hex);

        auto_free char *config_name = dr_xasprintf("%s.json", config_hex);
        auto_free char *layer_dir = dr_xasprintf("%s/", layer_hex);
        auto_free char *layer_name = dr_xasprintf("%s/layer.tar", layer_hex);
        const char *slash = strrchr(s->name, '/');
        auto_free char *tagged = dr_xasprintf("%s%s", s->name, strchr(slash ? slash : s->name, ':') ? "" : ":latest");
        sbuf_printf(&manifest, "[{\"Config\":\"%s\",\"RepoTags\":[", config_name);
        put_json(&manifest, tagged);
        sbuf_printf(&manifest, "],\"Layers\":[\"%s\"]}]\n", layer_name);

        tar_add(&all, config_name, '0', 0644, NULL, config.data, config.len);
        tar_add(&all, layer_dir, '5', 0755, NULL, NULL, 0);
        tar_add(&all, layer_name, '0', 0644, NULL, layer.data, layer.len);
        tar_add(&all, "manifest.json", '0', 0644, NULL, manifest.data, manifest.len);
        tar_end(&all);
        if (!sbuf_ok(&all))
                return dr_fail(err, DR_E_TOO_LARGE, NULL, "the image is larger than %d MB", LAYER_BYTES_MAX >> 20);
        return write_out(path, &all, err);
}
