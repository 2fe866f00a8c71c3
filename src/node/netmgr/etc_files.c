#include "node/netmgr/etc_files.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>

static bool has_word(const char *line, size_t n, const char *word) {
        for (size_t i = 0; i < n; ) {
                i += strspn(line + i, " \t\r");
                size_t len = i < n ? strcspn(line + i, " \t\r\n") : 0;
                if (len && i + len <= n && len == strlen(word) && memcmp(line + i, word, len) == 0)
                        return true;
                i += len ? len : 1;
        }
        return false;
}

static bool is_keyword(const char *line, size_t n, const char *word) {
        size_t len = strlen(word);
        return n >= len && memcmp(line, word, len) == 0 && (n == len || line[len] == ' ' || line[len] == '\t');
}

static void search_line(const char *line, size_t n, const char *const *domains, bool last, struct sbuf *out) {
        const char *rest = line + strlen("search");
        size_t rest_n = n - strlen("search");
        sbuf_puts(out, "search");
        if (last)
                sbuf_add(out, rest, rest_n);
        for (size_t i = 0; domains[i]; i++)
                if (!has_word(rest, rest_n, domains[i]))
                        sbuf_printf(out, " %s", domains[i]);
        if (!last)
                sbuf_add(out, rest, rest_n);
        sbuf_putc(out, '\n');
}

void resolv_rewrite(const char *text, const char *const *domains, bool last, const char *server, struct sbuf *out) {
        bool has_server = false, has_search = false;
        for (const char *p = text; *p; ) {
                size_t n = strcspn(p, "\n");
                if (is_keyword(p, n, "nameserver")) {
                        bool ours = has_word(p + strlen("nameserver"), n - strlen("nameserver"), server);
                        has_server |= ours;
                        sbuf_puts(out, ours ? "" : "# ");
                        sbuf_add(out, p, n);
                        sbuf_putc(out, '\n');
                } else if (is_keyword(p, n, "search")) {
                        has_search = true;
                        search_line(p, n, domains, last, out);
                } else {
                        sbuf_add(out, p, n);
                        sbuf_putc(out, '\n');
                }
                p += n + (p[n] == '\n');
        }
        if (!has_search && domains[0]) {
                sbuf_puts(out, "search");
                for (size_t i = 0; domains[i]; i++)
                        sbuf_printf(out, " %s", domains[i]);
                sbuf_putc(out, '\n');
        }
        if (!has_server)
                sbuf_printf(out, "nameserver %s\n", server);
}

void hosts_add(const char *text, const char *ip, const char *name, struct sbuf *out) {
        auto_free char *line = dr_xasprintf("\n%s\t%s\n", ip, name);
        sbuf_puts(out, text);
        if (!strstr(text, line) && !str_starts(text, line + 1)) {
                if (*text && text[strlen(text) - 1] != '\n')
                        sbuf_putc(out, '\n');
                sbuf_puts(out, line + 1);
        }
}

int etc_open(const char *path, int pid, const char *file) {
        int fd = *path == '/' ? open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW) : -1;
        if (fd >= 0 || pid <= 0)
                return fd >= 0 ? fd : -ENOENT;
        auto_free char *root_path = dr_xasprintf("/proc/%d/root", pid);
        auto_close int root = open(root_path, O_PATH | O_CLOEXEC | O_DIRECTORY);
        struct open_how how = { .flags = O_RDWR | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, .resolve = RESOLVE_IN_ROOT };
        fd = root < 0 ? -1 : (int) syscall(SYS_openat2, root, file, &how, sizeof how);
        struct stat st;
        if (fd >= 0 && (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))) {
                close(fd);
                return -EINVAL;
        }
        return fd >= 0 ? fd : -errno;
}

int etc_read(int fd, char **ret) {
        auto_free char *buf = dr_xmalloc(ETC_BYTES_MAX + 1);
        size_t len = 0;
        ssize_t n;
        while (len < ETC_BYTES_MAX && (n = pread(fd, buf + len, ETC_BYTES_MAX - len, (off_t) len)) != 0) {
                if (n < 0)
                        return -errno;
                len += (size_t) n;
        }
        if (len == ETC_BYTES_MAX)
                return -EFBIG;
        buf[len] = 0;
        *ret = dr_take(buf);
        return 0;
}

int etc_replace(int fd, const struct sbuf *text) {
        if (!sbuf_ok(text))
                return -EFBIG;
        for (size_t done = 0; done < text->len; ) {
                ssize_t n = pwrite(fd, text->data + done, text->len - done, (off_t) done);
                if (n < 0)
                        return -errno;
                done += (size_t) n;
        }
        return ftruncate(fd, (off_t) text->len) < 0 ? -errno : 0;
}
