/*
 * watch_event.c - watch events printed: the object's text or message, and what is put around it.
 */
#include "server/registry/watch_event.h"

#include <assert.h>
#include <inttypes.h>

#include "api/face.h"
#include "api/protobuf.h"
#include "api/status.h"

#define META_TYPE "io.k8s.apimachinery.pkg.apis.meta.v1."

static const char *const type_names[] = { "ADDED", "MODIFIED", "DELETED", "BOOKMARK", "ERROR" };

/* --- forms --- */

static enum table_include include_of(const struct request *req)
{
	if (str_is(req->params.include_object, "Object"))
		return TABLE_OBJECT;
	return str_is(req->params.include_object, "None") ? TABLE_NONE : TABLE_METADATA;
}

void watch_form_of(const struct request *req, struct watch_form *out)
{
	*out = (struct watch_form){ .kind = req->kind, .answer = req->answer, .beta = req->beta };
	if (req->answer == ANSWER_TABLE)
		out->include = include_of(req);
	out->protobuf = req->answer == ANSWER_PROTOBUF ||
			(req->answer == ANSWER_PARTIAL && req->carrier == ANSWER_PROTOBUF);
}

bool watch_form_equal(const struct watch_form *a, const struct watch_form *b)
{
	return a->kind == b->kind && a->answer == b->answer && a->protobuf == b->protobuf &&
	       a->beta == b->beta && a->include == b->include;
}

const char *watch_content_type(const struct watch_form *form)
{
	if (form->answer == ANSWER_TABLE)
		return form->beta ? "application/json;as=Table;v=v1beta1;g=meta.k8s.io"
				  : "application/json;as=Table;v=v1;g=meta.k8s.io";
	if (form->answer == ANSWER_PARTIAL && form->protobuf)
		return "application/vnd.kubernetes.protobuf;as=PartialObjectMetadata;v=v1;"
		       "g=meta.k8s.io;stream=watch";
	if (form->answer == ANSWER_PARTIAL)
		return form->beta
			       ? "application/json;as=PartialObjectMetadata;v=v1beta1;g=meta.k8s.io"
			       : "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io";
	return form->protobuf ? "application/vnd.kubernetes.protobuf;stream=watch"
			      : "application/json";
}

/* --- around an object --- */

static void put_varint(struct buf *out, size_t value)
{
	for (; value >= 0x80; value >>= 7)
		buf_add_byte(out, (char)(value | 0x80));
	buf_add_byte(out, (char)value);
}

static void put_bytes(struct buf *out, char tag, struct str bytes)
{
	buf_add_byte(out, tag);
	put_varint(out, bytes.len);
	buf_add_str(out, bytes);
}

/* {1: type, 2: {1: the object's envelope}} behind its length. */
static void frame(enum watch_type type, struct str object, struct buf *out)
{
	auto_buf raw = BUF_INIT;
	auto_buf event = BUF_INIT;

	put_bytes(&raw, 0x0a, object);
	put_bytes(&event, 0x0a, str_of(type_names[type]));
	put_bytes(&event, 0x12, buf_str(&raw));
	for (int shift = 24; shift >= 0; shift -= 8)
		buf_add_byte(out, (char)(event.len >> shift));
	buf_add_str(out, buf_str(&event));
}

static void line(enum watch_type type, struct str object, struct buf *out)
{
	buf_reserve(out, object.len + 64);
	buf_add_print(out, "{\"type\":\"%s\",\"object\":", type_names[type]);
	buf_add_str(out, object);
	buf_add_text(out, "}\n");
}

/* A JSON value of a type of the field tables, as a message; false when the tables do not have it.
 */
static bool frame_json(enum watch_type type, const char *type_name, const struct json *value,
		       struct buf *out)
{
	const struct type *row = type_find(str_of(type_name));
	auto_buf message = BUF_INIT;
	struct error unused;

	if (!row || !protobuf_from_json(row, value, &message, &unused))
		return false;
	frame(type, buf_str(&message), out);
	return true;
}

/* JSON text, as a line or as a frame. */
static void print_text(const struct watch_form *form, enum watch_type type, const char *type_name,
		       struct str text, struct buf *out)
{
	auto_json_doc doc = NULL;
	struct error unused;

	if (form->protobuf && json_parse(text, &doc, NULL, &unused) &&
	    frame_json(type, type_name, json_root(doc), out))
		return;
	line(type, text, out);
}

/* --- objects --- */

static const char *meta_version(const struct watch_form *form)
{
	return form->beta ? "meta.k8s.io/v1beta1" : "meta.k8s.io/v1";
}

