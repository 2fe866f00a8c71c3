/* CNI: a configuration with its CNI_ARGS (first line), and what another plugin printed. */
#include "node/cni/bridge-internal.h"
#include "node/cni/ipam.h"
#include "node/json_view.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static const char *const commands[] = { "ADD", "DEL", "CHECK", "GC", "STATUS" };
        const char *text = (const char *) data, *line = size ? memchr(text, '\n', size) : NULL;
        auto_free char *args = line ? dr_xstrndup(text, (size_t) (line - text)) : NULL;
        const char *conf = line ? line + 1 : text;
        size_t len = size - (size_t) (conf - text);
        struct cni_env env = { .command = commands[size % ARRAY_LEN(commands)], .container_id = "0123456789abcdef0123456789abcdef", .netns = "/n", .ifname = "eth0", .args = args };
        auto_cni_request struct cni_request r;
        auto_cni_result struct cni_result result = { 0 }, again = { 0 };
        struct cni_error err = { 0 };
        if (cni_request_parse(&env, conf, len, &r, &err) == 0) {
                struct bridge_conf c;
                if (bridge_conf_read(&r, &c, &err) == 0 && c.hairpin && c.promisc)
                        abort();
                auto_cni_result struct cni_result ipam = { 0 };
                if (r.args.ip && ipam_add(&r, &ipam, &err) == 0 && ipam.ips.n != 1)     /* without an address it would ask metadata */
                        abort();
        } else if (!err.code || !err.msg[0]) {
                abort();
        }
        json_object *o = jv_parse(conf, len, CNI_RESULT_BYTES_MAX, NULL);
        if (o && cni_result_parse(o, &result, &err) == 0)
                for (int v = 0; v < CNI_VERSION_MAX; v++) {
                        json_object *made = cni_result_json(&result, (enum cni_version) v);
                        cni_result_done(&again);
                        if (cni_result_parse(made, &again, &err) < 0 || again.ips.n > result.ips.n)
                                abort();
                        json_object_put(made);
                }
        json_object_put(o);
        return 0;
}
