/*
 * body.c - request bodies: parse by media type, compare what they say they are with what was asked
 * for, check the fields against the kind's table.
 */
#include "server/registry/body.h"

#include "api/protobuf.h"
#include "base/limits.h"
#include "base/yaml.h"

struct body_wish body_wish_of(const struct kind *kind, struct arena *arena)
{
	auto_buf version = BUF_INIT;

	kind_api_version(kind, &version);
	return (struct body_wish){
		.type_name = kind->type_name,
		.api_version = arena_string(arena, version.at, version.len),
		.kind = kind->name,
	};
}

/* "v1" of "apps/v1" */
static struct str version_part(struct str api_version)
{
	ptrdiff_t slash = str_find(api_version, '/');

	return slash < 0
		       ? api_version
		       : str_from(api_version.at + slash + 1, api_version.len - (size_t)slash - 1);
}

/* "rbac" of "rbac.authorization.k8s.io/v1", "core" of "v1" */
static struct str group_part(struct str api_version)
{
	struct str rest = api_version;

	if (str_find(api_version, '/') < 0)
		return STR("core");
	rest = str_cut(&rest, '/');
	return str_cut(&rest, '.');
}

/* The type that a body says it is, when the tables know one: kinds, and what is only posted. */
static const struct type *type_of_said(struct str api_version, struct str kind)
{
	const struct kind *known = kind_find_name(api_version, kind);
	struct str group = group_part(api_version), version = version_part(api_version);
	auto_buf name = BUF_INIT;

	if (known)
		return kind_type(known);
	buf_add_print(&name, "io.k8s.api." STR_FMT "." STR_FMT "." STR_FMT, STR_ARG(group),
		      STR_ARG(version), STR_ARG(kind));
	return type_find(buf_str(&name));
}

static bool cannot_handle(const struct body_wish *wish, struct error *err, const char *why)
{
	struct str version = version_part(str_of(wish->api_version));

	return error_set(err, ERROR_BAD_REQUEST,
			 "%s in version \"" STR_FMT "\" cannot be handled as a %s: %s", wish->kind,
			 STR_ARG(version), wish->kind, why);
}

static bool parse_protobuf(struct request *req, const struct body_wish *wish, struct json_doc **out,
			   struct error *err)
{
	const struct type *type = type_find(str_of(wish->type_name));
	struct str api_version, kind, raw;
	struct json *root = NULL;

	if (!protobuf_open(req->http->body, &api_version, &kind, &raw, err))
		return false;
	if (!type)
		return error_set(err, ERROR_MEDIA_TYPE, "%s cannot be sent as protobuf",
				 wish->kind);
	if (kind.len > 0 && !str_is(kind, wish->kind))
		return error_set(err, ERROR_BAD_REQUEST,
				 STR_FMT " in the body cannot be handled as a %s", STR_ARG(kind),
				 wish->kind);
	*out = json_doc_new(); /* the caller's from now on */
	if (!protobuf_to_json(type, raw, *out, &root, err))
		return false;
	json_put(*out, root, "apiVersion",
		 json_new_str(*out, api_version.len ? api_version : str_of(wish->api_version)));
	json_put(*out, root, "kind", json_new_text(*out, wish->kind));
	json_set_root(*out, root);
	return true;
}

static bool parse_text(struct request *req, struct json_doc **out, const char **duplicate,
		       struct error *err)
{
	/* Most clients apply JSON, which is YAML too. */
	if (req->body_form == BODY_PATCH_APPLY && str_starts(req->http->body, STR("{")) &&
	    json_parse(req->http->body, out, duplicate, err))
		return true;
	if (req->body_form == BODY_YAML || req->body_form == BODY_PATCH_APPLY)
		return yaml_parse(req->http->body, out, duplicate, err);
	return json_parse(req->http->body, out, duplicate, err);
}

