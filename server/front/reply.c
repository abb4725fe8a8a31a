/*
 * reply.c - answers in JSON, YAML, protobuf, as tables and as partial metadata.
 *
 * Stored objects begin with their apiVersion and kind, so an answer is their bytes, and a list is
 * their bytes without these first two fields: nothing is parsed or printed again.
 */
#include "server/front/reply.h"

#include <assert.h>
#include <inttypes.h>

#include "api/face.h"
#include "api/protobuf.h"
#include "api/table.h"
#include "base/clock.h"
#include "base/random.h"
#include "base/yaml.h"
#include "server/front/packed.h"
#include "server/gate/share.h"
#include "server/metrics/request_counts.h"
#include "server/server.h"

#define WARNINGS_MAX 4096 /* bytes in all, as the real server */

void request_warn(struct request *req, const char *text)
{
	const char **grown = arena_get(req->arena, (req->warning_count + 2) * sizeof(*grown));

	for (size_t i = 0; i < req->warning_count; i++)
		if (strcmp(req->warnings[i], text) == 0)
			return;
	if (req->warning_count > 0)
		memcpy(grown, req->warnings, req->warning_count * sizeof(*grown));
	grown[req->warning_count++] = arena_string(req->arena, text, strlen(text));
	grown[req->warning_count] = NULL;
	req->warnings = grown;
}

static void add_warning(struct request *req, const char *text)
{
	auto_buf value = BUF_INIT;

	buf_add_text(&value, "299 - \"");
	for (const char *at = text; *at; at++) {
		if (*at == '"' || *at == '\\')
			buf_add_byte(&value, '\\');
		if ((unsigned char)*at >= 0x20)
			buf_add_byte(&value, *at);
	}
	buf_add_byte(&value, '"');
	http_reply_header(req->http, "Warning", buf_text(&value));
}

static void put_headers(struct request *req, const char *cache)
{
	char audit[RANDOM_UUID];
	size_t used = 0;

	random_uuid(audit);
	http_reply_header(req->http, "Audit-Id", audit);
	http_reply_header(req->http, "Cache-Control", cache);
	for (size_t i = 0; i < req->warning_count; i++) {
		used += strlen(req->warnings[i]);
		if (used <= WARNINGS_MAX)
			add_warning(req, req->warnings[i]);
	}
}

static void count(struct request *req, int status)
{
	request_counts_note(server_request_counts(req->server), req, status);
}

void reply_headers(struct request *req)
{
	count(req, 200);
	put_headers(req, "no-cache, private");
}

/* True when nobody hears any more: the request has been freed. */
static bool drop_if_gone(struct request *req)
{
	share_release(req);
	if (!req->gone)
		return false;
	http_request_free(req->http);
	return true;
}

void reply_bytes(struct request *req, int status, const char *content_type, struct str bytes)
{
	if (drop_if_gone(req))
		return;
	count(req, status);
	put_headers(req, "no-cache, private");
	http_reply(req->http, status, content_type, bytes);
}

static void drop_nothing(void *keep)
{
	(void)keep;
}

void reply_ready(struct request *req, int status, const char *content_type, const char *cache,
		 struct str bytes, void *keep, void (*drop)(void *keep))
{
	if (drop_if_gone(req)) {
		if (drop)
			drop(keep);
		return;
	}
	count(req, status);
	put_headers(req, cache ? cache : "no-cache, private");
	http_reply_shared(req->http, status, content_type, bytes, keep, drop ? drop : drop_nothing);
}

/* The one place where large answers become gzip.  Takes `text`. */
static void reply_large(struct request *req, int status, const char *content_type, struct buf *text,
			const char *key)
{
	if (packed_is_wanted(req, status, text->len))
		packed_start(server_packing(req->server), req, content_type, text, key);
	else
		reply_bytes(req, status, content_type, buf_str(text));
	buf_clear(text);
}

