/*
 * command_check_config.c - mote check-config: what this machine lacks, and what helps.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "cli/command_line.h"
#include "cli/ctr_data_dir.h"
#include "cli/ctr_table.h"
#include "cli/machine_check.h"

struct options {
	const char *data_dir, *output;
	bool as_json; /* output, read */
};

struct report {
	struct ctr_table *table; /* NULL: as JSON */
	struct json_doc *doc;
	size_t counts[CHECK_UNKNOWN + 1];
};

static void add_row(struct report *report, const char *name, const struct check_result *result)
{
	auto_buf remedy = BUF_INIT;

	buf_add_str(&remedy, buf_str(&result->found));
	if (result->remedy)
		buf_add_print(&remedy, "%s%s", remedy.len > 0 ? ": " : "", result->remedy);
	ctr_table_add(report->table, str_of(name));
	ctr_table_add(report->table, str_of(check_state_name(result->state)));
	ctr_table_add(report->table, buf_str(&remedy));
}

static void add_object(struct report *report, const char *name, const struct check_result *result)
{
	struct json *row = json_new_object(report->doc);

	json_put(report->doc, row, "item", json_new_text(report->doc, name));
	json_put(report->doc, row, "state",
		 json_new_text(report->doc, check_state_name(result->state)));
	json_put(report->doc, row, "found", json_new_str(report->doc, buf_str(&result->found)));
	if (result->remedy)
		json_put(report->doc, row, "remedy", json_new_text(report->doc, result->remedy));
	json_append(json_root(report->doc), row);
}

static void ask_all(struct report *report, const struct check_plan *plan)
{
	for (const struct check *check = machine_checks; check->name; check++) {
		struct check_result result;

		machine_check_ask(check, plan, &result);
		report->counts[result.state]++;
		if (report->table)
			add_row(report, check->name, &result);
		else
			add_object(report, check->name, &result);
		check_result_clear(&result);
	}
}

static void show(const struct report *report)
{
	auto_buf text = BUF_INIT;

	if (!report->table) {
		json_print(json_root(report->doc), &text);
		puts(buf_text(&text));
		return;
	}
	ctr_table_show(report->table);
	if (report->counts[CHECK_UNKNOWN] > 0)
		fprintf(stderr, "mote: without root %zu questions have no answer; use sudo\n",
			report->counts[CHECK_UNKNOWN]);
}

static int check(const struct options *options)
{
	static const char *const heads[] = { "ITEM", "STATE", "REMEDY" };
	struct check_plan plan = { .root = "",
				   .data_dir = options->data_dir,
				   .is_root = geteuid() == 0 };
	struct report report = { 0 };

	if (options->as_json) {
		report.doc = json_doc_new();
		json_set_root(report.doc, json_new_array(report.doc));
	} else {
		report.table = ctr_table_new(heads, ARRAY_LENGTH(heads));
	}
	ask_all(&report, &plan);
	show(&report);
	ctr_table_free(report.table);
	json_doc_free(report.doc);
	return report.counts[CHECK_MISSING] > 0 ? 1 : 0;
}

static int run(int argc, char **argv)
{
	auto_arena arena = arena_new();
	const struct option_row rows[] = {
		COMMAND_ROW_OUTPUT,
		ctr_data_dir_row(offsetof(struct options, data_dir)),
		{ 0 },
	};
	const struct option_set set = {
		.usage = "mote check-config [options]",
		.about = "Tells what this machine lacks to be a server or a node, and what helps.  "
			 "Tries things out, changes nothing.  The exit status is 1 if something is "
			 "missing that is needed.",
		.rows = rows,
	};
	struct options options = { 0 };
	struct command_line line = { .set = &set, .arena = arena, .target = &options };
	struct error err;

	if (!command_line_read(&line, argc, argv))
		return line.status;
	if (!ctr_data_dir_find(arena, &options.data_dir, &err))
		return command_fail(&err);
	if (!command_output_read(options.output, &options.as_json))
		return 2;
	return check(&options);
}

const struct command command_check_config = { "check-config", "tell what this machine lacks", run };
