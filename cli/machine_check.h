/*
 * machine_check.h - what a machine needs to be a server or a node, and whether this one has it.
 *
 * One row a question.  Answers are found by doing where that is possible, never by reading a
 * kernel's configuration.  Nothing is changed or left behind.  Without root some answers are
 * CHECK_UNKNOWN.
 */
#ifndef CLI_MACHINE_CHECK_H
#define CLI_MACHINE_CHECK_H

#include "base/text.h"

enum check_state { CHECK_OK, CHECK_WARNING, CHECK_MISSING, CHECK_UNKNOWN };

struct check_plan {
	const char *root;     /* "/"; tests give a folder that has proc, sys and etc of their own */
	const char *data_dir; /* need not exist */
	bool is_root;
};

struct check_result {
	enum check_state state;
	struct buf found;   /* a few words on what is there */
	const char *remedy; /* one sentence, NULL with CHECK_OK */
};

struct check {
	const char *name;
	bool needs_root;
	/* Fill state and found; a remedy only if it is another than the row's. */
	void (*look)(const struct check_plan *plan, struct check_result *out);
	const char *remedy;
};

extern const struct check machine_checks[]; /* ends with name == NULL */

/* Ask one question; `out` is cleared with check_result_clear. */
void machine_check_ask(const struct check *check, const struct check_plan *plan,
		       struct check_result *out);
void check_result_clear(struct check_result *result);
const char *check_state_name(enum check_state state);

#endif
