/* compose.h: docker-compose and rancher-compose documents to the API requests that create their stack.
 *
 * No I/O: files that documents name (env_file, extends, secrets) come through a callback of the caller, variables too. Any thread; one
 * struct compose belongs to one thread at a time. Source of the behaviour: spec compose.md; where drover differs on purpose the code says so.
 *
 * Versions: 2 ("2", 2.x) is v2; without version, a document whose services stand under "services" is read as v2 too, like 3.x, and each key
 * that has no meaning here (deploy, configs ...) is named in a warning; else v1. All documents are merged in the order given.
 *
 * References to other objects stay names (services of this or another stack, certificates, secrets) until compose_service_body() asks the
 * caller for ids, so that creating can go on step by step: services come in an order in which targets precede what refers to them. */
#pragma once
#include <json-c/json.h>

#include "base/base.h"

enum { COMPOSE_DOCS_MAX = 16, COMPOSE_TEXT_MAX = 1 << 20, COMPOSE_SERVICES_MAX = 1000, COMPOSE_MESSAGES_MAX = 200 };

struct compose_doc { const char *name; const char *text; size_t len; };         /* name: for messages, "docker-compose.yml" */

struct compose_env {
        void *ctx;
        /* A variable's value (borrowed until the next call), or NULL when it is not set. Callback may be NULL: nothing is set. After it
         * the defaults of questions in the documents' catalog sections are asked. */
        const char *(*lookup)(void *ctx, const char *name);
        /* Reads a file named by a document: path as written there, doc is the document's name. The callback decides what may be read.
         * *ret: malloc'ed. NULL callback: every such file is refused. */
        int (*read_file)(void *ctx, const char *doc, const char *path, char **ret, size_t *ret_len, struct dr_error *err);
        const char *stack;              /* the stack's name; NULL: "stack" */
        const char *lb_image;           /* what rancher/load-balancer-service stands for; NULL: rancher/lb-service-haproxy:v0.9.14 */
        /* Variables that win over lookup(): an object variable -> string, boolean or number; null is "". Borrowed for the call; NULL: none. */
        struct json_object *answers;
        /* Renders the documents as templates first (spec catalog.md 6): .Values (defaults of questions, over them lookup() and answers),
         * .Stack and .Release {Name, Version, PreviousVersion}, .Environment {Name}. */
        bool templates;
        const char *environment;        /* .Environment.Name; NULL: "" */
        const char *version, *previous_version;         /* of the catalog entry; NULL: "" */
        /* A stack's binding, {"services": {NAME: {"labels": {}, "ports": []}}}: what is not empty replaces the service's. Borrowed; NULL: none. */
        struct json_object *binding;
};

struct compose_message {
        bool warning;
        const char *file;               /* document's name */
        unsigned line, column;          /* from 1; 0: no place known */
        char *text;                     /* upstream's wording where it has one */
        char *suggestion;               /* "extra_hosts", or NULL */
};

struct compose_service {
        const char *name;
        const char *type;               /* "service", "loadBalancerService", ... */
        const char *collection;         /* where to POST: "services", "loadbalancerservices", ... */
        unsigned wave;                  /* 0: depends on nothing; higher after lower */
        bool sets_links;                /* follow the create with action setservicelinks */
        bool scale_given;               /* the documents say a scale; without, body has 1 and an update keeps what is there */
        bool wait_healthy;              /* label io.rancher.service.wait_for_healthcheck: dependants wait until it is healthy */
        struct json_object *body;       /* unresolved; read name, scale, launchConfig ... at will, but send compose_service_body() */
        struct json_object *links;      /* [{"name": alias or absent, "service": "db" | "stack/db" | "env/stack/db"}] */
        struct json_object *upgrade_strategy;   /* {"startFirst", "batchSize", "intervalMillis"} as given, or NULL */
        const char *file;               /* where it was first seen */
        unsigned line;
};

struct compose;                                         /* opaque */

/* The questions of the documents' catalog sections, in the form of catalog.h, each variable once (the later document's), for asking before
 * compose_read(). Documents that are YAML only when rendered are rendered (env->templates) with what env gives so far; those that are not
 * even then have none. Never NULL; the caller's. env may be NULL. */
struct json_object *compose_questions(const struct compose_doc *docs, size_t n, const struct compose_env *env);

/* Reads all documents. *ret is always written (never NULL) and the caller's, for its messages. Returns 0, or negative with *err (the first
 * error, DR_E_INVALID_FORMAT) when a message is an error; services and the rest are empty then. */
int compose_read(const struct compose_doc *docs, size_t n, const struct compose_env *env, struct compose **ret, struct dr_error *err);
struct compose *compose_free(struct compose *c);
DR_DEFINE_AUTO(struct compose *, compose_free)

/* The text that templates made of document number doc, also when what follows failed; NULL: it was taken as it is. Borrowed. */
const char *compose_rendered(const struct compose *c, size_t doc);

const struct compose_message *compose_messages(const struct compose *c, size_t *ret_n);
/* "docker-compose.yml:3:5: Unsupported config option for web service: 'port' (did you mean 'ports'?)", malloc'ed. */
char *compose_message_format(const struct compose_message *m);
/* All errors as a stack's transitioningMessage: texts alone, one per line; malloc'ed. */
char *compose_errors(const struct compose *c);

const struct compose_service *compose_services(const struct compose *c, size_t *ret_n);         /* by wave, then name */
struct json_object *compose_volumes(const struct compose *c);   /* [{name, driver, driverOpts, external, perContainer}] for volumetemplates */
struct json_object *compose_secrets(const struct compose *c);   /* [{name, external: bool, value: base64 or absent}] */
struct json_object *compose_hosts(const struct compose *c);     /* [{name, count, template or absent, fields: {...}}] */

enum compose_ref { COMPOSE_REF_SERVICE, COMPOSE_REF_CERTIFICATE, COMPOSE_REF_SECRET, COMPOSE_REF_CONTAINER };        /* container: export only */
struct compose_resolver {
        void *ctx;
        /* The id of a named object into id. stack: NULL means this one (services only). -ENOENT: there is none. */
        int (*find)(void *ctx, enum compose_ref kind, const char *stack, const char *name, char *id, size_t id_n);
};

/* The body of the create request. Returns 0, or negative with *err (DR_E_INVALID_REFERENCE, "Failed to find certificate x"). */
int compose_service_body(const struct compose_service *s, const char *stack_id, const struct compose_resolver *r, struct json_object **ret,
                         struct dr_error *err);
/* {"serviceLinks": [{name, serviceId | service}]} for action setservicelinks. Targets that do not exist are left out, as upstream does; their
 * names are added to missing (an array, may be NULL). Cannot fail. */
struct json_object *compose_service_links(const struct compose_service *s, const struct compose_resolver *r, struct json_object *missing);
