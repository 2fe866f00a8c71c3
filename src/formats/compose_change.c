#include "compose_change.h"

#include "base/sbuf.h"
#include "dockerref.h"

#include <stdio.h>

enum { WORDS_BYTES_MAX = 4096, DEPTH_MAX = 32 };

static const char *const actions[COMPOSE_ACTION_MAX] = { [COMPOSE_CREATE] = "create", [COMPOSE_KEEP] = "keep", [COMPOSE_UPDATE] = "update" };
_Static_assert(ARRAY_LEN(actions) == COMPOSE_ACTION_MAX, "one name per action");

const char *compose_action_to_string(enum compose_action a) {
        return (unsigned) a < COMPOSE_ACTION_MAX ? actions[a] : NULL;
}

void compose_change_done(struct compose_change *s) {
        json_free(s->fields);
        free(s->changed);
        json_free(s->upgrade);
        free(s->needs_upgrade);
        *s = (struct compose_change) { 0 };
}

/* Whether existing holds all that desired says: objects may have more members, null and absent are the same, so are an
 * absent value and an empty list or object. */
static bool covers(const struct json_object *existing, const struct json_object *desired, unsigned depth) {
        if (!desired)
                return true;
        if (depth >= DEPTH_MAX)
                return json_equal(existing, desired);
        if (json_object_is_type(desired, json_type_object)) {
                json_object_object_foreach((struct json_object *) desired, key, value)
                        if (!covers(json_get(existing, key), value, depth + 1))
                                return false;
                return true;
        }
        if (json_object_is_type(desired, json_type_array)) {
                size_t n = json_object_array_length(desired);
                if (!existing || !json_object_is_type(existing, json_type_array))
                        return n == 0;
                if (json_object_array_length(existing) != n)
                        return false;
                for (size_t i = 0; i < n; i++)
                        if (!covers(json_object_array_get_idx(existing, i), json_object_array_get_idx(desired, i), depth + 1))
                                return false;
                return true;
        }
        if (!existing && json_object_is_type(desired, json_type_boolean))
                return !json_object_get_boolean(desired);
        return json_equal(existing, desired);
}

static void add_word(struct sbuf *b, const char *name, const struct json_object *from, const struct json_object *to) {
        enum json_type t = json_object_get_type(to), f = json_object_get_type(from);
        bool plain = (t == json_type_string || t == json_type_int || t == json_type_boolean) && f != json_type_object && f != json_type_array;
        sbuf_printf(b, "%s%s", b->len ? ", " : "", name);
        if (plain)
                sbuf_printf(b, " %.100s -> %.100s", from ? json_object_get_string((struct json_object *) from) : "nothing",
                            json_object_get_string((struct json_object *) to));
}

static const char *image(const struct json_object *config) {
        return dockerref_from_uuid(json_str(config, "imageUuid", ""));
}

/* Names what differs between two launch configurations. where: "" or "sidekick NAME: ". ports are left out: the server chooses
 * public ports and writes protocols. */
static void compare_configs(const struct json_object *desired, const struct json_object *existing, const char *where, struct sbuf *b) {
        if (!str_eq(image(desired), image(existing)))
                sbuf_printf(b, "%s%simage %.100s -> %.100s", b->len ? ", " : "", where, *image(existing) ? image(existing) : "nothing", image(desired));
        json_object_object_foreach((struct json_object *) desired, key, value) {
                if (str_eq(key, "imageUuid") || str_eq(key, "ports") || str_eq(key, "labels") || str_eq(key, "name"))
                        continue;
                if (!covers(json_get(existing, key), value, 0)) {
                        auto_free char *name = dr_xasprintf("%s%s", where, key);
                        add_word(b, name, json_get(existing, key), value);
                }
        }
        struct json_object *labels = json_get_object(desired, "labels");
        if (labels) {
                json_object_object_foreach(labels, label, text)
                        if (!str_eq(label, COMPOSE_HASH_LABEL) && !json_equal(text, json_get(json_get_object(existing, "labels"), label)))
                                sbuf_printf(b, "%s%slabel %s", b->len ? ", " : "", where, label);
        }
}

/* Both hashes are of the same make and the same. */
enum likeness { HASH_SAME, HASH_OTHER, HASH_NONE };

