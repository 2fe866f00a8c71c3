/* schemas.h: the schema resources and the version documents (spec api.md 1.1, 1.8 end). Loop thread only. */
#pragma once
#include "context.h"

void schemas_reply_all(struct api_req *req);
void schemas_reply(struct api_req *req, const char *name);      /* by name or plural; 404 when hidden */
/* What fields are: typeDocumentation, its ids are type names. */
void documentation_reply_all(struct api_req *req);
void documentation_reply(struct api_req *req, const char *name);
void versions_reply(struct api_req *req);                       /* GET / */
void version_reply(struct api_req *req);                        /* GET /VER */
