#include "catalog_entry.h"

#include <stdarg.h>
#include <stdio.h>

#include "formats/catalog.h"
#include "net/http.h"

enum { PATH_BYTES_MAX = 8192 };

/* The Rancher version that templates are chosen for; "" when these keys may not read it. Asked once. */
static const char *rancher_version(struct cli *c) {
        if (!c->rancher_version) {
                AUTO(json_free) struct json_object *setting = NULL;
                int r = api_get(c->api, "/settings/rancher.server.version", &setting, NULL);
                c->rancher_version = dr_xstrdup(r < 0 ? "" : json_str(setting, "value", ""));
        }
        return c->rancher_version;
}

char *catalog_path(struct cli *c, const char *fmt, ...) {
        auto_sbuf struct sbuf b = SBUF(PATH_BYTES_MAX);
        const char *project = NULL, *version = rancher_version(c);
        char rest[PATH_BYTES_MAX / 2];
        va_list ap;
        va_start(ap, fmt);
        int n = vsnprintf(rest, sizeof rest, fmt, ap);
        va_end(ap);
        assert(n >= 0 && (size_t) n < sizeof rest);
        sbuf_printf(&b, "v1-catalog%s", rest);
        bool query = strchr(sbuf_str(&b), '?') != NULL;
        if (api_project(c->api, &project, NULL) == 0) {
                sbuf_printf(&b, "%cprojectId=", query ? '&' : '?');
                http_escape(&b, project);
                query = true;
        }
        if (*version) {
                sbuf_printf(&b, "%crancherVersion=", query ? '&' : '?');
                http_escape(&b, version);
        }
        return sbuf_steal(&b);
}

static int get_by_id(struct cli *c, const char *collection, const char *id, struct json_object **ret) {
        auto_sbuf struct sbuf b = SBUF(PATH_BYTES_MAX);
        http_escape(&b, id);
        auto_free char *path = catalog_path(c, "/%s/%s", collection, sbuf_str(&b));
        return api_get(c->api, path, ret, &c->err);
}

int catalog_templates(struct cli *c, struct json_object **ret) {
        auto_free char *path = catalog_path(c, "/templates");
        AUTO(json_free) struct json_object *answer = NULL;
        int r = api_get(c->api, path, &answer, &c->err);
        if (r < 0)
                return dr_prefix(&c->err, r, "could not read the catalog");
        struct json_object *data = json_get_array(answer, "data");
        *ret = data ? json_object_get(data) : json_object_new_array();
        return 0;
}

/* "infra*ipsec" or "ipsec" of a template. */
static bool has_folder(const struct json_object *t, const char *word) {
        const char *base = json_str(t, "templateBase", ""), *folder = json_str(t, "folderName", "");
        auto_free char *full = *base ? dr_xasprintf("%s*%s", base, folder) : dr_xstrdup(folder);
        return str_eq(word, full) || str_eq(word, folder) || str_ieq(word, json_str(t, "name", ""));
}

static int find_by_folder(struct cli *c, const char *word, struct json_object **ret) {
        AUTO(json_free) struct json_object *list = NULL;
        struct json_object *found = NULL;
        auto_sbuf struct sbuf names = SBUF(1024);
        size_t n = 0;
        int r = catalog_templates(c, &list);
        if (r < 0)
                return r;
        for (size_t i = 0; i < json_object_array_length(list); i++) {
                struct json_object *t = json_object_array_get_idx(list, i);
                if (!has_folder(t, word))
                        continue;
                found = t;
                sbuf_printf(&names, "%s%s", n++ ? ", " : "", json_str(t, "id", "?"));
        }
        if (n == 0) {
                c->hint = "\"drover catalog ls\" lists templates, \"drover catalog refresh\" looks for new ones";
                return dr_fail(&c->err, DR_E_NOT_FOUND, NULL, "no catalog has a template \"%.100s\"", word);
        }
        if (n > 1)
                return dr_fail(&c->err, DR_E_INVALID_REFERENCE, NULL, "\"%.60s\" names several templates: %.120s", word, sbuf_str(&names));
        *ret = json_object_get(found);
        return 0;
}

/* Splits "CATALOG:FOLDER", "CATALOG/FOLDER", "FOLDER", each with ":VERSION" behind. Parts of copy, which is cut. */
static void split(char *copy, char **catalog, char **folder, char **version) {
        char *slash = strchr(copy, '/'), *colon = strchr(copy, ':');
        *catalog = *version = NULL;
        *folder = copy;
        if (slash && (!colon || slash < colon)) {
                *catalog = copy;
                *slash = '\0';
                *folder = slash + 1;
                colon = strchr(*folder, ':');
        } else if (colon && strchr(colon + 1, ':')) {
                *catalog = copy;
                *colon = '\0';
                *folder = colon + 1;
                colon = strchr(*folder, ':');
        }
        if (colon) {
                *colon = '\0';
                *version = colon + 1;
        }
}

