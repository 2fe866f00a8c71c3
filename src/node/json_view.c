#include "json_view.h"

json_object *jv_parse(const char *buf, size_t len, size_t max, struct dr_error *err) {
        if (err)
                *err = (struct dr_error) { 0 };
        if (len > max || len > INT32_MAX) {
                dr_fail(err, DR_E_TOO_LARGE, NULL, "a JSON text of %zu bytes is longer than %zu bytes", len, max);
                return NULL;
        }
        struct json_tokener *t = json_tokener_new_ex(JSON_VIEW_DEPTH_MAX);
        if (!t)
                abort();
        json_tokener_set_flags(t, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
        json_object *o = json_tokener_parse_ex(t, buf, (int) len);
        enum json_tokener_error e = json_tokener_get_error(t);
        if (e == json_tokener_continue) {               /* a bare number at the end is complete only when something follows */
                o = json_tokener_parse_ex(t, "", 1);
                e = json_tokener_get_error(t);
        }
        if (e != json_tokener_success) {
                dr_fail(err, DR_E_INVALID_BODY, NULL, "not valid JSON at byte %zu: %s", json_tokener_get_parse_end(t),
                        json_tokener_error_desc(e));
                json_object_put(o);
                o = NULL;
        }
        json_tokener_free(t);
        return o;
}
