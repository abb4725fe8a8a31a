/*
 * test_apply.c - server-side apply, case by case: a story of applies and updates, then the object
 * and who owns what.
 */
#include "api/apply.h"

#include "api/kind.h"
#include "api/object.h"
#include "api/typed.h"
#include "tests/unit/harness.h"

struct story {
	struct arena *arena;
	const struct type *type;
	const struct kind *kind;
	struct json_doc *doc;
	struct json *live;       /* NULL: not made yet */
	int minute;              /* of the next step */
	const char *subresource; /* that is written; NULL: the object */
	struct error err;
	struct field_errors conflicts;
};

static struct json *parse(struct story *story, const char *text)
{
	struct json_doc *doc;
	struct error err;
	struct json *copy;

	CHECK_OK(json_parse(str_of(text), &doc, NULL, &err), &err);
	copy = json_clone(story->doc, json_root(doc));
	json_doc_free(doc);
	return copy;
}

static void begin(struct story *story, const char *version, const char *kind)
{
	*story = (struct story){
		.arena = arena_new(),
		.doc = json_doc_new(),
		.kind = kind_find_name(str_of(version), str_of(kind)),
	};
	CHECK(story->kind);
	story->type = kind_type(story->kind);
	story->conflicts.arena = story->arena;
}

static void end(struct story *story)
{
	arena_free(story->arena);
	json_doc_free(story->doc);
}

static struct managed_actor actor(struct story *story, const char *manager)
{
	struct managed_actor made = {
		.manager = str_of(manager),
		.now = str_of(arena_print(story->arena, "2026-01-01T00:%02d:00Z", story->minute++)),
		.subresource = str_of(story->subresource ? story->subresource : ""),
	};
	auto_buf version = BUF_INIT;

	kind_api_version(story->kind, &version);
	made.api_version = str_of(arena_string(story->arena, version.at, version.len));
	fields_append(&made.ignored, story->arena, fields_name(STR("status")), true, NULL);
	return made;
}

static bool run_apply(struct story *story, const char *manager, const char *config, bool force)
{
	struct apply apply = {
		.type = story->type,
		.actor = actor(story, manager),
		.force = force,
		.live = story->live,
		.config = parse(story, config),
		.arena = story->arena,
	};
	struct json *made;

	story->conflicts.count = 0;
	if (!apply_check(story->kind, apply.config, &story->err) ||
	    !apply_run(&apply, story->doc, &made, &story->conflicts, &story->err))
		return false;
	story->live = made;
	return true;
}

static void apply(struct story *story, const char *manager, const char *config)
{
	if (!run_apply(story, manager, config, false))
		harness_fail(__FILE__, __LINE__, "%s", story->err.text);
}

/* A plain write: the whole object as it shall be. */
static void update(struct story *story, const char *manager, const char *object)
{
	struct managed_actor who = actor(story, manager);
	struct json *new = parse(story, object);
	struct managed managed;

	CHECK_OK(managed_parse(json_get(meta_of(story->live), "managedFields"), story->arena,
			       &managed, &story->err),
		 &story->err);
	managed_update(&managed, &who, story->type, story->live, new, story->arena);
	json_put(story->doc, json_sub_object(story->doc, new, "metadata"), "managedFields",
		 managed_print(&managed, story->doc));
	story->live = new;
}

/* The object without metadata.managedFields. */
static void expect_object(struct story *story, const char *wanted)
{
	struct json *copy = json_clone(story->doc, story->live);
	auto_buf text = BUF_INIT;

	json_remove(meta_of(copy), STR("managedFields"));
	json_print(copy, &text);
	CHECK_STR(buf_text(&text), wanted);
}

/* "manager operation[/subresource]@minute fieldsV1" a line. */
static void expect_owners(struct story *story, const char *wanted)
{
	auto_buf text = BUF_INIT;

	for (struct json_iter it = json_iter(json_get(meta_of(story->live), "managedFields"));
	     json_next(&it);) {
		struct str time = json_str(json_get(it.value, "time"));

		buf_add_print(&text, STR_FMT " " STR_FMT "@" STR_FMT " ",
			      STR_ARG(json_str(json_get(it.value, "manager"))),
			      STR_ARG(json_str(json_get(it.value, "operation"))), 2, time.at + 14);
		json_print(json_get(it.value, "fieldsV1"), &text);
		buf_add_byte(&text, '\n');
	}
	CHECK_STR(buf_text(&text), wanted);
}

