/* entry.h: the entry wait: the first word of the command of a container on a CNI network.
 *
 * Docker starts a process before its container has a network. This program is bound into the container as /.r/r, waits until the
 * interface is there and the network manager's word (netstate.h), and becomes the real command: same pid, user, environment, arguments and
 * signals. When the network cannot be had it exits with 125 and says why on standard error. It uses nothing but what a container with
 * no capabilities, a read-only root and no other file than its command has. */
#pragma once
#include "base/base.h"

/* /.r is STATE_DIR/entry, /.r/cni is STATE_DIR/cni, both read-only. */
#define ENTRY_DIR "/.r"
#define ENTRY_PROGRAM "/.r/r"

bool entry_is_called(const char *argv0);        /* "/.r/r", "drover-entry": the words behind are the command */
/* argv[1] on: the command. Does not return when it could be started; else the exit status: 125 no network, 126 and 127 as shells,
 * 128 + N: signal N came while it waited. */
int entry_main(int argc, char **argv);

/* For the agent: puts program (NULL: the running one) into STATE_DIR/entry, once it differs from what is there, and makes the folders.
 * Containers that run keep what they have. */
int entry_install(const char *state_dir, const char *program, struct dr_error *err);