static void print_table(const struct watch_form *form, const struct object *object, bool first,
			struct buf *out)
{
	buf_add_print(out,
		      "{\"kind\":\"Table\",\"apiVersion\":\"%s\",\"metadata\":{"
		      "\"resourceVersion\":\"%" PRIu64 "\"},\"columnDefinitions\":",
		      meta_version(form), object_revision(object));
	if (first)
		table_print_columns(form->kind, out);
	else
		buf_add_text(out, "null");
	buf_add_text(out, ",\"rows\":[");
	table_print_row(form->kind, object, form->include, out);
	buf_add_text(out, "]}");
}

void watch_print(const struct watch_form *form, enum watch_type type, const struct object *object,
		 bool first, struct buf *out)
{
	auto_object shown = NULL;
	auto_buf text = BUF_INIT;

	if (form->answer == ANSWER_TABLE) {
		print_table(form, object, first, &text);
		line(type, buf_str(&text), out);
	} else if (form->answer == ANSWER_PARTIAL) {
		table_print_partial(object, form->beta, &text);
		print_text(form, type, META_TYPE "PartialObjectMetadata", buf_str(&text), out);
	} else {
		shown = face_of(form->kind, object);
		if (!form->protobuf ||
		    !frame_json(type, form->kind->type_name, object_json(shown), out))
			line(type, object_bytes(shown), out);
	}
}

/* --- bookmarks --- */

/* The list without items that clients which stream it fill with what they have heard. */
static void print_blueprint(const struct watch_form *form, struct buf *out)
{
	auto_buf version = BUF_INIT;
	auto_buf text = BUF_INIT;

	kind_api_version(form->kind, &version);
	buf_add_print(&text,
		      "{\"kind\":\"%sList\",\"apiVersion\":\"%s\",\"metadata\":{},\"items\":[]}\n",
		      form->kind->name, buf_text(&version));
	buf_add_base64(out, buf_str(&text));
}

static void print_bookmark_meta(const struct watch_form *form, uint64_t revision, bool initial_end,
				struct buf *out)
{
	buf_add_print(
		out, "\"metadata\":{\"resourceVersion\":\"%" PRIu64 "\",\"creationTimestamp\":null",
		revision);
	if (initial_end) {
		buf_add_text(out, ",\"annotations\":{\"k8s.io/initial-events-end\":\"true\"");
		if (form->answer == ANSWER_JSON) {
			buf_add_text(out, ",\"kubernetes.io/initial-events-list-blueprint\":\"");
			print_blueprint(form, out);
			buf_add_byte(out, '"');
		}
		buf_add_byte(out, '}');
	}
	buf_add_byte(out, '}');
}

/* Tables have no annotations: those are in the row. */
static void print_bookmark_table(const struct watch_form *form, uint64_t revision, bool initial_end,
				 struct buf *out)
{
	buf_add_print(out,
		      "{\"kind\":\"Table\",\"apiVersion\":\"%s\",\"metadata\":{"
		      "\"resourceVersion\":\"%" PRIu64 "\"},\"columnDefinitions\":null,\"rows\":[",
		      meta_version(form), revision);
	if (initial_end) {
		buf_add_print(out,
			      "{\"cells\":[],\"object\":{\"kind\":\"PartialObjectMetadata\","
			      "\"apiVersion\":\"%s\",",
			      meta_version(form));
		print_bookmark_meta(form, revision, true, out);
		buf_add_text(out, "}}");
	}
	buf_add_text(out, "]}");
}

void watch_print_bookmark(const struct watch_form *form, uint64_t revision, bool initial_end,
			  struct buf *out)
{
	auto_buf version = BUF_INIT;
	auto_buf text = BUF_INIT;
	bool partial = form->answer == ANSWER_PARTIAL;

	if (form->answer == ANSWER_TABLE) {
		print_bookmark_table(form, revision, initial_end, &text);
		line(WATCH_BOOKMARK, buf_str(&text), out);
		return;
	}
	kind_api_version(form->kind, &version);
	buf_add_print(&text, "{\"kind\":\"%s\",\"apiVersion\":\"%s\",",
		      partial ? "PartialObjectMetadata" : form->kind->name,
		      partial ? meta_version(form) : buf_text(&version));
	print_bookmark_meta(form, revision, initial_end, &text);
	buf_add_byte(&text, '}');
	print_text(form, WATCH_BOOKMARK,
		   partial ? META_TYPE "PartialObjectMetadata" : form->kind->type_name,
		   buf_str(&text), out);
}

/* --- errors --- */

void watch_print_error(const struct watch_form *form, const struct error *err, struct buf *out)
{
	struct status_about about = { .kind = form->kind };
	auto_buf text = BUF_INIT;

	status_print(err, &about, &text);
	print_text(form, WATCH_ERROR, META_TYPE "Status", buf_str(&text), out);
}
