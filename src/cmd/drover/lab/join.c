#include "join.h"

#include "base/sbuf.h"
#include "host.h"
#include "switch.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/wait.h>

enum { TAIL_BYTES = 2000 };

char *join_find_origin(const char *text) {
        for (const char *s = text; (s = strstr(s, "http")); s++) {
                size_t scheme = str_starts(s, "http://") ? 7 : str_starts(s, "https://") ? 8 : 0;
                size_t host = scheme ? strcspn(s + scheme, "/ \t\n'\"\\;|&<>()$`?#") : 0;
                if (host)
                        return dr_xstrndup(s, scheme + host);
        }
        return NULL;
}

char *join_replace(const char *text, const char *from, const char *to) {
        auto_sbuf struct sbuf b = SBUF(JOIN_COMMAND_BYTES_MAX);
        size_t n = strlen(from);
        for (const char *s = text; *s;) {
                if (n && strncmp(s, from, n) == 0 && !isalnum((unsigned char) s[n]) && s[n] != '.' && s[n] != '-') {
                        sbuf_puts(&b, to);
                        s += n;
                } else {
                        sbuf_putc(&b, *s++);
                }
        }
        return sbuf_ok(&b) ? sbuf_steal(&b) : NULL;
}

int join_relay(const struct lab *l, const char *server_url, char **ret, struct dr_error *err) { return switch_relay(l, server_url, ret, err); }

/* In a child of its own: one host's output goes to its join.log. */
static _Noreturn void join_one(const struct lab *l, const struct lab_host *h, const char *script, const char *relay) {
        auto_free char *log = lab_path(l, "hosts/%s/log/join.log", h->name);
        auto_free char *ip = dr_xasprintf("CATTLE_AGENT_IP=%s", h->address);
        auto_free char *url = dr_xasprintf("CATTLE_URL_OVERRIDE=%s/v1", relay);
        /* The installer needs no keys of the API. */
        unsetenv("RANCHER_ACCESS_KEY");
        unsetenv("RANCHER_SECRET_KEY");
        int in = open("/dev/null", O_RDONLY | O_CLOEXEC);
        int out = open(log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        if (in < 0 || out < 0 || dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0)
                _exit(126);
        struct dr_error err = { 0 };
        int code = host_exec(l, h, (const char *[]) { "/bin/sh", "-c", script, NULL }, (const char *[]) { ip, url, NULL }, &err);
        if (code < 0)
                fprintf(stderr, "%s\n", err.message);
        _exit(code < 0 ? 126 : code);
}

static void print_tail(const char *path) {
        auto_free char *text = lab_file_read(path, 1 << 20);
        size_t n = text ? strlen(text) : 0;
        const char *s = n > TAIL_BYTES ? text + n - TAIL_BYTES : text;
        if (n)
                fprintf(stderr, "end of %s:\n%s%s", path, s, text[n - 1] == '\n' ? "" : "\n");
}

int join_hosts(const struct lab *l, const char *server_url, const char *command, size_t first, size_t last, struct dr_error *err) {
        auto_free char *written = join_find_origin(command);
        if (!server_url)
                server_url = written;
        if (!server_url)
                return dr_fail(err, DR_E_INVALID_FORMAT, NULL, "the join command holds no URL of a server");
        auto_free char *relay = NULL;
        int r = join_relay(l, server_url, &relay, err);
        if (r < 0)
                return r;
        auto_free char *given = join_find_origin(server_url);
        auto_free char *once = join_replace(command, given ? given : server_url, relay);
        auto_free char *twice = once && written ? join_replace(once, written, relay) : dr_xstrdup(once);
        if (!twice)
                return dr_fail(err, DR_E_TOO_LARGE, NULL, "the join command is longer than %d bytes", JOIN_COMMAND_BYTES_MAX);
        /* We are root already, and the program may be missing. */
        auto_free char *script = dr_xasprintf("sudo() { \"$@\"; }\n%s", twice);

        pid_t pids[LAB_HOSTS_MAX + 1] = { 0 };
        fflush(NULL);
        for (size_t n = first; n <= last; n++) {
                struct lab_host h;
                lab_host_get(l, n, &h);
                pids[n] = fork();
                if (pids[n] == 0)
                        join_one(l, &h, script, relay);
        }
        for (size_t n = first; n <= last; n++) {
                struct lab_host h;
                int status = -1;
                lab_host_get(l, n, &h);
                while (pids[n] > 0 && waitpid(pids[n], &status, 0) < 0 && errno == EINTR)
                        ;
                if (pids[n] > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0) {
                        printf("%-8s joined %s\n", h.name, server_url);
                        fflush(stdout);
                        continue;
                }
                auto_free char *log = lab_path(l, "hosts/%s/log/join.log", h.name);
                if (r >= 0)
                        print_tail(log);
                int code = pids[n] > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
                r = dr_fail(err, DR_E_INTERNAL, NULL, "%s could not join \"%s\": the join command ended with code %d, see \"%s\"", h.name, server_url, code, log);
        }
        return r;
}
