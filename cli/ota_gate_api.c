/*
 * ota_gate_api.c - the gate of a server: a write is taken, and a watch tells of it.
 *
 * With the administrator's certificate, as every client comes: a config map in kube-system is
 * watched, made, seen and removed.
 */
#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/file.h"
#include "cli/ota_gates.h"
#include "net/http_client.h"
#include "net/tls.h"

#define PATIENCE_MS 10000
#define FILE_MAX    65536
#define SEEN_MAX    (64u * 1024)
#define MAPS        "/api/v1/namespaces/kube-system/configmaps"
#define NAME        "mote-update-gate"

struct talk {
	struct loop *loop;
	struct tls_config *tls;
	struct http_client *client;
	struct http_call *watch; /* NULL: over */
	int watch_status;
	struct buf seen;
	bool answered;
	int status; /* of the last answer, 0 = none */
	struct error why;
};

/* --- connecting --- */

static bool read_part(const char *data_dir, const char *name, struct buf *out, struct error *err)
{
	auto_free char *path = memory_print("%s/server/tls/%s", data_dir, name);

	return file_read(path, FILE_MAX, out, err);
}

static bool open_talk(struct talk *talk, const struct ota_gating *gating, struct error *err)
{
	auto_buf ca = BUF_INIT;
	auto_buf chain = BUF_INIT;
	auto_buf key = BUF_INIT;

	if (!loop_open(&talk->loop, err) ||
	    !read_part(gating->data_dir, "server-ca.crt", &ca, err) ||
	    !read_part(gating->data_dir, "admin.crt", &chain, err) ||
	    !read_part(gating->data_dir, "admin.key", &key, err) ||
	    !tls_client_config(buf_str(&ca), buf_str(&chain), buf_str(&key), false, &talk->tls,
			       err))
		return false;
	talk->client = http_client_to(talk->loop, str_of(gating->api_url), talk->tls, err);
	return talk->client != NULL;
}

static void close_talk(struct talk *talk)
{
	if (talk->watch)
		http_call_cancel(talk->watch);
	http_client_free(talk->client);
	tls_config_unref(talk->tls);
	loop_close(talk->loop);
	buf_clear(&talk->seen);
}

/* --- calls --- */

static void on_reply(void *of, const struct http_head *head, struct str body,
		     const struct error *err)
{
	struct talk *talk = of;

	(void)body;
	talk->answered = true;
	talk->status = err ? 0 : head->status;
	if (err)
		talk->why = *err;
}

/* The status of the answer; 0 with *err: there was none. */
static int call(struct talk *talk, const char *method, const char *target, const char *body,
		struct error *err)
{
	struct http_header type = { STR("Content-Type"), STR("application/json") };
	struct http_ask ask = { .method = method,
				.target = target,
				.headers = &type,
				.header_count = body != NULL,
				.body = str_of(body),
				.timeout_ms = PATIENCE_MS,
				.body_max = SEEN_MAX,
				.on_reply = on_reply,
				.of = talk };

	talk->answered = false;
	http_call(talk->client, &ask);
	while (!talk->answered)
		loop_once(talk->loop, 1000);
	if (talk->status == 0)
		*err = talk->why;
	return talk->status;
}

static bool on_watch(void *of, const struct http_head *head)
{
	struct talk *talk = of;

	talk->watch_status = head->status;
	if (head->status != 200)
		talk->watch = NULL;
	return head->status == 200;
}

static void on_event(void *of, struct str piece)
{
	struct talk *talk = of;

	if (talk->seen.len + piece.len <= SEEN_MAX)
		buf_add_str(&talk->seen, piece);
}

static void on_watch_end(void *of, const struct error *err)
{
	struct talk *talk = of;

	if (err)
		talk->why = *err;
	talk->watch = NULL;
}

static bool begin_watch(struct talk *talk, struct error *err)
{
	struct http_ask ask = { .method = "GET",
				.target = MAPS "?watch=true&timeoutSeconds=60&fieldSelector="
					       "metadata.name%3D" NAME,
				.timeout_ms = PATIENCE_MS,
				.on_head = on_watch,
				.on_body = on_event,
				.on_end = on_watch_end,
				.of = talk };

	talk->watch = http_call(talk->client, &ask);
	while (talk->watch && talk->watch_status == 0)
		loop_once(talk->loop, 1000);
	if (talk->watch)
		return true;
	if (talk->watch_status != 0)
		return error_set(err, ERROR_UNAVAILABLE, "a watch is answered with status %d",
				 talk->watch_status);
	*err = talk->why;
	return false;
}

static bool await_event(struct talk *talk, const char *mark, struct error *err)
{
	int64_t until_ms = clock_now_ms() + PATIENCE_MS;

	while (str_search(buf_str(&talk->seen), str_of(mark)) < 0) {
		if (!talk->watch || clock_now_ms() > until_ms)
			return error_set(err, ERROR_UNAVAILABLE,
					 "a watch does not tell of what was written");
		loop_once(talk->loop, 200);
	}
	return true;
}

static bool write_and_see(struct talk *talk, struct error *err)
{
	auto_free char *mark = memory_print("\"round\":\"%" PRId64 "\"", clock_wall_us());
	auto_free char *body = memory_print("{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\","
					    "\"metadata\":{\"name\":\"" NAME "\"},\"data\":{%s}}",
					    mark);
	bool seen;
	int status;

	if (!begin_watch(talk, err))
		return false;
	status = call(talk, "POST", MAPS, body, err);
	/* One that a cut left. */
	if (status == 409) {
		call(talk, "DELETE", MAPS "/" NAME, NULL, err);
		status = call(talk, "POST", MAPS, body, err);
	}
	if (status != 201)
		return status == 0 ? false
				   : error_set(err, ERROR_UNAVAILABLE,
					       "a write is answered with status %d", status);
	seen = await_event(talk, mark, err);
	status = call(talk, "DELETE", MAPS "/" NAME, NULL, &talk->why);
	return seen && (status == 200 || error_set(err, ERROR_UNAVAILABLE,
						   "a delete is answered with status %d", status));
}

static enum ota_verdict ask_api(struct ota_gating *gating, struct error *err)
{
	struct talk talk = { .seen = BUF_INIT };
	bool passed;

	if (strcmp(gating->part, "server") != 0)
		return OTA_PASSED;
	passed = open_talk(&talk, gating, err) && write_and_see(&talk, err);
	close_talk(&talk);
	return passed ? OTA_PASSED : OTA_WAITS;
}

const struct ota_gate ota_gate_api = { "api", ask_api };