static enum likeness compare_hash(const struct json_object *want, const struct json_object *have) {
        const char *w = json_str(want, COMPOSE_HASH_LABEL, NULL), *h = json_str(have, COMPOSE_HASH_LABEL, NULL);
        if (!w || !h || strlen(w) != strlen(h))
                return HASH_NONE;
        return str_eq(w, h) ? HASH_SAME : HASH_OTHER;
}

static void compare_launch(const struct json_object *want, const struct json_object *have, const char *where, struct sbuf *b) {
        enum likeness like = compare_hash(json_get_object(want, "labels"), json_get_object(have, "labels"));
        size_t before = b->len;
        if (like != HASH_SAME)
                compare_configs(want, have, where, b);
        else if (!str_eq(image(want), image(have)))     /* the label travels with upgrades made elsewhere: the image tells */
                sbuf_printf(b, "%s%simage %.100s -> %.100s", b->len ? ", " : "", where, image(have), image(want));
        if (like == HASH_OTHER && b->len == before)
                sbuf_printf(b, "%s%sports changed, or something was taken out", b->len ? ", " : "", where);
}

static struct json_object *named(struct json_object *list, const char *name) {
        for (size_t i = 0; list && i < json_object_array_length(list); i++)
                if (str_eq(json_str(json_object_array_get_idx(list, i), "name", NULL), name))
                        return json_object_array_get_idx(list, i);
        return NULL;
}

static void add_config(struct json_object *list, const struct json_object *config) { json_object_array_add(list, json_copy(config)); }

/* Changed, new and removed sidekicks as an upgrade wants them; words of each into b. */
static struct json_object *changed_sidekicks(const struct json_object *desired, const struct json_object *existing, bool force, struct sbuf *b) {
        struct json_object *want = json_get_array(desired, "secondaryLaunchConfigs"), *have = json_get_array(existing, "secondaryLaunchConfigs");
        struct json_object *list = json_object_new_array();
        for (size_t i = 0; want && i < json_object_array_length(want); i++) {
                struct json_object *w = json_object_array_get_idx(want, i), *h = named(have, json_str(w, "name", ""));
                auto_free char *where = dr_xasprintf("sidekick %s: ", json_str(w, "name", ""));
                size_t before = b->len;
                if (h)
                        compare_launch(w, h, where, b);
                else
                        sbuf_printf(b, "%snew sidekick %s", b->len ? ", " : "", json_str(w, "name", ""));
                if (force || b->len > before || !sbuf_ok(b))
                        add_config(list, w);
        }
        for (size_t i = 0; have && i < json_object_array_length(have); i++) {
                struct json_object *h = json_object_array_get_idx(have, i);
                const char *name = json_str(h, "name", "");
                if (named(want, name) || str_eq(json_str(h, "imageUuid", ""), COMPOSE_NO_IMAGE))
                        continue;
                sbuf_printf(b, "%ssidekick %s is not in the files", b->len ? ", " : "", name);
                struct json_object *none = json_object_new_object();
                json_set_str(none, "name", name);
                json_set_str(none, "imageUuid", COMPOSE_NO_IMAGE);
                json_object_array_add(list, none);
        }
        return list;
}

static void plan_upgrade(const struct compose_wish *wish, const struct json_object *existing, struct compose_change *ret) {
        static const char *const given[] = { "batchSize", "intervalMillis", "startFirst" };
        struct json_object *want = json_get_object(wish->body, "launchConfig");
        if (!want || str_eq(wish->type, "externalService") || str_eq(wish->type, "dnsService"))
                return;
        auto_sbuf struct sbuf words = SBUF(WORDS_BYTES_MAX);
        compare_launch(want, json_get_object(existing, "launchConfig"), "", &words);
        bool primary = wish->force || words.len > 0;
        struct json_object *sidekicks = changed_sidekicks(wish->body, existing, wish->force, &words);
        if (!primary && json_object_array_length(sidekicks) == 0) {
                json_free(sidekicks);
                return;
        }
        struct json_object *strategy = json_object_new_object();
        for (size_t i = 0; i < ARRAY_LEN(given); i++)
                if (json_get(wish->strategy, given[i]))
                        json_set(strategy, given[i], json_copy(json_get(wish->strategy, given[i])));
        if (primary)
                json_set(strategy, "launchConfig", json_copy(want));
        if (json_object_array_length(sidekicks) > 0)
                json_set(strategy, "secondaryLaunchConfigs", sidekicks);
        else
                json_free(sidekicks);
        ret->upgrade = json_object_new_object();
        json_set(ret->upgrade, "inServiceStrategy", strategy);
        ret->needs_upgrade = words.len ? sbuf_steal(&words) : dr_xstrdup("nothing: forced");
}

