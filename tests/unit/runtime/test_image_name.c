/*
 * test_image_name.c - names of images: completed as docker and containerd do, wrong ones refused.
 */
#include "runtime/image_name.h"

#include <stdio.h>

#include "tests/unit/harness.h"

#define HEX64  "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define DIGEST "sha256:" HEX64

static const char *normal(const char *text)
{
	static char shown[1024];
	auto_buf out = BUF_INIT;
	struct error err;

	CHECK_OK(image_name_normalise(str_of(text), &out, &err), &err);
	snprintf(shown, sizeof(shown), "%s", buf_text(&out));
	return shown;
}

/* Refused, with a sentence that has `why` in it; nothing is written. */
static void check_refused(struct str text, const char *why)
{
	struct image_name name = { .host = "untouched" };
	struct error err = { 0 };

	if (image_name_parse(text, &name, &err))
		harness_fail(__FILE__, __LINE__, "taken: " STR_FMT, STR_ARG(text));
	CHECK_INT(err.kind, ERROR_INVALID);
	if (!strstr(err.text, why))
		harness_fail(__FILE__, __LINE__, "\"%s\" does not say \"%s\"", err.text, why);
	CHECK_STR(name.host, "untouched");
}

static void completes_names(void)
{
	CHECK_STR(normal("web"), "docker.io/library/web:latest");
	CHECK_STR(normal("web:1.2"), "docker.io/library/web:1.2");
	CHECK_STR(normal("team/web"), "docker.io/team/web:latest");
	CHECK_STR(normal("docker.io/web"), "docker.io/library/web:latest");
	CHECK_STR(normal("index.docker.io/web:1"), "docker.io/library/web:1");
	CHECK_STR(normal("docker.io/team/web:1"), "docker.io/team/web:1");
	CHECK_STR(normal("localhost/web"), "localhost/web:latest");
	CHECK_STR(normal("a/b/c/d"), "docker.io/a/b/c/d:latest");
	CHECK_STR(normal("Name/web"), "Name/web:latest");
	/* A normal name stays as it is. */
	CHECK_STR(normal("docker.io/library/web:latest"), "docker.io/library/web:latest");
}

static void knows_hosts_with_ports(void)
{
	CHECK_STR(normal("example.test:5000/web"), "example.test:5000/web:latest");
	CHECK_STR(normal("localhost:5000/team/web:v1"), "localhost:5000/team/web:v1");
	CHECK_STR(normal("127.0.0.1:5000/web"), "127.0.0.1:5000/web:latest");
	CHECK_STR(normal("[::1]:5000/web:1"), "[::1]:5000/web:1");
	CHECK_STR(normal("[fd00::7]/web"), "[fd00::7]/web:latest");
	/* Without a slash the number is a tag. */
	CHECK_STR(normal("web:5000"), "docker.io/library/web:5000");
}

static void takes_parts_apart(void)
{
	struct image_name name;
	struct error err;

	CHECK_OK(image_name_parse(STR("example.test:5000/a/web:v1@" DIGEST), &name, &err), &err);
	CHECK_STR(name.host, "example.test:5000");
	CHECK_STR(name.repository, "a/web");
	CHECK_STR(name.tag, "v1");
	CHECK_STR(name.digest, DIGEST);
	CHECK_OK(image_name_parse(STR("web@" DIGEST), &name, &err), &err);
	CHECK_STR(name.tag, "");
	CHECK_STR(name.digest, DIGEST);
	CHECK_STR(normal("web@" DIGEST), "docker.io/library/web@" DIGEST);
	CHECK_STR(normal("web:v1@" DIGEST), "docker.io/library/web@" DIGEST);
}

static void refuses_upper_case(void)
{
	check_refused(STR("Web"), "must be lower case");
	check_refused(STR("team/Web"), "must be lower case");
	check_refused(STR("example.test/team/weB:1"), "must be lower case");
}

static void joins_inside_a_part(void)
{
	CHECK_STR(normal("a.b/c_d/e__f/g---h"), "a.b/c_d/e__f/g---h:latest");
	check_refused(STR("x/a..b"), "not allowed");
	check_refused(STR("x/a___b"), "not allowed");
	check_refused(STR("x/a._b"), "not allowed");
	check_refused(STR("x/-a"), "not allowed");
	check_refused(STR("x/a-"), "not allowed");
	check_refused(STR("x/.."), "not allowed");
	check_refused(STR("x//a"), "not allowed");
	check_refused(STR("x/a b"), "not allowed");
	check_refused(STR("x/a%2fb"), "not allowed");
}

