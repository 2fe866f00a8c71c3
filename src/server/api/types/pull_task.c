/* Pull tasks (spec api.md 3, agent.md 10): their work is in core/pull_task.h. */
#include "formats/json.h"
#include "server/api/change.h"
#include "types.h"

int pull_task_validate(struct api_req *req, const struct type_def *def, struct field_values *values, struct record *old, struct dr_error *err) {
        (void) req, (void) def;
        const struct value *image = field_values_get(values, F_image);
        if (old || !image || image->tag != V_STR)
                return 0;
        auto_free char *uuid = str_starts(image->t->s, "docker:") || str_starts(image->t->s, "sim:") ? dr_xstrdup(image->t->s) : dr_xasprintf("docker:%s", image->t->s);
        if (container_check_image(uuid, err) < 0)
                return dr_fail(err, DR_E_INVALID_REFERENCE, "image", "\"%.200s\" is no image", image->t->s);
        return 0;
}

void pull_task_create(struct api_req *req, struct record *r, const struct field_values *values) {
        (void) values;
        AUTO(json_free) struct json_object *none = json_object_new_object();
        core_put_str(api_core(req), r, F_kind, "pullTask");
        core_put(api_core(req), r, F_status, value_json(none));
}