void reply_text(struct request *req, int status, const char *content_type, struct str text)
{
	struct buf copy = BUF_INIT;

	if (!packed_is_wanted(req, status, text.len)) {
		reply_bytes(req, status, content_type, text);
		return;
	}
	buf_add_str(&copy, text);
	reply_large(req, status, content_type, &copy, NULL);
}

void reply_keyed(struct request *req, const char *content_type, struct str text, const char *key)
{
	struct packing *packing = server_packing(req->server);
	struct buf copy = BUF_INIT;

	if (!packed_is_wanted(req, 200, text.len)) {
		reply_bytes(req, 200, content_type, text);
	} else if (!packed_join(packing, req, key)) {
		buf_add_str(&copy, text);
		packed_start(packing, req, content_type, &copy, key);
	}
}

static bool is_browser(const struct request *req)
{
	static const char *const agents[] = { "curl", "Wget", "Mozilla/5.0" };
	struct str agent = http_header(&req->http->head, "User-Agent");

	for (size_t i = 0; i < ARRAY_LENGTH(agents); i++)
		if (str_starts(agent, str_of(agents[i])))
			return true;
	return false;
}

static bool wants_pretty(const struct request *req)
{
	return req->params.pretty || is_browser(req);
}

/* JSON text that is at hand, printed as was asked for: plain, indented or as YAML.  Takes `text`;
 * shape: the parameters behind the media type, or "". */
static void reply_shaped(struct request *req, int status, const char *shape, struct buf *text,
			 const char *key)
{
	bool yaml = req->carrier == ANSWER_YAML;
	const char *type =
		arena_print(req->arena, "application/%s%s", yaml ? "yaml" : "json", shape);
	auto_json_doc doc = NULL;
	struct error err;

	if (yaml || wants_pretty(req)) {
		if (!json_parse(buf_str(text), &doc, NULL, &err))
			abort(); /* our own text */
		buf_clear(text);
		if (yaml)
			yaml_print(json_root(doc), text);
		else
			json_print_pretty(json_root(doc), text);
		if (!yaml)
			buf_add_byte(text, '\n');
	}
	reply_large(req, status, type, text, key);
}

static void reply_plain(struct request *req, int status, struct str bytes)
{
	struct buf text = BUF_INIT;

	if (req->carrier != ANSWER_YAML && !wants_pretty(req)) {
		reply_text(req, status, "application/json", bytes);
		return;
	}
	buf_add_str(&text, bytes);
	reply_shaped(req, status, "", &text, NULL);
}

static bool reply_protobuf(struct request *req, int status, const struct json *value,
			   const char *type_name)
{
	const struct type *type = type_name ? type_find(str_of(type_name)) : NULL;
	struct buf text = BUF_INIT;
	struct error err;

	if (!type || !protobuf_from_json(type, value, &text, &err)) {
		buf_clear(&text);
		return false;
	}
	reply_large(req, status, "application/vnd.kubernetes.protobuf", &text, NULL);
	return true;
}

void reply_json(struct request *req, int status, const struct json *value, const char *type_name)
{
	auto_buf text = BUF_INIT;

	if (req->answer == ANSWER_PROTOBUF && reply_protobuf(req, status, value, type_name))
		return;
	json_print(value, &text);
	reply_plain(req, status, buf_str(&text));
}

/* --- tables and partial metadata --- */

#define META_TYPE "io.k8s.apimachinery.pkg.apis.meta.v1."

static const char *meta_version(const struct request *req)
{
	return req->beta ? "v1beta1" : "v1";
}

static const char *shape_of(const struct request *req, const char *as)
{
	return arena_print(req->arena, ";as=%s;v=%s;g=meta.k8s.io", as, meta_version(req));
}

static enum table_include include_of(const struct request *req)
{
	if (str_is(req->params.include_object, "Object"))
		return TABLE_OBJECT;
	return str_is(req->params.include_object, "None") ? TABLE_NONE : TABLE_METADATA;
}

