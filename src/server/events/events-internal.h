/* events-internal.h: what subscribe.c, changes.c and publish.c share. */
#pragma once
#include "base/map.h"
#include "events.h"
#include "net/ws.h"
#include "server/api/context.h"

enum { NAMES_MAX = 64, NAME_BYTES_MAX = 256, EVENT_BYTES_MAX = 8 << 20 };

/* Who listens, and as whom: subscribers that see the same share one. */
struct audience {
        struct audience *next;
        struct events *all;
        enum api_version version;
        enum role role;
        char *base, *url;
        int64_t caller_id, account_id, project_id, agent_id;
        bool all_accounts, action_links, member;        /* member: was let in as one of the project's members */
        struct subscriber *first;
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
};

struct events {
        struct loop *loop;
        struct core *core;
        struct api *api;
        struct audience *first;
        size_t n;                       /* subscribers */
        struct map changed;             /* record key -> the record as it was removed, or &still_there */
        VEC(uint64_t) order;            /* its keys, oldest first */
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

/* changes.c */
void changes_start(struct events *e);
void changes_stop(struct events *e);

/* publish.c */
void publish_special(void *arg, struct api_req *req);

/* The frame of one event in upstream's form. resource_json NULL: an empty data. resource_type and resource_id may be NULL. */
struct buf *event_frame(struct events *e, const char *name, const char *resource_type, const char *resource_id, const char *resource_json, size_t len);
