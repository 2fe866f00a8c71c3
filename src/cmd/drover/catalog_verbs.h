/* catalog_verbs.h: the verbs below "drover catalog" that have files of their own. */
#pragma once
#include "base/options.h"

extern const struct opt_command catalog_install, catalog_upgrade;
