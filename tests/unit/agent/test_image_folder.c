/*
 * test_image_folder.c - archives and lists that arrive in a folder, and which of them are known.
 *
 * The file under test is included, with the image getter in the test's hands.
 */
#include <stdio.h>
#include <sys/stat.h>

#include "agent/image_folder.h"
#include "agent/image_getter.h"
#include "base/clock.h"
#include "tests/unit/agent/agent_fixture.h"
#include "tests/unit/harness.h"

#define JOBS_MAX 16

static struct job {
	char what[600];
	void (*on_done)(void *of, char **names, const struct error *err);
	void *of;
} jobs[JOBS_MAX];
static size_t job_count;

static void add_job(const char *verb, struct str what,
		    void (*on_done)(void *of, char **names, const struct error *err), void *of)
{
	CHECK(job_count < JOBS_MAX);
	snprintf(jobs[job_count].what, sizeof(jobs[0].what), "%s " STR_FMT, verb, STR_ARG(what));
	jobs[job_count].on_done = on_done;
	jobs[job_count++].of = of;
}

static void fake_import(struct image_getter *getter, const char *path,
			void (*on_done)(void *of, char **names, const struct error *err), void *of)
{
	CHECK(getter == NULL);
	add_job("import", str_of(strrchr(path, '/') + 1), on_done, of);
}

static void fake_pull(struct image_getter *getter, struct str name,
		      void (*on_done)(void *of, char **names, const struct error *err), void *of)
{
	CHECK(getter == NULL);
	add_job("pull", name, on_done, of);
}

static bool store_is_lost; /* no image of any name is there */

static bool fake_has(struct image_getter *getter, struct str name)
{
	CHECK(getter == NULL && name.len > 0);
	return !store_is_lost;
}

#define image_getter_has    fake_has
#define image_getter_import fake_import
#define image_getter_pull   fake_pull
#include "agent/image_folder.c"
#undef image_getter_has
#undef image_getter_import
#undef image_getter_pull

struct scene {
	struct loop *loop;
	struct image_folder *folder;
	char *path;
	size_t changes, problems;
	char problem[600];
};

static void on_change(void *of)
{
	((struct scene *)of)->changes++;
}

static bool is_deaf; /* nobody can be told of problems */

static bool on_problem(void *of, const char *file, const char *why)
{
	struct scene *scene = of;

	if (is_deaf)
		return false;
	scene->problems++;
	snprintf(scene->problem, sizeof(scene->problem), "%s: %s", file, why);
	return true;
}

static void folder_start(struct scene *scene)
{
	struct image_folder_plan plan = { .loop = scene->loop,
					  .path = scene->path,
					  .on_change = on_change,
					  .on_problem = on_problem,
					  .of = scene };
	struct error err;

	CHECK_OK(image_folder_open(&plan, &scene->folder, &err), &err);
}

static void scene_open(struct scene *scene)
{
	struct error err;

	*scene = (struct scene){ .path = fixture_path("images") };
	CHECK_OK(loop_open(&scene->loop, &err), &err);
	folder_start(scene);
}

static void scene_close(struct scene *scene)
{
	image_folder_close(scene->folder);
	loop_close(scene->loop);
	free(scene->path);
}

static void put(const char *name, const char *text)
{
	auto_free char *below = memory_print("images/%s", name);
	auto_free char *path = fixture_path(below);
	FILE *file = fopen(path, "we");

	CHECK(file);
	CHECK(fputs(text, file) >= 0);
	CHECK(fclose(file) == 0);
}

static void check_jobs(struct scene *scene, const char *want)
{
	auto_buf have = BUF_INIT;

	fixture_turn(scene->loop, 3);
	for (size_t i = 0; i < job_count; i++)
		buf_add_print(&have, "%s|", jobs[i].what);
	CHECK_STR(buf_text(&have), want);
}

/* The oldest job ends. */
static void finish(bool worked)
{
	char *names[] = { (char *)"docker.io/library/web:1", NULL };
	struct job job = jobs[0];
	struct error err;

	CHECK(job_count > 0);
	memmove(&jobs[0], &jobs[1], (--job_count) * sizeof(jobs[0]));
	error_set(&err, ERROR_BROKEN, "damaged");
	job.on_done(job.of, worked ? names : NULL, worked ? NULL : &err);
}

static void restart(struct scene *scene)
{
	image_folder_close(scene->folder);
	folder_start(scene);
}

/* --- arrivals --- */

static void archives_are_imported(void)
{
	struct scene scene;

	scene_open(&scene);
	put("a.tar", "1");
	check_jobs(&scene, "import a.tar|");
	put("b.tar.gz", "1");
	put("c.tgz", "1");
	put("d.tar.zst", "1");
	put("notes", "1");
	put(".hidden.tar", "1");
	put("e.tar.part", "1");
	check_jobs(&scene, "import a.tar|import b.tar.gz|import c.tgz|import d.tar.zst|");
	while (job_count > 0)
		finish(true);
	CHECK_INT(scene.changes, 4);
	scene_close(&scene);
}

