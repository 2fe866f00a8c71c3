/* api_connect.h: websockets of the API beside events: for host_stream.c only, which knows what goes over them. */
#pragma once
#include "api_client.h"
#include "net/http_sync.h"

/* url: as the API printed it; its path at the configured server is used. The caller frees *ret before the api. */
int api_open_stream(struct api *a, const char *url, const char *token, struct ws_sync **ret, struct dr_error *err);
