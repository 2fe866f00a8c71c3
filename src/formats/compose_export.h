/* compose_export.h: a stack of the API back to compose documents (spec compose.md 9). Pure, any thread.
 *
 * What comes out can be read by compose_read() again and gives the same requests; exporting those gives the same text. */
#pragma once
#include "compose.h"
#include "json.h"

enum { COMPOSE_EXPORT_BYTES_MAX = 16 << 20 };           /* of each document */

/* The name of an object by its API id. */
struct compose_named { const char *name; const char *stack; };  /* stack: of a service, its stack's name; borrowed until the next call */

struct compose_export_source {
        const struct json_object *stack;        /* API JSON; its id and name are read */
        const struct json_object *services;     /* array of API JSON, the ones to export. linkedServices gives the links; links by name alone,
                                                 * which the API does not show, stand in "serviceLinks": [{"name", "service"}] */
        const struct json_object *volumes;      /* array of volumeTemplates of the stack, or NULL */
        void *ctx;
        /* A service that is not among services, a certificate, a secret or a container. Returns 0, or -ENOENT: what refers to it is left out. */
        int (*name)(void *ctx, enum compose_ref kind, const char *id, struct compose_named *ret);
};

/* ret_docker, ret_rancher: malloc'ed texts, version '2', CRLF line ends. Returns 0, or -EFBIG with *err. */
int compose_export(const struct compose_export_source *source, char **ret_docker, char **ret_rancher, struct dr_error *err);
