/*
 * test_family.c - the index of who controls what, and the facts of pods.
 */
#include "server/control/family.h"

#include "base/clock.h"
#include "tests/unit/harness.h"

static const struct object *parse(const char *text)
{
	struct object *object;
	struct error err;

	CHECK_OK(object_from_bytes(str_of(text), &object, &err), &err);
	return object;
}

static const struct object *owned(const char *name, const char *uid)
{
	auto_buf text = BUF_INIT;

	buf_add_print(&text, "{\"kind\":\"Pod\",\"metadata\":{\"namespace\":\"d\",\"name\":\"%s\"",
		      name);
	if (uid)
		buf_add_print(&text,
			      ",\"ownerReferences\":[{\"uid\":\"x\"},{\"uid\":\"%s\","
			      "\"controller\":true}]",
			      uid);
	buf_add_text(&text, "}}");
	return parse(buf_text(&text));
}

static size_t orphans(const struct family *family, const char *namespace)
{
	size_t count = 0;

	for (size_t i = 0; family_next_orphan(family, str_of(namespace), &i);)
		count++;
	return count;
}

/* Goal: members come, change owners, become orphans and go; each is under one owner at a time. */
static void follows_owners(void)
{
	struct family *family = family_new();
	auto_object one = owned("one", "a"), *two = owned("two", "a"), *three = owned("three", "a");
	auto_object one_b = owned("one", "b"), *one_free = owned("one", NULL);
	size_t i = 0;

	family_note(family, NULL, one);
	family_note(family, NULL, two);
	family_note(family, NULL, three);
	CHECK_INT(family_count(family, STR("a")), 3);
	CHECK_INT(family_count(family, STR("x")), 0); /* an owner, but not the controller */
	family_note(family, one, one_b);
	CHECK_INT(family_count(family, STR("a")), 2);
	CHECK_INT(family_count(family, STR("b")), 1);
	CHECK(family_next(family, STR("b"), &i)->object == one_b);
	CHECK(!family_next(family, STR("b"), &i));
	CHECK_INT(orphans(family, "d"), 0);
	family_note(family, one_b, one_free);
	CHECK_INT(family_count(family, STR("b")), 0);
	CHECK_INT(orphans(family, "d"), 1);
	CHECK_INT(orphans(family, "e"), 0);
	CHECK(family_find(family, STR("d"), STR("one"))->object == one_free);
	family_note(family, one_free, NULL);
	CHECK_INT(orphans(family, "d"), 0);
	CHECK(!family_find(family, STR("d"), STR("one")));
	family_note(family, two, NULL);
	CHECK_INT(family_count(family, STR("a")), 1);
	family_free(family);
	family_free(NULL);
}

static const struct member *note(struct family *family, const struct object *pod)
{
	family_note(family, NULL, pod);
	return family_find(family, object_namespace(pod), object_name(pod));
}

/* Goal: what passes ask for is taken out once, and odd values are as none. */
static void facts(void)
{
	struct family *family = family_new();
	auto_object full = parse(
		"{\"kind\":\"Pod\",\"metadata\":{\"namespace\":\"d\",\"name\":\"f\","
		"\"creationTimestamp\":\"2026-01-01T00:00:10Z\",\"finalizers\":[\"a/"
		"b\",\"" MEMBER_JOB_FINALIZER "\"],\"annotations\":{\"" MEMBER_JOB_INDEX
		"\":\"12\","
		"\"controller.kubernetes.io/pod-deletion-cost\":\"-7\"}},"
		"\"spec\":{\"nodeName\":\"n\"},\"status\":{\"phase\":\"Running\",\"conditions\":[{"
		"\"type\":\"Ready\",\"status\":\"True\",\"lastTransitionTime\":"
		"\"2026-01-01T00:00:20Z\"}],\"containerStatuses\":[{\"restartCount\":2},"
		"{\"restartCount\":5},{}]}}");
	auto_object odd =
		parse("{\"kind\":\"Pod\",\"metadata\":{\"namespace\":\"d\",\"name\":\"o\","
		      "\"annotations\":{\"controller.kubernetes.io/pod-deletion-cost\":\"9e9\"}},"
		      "\"status\":{\"phase\":\"Weird\"}}");
	auto_object failed = parse("{\"kind\":\"Pod\",\"metadata\":{\"namespace\":\"d\",\"name\":"
				   "\"x\"},\"status\":{\"phase\":\"Failed\"}}");
	auto_object going = parse("{\"kind\":\"Pod\",\"metadata\":{\"namespace\":\"d\",\"name\":"
				  "\"g\",\"deletionTimestamp\":\"2026-01-01T00:00:00Z\"}}");
	const struct member *pod = note(family, full);

	CHECK_STR(pod->node, "n");
	CHECK_INT(pod->ready_since_s - pod->created_s, 10);
	CHECK_INT(pod->deletion_cost, -7);
	CHECK_INT(pod->restarts, 5);
	CHECK_INT(pod->job_index, 12);
	CHECK(pod->uncounted);
	CHECK(pod->ready && pod->phase == MEMBER_RUNNING);
	CHECK(member_is_active(pod));
	pod = note(family, odd);
	CHECK(!pod->node && !pod->ready && pod->phase == MEMBER_LOST);
	CHECK_INT(pod->deletion_cost, 0);
	CHECK_INT(pod->job_index, -1);
	CHECK(!pod->uncounted);
	CHECK(!member_is_active(note(family, failed)));
	CHECK(!member_is_active(note(family, going)));
	family_free(family);
}

/* Goal: exactly when a pod has been ready for so long, to the millisecond. */
static void due(void)
{
	int64_t now_s = clock_wall_s();
	struct member pod = { .ready = false, .ready_since_s = now_s };
	int64_t due_ms;

	CHECK_INT(member_due_ms(&pod, 0), -1);
	pod.ready = true;
	CHECK_INT(member_due_ms(&pod, 0), 0);
	due_ms = member_due_ms(&pod, 10);
	CHECK(due_ms > 8000 && due_ms <= 10001);
	clock_shift(due_ms);
	CHECK_INT(member_due_ms(&pod, 10), 0);
	CHECK(member_due_ms(&pod, 11) > 0);
}

static const struct test tests[] = {
	{ "follows owners", follows_owners },
	{ "facts", facts },
	{ "due", due },
};

TEST_MAIN(tests)
