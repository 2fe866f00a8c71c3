/* pull.h: images onto hosts before they are needed (pullTask, spec orchestration.md 1.14). Blocking. */
#pragma once
#include "cli.h"

/* Makes one pullTask per image and waits until all are done, showing how far each host is. mode: "all" (hosts) or "cached" (those that have the image).
 * labels: "K=V,..." that hosts must have, or NULL. print_ids: each id to stdout. The first that failed is the error, after all have ended. */
int pull_images(struct cli *c, const char *const *images, size_t n, const char *mode, const char *labels, bool print_ids);
