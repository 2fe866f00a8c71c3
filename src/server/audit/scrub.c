#include "scrub.h"

enum { DEPTH_MAX = 64 };
#define BLANK "***"

static bool is_secret_name(const char *key) {
        static const char *const names[] = { "secretValue", "secretKey", "secretKeyId", "secret", "password", "oldSecret", "newSecret", "code", "jwt", "token",
                                             "registrationUrl", "command", "windowsCommand", "accessToken", "clientSecret", "serviceAccountPassword" };
        for (size_t i = 0; i < ARRAY_LEN(names); i++)
                if (str_ieq(names[i], key))
                        return true;
        return false;
}

/* Fields that are secret in one type only. "command" of containers is none; that of registration tokens holds the token. */
static bool is_secret_of(const struct type_def *def, const char *key) {
        if (!def)
                return is_secret_name(key);
        if (str_eq(key, "command") || str_eq(key, "windowsCommand"))
                return def->id == T_registrationToken;
        if (str_eq(key, "key"))
                return def->id == T_certificate || def->id == T_register;
        if (str_eq(key, "value"))
                return def->id == T_secret;
        enum field_id f = field_by_name(key, strlen(key));
        const struct field_def *d = f == F_NONE ? NULL : type_field(def, f);
        return is_secret_name(key) || (d && d->type->kind == FK_PASSWORD);
}

/* Configurations of machine drivers hold keys of clouds. */
static bool is_driver_config(const struct type_def *def, const char *key) {
        size_t n = strlen(key);
        return def && (def->id == T_host || def->id == T_machine || def->id == T_hostTemplate) && n > 6 && str_eq(key + n - 6, "Config");
}

static void blank_values(struct json_object *map) {
        json_object_object_foreach(map, key, v) {
                (void) v;
                json_set_str(map, key, BLANK);
        }
}

char *scrub_url(const char *url) {
        const char *host = strstr(url, "://");
        host = host ? host + 3 : NULL;
        const char *at = NULL, *colon = host ? memchr(host, ':', strcspn(host, "/")) : NULL;
        for (const char *p = host; p && *p && *p != '/'; p++)
                at = *p == '@' ? p : at;        /* the last one: a password may hold others */
        if (!at || !colon || colon > at)
                return dr_xstrdup(url);
        return dr_xasprintf("%.*s:xxxxx%s", (int) (colon - url), url, at);
}

static void blank_url(struct json_object *o, const char *key, struct json_object *v) {
        auto_free char *shown = scrub_url(json_object_get_string(v));
        json_set_str(o, key, shown);
}

static void walk(struct json_object *o, const struct type_def *def, unsigned depth) {
        if (depth == 0)
                return;
        if (json_object_is_type(o, json_type_array)) {
                for (size_t i = 0; i < json_object_array_length(o); i++)
                        walk(json_object_array_get_idx(o, i), def, depth - 1);
                return;
        }
        if (!json_object_is_type(o, json_type_object))
                return;
        json_object_object_foreach(o, key, v) {
                if (!v)
                        continue;
                if (is_secret_of(def, key) || is_driver_config(def, key))
                        json_set_str(o, key, BLANK);
                else if (!def && str_eq(key, "url") && json_object_is_type(v, json_type_string))
                        blank_url(o, key, v);
                else if (str_eq(key, "environment") && json_object_is_type(v, json_type_object))
                        blank_values(v);
                else
                        walk(v, def, depth - 1);
        }
}

void scrub(struct json_object *o, const struct type_def *def) { walk(o, def, DEPTH_MAX); }
