/*
 * agent_fixture.c - JSON, kept sources, an API in memory.
 */
#include "tests/unit/agent/agent_fixture.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/map.h"
#include "net/hash.h"
#include "tests/unit/harness.h"

static void add_quoted(struct buf *out, const char *text)
{
	for (; *text; text++)
		buf_add_byte(out, *text == '\'' ? '"' : *text);
}

struct json_doc *fixture_json(const char *text)
{
	auto_buf plain = BUF_INIT;
	struct json_doc *doc = NULL;
	struct error err;

	add_quoted(&plain, text);
	CHECK_OK(json_parse(buf_str(&plain), &doc, NULL, &err), &err);
	return doc;
}

char *fixture_path(const char *name)
{
	return memory_print("%s/%s", harness_folder(), name);
}

char *fixture_read(const char *path)
{
	auto_buf text = BUF_INIT;
	struct error ignored;

	return file_read(path, 1u << 24, &text, &ignored) ? buf_take(&text) : NULL;
}

void fixture_write(const char *path, const char *text)
{
	struct error err;

	CHECK_OK(file_replace(path, str_of(text), 0644, &err), &err);
}

void fixture_keep(const char *folder, const char *kind, const char *name, int64_t seconds,
		  const char *text)
{
	int type = strcmp(kind, "ConfigMap") == 0 ? 0 : strcmp(kind, "Secret") == 0 ? 1 : 2;
	auto_free char *key = memory_print("%d/%" PRId64 "/%s", type, seconds, name);
	auto_free char *below = memory_print("%s/sources", folder);
	auto_free char *path = NULL;
	auto_buf plain = BUF_INIT;
	char hex[HASH_SHA256_HEX];
	struct error err;

	hash_sha256_hex(str_of(key), hex);
	path = memory_print("%s/%.32s.json", below, hex);
	add_quoted(&plain, text);
	CHECK_OK(file_make_dirs(below, 0700, &err), &err);
	fixture_write(path, buf_text(&plain));
}

struct sources *fixture_sources(struct client *client, const struct json *pod)
{
	static struct seal_keys *keys;
	struct sources_plan plan = { .client = client, .folder = harness_folder() };
	struct error err;

	if (!keys)
		CHECK_OK(sources_keys_open(plan.folder, &keys, &err), &err);
	plan.keys = keys;
	return sources_new(&plan, pod);
}

/* --- an API --- */

static void remember(struct fixture_api *api, struct http_request *req)
{
	api->calls++;
	buf_add_print(&api->asked, STR_FMT " " STR_FMT " " STR_FMT "\n", STR_ARG(req->head.method),
		      STR_ARG(req->path), STR_ARG(req->body));
}

static void watch_gone(struct http_request *req)
{
	struct fixture_api *api = req->user;

	if (api->watch == req)
		api->watch = NULL;
	http_request_free(req);
}

static void on_request(struct http_service *service, struct http_request *req)
{
	struct fixture_api *api = CONTAINER_OF(service, struct fixture_api, service);
	auto_free char *what =
		memory_print(STR_FMT " " STR_FMT, STR_ARG(req->head.method), STR_ARG(req->path));
	const char *text = map_find(api->answers, str_of(what));
	auto_buf plain = BUF_INIT;

	remember(api, req);
	if (api->down) {
		http_reply(req, 503, "application/json", STR("{\"message\":\"not now\"}"));
	} else if (str_search(req->query, STR("watch=true")) >= 0) {
		api->watch = req;
		req->user = api;
		req->on_gone = watch_gone;
		http_reply_start(req, 200, "application/json");
	} else if (text) {
		add_quoted(&plain, text);
		http_reply(req, 200, "application/json", buf_str(&plain));
	} else {
		http_reply(req, 404, "application/json",
			   STR("{\"kind\":\"Status\",\"reason\":\"NotFound\",\"message\":\"none\","
			       "\"code\":404}"));
	}
}

static void dial(void *of,
		 void (*on_done)(void *call, struct stream *stream, const struct error *err),
		 void *call)
{
	struct fixture_api *api = of;
	struct stream *mine, *theirs;

	stream_pair(api->loop, &mine, &theirs);
	http_serve(&api->service, mine, STR("test"), NULL);
	on_done(call, theirs, NULL);
}

void fixture_api_open(struct fixture_api *api, struct loop *loop)
{
	*api = (struct fixture_api){ .loop = loop };
	api->service = (struct http_service){
		.on_request = on_request, .body_max = 1u << 20, .idle_ms = 90000, .body_ms = 30000
	};
	api->answers = map_new();
	api->client = client_new(loop, http_client_new(loop, dial, api, "api"));
}

void fixture_api_close(struct fixture_api *api)
{
	client_free(api->client);
	fixture_turn(api->loop, 10);
	if (api->watch)
		http_request_free(api->watch);
	http_service_close(&api->service);
	fixture_turn(api->loop, 10);
	map_free(api->answers);
	buf_clear(&api->asked);
}

void fixture_api_answer(struct fixture_api *api, const char *what, const char *text)
{
	map_put(api->answers, str_of(what), (void *)(uintptr_t)text);
}

/* --- waiting --- */

void fixture_until(struct loop *loop, const bool *holds)
{
	int64_t end = clock_now_ms() + 8000;

	while (!*holds) {
		CHECK(clock_now_ms() < end);
		loop_once(loop, 100);
	}
}

void fixture_turn(struct loop *loop, int times)
{
	while (times-- > 0)
		loop_once(loop, 0);
}
