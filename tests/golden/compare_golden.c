/*
 * compare_golden.c - the field tables against the golden vectors of Kubernetes.
 *
 * A vector is one object of a kind in which every field is set, as GROUP.VERSION.KIND.json, .yaml
 * and .pb.  For each kind of a group that has tables:
 *
 *  - the three forms are read by strict decoding and must be one and the same object;
 *  - each is written in the two other forms, and read again; protobuf must be the vector's very
 * bytes;
 *  - each field of the tables that the object leads to must be in it, so that no table has one too
 * many.
 *
 * usage: compare_golden FOLDER [WORD...]      WORD: only vectors with this word in their name.
 */
#include <glob.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/decode.h"
#include "api/protobuf.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/yaml.h"

enum form { FORM_JSON, FORM_YAML, FORM_PROTOBUF, FORM_COUNT };
enum verdict { VERDICT_PASSED, VERDICT_FAILED, VERDICT_SKIPPED };

static const char *const form_names[] = { "json", "yaml", "pb" };

struct vector {
	struct str name; /* "apps.v1.Deployment" */
	struct str group, version, kind;
	const char *path; /* of the folder and the name, without the ending */
	const struct type *type;
	struct buf bytes[FORM_COUNT];
	struct json_doc *docs[FORM_COUNT];
	bool failed;
};

__attribute__((format(printf, 2, 3))) static void failure(struct vector *vector, const char *format,
							  ...)
{
	va_list arguments;

	vector->failed = true;
	printf("golden: " STR_FMT ": ", STR_ARG(vector->name));
	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
	putchar('\n');
}

/* --- which table a vector is for --- */

/* Cuts off what follows the last dot. */
static struct str cut_last(struct str *text)
{
	size_t at = text->len;
	struct str last;

	while (at > 0 && text->at[at - 1] != '.')
		at--;
	last = str_from(text->at + at, text->len - at);
	text->len = at > 0 ? at - 1 : 0;
	return last;
}

/* The package of a group is called as its first word: rbac.authorization.k8s.io is rbac. */
static void package_of(const struct vector *vector, struct buf *out)
{
	struct str rest = vector->group;
	struct str word = str_cut(&rest, '.');

	buf_add_print(out, "io.k8s.api." STR_FMT "." STR_FMT ".", STR_ARG(word),
		      STR_ARG(vector->version));
}

static bool has_tables(struct str package)
{
	for (size_t i = 0; i < fields_type_count; i++)
		if (str_starts(str_of(type_name(&fields_types[i])), package))
			return true;
	return false;
}

/* Options, Status and the like are in the vectors of core, but belong to all groups. */
static const struct type *find_type(const struct vector *vector, struct str package)
{
	static const char meta[] = "io.k8s.apimachinery.pkg.apis.meta.v1.";
	auto_buf name = BUF_INIT;
	const struct type *type;

	buf_add_str(&name, package);
	buf_add_str(&name, vector->kind);
	type = type_find(buf_str(&name));
	if (type)
		return type;
	buf_reset(&name);
	buf_add_print(&name, "%s" STR_FMT, meta, STR_ARG(vector->kind));
	return type_find(buf_str(&name));
}

static bool is_stable(struct str version)
{
	int64_t number;

	return version.len > 1 &&
	       str_to_i64(str_from(version.at + 1, version.len - 1), 1, 99, &number);
}

/* NULL: it is tested; else why it is not. */
static const char *choose(struct vector *vector)
{
	auto_buf package = BUF_INIT;

	if (!is_stable(vector->version))
		return "not a stable version";
	package_of(vector, &package);
	if (!has_tables(buf_str(&package)))
		return "a group without tables";
	vector->type = find_type(vector, buf_str(&package));
	if (!vector->type)
		failure(vector, "the tables of its group lack this kind");
	return NULL;
}

/* --- comparing --- */

/* Where we are: a chain on the stack, printed only when there is something to say. */
struct step {
	const struct step *above;
	struct str key;
	size_t index;
	bool is_object;
};

static struct step step_of(const struct step *above, const struct json_iter *it)
{
	return (struct step){ above, it->key, it->index, it->is_object };
}

static void print_steps(const struct step *step, struct buf *out)
{
	if (!step)
		return;
	print_steps(step->above, out);
	if (step->is_object)
		buf_add_print(out, "." STR_FMT, STR_ARG(step->key));
	else
		buf_add_print(out, "[%zu]", step->index);
}

static void print_value(const struct json *value, struct buf *out)
{
	if (value)
		json_print(value, out);
	else
		buf_add_text(out, "nothing");
}

