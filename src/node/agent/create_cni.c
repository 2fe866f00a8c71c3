#include "create_body-internal.h"

#include "node/entry/entry.h"

/* Labels: what the spec says wins, except for the wait, which is the agent's own doing. */
void add_cni_labels(json_object *network, json_object *labels) {
        const struct { const char *label, *value; } known[] = {
                { "io.rancher.cni.network", jv_str(network, "name") },
                { "io.rancher.container.mac_address", jv_str(network, "mac") },
                { "io.rancher.container.ip", jv_str(network, "ip") },
        };
        for (size_t i = 0; i < ARRAY_LEN(known); i++)
                if (*known[i].value && !jv_get(labels, known[i].label))
                        json_object_object_add(labels, known[i].label, json_object_new_string(known[i].value));
        json_object_object_add(labels, "io.rancher.cni.wait", json_object_new_string("true"));
}

/* [""] takes the image's entrypoint away, as docker run --entrypoint "" does. */
static json_object *words_of(json_object *v) {
        return jv_len(v) == 1 && !*jv_text(jv_at(v, 0)) ? NULL : engine_list(v);
}

/* The entry wait in front of what would run: Docker's rule for what the image adds is carried out here, because an entrypoint that is
 * given drops the image's command. Without any command nothing is added: the engine says so. */
static bool put_entry(struct build *b) {
        json_object *image = b->facts->image_config, *own = jv_get(b->config, "Entrypoint"), *cmd = jv_get(b->config, "Cmd");
        AUTO(jv_put) json_object *entry = own ? words_of(own) : engine_list(jv_get(image, "Entrypoint"));
        AUTO(jv_put) json_object *args = cmd ? json_object_get(cmd) : own ? NULL : engine_list(jv_get(image, "Cmd"));
        if (jv_len(entry) == 0 && jv_len(args) == 0)
                return false;
        json_object *all = json_object_new_array();
        json_object_array_add(all, json_object_new_string(ENTRY_PROGRAM));
        for (size_t i = 0; i < jv_len(entry); i++)
                json_object_array_add(all, json_object_get(jv_at(entry, i)));
        json_object_object_add(b->config, "Entrypoint", all);
        if (args)
                json_object_object_add(b->config, "Cmd", dr_take(args));
        return true;
}

static bool is_ours(const char *bind) {
        const char *colon = strchr(bind, ':');
        return colon && (str_eq(colon + 1, ENTRY_DIR) || str_starts(colon + 1, ENTRY_DIR ":") || str_starts(colon + 1, ENTRY_DIR "/"));
}

/* A bind that is there under these names is replaced (agent.md 8). */
static void put_binds(struct build *b) {
        json_object *before = jv_arr(b->host, "Binds"), *binds = json_object_new_array();
        for (size_t i = 0; i < jv_len(before); i++)
                if (!is_ours(jv_text(jv_at(before, i))))
                        json_object_array_add(binds, json_object_get(jv_at(before, i)));
        auto_free char *entry = dr_xasprintf("%s/entry:" ENTRY_DIR ":ro", b->facts->state_dir), *cni = dr_xasprintf("%s/cni:" ENTRY_DIR "/cni:ro", b->facts->state_dir);
        json_object_array_add(binds, json_object_new_string(entry));
        json_object_array_add(binds, json_object_new_string(cni));
        json_object_object_add(b->host, "Binds", binds);
        if (jv_obj(b->config, "Volumes"))
                json_object_object_del(jv_obj(b->config, "Volumes"), ENTRY_DIR);
}

int put_cni(struct build *b, json_object *v, struct dr_error *err) {
        if (b->net != NET_CNI)
                return 0;
        json_object *dns = jv_get(b->host, "Dns") ? NULL : engine_list(jv_get(v, "dns"));
        if (dns)
                json_object_object_add(b->host, "Dns", dns);
        if (b->facts->state_dir && put_entry(b))
                put_binds(b);
        return 0;
}
