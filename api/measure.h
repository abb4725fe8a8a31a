/*
 * measure.h - how deep and how large a JSON value is, before it is taken in.
 *
 * Any thread.
 */
#ifndef API_MEASURE_H
#define API_MEASURE_H

#include "base/json.h"

/* Containers inside each other: 0 for a text or number, 1 for [] and {}, 2 for [{}]; counting ends
 * at `most` + 1. */
size_t measure_depth(const struct json *value, size_t most);
/* About the bytes of the printed value; counting ends behind `most`. */
size_t measure_size(const struct json *value, size_t most);

#endif