/* Each line is a warning. */
static void warn_lines(struct request *req, struct str lines)
{
	while (lines.len > 0) {
		struct str line = str_trim(str_cut(&lines, '\n'));

		if (line.len > 0)
			request_warn(req, str_copy_arena(line, req->arena));
	}
}

/* Who applies is told by the lines of the text. */
static bool check_config(struct request *req, struct error *err)
{
	auto_buf lines = BUF_INIT;

	yaml_print_duplicates(req->http->body, &lines);
	if (req->params.field_validation == VALIDATION_STRICT)
		return error_set(err, ERROR_BAD_REQUEST,
				 "error strict decoding YAML: error converting YAML to JSON: yaml: "
				 "unmarshal errors:%s",
				 buf_text(&lines));
	warn_lines(req, buf_str(&lines));
	return true;
}

/* Keys that come twice are in no parsed value: the text is read once more. */
static void note_patch(struct request *req, struct decode_notes *noted)
{
	auto_json_doc doc = NULL;
	struct error unused;

	if (json_parse_kept(req->http->body, &doc, &unused))
		decode_check_patch(json_root(doc), req->body_form == BODY_PATCH_JSON, noted);
}

bool body_parse(struct request *req, struct json_doc **out, struct decode_notes *out_noted,
		struct error *err)
{
	bool heeded = req->params.field_validation != VALIDATION_IGNORE;
	auto_json_doc doc = NULL;
	const char *duplicate = NULL;

	*out_noted = (struct decode_notes){ .arena = req->arena };
	if (req->http->body.len == 0)
		return error_set(err, ERROR_BAD_REQUEST, "the request has no body");
	if (!parse_text(req, &doc, &duplicate, err))
		return req->body_form == BODY_PATCH_APPLY
			       ? error_context(err, "error decoding YAML")
			       : false;
	if (heeded && duplicate && req->body_form == BODY_PATCH_APPLY && !check_config(req, err))
		return false;
	if (heeded && (duplicate || req->body_form == BODY_PATCH_JSON) &&
	    req->body_form != BODY_PATCH_APPLY)
		note_patch(req, out_noted);
	*out = take_ptr(&doc);
	return true;
}

/* What the body says it is must be what the URL means; silence is fine. */
static bool check_said(struct json *root, const struct body_wish *wish, struct error *err)
{
	struct str kind = json_str(json_get(root, "kind"));
	struct str version = json_str(json_get(root, "apiVersion"));

	if (json_type(root) != JSON_OBJECT)
		return error_set(err, ERROR_BAD_REQUEST,
				 "the object provided is unrecognized (must be of type %s): the "
				 "body is not an object",
				 wish->kind);
	if (kind.len == 0)
		kind = str_of(wish->kind);
	if (version.len == 0 || (wish->old_version && str_is(version, wish->old_version)))
		version = str_of(wish->api_version);
	if (str_is(kind, wish->kind) && str_is(version, wish->api_version))
		return true;
	if (!type_of_said(version, kind))
		return error_set(err, ERROR_BAD_REQUEST,
				 STR_FMT " in version \"" STR_FMT
					 "\" cannot be handled as a %s: no kind \"" STR_FMT
					 "\" is registered for version \"" STR_FMT "\"",
				 STR_ARG(kind), STR_ARG(version_part(version)), wish->kind,
				 STR_ARG(kind), STR_ARG(version));
	if (!str_is(version, wish->api_version))
		return error_set(err, ERROR_BAD_REQUEST,
				 "the API version in the data (" STR_FMT
				 ") does not match the expected API version (%s)",
				 STR_ARG(version), wish->api_version);
	return error_set(err, ERROR_BAD_REQUEST,
			 STR_FMT " in version \"" STR_FMT
				 "\" cannot be handled as a %s: converting (" STR_FMT "." STR_FMT
				 ") to (" STR_FMT ".%s): unknown conversion",
			 STR_ARG(kind), STR_ARG(version_part(version)), wish->kind,
			 STR_ARG(version_part(version)), STR_ARG(kind),
			 STR_ARG(group_part(version)), wish->kind);
}

