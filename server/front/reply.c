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
#include "base/random.h"
#include "base/yaml.h"
#include "server/gate/share.h"

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

void reply_headers(struct request *req)
{
	char audit[RANDOM_UUID];
	size_t used = 0;

	random_uuid(audit);
	http_reply_header(req->http, "Audit-Id", audit);
	http_reply_header(req->http, "Cache-Control", "no-cache, private");
	for (size_t i = 0; i < req->warning_count; i++) {
		used += strlen(req->warnings[i]);
		if (used <= WARNINGS_MAX)
			add_warning(req, req->warnings[i]);
	}
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

void reply_text(struct request *req, int status, const char *content_type, struct str text)
{
	if (drop_if_gone(req))
		return;
	reply_headers(req);
	http_reply(req->http, status, content_type, text);
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

/* JSON text that is at hand, printed as was asked for. */
static void reply_bytes(struct request *req, int status, struct str bytes)
{
	auto_buf text = BUF_INIT;
	auto_json_doc doc = NULL;
	struct error err;

	if (req->answer != ANSWER_YAML && !wants_pretty(req)) {
		reply_text(req, status, "application/json", bytes);
		return;
	}
	if (!json_parse(bytes, &doc, NULL, &err))
		abort(); /* our own text */
	if (req->answer == ANSWER_YAML) {
		yaml_print(json_root(doc), &text);
		reply_text(req, status, "application/yaml", buf_str(&text));
		return;
	}
	json_print_pretty(json_root(doc), &text);
	buf_add_byte(&text, '\n');
	reply_text(req, status, "application/json", buf_str(&text));
}

static bool reply_protobuf(struct request *req, int status, const struct json *value,
			   const char *type_name)
{
	const struct type *type = type_name ? type_find(str_of(type_name)) : NULL;
	auto_buf text = BUF_INIT;
	struct error err;

	if (!type || !protobuf_from_json(type, value, &text, &err))
		return false;
	reply_text(req, status, "application/vnd.kubernetes.protobuf", buf_str(&text));
	return true;
}

void reply_json(struct request *req, int status, const struct json *value, const char *type_name)
{
	auto_buf text = BUF_INIT;

	if (req->answer == ANSWER_PROTOBUF && reply_protobuf(req, status, value, type_name))
		return;
	json_print(value, &text);
	reply_bytes(req, status, buf_str(&text));
}

/* --- tables and partial metadata --- */

#define TABLE_TYPE        "application/json;as=Table;v=v1;g=meta.k8s.io"
#define PARTIAL_TYPE      "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io"
#define PARTIAL_LIST_TYPE "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"

static enum table_include include_of(const struct request *req)
{
	if (str_is(req->params.include_object, "Object"))
		return TABLE_OBJECT;
	return str_is(req->params.include_object, "None") ? TABLE_NONE : TABLE_METADATA;
}

static void print_list_meta(const struct reply_list *list, struct buf *out)
{
	buf_add_print(out, "{\"resourceVersion\":\"%" PRIu64 "\"", list->revision);
	if (list->continue_token)
		buf_add_print(out, ",\"continue\":\"%s\"", list->continue_token);
	if (list->remaining >= 0)
		buf_add_print(out, ",\"remainingItemCount\":%" PRId64, list->remaining);
	buf_add_byte(out, '}');
}

static void reply_table(struct request *req, int status, const struct reply_list *list)
{
	auto_buf text = BUF_INIT;

	buf_add_text(&text, "{\"kind\":\"Table\",\"apiVersion\":\"meta.k8s.io/v1\",\"metadata\":");
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
	reply_text(req, status, TABLE_TYPE, buf_str(&text));
}

static void reply_partial_list(struct request *req, const struct reply_list *list)
{
	auto_buf text = BUF_INIT;

	buf_add_text(&text, "{\"kind\":\"PartialObjectMetadataList\",\"apiVersion\":\"meta.k8s.io/"
			    "v1\",\"metadata\":");
	print_list_meta(list, &text);
	buf_add_text(&text, ",\"items\":[");
	for (size_t i = 0; i < list->count; i++) {
		if (i > 0)
			buf_add_byte(&text, ',');
		table_print_partial(list->objects[i], &text);
	}
	buf_add_text(&text, "]}");
	reply_text(req, 200, PARTIAL_LIST_TYPE, buf_str(&text));
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
	auto_buf text = BUF_INIT;

	if (req->answer == ANSWER_TABLE) {
		reply_table(req, status, &one);
	} else if (req->answer == ANSWER_PARTIAL) {
		table_print_partial(object, &text);
		reply_text(req, status, PARTIAL_TYPE, buf_str(&text));
	} else {
		shown = face_of(req->kind, object);
		if (req->answer != ANSWER_PROTOBUF ||
		    !reply_protobuf(req, status, object_json(shown), req->kind->type_name))
			reply_bytes(req, status, object_bytes(shown));
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

static void drop_text(void *text)
{
	free(text);
}

void reply_list(struct request *req, const struct reply_list *list)
{
	auto_buf text = BUF_INIT;
	auto_json_doc doc = NULL;
	struct error err;
	struct str bytes;

	if (req->answer == ANSWER_TABLE) {
		reply_table(req, 200, list);
		return;
	}
	if (req->answer == ANSWER_PARTIAL) {
		reply_partial_list(req, list);
		return;
	}
	print_plain_list(list, &text);
	if (req->answer == ANSWER_PROTOBUF) {
		const char *type = arena_print(req->arena, "%sList", list->kind->type_name);

		if (json_parse(buf_str(&text), &doc, NULL, &err) &&
		    reply_protobuf(req, 200, json_root(doc), type))
			return;
	}
	if (req->answer == ANSWER_YAML || wants_pretty(req)) {
		reply_bytes(req, 200, buf_str(&text));
		return;
	}
	if (drop_if_gone(req))
		return;
	reply_headers(req);
	bytes = buf_str(&text);
	http_reply_shared(req->http, 200, "application/json", bytes, buf_take(&text), drop_text);
}

/* --- errors --- */

void reply_error(struct request *req, const struct error *err, const struct status_about *about)
{
	struct status_about of_request = { .kind = req->kind, .name = req->name };
	auto_buf text = BUF_INIT;
	int status;

	if (!about)
		about = &of_request;
	if (err->kind == ERROR_TOO_MANY || err->kind == ERROR_UNAVAILABLE ||
	    err->kind == ERROR_TIMEOUT)
		http_reply_header(req->http, "Retry-After", "1");
	status = status_print(err, about, &text);
	if (req->answer == ANSWER_TABLE || req->answer == ANSWER_PARTIAL)
		req->answer = ANSWER_JSON;
	if (req->answer == ANSWER_PROTOBUF) {
		auto_json_doc doc = NULL;
		struct error unused;

		if (json_parse(buf_str(&text), &doc, NULL, &unused) &&
		    reply_protobuf(req, status, json_root(doc),
				   "io.k8s.apimachinery.pkg.apis.meta.v1.Status"))
			return;
	}
	reply_bytes(req, status, buf_str(&text));
}