static void what_was_there_is_found(void)
{
	struct scene scene;

	scene_open(&scene);
	image_folder_close(scene.folder);
	put("a.tar", "1");
	folder_start(&scene);
	check_jobs(&scene, "import a.tar|");
	finish(true);
	scene_close(&scene);
}

static void moved_files_arrive(void)
{
	auto_free char *from = fixture_path("images/a.part"), *to = fixture_path("images/a.tar");
	struct scene scene;

	scene_open(&scene);
	put("a.part", "1");
	check_jobs(&scene, "");
	CHECK(rename(from, to) == 0);
	check_jobs(&scene, "import a.tar|");
	finish(true);
	scene_close(&scene);
}

static void folders_do_not_arrive(void)
{
	auto_free char *path = fixture_path("images/x.tar");
	struct scene scene;

	scene_open(&scene);
	CHECK(mkdir(path, 0755) == 0);
	restart(&scene);
	check_jobs(&scene, "");
	scene_close(&scene);
}

/* --- marks --- */

static void a_known_archive_is_not_imported_again(void)
{
	struct scene scene;

	scene_open(&scene);
	put("a.tar", "1");
	check_jobs(&scene, "import a.tar|");
	finish(true);
	restart(&scene);
	check_jobs(&scene, "");
	put("a.tar", "22"); /* another one of the same name */
	check_jobs(&scene, "import a.tar|");
	finish(true);
	restart(&scene);
	check_jobs(&scene, "");
	scene_close(&scene);
}

static void a_failed_archive_is_tried_again(void)
{
	struct scene scene;

	scene_open(&scene);
	put("a.tar", "1");
	check_jobs(&scene, "import a.tar|");
	finish(false);
	CHECK_INT(scene.changes, 0);
	restart(&scene);
	check_jobs(&scene, "import a.tar|");
	finish(true);
	scene_close(&scene);
}

static void damaged_marks_are_forgotten(void)
{
	static const char *const texts[] = { "{", "[]", "\"x\"", "{\"a.tar\":5}", "" };
	struct scene scene;

	scene_open(&scene);
	put("a.tar", "1");
	check_jobs(&scene, "import a.tar|");
	finish(true);
	for (size_t i = 0; i < ARRAY_LENGTH(texts); i++) {
		put(".imported.json", texts[i]);
		restart(&scene);
		check_jobs(&scene, "import a.tar|");
		finish(true);
		restart(&scene);
		check_jobs(&scene, "");
	}
	scene_close(&scene);
}

/* --- lists --- */

static void lists_are_pulled(void)
{
	struct scene scene;

	scene_open(&scene);
	put("l.txt", "# ours\nweb:1\n\n  r.test/db \r\n");
	check_jobs(&scene, "pull web:1|pull r.test/db|");
	finish(true);
	finish(true);
	CHECK_INT(scene.changes, 2);
	restart(&scene);
	check_jobs(&scene, "");
	scene_close(&scene);
}

/* One of its images failed: the list is not known, in whatever order they end. */
static void a_list_is_known_as_a_whole(void)
{
	for (int failed = 0; failed < 3; failed++) {
		auto_free char *path = fixture_path("images/l.txt");
		struct scene scene;

		scene_open(&scene);
		put("l.txt", "a\nb\nc\n");
		check_jobs(&scene, "pull a|pull b|pull c|");
		for (int i = 0; i < 3; i++)
			finish(i != failed);
		restart(&scene);
		check_jobs(&scene, "pull a|pull b|pull c|");
		for (int i = 0; i < 3; i++)
			finish(false);
		CHECK(remove(path) == 0);
		scene_close(&scene);
	}
}

static void an_empty_list_is_known(void)
{
	struct scene scene;

	scene_open(&scene);
	put("l.txt", "# nothing\n");
	check_jobs(&scene, "");
	scene_close(&scene);
}

/* A network may come back: lists are tried again, by themselves and as a whole. */
static void a_failed_list_is_tried_again(void)
{
	struct scene scene;

	scene_open(&scene);
	put("l.txt", "a\nb\n");
	put("slow.txt", "c\n");
	check_jobs(&scene, "pull a|pull b|pull c|");
	finish(false);
	finish(true);
	CHECK_INT(scene.problems, 1);
	clock_shift(TRY_MIN_MS + 1);
	check_jobs(&scene, "pull c|pull a|pull b|");
	for (int i = 0; i < 3; i++)
		finish(true);
	clock_shift(TRY_MAX_MS + 1);
	check_jobs(&scene, "");
	CHECK_INT(scene.problems, 1);
	scene_close(&scene);
}

