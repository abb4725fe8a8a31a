/*
 * test_datastore.c - the promises of the datastore: order, durability, revisions that only grow.
 */
#include "datastore/datastore.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/random.h"
#include "datastore/past.h"
#include "tests/unit/harness.h"

/* An item is a counted text. */
struct text {
	int refs;
	struct str bytes;
};

static struct text *text_new(const char *value)
{
	struct text *text = memory_new(struct text);

	text->refs = 1;
	text->bytes = str_from(str_copy(str_of(value)), strlen(value));
	return text;
}

static void text_ref(void *item)
{
	((struct text *)item)->refs++;
}

static void text_unref(void *item)
{
	struct text *text = item;

	if (--text->refs > 0)
		return;
	free((char *)(uintptr_t)text->bytes.at);
	free(text);
}

static struct str text_bytes(const void *item)
{
	return ((const struct text *)item)->bytes;
}

static void *text_load(void *of, struct str key, struct str bytes, struct error *err)
{
	auto_free char *copy = str_copy(bytes);

	(void)of;
	(void)key;
	(void)err;
	return text_new(copy);
}

static const struct datastore_items items = {
	.load = text_load, .bytes = text_bytes, .ref = text_ref, .unref = text_unref
};

static struct loop *loop;

static struct datastore *open_store(const char *folder)
{
	struct datastore *store;
	struct error err;

	if (!loop)
		CHECK_OK(loop_open(&loop, &err), &err);
	CHECK_OK(datastore_open(loop, folder, &items, &store, &err), &err);
	return store;
}

static void close_all(struct datastore *store)
{
	datastore_close(store);
	loop_close(loop);
	loop = NULL;
}

static int done_count;
static struct error last_error;

static void on_done(void *of, const struct error *err)
{
	(void)of;
	done_count++;
	last_error = err ? *err : (struct error){ 0 };
}

static bool put(struct datastore *store, const char *key, const char *value, uint64_t expected,
		bool in_memory, struct error *err)
{
	struct text *text = value ? text_new(value) : NULL;
	struct datastore_write write = {
		.key = str_of(key),
		.expected = expected,
		.revision = datastore_reserve(store),
		.item = text,
		.in_memory = in_memory,
		.on_done = on_done,
	};
	bool taken = datastore_write(store, &write, err);

	if (text)
		text_unref(text);
	return taken;
}

static void wait_done(int count)
{
	while (done_count < count)
		loop_once(loop, -1);
}

static void check_value(struct datastore *store, const char *key, const char *value)
{
	const struct record *record = datastore_find(store, str_of(key));

	if (!value) {
		CHECK(record == NULL);
		return;
	}
	CHECK(record != NULL);
	CHECK(str_is(text_bytes(record->item), value));
}

/* Goal: a write is seen by readers only when it is done; the newest state is seen at once. */
static void visible_after_commit(void)
{
	struct datastore *store = open_store(harness_folder());
	struct error err;

	CHECK_OK(put(store, "/a/1", "one", DATASTORE_ABSENT, false, &err), &err);
	check_value(store, "/a/1", NULL);
	CHECK(datastore_find_latest(store, STR("/a/1")) != NULL);
	CHECK(!put(store, "/a/1", "again", DATASTORE_ABSENT, false, &err));
	CHECK_INT(err.kind, ERROR_CONFLICT);
	wait_done(1);
	CHECK_INT(last_error.kind, ERROR_NONE);
	check_value(store, "/a/1", "one");
	close_all(store);
}

