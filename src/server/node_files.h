/* node_files.h: the programs that hosts fetch from the server: GET /v1/node/ARCH/VERSION, with ranges and digest. No key is
 * needed: the join script asks before the host has one, and verifies the SHA-256 it was given. Loop thread only. */
#pragma once
#include "net/http_server.h"

struct node_files;
/* dir: holds drover-node (for this machine's architecture) or drover-node-ARCH. Looked at with each request. */
struct node_files *node_files_new(const char *dir);
struct node_files *node_files_free(struct node_files *f);       /* NULL is fine; returns NULL */
/* version: this server's, or "latest". */
void node_files_serve(struct node_files *f, struct http_request *req, const char *arch, const char *version);
enum { NODE_SHA256_CHARS = 64 };
/* SHA-256 of the program for this machine's architecture, lower-case hex; NULL: there is none. Borrowed until the next call. */
const char *node_files_sha256(struct node_files *f);
