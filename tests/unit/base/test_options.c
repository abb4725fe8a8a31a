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
	struct option_list san, disable;
};

static const struct option_row rows[] = {
	{ .flag = "data-dir",
	  .letter = 'd',
	  .env = "TEST_DATA_DIR",
	  .type = OPTION_TEXT,
	  .at = offsetof(struct target, data_dir),
	  .value_name = "DIR",
	  .fallback = "/var",
	  .min = 1,
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
	{ .flag = "disable",
	  .type = OPTION_LIST,
	  .at = offsetof(struct target, disable),
	  .commas = true,
	  .help = "names" },
	{ 0 },
};
static const struct option_absent absent[] = {
	{ .flag = "endpoint", .why = "all is here" },
	{ .flag = "docker", .is_switch = true, .why = "there is none" },
	{ .flag = "quiet", .letter = 'q', .is_switch = true, .harmless = true, .why = "it is" },
	{ 0 },
};
static const struct option_row other_rows[] = { { .flag = "server" }, { 0 } };
static const struct option_set other = { .usage = "other", .rows = other_rows };
static const struct option_set set = {
	.usage = "x", .about = "y", .rows = rows, .args_max = 1, .absent = absent, .other = &other
};

static struct option_result last;

static bool parse(const char *config, const char *const *argv, struct target *out,
		  struct error *err)
{
	static struct arena *arena;
	int argc = 0;

	arena_free(arena);
	arena = arena_new();
	while (argv[argc])
		argc++;
	*out = (struct target){ 0 };
	return options_parse(&set, argc, (char **)(uintptr_t)argv, config, arena, out, &last, err);
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
	CHECK(!parse(NULL, (const char *[]){ "x", "--sort-x", NULL }, &target, &err));
	CHECK_STR(err.text, "unknown flag --sort-x; did you mean --port?");
	CHECK(!parse(NULL, (const char *[]){ "x", "--sooy", NULL }, &target, &err));
	CHECK(!strstr(err.text, "did you mean"));
	CHECK(!parse(NULL, (const char *[]){ "x", "--data-dir", "", NULL }, &target, &err));
	CHECK_STR(err.text, "--data-dir must not be empty");
	CHECK(!parse(NULL, (const char *[]){ "x", "--port", "0", NULL }, &target, &err));
	CHECK_STR(err.text, "--port must be a number from 1 to 65535, not \"0\"");
	CHECK(!parse(NULL, (const char *[]){ "x", "--port", NULL }, &target, &err));
	CHECK_STR(err.text, "--port needs a value (N)");
	CHECK(!parse(NULL, (const char *[]){ "x", "a", "b", NULL }, &target, &err));
	CHECK_STR(err.text, "unexpected argument \"b\"; usage: x");
}

/* Goal: every way to write a flag and its value. */
static void ways_to_write(void)
{
	static const char *const ways[][3] = {
		{ "-d", "/x" },         { "-d=/x" },         { "-d/x" },
		{ "--data-dir", "/x" }, { "--data-dir=/x" }, { "-data-dir", "/x" },
		{ "-data-dir=/x" },
	};
	struct target target;
	struct error err;

	for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
		const char *argv[] = { "x", ways[i][0], ways[i][1], NULL };
		int argc = ways[i][1] ? 3 : 2;

		CHECK_OK(parse(NULL, argv, &target, &err), &err);
		CHECK_STR(target.data_dir, "/x");
		CHECK_STR(options_value(&set, argc, (char **)(uintptr_t)argv, "data-dir"), "/x");
	}
	CHECK_OK(parse(NULL, (const char *[]){ "x", "--disable", "a,b", "--disable=c", NULL },
		       &target, &err),
		 &err);
	CHECK_INT(target.disable.count, 3);
	CHECK_STR(target.disable.items[1], "b");
}

/* Goal: a value that looks like the flag is none, nor is what stands behind "--". */
static void value_of_a_flag(void)
{
	const char *argv[] = { "x", "--tls-san", "-d=/no", "--debug", "--", "-d", "/no", NULL };

	CHECK_STR(options_value(&set, 7, (char **)(uintptr_t)argv, "data-dir"), NULL);
	CHECK_STR(options_value(&set, 2, (char **)(uintptr_t)argv, "tls-san"), NULL);
}

