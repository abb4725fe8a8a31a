/*
 * options.c - command line, environment and configuration files into one struct, driven by the
 * rows.
 *
 * Each source is applied in order of rising strength: defaults, config files, environment, command
 * line.  A list given by a stronger source replaces the whole list of a weaker one; within one
 * source it grows.
 */
#include "base/options.h"

#include <assert.h>
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/yaml.h"

struct parsing {
	const struct option_set *set;
	struct arena *arena;
	void *target;
	struct option_result *result;
	bool *list_touched; /* by the current source, one a row */
	size_t *list_room;  /* of the items made here, one a row */
	size_t notice_room;
	size_t row_count;
	bool only_args; /* after "--" */
};

static void *slot_of(struct parsing *parsing, const struct option_row *row)
{
	return (char *)parsing->target + row->at;
}

/* Items that the caller gave are never written to: their room is not ours. */
static void list_add_text(struct parsing *parsing, struct option_list *list, size_t *room,
			  const char *text)
{
	if (list->count >= *room) {
		const char **items;

		*room = list->count < 4 ? 8 : list->count * 2;
		items = arena_get(parsing->arena, *room * sizeof(*items));
		if (list->count > 0)
			memcpy(items, list->items, list->count * sizeof(*items));
		list->items = items;
	}
	list->items[list->count++] = text;
}

static bool parse_bool(struct str text, bool *out)
{
	if (str_is(text, "true") || str_is(text, "1") || str_is(text, "yes"))
		*out = true;
	else if (str_is(text, "false") || str_is(text, "0") || str_is(text, "no"))
		*out = false;
	else
		return false;
	return true;
}

/* `from` names the source for errors: "--flag", "MOTE_X", "config.yaml: key". */
static bool set_value(struct parsing *parsing, const struct option_row *row, struct str text,
		      const char *from, struct error *err)
{
	void *slot = slot_of(parsing, row);
	size_t index = (size_t)(row - parsing->set->rows);
	struct option_list *list = slot;

	switch (row->type) {
	case OPTION_TEXT:
		if ((int64_t)text.len < row->min)
			return error_set(err, ERROR_INVALID, "%s must not be empty", from);
		*(const char **)slot = str_copy_arena(text, parsing->arena);
		return true;
	case OPTION_BOOL:
		if (parse_bool(text, slot))
			return true;
		return error_set(err, ERROR_INVALID,
				 "%s must be true or false, not \"" STR_FMT "\"", from,
				 STR_ARG(text));
	case OPTION_INT:
		if (str_to_i64(text, row->min, row->max, slot))
			return true;
		return error_set(err, ERROR_INVALID,
				 "%s must be a number from %" PRId64 " to %" PRId64
				 ", not \"" STR_FMT "\"",
				 from, row->min, row->max, STR_ARG(text));
	case OPTION_LIST:
		if (!parsing->list_touched[index]) {
			*list = (struct option_list){ 0 };
			parsing->list_room[index] = 0;
		}
		parsing->list_touched[index] = true;
		do
			list_add_text(parsing, list, &parsing->list_room[index],
				      str_copy_arena(row->commas ? str_cut(&text, ',') : text,
						     parsing->arena));
		while (row->commas && text.len > 0);
		return true;
	}
	return false;
}

static void notice(struct parsing *parsing, const char *text)
{
	list_add_text(parsing, &parsing->result->notices, &parsing->notice_room, text);
}

static void next_source(struct parsing *parsing)
{
	memset(parsing->list_touched, 0, parsing->row_count * sizeof(bool));
}

/* --- names --- */

static const struct option_row *find_flag(const struct option_set *set, struct str name)
{
	for (const struct option_row *row = set->rows; row->flag; row++)
		if (str_is(name, row->flag))
			return row;
	return NULL;
}

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Levenshtein distance of short names. */
static size_t distance(struct str a, struct str b)
{
	size_t row[64];

	if (a.len >= ARRAY_LENGTH(row) || b.len >= ARRAY_LENGTH(row))
		return 99;
	for (size_t j = 0; j <= b.len; j++)
		row[j] = j;
	for (size_t i = 1; i <= a.len; i++) {
		size_t corner = row[0];

		row[0] = i;
		for (size_t j = 1; j <= b.len; j++) {
			size_t cost = corner + (a.at[i - 1] != b.at[j - 1]);

			corner = row[j];
			row[j] = least(cost, least(row[j], row[j - 1]) + 1);
		}
	}
	return row[b.len];
}

static const char *nearest_flag(const struct option_set *set, struct str name)
{
	const char *best = NULL;
	/* Of a short name, a few changes leave nothing. */
	size_t best_distance = name.len < 6 ? 3 : 4;

	for (const struct option_row *row = set->rows; row->flag; row++) {
		size_t far = distance(name, str_of(row->flag));

		if (far < best_distance) {
			best_distance = far;
			best = row->flag;
		}
	}
	return best;
}