int catalog_find_template(struct cli *c, const char *word, struct json_object **ret, char **ret_version) {
        if (str_starts(word, "catalog://"))
                word += strlen("catalog://");
        if (!*word || strnlen(word, CATALOG_ENTRY_NAME_MAX) == CATALOG_ENTRY_NAME_MAX)
                return dr_fail(&c->err, DR_E_INVALID_FORMAT, NULL, "a template's name has 1 to %d bytes", CATALOG_ENTRY_NAME_MAX - 1);
        auto_free char *copy = dr_xstrdup(word);
        char *catalog, *folder, *version;
        int r;
        split(copy, &catalog, &folder, &version);
        if (!catalog && version) {
                /* "A:B" is CATALOG:FOLDER when there is such a template, else FOLDER:VERSION. */
                if ((r = get_by_id(c, "templates", word, ret)) >= 0) {
                        *ret_version = NULL;
                        return 0;
                }
                if (r != -ENOENT)
                        return r;
        }
        if (catalog) {
                auto_free char *id = dr_xasprintf("%s:%s", catalog, folder);
                r = get_by_id(c, "templates", id, ret);
                if (r == -ENOENT) {
                        c->hint = "\"drover catalog ls\" lists templates, \"drover catalog refresh\" looks for new ones";
                        r = dr_fail(&c->err, DR_E_NOT_FOUND, NULL, "catalog \"%.60s\" has no template \"%.100s\"", catalog, folder);
                }
        } else {
                r = find_by_folder(c, folder, ret);
        }
        if (r >= 0)
                *ret_version = version ? dr_xstrdup(version) : NULL;
        return r;
}

/* Names of versions, newest first as far as the server sorts them: "0.2.0, 0.1.0". */
static void version_names(const struct json_object *links, struct sbuf *ret) {
        if (!links)
                return;
        json_object_object_foreach((struct json_object *) links, name, link) {
                (void) link;
                sbuf_printf(ret, "%s%s", ret->len ? ", " : "", name);
        }
}

/* The id at the end of a version's link: "http://.../templates/library:web:1?projectId=1a5". NULL for other links. Caller frees. */
static char *id_of_link(const char *link) {
        const char *slash = link ? strrchr(link, '/') : NULL;
        if (!slash)
                return NULL;
        auto_free char *id = dr_xstrndup(slash + 1, strcspn(slash + 1, "?"));
        return strchr(id, ':') ? dr_take(id) : NULL;
}

int catalog_get_version(struct cli *c, const struct json_object *t, const char *version, struct json_object **ret) {
        struct json_object *links = json_get_object(t, "versionLinks");
        const char *template_id = json_str(t, "id", ""), *fallback = json_str(t, "defaultVersion", "");
        auto_free char *id = id_of_link(json_str(links, version ? version : fallback, NULL));
        if (!id && version)
                id = dr_xasprintf("%s:%s", template_id, version);       /* a revision */
        if (!id && json_str(t, "defaultTemplateVersionId", NULL))
                id = dr_xstrdup(json_str(t, "defaultTemplateVersionId", NULL));
        if (!id)
                return dr_fail(&c->err, DR_E_NOT_FOUND, NULL, "template \"%.100s\" has no version for this server", template_id);
        int r = get_by_id(c, "templateversions", id, ret);
        if (r != -ENOENT)
                return r;
        auto_sbuf struct sbuf names = SBUF(512);
        version_names(links, &names);
        return dr_fail(&c->err, DR_E_NOT_FOUND, NULL, "template \"%.80s\" has no version \"%.40s\" (it has %.60s)", template_id,
                       version ? version : fallback, sbuf_ok(&names) && names.len ? sbuf_str(&names) : "none");
}

int catalog_version_of_stack(struct cli *c, const struct json_object *stack, struct json_object **ret) {
        const char *external = json_str(stack, "externalId", ""), *name = json_str(stack, "name", "?");
        const char *id = str_starts(external, "catalog://") ? external + strlen("catalog://")
                         : str_starts(external, "system-catalog://") ? external + strlen("system-catalog://") : NULL;
        if (!id)
                return dr_fail(&c->err, DR_E_INVALID_STATE, NULL, "stack \"%.100s\" was not installed from a catalog", name);
        int r = get_by_id(c, "templateversions", id, ret);
        return r == -ENOENT ? dr_fail(&c->err, DR_E_NOT_FOUND, NULL, "the catalog has \"%.120s\" of stack \"%.60s\" no more", id, name) : r;
}

const char *catalog_newest_upgrade(const struct json_object *version) {
        struct json_object *links = json_get_object(version, "upgradeVersionLinks");
        const char *newest = NULL;
        if (links) {
                json_object_object_foreach(links, name, link) {
                        (void) link;
                        if (!newest || catalog_version_greater(name, newest))
                                newest = name;
                }
        }
        return newest;
}

const char *catalog_compose_file(const struct json_object *version, const char *stem) {
        struct json_object *files = json_get_object(version, "files");
        auto_free char *plain = dr_xasprintf("%s.yml", stem), *tpl = dr_xasprintf("%s.yml.tpl", stem);
        const char *text = json_str(files, tpl, "");
        return *text ? text : json_str(files, plain, "");
}
