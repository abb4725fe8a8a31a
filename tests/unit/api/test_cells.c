/*
 * test_cells.c - the rows that kubectl prints: columns and cells of one object and more of a kind.
 *
 * A file tests/objects/<name>.cells is made of lines:
 *   # ...              a comment; empty lines say nothing either
 *   object JSON        the object that the next lines are about; "@-90" in it is the time 90 s ago
 *   COLUMN | CELL      its columns in their order, all of them; what follows the name in brackets:
 *                      (integer), (boolean), (date): the type when it is not string;
 *                      (wide): of priority 1; (name): of format name
 *   conditions | JSON  the row has these conditions
 * CELL: a text as it is, everything else as JSON.
 */
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/table.h"
#include "base/clock.h"
#include "base/file.h"
#include "tests/unit/harness.h"

#define FOLDER    "tests/objects"
#define TABLE_MAX (4u << 20)

struct page {
	const char *path;
	unsigned line; /* of the object */
	unsigned objects, failures;
	struct buf have; /* what is printed of the object */
	struct buf want; /* what the file says */
};

/* `text` with its "@-SECONDS" as times. */
static void add_times(struct str text, struct buf *out)
{
	ptrdiff_t at;

	while ((at = str_search(text, STR("@-"))) >= 0) {
		char time[CLOCK_TEXT];
		size_t len = 0;
		int64_t ago = 0;

		buf_add(out, text.at, (size_t)at);
		text = str_from(text.at + at + 2, text.len - (size_t)at - 2);
		while (len < text.len && text.at[len] >= '0' && text.at[len] <= '9')
			len++;
		CHECK(str_to_i64(str_from(text.at, len), 0, INT32_MAX, &ago));
		clock_print(clock_wall_s() - ago, time);
		buf_add_text(out, time);
		text = str_from(text.at + len, text.len - len);
	}
	buf_add_str(out, text);
}

static struct json *parse(const char *path, struct str text, struct json_doc **out)
{
	struct error err;

	if (!json_parse(text, out, NULL, &err))
		harness_fail(path, 0, "%s", err.text);
	return json_root(*out);
}

static void add_line(const struct json *column, const struct json *cell, struct buf *out)
{
	struct str type = json_str(json_get(column, "type"));

	buf_add_str(out, json_str(json_get(column, "name")));
	if (!str_is(type, "string"))
		buf_add_print(out, " (" STR_FMT ")", STR_ARG(type));
	if (str_is(json_str(json_get(column, "format")), "name"))
		buf_add_text(out, " (name)");
	if (json_int(json_get(column, "priority")) > 0)
		buf_add_text(out, " (wide)");
	buf_add_text(out, " | ");
	if (json_type(cell) == JSON_STRING)
		buf_add_str(out, json_str(cell));
	else
		json_print(cell, out);
	buf_add_byte(out, '\n');
}

/* The lines of an object's row. */
static void print_row(const char *path, struct str text, struct buf *out)
{
	auto_buf whole = BUF_INIT, columns_text = BUF_INIT, row_text = BUF_INIT;
	auto_json_doc columns_doc = NULL;
	auto_json_doc row_doc = NULL;
	auto_object object = NULL;
	const struct kind *kind;
	const struct json *row, *conditions;
	struct json_iter cells;
	struct error err;

	add_times(text, &whole);
	CHECK_OK(object_from_bytes(buf_str(&whole), (struct object **)&object, &err), &err);
	kind = kind_find_name(object_api_version(object), object_kind(object));
	if (!kind)
		harness_fail(path, 0, "no such kind: " STR_FMT, STR_ARG(object_kind(object)));
	table_print_columns(kind, &columns_text);
	table_print_row(kind, object, TABLE_NONE, &row_text);
	row = parse(path, buf_str(&row_text), &row_doc);
	cells = json_iter(json_get(row, "cells"));
	for (struct json_iter it = json_iter(parse(path, buf_str(&columns_text), &columns_doc));
	     json_next(&it);) {
		CHECK(json_next(&cells));
		add_line(it.value, cells.value, out);
	}
	CHECK(!json_next(&cells));
	conditions = json_get(row, "conditions");
	if (conditions) {
		buf_add_text(out, "conditions | ");
		json_print(conditions, out);
		buf_add_byte(out, '\n');
	}
}

static void compare(struct page *page)
{
	if (page->objects > 0 && !str_equal(buf_str(&page->have), buf_str(&page->want))) {
		page->failures++;
		printf("%s:%u:\n  printed:\n%s  should be:\n%s", page->path, page->line,
		       buf_text(&page->have), buf_text(&page->want));
	}
	buf_reset(&page->have);
	buf_reset(&page->want);
}

static void run_page(const char *path, unsigned *objects, unsigned *failures)
{
	struct page page = { .path = path };
	auto_buf file = BUF_INIT;
	struct str rest, line;
	unsigned number = 0;
	struct error err;

	CHECK_OK(file_read(path, TABLE_MAX, &file, &err), &err);
	rest = buf_str(&file);
	while (rest.len > 0) {
		line = str_cut(&rest, '\n');
		number++;
		if (line.len == 0 || line.at[0] == '#')
			continue;
		if (str_starts(line, STR("object "))) {
			compare(&page);
			page.line = number;
			page.objects++;
			print_row(path, str_from(line.at + 7, line.len - 7), &page.have);
		} else {
			buf_add_str(&page.want, line);
			buf_add_byte(&page.want, '\n');
		}
	}
	compare(&page);
	*objects += page.objects;
	*failures += page.failures;
	buf_clear(&page.have);
	buf_clear(&page.want);
}

static void prints_rows(void)
{
	unsigned objects = 0, failures = 0;
	glob_t found;

	CHECK_INT(glob(FOLDER "/*.cells", 0, NULL, &found), 0);
	for (size_t i = 0; i < found.gl_pathc; i++)
		run_page(found.gl_pathv[i], &objects, &failures);
	globfree(&found);
	printf("%u rows, %u printed in another way\n", objects, failures);
	CHECK_INT(failures, 0);
}

static const struct test tests[] = {
	{ "each row is printed as the real server does", prints_rows },
};
TEST_MAIN(tests)