/* Goal: lists walk a prefix in byte order, from behind a key if asked to. */
static void lists_in_order(void)
{
	static const char *const keys[] = { "/a/3", "/a/1", "/b/1", "/a/2", "/a" };
	struct datastore *store = open_store(harness_folder());
	auto_buf seen = BUF_INIT;
	struct error err;

	for (int i = 0; i < 5; i++)
		CHECK_OK(put(store, keys[i], "x", DATASTORE_ABSENT, false, &err), &err);
	wait_done(5);
	for (const struct record *at = datastore_first(store, STR("/a/"), STR_NONE); at;
	     at = datastore_next(at, STR("/a/")))
		buf_add_str(&seen, at->key);
	CHECK_STR(buf_text(&seen), "/a/1/a/2/a/3");
	CHECK(str_is(datastore_first(store, STR("/a/"), STR("/a/1"))->key, "/a/2"));
	CHECK(datastore_first(store, STR("/a/"), STR("/a/3")) == NULL);
	close_all(store);
}

struct heard {
	struct datastore_listener listener;
	uint64_t last;
	int count;
};

static void on_change(struct datastore_listener *listener, const struct change *change)
{
	struct heard *heard = CONTAINER_OF(listener, struct heard, listener);

	CHECK(change->revision > heard->last);
	CHECK(change->before || change->after);
	heard->last = change->revision;
	heard->count++;
}

static bool count_one(void *of, const struct change *change)
{
	(void)change;
	++*(int *)of;
	return true;
}

/* Goal: listeners hear each change once and in order, volatile and durable ones alike; replay tells
 * the rest. */
static void feed_is_ordered(void)
{
	struct datastore *store = open_store(harness_folder());
	struct heard heard = { .listener = { .on_change = on_change } };
	uint64_t start = datastore_revision(store), middle;
	char key[32];
	struct error err;
	int replayed = 0;

	datastore_listen(store, &heard.listener);
	for (int i = 0; i < 100; i++) {
		snprintf(key, sizeof(key), "/k/%d", i);
		CHECK_OK(put(store, key, "x", DATASTORE_ABSENT, i % 3 == 0, &err), &err);
		if (i % 10 == 0)
			loop_once(loop, 0);
	}
	wait_done(100);
	CHECK_INT(heard.count, 100);
	middle = datastore_find(store, STR("/k/49"))->revision;
	CHECK_OK(datastore_replay(store, middle, count_one, &replayed, &err), &err);
	CHECK_INT(replayed, 50);
	datastore_unlisten(&heard.listener);
	close_all(store);
	store = open_store(harness_folder());
	CHECK(!datastore_replay(store, start, count_one, &replayed, &err));
	CHECK_INT(err.kind, ERROR_EXPIRED);
	close_all(store);
}

/* Goal: after a restart everything durable is there, nothing volatile, and revisions go on growing.
 */
static void survives_restart(void)
{
	struct datastore *store = open_store(harness_folder());
	uint64_t newest, revision;
	struct error err;

	CHECK_OK(put(store, "/d", "kept", DATASTORE_ABSENT, false, &err), &err);
	CHECK_OK(put(store, "/m", "lost", DATASTORE_ABSENT, true, &err), &err);
	CHECK_OK(put(store, "/r", "removed", DATASTORE_ABSENT, false, &err), &err);
	wait_done(3);
	revision = datastore_find(store, STR("/r"))->revision;
	CHECK_OK(put(store, "/r", NULL, revision, false, &err), &err);
	wait_done(4);
	newest = datastore_revision(store);
	close_all(store);
	store = open_store(harness_folder());
	check_value(store, "/d", "kept");
	check_value(store, "/m", NULL);
	check_value(store, "/r", NULL);
	CHECK(datastore_revision(store) >= newest);
	CHECK(datastore_reserve(store) > newest);
	close_all(store);
}

/* Goal: kill -9 in the middle of many writes loses nothing that was told done, and revisions never
 * go back. Method: a child writes and tells each done key through a pipe; it is killed; its folder
 * is opened again. */
