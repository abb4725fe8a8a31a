/*
 * ctr_table.c - cells are kept one after the other, ended by NUL.
 */
#include "cli/ctr_table.h"

#include <assert.h>
#include <stdio.h>

#define GAP 3

struct ctr_table {
	size_t columns, cells;
	struct buf text;
	size_t *widths;
};

/* Letters, not bytes: continuation bytes of UTF-8 take no room. */
static size_t width_of(struct str cell)
{
	size_t width = 0;

	for (size_t i = 0; i < cell.len; i++)
		width += ((unsigned char)cell.at[i] & 0xc0) != 0x80;
	return width;
}

void ctr_table_add(struct ctr_table *table, struct str cell)
{
	size_t *widest = &table->widths[table->cells++ % table->columns];
	size_t width = width_of(cell);

	for (size_t i = 0; i < cell.len; i++) {
		unsigned char c = (unsigned char)cell.at[i];

		buf_add_byte(&table->text, c < ' ' || c == 0x7f ? '?' : cell.at[i]);
	}
	buf_add_byte(&table->text, '\0');
	if (width > *widest)
		*widest = width;
}

struct ctr_table *ctr_table_new(const char *const *heads, size_t columns)
{
	struct ctr_table *table = memory_new(struct ctr_table);

	assert(columns > 0);
	table->columns = columns;
	table->widths = memory_zero(columns * sizeof(*table->widths));
	for (size_t i = 0; i < columns; i++)
		ctr_table_add(table, str_of(heads[i]));
	return table;
}

void ctr_table_free(struct ctr_table *table)
{
	if (!table)
		return;
	buf_clear(&table->text);
	free(table->widths);
	free(table);
}

void ctr_table_print(const struct ctr_table *table, struct buf *out)
{
	const char *at = buf_text(&table->text);

	assert(table->cells % table->columns == 0);
	for (size_t i = 0; i < table->cells; i++) {
		struct str cell = str_of(at);
		size_t column = i % table->columns;

		at += cell.len + 1;
		buf_add_str(out, cell);
		if (column + 1 == table->columns) {
			buf_add_byte(out, '\n');
			continue;
		}
		for (size_t n = width_of(cell); n < table->widths[column] + GAP; n++)
			buf_add_byte(out, ' ');
	}
}

void ctr_table_show(const struct ctr_table *table)
{
	auto_buf text = BUF_INIT;

	ctr_table_print(table, &text);
	fwrite(text.at, 1, text.len, stdout);
	fflush(stdout);
}
