/*
 * test_ctr_data_dir.c - the folder of the state comes from where the server takes it.
 */
#include "base/file.h"
#include "cli/ctr_data_dir.h"
#include "tests/unit/harness.h"

static const char *found(struct arena *arena, const char *given)
{
	struct error err;

	CHECK_OK(ctr_data_dir_find(arena, &given, &err), &err);
	return given;
}

static void write_file(const char *path, const char *text)
{
	struct error err;

	CHECK_OK(file_replace(path, str_of(text), 0600, &err), &err);
}

static void usual_place(void)
{
	auto_arena arena = arena_new();

	CHECK(setenv("MOTE_CONFIG_FILE", "/nonexistent", 1) == 0);
	CHECK_STR(found(arena, NULL), "/var/lib/mote");
	CHECK_STR(found(arena, ""), "/var/lib/mote");
	CHECK_STR(found(arena, "/mine"), "/mine");
}

/* Other keys are none of our business, of a server or of an agent. */
static void configuration_is_asked(void)
{
	auto_arena arena = arena_new();
	auto_free char *path = memory_print("%s/config.yaml", harness_folder());
	auto_free char *folder = memory_print("%s.d", path);
	auto_free char *later = memory_print("%s/20-later.yaml", folder);
	auto_free char *sooner = memory_print("%s/10-sooner.yaml", folder);
	auto_free char *other = memory_print("%s/30-other.txt", folder);
	struct error err;

	CHECK(setenv("MOTE_CONFIG_FILE", path, 1) == 0);
	write_file(path, "token: x\nnode-label: [a=b]\ndata-dir: /from/config\n");
	CHECK_STR(found(arena, NULL), "/from/config");
	CHECK_OK(file_make_dirs(folder, 0700, &err), &err);
	write_file(later, "data-dir: /later\n");
	write_file(sooner, "data-dir: /sooner\n");
	write_file(other, "data-dir: /other\n");
	CHECK_STR(found(arena, NULL), "/later");
	CHECK_STR(found(arena, "/mine"), "/mine");
}

static void broken_configuration_is_told(void)
{
	auto_arena arena = arena_new();
	auto_free char *path = memory_print("%s/config.yaml", harness_folder());
	const char *data_dir = NULL;
	struct error err;

	CHECK(setenv("MOTE_CONFIG_FILE", path, 1) == 0);
	write_file(path, "data-dir: [\n");
	CHECK(!ctr_data_dir_find(arena, &data_dir, &err));
	CHECK(str_search(str_of(err.text), STR("config.yaml")) >= 0);
	CHECK(!data_dir);
}

static const struct test tests[] = {
	{ "usual place", usual_place },
	{ "configuration is asked", configuration_is_asked },
	{ "broken configuration is told", broken_configuration_is_told },
};
TEST_MAIN(tests)
