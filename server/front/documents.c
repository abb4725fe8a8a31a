/*
 * documents.c - discovery and OpenAPI.
 */
#include "server/front/documents.h"

#include <assert.h>
#include <inttypes.h>

#include "api/discovery.h"
#include "api/gnostic.h"
#include "base/clock.h"
#include "base/map.h"
#include "base/time_floor.h"
#include "net/hash.h"
#include "net/http_gzip.h"
#include "server/aggregate/remote_book.h"
#include "server/bootstrap.h"
#include "server/front/openapi_pack.h"
#include "server/front/reply.h"
#include "server/front/route.h"
#include "server/request.h"
#include "server/server.h"

#define JSON_TYPE     "application/json"
#define PLAIN_MAX     (16u * 1024 * 1024) /* our own documents */
#define YEAR_S        (365 * 24 * 3600)
#define DISCOVERY_FMT "application/json;g=apidiscovery.k8s.io;v=%s;as=APIGroupDiscoveryList"

/* --- what is asked for --- */

struct form {
	const char *type; /* in Accept, without parameters */
	int form;
};

static bool is_any(struct str type)
{
	return str_is(type, "*/*") || str_is(type, "application/*");
}

static bool not_acceptable(const struct form *forms, size_t count, struct error *err)
{
	auto_buf list = BUF_INIT;

	for (size_t i = 0; i < count; i++)
		buf_add_print(&list, "%s%s", i ? ", " : "", forms[i].type);
	return error_set(err, ERROR_NOT_ACCEPTABLE,
			 "only the following media types are accepted: %s", buf_text(&list));
}

/* The first clause of Accept that can be served. */
static bool choose_form(struct request *req, const struct form *forms, size_t count, int *out,
			struct error *err)
{
	struct str rest = http_header(&req->http->head, "Accept");

	*out = forms[0].form;
	if (str_trim(rest).len == 0)
		return true;
	while (rest.len > 0) {
		struct str clause = str_cut(&rest, ','), type = str_trim(str_cut(&clause, ';'));

		for (size_t i = 0; i < count; i++)
			if (str_is(type, forms[i].type) || is_any(type)) {
				*out = forms[i].form;
				return true;
			}
	}
	return not_acceptable(forms, count, err);
}

static bool has_etag(const struct request *req, const char *etag)
{
	struct str rest = http_header(&req->http->head, "If-None-Match");

	while (rest.len > 0) {
		struct str each = str_trim(str_cut(&rest, ','));

		if (str_is(each, "*") || str_is(each, etag))
			return true;
		if (str_starts(each, STR("W/")) &&
		    str_is(str_from(each.at + 2, each.len - 2), etag))
			return true;
	}
	return false;
}

static enum step page_not_found(struct request *req)
{
	http_reply_header(req->http, "X-Content-Type-Options", "nosniff");
	reply_text(req, 404, "text/plain; charset=utf-8", STR("404 page not found\n"));
	return STEP_DONE;
}

/* --- discovery --- */

struct document {
	struct buf text;
	char etag[132];    /* with its quotes */
	uint64_t revision; /* of the other servers' resources */
	size_t users;      /* the map, and answers on their way */
};

static struct map *documents; /* key -> struct document; for the life of the process */

static void drop_document(void *keep)
{
	struct document *document = keep;

	if (!document || --document->users > 0)
		return;
	buf_clear(&document->text);
	free(document);
}

static uint64_t revision_now(const struct request *req)
{
	return remote_book_revision(server_remote_book(req->server));
}

/* One that tells what is so now. */
static struct document *find_document(const struct request *req, const char *key)
{
	struct document *document = documents ? map_find(documents, str_of(key)) : NULL;

	return document && document->revision == revision_now(req) ? document : NULL;
}

/* Takes the text. */
static struct document *keep_document(const struct request *req, const char *key, struct buf *text)
{
	struct document *document = memory_new(struct document);

	if (!documents)
		documents = map_new();
	document->text = *text;
	*text = BUF_INIT;
	document->revision = revision_now(req);
	document->users = 1;
	document->etag[0] = '"';
	hash_sha512_hex_upper(buf_str(&document->text), document->etag + 1);
	memcpy(document->etag + strlen(document->etag), "\"", 2);
	drop_document(map_put(documents, str_of(key), document));
	return document;
}

