/*
 * manifest_text.c - cuts the text into documents before a parser sees them, so that an error in one
 * does not hide the others.
 */
#include "server/control/manifest_text.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/limits.h"
#include "base/yaml.h"

/* --- problems --- */

void manifest_text_problem(struct manifest_text *text, unsigned document, const char *format, ...)
{
	char line[512];
	va_list args;

	if (text->problem_count == MANIFEST_PROBLEMS_MAX)
		return;
	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	text->problems =
		memory_grow(text->problems, (text->problem_count + 1) * sizeof(*text->problems));
	text->problems[text->problem_count++] =
		(struct manifest_problem){ memory_string(line), document };
}

/* --- objects --- */

static bool is_list(const struct json *value, struct str kind)
{
	return str_ends(kind, STR("List")) && json_type(json_get(value, "items")) == JSON_ARRAY;
}

static void add_object(struct manifest_text *out, const struct json *value,
		       const struct manifest_object *facts)
{
	if (out->count == LIMIT_MANIFEST_OBJECTS) {
		manifest_text_problem(out, facts->document, "more than %d objects in one file",
				      LIMIT_MANIFEST_OBJECTS);
		return;
	}
	out->objects = memory_grow(out->objects, (out->count + 1) * sizeof(*out->objects));
	out->objects[out->count] = *facts;
	out->objects[out->count++].json = value;
}

/* Entries of a ConfigMapList need not say that they are ConfigMaps. */
static void fill_item(struct json_doc *doc, struct json *item, struct str api_version,
		      struct str list_kind)
{
	struct str kind = str_from(list_kind.at, list_kind.len - strlen("List"));

	if (json_type(item) != JSON_OBJECT || kind.len == 0)
		return;
	if (!json_get(item, "apiVersion"))
		json_put(doc, item, "apiVersion", json_new_str(doc, api_version));
	if (!json_get(item, "kind"))
		json_put(doc, item, "kind", json_new_str(doc, kind));
}

static void take_value(struct manifest_text *out, struct json_doc *doc, struct json *value,
		       unsigned document)
{
	const struct json *metadata = json_get(value, "metadata");
	struct manifest_object facts = { .api_version = json_str(json_get(value, "apiVersion")),
					 .kind = json_str(json_get(value, "kind")),
					 .name = json_str(json_get(metadata, "name")),
					 .namespace = json_str(json_get(metadata, "namespace")),
					 .document = document };

	if (json_type(value) != JSON_OBJECT)
		manifest_text_problem(out, document, "is no object");
	else if (facts.api_version.len == 0)
		manifest_text_problem(out, document, "apiVersion: must be a text and is missing");
	else if (facts.kind.len == 0)
		manifest_text_problem(out, document, "kind: must be a text and is missing");
	else if (is_list(value, facts.kind))
		for (struct json_iter it = json_iter(json_get(value, "items")); json_next(&it);) {
			fill_item(doc, it.value, facts.api_version, facts.kind);
			take_value(out, doc, it.value, document);
		}
	else if (facts.name.len == 0)
		manifest_text_problem(out, document, STR_FMT " without metadata.name",
				      STR_ARG(facts.kind));
	else
		add_object(out, value, &facts);
}

/* --- documents --- */

struct cut {
	struct manifest_text *out;
	bool is_json;
	unsigned document, line; /* of the part's begin, both from 1 */
};

static void take_part(struct cut *cut, struct str part)
{
	auto_json_doc doc = NULL;
	const char *duplicate = NULL;
	struct error err;
	bool done;

	done = cut->is_json ? json_parse(part, &doc, &duplicate, &err)
			    : yaml_parse(part, &doc, &duplicate, &err);
	if (done && json_type(json_root(doc)) == JSON_NULL)
		return;
	cut->document++;
	if (!done) {
		manifest_text_problem(cut->out, cut->document, "(from line %u) %s", cut->line,
				      err.text);
	} else if (duplicate) {
		manifest_text_problem(cut->out, cut->document, "duplicate field \"%s\"", duplicate);
	} else {
		struct manifest_text *out = cut->out;

		take_value(out, doc, json_root(doc), cut->document);
		out->docs = memory_grow(out->docs, (out->doc_count + 1) * sizeof(*out->docs));
		out->docs[out->doc_count++] = take_ptr(&doc);
	}
}

