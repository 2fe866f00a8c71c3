#include "node/netmgr/plugin_result.h"

#include "node/cni/result.h"
#include "node/json_view.h"

#include <arpa/inet.h>
#include <stdio.h>

enum { ERROR_CHARS_MAX = 360 };

static bool is_ipv4(const char *cidr, char ret[64]) {
        struct in_addr a;
        snprintf(ret, 64, "%.*s", (int) MIN(strcspn(cidr, "/"), (size_t) 63), cidr);
        return inet_pton(AF_INET, ret, &a) == 1;
}

int plugin_result_read(const char *buf, size_t len, char **ret, char ret_ip[64], struct dr_error *err) {
        AUTO(jv_put) json_object *o = jv_parse(buf, len, PLUGIN_RESULT_BYTES_MAX, err);
        auto_cni_result struct cni_result result = { 0 };
        struct cni_error why = { 0 };
        if (!o)
                return -EINVAL;
        if (cni_result_parse(o, &result, &why) < 0)
                return dr_fail(err, DR_E_INVALID_BODY, NULL, "its result cannot be read: %.200s", why.msg);
        *ret = NULL;
        AUTO(jv_put) json_object *old = cni_result_json(&result, CNI_0_2_0);
        json_object *ip4 = jv_obj(old, "ip4");
        if (!is_ipv4(jv_str(ip4, "ip"), ret_ip))
                return 0;
        AUTO(jv_put) json_object *state = json_object_new_object();
        json_object_object_add(state, "ip4", json_object_get(ip4));
        json_object_object_add(state, "dns", jv_obj(old, "dns") ? json_object_get(jv_obj(old, "dns")) : json_object_new_object());
        *ret = dr_xstrdup(jv_print(state));
        return 0;
}

char *plugin_error_text(const char *out, size_t out_len, const char *err_text, int exit_status, int signum) {
        AUTO(jv_put) json_object *o = jv_parse(out, out_len, PLUGIN_RESULT_BYTES_MAX, NULL);
        const char *msg = jv_str(o, "msg"), *details = jv_str(o, "details");
        if (*msg)
                return dr_xasprintf("%.*s%s%.*s", ERROR_CHARS_MAX, msg, *details ? ": " : "", ERROR_CHARS_MAX, details);
        size_t n = strlen(err_text);
        while (n > 0 && strchr("\r\n \t", err_text[n - 1]))
                n--;
        const char *line = err_text + n;
        while (line > err_text && line[-1] != '\n')
                line--;
        if (n > 0)
                return dr_xasprintf("%.*s", (int) MIN((size_t) (err_text + n - line), (size_t) ERROR_CHARS_MAX), line);
        return signum ? dr_xasprintf("it was killed by signal %d", signum) : dr_xasprintf("it ended with status %d without a word", exit_status);
}
