/* plugin.h: the CNI plugins as programs: environment and standard input in, JSON and exit status out (CNI specification, "Execution protocol"). */
#pragma once
#include "base/base.h"

/* Whether a program of this name is one of the plugins: drover-bridge, rancher-bridge, drover-ipam, rancher-cni-ipam. name: last part of argv[0]. */
bool cni_plugin_is(const char *name);
/* Runs it: reads CNI_... variables and standard input, writes to standard output. Returns the exit status, 0 or 1. */
int cni_plugin_main(const char *name);
