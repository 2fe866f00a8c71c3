#include "public_templates.h"

#include <strings.h>

#include "base/log.h"
#include "core/settings.h"
#include "entries.h"
#include "formats/catalog.h"
#include "formats/json.h"
#include "server/catalog/catalog.h"

static struct record *template_of(struct core *c, const char *external_id) {
        const struct records *l = world_all(core_world(c), T_projectTemplate);
        for (size_t i = 0; i < l->n; i++)
                if (record_bool(l->v[i], F_isPublic) && l->v[i]->state != S_removing && str_eq(record_str(l->v[i], F_externalId), external_id))
                        return l->v[i];
        return NULL;
}

/* The first environment takes the template it is meant to have (project.template.default.name), unless it has one. */
static void give_to_default(struct core *c, const struct record *template) {
        struct record *project = world_by_uuid(core_world(c), T_account, "adminProject");
        if (!project || record_int(project, F_projectTemplateId) || record_json(project, F_templateEntries))
                return;
        if (strcasecmp(record_name(template), setting_get(c, "project.template.default.name")) == 0)
                entries_take(c, project, template);
}

static int read_template(const struct catalog_version *v, struct json_object **ret_project, struct json_object **ret_stacks, struct dr_error *err) {
        auto_free char *name = dr_xasprintf("%s/project.yml", v->id);
        int r = catalog_project_parse(v->project, strlen(v->project), name, ret_project, err);
        return r < 0 ? r : entries_check(json_get_array(*ret_project, "stacks"), ret_stacks, err);
}

static void take_version(void *arg, const struct catalog_version *v) {
        struct core *c = arg;
        auto_free char *external_id = dr_xasprintf("catalog://%s", v->id);
        if (!v->project || template_of(c, external_id))
                return;
        AUTO(json_free) struct json_object *project = NULL, *stacks = NULL;
        struct dr_error err;
        if (read_template(v, &project, &stacks, &err) < 0) {
                log_warning("environment template of a catalog is not used", "template", v->id, "reason", err.message, NULL);
                return;
        }
        struct record *r = core_create(c, T_projectTemplate, 0);
        core_put_str(c, r, F_name, json_str(project, "name", v->name));
        core_put_str(c, r, F_description, json_str(project, "description", v->description));
        core_put_str(c, r, F_externalId, external_id);
        core_put_bool(c, r, F_isPublic, true);
        core_put(c, r, F_stacks, value_json(stacks));
        (void) core_process_start(c, r, P_projecttemplate_create, NULL, NULL);
        log_info("environment template", "name", record_name(r), "template", v->id, NULL);
        give_to_default(c, r);
}

void public_templates_load(struct core *c, struct catalogs *catalogs) {
        if (str_eq(setting_get(c, "catalog.execute"), "true") && str_eq(setting_get(c, "project.template.defaults"), "true"))
                catalog_each(catalogs, 0, "project", NULL, take_version, c);
}
