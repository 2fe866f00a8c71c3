#include "pick.h"

#include <stdio.h>

static int containers_of(struct cli *c, const struct json_object *service, struct json_object **ret, struct dr_error *err) {
        auto_free char *path = api_project_path(c->api, "/services/%s/instances", json_str(service, "id", ""));
        return api_list(c->api, path, ret, err);
}

int pick_container(struct cli *c, const char *word, struct json_object **ret) {
        AUTO(json_free) struct json_object *found = NULL, *list = NULL;
        int r = lookup(c->api, word, (unsigned) (BIT(RES_SERVICE) | BIT(RES_CONTAINER)), &found, &c->err);
        if (r < 0)
                return r;
        if (res_type_of(found) == RES_CONTAINER) {
                *ret = dr_take(found);
                return 0;
        }
        if ((r = containers_of(c, found, &list, &c->err)) < 0)
                return r;
        for (size_t i = 0; i < json_object_array_length(list); i++) {
                struct json_object *one = json_object_array_get_idx(list, i);
                if (!str_eq(json_str(one, "state", NULL), "running"))
                        continue;
                if (json_object_array_length(list) > 1)
                        fprintf(stderr, "drover: %s of %zu containers\n", json_str(one, "name", ""), json_object_array_length(list));
                *ret = json_object_get(one);
                return 0;
        }
        return dr_fail(&c->err, DR_E_NOT_FOUND, NULL, "no container of service \"%.100s\" is running", word);
}

int pick_containers(struct cli *c, const char *const *words, size_t n, struct json_object **ret) {
        AUTO(json_free) struct json_object *all = json_object_new_array();
        for (size_t i = 0; i < n; i++) {
                AUTO(json_free) struct json_object *found = NULL, *list = NULL;
                int r = lookup(c->api, words[i], (unsigned) (BIT(RES_SERVICE) | BIT(RES_CONTAINER)), &found, &c->err);
                if (r < 0)
                        return r;
                if (res_type_of(found) == RES_CONTAINER) {
                        json_object_array_add(all, dr_take(found));
                        continue;
                }
                if ((r = containers_of(c, found, &list, &c->err)) < 0)
                        return r;
                for (size_t k = 0; k < json_object_array_length(list); k++)
                        json_object_array_add(all, json_object_get(json_object_array_get_idx(list, k)));
        }
        *ret = dr_take(all);
        return 0;
}
