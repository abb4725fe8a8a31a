/*
 * test_command_token.c - the join token is printed and replaced; a refusal leaves it alone.
 */
#include <fcntl.h>
#include <stdio.h>

#include "base/file.h"
#include "cli/command.h"
#include "tests/unit/harness.h"

#define LONG_OLD "M10aabb::server:oldsecret"

extern const struct command command_token;
static char failure[512];

/* In the place of main.c, which has a main(). */
int command_fail(const struct error *err)
{
	snprintf(failure, sizeof(failure), "%s", err->text);
	return 1;
}

static void write_file(const char *name, const char *text)
{
	auto_free char *folder = memory_print("%s/server", harness_folder());
	auto_free char *path = memory_print("%s/%s", folder, name);
	struct error err;

	CHECK_OK(file_make_dirs(folder, 0700, &err), &err);
	CHECK_OK(file_replace(path, str_of(text), 0600, &err), &err);
}

static char *read_text(const char *name)
{
	auto_free char *path = memory_print("%s/%s", harness_folder(), name);
	struct buf text = BUF_INIT;
	struct error err;

	CHECK_OK(file_read(path, 4096, &text, &err), &err);
	return buf_take(&text);
}

/* The words go behind "token"; NULL ends them.  What is printed is in the file "out". */
static int run(const char *verb, const char *old_token, const char *new_token)
{
	auto_free char *out = memory_print("%s/out", harness_folder());
	const char *words[8] = { "token", verb, "-d", harness_folder() };
	auto_fd before = dup(1), fd = open(out, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
	int count = 4, status;
	char *argv[8];

	if (old_token) {
		words[count++] = "--token";
		words[count++] = old_token;
	}
	if (new_token) {
		words[count++] = "--new-token";
		words[count++] = new_token;
	}
	for (int i = 0; i < count; i++)
		argv[i] = memory_string(words[i]);
	failure[0] = '\0';
	dup2(fd, 1);
	status = command_token.run(count, argv);
	fflush(stdout);
	dup2(before, 1);
	for (int i = 0; i < count; i++)
		free(argv[i]);
	return status;
}

static void check_text(const char *name, const char *want)
{
	auto_free char *text = read_text(name);

	CHECK_STR(text, want);
}

static void print_gives_the_node_token(void)
{
	CHECK_INT(run("print", NULL, NULL), 1);
	CHECK(strstr(failure, "no server has run here"));
	write_file("token", "M10aabb::server:other\n");
	write_file("node-token", LONG_OLD "\n");
	CHECK_INT(run("print", NULL, NULL), 0);
	check_text("out", LONG_OLD "\n");
}

/* Old and new may be the secret or the whole token; the CA's hash stays what it is.  Until the
 * server starts anew node-token is the valid one. */
static void rotate_replaces_the_secret(void)
{
	write_file("token", LONG_OLD "\n");
	write_file("node-token", LONG_OLD "\n");
	CHECK_INT(run("rotate", "oldsecret", "second"), 0);
	check_text("server/token", "M10aabb::server:second\n");
	check_text("server/node-token", LONG_OLD "\n");
	CHECK_INT(run("rotate", "M10aabb::server:second", "M10ffff::server:third"), 0);
	check_text("server/token", "M10aabb::server:third\n");
}

static void rotate_refuses(void)
{
	static const char *const bad[] = { "", "with blank", "a:b", "new\nline", "quo\"te" };

	write_file("token", LONG_OLD "\n");
	CHECK_INT(run("rotate", "wrong", "second"), 1);
	CHECK(strstr(failure, "not the token of this server"));
	CHECK_INT(run("rotate", "", "second"), 1);
	CHECK_INT(run("rotate", NULL, "second"), 1);
	CHECK(strstr(failure, "usage:"));
	CHECK_INT(run("rotate", "oldsecret", NULL), 1);
	for (size_t i = 0; i < ARRAY_LENGTH(bad); i++) {
		CHECK_INT(run("rotate", "oldsecret", bad[i]), 1);
		CHECK(strstr(failure, "--new-token"));
	}
	check_text("server/token", LONG_OLD "\n");
}

static const struct test tests[] = {
	{ "print gives the node token", print_gives_the_node_token },
	{ "rotate replaces the secret", rotate_replaces_the_secret },
	{ "rotate refuses", rotate_refuses },
};
TEST_MAIN(tests)
