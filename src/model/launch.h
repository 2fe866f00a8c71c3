/* launch.h: what a container was launched with: its own fields, else its launch config's, and the labels the platform adds.
 *
 * A service container keeps a reference to its interned launch config (F_launchConfigText) and only what differs; a standalone
 * one keeps every field itself. Sources: orchestration.md 1.10, agent.md 9. Read-only; loop thread only. */
#pragma once
#include "record.h"

struct json_object;
struct world;

#define LAUNCH_PRIMARY "io.rancher.service.primary.launch.config"

/* The field as JSON: borrowed from own slot's or launch config's parsed text; NULL: unset or a plain scalar of its own slot. */
struct json_object *launch_json(const struct record *i, const char *field);
const char *launch_str(const struct record *i, const char *field);     /* borrowed; NULL: unset */
/* One label, given or added; buf of at least 64 bytes for computed ones. NULL: none. */
const char *launch_label(const struct record *i, const char *key, char *buf, size_t n);
/* All labels as they are on the container, io.rancher... ones included: the caller owns the object. */
struct json_object *launch_labels(const struct world *w, const struct record *i);
/* "stack" and "service[/lc]" of F_stackServiceName; empty strings for standalone containers. */
void launch_names(const struct record *i, char *stack, char *service, size_t n);
