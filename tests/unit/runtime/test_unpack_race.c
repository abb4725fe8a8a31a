/*
 * test_unpack_race.c - layers are unpacked while somebody plays with links (attack case 29).
 *
 * Goal: nothing outside of a layer's folder is written, removed or changed, even if somebody who
 * should not be able to reaches into it or into the folders beside it.  Method: the same archive
 * again and again, against a thread that swaps folders and files of the layer for links to a place
 * outside, and a sibling that is all links.  Unpacking may fail; outside everything stays.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "runtime/pathfd.h"
#include "runtime/unpack.h"
#include "tests/unit/harness.h"
#include "tests/unit/runtime/tar_fixture.h"

static atomic_bool over;
static int home = -1;

/* Names of the layer's folders and the links they change places with; those lie in a sibling. */
static const struct {
	const char *folder, *name, *trap, *target;
} swaps[] = {
	{ "layer", "d", "sibling/d", "../outside" },
	{ "layer/d", "e", "sibling/e", "../../outside" },
	{ "layer/d", "e", "sibling/e2", "../outside" },
	{ "layer", "file", "sibling/file", "../outside/canary" },
	{ "layer/d", "file", "sibling/file2", "../../outside/canary" },
	{ "layer/d", "pipe", "sibling/pipe", "../../outside/canary" },
	{ "layer/d", "canary", "sibling/canary", "../../outside/canary" },
};

/* Never through its own links: what happens outside is not this thread's doing. */
static void *swap_places(void *unused)
{
	struct error ignored;

	(void)unused;
	for (size_t i = 0; !over; i = (i + 1) % ARRAY_LENGTH(swaps)) {
		auto_fd folder = -1;

		if (!pathfd_open(home, swaps[i].folder, PATHFD_NO_LINKS, O_PATH | O_DIRECTORY,
				 &folder, &ignored))
			continue;
		syscall(SYS_renameat2, home, swaps[i].trap, folder, swaps[i].name, 2);
		/* Where nothing is yet, a link lies in wait. */
		if (errno == ENOENT)
			(void)!symlinkat(swaps[i].target, folder, swaps[i].name);
	}
	return NULL;
}

static void remove_tree(const char *name)
{
	auto_free char *path = memory_print("%s/%s", harness_folder(), name);

	for (;;) {
		struct error ignored;

		if (file_remove_tree(path, &ignored))
			return; /* the other thread may put something in meanwhile */
	}
}

static void make_sibling(void)
{
	remove_tree("sibling");
	CHECK_INT(mkdirat(home, "sibling", 0755), 0);
	for (size_t i = 0; i < ARRAY_LENGTH(swaps); i++)
		CHECK_INT(symlinkat(swaps[i].target, home, swaps[i].trap), 0);
}

static void put_layer(struct buf *tar)
{
	static const struct str xattr = { "v", 1 };

	for (int i = 0; i < 3; i++) {
		tar_put(tar,
			&(struct tar_item){ .type = '5', .path = "d", .mode = 0777, .uid = 7 });
		tar_put(tar,
			&(struct tar_item){ .type = '5', .path = "d/e", .mode = 0777, .uid = 7 });
		tar_put_pax(tar, "SCHILY.xattr.user.evil", xattr);
		tar_put(tar, &(struct tar_item){ .type = '0',
						 .path = "file",
						 .mode = 0777,
						 .uid = 7,
						 .data = STR("dead") });
		tar_put_file(tar, "d/file", "dead");
		tar_put_file(tar, "d/e/canary", "dead");
		tar_put_file(tar, "d/e/new/deep", "dead");
		tar_put(tar, &(struct tar_item){
				     .type = '6', .path = "d/pipe", .mode = 0777, .uid = 7 });
		tar_put_link(tar, '1', "d/hard", "file");
		tar_put_file(tar, "d/e/.wh.canary", "");
		tar_put_file(tar, "d/e/.wh..wh..opq", "");
		/* A file where a folder was: it is removed with all below. */
		tar_put_file(tar, "d/e", "dead");
		tar_put_link(tar, '2', "d/canary", "/nowhere");
	}
	tar_end(tar);
}

static void check_outside(void)
{
	auto_fd outside = openat(home, "outside", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	auto_fd canary = openat(home, "outside/canary", O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	struct stat facts;
	char text[16];

	CHECK(outside >= 0);
	CHECK(canary >= 0);
	CHECK_INT(read(canary, text, sizeof(text)), 5);
	CHECK_BYTES(text, "alive", 5);
	CHECK_INT(fstat(canary, &facts), 0);
	CHECK_INT(facts.st_mode, S_IFREG | 0600);
	CHECK_INT(facts.st_uid, 0);
	CHECK_INT(facts.st_nlink, 1);
	CHECK(fgetxattr(canary, "user.evil", text, sizeof(text)) < 0);
	CHECK_INT(fstat(outside, &facts), 0);
	CHECK_INT(facts.st_mode, S_IFDIR | 0700);
	CHECK_INT(facts.st_uid, 0);
	CHECK_INT(facts.st_nlink, 2);
	CHECK(fgetxattr(outside, "trusted.overlay.opaque", text, sizeof(text)) < 0);
	CHECK(faccessat(home, "outside/new", F_OK, 0) != 0);
	CHECK(faccessat(home, "outside/file", F_OK, 0) != 0);
	CHECK(faccessat(home, "outside/pipe", F_OK, 0) != 0);
}

/* *out_done: it went well. */
static void unpack_once(struct str tar, bool *out_done)
{
	struct unpack_plan plan = { .bytes_max = 1 << 20, .entries_max = 1000 };
	struct tar_source_text source;
	uint64_t bytes;
	struct error why;

	remove_tree("layer");
	while (mkdirat(home, "layer", 0755) != 0)
		remove_tree("layer");
	plan.folder = openat(home, "layer", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CHECK(plan.folder >= 0);
	tar_source_text_init(&source, tar);
	*out_done = unpack_layer(&plan, &source.source, &bytes, &why);
	close(plan.folder);
}

static void links_that_come_and_go_lead_nowhere(void)
{
	const char *text = getenv("MOTE_TEST_RACES");
	long rounds = 0, failures = 0, wanted = text ? strtol(text, NULL, 10) / 100 : 21;
	int64_t late = clock_now_ms() + 2500;
	auto_buf tar = BUF_INIT;
	auto_free char *canary = NULL;
	pthread_t attacker;

	if (geteuid() != 0)
		harness_skip("not root");
	umask(0077);
	home = open(harness_folder(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CHECK_INT(mkdirat(home, "outside", 0700), 0);
	canary = memory_print("%s/outside/canary", harness_folder());
	tar_save(canary, STR("alive"));
	CHECK_INT(fchmodat(home, "outside/canary", 0600, 0), 0);
	put_layer(&tar);
	make_sibling();
	CHECK_INT(pthread_create(&attacker, NULL, swap_places, NULL), 0);
	for (; clock_now_ms() < late || rounds < wanted; rounds++) {
		bool done;

		unpack_once(buf_str(&tar), &done);
		failures += !done;
		check_outside();
		if (rounds % 50 == 0)
			make_sibling();
	}
	over = true;
	pthread_join(attacker, NULL);
	check_outside();
	CHECK(rounds > 20);
	CHECK(failures > 0); /* there was a race at all */
}

static const struct test tests[] = {
	{ "links that come and go lead nowhere", links_that_come_and_go_lead_nowhere,
	  .time_limit_s = 300 },
};
TEST_MAIN(tests)