#define CM(rest)                                                                                   \
	"{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"c\"}" rest "}"
#define DATA(map) CM(",\"data\":{" map "}")

/* Goal: entries of a map belong to who said them; what a manager no longer says goes. */
static void maps_go_entry_by_entry(void)
{
	struct story s;

	begin(&s, "v1", "ConfigMap");
	apply(&s, "one", DATA("\"a\":\"1\",\"b\":\"1\""));
	expect_owners(&s, "one Apply@00 {\"f:data\":{\"f:a\":{},\"f:b\":{}}}\n");
	apply(&s, "two", DATA("\"c\":\"2\""));
	expect_object(&s, DATA("\"a\":\"1\",\"b\":\"1\",\"c\":\"2\""));
	expect_owners(&s, "one Apply@00 {\"f:data\":{\"f:a\":{},\"f:b\":{}}}\n"
			  "two Apply@01 {\"f:data\":{\"f:c\":{}}}\n");
	apply(&s, "one", DATA("\"b\":\"1\""));
	expect_object(&s, DATA("\"b\":\"1\",\"c\":\"2\""));
	expect_owners(&s, "two Apply@01 {\"f:data\":{\"f:c\":{}}}\n"
			  "one Apply@02 {\"f:data\":{\"f:b\":{}}}\n");
	end(&s);
}

/* Goal: the same again changes nothing, not even the time. */
static void the_same_again_is_nothing(void)
{
	struct story s;

	begin(&s, "v1", "ConfigMap");
	apply(&s, "one", DATA("\"a\":\"1\""));
	apply(&s, "one", DATA("\"a\":\"1\""));
	expect_owners(&s, "one Apply@00 {\"f:data\":{\"f:a\":{}}}\n");
	apply(&s, "one", DATA("\"a\":\"2\""));
	expect_owners(&s, "one Apply@02 {\"f:data\":{\"f:a\":{}}}\n");
	end(&s);
}

/* Goal: another value is a conflict, the same value is shared, force takes. */
static void conflicts_are_told(void)
{
	struct story s;

	begin(&s, "v1", "ConfigMap");
	apply(&s, "one", DATA("\"a\":\"1\",\"b\":\"1\""));
	apply(&s, "two", DATA("\"a\":\"1\""));
	expect_owners(&s, "one Apply@00 {\"f:data\":{\"f:a\":{},\"f:b\":{}}}\n"
			  "two Apply@01 {\"f:data\":{\"f:a\":{}}}\n");
	CHECK(!run_apply(&s, "two", DATA("\"a\":\"2\""), false));
	CHECK_INT(s.err.kind, ERROR_CONFLICT);
	CHECK_STR(s.err.text, "Apply failed with 1 conflict: conflict with \"one\": .data.a");
	CHECK_STR(s.conflicts.items[0].path, ".data.a");
	CHECK_STR(s.conflicts.items[0].detail, "conflict with \"one\"");
	update(&s, "pusher", DATA("\"a\":\"1\",\"b\":\"3\",\"d\":\"3\""));
	CHECK(!run_apply(&s, "two", DATA("\"a\":\"2\",\"b\":\"2\",\"d\":\"4\""), false));
	CHECK_STR(s.err.text,
		  "Apply failed with 3 conflicts: conflicts with \"one\":\n- .data.a\nconflicts "
		  "with \"pusher\" using v1:\n- .data.b\n- .data.d");
	CHECK(run_apply(&s, "two", DATA("\"a\":\"2\",\"b\":\"2\",\"d\":\"4\""), true));
	expect_owners(&s, "two Apply@05 {\"f:data\":{\"f:a\":{},\"f:b\":{},\"f:d\":{}}}\n");
	/* Shared: one leaves it, it stays. */
	apply(&s, "one", DATA("\"a\":\"2\""));
	apply(&s, "two", CM(""));
	expect_object(&s, DATA("\"a\":\"2\""));
	apply(&s, "one", CM(""));
	expect_object(&s, CM(""));
	end(&s);
}

#define DEPLOY(spec)                                                                               \
	"{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"metadata\":{\"name\":\"w\"},"       \
	"\"spec\":{" spec "}}"
#define PODS(spec) DEPLOY("\"template\":{\"spec\":{" spec "}}")