static void survives_kill(void)
{
	const char *folder = harness_folder();
	struct {
		int number;
		uint64_t revision;
	} told, last = { 0 };
	struct datastore *store;
	struct error err;
	int ends[2], count = 0;
	char key[32];
	pid_t pid;

	CHECK(pipe(ends) == 0);
	pid = fork();
	if (pid == 0) {
		store = open_store(folder);
		for (int i = 0;; i++) {
			snprintf(key, sizeof(key), "/n/%d", i);
			if (!put(store, key, "value", DATASTORE_ABSENT, false, &err))
				_exit(1);
			wait_done(i + 1);
			told.number = i;
			told.revision = datastore_revision(store);
			if (write(ends[1], &told, sizeof(told)) < 0)
				_exit(1);
		}
	}
	close(ends[1]);
	while (count < 300 && read(ends[0], &told, sizeof(told)) == (ssize_t)sizeof(told)) {
		last = *(__typeof__(last) *)(void *)&told;
		count++;
	}
	kill(pid, SIGKILL);
	while (read(ends[0], &told, sizeof(told)) == (ssize_t)sizeof(told))
		last = *(__typeof__(last) *)(void *)&told;
	waitpid(pid, NULL, 0);
	store = open_store(folder);
	for (int i = 0; i <= last.number; i++) {
		snprintf(key, sizeof(key), "/n/%d", i);
		check_value(store, key, "value");
	}
	CHECK(datastore_revision(store) >= last.revision);
	close_all(store);
}

/* Goal: a second server on the same data is refused with the first one's process id. */
static void refuses_second(void)
{
	struct datastore *store = open_store(harness_folder()), *second;
	auto_free char *pid = memory_print("process %d", (int)getpid());
	struct error err;

	CHECK(!datastore_open(loop, harness_folder(), &items, &second, &err));
	CHECK_INT(err.kind, ERROR_UNAVAILABLE);
	CHECK(strstr(err.text, "in use by another server") != NULL);
	CHECK(strstr(err.text, pid) != NULL);
	close_all(store);
}

static off_t size_of_database(void)
{
	auto_free char *path = memory_print("%s/state.db", harness_folder());
	struct stat facts;

	CHECK(stat(path, &facts) == 0);
	return facts.st_size;
}

/* Goal: what the log has gathered goes into the database when no write comes any more, and not
 * between writes that follow each other. */
static void tidies_when_idle(void)
{
	enum { WRITES = 40, BYTES = 200 * 1024 }; /* 8 MB: twice what makes a checkpoint wanted */
	struct datastore *store = open_store(harness_folder());
	auto_free char *value = memory_zero(BYTES + 1);
	struct error err;

	memset(value, 'v', BYTES);
	for (int i = 0; i < WRITES; i++) {
		auto_free char *key = memory_print("/a/%d", i);

		CHECK_OK(put(store, key, value, DATASTORE_ABSENT, false, &err), &err);
		wait_done(i + 1);
	}
	CHECK(size_of_database() < BYTES);
	for (int i = 0; i < 500 && size_of_database() < (off_t)WRITES * BYTES; i++)
		loop_once(loop, 10);
	CHECK(size_of_database() >= (off_t)WRITES * BYTES);
	close_all(store);
}

/* A seal that anybody sees through: what is stored is "S" + the bytes, for keys below /s/. */
static bool text_seal(void *of, struct str key, struct str bytes, struct buf *out)
{
	if (!*(bool *)of || !str_starts(key, STR("/s/")))
		return false;
	buf_add_text(out, "S");
	for (size_t i = 0; i < bytes.len; i++)
		buf_add_byte(out, (char)(bytes.at[i] ^ 1));
	return true;
}

static void *text_unseal(void *of, struct str key, struct str bytes, struct error *err)
{
	auto_buf value = BUF_INIT;

	if (bytes.len == 0 || bytes.at[0] != 'S')
		return text_load(of, key, bytes, err);
	for (size_t i = 1; i < bytes.len; i++)
		buf_add_byte(&value, (char)(bytes.at[i] ^ 1));
	return text_load(of, key, buf_str(&value), err);
}

static bool sealing;

