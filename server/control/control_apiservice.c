/*
 * control_apiservice.c - APIServices: is who answers for them there, and what does it have?
 *
 * One question serves both: the list of the group-version's resources, asked for every 30 seconds
 * by the road that everybody's requests take (server/aggregate/aggregate_pass.h).  What it answers
 * is the condition Available, and the resources that discovery tells.
 *
 *   pass -> objects (apiservice_check) -> ask, up to TRIES times -> remote_book, condition -> end
 */
#include "base/clock.h"
#include "base/limits.h"
#include "base/map.h"
#include "server/aggregate/remote_api.h"
#include "server/aggregate/remote_book.h"
#include "server/control/apiservice_check.h"
#include "server/control/controller.h"

#define AGAIN_MS 30000
#define ASK_MS   5000 /* for all tries together */
#define TRIES    3    /* of several pods one may be gone */
#define TEXT_MAX 300  /* of an answer, in the condition's message */

struct self {
	struct control *control;
	struct queue *queue;
	struct http_client *http; /* asks as REMOTE_ASKER */
	struct map *services;     /* name of an APIService -> "namespace/name" of its service */
};

/* One pass whose server is being asked. */
struct look {
	struct self *self;
	char *key;  /* the APIService's name */
	char *path; /* "/apis/group/version" */
	char *url;  /* in messages */
	unsigned tries;
	int64_t until_ms;
};

/* --- the end of a pass --- */

static void on_end(struct batch *batch)
{
	struct self *self = batch->owner;

	batch_end_pass(batch, self->queue, NULL);
}

static const struct object *find_apiservice(const struct self *self, struct str key)
{
	return cache_find(self->control->caches[CONTROL_APISERVICES], STR_NONE, key);
}

/* The pass ends with the verdict written.  Who did not answer is asked again soon. */
static void end_pass(struct self *self, struct str key, const struct apiservice_verdict *verdict,
		     const struct error *why)
{
	struct batch *batch = batch_new(self->control, key, self, on_end);
	const struct object *object = find_apiservice(self, key);
	auto_json_doc doc = json_doc_new();
	struct json *patch = json_new_object(doc), *metadata, *conditions = NULL;
	auto_buf body = BUF_INIT;
	struct client_ask ask = { .verb = CLIENT_PATCH_MERGE,
				  .kind = self->control->kinds[CONTROL_APISERVICES],
				  .name = key,
				  .subresource = "status" };

	if (object)
		conditions = apiservice_conditions(json_get(object_json(object), "status"), verdict,
						   doc);
	if (conditions) {
		metadata = json_sub_object(doc, patch, "metadata");
		json_put(doc, metadata, "uid", json_new_str(doc, object_uid(object)));
		json_put(doc, json_sub_object(doc, patch, "status"), "conditions", conditions);
		json_print(patch, &body);
		ask.body = buf_str(&body);
		batch_call(batch, &ask);
	}
	if (why) {
		batch_hold(batch);
		batch_drop(batch, why);
	}
	batch_seal(batch);
}

/* --- asking --- */

static void look_free(struct look *look)
{
	free(look->key);
	free(look->path);
	free(look->url);
	free(look);
}

static void put_book(const struct look *look, const struct json *list)
{
	const struct object *object = find_apiservice(look->self, str_of(look->key));

	if (object)
		remote_book_put(server_remote_book(look->self->control->server), str_of(look->key),
				json_get(object_json(object), "spec"), list);
}

static void end_look(struct look *look, struct apiservice_verdict *verdict, const struct error *why)
{
	struct self *self = look->self;
	auto_free char *key = take_ptr(&look->key);

	verdict->reason = verdict->available ? "Passed" : "FailedDiscoveryCheck";
	look_free(look);
	queue_add_after(self->queue, str_of(key), AGAIN_MS);
	end_pass(self, str_of(key), verdict, why);
}

static void ask(struct look *look);

/* What is not an answer of the kind that was wished: once more, or that is the verdict. */
static void fail_look(struct look *look, struct str words, bool of_answer)
{
	struct apiservice_verdict verdict = { .message = BUF_INIT };
	struct error why;

	if (++look->tries < TRIES && clock_now_ms() < look->until_ms &&
	    !look->self->control->stopping) {
		ask(look);
		return;
	}
	put_book(look, NULL);
	buf_add_print(&verdict.message, "failing or missing response from %s: %s%s%s" STR_FMT,
		      look->url, of_answer ? "bad status from " : "", of_answer ? look->url : "",
		      of_answer ? ": " : "", STR_ARG(words));
	error_set(&why, ERROR_UNAVAILABLE, "%s", buf_text(&verdict.message));
	end_look(look, &verdict, &why);
	buf_clear(&verdict.message);
}

static void pass_look(struct look *look, struct str body)
{
	struct apiservice_verdict verdict = { .available = true, .message = BUF_INIT };
	auto_json_doc doc = NULL;
	struct error unused;

	put_book(look, json_parse(body, &doc, NULL, &unused) ? json_root(doc) : NULL);
	buf_add_text(&verdict.message, "all checks passed");
	end_look(look, &verdict, NULL);
	buf_clear(&verdict.message);
}