static bool refuse_name(struct parsing *parsing, const char *where, struct str name,
			struct error *err)
{
	const char *near = nearest_flag(parsing->set, name);
	const char *dashes = where[0] == '-' ? "--" : "";

	if (near)
		return error_set(err, ERROR_INVALID, "unknown %s%s" STR_FMT "; did you mean %s%s?",
				 where[0] == '-' ? "flag " : where, dashes, STR_ARG(name), dashes,
				 near);
	return error_set(err, ERROR_INVALID, "unknown %s%s" STR_FMT "; see %s --help",
			 where[0] == '-' ? "flag " : where, dashes, STR_ARG(name),
			 parsing->set->usage);
}

/* --- flags that are not ours --- */

static const struct option_absent *find_absent(const struct option_set *set, struct str name,
					       char letter)
{
	for (const struct option_absent *row = set->absent; row && row->flag; row++)
		if (letter ? row->letter == letter : str_is(name, row->flag))
			return row;
	return NULL;
}

/* `from` as for set_value.  A switch that is off asks for nothing. */
static bool pass_over(struct parsing *parsing, const struct option_absent *row, struct str value,
		      const char *from, struct error *err)
{
	bool on = true;

	if (row->is_switch && parse_bool(value, &on) && !on)
		return true;
	if (!row->harmless)
		return error_set(err, ERROR_INVALID, "%s is not offered: %s", from, row->why);
	notice(parsing, arena_print(parsing->arena, "%s has no effect: %s", from, row->why));
	return true;
}

/* --- sources --- */

static bool apply_defaults(struct parsing *parsing, struct error *err)
{
	for (const struct option_row *row = parsing->set->rows; row->flag; row++)
		if (row->fallback &&
		    !set_value(parsing, row, str_of(row->fallback), row->flag, err))
			return false;
	next_source(parsing);
	return true;
}

static bool apply_environment(struct parsing *parsing, struct error *err)
{
	for (const struct option_row *row = parsing->set->rows; row->flag; row++) {
		const char *value = row->env ? getenv(row->env) : NULL;
		struct str rest = str_of(value);

		if (!value || !*value)
			continue;
		if (row->type != OPTION_LIST) {
			if (!set_value(parsing, row, rest, row->env, err))
				return false;
			continue;
		}
		while (rest.len > 0)
			if (!set_value(parsing, row, str_cut(&rest, ','), row->env, err))
				return false;
	}
	next_source(parsing);
	return true;
}

static struct str scalar_text(struct parsing *parsing, const struct json *value)
{
	auto_buf text = BUF_INIT;

	if (json_type(value) == JSON_STRING)
		return json_str(value);
	json_print(value, &text);
	return str_from(arena_string(parsing->arena, text.at, text.len), text.len);
}

static bool apply_strange_key(struct parsing *parsing, const char *path, struct str key,
			      const struct json *value, struct error *err)
{
	const struct option_absent *absent = find_absent(parsing->set, key, 0);
	const char *from = arena_print(parsing->arena, "%s: " STR_FMT, path, STR_ARG(key));
	struct error unknown;

	if (absent)
		return pass_over(parsing, absent, scalar_text(parsing, value), from, err);
	if (parsing->set->other && find_flag(parsing->set->other, key))
		return true;
	(void)refuse_name(parsing, arena_print(parsing->arena, "key in %s: ", path), key, &unknown);
	notice(parsing, arena_print(parsing->arena, "passed over: %s", unknown.text));
	return true;
}

static bool apply_key(struct parsing *parsing, const char *path, struct str key,
		      const struct json *value, struct error *err)
{
	bool append = str_ends(key, STR("+"));
	const struct option_row *row;
	const char *from;

	if (append)
		key.len--;
	row = find_flag(parsing->set, key);
	if (!row)
		return apply_strange_key(parsing, path, key, value, err);
	from = arena_print(parsing->arena, "%s: " STR_FMT, path, STR_ARG(key));
	if (append && row->type != OPTION_LIST)
		return error_set(err, ERROR_INVALID,
				 "%s is not a list, so it cannot be appended to with +", from);
	if (append)
		parsing->list_touched[row - parsing->set->rows] = true;
	if (json_type(value) == JSON_OBJECT)
		return error_set(err, ERROR_INVALID, "%s must be a value or a list of values",
				 from);
	if (json_type(value) != JSON_ARRAY)
		return set_value(parsing, row, scalar_text(parsing, value), from, err);
	if (row->type != OPTION_LIST)
		return error_set(err, ERROR_INVALID, "%s must be one value, not a list", from);
	for (struct json_iter it = json_iter(value); json_next(&it);)
		if (!set_value(parsing, row, scalar_text(parsing, it.value), from, err))
			return false;
	return true;
}

