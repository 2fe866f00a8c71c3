/* recordings.h: what Rancher's own programs made of the public catalogs: lines of JSON, a file a template, beside the catalogs themselves.
 *
 * DROVER_CORPORA names the folder of the catalogs, DROVER_GOLDEN that of the recordings (else golden beside it); neither is part of drover.
 * A line whose "same" names an earlier one of its file has that one's result. One test program uses one folder of recordings at a time. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct json_object;

enum { RECORDINGS_VERDICTS_MAX = 8 };

/* folder: of the template in its catalog; recorded: the line, or the one that it is the same as. Returns the verdict. */
typedef unsigned recordings_fn(const char *folder, const struct json_object *line, const struct json_object *recorded);

/* What the variable names, without '/' at the end; NULL when it names nothing. The caller frees. */
char *recordings_folder(const char *variable);
/* Calls fn for each line of sub ("templates") below the recordings. keys: the fields that name a line, ended by NULL. False: there are
 * none, or one cannot be read (it is printed). */
bool recordings_each(const char *corpora, const char *sub, const char *const *keys, recordings_fn *fn);
/* Prints how many lines of each category had which verdict, and forgets them; ret gets the sums. Returns how many lines there were. */
size_t recordings_report(const char *title, const char *const *verdicts, size_t n, size_t *ret);
