#include "join_command.h"

#include "base/sbuf.h"

enum { COMMAND_BYTES_MAX = 16 * 1024 };

static const char address_chars[] = "0123456789abcdefABCDEF.:";
static const char label_chars[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/:@,+ ";

int join_command_make(const char *command, const char *ip, const char *const *labels, size_t n, char **ret, struct dr_error *err) {
        auto_sbuf struct sbuf list = SBUF(COMMAND_BYTES_MAX), vars = SBUF(COMMAND_BYTES_MAX), b = SBUF(COMMAND_BYTES_MAX);
        if (ip && (!*ip || ip[strspn(ip, address_chars)] != '\0'))
                return dr_fail(err, DR_E_INVALID_FORMAT, "ip", "\"%.64s\" is not an IP address", ip);
        for (size_t i = 0; i < n; i++) {
                const char *eq = strchr(labels[i], '=');
                if (!eq || eq == labels[i])
                        return dr_fail(err, DR_E_INVALID_FORMAT, "label", "label \"%.64s\" is not KEY=VALUE", labels[i]);
                if (strspn(labels[i], label_chars) != (size_t) (eq - labels[i]) || eq[1 + strspn(eq + 1, label_chars)] != '\0')
                        return dr_fail(err, DR_E_INVALID_CHARACTERS, "label", "label \"%.64s\" has characters that the join command cannot carry", labels[i]);
                sbuf_printf(&list, "%s%s", i ? "&" : "", labels[i]);
        }
        const char *docker = strstr(command, "docker run"), *at;
        const char *prefix = docker ? "-e " : "";
        if (ip)
                sbuf_printf(&vars, "%sCATTLE_AGENT_IP='%s' ", prefix, ip);
        if (n)
                sbuf_printf(&vars, "%sCATTLE_HOST_LABELS='%s' ", prefix, sbuf_str(&list));
        if (!vars.len) {
                *ret = dr_xstrdup(command);
                return 0;
        }
        if (docker) {
                at = strstr(docker, " -v ");
        } else {
                const char *pipe = strrchr(command, '|');
                at = pipe ? strstr(pipe, " sh") : NULL;
        }
        if (!at)
                return dr_fail(err, DR_E_INVALID_FORMAT, NULL, "cannot put address and labels into the server's join command \"%.200s\"", command);
        sbuf_add(&b, command, (size_t) (at + 1 - command));
        sbuf_puts(&b, sbuf_str(&vars));
        sbuf_puts(&b, at + 1);
        if (!sbuf_ok(&b) || !sbuf_ok(&list) || !sbuf_ok(&vars))
                return dr_fail(err, DR_E_TOO_LARGE, NULL, "the join command is longer than %d bytes", COMMAND_BYTES_MAX);
        *ret = sbuf_steal(&b);
        return 0;
}