/* apiVersion, kind and metadata first, whatever the caller's order was. */
static void arrange(struct json_doc *doc, const struct body_wish *wish)
{
	struct json *from = json_root(doc), *root = json_new_object(doc);
	struct json *metadata = json_get(from, "metadata");

	json_remove(from, STR("apiVersion"));
	json_remove(from, STR("kind"));
	if (metadata)
		json_remove(from, STR("metadata"));
	json_put(doc, root, "apiVersion", json_new_text(doc, wish->api_version));
	json_put(doc, root, "kind", json_new_text(doc, wish->kind));
	if (json_type(metadata) == JSON_OBJECT)
		json_put(doc, root, "metadata", metadata);
	json_move_entries(root, from);
	json_set_root(doc, root);
}

static const char *join_notes(struct request *req, const struct decode_notes *notes)
{
	auto_buf text = BUF_INIT;

	for (size_t i = 0; i < notes->count; i++)
		buf_add_print(&text, "%s%s", i ? ", " : "", notes->notes[i]);
	return arena_string(req->arena, buf_text(&text), text.len);
}

/* Follow fieldValidation: false = strict and there is something to say. */
static bool take_notes(struct request *req, const struct decode_notes *notes)
{
	if (req->params.field_validation == VALIDATION_WARN)
		for (size_t i = 0; i < notes->count; i++)
			request_warn(req, notes->notes[i]);
	return notes->count == 0 || req->params.field_validation != VALIDATION_STRICT;
}

/* All that is unknown or there twice, in the order of the text, which is read once more. */
static void note_all(struct request *req, const struct type *type, struct decode_notes *notes)
{
	struct decode_notes again = { .arena = req->arena, .duplicates = true };
	auto_json_doc doc = NULL;
	struct error unused;

	if (json_parse_kept(req->http->body, &doc, &unused) &&
	    decode_check(type, doc, json_root(doc), &again, &unused))
		*notes = again;
}

static void note_duplicate(struct request *req, const struct body_wish *wish,
			   struct decode_notes *notes, const char *duplicate)
{
	const struct type *type = wish->type_name ? type_find(str_of(wish->type_name)) : NULL;
	auto_buf lines = BUF_INIT;
	const char **grown;

	if (!duplicate)
		return;
	if (type && req->body_form == BODY_JSON) {
		note_all(req, type, notes);
		return;
	}
	if (req->body_form == BODY_YAML) {
		yaml_print_duplicates(req->http->body, &lines);
		if (req->params.field_validation == VALIDATION_WARN) {
			warn_lines(req, buf_str(&lines));
			return;
		}
	}
	grown = arena_get(req->arena, (notes->count + 1) * sizeof(*grown));
	grown[0] = lines.len > 0
			   ? arena_print(req->arena, "yaml: unmarshal errors:%s", buf_text(&lines))
			   : arena_print(req->arena, "duplicate field \"%s\"", duplicate);
	for (size_t i = 0; i < notes->count; i++)
		grown[i + 1] = notes->notes[i];
	notes->notes = grown;
	notes->count++;
}

static bool check_fields(struct json_doc *doc, const struct body_wish *wish,
			 struct decode_notes *notes, struct error *err)
{
	const struct type *type = wish->type_name ? type_find(str_of(wish->type_name)) : NULL;

	if (type && !decode_check(type, doc, json_root(doc), notes, err))
		return cannot_handle(wish, err,
				     arena_string(notes->arena, err->text, strlen(err->text)));
	return true;
}

static bool check_all(struct request *req, const struct body_wish *wish, struct json_doc *doc,
		      const char *duplicate, struct error *err)
{
	struct decode_notes notes = { .arena = req->arena };

	if (!check_said(json_root(doc), wish, err))
		return false;
	arrange(doc, wish);
	if (!check_fields(doc, wish, &notes, err))
		return false;
	note_duplicate(req, wish, &notes, duplicate);
	if (take_notes(req, &notes))
		return true;
	return cannot_handle(
		wish, err,
		arena_print(req->arena, "strict decoding error: %s", join_notes(req, &notes)));
}