/* Goal: lists by keys, also two keys with a default in one of them. */
static void lists_by_keys(void)
{
	struct story s;

	begin(&s, "apps/v1", "Deployment");
	apply(&s, "one",
	      PODS("\"containers\":[{\"name\":\"a\",\"image\":\"x\",\"ports\":"
		   "[{\"containerPort\":443},{\"containerPort\":80}]}]"));
	expect_owners(&s, "one Apply@00 {\"f:spec\":{\"f:template\":{\"f:spec\":{\"f:containers\":{"
			  "\"k:{\\\"name\\\":\\\"a\\\"}\":{\".\":{},\"f:image\":{},\"f:name\":{},"
			  "\"f:ports\":{"
			  "\"k:{\\\"containerPort\\\":80,\\\"protocol\\\":\\\"TCP\\\"}\":"
			  "{\".\":{},\"f:containerPort\":{}},"
			  "\"k:{\\\"containerPort\\\":443,\\\"protocol\\\":\\\"TCP\\\"}\":"
			  "{\".\":{},\"f:containerPort\":{}}}}}}}}}\n");
	/* The protocol that is the default anyway is the same entry. */
	apply(&s, "two",
	      PODS("\"containers\":[{\"name\":\"b\",\"image\":\"y\"},{\"name\":\"a\","
		   "\"ports\":[{\"containerPort\":80,\"protocol\":\"TCP\",\"name\":"
		   "\"web\"}]}]"));
	expect_object(&s, PODS("\"containers\":[{\"name\":\"b\",\"image\":\"y\"},{\"name\":\"a\","
			       "\"image\":\"x\",\"ports\":[{\"containerPort\":443},"
			       "{\"containerPort\":80,\"protocol\":\"TCP\",\"name\":\"web\"}]}]"));
	CHECK(!run_apply(&s, "two", PODS("\"containers\":[{\"name\":\"a\",\"image\":\"z\"}]"),
			 false));
	CHECK_STR(s.err.text, "Apply failed with 1 conflict: conflict with \"one\": "
			      ".spec.template.spec.containers[name=\"a\"].image");
	/* The entry goes when nobody says it any more, with all that only one said. */
	apply(&s, "two", PODS("\"containers\":[{\"name\":\"a\"}]"));
	expect_object(&s, PODS("\"containers\":[{\"name\":\"a\",\"image\":\"x\",\"ports\":[{"
			       "\"containerPort\":443},{\"containerPort\":80}]}]"));
	apply(&s, "one", DEPLOY("\"replicas\":1"));
	expect_object(&s, "{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"metadata\":{"
			  "\"name\":\"w\"},\"spec\":{\"template\":{\"spec\":{\"containers\":[{"
			  "\"name\":\"a\"}]}},\"replicas\":1}}");
	end(&s);
}

/* Goal: sets by value; atomic lists and maps as a whole. */
static void sets_and_wholes(void)
{
	struct story s;

	begin(&s, "apps/v1", "Deployment");
	apply(&s, "one",
	      "{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"metadata\":{"
	      "\"name\":\"w\",\"finalizers\":[\"x/b\",\"x/a\"]},\"spec\":{\"selector\":{"
	      "\"matchLabels\":{\"a\":\"1\"}},\"template\":{\"spec\":{\"nodeSelector\":{"
	      "\"k\":\"v\"},\"tolerations\":[{\"key\":\"t\"}]}}}}");
	expect_owners(&s, "one Apply@00 {\"f:metadata\":{\"f:finalizers\":{\"v:\\\"x/a\\\"\":{},"
			  "\"v:\\\"x/b\\\"\":{}}},\"f:spec\":{\"f:selector\":{},\"f:template\":{"
			  "\"f:spec\":{\"f:nodeSelector\":{},\"f:tolerations\":{}}}}}\n");
	apply(&s, "two",
	      "{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"metadata\":{"
	      "\"name\":\"w\",\"finalizers\":[\"x/c\"]}}");
	CHECK_INT(json_count(json_get(meta_of(s.live), "finalizers")), 3);
	CHECK(!run_apply(&s, "two",
			 "{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"metadata\":{"
			 "\"name\":\"w\"},\"spec\":{\"selector\":{\"matchLabels\":{\"a\":\"1\","
			 "\"b\":\"2\"}}}}",
			 false));
	CHECK_STR(s.err.text,
		  "Apply failed with 1 conflict: conflict with \"one\": .spec.selector");
	apply(&s, "one", DEPLOY("\"replicas\":2"));
	expect_object(&s, "{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"metadata\":{"
			  "\"name\":\"w\",\"finalizers\":[\"x/c\"]},\"spec\":{\"replicas\":2}}");
	end(&s);
}

