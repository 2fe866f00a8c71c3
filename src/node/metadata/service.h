/* service.h: the metadata service that containers ask: HTTP over a model (spec metadata.md 3, 5, 8).
 *
 * Loop thread only. Answers from what the model has, however old. Texts of 32 KB and more are made once per generation and shared by all
 * connections. Long polls end in the turn in which the model changed, or exactly at their time. */
#pragma once
#include "node/metadata/model.h"
#include "net/loop.h"

struct md_service;
struct md_service_config {
        bool xff;                       /* a client is who its X-Forwarded-For says, as it stands */
        unsigned per_address_max;       /* connections of one address; 0: 2048, since all programs of a host come from one */
        int (*reload)(struct dr_error *err, void *arg);        /* POST /v1/reload of the reload port; may be NULL */
        void *arg;
};
struct md_service *md_service_new(struct loop *l, struct mdata *m, const struct md_service_config *cfg);
/* Any number of times; ret_port as http_server_listen_tcp(). */
int md_service_listen(struct md_service *s, const char *address, unsigned short port, unsigned short *ret_port, struct dr_error *err);
int md_service_listen_reload(struct md_service *s, const char *address, unsigned short port, unsigned short *ret_port, struct dr_error *err);
void md_service_changed(struct md_service *s);          /* the model has: looks at long polls */
struct md_service *md_service_free(struct md_service *s);       /* NULL is fine; returns NULL */
DR_DEFINE_AUTO(struct md_service *, md_service_free)
size_t md_service_waiters(const struct md_service *s);

/* The answer to a request, without waiting: for tests and fuzzing. path: raw, with query. Returns the status; body and type are those of the answer. */
int md_service_answer(struct md_service *s, const char *path, const char *address, const char *accept, struct sbuf *ret_body, const char **ret_type);
