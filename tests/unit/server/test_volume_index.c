/*
 * test_volume_index.c - which volume a claim gets, in a table; and the words for a wrong one.
 */
#include "server/control/volume_index.h"

#include "tests/unit/harness.h"

static struct object *object_of(const char *text)
{
	struct object *object;
	struct error err;

	CHECK_OK(object_from_bytes(str_of(text), &object, &err), &err);
	return object;
}

#define VOLUME(name, size, modes, more)                                                            \
	"{\"metadata\":{\"name\":\"" name "\",\"labels\":{\"n\":\"" name                           \
	"\"}},\"spec\":{\"storageClassName\":\"c\",\"capacity\":{\"storage\":\"" size              \
	"\"},\"accessModes\":[" modes "]" more "},\"status\":{\"phase\":\"Available\"}}"
#define CLAIM(size, modes, more)                                                                   \
	"{\"metadata\":{\"name\":\"claim\",\"namespace\":\"d\",\"uid\":\"u1\"},\"spec\":{"         \
	"\"accessModes\":[" modes "],\"resources\":{\"requests\":{\"storage\":\"" size "\"}}" more \
	"}}"
#define RWO "\"ReadWriteOnce\""
#define RWX "\"ReadWriteMany\""

static const char *const volumes[] = {
	VOLUME("large", "10Gi", RWO, ""),
	VOLUME("small", "1Gi", RWO, ""),
	VOLUME("shared", "500Mi", RWO "," RWX, ""),
	VOLUME("block", "200Gi", RWO, ",\"volumeMode\":\"Block\""),
	VOLUME("taken", "100Mi", RWO, ",\"claimRef\":{\"namespace\":\"d\",\"name\":\"other\"}"),
	VOLUME("kept", "30Gi", RWO, ",\"claimRef\":{\"namespace\":\"d\",\"name\":\"guest\"}"),
};

static void finds_the_smallest_that_fits(void)
{
	static const struct {
		const char *claim, *wanted;
		bool delayed;
	} rows[] = {
		{ CLAIM("100Mi", RWO, ",\"storageClassName\":\"c\""), "small", false },
		{ CLAIM("1Gi", RWO, ",\"storageClassName\":\"c\""), "small", false },
		{ CLAIM("1025Mi", RWO, ",\"storageClassName\":\"c\""), "large", false },
		{ CLAIM("100Gi", RWO, ",\"storageClassName\":\"c\""), "", false },
		{ CLAIM("100Mi", RWX, ",\"storageClassName\":\"c\""), "shared", false },
		{ CLAIM("100Mi", RWO, ",\"storageClassName\":\"d\""), "", false },
		{ CLAIM("100Mi", RWO, ""), "", false },
		{ CLAIM("100Mi", RWO, ",\"storageClassName\":\"c\",\"volumeMode\":\"Block\""),
		  "block", false },
		{ CLAIM("100Mi", RWO, ",\"storageClassName\":\"c\""), "", true },
	};
	struct volume_index *index = volume_index_new(NULL);
	struct object *object;

	for (size_t i = 0; i < ARRAY_LENGTH(volumes); i++) {
		object = object_of(volumes[i]);
		volume_index_note(index, NULL, object);
		object_unref(object);
	}
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		auto_free char *found = NULL;

		object = object_of(rows[i].claim);
		found = str_copy(volume_index_match(index, object, rows[i].delayed));
		CHECK_STR(found, rows[i].wanted);
		object_unref(object);
	}
	volume_index_free(index);
}

/* Goal: a volume that is reserved for a claim comes before all others, also for one that waits for
 * its pod; once it is bound to another uid, no longer. */
static void reserved_ones_come_first(void)
{
	static const char bound[] = VOLUME("kept", "30Gi", RWO,
					   ",\"claimRef\":{\"namespace\":\"d\",\"name\":"
					   "\"claim\",\"uid\":\"u2\"}");
	static const char free_one[] = VOLUME("kept", "30Gi", RWO,
					      ",\"claimRef\":{\"namespace\":\"d\",\"name\":"
					      "\"claim\"}");
	struct volume_index *index = volume_index_new(NULL);
	auto_object claim = object_of(CLAIM("1Gi", RWO, ",\"storageClassName\":\"else\""));
	auto_object reserved = object_of(free_one);
	auto_object taken = object_of(bound);

	volume_index_note(index, NULL, reserved);
	CHECK(str_is(volume_index_match(index, claim, true), "kept"));
	CHECK(str_is(volume_index_of(index, STR("d/claim")), "kept"));
	CHECK(volume_index_is_for(reserved, claim));
	volume_index_note(index, reserved, taken);
	CHECK_INT(volume_index_match(index, claim, false).len, 0);
	CHECK(!volume_index_is_for(taken, claim));
	volume_index_note(index, taken, NULL);
	CHECK_INT(volume_index_of(index, STR("d/claim")).len, 0);
	volume_index_free(index);
}

static void says_what_is_wrong(void)
{
	static const struct {
		const char *claim, *why;
	} rows[] = {
		{ CLAIM("2Gi", RWO, ",\"storageClassName\":\"c\""), "requested PV is too small" },
		{ CLAIM("1Gi", RWO, ""), "storageClassName does not match" },
		{ CLAIM("1Gi", RWO, ",\"storageClassName\":\"c\",\"volumeMode\":\"Block\""),
		  "incompatible volumeMode" },
		{ CLAIM("1Gi", RWX, ",\"storageClassName\":\"c\""), "incompatible accessMode" },
		{ CLAIM("1Gi", RWO, ",\"storageClassName\":\"c\""), NULL },
	};
	auto_object volume = object_of(volumes[1]);

	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		auto_object claim = object_of(rows[i].claim);
		const char *why = volume_index_mismatch(volume, claim);

		CHECK_STR(why ? why : "fine", rows[i].why ? rows[i].why : "fine");
	}
}

static const struct test tests[] = {
	{ "finds the smallest that fits", finds_the_smallest_that_fits },
	{ "reserved ones come first", reserved_ones_come_first },
	{ "says what is wrong", says_what_is_wrong },
};
TEST_MAIN(tests)
