/*
 * test_control_manifest.c - files become objects in a server that is stopped at any moment; the
 * whole life of files is in tests/cluster/manifests.sh.
 */
#include <stdio.h>
#include <unistd.h>

#include "base/file.h"
#include "tests/unit/harness.h"
#include "tests/unit/server/cluster_fixture.h"

#define FOLDER "data/server/manifests"
#define MAPS   "/api/v1/namespaces/default/configmaps/"

static char *path_of(const char *name)
{
	return memory_print("%s/" FOLDER "/%s", harness_folder(), name);
}

/* Config maps PREFIX0 .. with this value, as one file. */
static void put_maps(const char *name, const char *prefix, int count, const char *value)
{
	auto_free char *path = path_of(name);
	auto_free char *folder = path_of("");
	auto_buf text = BUF_INIT;
	struct error err;

	for (int i = 0; i < count; i++)
		buf_add_print(&text,
			      "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: %s%d}\n"
			      "data: {k: \"%s\"}\n",
			      prefix, i, value);
	CHECK_OK(file_make_dirs(folder, 0700, &err), &err);
	CHECK_OK(file_replace(path, buf_str(&text), 0600, &err), &err);
}

struct wish {
	const char *map, *value; /* value NULL: it is gone */
};

static bool is_so(const void *of)
{
	const struct wish *wish = of;
	auto_free char *path = memory_print(MAPS "%s", wish->map);
	auto_json_doc doc = NULL;
	int status = cluster_call("GET", path, NULL, &doc);

	if (!wish->value)
		return status == 404;
	return str_is(json_str(json_path(json_root(doc), "data", "k", NULL)), wish->value);
}

static void check(const char *map, const char *value)
{
	struct wish wish = { map, value };

	if (!cluster_await(is_so, &wish))
		harness_fail(__FILE__, __LINE__, "%s never became %s", map, value ? value : "gone");
}

/* Goal: a file comes, changes and goes, with its objects. */
static void life_of_a_file(void)
{
	auto_free char *path = path_of("a.yaml");

	put_maps("a.yaml", "a", 3, "1");
	cluster_start(NULL);
	check("a2", "1");
	put_maps("a.yaml", "a", 2, "2");
	check("a1", "2");
	check("a2", NULL);
	CHECK(unlink(path) == 0);
	cluster_settle(300);
	cluster_pass_time(3);
	check("a0", NULL);
	cluster_stop();
}

/* Goal: a mistake and a half-read folder harm nothing but themselves. */
static void mistakes(void)
{
	auto_free char *bad = path_of("bad.yaml");
	struct error err;

	put_maps("a.yaml", "a", 1, "1");
	cluster_start(NULL);
	CHECK_OK(file_replace(bad,
			      STR("a: [\n---\nx: 1\n---\napiVersion: x/v9\nkind: Y\nmetadata: "
				  "{name: z}\n"),
			      0600, &err),
		 &err);
	check("a0", "1");
	cluster_settle(300);
	cluster_pass_time(40);
	put_maps("b.yaml", "b", 1, "1");
	check("b0", "1");
	cluster_stop();
}

/* Goal: stopped in the middle of reading, writing and deleting, it ends cleanly, and the next one
 * goes on. */
static void stopped_in_the_middle(void)
{
	auto_free char *path = path_of("a.yaml");

	put_maps("a.yaml", "a", 200, "1");
	for (int ms = 0; ms < 60; ms += 6) {
		cluster_start(NULL);
		cluster_settle(ms);
		cluster_stop();
	}
	cluster_start(NULL);
	check("a199", "1");
	put_maps("a.yaml", "a", 100, "2");
	cluster_settle(250);
	cluster_stop();
	cluster_start(NULL);
	check("a99", "2");
	check("a199", NULL);
	CHECK(unlink(path) == 0);
	cluster_settle(200);
	cluster_be_away(3);
	cluster_stop();
	cluster_start(NULL);
	cluster_settle(200);
	cluster_pass_time(3);
	check("a0", NULL);
	check("a99", NULL);
	cluster_stop();
}

static const struct test tests[] = {
	{ "life of a file", life_of_a_file, .time_limit_s = 30 },
	{ "mistakes", mistakes, .time_limit_s = 30 },
	{ "stopped in the middle", stopped_in_the_middle, .time_limit_s = 60 },
};
TEST_MAIN(tests)
