/*
 * test_recorder.c - what becomes an event, what is counted up, what is held back.
 */
#include "agent/recorder.h"

#include "tests/unit/agent/agent_fixture.h"
#include "tests/unit/harness.h"

struct scene {
	struct loop *loop;
	struct fixture_api api;
	struct recorder *recorder;
	struct json_doc *pod;
	struct recorder_about about;
};

static void scene_open(struct scene *scene, const char *pod)
{
	struct error err;

	*scene = (struct scene){ .pod = fixture_json(pod) };
	CHECK_OK(loop_open(&scene->loop, &err), &err);
	fixture_api_open(&scene->api, scene->loop);
	scene->recorder = recorder_new(scene->api.client, "n1");
	scene->about = (struct recorder_about){ .object = json_root(scene->pod),
						.kind = "Pod",
						.api_version = "v1",
						.field_path = "spec.containers{web}" };
}

static void scene_close(struct scene *scene)
{
	recorder_free(scene->recorder);
	fixture_api_close(&scene->api);
	loop_close(scene->loop);
	json_doc_free(scene->pod);
}

/* What the API was asked last; the line's body as JSON. */
static struct json_doc *last_body(struct scene *scene, struct str *out_head)
{
	struct str rest, line = STR_NONE;
	struct json_doc *doc = NULL;
	struct error err;

	fixture_turn(scene->loop, 20);
	rest = buf_str(&scene->api.asked);
	while (rest.len > 0)
		line = str_cut(&rest, '\n');
	CHECK(line.len > 0);
	*out_head = str_from(line.at, (size_t)str_search(line, STR(" {")));
	CHECK_OK(json_parse(str_from(line.at + out_head->len, line.len - out_head->len), &doc, NULL,
			    &err),
		 &err);
	return doc;
}

#define POD "{'metadata':{'name':'web','namespace':'shop','uid':'u-1'}}"

static void check_text(const struct json *event, const char *field, const char *want)
{
	auto_free char *have = str_copy(json_str(json_get(event, field)));

	CHECK_STR(have, want);
}

static void the_first_is_made(void)
{
	struct scene scene;
	auto_json_doc doc = NULL;
	const struct json *event;
	struct str head;

	scene_open(&scene, POD);
	recorder_emit(scene.recorder, &scene.about, "Warning", "Failed", "it is %d", 5);
	doc = last_body(&scene, &head);
	event = json_root(doc);
	CHECK(str_is(head, "POST /api/v1/namespaces/shop/events"));
	CHECK(str_starts(meta_str(event, "name"), STR("web.")));
	check_text(event, "type", "Warning");
	check_text(event, "reason", "Failed");
	check_text(event, "message", "it is 5");
	check_text(json_get(event, "involvedObject"), "uid", "u-1");
	check_text(json_get(event, "involvedObject"), "fieldPath", "spec.containers{web}");
	check_text(json_get(event, "source"), "host", "n1");
	CHECK_INT(json_int(json_get(event, "count")), 1);
	scene_close(&scene);
}

static void the_same_is_counted(void)
{
	struct scene scene;
	auto_json_doc doc = NULL;
	struct str head;

	scene_open(&scene, POD);
	for (int i = 0; i < 3; i++)
		recorder_emit(scene.recorder, &scene.about, "Normal", "Pulled", "again");
	doc = last_body(&scene, &head);
	CHECK(str_starts(head, STR("PATCH /api/v1/namespaces/shop/events/web.")));
	CHECK_INT(json_int(json_get(json_root(doc), "count")), 3);
	CHECK_INT(scene.api.calls, 3);
	scene_close(&scene);
}

static void others_are_made(void)
{
	struct scene scene;

	scene_open(&scene, POD);
	recorder_emit(scene.recorder, &scene.about, "Normal", "Pulled", "a");
	recorder_emit(scene.recorder, &scene.about, "Normal", "Pulled", "b");
	recorder_emit(scene.recorder, &scene.about, "Normal", "Failed", "b");
	scene.about.field_path = "";
	recorder_emit(scene.recorder, &scene.about, "Normal", "Failed", "b");
	fixture_turn(scene.loop, 20);
	CHECK(str_search(buf_str(&scene.api.asked), STR("PATCH")) < 0);
	CHECK_INT(scene.api.calls, 4);
	scene_close(&scene);
}

