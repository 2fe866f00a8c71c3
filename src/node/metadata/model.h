/* model.h: an environment's metadata objects in memory, kept up to date by messages.
 *
 * Objects have the form of upstream's stream (spec metadata.md 9.4). Each belongs to a topic ("env", "self", "stack/UUID", "stack/-") and has
 * a key, unique here: KIND/UUID; a sidekick's service object service/UUID/NAME; serviceContainerLink/SERVICE_UUID/NAME/CONTAINER_UUID,
 * serviceLink/SERVICE_UUID/KEY, containerLink/CONTAINER_UUID/KEY; environment and defaultData the kind alone. Objects of linked remote
 * environments come in topics "remote/NAME/TOPIC" and live in models of their own.
 * One thread at a time. Indexes follow each change at a cost that does not depend on how many objects there are (lists of neighbours
 * excepted: a service's members, an address's containers). Objects and texts are borrowed until the next call that applies something. */
#pragma once
#include "base/map.h"
#include "base/vec.h"
#include "formats/json.h"

enum md_kind {
        MD_CONTAINER, MD_SERVICE, MD_STACK, MD_HOST, MD_NETWORK, MD_SERVICE_CONTAINER_LINK, MD_SERVICE_LINK, MD_CONTAINER_LINK,
        MD_ENVIRONMENT, MD_DEFAULT_DATA, MD_KIND_MAX
};
const char *md_kind_to_string(enum md_kind k);          /* "container", "serviceLink", ...; NULL out of range */
int md_kind_from_string(const char *s, size_t len);     /* negative: none of them */

enum { MDATA_MESSAGE_BYTES_MAX = 8 << 20, MDATA_KEY_BYTES_MAX = 1024, MDATA_OBJECTS_MAX = 500000 };

struct mdata;
struct md_object;
struct md_topic;
typedef VEC(struct md_object *) md_list;

/* Read-only outside of model.c, except view. */
struct md_object {
        enum md_kind kind;
        const char *key;
        const char *uuid;               /* its own; links: the uuid they begin at (service, container); "" where there is none */
        const char *name;               /* json's name as created; service and container links: their key (alias path, link name), "" without */
        struct json_object *json;       /* as received */
        uint64_t seq;                   /* order in which objects were first seen */
        uint64_t changed;               /* generation of the last change of this object itself */
        struct md_topic *topic;
        const char *ip;                 /* container: primary_ip, or NULL; host: agent_ip, or NULL */
        uint64_t stamp;                 /* grows whenever an observer would be told of this object */
        void *view;                     /* the renderer's; given to mdata_set_view_free()'s function when the object goes */
};

struct mdata *mdata_new(void);
struct mdata *mdata_free(struct mdata *m);              /* observers get MD_REMOVED for each object */
DR_DEFINE_AUTO(struct mdata *, mdata_free)

/* Applies one message, {"topic":T,"rev":R,"base":B,"set":{KEY:OBJECT},"del":[KEY],"more":bool} or {"topic":T,"gone":true}; {"sync":true} sets
 * mdata_is_synced(). base 0 is a snapshot: what the topic had and it does not name is gone at the end of the snapshot. An object equal
 * to the one there changes nothing. Returns 1 when something changed, 0 when nothing did, -ESTALE when base is not what is here
 * (nothing applied: ask for the topic again), or negative with *err (DR_E_INVALID_BODY, DR_E_TOO_LARGE; nothing applied). */
int mdata_apply(struct mdata *m, const struct json_object *message, struct dr_error *err);
/* The same from text, which may also be one object of upstream's stream (with metadata_kind): it is added to its topic. */
int mdata_apply_text(struct mdata *m, const char *buf, size_t len, struct dr_error *err);
/* Reads a file of such texts, one a line or back to back. Returns 1 or 0 as mdata_apply(). Nothing is undone at an error. */
int mdata_load(struct mdata *m, const char *path, size_t size_max, struct dr_error *err);
/* Everything as snapshot messages and {"sync":true}, one a line; mdata_apply_text() of each gives this model again. */
void mdata_dump(const struct mdata *m, struct sbuf *ret);
/* Makes m what other is, with as few changes as that takes; other stays. Returns as mdata_apply(). */
int mdata_become(struct mdata *m, const struct mdata *other, struct dr_error *err);
/* {"env":11,"stack/x":9}: what to say in "resume". The caller owns it. */
struct json_object *mdata_revisions(const struct mdata *m);