/* Goal: flags that are not offered are told apart: those that would be missed are refused. */
static void absent_flags(void)
{
	struct target target;
	struct error err;

	CHECK(!parse(NULL, (const char *[]){ "x", "--endpoint", "y", NULL }, &target, &err));
	CHECK_STR(err.text, "--endpoint is not offered: all is here");
	CHECK(!parse(NULL, (const char *[]){ "x", "--endpoint", NULL }, &target, &err));
	CHECK(!parse(NULL, (const char *[]){ "x", "--docker", NULL }, &target, &err));
	CHECK_OK(parse(NULL, (const char *[]){ "x", "--docker=false", NULL }, &target, &err), &err);
	CHECK_INT(last.notices.count, 0);
	CHECK_OK(parse(NULL, (const char *[]){ "x", "-q", "arg", NULL }, &target, &err), &err);
	CHECK_INT(last.notices.count, 1);
	CHECK_STR(last.notices.items[0], "--quiet has no effect: it is");
	CHECK_INT(last.arg_count, 1);
	CHECK(!parse(NULL, (const char *[]){ "x", "--server", "y", NULL }, &target, &err));
	CHECK_STR(err.text, "--server is a flag of another command: other");
}

/* Goal: keys of files: strange ones are told, refused ones are errors, another command's are fine.
 */
static void strange_keys(void)
{
	auto_free char *path = memory_print("%s/k.yaml", harness_folder());
	auto_free char *wish =
		memory_print("passed over: unknown key in %s: prot; did you mean port?", path);
	const char *argv[] = { "x", NULL };
	struct target target;
	struct error err;

	CHECK_OK(
		file_replace(path, STR("prot: 1\nserver: x\ndocker: false\nport: 2\n"), 0600, &err),
		&err);
	CHECK_OK(parse(path, argv, &target, &err), &err);
	CHECK_INT(target.port, 2);
	CHECK_INT(last.notices.count, 1);
	CHECK_STR(last.notices.items[0], wish);
	CHECK_OK(file_replace(path, STR("endpoint: x\n"), 0600, &err), &err);
	CHECK(!parse(path, argv, &target, &err));
	CHECK(str_ends(str_of(err.text), STR("endpoint is not offered: all is here")));
}

/* Goal: files are read in the order of their names; a later one replaces a key, "key+" adds. */
static void folder_of_files(void)
{
	static const char *const files[][2] = {
		{ "20-b.yaml", "port: 20\ntls-san+: [b]\ndisable: x,y\n" },
		{ "10-a.yaml", "port: 10\ntls-san: [a]\n" },
		{ "30-c.yml", "disable+: z\n" },
		{ ".hidden.yaml", "port: 99\n" },
		{ "note.txt", "port: 98\n" },
	};
	auto_free char *path = memory_print("%s/f.yaml", harness_folder());
	auto_free char *folder = memory_print("%s.d", path);
	const char *argv[] = { "x", NULL };
	struct target target;
	struct error err;

	CHECK_OK(file_make_dirs(folder, 0700, &err), &err);
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		auto_free char *file = memory_print("%s/%s", folder, files[i][0]);

		CHECK_OK(file_replace(file, str_of(files[i][1]), 0600, &err), &err);
	}
	CHECK_OK(parse(path, argv, &target, &err), &err);
	CHECK_INT(target.port, 20);
	CHECK_INT(target.san.count, 2);
	CHECK_STR(target.san.items[0], "a");
	CHECK_STR(target.san.items[1], "b");
	CHECK_INT(target.disable.count, 3);
	CHECK_STR(target.disable.items[2], "z");
}

static const struct test tests[] = {
	{ "ways to write", ways_to_write },       { "value of a flag", value_of_a_flag },
	{ "absent flags", absent_flags },         { "strange keys", strange_keys },
	{ "folder of files", folder_of_files },   { "strength", strength },
	{ "reads long lists", reads_long_lists }, { "says what is wrong", says_what_is_wrong },
};
TEST_MAIN(tests)
