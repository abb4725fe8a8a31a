/*
 * test_image_access.c - whose login opens an image that is here already.
 */
#include "runtime/image_access.h"

#include <stdio.h>

#include "base/file.h"
#include "tests/unit/harness.h"

#define WEB "docker.io/team/web"

static const struct image_login ann = { { "ann", sizeof("ann") - 1 },
					{ "a", sizeof("a") - 1 },
					{ "secret-1", sizeof("secret-1") - 1 } };
static const struct image_login ann_moved = { { "ann", sizeof("ann") - 1 },
					      { "new", sizeof("new") - 1 },
					      { "secret-1", sizeof("secret-1") - 1 } };
static const struct image_login ann_elsewhere = { { "ann", sizeof("ann") - 1 },
						  { "a", sizeof("a") - 1 },
						  { "secret-2", sizeof("secret-2") - 1 } };
static const struct image_login bob = { { "bob", sizeof("bob") - 1 },
					{ "b", sizeof("b") - 1 },
					{ "secret-3", sizeof("secret-3") - 1 } };
static const struct image_login joined = { { "an", sizeof("an") - 1 },
					   { "na", sizeof("na") - 1 },
					   { NULL, 0 } };

static struct image_access_key key;
static struct json_doc *doc;
static struct json *record;

static void begin(void)
{
	struct error err;

	CHECK_OK(image_access_open(harness_folder(), &key, &err), &err);
	doc = json_doc_new();
	record = json_new_object(doc);
}

static bool opens(const char *repository, const struct image_login *login)
{
	return image_access_allows(&key, record, str_of(repository), login);
}

static void name_it(const char *name)
{
	json_append(json_sub_array(doc, record, "names"), json_new_text(doc, name));
}

static void who_pulled_may(void)
{
	begin();
	image_access_note(&key, doc, record, WEB ":1", &ann);
	name_it(WEB ":1");
	CHECK(opens(WEB, &ann));
	CHECK(opens(WEB, &ann_moved));     /* the same secret with another password */
	CHECK(opens(WEB, &ann_elsewhere)); /* the same password in another secret */
	CHECK(!opens(WEB, &bob));
	CHECK(!opens(WEB, NULL));
	CHECK(!opens(WEB, &joined));
	CHECK(!opens("docker.io/team/other", &ann)); /* that password was not shown there */
	CHECK(opens("", &ann));                      /* by id */
	CHECK(!opens("", &bob));
	image_access_note(&key, doc, record, WEB ":2", &bob);
	CHECK(opens(WEB, &ann) && opens(WEB, &bob));
	json_doc_free(doc);
}

static void nothing_of_a_password_is_kept(void)
{
	auto_buf text = BUF_INIT;

	begin();
	image_access_note(&key, doc, record, WEB ":1",
			  &(struct image_login){ STR("jack"), STR("hunter2"), STR_NONE });
	json_print(record, &text);
	CHECK(str_search(buf_str(&text), STR("hunter2")) < 0);
	CHECK(str_search(buf_str(&text), STR("jack")) < 0);
	json_doc_free(doc);
}

static void what_everybody_may_stays_so(void)
{
	begin();
	CHECK(opens(WEB, NULL)); /* nothing is noted: from an archive */
	name_it(WEB ":1");
	image_access_note(&key, doc, record, WEB ":1", &ann);
	CHECK(opens(WEB, &bob));
	json_doc_free(doc);

	begin();
	image_access_note(&key, doc, record, WEB ":1", &ann);
	image_access_note(&key, doc, record, WEB ":1", NULL);
	CHECK(opens(WEB, NULL));
	CHECK(opens("", NULL));
	CHECK(!opens("docker.io/team/other", NULL));
	image_access_note(&key, doc, record, WEB ":1", &bob);
	CHECK(opens(WEB, NULL));
	json_doc_free(doc);
}

static void marks_have_a_limit(void)
{
	begin();
	for (int i = 0; i < 3 * IMAGE_ACCESS_MARKS_MAX; i++) {
		char name[64], password[32];
		struct image_login login = { STR("u"), STR_NONE, STR_NONE };

		snprintf(password, sizeof(password), "%d", i);
		login.password = str_of(password);
		image_access_note(&key, doc, record, WEB ":1", &login);
		CHECK(opens(WEB, &login));
		snprintf(name, sizeof(name), "docker.io/team/app%d:1", i);
		image_access_note(&key, doc, record, name, &login);
	}
	CHECK_INT(json_count(json_get(record, "access")), IMAGE_ACCESS_MARKS_MAX);
	json_doc_free(doc);
}

static void another_key_opens_nothing(void)
{
	auto_free char *path = memory_print("%s/access-key", harness_folder());
	struct error err;

	begin();
	image_access_note(&key, doc, record, WEB ":1", &joined);
	CHECK_OK(image_access_open(harness_folder(), &key, &err), &err);
	CHECK(opens(WEB, &joined));
	CHECK_OK(file_replace(path, STR("short"), 0600, &err), &err);
	CHECK_OK(image_access_open(harness_folder(), &key, &err), &err);
	CHECK(!opens(WEB, &joined));
	json_doc_free(doc);
}

static const struct test tests[] = {
	{ "who pulled may", who_pulled_may },
	{ "nothing of a password is kept", nothing_of_a_password_is_kept },
	{ "what everybody may stays so", what_everybody_may_stays_so },
	{ "marks have a limit", marks_have_a_limit },
	{ "another key opens nothing", another_key_opens_nothing },
};

TEST_MAIN(tests)
