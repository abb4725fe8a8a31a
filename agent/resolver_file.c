/*
 * resolver_file.c - three lists, each without doubles and bounded.
 */
#include "agent/resolver_file.h"

#define SERVERS_MAX  3  /* more are not asked by any C library */
#define SEARCHES_MAX 32 /* as the API allows */
#define OPTIONS_MAX  32

struct words {
	struct str items[SEARCHES_MAX];
	size_t count;
};

static void add(struct words *words, struct str word, size_t max)
{
	for (size_t i = 0; i < words->count; i++)
		if (str_equal(words->items[i], word))
			return;
	if (word.len > 0 && words->count < max)
		words->items[words->count++] = word;
}

static struct str next_word(struct str *rest)
{
	while (rest->len > 0 && (rest->at[0] == ' ' || rest->at[0] == '\t'))
		*rest = str_from(rest->at + 1, rest->len - 1);
	for (size_t i = 0; i < rest->len; i++)
		if (rest->at[i] == ' ' || rest->at[i] == '\t') {
			struct str word = str_from(rest->at, i);

			*rest = str_from(rest->at + i, rest->len - i);
			return word;
		}
	{
		struct str word = *rest;

		*rest = str_from("", 0);
		return word;
	}
}

static struct str option_name(struct str option)
{
	return str_cut(&option, ':');
}

/* The later one of a name wins, at the place of the first. */
static void add_option(struct words *words, struct str option)
{
	for (size_t i = 0; i < words->count; i++)
		if (str_equal(option_name(words->items[i]), option_name(option))) {
			words->items[i] = option;
			return;
		}
	add(words, option, OPTIONS_MAX);
}

static void read_line(struct str line, struct words *servers, struct words *searches,
		      struct words *options)
{
	struct str key = next_word(&line);
	bool search = str_is(key, "search") || str_is(key, "domain");

	if (search)
		searches->count = 0; /* the last line of them counts */
	while (line.len > 0) {
		struct str word = next_word(&line);

		if (str_is(key, "nameserver"))
			add(servers, word, SERVERS_MAX);
		else if (search)
			add(searches, word, SEARCHES_MAX);
		else if (str_is(key, "options") && word.len > 0)
			add_option(options, word);
	}
}

static void print_words(const char *key, const struct words *words, struct buf *out)
{
	if (words->count == 0)
		return;
	buf_add_text(out, key);
	for (size_t i = 0; i < words->count; i++)
		buf_add_print(out, " " STR_FMT, STR_ARG(words->items[i]));
	buf_add_byte(out, '\n');
}

void resolver_file_print(struct str machine, const struct json *config, struct buf *out)
{
	struct words servers = { 0 }, searches = { 0 }, options = { 0 };
	auto_arena arena = arena_new();

	while (machine.len > 0)
		read_line(str_cut(&machine, '\n'), &servers, &searches, &options);
	for (struct json_iter it = json_iter(json_get(config, "nameservers")); json_next(&it);)
		add(&servers, json_str(it.value), SERVERS_MAX);
	for (struct json_iter it = json_iter(json_get(config, "searches")); json_next(&it);)
		add(&searches, json_str(it.value), SEARCHES_MAX);
	for (struct json_iter it = json_iter(json_get(config, "options")); json_next(&it);) {
		struct str name = json_str(json_get(it.value, "name"));
		struct str value = json_str(json_get(it.value, "value"));

		add_option(&options, value.len == 0
					     ? name
					     : str_of(arena_print(arena, STR_FMT ":" STR_FMT,
								  STR_ARG(name), STR_ARG(value))));
	}
	for (size_t i = 0; i < servers.count; i++)
		buf_add_print(out, "nameserver " STR_FMT "\n", STR_ARG(servers.items[i]));
	print_words("search", &searches, out);
	print_words("options", &options, out);
}
