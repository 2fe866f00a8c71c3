/* version.h: versions of the CNI specification that the plugins speak. Any thread. */
#pragma once
#include "base/base.h"

enum cni_version { CNI_0_1_0, CNI_0_2_0, CNI_0_3_0, CNI_0_3_1, CNI_0_4_0, CNI_1_0_0, CNI_1_1_0, CNI_VERSION_MAX };

static inline const char *cni_version_to_string(enum cni_version v) {          /* NULL out of range */
        static const char *const names[CNI_VERSION_MAX] = { "0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0" };
        return (unsigned) v < CNI_VERSION_MAX ? names[v] : NULL;
}
static inline int cni_version_from_string(const char *s) {                     /* negative: not known */
        for (int v = 0; v < CNI_VERSION_MAX; v++)
                if (str_eq(s, cni_version_to_string((enum cni_version) v)))
                        return v;
        return -EINVAL;
}
