/*
 * validate_structural.h - schemas of custom resources: what a JSONSchemaProps may hold, and that it
 * is structural (every field has one type outside of its logic).
 *
 * Rules in CEL are not compiled, patterns not either.
 */
#ifndef API_VALIDATE_STRUCTURAL_H
#define API_VALIDATE_STRUCTURAL_H

#include "api/kind.h"

/* The schema at `path`, root of a version. */
void structural_check(const struct kind_work *work, const struct json *schema, const char *path);

#endif
