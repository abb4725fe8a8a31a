/*
 * test_pulse.c - which updates are heartbeats only.
 */
#include "api/pulse.h"
#include "tests/unit/harness.h"

static const char *const paths[] = { "spec.renewTime", "status.conditions.*.lastHeartbeatTime",
				     NULL };

static bool check(const char *before, const char *after)
{
	auto_json_doc a = NULL;
	auto_json_doc b = NULL;
	struct error err;

	CHECK(json_parse(str_of(before), &a, NULL, &err));
	CHECK(json_parse(str_of(after), &b, NULL, &err));
	return pulse_check(json_root(a), json_root(b), paths);
}

static void heartbeats(void)
{
	CHECK(check("{}", "{}"));
	CHECK(check(
		"{\"metadata\":{\"name\":\"a\",\"resourceVersion\":\"1\"},\"spec\":{\"renewTime\":"
		"\"1\",\"h\":1}}",
		"{\"metadata\":{\"name\":\"a\",\"resourceVersion\":\"2\"},\"spec\":{\"renewTime\":"
		"\"2\",\"h\":1}}"));
	CHECK(check("{\"metadata\":{\"managedFields\":[{\"time\":\"1\"}]},\"spec\":{}}",
		    "{\"metadata\":{\"managedFields\":[{\"time\":\"2\"}]},\"spec\":{"
		    "\"renewTime\":\"2\"}}"));
	CHECK(check("{\"spec\":{\"h\":1}}", "{\"spec\":{\"h\":1,\"renewTime\":\"2\"}}"));
	CHECK(check(
		"{\"status\":{\"conditions\":[{\"type\":\"A\",\"lastHeartbeatTime\":1},{\"type\":"
		"\"B\",\"lastHeartbeatTime\":1}]}}",
		"{\"status\":{\"conditions\":[{\"type\":\"A\",\"lastHeartbeatTime\":2},{\"type\":"
		"\"B\",\"lastHeartbeatTime\":3}]}}"));
}

static void others(void)
{
	static const char *const pairs[][2] = {
		{ "{\"spec\":{\"h\":1,\"renewTime\":1}}", "{\"spec\":{\"h\":2,\"renewTime\":1}}" },
		{ "{\"spec\":{\"h\":1,\"renewTime\":1}}", "{\"spec\":{\"h\":1,\"x\":1}}" },
		{ "{\"spec\":{\"h\":1,\"x\":1}}", "{\"spec\":{\"h\":1,\"renewTime\":1}}" },
		{ "{\"spec\":{\"renewTime\":1}}", "{}" },
		/* The same words elsewhere count. */
		{ "{\"metadata\":{\"labels\":{\"renewTime\":\"1\"}}}",
		  "{\"metadata\":{\"labels\":{\"renewTime\":\"2\"}}}" },
		{ "{\"metadata\":{\"labels\":{\"resourceVersion\":\"1\"}}}",
		  "{\"metadata\":{\"labels\":{\"resourceVersion\":\"2\"}}}" },
		{ "{\"status\":{\"conditions\":[{\"status\":1,\"lastHeartbeatTime\":1}]}}",
		  "{\"status\":{\"conditions\":[{\"status\":2,\"lastHeartbeatTime\":1}]}}" },
		{ "{\"status\":{\"conditions\":[{\"lastHeartbeatTime\":1}]}}",
		  "{\"status\":{\"conditions\":[]}}" },
		{ "{\"status\":{\"conditions\":[]}}",
		  "{\"status\":{\"conditions\":[{\"lastHeartbeatTime\":1}]}}" },
	};

	for (size_t i = 0; i < ARRAY_LENGTH(pairs); i++)
		CHECK(!check(pairs[i][0], pairs[i][1]));
}

/* Goal: who claims fields without changing them is remembered as any other write is. */
static void claims(void)
{
	static const char *const renewed[] = { "spec.renewTime", NULL };
	auto_json_doc before = NULL;
	auto_json_doc claimed = NULL;
	auto_json_doc beaten = NULL;
	struct error err;

	CHECK(json_parse(STR("{\"metadata\":{\"managedFields\":[]},\"spec\":{\"renewTime\":1}}"),
			 &before, NULL, &err));
	CHECK(json_parse(STR("{\"metadata\":{\"managedFields\":[1]},\"spec\":{\"renewTime\":1}}"),
			 &claimed, NULL, &err));
	CHECK(json_parse(STR("{\"metadata\":{\"managedFields\":[1]},\"spec\":{\"renewTime\":2}}"),
			 &beaten, NULL, &err));
	CHECK(!pulse_beats(json_root(before), json_root(claimed), renewed));
	CHECK(pulse_beats(json_root(before), json_root(beaten), renewed));
	CHECK(pulse_beats(json_root(claimed), json_root(beaten), renewed));
}

static const struct test tests[] = {
	{ "heartbeats", heartbeats },
	{ "others", others },
	{ "claims", claims },
};
TEST_MAIN(tests)