uint64_t mdata_generation(const struct mdata *m);       /* grows by one with each message that changed something; 0: never any data */
bool mdata_is_synced(const struct mdata *m);            /* {"sync":true} came: all that is known is here */
void mdata_set_synced(struct mdata *m, bool synced);

/* Called for each object while a message is applied: MD_ADDED and MD_CHANGED when the object and its neighbours are in place, MD_REMOVED when
 * it is out of every list and about to go, MD_NEIGHBOUR when a list of it changed, or an object in one: a service or stack when one of its
 * members does; a container when a service of it comes, goes or gets another name or stack, or its links change. May come several times
 * per message. Do not apply from inside. At most 4 observers. */
enum md_change { MD_ADDED, MD_CHANGED, MD_NEIGHBOUR, MD_REMOVED };
typedef void (*md_observer)(struct mdata *m, struct md_object *o, enum md_change what, void *arg);
void mdata_observe(struct mdata *m, md_observer fn, void *arg);

void mdata_set_view_free(struct mdata *m, void (*fn)(void *view));     /* remote environments included */

/* Lookups: NULL or an empty list when there is none. */
struct md_object *mdata_by_key(const struct mdata *m, const char *key);
struct md_object *mdata_by_uuid(const struct mdata *m, enum md_kind kind, const char *uuid);    /* service: the primary's object */
/* All objects of a kind by (name as created, uuid, key); networks by seq, as sent. */
const md_list *mdata_list(const struct mdata *m, enum md_kind kind);
/* The order of version 2016-07-29: the same with names in lower case, but hosts by seq too. */
const md_list *mdata_list_lower(const struct mdata *m, enum md_kind kind);
/* Objects whose name is this in lower case (name is given so), by (name, uuid, key). Containers, services, stacks, hosts, networks. */
const md_list *mdata_by_lower_name(const struct mdata *m, enum md_kind kind, const char *name);
/* Services with this uuid: the primary first, then sidekicks by name. */
const md_list *mdata_services_by_uuid(const struct mdata *m, const char *uuid);
/* Containers whose primary_ip this is. */
const md_list *mdata_by_ip(const struct mdata *m, const char *ip);
/* The container behind a source address (spec 8, decision 9): one of this host that is starting, running or stopping goes first, then
 * others in such a state, then the rest; among equals the last by (name, uuid). NULL: none. */
struct md_object *mdata_container_by_source(const struct mdata *m, const char *ip);

/* Neighbours. None of them is ever NULL. */
const md_list *mdata_links(const struct mdata *m, const struct md_object *o);   /* serviceLink or containerLink objects from a service or container, by key */
const md_list *mdata_members(const struct mdata *m, const struct md_object *o); /* service, host, network: its containers; stack: its services; by (name, uuid, key) */
const md_list *mdata_owners(const struct mdata *m, const struct md_object *o);  /* container: the services it is a member of, by (uuid, name) */
const md_list *mdata_guests(const struct mdata *m, const struct md_object *o);  /* container: those that share its network (networkFrom) */

/* The service a container shows as its own (service_name, stack_name): of several the one its label io.rancher.stack_service.name names, else the
 * last by (uuid, name). */
struct md_object *mdata_container_service(const struct mdata *m, const struct md_object *container);
struct md_object *mdata_container_stack(const struct mdata *m, const struct md_object *container);      /* that service's stack */
struct md_object *mdata_service_stack(const struct mdata *m, const struct md_object *service);

bool mdata_has_service(const struct mdata *m, const struct md_object *container);       /* it is linked to one, which may not be here */

const char *mdata_host_uuid(const struct mdata *m);             /* this host: defaultData's self.host.uuid; "" before it came */
struct md_object *mdata_host(const struct mdata *m);            /* its object; NULL when not here */
struct json_object *mdata_default_host(const struct mdata *m);  /* defaultData's self.host, NULL before */
struct json_object *mdata_environment(const struct mdata *m);   /* name, uuid, region_name; NULL before it came */

struct json_object *mdata_stream_version(const struct mdata *m);        /* defaultData's "version"; NULL without */

/* Linked remote environments, by name of the link. */
size_t mdata_remotes(const struct mdata *m);
const struct mdata *mdata_remote(const struct mdata *m, size_t i);

/* Lower case as upstream's language has it (Unicode simple mappings), for UTF-8. The caller frees. */
char *md_lower(const char *s);