static void tell_difference(struct vector *vector, const char *what, const struct step *step,
			    const struct json *have, const struct json *want)
{
	auto_buf path = BUF_INIT;
	auto_buf have_text = BUF_INIT;
	auto_buf want_text = BUF_INIT;

	print_steps(step, &path);
	print_value(have, &have_text);
	print_value(want, &want_text);
	failure(vector, "%s: %s is %s and should be %s", what, buf_text(&path),
		buf_text(&have_text), buf_text(&want_text));
}

static const struct json *same_entry(const struct json *container, const struct json_iter *it)
{
	return it->is_object ? json_get_str(container, it->key) : json_at(container, it->index);
}

/* Tells each difference, as deep as it is. */
static void check_equal(struct vector *vector, const char *what, const struct step *above,
			const struct json *have, const struct json *want)
{
	if (json_equal(have, want))
		return;
	if (json_type(have) != json_type(want) || json_type(have) < JSON_ARRAY) {
		tell_difference(vector, what, above, have, want);
		return;
	}
	for (struct json_iter it = json_iter(want); json_next(&it);) {
		struct step step = step_of(above, &it);

		check_equal(vector, what, &step, same_entry(have, &it), it.value);
	}
	for (struct json_iter it = json_iter(have); json_next(&it);) {
		struct step step = step_of(above, &it);

		if (!same_entry(want, &it))
			tell_difference(vector, what, &step, it.value, NULL);
	}
}

/* Each field of the table is in the object, at each place the table has it. */
static void check_whole(struct vector *vector, const struct type *type, const struct step *above,
			const struct json *object)
{
	for (size_t i = 0; i < type->field_count; i++) {
		const struct field *field = &type_fields(type)[i];
		const struct json *value = json_get(object, field_name(field));
		struct step step = { above, str_of(field_name(field)), 0, true };

		if (field->inlined) {
			check_whole(vector, field_type(field), above, object);
			continue;
		}
		if (!value)
			tell_difference(vector, "a field of the table", &step, value,
					json_new_text(vector->docs[FORM_JSON], "something"));
		if (field->form != FIELD_MESSAGE)
			continue;
		if (field->shape == FIELD_ONE && value)
			check_whole(vector, field_type(field), &step, value);
		for (struct json_iter it = json_iter(field->shape ? value : NULL);
		     json_next(&it);) {
			struct step inner = step_of(&step, &it);

			check_whole(vector, field_type(field), &inner, it.value);
		}
	}
}

/* --- reading --- */

static bool parse_protobuf(const struct vector *vector, struct str bytes, struct json_doc **out,
			   struct error *err)
{
	auto_json_doc doc = json_doc_new();
	struct str version, kind, raw;
	struct json *root;

	if (!protobuf_open(bytes, &version, &kind, &raw, err) ||
	    !protobuf_to_json(vector->type, raw, doc, &root, err))
		return false;
	if (version.len > 0) /* not so for a WatchEvent */
		json_put(doc, root, "apiVersion", json_new_str(doc, version));
	if (kind.len > 0)
		json_put(doc, root, "kind", json_new_str(doc, kind));
	json_set_root(doc, root);
	*out = take_ptr(&doc);
	return true;
}

static bool parse(const struct vector *vector, enum form form, struct str bytes,
		  struct json_doc **out, struct error *err)
{
	switch (form) {
	case FORM_JSON: return json_parse(bytes, out, NULL, err);
	case FORM_YAML: return yaml_parse(bytes, out, NULL, err);
	default: return parse_protobuf(vector, bytes, out, err);
	}
}

/* Parsed and decoded as a request's body would be; NULL when that has failed. */
static struct json_doc *decode(struct vector *vector, const char *what, enum form form,
			       struct str bytes)
{
	auto_json_doc doc = NULL;
	auto_arena arena = arena_new();
	struct decode_notes notes = { .arena = arena };
	struct error err;

	if (!parse(vector, form, bytes, &doc, &err) ||
	    !decode_check(vector->type, doc, json_root(doc), &notes, &err)) {
		failure(vector, "%s: %s", what, err.text);
		return NULL;
	}
	for (size_t i = 0; i < notes.count; i++)
		failure(vector, "%s: %s", what, notes.notes[i]);
	return take_ptr(&doc);
}

static bool read_forms(struct vector *vector)
{
	for (enum form form = 0; form < FORM_COUNT; form++) {
		auto_buf path = BUF_INIT;
		struct error err;

		buf_add_print(&path, "%s.%s", vector->path, form_names[form]);
		if (!file_read(buf_text(&path), LIMIT_BODY, &vector->bytes[form], &err)) {
			failure(vector, "%s", err.text);
			return false;
		}
		vector->docs[form] =
			decode(vector, form_names[form], form, buf_str(&vector->bytes[form]));
		if (!vector->docs[form])
			return false;
	}
	return true;
}

static const struct json *object_of(const struct vector *vector, enum form form)
{
	return json_root(vector->docs[form]);
}

