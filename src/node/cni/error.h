/* error.h: errors of the container network interface: a number, a line, details (CNI specification, "Error"; spec networking.md 12.3). */
#pragma once
#include "base/base.h"

enum cni_code {
        CNI_E_VERSION = 1,              /* the configuration's cniVersion is not known, or too old for the command */
        CNI_E_FIELD = 2,                /* something in the configuration is not supported */
        CNI_E_NO_CONTAINER = 3,         /* the container is gone: no DEL is needed */
        CNI_E_ENV = 4,
        CNI_E_IO = 5,
        CNI_E_DECODE = 6,
        CNI_E_CONFIG = 7,
        CNI_E_LATER = 11,               /* nothing was changed; the same call may work in a moment */
        CNI_E_UNAVAILABLE = 50,         /* STATUS: ADD would not work now */
        CNI_E_KERNEL = 100,             /* ours: the kernel refused something; nothing is left behind */
        CNI_E_CONFLICT = 101,           /* ours: what is there belongs to somebody else */
        CNI_E_CHANGED = 102,            /* ours: CHECK found something else than ADD had made */
};

struct cni_error { unsigned code; char msg[512], details[512]; };

/* Fills e and returns -1: return cni_fail(e, ...). */
int cni_fail(struct cni_error *e, unsigned code, const char *fmt, ...) DR_PRINTF(3, 4);
/* The same with what another module said. */
int cni_fail_with(struct cni_error *e, unsigned code, const struct dr_error *err);
