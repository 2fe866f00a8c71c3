/* What a host is told of a container: registry credentials, links, volumes (spec agent.md 8 to 10). */
#include "core/hosts.h"
#include "core/registry.h"
#include "core/secret.h"
#include "formats/json.h"
#include "store/store.h"

#include "base/log.h"
#include "check.h"

struct fixture { struct mem_disk *disk; struct store *store; struct core *core; };

static void open_all(struct fixture *f) {
        struct dr_error err;
        log_init(LOG_ERROR, LOG_LOGFMT, NULL);
        f->disk = mem_disk_new();
        f->store = store_open_mem(f->disk);
        f->core = core_new(&(struct core_conf) { .store = f->store, .clock = core_real_clock, .seed = 1 });
        CHECK_OK(core_load(f->core, &err), &err);
}
static void close_all(struct fixture *f) {
        core_free(f->core);
        f->store->ops->close(f->store);
        mem_disk_free(f->disk);
}

static struct record *registry(struct fixture *f, int64_t account, const char *address) {
        struct record *r = core_create(f->core, T_registry, account);
        core_put_str(f->core, r, F_serverAddress, address);
        r->state = S_active;
        return r;
}

static struct record *credential(struct fixture *f, const struct record *of, const char *user) {
        struct record *r = core_create(f->core, T_registryCredential, of->account_id);
        auto_free char *sealed = secret_seal(f->core, "pw");
        core_put_int(f->core, r, F_registryId, of->id);
        core_put_str(f->core, r, F_publicValue, user);
        core_put_str(f->core, r, F_secretValue, sealed);
        r->state = S_active;
        return r;
}

/* Whose credentials go with the image; "" for none. */
static void check_user(struct fixture *f, const char *image, int64_t named, const char *user) {
        AUTO(json_free) struct json_object *auth = registry_auth(f->core, 5, named, image);
        if (!str_eq(json_str(auth, "username", ""), user))
                fail_msg("%s: \"%s\", not \"%s\"", image, json_str(auth, "username", ""), user);
        if (auth)
                CHECK_STR(json_str(auth, "password", ""), ==, "pw");
}

TEST(credentials_are_chosen_by_the_images_server) {
        struct fixture f;
        open_all(&f);
        struct record *hub = registry(&f, 5, "index.docker.io"), *own = registry(&f, 5, "https://Reg.Example.com:5000/"), *other = registry(&f, 1, "foreign.example.com");
        struct record *first = credential(&f, own, "first"), *second = credential(&f, own, "second");
        credential(&f, hub, "hub");
        struct record *foreign = credential(&f, other, "foreign");
        static const struct { const char *image, *user; } rows[] = {
                { "nginx", "hub" }, { "team/nginx:1", "hub" }, { "docker.io/library/nginx", "hub" }, { "index.docker.io/a/b", "hub" },
                { "reg.example.com:5000/a:1", "first" }, { "REG.EXAMPLE.COM:5000/a@sha256:aa", "first" }, { "reg.example.com/a", "" }, { "reg.example.com:5001/a", "" },
                { "localhost/a", "" }, { "foreign.example.com/a", "" },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++)
                check_user(&f, rows[i].image, 0, rows[i].user);
        check_user(&f, "reg.example.com:5000/a", second->id, "second");
        check_user(&f, "elsewhere.example.com/a", second->id, "second");        /* named: whatever the image */
        check_user(&f, "reg.example.com:5000/a", foreign->id, "first");         /* another environment's is as good as none */
        first->state = S_inactive;
        check_user(&f, "reg.example.com:5000/a", 0, "second");
        own->state = S_inactive;
        check_user(&f, "reg.example.com:5000/a", 0, "");
        check_user(&f, "reg.example.com:5000/a", second->id, "");
        close_all(&f);
}

static struct record *container(struct fixture *f, const char *name, const char *fields) {
        struct record *r = core_create(f->core, T_container, 5);
        struct json_object *o = NULL;
        auto_free char *text = dr_xstrdup(fields);
        struct dr_error err;
        for (char *p = text; *p; p++)
                if (*p == '\'')
                        *p = '"';
        CHECK_OK(json_parse(text, strlen(text), 4096, &o, &err), &err);
        core_put_str(f->core, r, F_name, name);
        core_put_str(f->core, r, F_imageUuid, "docker:x");
        json_object_object_foreach(o, key, v)
                core_put(f->core, r, field_by_name(key, strlen(key)), json_object_is_type(v, json_type_string) ? value_str(json_object_get_string(v)) : value_json(v));
        json_object_put(o);
        return r;
}

/* One key of the spec as text; objects have their keys in order. */
static void check_spec(struct fixture *f, const struct record *i, const char *key, const char *want) {
        struct text *spec = instance_spec(f->core, i);
        AUTO(json_free) struct json_object *o = json_copy(text_json(spec));
        text_unref(spec);
        const char *got = json_object_to_json_string_ext(json_get(o, key), JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
        auto_free char *expect = dr_xstrdup(want);
        for (char *p = expect; *p; p++)
                if (*p == '\'')
                        *p = '"';
        CHECK_STR(got, ==, expect);
}

TEST(links_become_environment_in_the_old_style) {
        struct fixture f;
        open_all(&f);
        struct record *db = container(&f, "db", "{'ports':['8080:80/tcp'],'environment':{'K':'v','HOME':'/','PATH':'/b'}}");
        auto_free char *fields = dr_xasprintf("{'instanceLinks':{'a-b.c-d':%lld,'gone':99},'environment':{'A_B.C_D_ENV_K':'mine'}}", (long long) db->id);
        struct record *web = container(&f, "web", fields);
        check_spec(&f, web, "environment", "{'A_B.C_D_ENV_K':'mine','A_B.C_D_NAME':'/cattle/a-b.c-d','A_B.C_D_PORT':'tcp://a-b.c-d:80','A_B.C_D_PORT_80_TCP':'tcp://a-b.c-d:80','A_B.C_D_PORT_80_TCP_ADDR':'a-b.c-d',"
                                           "'A_B.C_D_PORT_80_TCP_PORT':'80','A_B.C_D_PORT_80_TCP_PROTO':'tcp'}");
        check_spec(&f, web, "instanceLinks", "null");
        close_all(&f);
}

TEST(volumes_by_mount_and_by_driver_are_told_to_be_made) {
        struct fixture f;
        open_all(&f);
        struct record *v = core_create(f.core, T_volume, 5);
        core_put_str(f.core, v, F_name, "vol");
        core_put_str(f.core, v, F_driver, "nfs");
        auto_free char *fields = dr_xasprintf("{'dataVolumeMounts':{'/m':%lld,'/n':99},'dataVolumes':['/anon','/h:/h','own:/o'],'volumeDriver':'ebs'}", (long long) v->id);
        struct record *c = container(&f, "c", fields);
        check_spec(&f, c, "dataVolumes", "['/anon','/h:/h','own:/o','vol:/m']");
        check_spec(&f, c, "volumes", "[{'driver':'nfs','name':'vol'},{'driver':'ebs','name':'own'}]");
        check_spec(&f, c, "dataVolumeMounts", "null");
        check_spec(&f, c, "volumeDriver", "null");
        close_all(&f);
}

TEST_MAIN("core/spec")