static void check_reading(struct vector *vector)
{
	auto_json_doc plain = NULL;
	struct error err;

	if (!json_parse(buf_str(&vector->bytes[FORM_JSON]), &plain, NULL, &err)) {
		failure(vector, "%s", err.text);
		return;
	}
	for (enum form form = 0; form < FORM_COUNT; form++)
		check_equal(vector, form_names[form], NULL, object_of(vector, form),
			    json_root(plain));
}

/* --- writing --- */

static bool write_form(const struct vector *vector, const struct json *object, enum form form,
		       struct buf *out, struct error *err)
{
	switch (form) {
	case FORM_JSON: json_print(object, out); return true;
	case FORM_YAML: yaml_print(object, out); return true;
	default: return protobuf_from_json(vector->type, object, out, err);
	}
}

static void check_bytes(struct vector *vector, const char *what, struct str have, struct str want)
{
	size_t at = 0;

	while (at < have.len && at < want.len && have.at[at] == want.at[at])
		at++;
	if (!str_equal(have, want))
		failure(vector, "%s: %zu bytes, not %zu, and others from byte %zu on", what,
			have.len, want.len, at);
}

static void check_writing(struct vector *vector, enum form from, enum form to)
{
	auto_buf what = BUF_INIT;
	auto_buf written = BUF_INIT;
	auto_json_doc again = NULL;
	struct error err;

	buf_add_print(&what, "%s as %s", form_names[from], form_names[to]);
	if (!write_form(vector, object_of(vector, from), to, &written, &err)) {
		failure(vector, "%s: %s", buf_text(&what), err.text);
		return;
	}
	again = decode(vector, buf_text(&what), to, buf_str(&written));
	if (again)
		check_equal(vector, buf_text(&what), NULL, json_root(again),
			    object_of(vector, FORM_JSON));
	if (to == FORM_PROTOBUF)
		check_bytes(vector, buf_text(&what), buf_str(&written),
			    buf_str(&vector->bytes[FORM_PROTOBUF]));
}

/* --- all of them --- */

static void check(struct vector *vector)
{
	if (!read_forms(vector))
		return;
	check_reading(vector);
	check_whole(vector, vector->type, NULL, object_of(vector, FORM_JSON));
	for (enum form from = 0; from < FORM_COUNT; from++)
		for (enum form to = 0; to < FORM_COUNT; to++)
			check_writing(vector, from, to);
}

static void close_forms(struct vector *vector)
{
	for (enum form form = 0; form < FORM_COUNT; form++) {
		json_doc_free(vector->docs[form]);
		buf_clear(&vector->bytes[form]);
	}
}

/* Once for all kinds of a group's version; they come one after the other. */
static void tell_skipped(const struct vector *vector, const char *why)
{
	static char last[256];
	char now[sizeof(last)];

	snprintf(now, sizeof(now), STR_FMT "." STR_FMT, STR_ARG(vector->group),
		 STR_ARG(vector->version));
	if (strcmp(now, last) != 0)
		printf("golden: skipped: %s: %s\n", now, why);
	memcpy(last, now, sizeof(last));
}

static enum verdict try_vector(struct str name, const char *path)
{
	struct vector vector = { .name = name, .path = path, .group = name };
	const char *why;

	vector.kind = cut_last(&vector.group);
	vector.version = cut_last(&vector.group);
	why = choose(&vector);
	if (why) {
		tell_skipped(&vector, why);
		return VERDICT_SKIPPED;
	}
	if (vector.type)
		check(&vector);
	close_forms(&vector);
	return vector.failed ? VERDICT_FAILED : VERDICT_PASSED;
}

static bool is_chosen(const char *path, char *const *words)
{
	bool chosen = !*words;

	for (; *words; words++)
		chosen = chosen || strstr(path, *words);
	return chosen;
}

int main(int argc, char **argv)
{
	size_t counts[] = { 0, 0, 0 };
	auto_buf pattern = BUF_INIT;
	glob_t found = { 0 };

	if (argc < 2) {
		fprintf(stderr, "usage: compare_golden FOLDER [WORD...]\n");
		return 2;
	}
	buf_add_print(&pattern, "%s/*.json", argv[1]);
	glob(buf_text(&pattern), 0, NULL, &found);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		char *path = found.gl_pathv[i];
		struct str name = str_of(path + strlen(argv[1]) + 1);

		name.len -= strlen(".json");
		path[strlen(path) - strlen(".json")] = '\0';
		if (is_chosen(name.at, argv + 2))
			counts[try_vector(name, path)]++;
	}
	globfree(&found);
	printf("golden: %zu skipped\n", counts[VERDICT_SKIPPED]);
	printf("golden: %zu passed, %zu failed\n", counts[VERDICT_PASSED], counts[VERDICT_FAILED]);
	return counts[VERDICT_FAILED] > 0 || counts[VERDICT_PASSED] == 0;
}
