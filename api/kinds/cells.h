/*
 * cells.h - printers that several kinds' columns share.
 */
#ifndef API_KINDS_CELLS_H
#define API_KINDS_CELLS_H

#include "api/kind.h"

/* Of spec.template.spec: "web,sidecar" and "nginx,envoy". */
void cells_container_names(const struct json *object, struct buf *out);
void cells_container_images(const struct json *object, struct buf *out);
/* spec.selector (a LabelSelector) as text. */
void cells_selector(const struct json *object, struct buf *out);
/* A plain map as "a=b,c=d" in the order of its keys, "<none>" when empty. */
void cells_map(const struct json *map, struct buf *out);
/* Age of a time text: "5m", "<unknown>". */
void cells_age(struct str time, struct buf *out);
/* When it was made, as a date: what kinds without columns of their own show. */
void cells_created(const struct json *object, struct buf *out);
/* The text, "<unset>" when absent. */
void cells_or_unset(const struct json *value, struct buf *out);
/* The number of entries of two maps. */
void cells_count(size_t count, struct buf *out);

#endif