enum { LEGACY_JSON, LEGACY_YAML, LEGACY_PROTOBUF };

/* Lists of the old form; these have no ETag. */
static enum step reply_legacy(struct request *req, const struct document *document,
			      const char *type_name, struct error *err)
{
	static const struct form forms[] = {
		{ JSON_TYPE, LEGACY_JSON },
		{ "application/yaml", LEGACY_YAML },
		{ "application/vnd.kubernetes.protobuf", LEGACY_PROTOBUF },
	};
	static const enum answer_form answers[] = { ANSWER_JSON, ANSWER_YAML, ANSWER_PROTOBUF };
	auto_json_doc doc = NULL;
	int form;

	if (!choose_form(req, forms, ARRAY_LENGTH(forms), &form, err))
		return STEP_FAIL;
	req->answer = req->carrier = answers[form];
	if (!json_parse(buf_str(&document->text), &doc, NULL, err))
		return STEP_FAIL;
	reply_json(req, 200, json_root(doc), type_name);
	return STEP_DONE;
}

/* The version of aggregated discovery that is asked for before anything else that we have, or
 * NULL. */
static const char *aggregated_version(const struct request *req)
{
	static const char *const versions[] = { "v2", "v2beta1" };
	struct str rest = http_header(&req->http->head, "Accept");

	while (rest.len > 0) {
		struct str clause = str_cut(&rest, ','), type = str_trim(str_cut(&clause, ';'));

		if (!str_is(type, JSON_TYPE) && !is_any(type))
			continue;
		if (negotiate_parameter(clause, "as").len == 0)
			return NULL;
		if (!str_is(negotiate_parameter(clause, "as"), "APIGroupDiscoveryList") ||
		    !str_is(negotiate_parameter(clause, "g"), "apidiscovery.k8s.io"))
			continue;
		for (size_t i = 0; i < ARRAY_LENGTH(versions); i++)
			if (str_is(negotiate_parameter(clause, "v"), versions[i]))
				return versions[i];
	}
	return NULL;
}

static const struct discovery_remotes *remotes_of(const struct request *req)
{
	return remote_book_list(server_remote_book(req->server));
}

/* It stays until it is sent, whatever takes its place meanwhile. */
static void reply_document(struct request *req, struct document *document, const char *type,
			   const char *cache)
{
	document->users++;
	reply_ready(req, 200, type, cache, buf_str(&document->text), document, drop_document);
}

static enum step aggregated_discovery(struct request *req, bool core, const char *version)
{
	auto_free char *key = memory_print("%s %s", core ? "api" : "apis", version);
	auto_free char *type = memory_print(DISCOVERY_FMT, version);
	struct document *document = find_document(req, key);
	auto_buf text = BUF_INIT;

	if (!document) {
		discovery_print_aggregated(core, version, remotes_of(req), &text);
		document = keep_document(req, key, &text);
	}
	http_reply_header(req->http, "ETag", document->etag);
	http_reply_header(req->http, "Vary", "Accept");
	if (has_etag(req, document->etag))
		reply_ready(req, 304, NULL, "public", STR(""), NULL, NULL);
	else
		reply_document(req, document, type, "public");
	return STEP_DONE;
}

static void print_versions(struct request *req, struct buf *out)
{
	auto_free char *address = memory_print("%s:%" PRId64, server_secrets(req->server)->address,
					       server_plan_of(req->server)->https_listen_port);

	discovery_print_versions(address, out);
}

/* "api", "apis", and what is below: NULL = there is no such. */
static const char *print_legacy(struct request *req, struct str path, struct buf *out)
{
	struct str rest = path, group;

	if (str_is(str_cut(&rest, '/'), "api")) {
		if (rest.len == 0) {
			print_versions(req, out);
			return "APIVersions";
		}
		return discovery_print_resources(STR(""), rest, hash_sha256, out)
			       ? "APIResourceList"
			       : NULL;
	}
	if (rest.len == 0) {
		discovery_print_groups(remotes_of(req), out);
		return "APIGroupList";
	}
	group = str_cut(&rest, '/');
	if (rest.len == 0)
		return discovery_print_group(group, remotes_of(req), out) ? "APIGroup" : NULL;
	return group.len > 0 && discovery_print_resources(group, rest, hash_sha256, out)
		       ? "APIResourceList"
		       : NULL;
}

