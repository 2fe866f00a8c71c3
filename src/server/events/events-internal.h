/* events-internal.h: what subscribe.c, changes.c and publish.c share. */
#pragma once
#include "base/map.h"
#include "events.h"
#include "net/ws.h"
#include "server/api/context.h"

enum { NAMES_MAX = 64, NAME_BYTES_MAX = 256, EVENT_BYTES_MAX = 8 << 20, INCLUDES_MAX = 8 };

/* Who listens, and as whom: subscribers that see the same share one. */
struct audience {
        struct audience *next;
        struct events *all;
        enum api_version version;
        enum role role;
        char *base, *url;
        int64_t caller_id, account_id, project_id, agent_id;
        bool all_accounts, action_links, member;        /* member: was let in as one of the project's members */
        char *include;                  /* links whose objects are told with a resource: "ports,services", lower case; "": none */
        struct subscriber *first;
        size_t n;
};

struct subscriber {
        struct subscriber *prev, *next; /* within the audience */
        struct audience *audience;      /* NULL: closing */
        struct ws *ws;
        struct timer *ping;
        unsigned pings;
        char *names[NAMES_MAX];
        size_t n_names;
        bool changes;                   /* one of the names takes resource.change */
        enum type_id key_table;         /* what was shown: T_credential or T_token; T_NONE: nothing */
        int64_t key_id;
        bool open_door;                 /* was let in because access control is off */
};

struct events {
        struct loop *loop;
        struct core *core;
        struct api *api;
        struct audience *first;
        size_t n;                       /* subscribers */
        struct map changed;             /* record key -> the record as it was removed, or &still_there */
        VEC(uint64_t) order;            /* its keys, oldest first */
        struct map told;                /* record key -> when it was told last, and how (changes.c) */
        uint64_t told_swept_ms;
        bool recheck;                   /* a key, session, account or member changed: who listens may no longer */
        uint64_t flushed_ms;
        struct timer *flush;
        size_t pending;                 /* events that wait until what they tell is durable */
        bool closed;
};

/* events.c */
void events_free_if_over(struct events *e);

/* subscribe.c */
void subscribe_special(void *arg, struct api_req *req);
void subscriber_leave(struct subscriber *s);            /* its audience, which goes with its last one */
void subscriber_free(struct subscriber *s);
bool name_matches(const char *pattern, const char *name);       /* '*' stands for any run; ";..." of the pattern is not looked at */

/* audience.c: subscribers that see the same */
/* include: lower-cased links, "" for none. Borrowed. */
struct audience *audience_get(struct events *e, const struct api_req *req, const char *include);
void audience_free(struct audience *a);                 /* when its last subscriber has left */
/* A request as this audience would make it; false: it may no longer see what it came for. Nothing in it outlives audience_done(). */
bool audience_act(struct audience *a, struct api_req *req);
void audience_done(struct api_req *req);
/* Do both see the same of records that are neither accounts nor members? Then they share the text. */
bool audience_is_alike(const struct audience *a, const struct audience *b);
void audience_log_out(struct audience *a);
/* Cuts off whoever showed a key or session that is no longer good, or came while access control was off and it is on. */
void audience_recheck(struct audience *a);
bool subscriber_holds(const struct subscriber *s);
void subscriber_log_out(struct subscriber *s, struct buf *frame);       /* frame: the logout message */
size_t audience_subscribers_of(const struct events *e, int64_t caller_id);
void audience_tell(struct audience *a, const char *name, struct buf *frame);

/* agents.c: events for agents of containers */
void agents_start(struct events *e);
void agents_stop(struct events *e);

/* changes.c */
void changes_start(struct events *e);
void changes_stop(struct events *e);

/* publish.c */
void publish_special(void *arg, struct api_req *req);

/* The frame of one event in upstream's form. resource_json NULL: an empty data. resource_type and resource_id may be NULL. */
struct buf *event_frame(struct events *e, const char *name, const char *resource_type, const char *resource_id, const char *resource_json, size_t len);
