/* answer_file.h: answers from a file, as upstream writes and reads them (spec dns.md 9), JSON or YAML. */
#pragma once
#include "node/dns/table.h"

enum { ANSWER_FILE_BYTES_MAX = 64 << 20 };
/* Adds what the text says to b: search domains and recursers it names replace those b has. ttl: of records without one.
 * Negative with *err: the text cannot be read; b may hold part of it then. */
int answer_file_parse(const char *text, size_t n, uint32_t ttl, struct table_builder *b, struct dr_error *err);
/* -ENOENT: there is none. */
int answer_file_read(const char *path, uint32_t ttl, struct table_builder *b, struct dr_error *err);
/* Beside it, then renamed; mode 0644. */
int answer_file_write(const char *path, const struct dns_table *t, struct dr_error *err);