static enum step discovery_pass(struct request *req, bool core, struct error *err)
{
	struct str path = str_from(req->http->path.at + 1, req->http->path.len - 1);
	const char *version = aggregated_version(req), *answer;
	struct document *document;
	auto_buf text = BUF_INIT;
	auto_free char *key = NULL;
	auto_free char *type = NULL;

	if (path.at[path.len - 1] == '/')
		path.len--;
	if (version && (str_is(path, "api") || str_is(path, "apis")))
		return aggregated_discovery(req, core, version);
	answer = print_legacy(req, path, &text);
	if (!answer)
		return page_not_found(req);
	key = str_copy(path);
	type = memory_print("io.k8s.apimachinery.pkg.apis.meta.v1.%s", answer);
	document = find_document(req, key);
	if (!document)
		document = keep_document(req, key, &text);
	return reply_legacy(req, document, type, err);
}

enum step documents_api_pass(struct request *req, struct error *err)
{
	return discovery_pass(req, true, err);
}

enum step documents_apis_pass(struct request *req, struct error *err)
{
	return discovery_pass(req, false, err);
}

/* --- OpenAPI --- */

enum { OPENAPI_JSON, OPENAPI_PROTOBUF };

static void drop_text(void *text)
{
	free(text);
}

/* Whether the client has the document already. */
static bool is_known(const struct request *req, const char *etag, const char *modified)
{
	if (http_header(&req->http->head, "If-None-Match").at)
		return has_etag(req, etag);
	return str_is(http_header(&req->http->head, "If-Modified-Since"), modified);
}

/* Headers that go with a document; true when that has been all. */
static bool reply_unchanged(struct request *req, struct str hash, const char *form,
			    const char *cache)
{
	auto_free char *etag = memory_print("\"" STR_FMT "%s\"", STR_ARG(hash), form);
	char modified[HTTP_DATE];

	http_print_date(time_floor_built_s(), modified);
	http_reply_header(req->http, "ETag", etag);
	http_reply_header(req->http, "Last-Modified", modified);
	http_reply_header(req->http, "Vary", "Accept, Accept-Encoding");
	if (!is_known(req, etag, modified))
		return false;
	reply_ready(req, 304, NULL, cache, STR(""), NULL, NULL);
	return true;
}

static enum step reply_packed(struct request *req, const struct openapi_entry *entry,
			      const char *type, const char *cache, struct error *err)
{
	auto_buf plain = BUF_INIT;
	struct str text;

	if (reply_unchanged(req, entry->hash, "", cache))
		return STEP_DONE;
	if (http_accepts_gzip(http_header(&req->http->head, "Accept-Encoding"))) {
		http_reply_header(req->http, "Content-Encoding", "gzip");
		reply_ready(req, 200, type, cache, entry->packed, NULL, NULL);
		return STEP_DONE;
	}
	if (!http_gunzip(entry->packed, PLAIN_MAX, &plain, err))
		return STEP_FAIL;
	text = buf_str(&plain);
	reply_ready(req, 200, type, cache, text, buf_take(&plain), drop_text);
	return STEP_DONE;
}

/* The third version as protobuf, which hardly anybody asks for, is made from the JSON each time. */
static enum step reply_gnostic(struct request *req, const struct openapi_entry *entry,
			       const char *type, const char *cache, struct error *err)
{
	auto_buf plain = BUF_INIT;
	auto_buf coded = BUF_INIT;
	auto_json_doc doc = NULL;
	struct str bytes;

	if (reply_unchanged(req, entry->hash, "-protobuf", cache))
		return STEP_DONE;
	if (!http_gunzip(entry->packed, PLAIN_MAX, &plain, err) ||
	    !json_parse(buf_str(&plain), &doc, NULL, err) ||
	    !gnostic_from_v3(json_root(doc), &coded, err))
		return STEP_FAIL;
	bytes = buf_str(&coded);
	reply_ready(req, 200, type, cache, bytes, buf_take(&coded), drop_text);
	return STEP_DONE;
}

enum step documents_swagger_pass(struct request *req, struct error *err)
{
	static const struct form forms[] = {
		{ JSON_TYPE, OPENAPI_JSON },
		{ "application/com.github.proto-openapi.spec.v2.v1.0+protobuf", OPENAPI_PROTOBUF },
		{ "application/com.github.proto-openapi.spec.v2@v1.0+protobuf", OPENAPI_PROTOBUF },
	};
	struct openapi_entry entry;
	int form;

