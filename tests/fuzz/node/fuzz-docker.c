/* Whatever the engine sends: an event stream cut into pieces, pull progress, version, inspect documents, error bodies. */
#include "node/docker/json_split.h"
#include "node/docker/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int on_object(const char *object, size_t len, void *arg) {
        struct docker_event e;
        struct docker_progress p;
        struct docker_version v;
        struct docker_container c;
        struct dr_error err;
        if (docker_event_parse(object, len, &e, &err) == 1 && strlen(e.id) < 12)
                abort();
        (void) docker_progress_parse(object, len, &p, &err);
        if (docker_version_parse(object, len, &v, &err) == 0) {
                int minor = docker_api_choose(v.api, v.min_api, &err);
                if (minor >= 0 && (minor < DOCKER_API_MIN || minor > DOCKER_API_MAX))
                        abort();
        }
        AUTO(jv_put) json_object *o = jv_parse(object, len, 1 << 20, &err);
        if (o && docker_container_parse(o, &c, &err) == 0) {
                if (!c.name || !c.ip || c.state >= DOCKER_STATE_MAX)
                        abort();
                docker_container_done(&c);
        }
        free(docker_registry_auth(o));
        return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        struct json_split s = JSON_SPLIT(4096);
        struct dr_error err;
        char text[64];
        size_t half = size / 2;
        if (json_split_feed(&s, (const char *) data, half, on_object, NULL, &err) == 0)
                (void) json_split_feed(&s, (const char *) data + half, size - half, on_object, NULL, &err);
        json_split_done(&s);
        docker_error_text((const char *) data, size, text, sizeof text);
        auto_free char *image = dr_xstrndup((const char *) data, size), *repository = NULL, *tag = NULL;
        docker_image_split(image, &repository, &tag);
        return 0;
}
