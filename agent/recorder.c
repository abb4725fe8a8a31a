/*
 * recorder.c - events, counted up when they repeat, held back when they are too many.
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
#define NAME_MAX_      253
/* Of one object, as kubelets do: so many at once, then one each five minutes. */
#define BURST    25
#define REFILL_S 300

struct said { /* an event that may be counted up */
	char *namespace, *name;
	int64_t count, last_s;
};

struct bucket { /* what an object may still say */
	int64_t left, since_s;
};

struct recorder {
	struct client *client;
	char *node_name;
	struct map *said;    /* what makes two events the same -> struct said */
	struct map *buckets; /* an object's uid -> struct bucket */
};

static void said_free(void *value)
{
	struct said *said = value;

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
	recorder->buckets = map_new();
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
	for (size_t i = 0; map_next(recorder->buckets, &i, &key, &value);)
		free(value);
	map_free(recorder->said);
	map_free(recorder->buckets);
	free(recorder->node_name);
	free(recorder);
}

/* The oldest goes: a map keeps the order of arrival. */
static void make_room(struct map *map, void (*drop)(void *value))
{
	auto_free char *oldest = NULL;
	struct str key;
	void *value;
	size_t at = 0;

	if (map_count(map) < REMEMBERED_MAX || !map_next(map, &at, &key, &value))
		return;
	oldest = str_copy(key);
	map_remove(map, str_of(oldest));
	drop(value);
}

/* May this object say one thing more? */
static bool take_turn(struct recorder *recorder, struct str uid)
{
	struct bucket *bucket = map_find(recorder->buckets, uid);
	int64_t now_s = clock_now_ms() / 1000, more;

	if (!bucket) {
		make_room(recorder->buckets, free);
		bucket = memory_new(struct bucket);
		*bucket = (struct bucket){ .left = BURST, .since_s = now_s };
		map_put(recorder->buckets, uid, bucket);
	}
	more = (now_s - bucket->since_s) / REFILL_S;
	bucket->since_s += more * REFILL_S;
	bucket->left = bucket->left + more > BURST ? BURST : bucket->left + more;
	if (bucket->left == 0)
		return false;
	bucket->left--;
	return true;
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
	struct str name = meta_str(about->object, "name");
	struct said *said = memory_new(struct said);
	auto_buf body = BUF_INIT;
	uint64_t random;

	random_bytes(&random, sizeof(random));
	said->namespace = str_copy(namespace.len > 0 ? namespace : STR("default"));
	if (name.len > NAME_MAX_ - 17)
		name.len = NAME_MAX_ - 17;
	said->name = memory_print(STR_FMT ".%016" PRIx64, STR_ARG(name), random);
	said->count = 1;
	said->last_s = clock_wall_s();
	print_event(recorder, about, said, words, &body);
	send(recorder, CLIENT_CREATE, said, buf_str(&body));
	make_room(recorder->said, said_free);
	map_put(recorder->said, key, said);
}

/* What containers print may be anything, a text of the API may not: other bytes become "?". */
static void clean(char *text)
{
	for (size_t at = 0, len = strlen(text); at < len;) {
		size_t take = 1;

		while (take < 4 && at + take < len && !str_is_utf8(str_from(text + at, take)))
			take++;
		if (str_is_utf8(str_from(text + at, take))) {
			at += take;
			continue;
		}
		text[at++] = '?';
	}
}

/* A character that was cut in the middle goes. */
static void drop_half(char *text)
{
	size_t len = strlen(text);

	for (size_t back = 1; back < 4 && back < len; back++)
		if (((unsigned char)text[len - back] & 0xc0) == 0xc0) {
			if (!str_is_utf8(str_from(text + len - back, back)))
				text[len - back] = '\0';
			return;
		}
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
	if (vsnprintf(message, sizeof(message), format, args) >= (int)sizeof(message))
		drop_half(message);
	va_end(args);
	if (!take_turn(recorder, meta_str(about->object, "uid")))
		return;
	clean(message);
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
