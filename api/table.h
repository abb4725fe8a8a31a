/*
 * table.h - meta.k8s.io/v1 Table answers from the kinds' columns.
 */
#ifndef API_TABLE_H
#define API_TABLE_H

#include "api/kind.h"
#include "api/object.h"

/* A column's type that clients see as "string": its cells are numbers. */
#define TABLE_NUMBER "number"

enum table_include { TABLE_METADATA, TABLE_OBJECT, TABLE_NONE };

/* Print the columnDefinitions array. */
void table_print_columns(const struct kind *kind, struct buf *out);
/* Print one row {"cells":[...],"object":...}. */
void table_print_row(const struct kind *kind, const struct object *object,
		     enum table_include include, struct buf *out);
/* PartialObjectMetadata of an object; beta: of meta.k8s.io/v1beta1. */
void table_print_partial(const struct object *object, bool beta, struct buf *out);
/* "5m30s" as kubectl prints ages */
void table_print_age(int64_t seconds, struct buf *out);

#endif
