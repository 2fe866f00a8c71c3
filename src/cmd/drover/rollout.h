/* rollout.h: the steps of an upgrade of stacks and services, as verbs share them: start, watch, finish, roll back, cancel, go on.
 *
 * Blocking. An upgrade belongs to the server: Ctrl-C ends the watching, never the upgrade, and tells how to go on. Spec orchestration.md 2,
 * compose.md 8. */
#pragma once
#include "cli.h"

/* From now on Ctrl-C prints this text and ends the program with 130. NULL: as before. Copied; cut after 900 bytes. */
void rollout_on_interrupt(const char *text);
/* The text for a stack's upgrade; verbs: what finishes and rolls back, such as "drover stack finish demo". */
void rollout_explain_interrupt(const char *finish, const char *back);
/* Says that the upgrade is there, and by which of the two it ends. */
void rollout_explain_end(const char *finish, const char *back);

/* POSTs the action and waits until the resource (a stack, whose services are shown too, or a service) rests; it is replaced by what the API shows
 * then. body: borrowed, may be NULL. state: the one it must rest in, NULL: any; InvalidState when it is another. detach: returns once the action is
 * accepted. */
int rollout_act(struct cli *c, struct json_object **resource, const char *action, struct json_object *body, const char *state, bool detach);
/* Waits until a stack rests, then until the containers of its services run. */
int rollout_attach(struct cli *c, struct json_object **stack);
/* GETs a resource again. */
int rollout_look(struct cli *c, struct json_object **resource);

/* A verb that ends an upgrade or goes on with it, its action, and the state in which that rests; NULL: any. */
struct rollout_end { const char *verb, *action, *state; };
/* Does what the command's name says to the resource that its first argument names, and prints its id. watch: what shows how far it is. */
int rollout_end(struct cli *c, enum res_type type, const struct rollout_end *ends, size_t n, const char *watch);
