/*
 * test_remote_book.c - what other servers have told: kept, replaced, forgotten; and only what is
 * new is a change.
 */
#include "server/aggregate/remote_book.h"

#include "tests/unit/harness.h"

#define SPEC(group, priority)                                                                      \
	"{\"group\":\"" group "\",\"version\":\"v1\",\"groupPriorityMinimum\":" priority           \
	",\"versionPriority\":1}"
#define LIST(name)                                                                                 \
	"{\"kind\":\"APIResourceList\",\"resources\":[{\"name\":\"" name "\",\"kind\":\"A\"}]}"

static void put(struct remote_book *book, const char *name, const char *spec, const char *list)
{
	auto_json_doc doc = NULL;
	auto_json_doc answer = NULL;
	struct error err;

	CHECK_OK(json_parse(str_of(spec), &doc, NULL, &err), &err);
	if (list)
		CHECK_OK(json_parse(str_of(list), &answer, NULL, &err), &err);
	remote_book_put(book, str_of(name), json_root(doc), answer ? json_root(answer) : NULL);
}

static bool changed(const struct remote_book *book, uint64_t *seen)
{
	uint64_t before = *seen;

	*seen = remote_book_revision(book);
	return before != *seen;
}

static void changes(void)
{
	struct remote_book *book = remote_book_new();
	uint64_t seen = remote_book_revision(book);
	const struct discovery_remotes *list;

	CHECK_INT(remote_book_list(book)->count, 0);
	put(book, "a", SPEC("a", "100"), LIST("x"));
	CHECK(changed(book, &seen));
	put(book, "a", SPEC("a", "100"), LIST("x"));
	CHECK(!changed(book, &seen));
	put(book, "a", SPEC("a", "100"), LIST("y"));
	CHECK(changed(book, &seen));
	put(book, "b", SPEC("b", "200"), NULL);
	CHECK(changed(book, &seen));
	list = remote_book_list(book);
	CHECK_INT(list->count, 2);
	CHECK_INT(list->items[0].group_priority, 200);
	CHECK(!list->items[0].resources);
	CHECK_INT(json_count(list->items[1].resources), 1);
	put(book, "a", SPEC("a", "100"), "{\"kind\":\"Status\"}");
	CHECK(changed(book, &seen));
	CHECK(!remote_book_list(book)->items[1].resources);
	put(book, "a", SPEC("a", "101"), NULL);
	CHECK(changed(book, &seen));
	remote_book_drop(book, STR("a"));
	CHECK(changed(book, &seen));
	remote_book_drop(book, STR("a"));
	CHECK(!changed(book, &seen));
	CHECK_INT(remote_book_list(book)->count, 1);
	remote_book_free(book);
}

static const struct test tests[] = { { "changes", changes } };
TEST_MAIN(tests)
