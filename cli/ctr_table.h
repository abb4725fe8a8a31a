/*
 * ctr_table.h - columns of text, as wide as their widest entry.
 *
 * Owner: who made it; one thread.
 */
#ifndef CLI_CTR_TABLE_H
#define CLI_CTR_TABLE_H

#include "base/text.h"

struct ctr_table;
/* heads: the first line. */
struct ctr_table *ctr_table_new(const char *const *heads, size_t columns);
void ctr_table_free(struct ctr_table *table); /* NULL is fine */
/* The next cell, from left to right; copied.  Bytes that would move the cursor become '?'. */
void ctr_table_add(struct ctr_table *table, struct str cell);
/* Three blanks between columns, none at the end of a line. */
void ctr_table_print(const struct ctr_table *table, struct buf *out);
void ctr_table_show(const struct ctr_table *table); /* to standard output */

#endif
