#include "registry.h"

#include "base/log.h"
#include "formats/dockerref.h"
#include "formats/json.h"
#include "secret.h"

#include <strings.h>

static bool same_server(const char *address, const char *server) {
        const char *scheme = strstr(address, "://");
        address = scheme ? scheme + 3 : address;
        size_t n = strcspn(address, "/");
        bool hub = n == strlen("docker.io") && strncasecmp(address, "docker.io", n) == 0;
        if (str_ieq(server, "docker.io"))               /* one registry, two names */
                server = DOCKERREF_DEFAULT_SERVER;
        return hub ? str_ieq(server, DOCKERREF_DEFAULT_SERVER) : strlen(server) == n && strncasecmp(address, server, n) == 0;
}

static struct record *registry_of(struct core *c, const struct record *credential) {
        struct record *r = world_get(core_world(c), T_storagePool, record_int(credential, F_registryId));
        return r && r->kind == T_registry && r->state == S_active && credential->state == S_active ? r : NULL;
}

/* The credential that is named; else the lowest of an active registry of the environment with the image's server. NULL: none. */
static struct record *credential_of(struct core *c, int64_t account_id, int64_t named, const char *image) {
        struct record *given = named ? world_get(core_world(c), T_credential, named) : NULL;
        if (given && given->kind == T_registryCredential && given->account_id == account_id && registry_of(c, given))
                return given;
        char server[256];
        dockerref_server(image, server, sizeof server);
        const struct records *l = world_of_account(core_world(c), T_credential, account_id);
        for (size_t k = 0; k < l->n; k++) {
                struct record *registry = l->v[k]->kind == T_registryCredential ? registry_of(c, l->v[k]) : NULL;
                if (registry && registry->account_id == account_id && same_server(str_or(record_str(registry, F_serverAddress), ""), server))
                        return l->v[k];
        }
        return NULL;
}

struct json_object *registry_auth(struct core *c, int64_t account_id, int64_t credential_id, const char *image) {
        struct record *credential = credential_of(c, account_id, credential_id, image);
        if (!credential)
                return NULL;
        auto_free char *secret = secret_open(c, str_or(record_str(credential, F_secretCipher), record_str(credential, F_secretValue)));
        if (!secret) {
                log_warning("the password of a registry credential cannot be read", "image", image, NULL);
                return NULL;
        }
        struct json_object *auth = json_object_new_object();
        json_set_str(auth, "username", str_or(record_str(credential, F_publicValue), ""));
        json_set_str(auth, "password", secret);
        json_set_str(auth, "email", str_or(record_str(credential, F_email), ""));
        json_set_str(auth, "serveraddress", str_or(record_str(registry_of(c, credential), F_serverAddress), ""));
        return auth;
}