/* 503 is mostly our own word about the way there, which is worth telling. */
static void on_reply(void *of, const struct http_head *head, struct str body,
		     const struct error *err)
{
	struct look *look = of;
	auto_free char *status = NULL;
	struct str text = str_trim(body);

	while (text.len > 0 && text.at[text.len - 1] == '\n')
		text.len--;
	if (text.len > TEXT_MAX)
		text.len = TEXT_MAX;
	if (err) {
		fail_look(look, str_of(err->text), false);
	} else if (head->status >= 200 && head->status <= 299) {
		pass_look(look, body);
	} else if (head->status == 503 && text.len > 0 && str_is_utf8(text)) {
		fail_look(look, text, false);
	} else {
		status = memory_print("%d", head->status);
		fail_look(look, str_of(status), true);
	}
}

static void ask(struct look *look)
{
	static const struct http_header accept = { STR("Accept"), STR("application/json") };
	int64_t left_ms = look->until_ms - clock_now_ms();
	struct http_ask call = { .method = "GET",
				 .target = look->path,
				 .headers = &accept,
				 .header_count = 1,
				 .timeout_ms = left_ms > 1 ? (int)left_ms : 1,
				 .body_max = LIMIT_REMOTE_RESOURCES,
				 .on_reply = on_reply,
				 .of = look };

	http_call(look->self->http, &call);
}

static void start_look(struct self *self, struct str key, const struct json *spec)
{
	struct look *look = memory_new(struct look);
	const struct json *service = json_get(spec, "service"), *port = json_get(service, "port");

	look->self = self;
	look->key = str_copy(key);
	look->path = memory_print("/apis/" STR_FMT "/" STR_FMT,
				  STR_ARG(json_str(json_get(spec, "group"))),
				  STR_ARG(json_str(json_get(spec, "version"))));
	look->url = memory_print("https://" STR_FMT "." STR_FMT ".svc:%d%s",
				 STR_ARG(json_str(json_get(service, "name"))),
				 STR_ARG(json_str(json_get(service, "namespace"))),
				 port ? (int)json_int(port) : REMOTE_PORT, look->path);
	look->until_ms = clock_now_ms() + ASK_MS;
	ask(look);
}

/* --- passes --- */

static const struct json *find_of(const struct self *self, enum control_kind kind,
				  const struct json *service)
{
	const struct object *object =
		cache_find(self->control->caches[kind], json_str(json_get(service, "namespace")),
			   json_str(json_get(service, "name")));

	return object ? object_json(object) : NULL;
}

static void on_pass(void *owner, struct str key)
{
	struct self *self = owner;
	const struct object *object = find_apiservice(self, key);
	const struct json *spec = object ? json_get(object_json(object), "spec") : NULL;
	const struct json *service = remote_api_service(spec);
	struct apiservice_verdict verdict = { .message = BUF_INIT };

	if (service && apiservice_check(service, find_of(self, CONTROL_SERVICES, service),
					find_of(self, CONTROL_ENDPOINTS, service), &verdict)) {
		start_look(self, key, spec);
		return;
	}
	if (service) {
		remote_book_put(server_remote_book(self->control->server), key, spec, NULL);
	} else {
		remote_book_drop(server_remote_book(self->control->server), key);
		apiservice_is_local(&verdict);
	}
	end_pass(self, key, &verdict, NULL);
	buf_clear(&verdict.message);
}

/* --- the row --- */

static void *start(struct control *control)
{
	struct self *self = memory_new(struct self);

	self->control = control;
	self->queue = queue_new(control->loop, on_pass, self);
	self->http = server_local_client(control->server, REMOTE_ASKER);
	self->services = map_new();
	return self;
}

static void stop(void *own)
{
	struct self *self = own;

	http_client_free(self->http); /* looks end */
	queue_free(self->queue);
	map_free_all(self->services);
	free(self);
}

static void note_service(struct self *self, const struct object *object, bool is_there)
{
	const struct json *service = remote_api_service(json_get(object_json(object), "spec"));
	char *text = NULL;

	if (is_there && service)
		text = memory_print(STR_FMT "/" STR_FMT,
				    STR_ARG(json_str(json_get(service, "namespace"))),
				    STR_ARG(json_str(json_get(service, "name"))));
	free(text ? map_put(self->services, object_name(object), text)
		  : map_remove(self->services, object_name(object)));
}

/* A service or its endpoints: there are many, and few of them answer for an API. */
static void queue_those_of(struct self *self, const struct object *object)
{
	auto_buf key = BUF_INIT;
	struct str name;
	void *service;

	if (map_count(self->services) == 0)
		return;
	object_key(object, &key);
	for (size_t i = 0; map_next(self->services, &i, &name, &service);)
		if (str_is(buf_str(&key), service))
			queue_add(self->queue, name);
}

static void on_change(void *own, enum control_kind kind, const struct object *before,
		      const struct object *after)
{
	struct self *self = own;

	if (kind == CONTROL_SERVICES || kind == CONTROL_ENDPOINTS)
		queue_those_of(self, after ? after : before);
	/* Our own word about it is no reason to look again. */
	if (kind != CONTROL_APISERVICES ||
	    (before && after && str_equal(object_uid(before), object_uid(after)) &&
	     json_equal(json_get(object_json(before), "spec"),
			json_get(object_json(after), "spec"))))
		return;
	note_service(self, after ? after : before, after != NULL);
	control_queue(self->queue, after ? after : before);
}

const struct control_row control_apiservice = { "apiservice", start, stop, on_change };