/* Goal: a plain write owns what it changed; parts that are always there are not marked. */
static void updates_are_tracked(void)
{
	struct story s;

	begin(&s, "apps/v1", "Deployment");
	update(&s, "kubectl-create",
	       "{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"metadata\":{\"name\":\"w\","
	       "\"uid\":\"u\",\"labels\":{\"app\":\"w\"}},\"spec\":{\"replicas\":1,\"selector\":{"
	       "\"matchLabels\":{\"app\":\"w\"}},\"strategy\":{\"type\":\"RollingUpdate\","
	       "\"rollingUpdate\":{\"maxSurge\":\"25%\"}},\"template\":{\"metadata\":{\"labels\":{"
	       "\"app\":\"w\"}},\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"i\"}],"
	       "\"securityContext\":{}}}},\"status\":{\"replicas\":1}}");
	expect_owners(&s,
		      "kubectl-create Update@00 {\"f:metadata\":{\"f:labels\":{\".\":{},\"f:app\":{"
		      "}}},\"f:spec\":{\"f:replicas\":{},\"f:selector\":{},\"f:strategy\":{"
		      "\"f:rollingUpdate\":{\".\":{},\"f:maxSurge\":{}},\"f:type\":{}},"
		      "\"f:template\":{\"f:metadata\":{\"f:labels\":{\".\":{},\"f:app\":{}}},"
		      "\"f:spec\":{\"f:containers\":{\"k:{\\\"name\\\":\\\"c\\\"}\":{\".\":{},"
		      "\"f:image\":{},\"f:name\":{},\"f:resources\":{}}},\"f:securityContext\":{}}}"
		      "}}\n");
	update(&s, "other",
	       "{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"metadata\":{\"name\":\"w\","
	       "\"uid\":\"u\"},\"spec\":{\"replicas\":3,\"selector\":{"
	       "\"matchLabels\":{\"app\":\"w\"}},\"strategy\":{\"type\":\"Recreate\"},"
	       "\"template\":{\"metadata\":{\"labels\":{\"app\":\"w\"}},\"spec\":{\"containers\":[{"
	       "\"name\":\"c\",\"image\":\"i\"}],\"securityContext\":{}}}},"
	       "\"status\":{\"replicas\":1}}");
	expect_owners(&s,
		      "kubectl-create Update@00 {\"f:spec\":{\"f:selector\":{},\"f:template\":{"
		      "\"f:metadata\":{\"f:labels\":{\".\":{},\"f:app\":{}}},\"f:spec\":{"
		      "\"f:containers\":{\"k:{\\\"name\\\":\\\"c\\\"}\":{\".\":{},\"f:image\":{},"
		      "\"f:name\":{},\"f:resources\":{}}},\"f:securityContext\":{}}}}}\n"
		      "other Update@01 {\"f:spec\":{\"f:replicas\":{},\"f:strategy\":{\"f:type\":{"
		      "}}}}\n");
	end(&s);
}

#define FINALIZERS(list)                                                                           \
	"{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"c\","              \
	"\"finalizers\":[" list "]}}"

/* Goal: what comes twice and then once is his who writes it so. */
static void twice_and_once(void)
{
	struct story s;

	begin(&s, "v1", "ConfigMap");
	update(&s, "one", FINALIZERS("\"x/a\",\"x/a\""));
	update(&s, "two", FINALIZERS("\"x/a\""));
	expect_owners(&s,
		      "one Update@00 {\"f:metadata\":{\"f:finalizers\":{}}}\n"
		      "two Update@01 {\"f:metadata\":{\"f:finalizers\":{\"v:\\\"x/a\\\"\":{}}}}\n");
	end(&s);
}

/* Goal: of one manager's parts those with a subresource are told first. */
static void conflicts_by_subresource(void)
{
	struct story s;

	begin(&s, "v1", "ConfigMap");
	update(&s, "one", DATA("\"a\":\"1\""));
	s.subresource = "other";
	update(&s, "one", DATA("\"a\":\"1\",\"b\":\"1\""));
	s.subresource = NULL;
	CHECK(!run_apply(&s, "two", DATA("\"a\":\"2\",\"b\":\"2\""), false));
	CHECK_STR(
		s.err.text,
		"Apply failed with 2 conflicts: conflicts with \"one\" with subresource \"other\" "
		"using v1:\n- .data.b\nconflicts with \"one\" using v1:\n- .data.a");
	end(&s);
}

