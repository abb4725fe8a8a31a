/*
 * writers.c - each writes to its own objects, one after the other; what a lost answer leaves unsure
 * is looked up before it goes on.
 *
 *   WRITE -(answered)-> wait -> WRITE ...
 *     \--(no answer)--> wait -> LOOK -(what is there)-> WRITE again, or the next one
 */
#include "tests/watch/check_watch.h"

#include <inttypes.h>

#include "base/random.h"

#define PAUSE_MS 16
#define PAYLOAD  900

enum step { STEP_WRITE, STEP_LOOK };
enum act { ACT_PUT, ACT_REMOVE };

struct writer {
	struct check *check;
	size_t number, object; /* the one it is at */
	enum step step;
	enum act act;
	uint64_t newest; /* check->newest when it asked: its own must be higher */
	struct loop_timer timer;
	bool waits; /* for an answer */
};

static struct writer writers[WRITERS];
static struct seen states[WRITERS * OBJECTS];

const struct seen *writers_state(void)
{
	return states;
}

static struct seen *state_of(struct writer *writer)
{
	return &states[writer->number * OBJECTS + writer->object];
}

static void pause_for(struct writer *writer, int ms)
{
	loop_timer_set(writer->check->loop, &writer->timer, ms);
}

/* --- answers --- */

static void note_revision(struct writer *writer, uint64_t revision)
{
	struct check *check = writer->check;

	if (revision <= writer->newest)
		check_fail("a write was given revision %" PRIu64 " after %" PRIu64
			   " had been given out",
			   revision, writer->newest);
	if (revision > check->newest)
		check->newest = revision;
}

static void put_done(struct writer *writer, const struct json *metadata)
{
	struct seen *state = state_of(writer);
	uint64_t seq, revision;
	size_t index;

	if (!check_read(metadata, &index, &seq, &revision) || seq != state->seq + 1)
		check_fail("w%zu-%zu was written with another number than it has", writer->number,
			   writer->object);
	note_revision(writer, revision);
	state->seq = seq;
	state->there = true;
}

/* After an answer that never came: did it happen? */
static void look_done(struct writer *writer, int status, const struct json *metadata)
{
	struct seen *state = state_of(writer);
	uint64_t seq = 0, revision = 0;
	size_t index;

	if (status != 404 && !check_read(metadata, &index, &seq, &revision))
		check_fail("w%zu-%zu cannot be read: %d", writer->number, writer->object, status);
	if (status == 404 && state->there && writer->act == ACT_PUT)
		check_fail("w%zu-%zu is lost: it had been acknowledged", writer->number,
			   writer->object);
	if (seq != 0 && seq < state->seq)
		check_fail("w%zu-%zu has gone back from %" PRIu64 " to %" PRIu64, writer->number,
			   writer->object, state->seq, seq);
	if (revision > writer->check->newest)
		writer->check->newest = revision;
	state->there = status != 404;
	state->seq = seq ? seq : state->seq;
}

/* A request that was sent again on a new connection may find its own work done. */
static bool is_unsure(const struct writer *writer, const struct http_head *head,
		      const struct error *err)
{
	return err || head->status >= 500 ||
	       (writer->step == STEP_WRITE && (head->status == 409 || head->status == 404));
}

static void on_answer(void *of, const struct http_head *head, struct str body,
		      const struct error *err)
{
	struct writer *writer = of;
	auto_json_doc doc = NULL;
	struct error unused;
	const struct json *metadata;

	writer->waits = false;
	if (is_unsure(writer, head, err) || !json_parse(body, &doc, NULL, &unused)) {
		writer->check->unsure++;
		writer->step = STEP_LOOK;
		pause_for(writer, RETRY_MS);
		return;
	}
	metadata = json_get(json_root(doc), "metadata");
	if (writer->step == STEP_LOOK)
		look_done(writer, head->status, metadata);
	else if (head->status >= 300)
		check_fail("a write was answered with %d: " STR_FMT, head->status, STR_ARG(body));
	else if (writer->act == ACT_PUT)
		put_done(writer, metadata);
	else
		state_of(writer)->there = false;
	writer->check->writes += writer->step == STEP_WRITE;
	writer->step = STEP_WRITE;
	writer->object = random_below(OBJECTS);
	pause_for(writer, PAUSE_MS);
}

/* --- asking --- */

static void print_object(struct writer *writer, struct buf *out)
{
	uint64_t seq = state_of(writer)->seq + 1;

	buf_add_print(out,
		      "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"w%zu-"
		      "%zu\",\"labels\":{\"selected\":\"%s\"},\"annotations\":{\"seq\":\"%" PRIu64
		      "\"}},\"data\":{\"payload\":\"",
		      writer->number, writer->object, SELECTED(seq) ? "yes" : "no", seq);
	for (int i = 0; i < PAYLOAD; i++)
		buf_add_byte(out, (char)('a' + i % 26));
	buf_add_text(out, "\"}}");
}

static void ask(struct writer *writer)
{
	bool there = state_of(writer)->there;
	auto_buf body = BUF_INIT;
	auto_free char *item = memory_print(COLLECTION "/w%zu-%zu", writer->number, writer->object);
	struct http_header header = { STR("Content-Type"), STR("application/json") };
	struct http_ask call = { .method = "GET",
				 .target = item,
				 .headers = &header,
				 .header_count = 1,
				 .timeout_ms = 20000,
				 .body_max = ANSWER_MAX,
				 .on_reply = on_answer,
				 .of = writer };

	if (writer->step == STEP_WRITE) {
		writer->newest = writer->check->newest;
		writer->act = there && random_below(5) == 0 ? ACT_REMOVE : ACT_PUT;
		if (writer->act == ACT_PUT)
			print_object(writer, &body);
		call.method = writer->act == ACT_REMOVE ? "DELETE" : there ? "PUT" : "POST";
		call.target = there ? item : COLLECTION;
		call.body = buf_str(&body);
	}
	writer->waits = true;
	http_call(writer->check->http, &call);
}

static void on_timer(struct loop_timer *timer)
{
	struct writer *writer = CONTAINER_OF(timer, struct writer, timer);

	if (writer->check->writing || writer->step == STEP_LOOK)
		ask(writer);
}

void writers_start(struct check *check)
{
	for (size_t i = 0; i < WRITERS; i++) {
		writers[i].check = check;
		writers[i].number = i;
		writers[i].timer.on_timer = on_timer;
		pause_for(&writers[i], (int)random_below(100));
	}
}

bool writers_idle(const struct check *check)
{
	(void)check;
	for (size_t i = 0; i < WRITERS; i++)
		if (writers[i].waits || writers[i].step == STEP_LOOK)
			return false;
	return true;
}
