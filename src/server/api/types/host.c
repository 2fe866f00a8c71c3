/* Hosts (spec api.md 3.2; orchestration.md 3.9). Removing an active one is 405: it is deactivated first. */
#include "core/hosts.h"
#include "server/api/access.h"
#include "server/api/change.h"
#include "server/api/encode.h"
#include "types.h"

enum { LABELS_MAX = 1000, LABEL_BYTES_MAX = 4096 };

/* Labels are a map of short strings; "io.rancher..." ones are the user's as well. */
static int check_labels(struct json_object *labels, struct dr_error *err) {
        if (json_object_object_length(labels) > LABELS_MAX)
                return dr_fail(err, DR_E_MAX_LIMIT, "labels", "a host has at most %d labels", LABELS_MAX);
        json_object_object_foreach(labels, key, v) {
                if (!*key || strlen(key) > LABEL_BYTES_MAX)
                        return dr_fail(err, DR_E_INVALID_FORMAT, "labels", "the key of a label has 1 to %d bytes", LABEL_BYTES_MAX);
                if (v && strlen(json_object_get_string(v)) > LABEL_BYTES_MAX)
                        return dr_fail(err, DR_E_MAX_LENGTH, "labels", "label \"%.80s\" is longer than %d bytes", key, LABEL_BYTES_MAX);
        }
        return 0;
}

int host_validate(struct api_req *req, const struct type_def *def, struct field_values *values, struct record *old, struct dr_error *err) {
        static const enum field_id amounts[] = { F_memory, F_milliCpu, F_localStorageMb };
        const struct value *labels = field_values_get(values, F_labels);
        for (size_t i = 0; i < ARRAY_LEN(amounts); i++) {
                const struct value *v = field_values_get(values, amounts[i]);
                if (v && v->tag == V_INT && v->i < 0)
                        return dr_fail(err, DR_E_MIN_LIMIT, field_name(amounts[i]), "%s is not below 0", field_name(amounts[i]));
        }
        if (!old && machine_validate(req, def, values, old, err) < 0)
                return -EINVAL;
        return labels && labels->tag == V_JSON ? check_labels(text_json(labels->t), err) : 0;
}

int host_action(struct api_req *req, struct record *r, const struct action_def *a, struct field_values *in, struct dr_error *err) {
        if (str_eq(a->name, "evacuate"))
                return hosts_evacuate(api_core(req), r, err);
        if (str_eq(a->name, "delete")) {        /* as DELETE */
                int k = core_process_start(api_core(req), r, P_host_remove, NULL, err);
                if (k < 0)
                        err->code = DR_E_METHOD;
                return k;
        }
        return host_access_action(req, r, a, in, err);
}
