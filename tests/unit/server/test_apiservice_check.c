/*
 * test_apiservice_check.c - the condition Available: what the objects say, and when it is written.
 */
#include "server/control/apiservice_check.h"

#include "tests/unit/harness.h"

#define SERVICE "{\"namespace\":\"n\",\"name\":\"s\",\"port\":443}"
#define OBJECT                                                                                     \
	"{\"spec\":{\"type\":\"ClusterIP\",\"ports\":[{\"port\":80,\"name\":\"web\"},{\"port\":"   \
	"443,\"name\":\"api\"}]}}"
#define READY                                                                                      \
	"{\"subsets\":[{\"addresses\":[{\"ip\":\"10.0.0.1\"}],\"ports\":[{\"name\":\"api\","       \
	"\"port\":1}]}]}"

static struct json_doc *parse(const char *text)
{
	struct json_doc *doc = NULL;
	struct error err;

	if (text)
		CHECK_OK(json_parse(str_of(text), &doc, NULL, &err), &err);
	return doc;
}

static const struct json *root(const struct json_doc *doc)
{
	return doc ? json_root(doc) : NULL;
}

/* Goal: the real aggregator's reasons and words, in its order; NULL: the server is asked. */
static void objects(void)
{
	static const struct {
		const char *service, *object, *endpoints, *reason, *message;
	} rows[] = {
		{ SERVICE, NULL, NULL, "ServiceNotFound", "service/s in \"n\" is not present" },
		{ "{\"namespace\":\"n\",\"name\":\"s\",\"port\":444}", OBJECT, READY,
		  "ServicePortError", "service/s in \"n\" is not listening on port 444" },
		{ SERVICE, OBJECT, NULL, "EndpointsNotFound",
		  "cannot find endpoints for service/s in \"n\"" },
		{ SERVICE, OBJECT, "{}", "MissingEndpoints",
		  "endpoints for service/s in \"n\" have no addresses with port name \"api\"" },
		{ SERVICE, OBJECT,
		  "{\"subsets\":[{\"notReadyAddresses\":[{\"ip\":\"10.0.0.1\"}],\"ports\":[{"
		  "\"name\":"
		  "\"api\"}]},{\"addresses\":[{\"ip\":\"10.0.0.2\"}],\"ports\":[{\"name\":\"web\"}]"
		  "}]}",
		  "MissingEndpoints",
		  "endpoints for service/s in \"n\" have no addresses with port name \"api\"" },
		{ SERVICE, OBJECT, READY, NULL, NULL },
		{ "{\"namespace\":\"n\",\"name\":\"s\"}", OBJECT, READY, NULL, NULL },
		{ SERVICE, "{\"spec\":{\"type\":\"ExternalName\"}}", NULL, NULL, NULL },
	};

	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		auto_json_doc service = parse(rows[i].service);
		auto_json_doc object = parse(rows[i].object);
		auto_json_doc endpoints = parse(rows[i].endpoints);
		struct apiservice_verdict verdict = { .message = BUF_INIT };

		CHECK_INT(apiservice_check(root(service), root(object), root(endpoints), &verdict),
			  rows[i].reason == NULL);
		CHECK_STR(verdict.reason, rows[i].reason);
		CHECK_STR(buf_text(&verdict.message), rows[i].message ? rows[i].message : "");
		CHECK(!verdict.available);
		buf_clear(&verdict.message);
	}
}

/* Goal: nothing is written that is so already; the time is that of the last change of the status;
 * others' conditions stay. */
static void conditions(void)
{
	auto_json_doc doc = json_doc_new();
	auto_json_doc same = parse(
		"{\"conditions\":[{\"type\":\"Available\",\"status\":\"True\","
		"\"lastTransitionTime\":"
		"\"2020-01-01T00:00:00Z\",\"reason\":\"Local\",\"message\":\"Local APIServices are "
		"always available\"}]}");
	auto_json_doc passed = parse("{\"conditions\":[{\"type\":\"Available\",\"status\":\"True\","
				     "\"lastTransitionTime\":"
				     "\"2020-01-01T00:00:00Z\",\"reason\":\"Passed\",\"message\":"
				     "\"x\"},{\"type\":\"Mine\"}]}");
	auto_json_doc failed = parse(
		"{\"conditions\":[{\"type\":\"Available\",\"status\":\"False\","
		"\"lastTransitionTime\":"
		"\"2020-01-01T00:00:00Z\",\"reason\":\"ServiceNotFound\",\"message\":\"x\"}]}");
	struct apiservice_verdict verdict = { .message = BUF_INIT };
	struct json *list;
	auto_buf text = BUF_INIT;

	apiservice_is_local(&verdict);
	CHECK(!apiservice_conditions(json_root(same), &verdict, doc));
	list = apiservice_conditions(json_root(passed), &verdict, doc);
	json_print(list, &text);
	CHECK_STR(
		buf_text(&text),
		"[{\"type\":\"Mine\"},{\"type\":\"Available\",\"status\":\"True\","
		"\"lastTransitionTime\":\"2020-01-01T00:00:00Z\",\"reason\":\"Local\",\"message\":"
		"\"Local APIServices are always available\"}]");
	list = apiservice_conditions(json_root(failed), &verdict, doc);
	CHECK(!str_starts(json_str(json_get(json_at(list, 0), "lastTransitionTime")),
			  STR("2020-")));
	CHECK_INT(json_count(apiservice_conditions(NULL, &verdict, doc)), 1);
	buf_clear(&verdict.message);
}

static const struct test tests[] = {
	{ "objects", objects },
	{ "conditions", conditions },
};
TEST_MAIN(tests)