#define SUMMARY 30

/* Text that is no JSON at all: with its first bytes. */
static bool unrecognized(struct request *req, const struct body_wish *wish, struct error *err)
{
	struct str body = req->http->body;
	struct str begin = str_from(body.at, body.len > SUMMARY ? SUMMARY : body.len);
	auto_buf summary = BUF_INIT;
	auto_free char *why = memory_string(err->text);

	if (body.len == 0)
		buf_add_text(&summary, "<empty>");
	else if (body.at[0] == '{' && str_is_utf8(begin))
		buf_add_str(&summary, begin);
	else
		buf_add_hex(&summary, begin);
	return error_set(err, err->kind,
			 "the object provided is unrecognized (must be of type %s): couldn't get "
			 "version/kind; %s parse error: %s (%s%s)",
			 wish->kind, req->body_form == BODY_YAML ? "yaml" : "json", why,
			 buf_text(&summary), body.len > SUMMARY ? " ..." : "");
}

bool body_read(struct request *req, const struct body_wish *wish, struct json_doc **out,
	       struct error *err)
{
	auto_json_doc doc = NULL;
	const char *duplicate = NULL;

	if (req->body_form == BODY_PROTOBUF) {
		if (!parse_protobuf(req, wish, &doc, err))
			return false;
	} else if (!parse_text(req, &doc, &duplicate, err)) {
		return unrecognized(req, wish, err);
	}
	if (!check_all(req, wish, doc, duplicate, err))
		return false;
	*out = take_ptr(&doc);
	return true;
}

/* One list of both, without changing the first: a patch may be tried again. */
static struct decode_notes notes_of_both(const struct decode_notes *first,
					 const struct decode_notes *second, struct arena *arena)
{
	struct decode_notes both = { .arena = arena };

	both.notes = arena_get(arena, (first->count + second->count + 1) * sizeof(*both.notes));
	for (size_t i = 0; i < first->count; i++)
		both.notes[both.count++] = first->notes[i];
	for (size_t i = 0; i < second->count && both.count < DECODE_NOTES_MAX; i++)
		both.notes[both.count++] = second->notes[i];
	return both;
}

bool body_check(struct request *req, const struct body_wish *wish, const struct decode_notes *noted,
		struct json_doc *doc, struct error *err)
{
	struct decode_notes notes = { .arena = req->arena };

	if (!check_said(json_root(doc), wish, err))
		return false;
	arrange(doc, wish);
	if (!check_fields(doc, wish, &notes, err)) {
		err->kind = ERROR_INVALID;
		return false;
	}
	notes = notes_of_both(noted, &notes, req->arena);
	if (take_notes(req, &notes))
		return true;
	return error_set(err, ERROR_INVALID, "patch: Invalid value: strict decoding error: %s",
			 join_notes(req, &notes));
}

bool body_read_options(struct request *req, struct json_doc **out, struct error *err)
{
	struct body_wish wish = {
		.type_name = "io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions",
		.api_version = "v1",
		.kind = "DeleteOptions",
	};
	auto_json_doc doc = NULL;
	const char *duplicate = NULL;

	*out = NULL;
	if (req->http->body.len == 0)
		return true;
	if (req->body_form == BODY_PROTOBUF) {
		if (!parse_protobuf(req, &wish, &doc, err))
			return false;
	} else if (!parse_text(req, &doc, &duplicate, err)) {
		return unrecognized(req, &wish, err);
	}
	if (json_type(json_root(doc)) != JSON_OBJECT)
		return cannot_handle(&wish, err, "the body is not an object");
	/* Typed clients name the group they call as apiVersion: any is taken.
	 */
	json_put(doc, json_root(doc), "apiVersion", json_new_text(doc, "v1"));
	if (!check_all(req, &wish, doc, duplicate, err))
		return false;
	*out = take_ptr(&doc);
	return true;
}
