/*
 * test_log_reader.c - logs as kubectl wants them: which lines, how much, following over rotation.
 */
#include "agent/log_reader.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "tests/unit/agent/agent_fixture.h"
#include "tests/unit/harness.h"

struct scene {
	struct loop *loop;
	struct log_reader *reader;
	struct log_reader_plan plan;
	char *path;
	struct buf got;
	bool runs, ended;
	size_t takes;
	size_t takes_max; /* takes until it wants no more; 0 = no limit */
};

static bool on_runs(void *of)
{
	return ((struct scene *)of)->runs;
}

static bool on_take(void *of, struct str text)
{
	struct scene *scene = of;

	CHECK(!scene->ended);
	buf_add_str(&scene->got, text);
	return scene->takes_max == 0 || ++scene->takes < scene->takes_max;
}

static void on_end(void *of)
{
	struct scene *scene = of;

	CHECK(!scene->ended); /* once */
	scene->ended = true;
}

static void scene_open(struct scene *scene)
{
	struct error err;

	*scene = (struct scene){ .path = fixture_path("log"), .runs = true };
	scene->plan = (struct log_reader_plan){ .path = scene->path,
						.tail_lines = -1,
						.limit_bytes = -1,
						.runs = on_runs,
						.take = on_take,
						.on_end = on_end,
						.of = scene };
	CHECK_OK(loop_open(&scene->loop, &err), &err);
}

static void start(struct scene *scene)
{
	struct error err;

	CHECK_OK(log_reader_open(scene->loop, &scene->plan, &scene->reader, &err), &err);
}

static void scene_close(struct scene *scene)
{
	log_reader_free(scene->reader);
	fixture_turn(scene->loop, 3);
	loop_close(scene->loop);
	buf_clear(&scene->got);
	free(scene->path);
}