/* Without the launchConfig of load balancers, which a PUT takes too: changing it replaces containers all the same. */
static const char *const updatable[] = {
        "description", "scale", "scalePolicy", "retainIp", "selectorContainer", "selectorLink", "externalIpAddresses", "hostname", "lbConfig",
        "networkDriver", "storageDriver",
};

bool compose_links_differ(const struct json_object *links, const struct json_object *existing) {
        struct json_object *want = json_get_array(links, "serviceLinks"), *have = json_get_object(existing, "linkedServices");
        size_t n = want ? json_object_array_length(want) : 0;
        if (n != (have ? (size_t) json_object_object_length(have) : 0))
                return true;
        for (size_t i = 0; i < n; i++) {
                struct json_object *w = json_object_array_get_idx(want, i);
                const char *name = json_str(w, "name", NULL), *id = json_str(w, "serviceId", NULL);
                bool found = false;
                json_object_object_foreach(have, key, value)
                        if ((!id || str_eq(json_object_get_string(value), id)) && (!name || !*name || str_eq(key, name)))
                                found = true;
                if (!found)
                        return true;
        }
        return false;
}

static void add_field(struct sbuf *words, struct json_object *fields, const char *name, const struct json_object *desired, const struct json_object *existing) {
        add_word(words, name, json_get(existing, name), json_get(desired, name));
        json_set(fields, name, json_copy(json_get(desired, name)));
}

/* The hash key is left out of the look at metadata: it speaks of the other fields too. */
static bool metadata_differs(const struct json_object *desired, const struct json_object *existing) {
        struct json_object *want = json_get_object(desired, "metadata"), *have = json_get_object(existing, "metadata");
        if (!want)
                return false;
        AUTO(json_free) struct json_object *values = json_copy(want);
        json_object_object_del(values, COMPOSE_HASH_LABEL);
        return !covers(have, values, 0) || compare_hash(want, have) == HASH_OTHER;
}

void compose_change_plan(const struct compose_wish *wish, const struct json_object *existing, struct compose_change *ret) {
        const struct json_object *desired = wish->body;
        *ret = (struct compose_change) { .action = COMPOSE_CREATE, .start = true };
        if (!existing) {
                struct json_object *list = json_get_array(wish->links, "serviceLinks");
                ret->links_differ = list && json_object_array_length(list) > 0;
                return;
        }
        auto_sbuf struct sbuf words = SBUF(WORDS_BYTES_MAX);
        AUTO(json_free) struct json_object *fields = json_object_new_object();
        for (size_t i = 0; i < ARRAY_LEN(updatable); i++)
                if (!(wish->keep_scale && str_eq(updatable[i], "scale")) && !covers(json_get(existing, updatable[i]), json_get(desired, updatable[i]), 0))
                        add_field(&words, fields, updatable[i], desired, existing);
        if (metadata_differs(desired, existing))
                add_field(&words, fields, "metadata", desired, existing);
        ret->action = words.len ? COMPOSE_UPDATE : COMPOSE_KEEP;
        if (words.len) {
                ret->fields = dr_take(fields);
                ret->changed = sbuf_steal(&words);
        }
        plan_upgrade(wish, existing, ret);
        ret->links_differ = wish->links && compose_links_differ(wish->links, existing);
        const char *state = json_str(existing, "state", "");
        ret->start = str_eq(state, "inactive") || str_eq(state, "deactivating") || str_eq(state, "registering") || str_eq(state, "requested");
}

int compose_upgrade_ready(const struct json_object *existing, struct dr_error *err) {
        const char *state = json_str(existing, "state", "");
        if (str_eq(state, "active") || str_eq(state, "inactive"))
                return 0;
        if (str_eq(state, "upgraded"))
                return 1;
        return dr_fail(err, DR_E_CONFLICT, NULL, "Service %s must be state=active or inactive to upgrade, currently: state=%s",
                       json_str(existing, "name", ""), state);
}

int compose_volume_fits(const struct json_object *volume, const struct json_object *existing, struct dr_error *err) {
        const char *want = json_str(volume, "driver", ""), *have = json_str(existing, "driver", "");
        if (!*want || str_eq(want, have))
                return 0;
        return dr_fail(err, DR_E_CONFLICT, NULL, "Volume \"%s\" needs to be recreated - driver has changed", json_str(volume, "name", ""));
}