static void print_list_meta(const struct reply_list *list, struct buf *out)
{
	if (list->revision == 0) { /* of nothing that is kept */
		buf_add_text(out, "{}");
		return;
	}
	buf_add_print(out, "{\"resourceVersion\":\"%" PRIu64 "\"", list->revision);
	if (list->continue_token)
		buf_add_print(out, ",\"continue\":\"%s\"", list->continue_token);
	if (list->remaining >= 0)
		buf_add_print(out, ",\"remainingItemCount\":%" PRId64, list->remaining);
	buf_add_byte(out, '}');
}

static void reply_table(struct request *req, int status, const struct reply_list *list,
			const char *key)
{
	struct buf text = BUF_INIT;

	buf_add_print(&text, "{\"kind\":\"Table\",\"apiVersion\":\"meta.k8s.io/%s\",\"metadata\":",
		      meta_version(req));
	print_list_meta(list, &text);
	buf_add_text(&text, ",\"columnDefinitions\":");
	table_print_columns(list->kind, &text);
	buf_add_text(&text, ",\"rows\":[");
	for (size_t i = 0; i < list->count; i++) {
		if (i > 0)
			buf_add_byte(&text, ',');
		table_print_row(list->kind, list->objects[i], include_of(req), &text);
		object_trim(list->objects[i]);
	}
	buf_add_text(&text, "]}");
	reply_shaped(req, status, shape_of(req, "Table"), &text, key);
}

/* Partial metadata in its carrier; takes `text`. */
static void reply_partial(struct request *req, int status, const char *as, struct buf *text,
			  const char *key)
{
	auto_json_doc doc = NULL;
	struct buf message = BUF_INIT;
	const char *name = arena_print(req->arena, META_TYPE "%s", as);
	struct error err;

	if (req->carrier == ANSWER_PROTOBUF && json_parse(buf_str(text), &doc, NULL, &err) &&
	    protobuf_from_json(type_find(str_of(name)), json_root(doc), &message, &err)) {
		buf_clear(text);
		reply_large(req, status,
			    arena_print(req->arena, "application/vnd.kubernetes.protobuf%s",
					shape_of(req, as)),
			    &message, key);
		return;
	}
	buf_clear(&message);
	reply_shaped(req, status, shape_of(req, as), text, key);
}

static void reply_partial_list(struct request *req, const struct reply_list *list, const char *key)
{
	struct buf text = BUF_INIT;

	buf_add_print(&text,
		      "{\"kind\":\"PartialObjectMetadataList\",\"apiVersion\":\"meta.k8s.io/%s\","
		      "\"metadata\":",
		      meta_version(req));
	print_list_meta(list, &text);
	buf_add_text(&text, ",\"items\":[");
	for (size_t i = 0; i < list->count; i++) {
		if (i > 0)
			buf_add_byte(&text, ',');
		table_print_partial(list->objects[i], req->beta, &text);
		object_trim(list->objects[i]);
	}
	buf_add_text(&text, "]}");
	reply_partial(req, 200, "PartialObjectMetadataList", &text, key);
}

void reply_object(struct request *req, int status, const struct object *object)
{
	struct reply_list one = {
		.kind = req->kind,
		.revision = object_revision(object),
		.remaining = -1,
		.objects = &object,
		.count = 1,
	};
	auto_object shown = NULL;
	struct buf text = BUF_INIT;

	if (req->answer == ANSWER_TABLE) {
		reply_table(req, status, &one, NULL);
	} else if (req->answer == ANSWER_PARTIAL) {
		table_print_partial(object, req->beta, &text);
		reply_partial(req, status, "PartialObjectMetadata", &text, NULL);
	} else {
		shown = face_of(req->kind, object);
		if (req->answer != ANSWER_PROTOBUF ||
		    !reply_protobuf(req, status, object_json(shown), req->kind->type_name))
			reply_plain(req, status, object_bytes(shown));
	}
}

/* --- lists --- */