	if (!choose_form(req, forms, ARRAY_LENGTH(forms), &form, err))
		return STEP_FAIL;
	if (!openapi_pack_find(form == OPENAPI_JSON ? STR("v2.json") : STR("v2.pb"), &entry))
		return page_not_found(req);
	return reply_packed(req, &entry, form == OPENAPI_JSON ? JSON_TYPE : forms[1].type, NULL,
			    err);
}

/* {"paths": {"api/v1": {"serverRelativeURL": "/openapi/v3/api/v1?hash=..."}}} */
static void print_index(struct buf *out)
{
	struct openapi_entry entry;
	const char *separator = "";

	buf_add_text(out, "{\"paths\":{");
	for (size_t at = 0; openapi_pack_next(&at, &entry);) {
		struct str path;

		if (!str_starts(entry.name, STR("v3/")) || !str_ends(entry.name, STR(".json")))
			continue;
		path = str_from(entry.name.at + 3, entry.name.len - 8);
		buf_add_print(out,
			      "%s\"" STR_FMT "\":{\"serverRelativeURL\":\"/openapi/v3/" STR_FMT
			      "?hash=" STR_FMT "\"}",
			      separator, STR_ARG(path), STR_ARG(path), STR_ARG(entry.hash));
		separator = ",";
	}
	buf_add_text(out, "}}");
}

static enum step index_pass(struct request *req)
{
	struct document *document = find_document(req, "openapi/v3");
	auto_buf text = BUF_INIT;

	if (!document) {
		print_index(&text);
		document = keep_document(req, "openapi/v3", &text);
	}
	http_reply_header(req->http, "ETag", document->etag);
	http_reply_header(req->http, "Vary", "Accept");
	if (has_etag(req, document->etag))
		reply_ready(req, 304, NULL, NULL, STR(""), NULL, NULL);
	else
		reply_document(req, document, JSON_TYPE, NULL);
	return STEP_DONE;
}

/* An address with another hash is of another version of the program: the right one is told. */
static enum step redirect(struct request *req, struct str path, struct str hash)
{
	auto_free char *location =
		memory_print("/openapi/v3/" STR_FMT "?hash=" STR_FMT, STR_ARG(path), STR_ARG(hash));

	http_reply_header(req->http, "Location", location);
	reply_text(req, 301, NULL, STR(""));
	return STEP_DONE;
}

static enum step group_pass(struct request *req, struct str path, struct error *err)
{
	static const struct form forms[] = {
		{ JSON_TYPE, OPENAPI_JSON },
		{ "application/com.github.proto-openapi.spec.v3.v1.0+protobuf", OPENAPI_PROTOBUF },
		{ "application/com.github.proto-openapi.spec.v3@v1.0+protobuf", OPENAPI_PROTOBUF },
	};
	auto_free char *name = memory_print("v3/" STR_FMT ".json", STR_ARG(path));
	struct str hash = params_find(req, "hash");
	const char *cache = hash.len > 0 ? "public, immutable" : NULL;
	struct openapi_entry entry;
	char expires[HTTP_DATE];
	int form;

	if (!openapi_pack_find(str_of(name), &entry))
		return page_not_found(req);
	if (!choose_form(req, forms, ARRAY_LENGTH(forms), &form, err))
		return STEP_FAIL;
	if (hash.len > 0 && !str_equal(hash, entry.hash))
		return redirect(req, path, entry.hash);
	if (hash.len > 0) {
		http_print_date(clock_wall_s() + YEAR_S, expires);
		http_reply_header(req->http, "Expires", expires);
	}
	return form == OPENAPI_JSON ? reply_packed(req, &entry, JSON_TYPE, cache, err)
				    : reply_gnostic(req, &entry, forms[1].type, cache, err);
}

enum step documents_openapi_pass(struct request *req, struct error *err)
{
	struct str path = req->http->path;
	size_t prefix = strlen("/openapi/v3");

	if (path.len <= prefix + 1)
		return index_pass(req);
	return group_pass(req, str_from(path.at + prefix + 1, path.len - prefix - 1), err);
}
