#include "errors.h"

#include "base/log.h"

/* Codes whose body names the field at fault and carries no message (api.md 1.7). */
static bool is_validation(enum dr_code code) {
        switch (code) {
        case DR_E_MISSING_REQUIRED: case DR_E_NOT_NULLABLE: case DR_E_INVALID_OPTION: case DR_E_INVALID_FORMAT:
        case DR_E_INVALID_DATE_FORMAT: case DR_E_INVALID_REFERENCE: case DR_E_NOT_UNIQUE: case DR_E_MIN_LENGTH: case DR_E_MAX_LENGTH:
        case DR_E_MIN_LIMIT: case DR_E_MAX_LIMIT: case DR_E_INVALID_CHARACTERS: case DR_E_INVALID_ACTION:
        case DR_E_ACTION_NOT_AVAILABLE: case DR_E_INVALID_STATE: case DR_E_PORT_FORMAT: case DR_E_PORT_PUBLIC:
        case DR_E_PORT_PRIVATE: case DR_E_PORT_PROTOCOL: case DR_E_EMPTY_SECRET: case DR_E_INVALID_BASE64:
                return true;
        default:
                return false;
        }
}

/* Bare statuses: code and message are the same text. */
static bool is_bare(enum dr_code code) {
        switch (code) {
        case DR_E_BAD_REQUEST: case DR_E_UNAUTHORIZED: case DR_E_FORBIDDEN: case DR_E_NOT_FOUND: case DR_E_METHOD:
        case DR_E_NOT_ACCEPTABLE: case DR_E_CONFLICT: case DR_E_TOO_LARGE: case DR_E_UNPROCESSABLE: case DR_E_INTERNAL:
        case DR_E_UNAVAILABLE:
                return true;
        default:
                return false;
        }
}

void error_begin(struct jw *w, struct rng *rng, int status, const char *code, char id[UUID_CHARS + 1]) {
        struct uuid u;
        uuid_make(rng, &u);
        uuid_format(&u, id);
        jw_begin_object(w);
        jw_kstring(w, "id", id);
        jw_kstring(w, "type", "error");
        jw_kstring(w, "baseType", "error");
        jw_key(w, "links");
        jw_begin_object(w);
        jw_end(w);
        jw_key(w, "actions");
        jw_begin_object(w);
        jw_end(w);
        jw_kint(w, "status", status);
        jw_kstring(w, "code", code);
}

void error_write(struct api_req *req, const struct dr_error *err, struct sbuf *out) {
        const struct dr_error_row *row = dr_error_row(err->code);
        bool validation = is_validation(err->code), hidden = row->http_status == 500;
        char id[UUID_CHARS + 1];
        struct jw w = JW(out, JSON_ESCAPE_SLASH);
        error_begin(&w, core_rng(api_core(req)), row->http_status, row->api_code, id);
        if (hidden)             /* the cause stays here, under the id that the client can tell */
                log_error("request failed", "id", id, "path", str_or(req->self, ""), "reason", err->message, NULL);
        jw_kstring(&w, "message", validation ? NULL : is_bare(err->code) ? row->api_code : hidden ? NULL : err->message);
        /* Upstream leaves detail null; saying why costs no client anything. */
        jw_kstring(&w, "detail", hidden || !*err->message ? NULL : err->message);
        if (validation)
                jw_kstring(&w, "fieldName", *err->field ? err->field : NULL);
        jw_end(&w);
}