static void print_plain_list(const struct reply_list *list, struct buf *out)
{
	auto_buf version = BUF_INIT;
	auto_buf front = BUF_INIT;
	size_t total = 256;

	kind_api_version(list->kind, &version);
	buf_add_print(&front, "{\"apiVersion\":\"%s\",\"kind\":\"%s\",", buf_text(&version),
		      list->kind->name);
	for (size_t i = 0; i < list->count; i++)
		total += object_bytes(list->objects[i]).len + 2;
	buf_reserve(out, total);
	buf_add_print(out,
		      "{\"kind\":\"%sList\",\"apiVersion\":\"%s\",\"metadata\":", list->kind->name,
		      buf_text(&version));
	print_list_meta(list, out);
	buf_add_text(out, ",\"items\":[");
	for (size_t i = 0; i < list->count; i++) {
		auto_object shown = face_of(list->kind, list->objects[i]);
		struct str bytes = object_bytes(shown);

		if (i > 0)
			buf_add_byte(out, ',');
		if (str_starts(bytes, buf_str(&front))) {
			buf_add_byte(out, '{');
			bytes = str_from(bytes.at + front.len, bytes.len - front.len);
		}
		buf_add_str(out, bytes);
	}
	buf_add_text(out, "]}");
}

/* Lists that are the same byte for byte have the same key: those of one revision by the same URL in
 * the same form (ages in tables are of one second). */
static const char *key_of(const struct request *req, const struct reply_list *list)
{
	if (list->revision == 0)
		return NULL;
	return arena_print(req->arena, STR_FMT "?" STR_FMT " %d %d %d %d %" PRIu64 " %zu %" PRId64,
			   STR_ARG(req->http->path), STR_ARG(req->http->query), (int)req->answer,
			   (int)req->carrier, req->beta, wants_pretty(req), list->revision,
			   list->count, req->answer == ANSWER_TABLE ? clock_wall_s() : 0);
}

void reply_list(struct request *req, const struct reply_list *list)
{
	const char *key = key_of(req, list), *type;
	auto_json_doc doc = NULL;
	struct buf text = BUF_INIT;
	struct error err;

	if (key && packed_is_wanted(req, 200, SIZE_MAX) &&
	    packed_join(server_packing(req->server), req, key))
		return;
	if (req->answer == ANSWER_TABLE) {
		reply_table(req, 200, list, key);
		return;
	}
	if (req->answer == ANSWER_PARTIAL) {
		reply_partial_list(req, list, key);
		return;
	}
	print_plain_list(list, &text);
	type = arena_print(req->arena, "%sList", list->kind->type_name);
	if (req->answer == ANSWER_PROTOBUF && json_parse(buf_str(&text), &doc, NULL, &err) &&
	    reply_protobuf(req, 200, json_root(doc), type))
		buf_clear(&text);
	else
		reply_shaped(req, 200, "", &text, key);
}

/* --- errors --- */

void reply_error(struct request *req, const struct error *err, const struct status_about *about)
{
	struct status_about of_request = { .kind = req->kind, .name = req->name };
	auto_buf text = BUF_INIT;
	int status;

	if (!about)
		about = req->about ? req->about : &of_request;
	if (about->retry_after_s > 0)
		http_reply_header(req->http, "Retry-After",
				  arena_print(req->arena, "%d", about->retry_after_s));
	else if (about->retry_after_s < 0)
		; /* whoever asks too early is told the same */
	else if (err->kind == ERROR_TOO_MANY || err->kind == ERROR_UNAVAILABLE ||
		 err->kind == ERROR_TIMEOUT)
		http_reply_header(req->http, "Retry-After", "1");
	status = status_print(err, about, &text);
	if (req->answer == ANSWER_TABLE || req->answer == ANSWER_PARTIAL)
		req->answer = req->carrier = ANSWER_JSON;
	if (req->answer == ANSWER_PROTOBUF) {
		auto_json_doc doc = NULL;
		struct error unused;

		if (json_parse(buf_str(&text), &doc, NULL, &unused) &&
		    reply_protobuf(req, status, json_root(doc),
				   "io.k8s.apimachinery.pkg.apis.meta.v1.Status"))
			return;
	}
	reply_plain(req, status, buf_str(&text));
}