static struct datastore *open_sealed_store(bool seal)
{
	static const struct datastore_items sealed = { .load = text_unseal,
						       .bytes = text_bytes,
						       .seal = text_seal,
						       .ref = text_ref,
						       .unref = text_unref,
						       .of = &sealing };
	struct datastore *store;
	struct error err;

	sealing = seal;
	if (!loop)
		CHECK_OK(loop_open(&loop, &err), &err);
	CHECK_OK(datastore_open(loop, harness_folder(), &sealed, &store, &err), &err);
	return store;
}

/* Is the text in any file of the database? */
static bool is_in_files(const char *text)
{
	auto_free char *command =
		memory_print("cat %s/* | grep -qaF -e '%s'", harness_folder(), text);

	return system(command) == 0;
}

/* Goal: sealed values are open in memory and sealed in all files; older ones are gone from the
 * files once they were written again and the store was scrubbed; no revision is used for that. */
static void seals_and_scrubs(void)
{
	struct datastore *store = open_sealed_store(false);
	struct heard heard = { .listener = { .on_change = on_change } };
	uint64_t revision;
	struct error err;

	CHECK_OK(put(store, "/s/1", "the-first-marker", DATASTORE_ABSENT, false, &err), &err);
	CHECK_OK(put(store, "/s/2", "the-second-marker", DATASTORE_ABSENT, false, &err), &err);
	wait_done(2);
	close_all(store);
	CHECK(is_in_files("the-first-marker"));
	store = open_sealed_store(true);
	check_value(store, "/s/1", "the-first-marker");
	revision = datastore_find(store, STR("/s/1"))->revision;
	datastore_listen(store, &heard.listener);
	CHECK(datastore_write_again(store, STR("/s/1"), on_done, NULL));
	CHECK(!datastore_write_again(store, STR("/s/none"), on_done, NULL));
	CHECK_OK(
		put(store, "/s/2", NULL, datastore_find(store, STR("/s/2"))->revision, false, &err),
		&err);
	wait_done(4);
	CHECK_INT(heard.count, 1); /* the removal */
	datastore_scrub(store, on_done, NULL);
	wait_done(5);
	CHECK_INT(last_error.kind, ERROR_NONE);
	CHECK(!is_in_files("the-first-marker"));
	CHECK(!is_in_files("the-second-marker"));
	datastore_unlisten(&heard.listener);
	close_all(store);
	store = open_sealed_store(true);
	check_value(store, "/s/1", "the-first-marker");
	check_value(store, "/s/2", NULL);
	CHECK_INT(datastore_find(store, STR("/s/1"))->revision, revision);
	CHECK(!is_in_files("the-first-marker"));
	close_all(store);
}

/* Goal: writing again takes the newest state, also one on its way, and never an older one. */
static void writes_newest_again(void)
{
	struct datastore *store = open_sealed_store(true);
	struct error err;

	CHECK_OK(put(store, "/s/1", "one", DATASTORE_ABSENT, false, &err), &err);
	CHECK(datastore_write_again(store, STR("/s/1"), on_done, NULL));
	CHECK_OK(put(store, "/s/1", "two", datastore_find_latest(store, STR("/s/1"))->revision,
		     false, &err),
		 &err);
	wait_done(3);
	check_value(store, "/s/1", "two");
	close_all(store);
	store = open_sealed_store(true);
	check_value(store, "/s/1", "two");
	close_all(store);
}

