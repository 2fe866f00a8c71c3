/* environments-internal.h: what the files of src/server/environments share. */
#pragma once
#include "environments.h"

#include "base/map.h"

struct upgrades;

struct environments {
        struct loop *loop;
        struct core *core;
        struct api *api;
        struct catalogs *catalogs;
        struct map dirty;               /* project id -> &look_once or &look_again */
        bool scheduled, templates_due;
        struct upgrades *upgrades;
};
