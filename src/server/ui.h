/* ui.h: the web page: the files of ui/, built into the program, at / and /ui/ (docs/web.md).
 *
 * They need no login and hold no secrets: what they show comes from the API. Loop thread only; no state. */
#pragma once
#include "net/http_server.h"

struct ui_file { const char *name, *type, *tag; size_t bytes, packed_bytes; const char *data, *packed; };        /* packed: gzip */
extern const struct ui_file ui_files[];         /* sorted by name; made by scripts/embed_ui.py */
extern const size_t ui_files_n;

/* Answers GET and HEAD of
 *   /         index.html, when the client accepts text/html and names no _format: other clients get the API's versions (spec api.md 1.1)
 *   /login    the same: where somebody without a session is sent by /r/ and by pages of containers (docs/streams.md)
 *   /ui/FILE  that file; 404 when there is none
 * Returns false, and leaves the request alone, for everything else. */
bool ui_serve(struct http_request *req);