/* A thing that will not be quiet writes no server's disk full: 25 at once, then seldom. */
static void noise_is_held_back(void)
{
	struct scene scene;

	scene_open(&scene, POD);
	for (int i = 0; i < 500; i++)
		recorder_emit(scene.recorder, &scene.about, "Warning", "Unhealthy", "%d", i % 50);
	fixture_turn(scene.loop, 300);
	CHECK_INT(scene.api.calls, 25);
	scene_close(&scene);
}

/* What a container printed may be anything; an event's text may not. */
static void odd_bytes_are_replaced(void)
{
	static const struct {
		const char *text, *want;
	} rows[] = {
		{ "\303\251", "\303\251" },
		{ "a\377b", "a?b" },
		{ "\303", "?" },
		{ "\342\202", "??" },
		{ "\342\202\254x", "\342\202\254x" },
		{ "\300\200z", "??z" },
		{ "tab\tnew\n", "tab\tnew\n" },
	};
	struct scene scene;

	scene_open(&scene, POD);
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		auto_json_doc doc = NULL;
		struct str head;

		recorder_emit(scene.recorder, &scene.about, "Normal", "Said", "%s", rows[i].text);
		doc = last_body(&scene, &head);
		check_text(json_root(doc), "message", rows[i].want);
	}
	scene_close(&scene);
}

static void long_texts_are_cut(void)
{
	struct scene scene;
	auto_json_doc doc = NULL;
	auto_buf text = BUF_INIT;
	struct str head, message;

	for (int i = 0; i < 1000; i++)
		buf_add_text(&text, "\342\202\254");
	scene_open(&scene, POD);
	recorder_emit(scene.recorder, &scene.about, "Normal", "Said", "%s", buf_text(&text));
	doc = last_body(&scene, &head);
	message = json_str(json_get(json_root(doc), "message"));
	CHECK(message.len > 1000 && message.len <= 1024);
	CHECK(str_is_utf8(message));
	scene_close(&scene);
}

static void names_fit(void)
{
	auto_free char *name = memory_zero(254);
	auto_free char *pod = NULL;
	struct scene scene;
	auto_json_doc doc = NULL;
	struct str head;

	memset(name, 'p', 253);
	pod = memory_print("{'metadata':{'name':'%s','uid':'u-1'}}", name);
	scene_open(&scene, pod);
	recorder_emit(scene.recorder, &scene.about, "Normal", "Said", "x");
	doc = last_body(&scene, &head);
	CHECK(str_is(head, "POST /api/v1/namespaces/default/events")); /* of nodes, too */
	CHECK_INT(meta_str(json_root(doc), "name").len, 253);
	scene_close(&scene);
}

static void many_objects_are_forgotten(void)
{
	struct scene scene;

	scene_open(&scene, POD);
	for (int i = 0; i < 2000; i++) {
		auto_free char *text = memory_print("{'metadata':{'name':'p','uid':'%d'}}", i);
		auto_json_doc doc = fixture_json(text);

		scene.about.object = json_root(doc);
		recorder_emit(scene.recorder, &scene.about, "Normal", "Said", "x");
		if (i % 50 == 0)
			fixture_turn(scene.loop, 20);
	}
	fixture_turn(scene.loop, 50);
	CHECK_INT(scene.api.calls, 2000);
	scene_close(&scene);
}

static const struct test tests[] = {
	{ "the first is made", the_first_is_made },
	{ "the same is counted", the_same_is_counted },
	{ "others are made", others_are_made },
	{ "noise is held back", noise_is_held_back },
	{ "odd bytes are replaced", odd_bytes_are_replaced },
	{ "long texts are cut", long_texts_are_cut },
	{ "names fit", names_fit },
	{ "many objects are forgotten", many_objects_are_forgotten },
};

TEST_MAIN(tests)