/* Goal: volatile states of a durable key are lost by a crash alone; a clean stop writes them. */
static void volatile_states_of_durable_keys(void)
{
	struct datastore *store = open_store(harness_folder());
	struct datastore_figures before, after;
	uint64_t revision;
	struct error err;

	CHECK_OK(put(store, "/l", "durable", DATASTORE_ABSENT, false, &err), &err);
	wait_done(1);
	datastore_figures(store, &before);
	CHECK_OK(
		put(store, "/l", "renewed", datastore_find(store, STR("/l"))->revision, true, &err),
		&err);
	CHECK_OK(put(store, "/m", "memory", DATASTORE_ABSENT, true, &err), &err);
	loop_once(loop, 0); /* nothing to wait for */
	CHECK_INT(done_count, 3);
	datastore_figures(store, &after);
	CHECK_INT(after.groups, before.groups);
	revision = datastore_find(store, STR("/l"))->revision;
	close_all(store);
	store = open_store(harness_folder());
	check_value(store, "/l", "renewed");
	check_value(store, "/m", NULL);
	CHECK_INT(datastore_find(store, STR("/l"))->revision, revision);
	CHECK(datastore_revision(store) > revision);
	close_all(store);
}

#define PAST_KEYS  40
#define PAST_STEPS 300

static void check_past(struct datastore *store, uint64_t revision, char (*want)[16],
		       struct str after)
{
	AUTO(past_close) struct past *past = NULL;
	struct past_record record;
	char key[16];
	struct error err;

	CHECK_OK(past_open(store, revision, STR("/p/"), after, &past, &err), &err);
	for (int i = 0; i < PAST_KEYS; i++) {
		snprintf(key, sizeof(key), "/p/%02d", i);
		if (!want[i][0] || (after.at && str_compare(str_of(key), after) <= 0))
			continue;
		CHECK(past_next(past, &record));
		CHECK(str_is(record.key, key));
		CHECK(str_is(text_bytes(record.item), want[i]));
	}
	CHECK(!past_next(past, &record));
}

/* Goal: each earlier state can be walked, whole and from the middle, as long as its changes are
 * kept; of the rest it is said that they are not. */
static void walks_the_past(void)
{
	static char states[PAST_STEPS + 1][PAST_KEYS][16];
	static uint64_t revisions[PAST_STEPS + 1];
	struct datastore *store = open_store(harness_folder());
	struct past *past;
	struct error err;
	char key[16];

	revisions[0] = datastore_revision(store);
	for (int i = 1; i <= PAST_STEPS; i++) {
		int at = (int)random_below(PAST_KEYS);
		const struct record *record;
		char *value = states[i][at];

		memcpy(states[i], states[i - 1], sizeof(states[i]));
		snprintf(key, sizeof(key), "/p/%02d", at);
		record = datastore_find(store, str_of(key));
		if (record && random_below(3) == 0)
			value[0] = '\0';
		else
			snprintf(value, sizeof(states[i][at]), "%d", i);
		CHECK_OK(put(store, key, value[0] ? value : NULL, record ? record->revision : 0,
			     true, &err),
			 &err);
		CHECK_OK(put(store, "/other", "x",
			     i == 1 ? 0 : datastore_find(store, STR("/other"))->revision, true,
			     &err),
			 &err);
		loop_once(loop, 0); /* nothing to wait for */
		revisions[i] = datastore_revision(store);
	}
	for (int i = 0; i <= PAST_STEPS; i++) {
		check_past(store, revisions[i], states[i], STR_NONE);
		check_past(store, revisions[i], states[i], STR("/p/20"));
	}
	close_all(store);
	store = open_store(harness_folder());
	CHECK(!past_open(store, revisions[0], STR("/p/"), STR_NONE, &past, &err));
	CHECK_INT(err.kind, ERROR_EXPIRED);
	close_all(store);
}

static const struct test tests[] = {
	{ "visible after commit", visible_after_commit },
	{ "lists in order", lists_in_order },
	{ "feed is ordered", feed_is_ordered },
	{ "survives restart", survives_restart },
	{ "survives kill", survives_kill, .time_limit_s = 60 },
	{ "refuses second", refuses_second },
	{ "tidies when idle", tidies_when_idle },
	{ "seals and scrubs", seals_and_scrubs },
	{ "writes newest again", writes_newest_again },
	{ "volatile states of durable keys", volatile_states_of_durable_keys },
	{ "walks the past", walks_the_past },
};
TEST_MAIN(tests)