/* --- files that wait, are refused or are missed --- */

/* Also one that was there at the start, and whose end is only heard of by its closing. */
static void half_copied_files_wait(void)
{
	auto_free char *path = fixture_path("images/a.tar");
	struct scene scene;
	FILE *file;

	scene_open(&scene);
	image_folder_close(scene.folder);
	file = fopen(path, "we");
	CHECK(file && fputs("1", file) >= 0 && fflush(file) == 0);
	folder_start(&scene);
	check_jobs(&scene, "");
	put("b.tar", "1");
	check_jobs(&scene, "import b.tar|");
	CHECK(fclose(file) == 0);
	check_jobs(&scene, "import b.tar|import a.tar|");
	finish(true);
	finish(true);
	scene_close(&scene);
}

static void a_damaged_archive_is_told_once(void)
{
	struct scene scene;

	scene_open(&scene);
	put("a.tar", "1");
	put("l.txt", "b\n");
	check_jobs(&scene, "import a.tar|pull b|");
	finish(false);
	finish(false);
	CHECK_INT(scene.problems, 2);
	clock_shift(TRY_MIN_MS + 1);
	check_jobs(&scene, "pull b|");
	finish(true);
	put("a.tar", "22");
	check_jobs(&scene, "import a.tar|");
	finish(true);
	scene_close(&scene);
}

static void other_packings_are_refused(void)
{
	static const char *const names[] = { "a.tar.bz2", "b.tbz", "c.tar.lz4", "d.tar.xz" };
	struct scene scene;

	scene_open(&scene);
	for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
		put(names[i], "1");
		check_jobs(&scene, "");
		CHECK_INT(scene.problems, i + 1);
		CHECK(strncmp(scene.problem, names[i], strlen(names[i])) == 0);
		CHECK(strstr(scene.problem, ": archives are read plain, as gzip or as zstd"));
	}
	scene_close(&scene);
}

/* What went wrong while the way to the API was closed is told when it opens, unless it was mended.
 */
static void problems_wait_for_an_ear(void)
{
	struct scene scene;

	is_deaf = true;
	scene_open(&scene);
	put("a.tar.bz2", "1");
	put("b.tar", "1");
	check_jobs(&scene, "import b.tar|");
	finish(false);
	image_folder_tell(scene.folder);
	CHECK_INT(scene.problems, 0);
	put("b.tar", "22");
	check_jobs(&scene, "import b.tar|");
	finish(true);
	is_deaf = false;
	image_folder_tell(scene.folder);
	image_folder_tell(scene.folder);
	CHECK_INT(scene.problems, 1);
	CHECK(strncmp(scene.problem, "a.tar.bz2: ", 11) == 0);
	scene_close(&scene);
}

/* The store was lost or an image was removed: what was imported once is not there. */
static void lost_images_come_again(void)
{
	struct scene scene;

	scene_open(&scene);
	put("a.tar", "1");
	put("l.txt", "b\n");
	check_jobs(&scene, "import a.tar|pull b|");
	finish(true);
	finish(true);
	store_is_lost = true;
	restart(&scene);
	CHECK_INT(job_count, 2);
	finish(true);
	finish(true);
	store_is_lost = false;
	restart(&scene);
	check_jobs(&scene, "");
	scene_close(&scene);
}

/* --- closing --- */

static void closed_with_jobs_under_way(void)
{
	struct scene scene;

	scene_open(&scene);
	put("a.tar", "1");
	put("l.txt", "x\ny\n");
	check_jobs(&scene, "import a.tar|pull x|pull y|");
	scene_close(&scene);
	finish(true);
	finish(false);
	finish(true);
	CHECK_INT(scene.changes, 0);
	image_folder_close(NULL);
}

static const struct test tests[] = {
	{ "archives are imported", archives_are_imported },
	{ "what was there is found", what_was_there_is_found },
	{ "moved files arrive", moved_files_arrive },
	{ "folders do not arrive", folders_do_not_arrive },
	{ "a known archive is not imported again", a_known_archive_is_not_imported_again },
	{ "a failed archive is tried again", a_failed_archive_is_tried_again },
	{ "damaged marks are forgotten", damaged_marks_are_forgotten },
	{ "lists are pulled", lists_are_pulled },
	{ "a list is known as a whole", a_list_is_known_as_a_whole },
	{ "an empty list is known", an_empty_list_is_known },
	{ "a failed list is tried again", a_failed_list_is_tried_again },
	{ "half copied files wait", half_copied_files_wait },
	{ "a damaged archive is told once", a_damaged_archive_is_told_once },
	{ "other packings are refused", other_packings_are_refused },
	{ "problems wait for an ear", problems_wait_for_an_ear },
	{ "lost images come again", lost_images_come_again },
	{ "closed with jobs under way", closed_with_jobs_under_way },
};

TEST_MAIN(tests)
