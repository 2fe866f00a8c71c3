#include "upgrade_config.h"

#include "formats/json.h"
#include "formats/portspec.h"

static const char *name_of(struct json_object *lc) { return json_str(lc, "name", ""); }
static size_t count(const struct json_object *list) { return list ? json_object_array_length(list) : 0; }

static struct json_object *by_name(struct json_object *list, const char *name) {
        for (size_t i = 0; i < count(list); i++)
                if (str_ieq(name_of(json_object_array_get_idx(list, i)), name))
                        return json_object_array_get_idx(list, i);
        return NULL;
}

static bool leaves(const struct record *s, struct json_object *lc) {
        return str_ends(json_str(lc, "imageUuid", ""), "rancher/none") && !record_has(s, F_selectorContainer);
}

/* The public port that this private port had, or 0. */
static uint16_t public_before(struct json_object *before, const struct portspec *p) {
        struct json_object *ports = json_get_array(before, "ports");
        for (size_t i = 0; i < count(ports); i++) {
                struct portspec was;
                const char *text = json_object_get_string(json_object_array_get_idx(ports, i));
                if (text && portspec_parse(text, &was, NULL) == 0 && was.private_port == p->private_port && was.protocol == p->protocol)
                        return was.public_port;
        }
        return 0;
}

static void carry_ports(struct json_object *lc, struct json_object *before) {
        struct json_object *ports = json_get_array(lc, "ports");
        for (size_t i = 0; i < count(ports); i++) {
                struct portspec p;
                char text[PORTSPEC_CHARS_MAX + 1];
                const char *given = json_object_get_string(json_object_array_get_idx(ports, i));
                if (!given || portspec_parse(given, &p, NULL) < 0 || p.public_port || !(p.public_port = public_before(before, &p)))
                        continue;
                portspec_format(&p, text);
                json_object_array_put_idx(ports, i, json_object_new_string(text));
        }
}

/* A new version of one: what was given for it, or itself for those that are upgraded along. */
static struct json_object *stamped(struct json_object *given, struct json_object *before, const char *version) {
        struct json_object *lc = json_copy(given);
        carry_ports(lc, before);
        json_set_str(lc, "version", version);
        return lc;
}

static bool is_named(struct json_object *value, const char *name) { return value && str_ieq(str_or(json_object_get_string(value), ""), name); }

bool launch_config_refers(struct json_object *lc, const char *name) {
        struct json_object *from = json_get_array(lc, "dataVolumesFromLaunchConfigs");
        if (is_named(json_get(lc, "networkLaunchConfig"), name))
                return true;
        for (size_t i = 0; i < count(from); i++)
                if (is_named(json_object_array_get_idx(from, i), name))
                        return true;
        return false;
}

static bool is_stamped(struct json_object *lc, const char *version) { return str_eq(json_str(lc, "version", "0"), version); }

static bool refers_to_upgraded(const struct record *s, struct json_object *lc, const struct upgrade_configs *c, const char *version) {
        if (is_stamped(c->primary, version) && launch_config_refers(lc, record_name(s)))
                return true;
        for (size_t i = 0; i < count(c->secondaries); i++) {
                struct json_object *other = json_object_array_get_idx(c->secondaries, i);
                if (is_stamped(other, version) && launch_config_refers(lc, name_of(other)))
                        return true;
        }
        return false;
}

/* Until nothing is left that refers to an upgraded one and is not upgraded itself. */
static void close_over(const struct record *s, struct upgrade_configs *c, const char *version) {
        for (bool more = true; more;) {
                more = false;
                if (c->primary && !is_stamped(c->primary, version) && refers_to_upgraded(s, c->primary, c, version)) {
                        json_set_str(c->primary, "version", version);
                        more = true;
                }
                for (size_t i = 0; i < count(c->secondaries); i++) {
                        struct json_object *lc = json_object_array_get_idx(c->secondaries, i);
                        if (is_stamped(lc, version) || !refers_to_upgraded(s, lc, c, version))
                                continue;
                        json_set_str(lc, "version", version);
                        more = true;
                }
        }
}

static void merge_secondaries(const struct record *s, struct json_object *given, const char *version, struct upgrade_configs *ret) {
        struct json_object *before = record_json(s, F_secondaryLaunchConfigs);
        ret->secondaries = json_object_new_array();
        for (size_t i = 0; i < count(before); i++) {
                struct json_object *was = json_object_array_get_idx(before, i), *now = by_name(given, name_of(was));
                if (now && leaves(s, now))
                        continue;
                json_object_array_add(ret->secondaries, now ? stamped(now, was, version) : json_copy(was));
        }
        for (size_t i = 0; i < count(given); i++) {
                struct json_object *now = json_object_array_get_idx(given, i);
                if (!by_name(before, name_of(now)) && !leaves(s, now))
                        json_object_array_add(ret->secondaries, stamped(now, NULL, version));
        }
}

struct upgrade_configs upgrade_configs_make(const struct record *s, struct json_object *in, const char *version) {
        static const char *const kept[] = { "batchSize", "intervalMillis", "startFirst" };
        struct json_object *before = record_json(s, F_launchConfig), *given = json_get_object(in, "launchConfig");
        struct upgrade_configs ret = { .strategy = json_object_new_object() };
        ret.primary = given ? stamped(given, before, version) : before ? json_copy(before) : NULL;
        if (ret.primary)
                json_object_object_del(ret.primary, "name");    /* the primary has the service's */
        merge_secondaries(s, json_get_array(in, "secondaryLaunchConfigs"), version, &ret);
        close_over(s, &ret, version);
        for (size_t i = 0; i < ARRAY_LEN(kept); i++)
                if (json_get(in, kept[i]))
                        json_set(ret.strategy, kept[i], json_copy(json_get(in, kept[i])));
        if (ret.primary && is_stamped(ret.primary, version))
                json_set(ret.strategy, "launchConfig", json_copy(ret.primary));
        struct json_object *upgraded = json_object_new_array(), *secondaries = record_json(s, F_secondaryLaunchConfigs);
        for (size_t i = 0; i < count(ret.secondaries); i++)
                if (is_stamped(json_object_array_get_idx(ret.secondaries, i), version))
                        json_object_array_add(upgraded, json_copy(json_object_array_get_idx(ret.secondaries, i)));
        json_set(ret.strategy, "secondaryLaunchConfigs", upgraded);
        json_set(ret.strategy, "previousLaunchConfig", before ? json_copy(before) : NULL);
        json_set(ret.strategy, "previousSecondaryLaunchConfigs", secondaries ? json_copy(secondaries) : json_object_new_array());
        if (!count(ret.secondaries)) {
                json_free(ret.secondaries);
                ret.secondaries = NULL;
        }
        return ret;
}

struct upgrade_configs upgrade_configs_before(const struct record *s) {
        struct json_object *in = json_get_object(record_json(s, F_upgrade), "inServiceStrategy");
        struct json_object *primary = json_get_object(in, "previousLaunchConfig"), *secondaries = json_get_array(in, "previousSecondaryLaunchConfigs");
        return (struct upgrade_configs) {
                .primary = primary ? json_copy(primary) : NULL, .secondaries = count(secondaries) ? json_copy(secondaries) : NULL,
        };
}

void upgrade_configs_done(struct upgrade_configs *c) {
        json_free(c->primary);
        json_free(c->secondaries);
        json_free(c->strategy);
        *c = (struct upgrade_configs) { .primary = NULL };
}
