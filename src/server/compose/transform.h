/* transform.h: POST /VER/scripts/transform: Docker's way of describing a container to the API's, for the old rancher-compose, which leaves that to
 * the server (spec compose.md 8). Loop thread only. */
#pragma once
#include "server/api/api.h"

/* Body {Name, Config, HostConfig} as the engine's API has it; answers an instance with the fields of a launchConfig. NetworkMode "container:..." is
 * refused: 422 InvalidOption. */
api_special_fn transform_special;