static bool is_marker(struct str line)
{
	return str_starts(line, STR("---")) &&
	       (line.len == 3 || line.at[3] == ' ' || line.at[3] == '\t' || line.at[3] == '\r');
}

static bool is_end(struct str line)
{
	return str_is(str_trim(str_cut(&line, '\r')), "...");
}

/* Blank lines, comments and directives belong to the document that follows them. */
static bool is_content(struct str line)
{
	struct str text = str_trim(str_cut(&line, '\r'));

	return text.len > 0 && text.at[0] != '#' && text.at[0] != '%';
}

static void cut_yaml(struct cut *cut, struct str text)
{
	struct str rest = text;
	const char *begin = text.at;
	unsigned line_number = 1;
	bool has_content = false;

	for (; rest.len > 0; line_number++) {
		struct str line = str_cut(&rest, '\n');

		if (is_end(line) && has_content) {
			take_part(cut, str_from(begin, (size_t)(line.at - begin)));
			begin = rest.at;
			cut->line = line_number + 1;
			has_content = false;
		} else if (is_marker(line)) {
			if (has_content) {
				take_part(cut, str_from(begin, (size_t)(line.at - begin)));
				begin = line.at;
				cut->line = line_number;
			}
			/* what stands behind the marker is content as well */
			has_content = true;
		} else if (is_content(line)) {
			has_content = true;
		}
	}
	if (has_content)
		take_part(cut, str_from(begin, (size_t)(text.at + text.len - begin)));
}

/* The length of the first value: up to the brace that closes it, else all there is. */
static size_t value_length(struct str text)
{
	bool quoted = false;
	size_t depth = 0;

	for (size_t i = 0; i < text.len; i++) {
		char c = text.at[i];

		if (quoted && c == '\\')
			i++;
		else if (c == '"')
			quoted = !quoted;
		else if (!quoted && (c == '{' || c == '['))
			depth++;
		else if (!quoted && (c == '}' || c == ']') && (depth == 0 || --depth == 0))
			return i + 1;
	}
	return text.len;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void cut_json(struct cut *cut, struct str text)
{
	while (text.len > 0) {
		size_t length;

		if (is_blank(text.at[0])) {
			cut->line += text.at[0] == '\n';
			text = str_from(text.at + 1, text.len - 1);
			continue;
		}
		length = value_length(text);
		take_part(cut, str_from(text.at, length));
		for (size_t i = 0; i < length; i++)
			cut->line += text.at[i] == '\n';
		text = str_from(text.at + length, text.len - length);
	}
}

void manifest_text_parse(struct str text, bool is_json, struct manifest_text *out)
{
	struct cut cut = { .out = out, .is_json = is_json, .line = 1 };

	*out = (struct manifest_text){ 0 };
	if (str_starts(text, STR("\xef\xbb\xbf"))) /* a byte order mark */
		text = str_from(text.at + 3, text.len - 3);
	if (!str_is_utf8(text) || (text.len > 0 && memchr(text.at, 0, text.len)))
		manifest_text_problem(out, 0, "is no text in UTF-8");
	else if (is_json)
		cut_json(&cut, text);
	else
		cut_yaml(&cut, text);
}

void manifest_text_clear(struct manifest_text *text)
{
	for (size_t i = 0; i < text->problem_count; i++)
		free(text->problems[i].text);
	for (size_t i = 0; i < text->doc_count; i++)
		json_doc_free(text->docs[i]);
	free(text->problems);
	free(text->objects);
	free(text->docs);
	*text = (struct manifest_text){ 0 };
}