/* Goal: more than ten updaters: the oldest become one. */
static void old_updates_become_one(void)
{
	struct story s;
	auto_buf data = BUF_INIT;

	begin(&s, "v1", "ConfigMap");
	for (int i = 0; i < 12; i++) {
		buf_add_print(&data, "%s\"k%02d\":\"v\"", i ? "," : "", i);
		update(&s, arena_print(s.arena, "m%02d", i),
		       arena_print(s.arena, CM(",\"data\":{%s}"), buf_text(&data)));
	}
	CHECK_INT(json_count(json_get(meta_of(s.live), "managedFields")), 10);
	CHECK_STR(json_str(json_get(json_at(json_get(meta_of(s.live), "managedFields"), 0),
				    "manager"))
			  .at,
		  "ancient-changes");
	end(&s);
}

/* Goal: within one second names decide who is older; still there is one heap of old updates, and
 * nothing in it is lost. */
static void old_updates_go_into_one_heap(void)
{
	struct story s;
	auto_buf data = BUF_INIT, wanted = BUF_INIT;

	begin(&s, "v1", "ConfigMap");
	for (int i = 0; i < 14; i++) {
		s.minute = 0;
		buf_add_print(&data, "%s\"k%02d\":\"v\"", i ? "," : "", i);
		update(&s, arena_print(s.arena, "a%02d", i),
		       arena_print(s.arena, CM(",\"data\":{%s}"), buf_text(&data)));
	}
	buf_add_text(&wanted, "a02 Update@00 {\"f:data\":{\"f:k02\":{}}}\n");
	for (int i = 6; i < 14; i++)
		buf_add_print(&wanted, "a%02d Update@00 {\"f:data\":{\"f:k%02d\":{}}}\n", i, i);
	buf_add_text(&wanted, "ancient-changes Update@00 {\"f:data\":{\".\":{},\"f:k00\":{},"
			      "\"f:k01\":{},\"f:k03\":{},\"f:k04\":{},\"f:k05\":{}}}\n");
	expect_owners(&s, buf_text(&wanted));
	end(&s);
}

/* Goal: what was there before the first apply is somebody's. */
static void before_the_first_apply(void)
{
	struct story s;

	begin(&s, "v1", "ConfigMap");
	s.live = parse(&s, DATA("\"a\":\"1\""));
	CHECK(!run_apply(&s, "one", DATA("\"a\":\"2\",\"b\":\"1\""), false));
	CHECK_STR(s.err.text, "Apply failed with 1 conflict: conflict with "
			      "\"before-first-apply\" using v1: .data.a");
	apply(&s, "one", DATA("\"b\":\"1\""));
	expect_owners(&s, "one Apply@01 {\"f:data\":{\"f:b\":{}}}\n"
			  "before-first-apply Update@01 {\"f:data\":{\".\":{},\"f:a\":{}}}\n");
	end(&s);
}

#define NOTE(text)                                                                                 \
	"{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"c\","              \
	"\"annotations\":{\"kubectl.kubernetes.io/last-applied-configuration\":" text "}},"        \
	"\"data\":{\"a\":\"1\",\"b\":\"1\"}}"

/* Goal: kubectl may take over what it applied from its own side, and the note follows. */
static void kubectls_note_is_followed(void)
{
	static const char note[] =
		"\"{\\\"apiVersion\\\":\\\"v1\\\",\\\"kind\\\":\\\"ConfigMap\\\","
		"\\\"metadata\\\":{\\\"name\\\":\\\"c\\\"},\\\"data\\\":{\\\"a\\\":\\\"1\\\"}}\"";
	struct story s;

	begin(&s, "v1", "ConfigMap");
	update(&s, "kubectl-client-side-apply", arena_print(s.arena, NOTE("%s"), note));
	CHECK(!run_apply(&s, "helm", DATA("\"a\":\"2\""), false));
	CHECK(!run_apply(&s, "kubectl", DATA("\"a\":\"2\",\"b\":\"2\""), false));
	CHECK_STR(s.err.text, "Apply failed with 1 conflict: conflict with "
			      "\"kubectl-client-side-apply\" using v1: .data.b");
	apply(&s, "kubectl", DATA("\"a\":\"2\""));
	CHECK_STR(str_copy_arena(meta_annotation(s.live, "kubectl.kubernetes.io/"
							 "last-applied-configuration"),
				 s.arena),
		  DATA("\"a\":\"2\"") "\n");
	end(&s);
}