static bool apply_file(struct parsing *parsing, const char *path, struct error *err)
{
	auto_buf text = BUF_INIT;
	auto_json_doc doc = NULL;
	const char *duplicate = NULL;

	if (!file_exists(path))
		return true;
	if (!file_read(path, LIMIT_CONFIG_FILE, &text, err))
		return false;
	if (!yaml_parse(buf_str(&text), &doc, &duplicate, err))
		return error_context(err, "%s", path);
	if (duplicate)
		return error_set(err, ERROR_INVALID, "%s: %s is given twice", path, duplicate);
	if (json_type(json_root(doc)) == JSON_NULL)
		return true;
	if (json_type(json_root(doc)) != JSON_OBJECT)
		return error_set(err, ERROR_INVALID, "%s must be a mapping of flag names to values",
				 path);
	for (struct json_iter it = json_iter(json_root(doc)); json_next(&it);)
		if (!apply_key(parsing, path, it.key, it.value, err))
			return false;
	next_source(parsing);
	return true;
}

static int only_yaml(const struct dirent *entry)
{
	struct str name = str_of(entry->d_name);

	return name.at[0] != '.' && (str_ends(name, STR(".yaml")) || str_ends(name, STR(".yml")));
}

static bool apply_files(struct parsing *parsing, const char *path, struct error *err)
{
	const char *folder = arena_print(parsing->arena, "%s.d", path);
	struct dirent **entries = NULL;
	int count;
	bool done = apply_file(parsing, path, err);

	if (!done)
		return false;
	count = scandir(folder, &entries, only_yaml, alphasort);
	for (int i = 0; i < count; i++) {
		if (done)
			done = apply_file(
				parsing,
				arena_print(parsing->arena, "%s/%s", folder, entries[i]->d_name),
				err);
		free(entries[i]);
	}
	free(entries);
	return done;
}

/* --- the command line --- */

static bool add_arg(struct parsing *parsing, char *arg, struct error *err)
{
	struct option_result *result = parsing->result;

	if (result->arg_count == parsing->set->args_max)
		return error_set(err, ERROR_INVALID, "unexpected argument \"%s\"; usage: %s", arg,
				 parsing->set->usage);
	result->args[result->arg_count++] = arg;
	return true;
}

/* A word of the command line, taken apart: "--name=value", "-n=value", "-nvalue", or without value.
 */
struct flag {
	struct str name; /* without dashes */
	char letter;     /* of one dash, else 0 */
	bool has_value;
	struct str value;
};

static struct flag read_flag(const struct option_set *set, const char *arg)
{
	struct flag flag = { 0 };
	struct str rest = str_of(arg);

	flag.has_value = str_find(rest, '=') >= 0;
	flag.name = str_cut(&rest, '=');
	flag.value = rest;
	if (str_starts(flag.name, STR("--"))) {
		flag.name = str_from(arg + 2, flag.name.len - 2);
		return flag;
	}
	flag.letter = arg[1];
	flag.name = str_from(arg + 1, flag.name.len - 1);
	if (find_flag(set, flag.name) || find_absent(set, flag.name, 0)) {
		flag.letter = 0; /* "-token", as programs written in Go take it */
	} else if (flag.name.len > 1) {
		flag.has_value = true;
		flag.value = str_of(arg + 2);
	}
	return flag;
}

static const struct option_row *row_of_flag(const struct option_set *set, const struct flag *flag)
{
	if (!flag->letter)
		return find_flag(set, flag->name);
	for (const struct option_row *row = set->rows; row->flag; row++)
		if (row->letter == flag->letter)
			return row;
	return NULL;
}

static bool needs_value(const struct flag *flag, bool is_switch, const char *name,
			const char *value_name, bool is_last, struct error *err)
{
	if (flag->has_value || is_switch || !is_last)
		return true;
	return error_set(err, ERROR_INVALID, "--%s needs a value (%s)", name,
			 value_name ? value_name : "VALUE");
}

static bool apply_strange_flag(struct parsing *parsing, struct flag *flag, int argc, char **argv,
			       int *at, struct error *err)
{
	const struct option_absent *absent = find_absent(parsing->set, flag->name, flag->letter);

	if (!absent && parsing->set->other && row_of_flag(parsing->set->other, flag))
		return error_set(err, ERROR_INVALID, "%s is a flag of another command: %s",
				 argv[*at - 1], parsing->set->other->usage);
	if (!absent)
		return refuse_name(parsing, "-", flag->name, err);
	if (!needs_value(flag, absent->is_switch, absent->flag, NULL, *at == argc, err))
		return false;
	if (!flag->has_value)
		flag->value = absent->is_switch ? STR("true") : str_of(argv[(*at)++]);
	return pass_over(parsing, absent, flag->value,
			 arena_print(parsing->arena, "--%s", absent->flag), err);
}

