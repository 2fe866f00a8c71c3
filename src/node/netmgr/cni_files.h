/* cni_files.h: CNI configuration files of the environment's networks: /etc/cni/NETWORK.d/FILE and the link managed.d.
 *
 * Written from metadata networks' cniConfig with this host's labels in place of keywords (spec networking.md 2, 4.4); read when a
 * container starts, so that they serve while metadata is away and third parties may put files there too. Any thread. */
#pragma once
#include "base/vec.h"
#include "node/metadata/model.h"

enum { CNI_FILE_BYTES_MAX = 256 << 10, CNI_FILES_MAX = 64 };

/* Values that begin with "__host_label__" become the host's label named behind the first ':', or "". A new reference. host: may be NULL. */
struct json_object *cni_substitute(struct json_object *v, struct md_object *host);

/* Files that are wanted are written when they differ, those that were written before and are no longer wanted are removed, others are left
 * alone. Returns the number of changes, or negative with *err at the first one that failed; the rest is done nevertheless. */
int cni_files_write(const char *dir, const struct mdata *m, struct dr_error *err);

struct cni_file { char *name, *text; char type[64]; };
typedef VEC(struct cni_file) cni_file_list;
/* The network's files by name (.conf, .json). -ENOENT with *err: none. */
int cni_files_read(const char *dir, const char *network, cni_file_list *ret, struct dr_error *err);
void cni_files_done(cni_file_list *l);