/* Append a line at second `s` of the hour; tag F or P. */
static void add(struct scene *scene, int s, const char *tag, const char *text)
{
	auto_free char *line =
		memory_print("2026-03-01T10:00:%02d.500000000Z stdout %s %s\n", s, tag, text);
	auto_fd fd = open(scene->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
	struct error err;

	CHECK(fd >= 0);
	CHECK_OK(file_write_all(fd, line, strlen(line), &err), &err);
}

static void add_raw(struct scene *scene, const char *text, size_t len)
{
	auto_fd fd = open(scene->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
	struct error err;

	CHECK(fd >= 0);
	CHECK_OK(file_write_all(fd, text, len, &err), &err);
}

static void read_all(struct scene *scene, const char *want)
{
	start(scene);
	fixture_until(scene->loop, &scene->ended);
	CHECK_STR(buf_text(&scene->got), want);
	scene_close(scene);
}

/* Following: until so much is there. */
static void wait_for(struct scene *scene, const char *want)
{
	for (int i = 0; i < 1000 && strcmp(buf_text(&scene->got), want) != 0; i++)
		loop_once(scene->loop, 8);
	CHECK_STR(buf_text(&scene->got), want);
}

static void three_lines(struct scene *scene)
{
	scene_open(scene);
	add(scene, 1, "F", "one");
	add(scene, 2, "F", "two words");
	add(scene, 3, "F", "");
}

/* --- once --- */

static void all_lines_are_given(void)
{
	struct scene scene;

	three_lines(&scene);
	read_all(&scene, "one\ntwo words\n\n");
}

static void a_missing_log_is_an_error(void)
{
	struct scene scene;
	struct error err;

	scene_open(&scene);
	CHECK(!log_reader_open(scene.loop, &scene.plan, &scene.reader, &err));
	CHECK_INT(err.kind, ERROR_NOT_FOUND);
	scene.plan.follow = true;
	CHECK(!log_reader_open(scene.loop, &scene.plan, &scene.reader, &err));
	scene_close(&scene);
}

static void a_link_is_no_log(void)
{
	struct scene scene;
	struct error err;

	scene_open(&scene);
	CHECK(symlink("/etc/passwd", scene.plan.path) == 0);
	CHECK(!log_reader_open(scene.loop, &scene.plan, &scene.reader, &err));
	CHECK_INT(err.kind, ERROR_NOT_FOUND);
	CHECK(unlink(scene.plan.path) == 0);
	CHECK(mkfifo(scene.plan.path, 0600) == 0);
	CHECK(!log_reader_open(scene.loop, &scene.plan, &scene.reader, &err));
	scene_close(&scene);
}

static void an_empty_log_ends(void)
{
	struct scene scene;

	scene_open(&scene);
	add_raw(&scene, "", 0);
	read_all(&scene, "");
}

static void times_are_shown(void)
{
	struct scene scene;

	three_lines(&scene);
	scene.plan.timestamps = true;
	read_all(&scene, "2026-03-01T10:00:01.500000000Z one\n"
			 "2026-03-01T10:00:02.500000000Z two words\n"
			 "2026-03-01T10:00:03.500000000Z \n");
}

static void parts_are_joined(void)
{
	struct scene scene;

	scene_open(&scene);
	add(&scene, 1, "P", "be");
	add(&scene, 2, "P", "gin ");
	add(&scene, 3, "F", "end");
	add(&scene, 4, "F", "next");
	scene.plan.timestamps = true;
	read_all(&scene, "2026-03-01T10:00:01.500000000Z begin end\n"
			 "2026-03-01T10:00:04.500000000Z next\n");
}

/* A line that is being written is not shown by who does not follow. */
static void half_a_line_waits(void)
{
	struct scene scene;

	three_lines(&scene);
	add_raw(&scene, "2026-03-01T10:00:04Z stdout F ha", 32);
	read_all(&scene, "one\ntwo words\n\n");
}

static void check_tail(int64_t count, const char *want)
{
	struct scene scene;

	three_lines(&scene);
	scene.plan.tail_lines = count;
	read_all(&scene, want);
}

static void clear_log(void)
{
	auto_free char *path = fixture_path("log");

	remove(path);
}

static void tails_are_counted(void)
{
	check_tail(0, "");
	clear_log();
	check_tail(1, "\n");
	clear_log();
	check_tail(2, "two words\n\n");
	clear_log();
	check_tail(3, "one\ntwo words\n\n");
	clear_log();
	check_tail(INT64_MAX, "one\ntwo words\n\n");
}

/* Over the pieces in which the end is looked for. */
static void tails_may_be_long(void)
{
	auto_free char *text = memory_zero(9001);
	auto_buf want = BUF_INIT;
	struct scene scene;

	memset(text, 'x', 9000);
	scene_open(&scene);
	for (int i = 0; i < 9; i++)
		add(&scene, i, "F", i == 0 ? "first" : text);
	for (int i = 0; i < 8; i++)
		buf_add_print(&want, "%s\n", text);
	scene.plan.tail_lines = 8;
	read_all(&scene, buf_text(&want));
}

static void bytes_are_limited(void)
{
	struct scene scene;

	three_lines(&scene);
	scene.plan.limit_bytes = 6;
	read_all(&scene, "one\ntw");
	clear_log();
	three_lines(&scene);
	scene.plan.limit_bytes = 4;
	read_all(&scene, "one\n");
	clear_log();
	three_lines(&scene);
	scene.plan.limit_bytes = 7;
	scene.plan.timestamps = true;
	read_all(&scene, "2026-03");
	clear_log();
	three_lines(&scene);
	scene.plan.limit_bytes = 1000;
	read_all(&scene, "one\ntwo words\n\n");
}

/* 2026-03-01T10:00:02Z is 1772359202. */
static void old_lines_are_left_out(void)
{
	struct scene scene;

	three_lines(&scene);
	scene.plan.since_s = 1772359202;
	read_all(&scene, "two words\n\n");
	clear_log();
	three_lines(&scene);
	scene.plan.since_s = 1772359202;
	scene.plan.since_nanos = 500000001;
	read_all(&scene, "\n");
	clear_log();
	three_lines(&scene);
	scene.plan.since_s = -5;
	read_all(&scene, "one\ntwo words\n\n");
}

static void no_log_of_ours_ends(void)
{
	auto_free char *text = memory_zero(3u << 20);
	struct scene scene;

	memset(text, 'x', 3u << 20);
	scene_open(&scene);
	add_raw(&scene, "nonsense\n\n \n", 12);
	add_raw(&scene, text, 3u << 20);
	read_all(&scene, "\n\n\n");
}

/* --- a slow reader --- */

static void a_slow_reader_is_waited_for(void)
{
	struct scene scene;

	three_lines(&scene);
	scene.takes_max = 1;
	start(&scene);
	fixture_turn(scene.loop, 20);
	CHECK_STR(buf_text(&scene.got), "one\n");
	CHECK(!scene.ended);
	log_reader_resume(scene.reader);
	log_reader_resume(scene.reader);
	fixture_turn(scene.loop, 20);
	CHECK_STR(buf_text(&scene.got), "one\ntwo words\n");
	scene.takes_max = 0;
	log_reader_resume(scene.reader);
	fixture_until(scene.loop, &scene.ended);
	CHECK_STR(buf_text(&scene.got), "one\ntwo words\n\n");
	log_reader_resume(scene.reader);
	fixture_turn(scene.loop, 5);
	scene_close(&scene);
}

static void a_slow_reader_may_follow(void)
{
	struct scene scene;

	three_lines(&scene);
	scene.plan.follow = true;
	scene.takes_max = 1;
	start(&scene);
	fixture_turn(scene.loop, 20);
	add(&scene, 4, "F", "four");
	fixture_turn(scene.loop, 20);
	CHECK_STR(buf_text(&scene.got), "one\n");
	scene.takes_max = 0;
	log_reader_resume(scene.reader);
	wait_for(&scene, "one\ntwo words\n\nfour\n");
	scene_close(&scene);
}

/* --- following --- */

static void new_lines_are_followed(void)
{
	struct scene scene;

	three_lines(&scene);
	scene.plan.follow = true;
	scene.plan.tail_lines = 1;
	start(&scene);
	wait_for(&scene, "\n");
	fixture_turn(scene.loop, 10);
	add(&scene, 4, "F", "four");
	wait_for(&scene, "\nfour\n");
	add_raw(&scene, "2026-03-01T10:00:05Z stdout F fi", 32);
	fixture_turn(scene.loop, 10);
	add_raw(&scene, "ve\n", 3);
	wait_for(&scene, "\nfour\nfive\n");
	CHECK(!scene.ended);
	scene_close(&scene);
}

static void rotate(struct scene *scene)
{
	auto_free char *old = memory_print("%s.old", scene->path);

	CHECK(rename(scene->path, old) == 0);
}

static void rotation_is_followed(void)
{
	struct scene scene;

	three_lines(&scene);
	scene.plan.follow = true;
	start(&scene);
	wait_for(&scene, "one\ntwo words\n\n");
	for (int i = 0; i < 3; i++) {
		/* written and moved away before anybody looks */
		add(&scene, 10 + i, "F", "last");
		rotate(&scene);
		fixture_turn(scene.loop, i); /* or in between */
		add(&scene, 20 + i, "F", "first");
	}
	CHECK(!scene.ended);
	scene.runs = false;
	fixture_until(scene.loop, &scene.ended);
	CHECK(str_ends(buf_str(&scene.got), STR("last\nfirst\n")));
	scene_close(&scene);
}

/* The writer gets a line into the old file after our last look and before it moves it. */
static void nothing_is_lost_at_a_rotation(void)
{
	struct scene scene;

	three_lines(&scene);
	scene.plan.follow = true;
	scene.plan.tail_lines = 0;
	start(&scene);
	fixture_turn(scene.loop, 10);
	add(&scene, 4, "F", "four");
	rotate(&scene);
	add(&scene, 5, "F", "five");
	wait_for(&scene, "four\nfive\n");
	scene_close(&scene);
}

static void following_ends_with_the_container(void)
{
	struct scene scene;

	three_lines(&scene);
	scene.plan.follow = true;
	start(&scene);
	wait_for(&scene, "one\ntwo words\n\n");
	fixture_turn(scene.loop, 10);
	CHECK(!scene.ended);
	add(&scene, 4, "F", "four");
	scene.runs = false;
	fixture_until(scene.loop, &scene.ended);
	CHECK_STR(buf_text(&scene.got), "one\ntwo words\n\nfour\n");
	scene_close(&scene);
}

static void the_end_is_seen_without_a_last_line(void)
{
	struct scene scene;

	three_lines(&scene);
	scene.plan.follow = true;
	start(&scene);
	wait_for(&scene, "one\ntwo words\n\n");
	fixture_turn(scene.loop, 10);
	scene.runs = false;
	fixture_until(scene.loop, &scene.ended);
	scene_close(&scene);
}

static void a_limit_ends_following(void)
{
	struct scene scene;

	three_lines(&scene);
	scene.plan.follow = true;
	scene.plan.limit_bytes = 5;
	read_all(&scene, "one\nt");
}

static void it_may_be_freed_at_once(void)
{
	struct scene scene;

	three_lines(&scene);
	scene.plan.follow = true;
	start(&scene);
	scene_close(&scene);
}

static const struct test tests[] = {
	{ "all lines are given", all_lines_are_given },
	{ "a missing log is an error", a_missing_log_is_an_error },
	{ "a link is no log", a_link_is_no_log },
	{ "an empty log ends", an_empty_log_ends },
	{ "times are shown", times_are_shown },
	{ "parts are joined", parts_are_joined },
	{ "half a line waits", half_a_line_waits },
	{ "tails are counted", tails_are_counted },
	{ "tails may be long", tails_may_be_long },
	{ "bytes are limited", bytes_are_limited },
	{ "old lines are left out", old_lines_are_left_out },
	{ "no log of ours ends", no_log_of_ours_ends },
	{ "a slow reader is waited for", a_slow_reader_is_waited_for },
	{ "a slow reader may follow", a_slow_reader_may_follow },
	{ "new lines are followed", new_lines_are_followed },
	{ "rotation is followed", rotation_is_followed },
	{ "nothing is lost at a rotation", nothing_is_lost_at_a_rotation },
	{ "following ends with the container", following_ends_with_the_container },
	{ "the end is seen without a last line", the_end_is_seen_without_a_last_line },
	{ "a limit ends following", a_limit_ends_following },
	{ "it may be freed at once", it_may_be_freed_at_once },
};

TEST_MAIN(tests)
