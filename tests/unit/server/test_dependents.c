/*
 * test_dependents.c - the index of who depends on whom, as objects come, change owners and go.
 */
#include "server/control/dependents.h"

#include "tests/unit/harness.h"

static const struct object *owned(const char *owners)
{
	auto_buf text = BUF_INIT;
	struct object *object;
	struct error err;

	buf_add_print(&text, "{\"metadata\":{\"name\":\"x\"%s%s}}",
		      *owners ? ",\"ownerReferences\":" : "", owners);
	CHECK_OK(object_from_bytes(buf_str(&text), &object, &err), &err);
	return object;
}

static void follows_changes(void)
{
	struct dependents *dependents = dependents_new();
	auto_object both = owned("[{\"uid\":\"a\"},{\"uid\":\"b\"}]");
	auto_object one = owned("[{\"uid\":\"b\"}]");
	auto_object free_one = owned("");
	auto_object empty = owned("[]");
	struct str key;
	size_t i = 0;

	CHECK(dependents_has_owners(both));
	CHECK(!dependents_has_owners(free_one));
	CHECK(!dependents_has_owners(empty));
	dependents_note(dependents, STR("/core/pods/d/1"), NULL, both);
	dependents_note(dependents, STR("/core/pods/d/2"), NULL, one);
	dependents_note(dependents, STR("/core/pods/d/3"), NULL, free_one);
	CHECK_INT(dependents_count(dependents, STR("a")), 1);
	CHECK_INT(dependents_count(dependents, STR("b")), 2);
	CHECK_INT(dependents_count(dependents, STR("c")), 0);
	CHECK(dependents_next(dependents, STR("a"), &i, &key) && str_is(key, "/core/pods/d/1"));
	CHECK(!dependents_next(dependents, STR("a"), &i, &key));
	dependents_note(dependents, STR("/core/pods/d/1"), both, one);
	CHECK_INT(dependents_count(dependents, STR("a")), 0);
	CHECK_INT(dependents_count(dependents, STR("b")), 2);
	dependents_note(dependents, STR("/core/pods/d/1"), one, free_one);
	dependents_note(dependents, STR("/core/pods/d/2"), one, NULL);
	CHECK_INT(dependents_count(dependents, STR("b")), 0);
	dependents_note(dependents, STR("/core/pods/d/4"), NULL, both); /* is freed with the rest */
	dependents_free(dependents);
	dependents_free(NULL);
}

static const struct test tests[] = {
	{ "follows changes", follows_changes },
};

TEST_MAIN(tests)
