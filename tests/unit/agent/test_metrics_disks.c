/*
 * test_metrics_disks.c - the lines of disks, as cAdvisor writes them: of a machine that is
 * pretended by files, of a pod and a container with figures of version 1 and of version 2.
 */
#include <string.h>
#include <unistd.h>

#include "agent/metrics_inside.h"
#include "base/file.h"
#include "tests/unit/harness.h"

static struct error err;

static void make_folder(const char *path)
{
	auto_free char *full = memory_print("%s%s", harness_folder(), path);

	CHECK_OK(file_make_dirs(full, 0700, &err), &err);
}

static void pretend(void)
{
	auto_free char *stats = memory_print("%s/proc/diskstats", harness_folder());
	auto_free char *number = memory_print("%s/sys/dev/block/8:0", harness_folder());

	make_folder("/proc");
	make_folder("/sys/block/sda");
	make_folder("/sys/dev/block");
	CHECK_OK(file_replace(stats,
			      STR("   8       0 sda 1 2 3 4500 5 6 7 8 9 10 11 12 13\n"
				  "   8       1 sda1 1 2 3 4 5 6 7 8 9 10 11 12 13\n"),
			      0600, &err),
		 &err);
	CHECK(symlink("../../devices/x/block/sda", number) == 0);
	node_use_pretend(harness_folder());
}

static void has_line(const struct buf *text, const char *line)
{
	if (!strstr(buf_text(text), line))
		harness_fail(__FILE__, __LINE__, "no line \"%s\" in\n%s", line, buf_text(text));
}

static size_t count_of(const struct buf *text, const char *name)
{
	struct str rest = buf_str(text);
	size_t count = 0;

	while (rest.len > 0) {
		struct str line = str_cut(&rest, '\n');

		count += str_is(str_cut(&line, '{'), name);
	}
	return count;
}

static void prints_all_groups(void)
{
	struct usage_disk old = { .major = 8,
				  .told = (1u << DISK_OPERATIONS) - 1,
				  .bytes = { 11, 12, 13, 14, 15, 16 },
				  .reads = 17,
				  .writes = 18 };
	struct usage_disk unified = { .major = 9,
				      .minor = 3,
				      .told = 1u << DISK_READ | 1u << DISK_WRITE,
				      .bytes = { 21, 22 },
				      .reads = 23,
				      .writes = 24 };
	struct stats_pod pod = { .disks = { &old, 1 } };
	struct stats_container container = { .disks = { &unified, 1 } };
	struct group items[] = { { .labels = "id=\"/\"" },
				 { .labels = "id=\"/p\"", .pod = &pod },
				 { .labels = "id=\"/p/c\"", .container = &container } };
	struct groups groups = { .items = items, .count = 3, .time_ms = 99 };
	auto_arena arena = arena_new();
	auto_buf text = BUF_INIT;

	pretend();
	metrics_add_disks(&groups, arena, &text);
	has_line(&text, "# TYPE container_fs_reads_bytes_total counter\n"
			"container_fs_reads_bytes_total{id=\"/\",device=\"/dev/sda\"} 1536 99\n"
			"container_fs_reads_bytes_total{id=\"/p\",device=\"/dev/sda\"} 11 99\n"
			"container_fs_reads_bytes_total{id=\"/p/c\",device=\"\"} 21 99\n");
	has_line(&text, "container_fs_writes_bytes_total{id=\"/\",device=\"/dev/sda\"} 3584 99\n"
			"container_fs_writes_bytes_total{id=\"/p\",device=\"/dev/sda\"} 12 99\n"
			"container_fs_writes_bytes_total{id=\"/p/c\",device=\"\"} 22 99\n");
	has_line(&text, "container_fs_reads_total{id=\"/\",device=\"/dev/sda\"} 1 99\n"
			"container_fs_reads_total{id=\"/p\",device=\"/dev/sda\"} 17 99\n"
			"container_fs_reads_total{id=\"/p/c\",device=\"\"} 23 99\n");
	has_line(&text, "container_fs_writes_total{id=\"/\",device=\"/dev/sda\"} 5 99\n"
			"container_fs_writes_total{id=\"/p\",device=\"/dev/sda\"} 18 99\n"
			"container_fs_writes_total{id=\"/p/c\",device=\"\"} 24 99\n");
	CHECK_INT(count_of(&text, "container_blkio_device_usage_total"), 2 + 6 + 2);
	has_line(&text, "container_blkio_device_usage_total{id=\"/p\",device=\"/dev/sda\","
			"major=\"8\",minor=\"0\",operation=\"Discard\"} 15 99\n"
			"container_blkio_device_usage_total{id=\"/p\",device=\"/dev/sda\","
			"major=\"8\",minor=\"0\",operation=\"Total\"} 16 99\n");
	has_line(&text, "container_blkio_device_usage_total{id=\"/p/c\",device=\"\","
			"major=\"9\",minor=\"3\",operation=\"Write\"} 22 99\n");
	/* More is counted of the machine alone. */
	has_line(&text, "# TYPE container_fs_io_current gauge\n"
			"container_fs_io_current{id=\"/\",device=\"/dev/sda\"} 9 99\n");
	has_line(&text, "container_fs_read_seconds_total{id=\"/\",device=\"/dev/sda\"} 4.5");
	has_line(&text, "container_fs_io_time_weighted_seconds_total{id=\"/\"");
	CHECK_INT(count_of(&text, "container_fs_reads_merged_total"), 1);
}

/* No family without a line. */
static void prints_nothing(void)
{
	struct group item = { .labels = "id=\"/\"" };
	struct groups groups = { .items = &item, .count = 1 };
	auto_arena arena = arena_new();
	auto_buf text = BUF_INIT;

	node_use_pretend(harness_folder());
	metrics_add_disks(&groups, arena, &text);
	CHECK_STR(buf_text(&text), "");
}

static const struct test tests[] = {
	{ "prints all groups", prints_all_groups },
	{ "prints nothing", prints_nothing },
};
TEST_MAIN(tests)
