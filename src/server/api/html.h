/* html.h: the API browser: the same JSON between a header and a footer that load its script (spec api.md 1.1 "Output format"). */
#pragma once
#include "context.h"

void html_wrap(struct api_req *req);    /* replaces req->out and the content type */