static void refused(const char *version, const char *kind, const char *config,
		    enum error_kind wanted, const char *text)
{
	struct story s;

	begin(&s, version, kind);
	CHECK(!run_apply(&s, "one", config, false));
	CHECK_INT(s.err.kind, wanted);
	CHECK_STR(s.err.text, text);
	end(&s);
}

/* Goal: what the types refuse, in the words of the real server. */
static void bad_configurations(void)
{
#define TYPED "failed to create typed patch object (/w; apps/v1, Kind=Deployment): "
	refused("apps/v1", "Deployment", DEPLOY("\"foo\":1"), ERROR_PLAIN,
		TYPED ".spec.foo: field not declared in schema");
	refused("apps/v1", "Deployment", PODS("\"containers\":[{\"name\":\"c\"},{\"name\":\"c\"}]"),
		ERROR_PLAIN,
		TYPED ".spec.template.spec.containers: duplicate entries for key [name=\"c\"]");
	refused("v1", "ServiceAccount",
		"{\"apiVersion\":\"v1\",\"kind\":\"ServiceAccount\",\"metadata\":{\"name\":\"c\"},"
		"\"secrets\":[{\"namespace\":\"n\"}]}",
		ERROR_PLAIN,
		"failed to create typed patch object (/c; /v1, Kind=ServiceAccount): .secrets: "
		"element 0: associative list with keys has an element that omits key field "
		"\"name\" (and doesn't have default value)");
	refused("apps/v1", "Deployment",
		PODS("\"containers\":[{\"image\":\"c\"},{\"image\":\"d\"}]"), ERROR_PLAIN,
		TYPED ".spec.template.spec.containers: duplicate entries for key [name=\"\"]");
	refused("v1", "ConfigMap",
		"{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"c\","
		"\"creationTimestamp\":[]}}",
		ERROR_PLAIN,
		"failed to create typed patch object (/c; /v1, Kind=ConfigMap): "
		".metadata.creationTimestamp: expected any scalar, got &{[]}");
	refused("apps/v1", "Deployment", DEPLOY("\"replicas\":\"x\",\"paused\":\"y\""), ERROR_PLAIN,
		TYPED "errors:\n  .spec.replicas: expected numeric (int or float), got string\n"
		      "  .spec.paused: expected boolean, got &{y}");
	refused("v1", "ConfigMap", DATA("\"a\":1"), ERROR_PLAIN,
		"failed to create typed patch object (/c; /v1, Kind=ConfigMap): .data.a: expected "
		"string, got &value.valueUnstructured{Value:1}");
	refused("v1", "ConfigMap", CM(",\"data\":[\"a\"]"), ERROR_PLAIN,
		"failed to create typed patch object (/c; /v1, Kind=ConfigMap): .data: expected "
		"map, got &{[a]}");
	refused("v1", "ConfigMap", "{\"apiVersion\":\"v2\",\"kind\":\"ConfigMap\"}",
		ERROR_BAD_REQUEST, "invalid object type: /v2, Kind=ConfigMap");
	refused("v1", "ConfigMap", "{}", ERROR_BAD_REQUEST, "invalid object type: /, Kind=");
	refused("v1", "ConfigMap",
		"{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"c\","
		"\"managedFields\":[]}}",
		ERROR_BAD_REQUEST, "metadata.managedFields must be nil");
}

static const struct test tests[] = {
	{ "maps go entry by entry", maps_go_entry_by_entry },
	{ "the same again is nothing", the_same_again_is_nothing },
	{ "conflicts are told", conflicts_are_told },
	{ "lists by keys", lists_by_keys },
	{ "sets and wholes", sets_and_wholes },
	{ "updates are tracked", updates_are_tracked },
	{ "twice and once", twice_and_once },
	{ "conflicts by subresource", conflicts_by_subresource },
	{ "old updates become one", old_updates_become_one },
	{ "old updates go into one heap", old_updates_go_into_one_heap },
	{ "before the first apply", before_the_first_apply },
	{ "kubectl's note is followed", kubectls_note_is_followed },
	{ "bad configurations", bad_configurations },
};
TEST_MAIN(tests)
