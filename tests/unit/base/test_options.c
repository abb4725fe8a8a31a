/*
 * test_options.c - options from four sources, and what is said about wrong ones.
 */
#include "base/options.h"

#include <stdio.h>
#include <sys/stat.h>

#include "base/file.h"
#include "tests/unit/harness.h"

struct target {
	const char *data_dir;
	bool debug;
	int64_t port;
	struct option_list san;
};

static const struct option_row rows[] = {
	{ .flag = "data-dir",
	  .letter = 'd',
	  .env = "TEST_DATA_DIR",
	  .type = OPTION_TEXT,
	  .at = offsetof(struct target, data_dir),
	  .value_name = "DIR",
	  .fallback = "/var",
	  .help = "where" },
	{ .flag = "debug",
	  .type = OPTION_BOOL,
	  .at = offsetof(struct target, debug),
	  .help = "more" },
	{ .flag = "port",
	  .type = OPTION_INT,
	  .at = offsetof(struct target, port),
	  .fallback = "6443",
	  .min = 1,
	  .max = 65535,
	  .value_name = "N",
	  .help = "port" },
	{ .flag = "tls-san",
	  .type = OPTION_LIST,
	  .at = offsetof(struct target, san),
	  .value_name = "NAME",
	  .help = "names" },
	{ 0 },
};
static const struct option_set set = { .usage = "x", .about = "y", .rows = rows, .args_max = 1 };

static bool parse(const char *config, const char *const *argv, struct target *out,
		  struct error *err)
{
	static struct arena *arena;
	struct option_result result;
	int argc = 0;

	arena_free(arena);
	arena = arena_new();
	while (argv[argc])
		argc++;
	*out = (struct target){ 0 };
	return options_parse(&set, argc, (char **)(uintptr_t)argv, config, arena, out, &result,
			     err);
}

/* Goal: command line beats environment beats files beats defaults; lists are replaced or appended
 * to. */
static void strength(void)
{
	auto_free char *path = memory_print("%s/c.yaml", harness_folder());
	auto_free char *folder = memory_print("%s/c.yaml.d", harness_folder());
	auto_free char *more = memory_print("%s/1.yaml", folder);
	struct target target;
	struct error err;

	CHECK_OK(file_replace(path, STR("port: 1000\ndata-dir: /file\ntls-san: [a, b]\n"), 0600,
			      &err),
		 &err);
	CHECK_OK(file_make_dirs(folder, 0700, &err), &err);
	CHECK_OK(file_replace(more, STR("tls-san+: c\ndebug: true\n"), 0600, &err), &err);
	CHECK(setenv("TEST_DATA_DIR", "/env", 1) == 0);
	CHECK_OK(parse(path, (const char *[]){ "x", "--port=7", NULL }, &target, &err), &err);
	CHECK_INT(target.port, 7);
	CHECK_STR(target.data_dir, "/env");
	CHECK(target.debug);
	CHECK_INT(target.san.count, 3);
	CHECK_STR(target.san.items[2], "c");
	CHECK_OK(parse(path, (const char *[]){ "x", "-d", "/cli", "--tls-san", "z", NULL }, &target,
		       &err),
		 &err);
	CHECK_STR(target.data_dir, "/cli");
	CHECK_INT(target.port, 1000);
	CHECK_INT(target.san.count, 1);
}

/* Goal: very long lists are read in reasonable time and memory; an appended one keeps its start. */
static void reads_long_lists(void)
{
	auto_free char *path = memory_print("%s/long.yaml", harness_folder());
	auto_arena arena = arena_new();
	auto_buf text = BUF_INIT;
	struct option_result result;
	struct target target = { 0 };
	struct error err;
	char name[] = "x", *argv[] = { name, NULL };

	buf_add_text(&text, "tls-san: [first]\ntls-san+: [");
	for (int i = 0; i < 100000; i++)
		buf_add_print(&text, "n%d,", i);
	buf_add_text(&text, "]\n");
	CHECK_OK(file_replace(path, buf_str(&text), 0600, &err), &err);
	CHECK_OK(options_parse(&set, 1, argv, path, arena, &target, &result, &err), &err);
	CHECK_INT(target.san.count, 100001);
	CHECK_STR(target.san.items[0], "first");
	CHECK_STR(target.san.items[1], "n0");
	CHECK_STR(target.san.items[100000], "n99999");
	CHECK(arena_used(arena) < 10u * 1024 * 1024);
}

/* Goal: one sentence that names the wrong thing and the nearest right one. */
static void says_what_is_wrong(void)
{
	struct target target;
	struct error err;

	CHECK(!parse(NULL, (const char *[]){ "x", "--prot", "1", NULL }, &target, &err));
	CHECK_STR(err.text, "unknown flag --prot; did you mean --port?");
	CHECK(!parse(NULL, (const char *[]){ "x", "--port", "0", NULL }, &target, &err));
	CHECK_STR(err.text, "--port must be a number from 1 to 65535, not \"0\"");
	CHECK(!parse(NULL, (const char *[]){ "x", "--port", NULL }, &target, &err));
	CHECK_STR(err.text, "--port needs a value (N)");
	CHECK(!parse(NULL, (const char *[]){ "x", "a", "b", NULL }, &target, &err));
	CHECK_STR(err.text, "unexpected argument \"b\"; usage: x");
}

static const struct test tests[] = {
	{ "strength", strength },
	{ "reads long lists", reads_long_lists },
	{ "says what is wrong", says_what_is_wrong },
};
TEST_MAIN(tests)