static void refuses_broken_names(void)
{
	check_refused(STR(""), "empty");
	check_refused(STR("/"), "empty");
	check_refused(STR("/web"), "not allowed");
	check_refused(STR("web/"), "empty");
	check_refused(STR("example.test/"), "empty");
	check_refused(STR(":tag"), "empty");
	check_refused(STR("web:"), "tag");
	check_refused(STR("web:.x"), "tag");
	check_refused(STR("web:a/b"), "host");
	check_refused(STR("web:a b"), "tag");
	check_refused(STR("we\0b"), "not allowed");
	check_refused(STR("https://example.test/web"), "host");
	check_refused(STR(HEX64), "image's id");
}

static void refuses_broken_hosts(void)
{
	check_refused(STR("example.test:/web"), "host");
	check_refused(STR("example.test:0/web"), "host");
	check_refused(STR("example.test:65536/web"), "host");
	check_refused(STR("example.test:+80/web"), "host");
	check_refused(STR("-example.test/web"), "host");
	check_refused(STR("example..test/web"), "host");
	check_refused(STR("example.test./web"), "host");
	check_refused(STR("exa_mple.test/web"), "host");
	check_refused(STR("[::1/web:1"), "host");
	check_refused(STR("[::1]5000/web.x:1"), "host");
	check_refused(STR("[]:1/web"), "host");
}

static void refuses_broken_digests(void)
{
	check_refused(STR("web@"), "digest");
	check_refused(STR("web@sha256:"), "digest");
	check_refused(STR("web@" DIGEST "0"), "digest");
	check_refused(STR("web@" DIGEST "@" DIGEST), "digest");
	check_refused(STR("web@sha512:" HEX64), "digest");
	check_refused(STR("web@sha256:0123456789ABCDEF0123456789abcdef"
			  "0123456789abcdef0123456789abcdef"),
		      "digest");
	check_refused(STR("@" DIGEST), "empty");
	CHECK(image_name_is_digest(STR(DIGEST)));
	CHECK(!image_name_is_digest(STR(HEX64)));
	CHECK(!image_name_is_digest(STR_NONE));
}

/* Each part just fits at its limit and is refused one beyond. */
static void bounds_lengths(void)
{
	struct error err;
	struct image_name name;
	auto_buf text = BUF_INIT;

	for (int i = 0; i < 255; i++)
		buf_add_byte(&text, 'a');
	buf_add_text(&text, "/");
	CHECK(image_name_parse(str_from(text.at, 247), &name, &err)); /* + "library/" */
	CHECK_INT(strlen(name.repository), 255);
	check_refused(str_from(text.at, 248), "255");
	text.at[3] = '.';
	buf_add_text(&text, "web:");
	for (int i = 0; i < 129; i++)
		buf_add_byte(&text, 't');
	CHECK(image_name_parse(str_from(text.at, text.len - 1), &name, &err));
	CHECK_INT(strlen(name.host), 255);
	CHECK_INT(strlen(name.tag), 128);
	check_refused(buf_str(&text), "128");
	while (text.len < 1100)
		buf_add_byte(&text, 't');
	check_refused(buf_str(&text), "too long");
}

/* A message never repeats control bytes. */
static void cleans_messages(void)
{
	struct image_name name;
	struct error err;

	CHECK(!image_name_parse(STR("we\033[2Jb\nx"), &name, &err));
	CHECK(!strchr(err.text, '\033'));
	CHECK(!strchr(err.text, '\n'));
	CHECK(strstr(err.text, "we?[2Jb?x") != NULL);
}

static const struct test tests[] = {
	{ "completes names", completes_names },
	{ "knows hosts with ports", knows_hosts_with_ports },
	{ "takes parts apart", takes_parts_apart },
	{ "refuses upper case", refuses_upper_case },
	{ "joins inside a part", joins_inside_a_part },
	{ "refuses broken names", refuses_broken_names },
	{ "refuses broken hosts", refuses_broken_hosts },
	{ "refuses broken digests", refuses_broken_digests },
	{ "bounds lengths", bounds_lengths },
	{ "cleans messages", cleans_messages },
};
TEST_MAIN(tests)
