/*
 * test_bad_objects.c - tables of bad objects: what each one must be told, word for word.
 *
 * A file tests/objects/<name>.bad is made of lines:
 *   # ...               a comment; empty lines say nothing either
 *   base JSON           the good object that the next lines alter; it must be told nothing itself
 *   CHANGES => ERRORS   create: the altered object must be told exactly these errors
 *   update CHANGES => ERRORS   the same as an update of the base
 *   status CHANGES => ERRORS   the same as a write of its status
 *   kept CHANGES        what updates find from here on: the base with these changes
 * CHANGES: "/spec/x = 1" (set) or "/spec/x -" (remove), parted by " ; "; paths as in RFC 6902.
 * ERRORS: "path: Word: value: detail" as rules.h prints them, parted by " | "; none: nothing.
 */
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/patch.h"
#include "base/file.h"
#include "tests/unit/api/rules.h"
#include "tests/unit/harness.h"

#define FOLDER    "tests/objects"
#define TABLE_MAX (4u << 20)

struct table {
	const char *path;
	unsigned line, cases, failures;
	char *base; /* as the file says it, owned */
	char *kept; /* the same with its defaults, owned: what an update finds */
};

/* Takes off what is before `by` (or everything); false when there is no more. */
static bool cut_at(struct str *rest, struct str by, struct str *out)
{
	ptrdiff_t at = str_search(*rest, by);

	if (rest->len == 0)
		return false;
	if (at < 0) {
		*out = *rest;
		rest->len = 0;
		return true;
	}
	*out = str_from(rest->at, (size_t)at);
	*rest = str_from(rest->at + at + by.len, rest->len - (size_t)at - by.len);
	return true;
}

/* Appends one change as an operation of a JSON patch. */
static bool add_operation(struct str change, struct buf *out)
{
	struct str path;

	if (!str_starts(change, STR("/")))
		return false;
	if (str_ends(change, STR(" -"))) {
		buf_add_print(out, "{\"op\":\"remove\",\"path\":\"" STR_FMT "\"}",
			      (int)change.len - 2, change.at);
		return true;
	}
	if (str_search(change, STR(" = ")) < 0)
		return false;
	cut_at(&change, STR(" = "), &path);
	buf_add_print(out, "{\"op\":\"add\",\"path\":\"" STR_FMT "\",\"value\":" STR_FMT "}",
		      STR_ARG(path), STR_ARG(change));
	return true;
}

/* `text` altered by CHANGES, appended to *out. */
static void alter(const struct table *table, const char *text, struct str changes, struct buf *out)
{
	auto_buf patch_text = BUF_INIT;
	auto_json_doc patch = NULL;
	auto_json_doc doc = NULL;
	struct json *root;
	struct str change;
	struct error err;

	buf_add_byte(&patch_text, '[');
	while (cut_at(&changes, STR(" ; "), &change)) {
		if (patch_text.len > 1)
			buf_add_byte(&patch_text, ',');
		if (!add_operation(change, &patch_text))
			harness_fail(table->path, (int)table->line, "no change: " STR_FMT,
				     STR_ARG(change));
	}
	buf_add_byte(&patch_text, ']');
	if (!json_parse(buf_str(&patch_text), &patch, NULL, &err) ||
	    !json_parse(str_of(text), &doc, NULL, &err))
		harness_fail(table->path, (int)table->line, "%s", err.text);
	root = json_root(doc);
	if (!patch_json(doc, &root, json_root(patch), &err))
		harness_fail(table->path, (int)table->line, "%s", err.text);
	json_print(root, out);
}

static void compare(struct table *table, const struct buf *have, struct str want)
{
	auto_buf wanted = BUF_INIT;
	struct str error;

	while (cut_at(&want, STR(" | "), &error)) {
		buf_add_str(&wanted, error);
		buf_add_byte(&wanted, '\n');
	}
	table->cases++;
	if (str_equal(buf_str(have), buf_str(&wanted)))
		return;
	table->failures++;
	printf("%s:%u:\n  told:\n%s  should be told:\n%s", table->path, table->line,
	       have->len ? buf_text((struct buf *)have) : "nothing\n",
	       wanted.len ? buf_text(&wanted) : "nothing\n");
}

static void take_base(struct table *table, struct str text)
{
	auto_buf object = BUF_INIT;
	auto_buf errors = BUF_INIT;

	free(table->base);
	free(table->kept);
	table->base = str_copy(text);
	rules_run(table->base, NULL, &object, &errors);
	table->kept = str_copy(buf_str(&object));
	compare(table, &errors, STR(""));
}

static void alter_kept(struct table *table, struct str changes)
{
	auto_buf text = BUF_INIT;

	alter(table, table->kept, changes, &text);
	free(table->kept);
	table->kept = str_copy(buf_str(&text));
}

static void run_case(struct table *table, struct str line)
{
	bool status = str_starts(line, STR("status ")),
	     update = status || str_starts(line, STR("update "));
	auto_buf text = BUF_INIT;
	auto_buf object = BUF_INIT;
	auto_buf errors = BUF_INIT;
	struct str changes;

	if (update)
		line = str_from(line.at + 7, line.len - 7);
	if (!table->base || str_search(line, STR(" =>")) < 0)
		harness_fail(table->path, (int)table->line, "neither base, comment nor case");
	cut_at(&line, STR(" =>"), &changes);
	alter(table, update ? table->kept : table->base, changes, &text);
	rules_run_on(status ? "status" : "", buf_text(&text), update ? table->kept : NULL, &object,
		     &errors);
	compare(table, &errors, str_trim(line));
}

static void run_table(const char *path, unsigned *cases, unsigned *failures)
{
	struct table table = { .path = path };
	auto_buf file = BUF_INIT;
	struct str rest, line;
	struct error err;

	CHECK_OK(file_read(path, TABLE_MAX, &file, &err), &err);
	rest = buf_str(&file);
	while (rest.len > 0) {
		line = str_trim(str_cut(&rest, '\n'));
		table.line++;
		if (line.len == 0 || line.at[0] == '#')
			continue;
		if (str_starts(line, STR("base ")))
			take_base(&table, str_from(line.at + 5, line.len - 5));
		else if (str_starts(line, STR("kept ")))
			alter_kept(&table, str_from(line.at + 5, line.len - 5));
		else
			run_case(&table, line);
	}
	*cases += table.cases;
	*failures += table.failures;
	free(table.base);
	free(table.kept);
}

static void tells_what_is_wrong(void)
{
	unsigned cases = 0, failures = 0;
	glob_t found;

	CHECK_INT(glob(FOLDER "/*.bad", 0, NULL, &found), 0);
	for (size_t i = 0; i < found.gl_pathc; i++)
		run_table(found.gl_pathv[i], &cases, &failures);
	globfree(&found);
	printf("%u cases, %u told something else\n", cases, failures);
	CHECK_INT(failures, 0);
}

static const struct test tests[] = {
	{ "each bad object is told what is wrong", tells_what_is_wrong, .time_limit_s = 60 },
};
TEST_MAIN(tests)