/* One word of the command line; *at moves on by the words used. */
static bool apply_word(struct parsing *parsing, int argc, char **argv, int *at, struct error *err)
{
	char *arg = argv[(*at)++];
	const struct option_row *row;
	struct flag flag;

	if (parsing->only_args || arg[0] != '-' || arg[1] == '\0')
		return add_arg(parsing, arg, err);
	if (strcmp(arg, "--") == 0) {
		parsing->only_args = true;
		return true;
	}
	flag = read_flag(parsing->set, arg);
	if (str_is(flag.name, flag.letter ? "h" : "help")) {
		parsing->result->help_wanted = true;
		return true;
	}
	row = row_of_flag(parsing->set, &flag);
	if (!row || (flag.letter && row->type == OPTION_BOOL && flag.name.len > 1))
		return apply_strange_flag(parsing, &flag, argc, argv, at, err);
	if (!needs_value(&flag, row->type == OPTION_BOOL, row->flag, row->value_name, *at == argc,
			 err))
		return false;
	if (!flag.has_value)
		flag.value = row->type == OPTION_BOOL ? STR("true") : str_of(argv[(*at)++]);
	return set_value(parsing, row, flag.value, arena_print(parsing->arena, "--%s", row->flag),
			 err);
}

bool options_parse(const struct option_set *set, int argc, char **argv, const char *config_path,
		   struct arena *arena, void *target, struct option_result *out, struct error *err)
{
	struct parsing parsing = { .set = set, .arena = arena, .target = target, .result = out };
	size_t rows = 0;

	while (set->rows[rows].flag)
		rows++;
	parsing.row_count = rows;
	parsing.list_touched = arena_zero(arena, (rows + 1) * sizeof(bool));
	parsing.list_room = arena_zero(arena, (rows + 1) * sizeof(size_t));
	*out = (struct option_result){ .args = arena_zero(arena,
							  (set->args_max + 1) * sizeof(char *)) };
	if (!apply_defaults(&parsing, err) ||
	    (config_path && !apply_files(&parsing, config_path, err)) ||
	    !apply_environment(&parsing, err))
		return false;
	for (int at = 1; at < argc;)
		if (!apply_word(&parsing, argc, argv, &at, err))
			return false;
	return true;
}

const char *options_value(const struct option_set *set, int argc, char **argv, const char *name)
{
	const char *value = NULL;

	for (int at = 1; at < argc && strcmp(argv[at], "--") != 0; at++) {
		bool is_flag = argv[at][0] == '-' && argv[at][1];
		struct flag flag = is_flag ? read_flag(set, argv[at]) : (struct flag){ 0 };
		const struct option_row *row = is_flag ? row_of_flag(set, &flag) : NULL;

		if (!row || row->type == OPTION_BOOL)
			continue;
		if (!flag.has_value && ++at == argc)
			break;
		if (strcmp(row->flag, name) == 0) /* a value ends with its word */
			value = flag.has_value ? flag.value.at : argv[at];
	}
	return value;
}

/* --- help --- */

#define HELP_COLUMN 34

static void help_row(const struct option_row *row, struct buf *out)
{
	size_t start = out->len, width;

	buf_add_text(out, "  ");
	if (row->letter)
		buf_add_print(out, "-%c, ", row->letter);
	buf_add_print(out, "--%s", row->flag);
	if (row->value_name)
		buf_add_print(out, " %s", row->value_name);
	width = out->len - start;
	if (width + 2 > HELP_COLUMN) {
		buf_add_byte(out, '\n');
		width = 0;
	}
	for (; width < HELP_COLUMN; width++)
		buf_add_byte(out, ' ');
	buf_add_text(out, row->help);
	if (row->fallback && row->fallback[0] && row->type != OPTION_BOOL)
		buf_add_print(out, " (default %s)", row->fallback);
	if (row->env)
		buf_add_print(out, " [%s]", row->env);
	buf_add_byte(out, '\n');
}

static bool same_group(const struct option_row *one, const struct option_row *other)
{
	return one->group == other->group ||
	       (one->group && other->group && strcmp(one->group, other->group) == 0);
}

/* The rows of a group stand together, where its first one is. */
void options_help(const struct option_set *set, struct buf *out)
{
	buf_add_print(out, "Usage: %s\n\n%s\n", set->usage, set->about);
	for (const struct option_row *row = set->rows; row->flag; row++) {
		const struct option_row *first = set->rows;

		while (!same_group(first, row))
			first++;
		if (first != row)
			continue;
		if (row->group)
			buf_add_print(out, "\n%s:\n", row->group);
		for (const struct option_row *at = row; at->flag; at++)
			if (same_group(at, row))
				help_row(at, out);
	}
}
