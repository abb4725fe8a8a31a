/*
 * discovery.h - ready-made discovery and OpenAPI documents, printed once from the kinds and tables.
 */
#ifndef API_DISCOVERY_H
#define API_DISCOVERY_H

#include "base/text.h"

/* Aggregated (v2) for "/api" and "/apis"; legacy lists for "/api", "/apis", "/api/v1",
 * "/apis/apps", "/apis/apps/v1". */
void discovery_print_aggregated(bool core, struct buf *out);
void discovery_print_versions(struct buf *out);                /* /api, legacy */
void discovery_print_groups(struct buf *out);                  /* /apis, legacy */
bool discovery_print_group(struct str group, struct buf *out); /* false = no such group */
bool discovery_print_resources(struct str group, struct str version, struct buf *out);
/* Groups in priority order: for each i until false. */
bool discovery_group_version(size_t i, struct str *out_group, struct str *out_version);
/* OpenAPI v3 index {"paths":{"api/v1":{"serverRelativeURL":...}}} and one group-version's document.
 */
void openapi_print_index(struct buf *out);
bool openapi_print_v3(struct str group, struct str version, struct buf *out);
/* Swagger 2 with definitions and PATCH paths: JSON. */
void openapi_print_v2(struct buf *out);

#endif
