/*
 * recorder.c - events, counted up when they repeat.
 */
#include "agent/recorder.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/map.h"
#include "base/random.h"

#define REMEMBERED_MAX 512
#define SAME_S         600
#define MESSAGE_MAX    1024

struct said { /* an event that may be counted up */
	char *namespace, *name;
	int64_t count, last_s;
};

struct recorder {
	struct client *client;
	char *node_name;
	struct map *said; /* what makes two events the same -> struct said */
};

static void said_free(struct said *said)
{
	free(said->namespace);
	free(said->name);
	free(said);
}

struct recorder *recorder_new(struct client *client, const char *node_name)
{
	struct recorder *recorder = memory_new(struct recorder);

	recorder->client = client;
	recorder->node_name = memory_string(node_name);
	recorder->said = map_new();
	return recorder;
}

void recorder_free(struct recorder *recorder)
{
	struct str key;
	void *value;

	if (!recorder)
		return;
	for (size_t i = 0; map_next(recorder->said, &i, &key, &value);)
		said_free(value);
	map_free(recorder->said);
	free(recorder->node_name);
	free(recorder);
}

/* The oldest goes: a map keeps the order of arrival. */
static void make_room(struct recorder *recorder)
{
	struct str key;
	void *value;
	size_t at = 0;

	if (map_count(recorder->said) < REMEMBERED_MAX ||
	    !map_next(recorder->said, &at, &key, &value))
		return;
	map_remove(recorder->said, key);
	said_free(value);
}

static void send(struct recorder *recorder, enum client_verb verb, const struct said *said,
		 struct str body)
{
	struct client_ask ask = { .verb = verb,
				  .kind = kind_find_name(STR("v1"), STR("Event")),
				  .namespace = str_of(said->namespace),
				  .name = verb == CLIENT_CREATE ? STR_NONE : str_of(said->name),
				  .body = body };

	client_call(recorder->client, &ask);
}

static void count_up(struct recorder *recorder, struct said *said)
{
	auto_buf body = BUF_INIT;
	char now[CLOCK_TEXT];

	clock_print(clock_wall_s(), now);
	said->last_s = clock_wall_s();
	buf_add_print(&body, "{\"count\":%" PRId64 ",\"lastTimestamp\":\"%s\"}", ++said->count,
		      now);
	send(recorder, CLIENT_PATCH_MERGE, said, buf_str(&body));
}

static void put(struct json_doc *doc, struct json *to, const char *key, struct str value)
{
	json_put(doc, to, key, json_new_str(doc, value));
}

static void print_event(const struct recorder *recorder, const struct recorder_about *about,
			const struct said *said, const char *const words[3], struct buf *out)
{
	auto_json_doc doc = json_doc_new();
	struct json *root = json_new_object(doc);
	struct json *meta = json_sub_object(doc, root, "metadata");
	struct json *object = json_sub_object(doc, root, "involvedObject");
	struct json *source = json_sub_object(doc, root, "source");
	char now[CLOCK_TEXT];

	clock_print(clock_wall_s(), now);
	put(doc, meta, "name", str_of(said->name));
	put(doc, meta, "namespace", str_of(said->namespace));
	put(doc, object, "kind", str_of(about->kind));
	put(doc, object, "apiVersion", str_of(about->api_version));
	put(doc, object, "name", meta_str(about->object, "name"));
	put(doc, object, "namespace", meta_str(about->object, "namespace"));
	put(doc, object, "uid", meta_str(about->object, "uid"));
	if (about->field_path && *about->field_path)
		put(doc, object, "fieldPath", str_of(about->field_path));
	put(doc, root, "type", str_of(words[0]));
	put(doc, root, "reason", str_of(words[1]));
	put(doc, root, "message", str_of(words[2]));
	put(doc, source, "component", STR("kubelet"));
	put(doc, source, "host", str_of(recorder->node_name));
	put(doc, root, "reportingComponent", STR("kubelet"));
	put(doc, root, "reportingInstance", str_of(recorder->node_name));
	put(doc, root, "firstTimestamp", str_of(now));
	put(doc, root, "lastTimestamp", str_of(now));
	json_put(doc, root, "count", json_new_int(doc, 1));
	json_print(root, out);
}

static void say_first(struct recorder *recorder, const struct recorder_about *about, struct str key,
		      const char *const words[3])
{
	struct str namespace = meta_str(about->object, "namespace");
	struct said *said = memory_new(struct said);
	auto_buf body = BUF_INIT;
	uint64_t random;

	random_bytes(&random, sizeof(random));
	said->namespace = str_copy(namespace.len > 0 ? namespace : STR("default"));
	said->name = memory_print(STR_FMT ".%016" PRIx64, STR_ARG(meta_str(about->object, "name")),
				  random);
	said->count = 1;
	said->last_s = clock_wall_s();
	print_event(recorder, about, said, words, &body);
	send(recorder, CLIENT_CREATE, said, buf_str(&body));
	make_room(recorder);
	map_put(recorder->said, key, said);
}

void recorder_emit(struct recorder *recorder, const struct recorder_about *about, const char *type,
		   const char *reason, const char *format, ...)
{
	char message[MESSAGE_MAX];
	const char *const words[3] = { type, reason, message };
	auto_free char *key = NULL;
	struct said *said;
	va_list args;

	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	key = memory_print(STR_FMT "\n%s\n%s\n%s", STR_ARG(meta_str(about->object, "uid")), reason,
			   about->field_path ? about->field_path : "", message);
	said = map_find(recorder->said, str_of(key));
	if (said && clock_wall_s() - said->last_s < SAME_S) {
		count_up(recorder, said);
		return;
	}
	if (said)
		said_free(map_remove(recorder->said, str_of(key)));
	say_first(recorder, about, str_of(key), words);
}
