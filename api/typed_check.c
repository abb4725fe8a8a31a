/*
 * typed_check.c - is a configuration one of its type?  Told in the words of the real server, whose
 * values are shown as its language prints them.
 */
#include <inttypes.h>
#include <string.h>

#include "api/typed_inside.h"

/* More text than this nobody reads. */
#define PROBLEMS_MAX (16u * 1024)

struct check {
	struct arena *arena;
	struct buf *out; /* all problems */
	struct buf path; /* of the node  */
	size_t count;
};

static void add_problem(struct check *check, const char *text)
{
	if (check->count++ > 0)
		buf_add_byte(check->out, '\n');
	if (check->count == 2) { /* the first one gets its heading now */
		char *first = buf_take(check->out);

		buf_add_print(check->out, "errors:\n  %s", first);
		free(first);
	}
	if (check->count > 1)
		buf_add_text(check->out, "  ");
	if (check->path.len > 0)
		buf_add_print(check->out, "%s: ", buf_text(&check->path));
	buf_add_text(check->out, text);
}

/* map[a:1 b:[x y]]: %v of Go */
static void print_plain(const struct json *value, struct buf *out)
{
	bool first = true;

	switch (json_type(value)) {
	case JSON_STRING: buf_add_str(out, json_str(value)); return;
	case JSON_NULL:
	case JSON_ABSENT: buf_add_text(out, "<nil>"); return;
	case JSON_BOOL:
	case JSON_NUMBER: json_print(value, out); return;
	case JSON_ARRAY:
	case JSON_OBJECT: break;
	}
	buf_add_text(out, json_type(value) == JSON_OBJECT ? "map[" : "[");
	for (struct json_iter it = json_iter(value); out->len < PROBLEMS_MAX && json_next(&it);) {
		buf_add_text(out, first ? "" : " ");
		if (it.key.at)
			buf_add_print(out, STR_FMT ":", STR_ARG(it.key));
		print_plain(it.value, out);
		first = false;
	}
	buf_add_byte(out, ']');
}

/* map[string]interface {}{"a":1}: %#v of Go */
static void print_source(const struct json *value, struct buf *out)
{
	bool first = true;

	switch (json_type(value)) {
	case JSON_NULL:
	case JSON_ABSENT: buf_add_text(out, "interface {}(nil)"); return;
	case JSON_STRING:
	case JSON_BOOL:
	case JSON_NUMBER: json_print(value, out); return;
	case JSON_ARRAY:
	case JSON_OBJECT: break;
	}
	buf_add_text(out, json_type(value) == JSON_OBJECT ? "map[string]interface {}{"
							  : "[]interface {}{");
	for (struct json_iter it = json_iter(value); out->len < PROBLEMS_MAX && json_next(&it);) {
		buf_add_text(out, first ? "" : ", ");
		if (it.key.at)
			buf_add_print(out, "\"" STR_FMT "\":", STR_ARG(it.key));
		print_source(it.value, out);
		first = false;
	}
	buf_add_byte(out, '}');
}

static const char *go_type(const struct json *value)
{
	switch (json_type(value)) {
	case JSON_STRING: return "string";
	case JSON_BOOL: return "bool";
	case JSON_NUMBER: return json_is_int(value) ? "int64" : "float64";
	case JSON_ARRAY: return "[]interface {}";
	case JSON_OBJECT: return "map[string]interface {}";
	case JSON_NULL:
	case JSON_ABSENT: break;
	}
	return "<nil>";
}

static void add_expected(struct check *check, const char *what, const struct json *value)
{
	auto_buf text = BUF_INIT;

	buf_add_print(&text, "expected %s, got ", what);
	if (strcmp(what, "string") == 0) {
		buf_add_text(&text, "&value.valueUnstructured{Value:");
		print_source(value, &text);
		buf_add_byte(&text, '}');
	} else if (str_starts(str_of(what), STR("numeric"))) {
		buf_add_text(&text, go_type(value));
	} else {
		buf_add_text(&text, "&{");
		print_plain(value, &text);
		buf_add_byte(&text, '}');
	}
	add_problem(check, buf_text(&text));
}

static void check_leaf(struct check *check, const struct field *field, const struct json *value)
{
	enum json_type type = json_type(value);

	if (type == JSON_NULL)
		return;
	switch ((enum field_form)field->form) {
	case FIELD_STRING:
	case FIELD_BYTES:
	case FIELD_DURATION:
		if (type != JSON_STRING)
			add_expected(check, "string", value);
		break;
	case FIELD_BOOL:
		if (type != JSON_BOOL)
			add_expected(check, "boolean", value);
		break;
	case FIELD_INT32:
	case FIELD_INT64:
	case FIELD_DOUBLE:
		if (type != JSON_NUMBER)
			add_expected(check, "numeric (int or float)", value);
		break;
	case FIELD_QUANTITY:
	case FIELD_INT_OR_STRING:
	case FIELD_TIME:
	case FIELD_MICRO_TIME:
		if (type == JSON_OBJECT || type == JSON_ARRAY)
			add_expected(check, "any scalar", value);
		break;
	case FIELD_ANY:
	case FIELD_STRINGS:
	case FIELD_MESSAGE: break;
	}
}

static void check_node(struct check *check, struct typed_node node, const struct json *value);

static void check_child(struct check *check, struct typed_node node, struct fields_element element,
			const struct json *value)
{
	size_t len = check->path.len;

	fields_print_element(element, &check->path);
	check_node(check, node, value);
	check->path.len = len;
	if (check->path.at)
		check->path.at[len] = '\0';
}

static bool is_known(const struct typed_node *root, struct str name)
{
	/* What every object says of itself. */
	return !root->field && (str_is(name, "apiVersion") || str_is(name, "kind"));
}

static void check_map(struct check *check, struct typed_node node, const struct json *value)
{
	enum typed_form form = typed_form_of(node);

	if (json_type(value) != JSON_OBJECT) {
		add_expected(check, "map", value);
		return;
	}
	for (struct json_iter it = json_iter(value); json_next(&it);) {
		struct typed_node child = typed_entry_node(node);

		if (form == TYPED_STRUCT && !typed_member_node(node, it.key, &child)) {
			size_t len = check->path.len;

			if (is_known(&node, it.key))
				continue;
			fields_print_element(fields_name(it.key), &check->path);
			add_problem(check, "field not declared in schema");
			check->path.len = len;
			check->path.at[len] = '\0';
			return;
		}
		check_child(check, child, fields_name(it.key), it.value);
	}
}

static bool check_element(struct check *check, struct typed_node node, const struct json *entry,
			  size_t at, struct fields_element *out)
{
	const char *why = NULL;

	*out = (struct fields_element){ 'i', str_of(arena_print(check->arena, "%zu", at)) };
	if (typed_is_atomic(node) || typed_element(node, entry, check->arena, out, &why))
		return true;
	add_problem(check, arena_print(check->arena, "element %zu: %s", at, why));
	return false;
}

/* Each element that comes again is told at its place. */
static void check_doubles(struct check *check, struct typed_node node, const struct json *value)
{
	struct typed_items items = typed_gather(node, value, check->arena);

	for (size_t i = 1; i < items.count && check->out->len < PROBLEMS_MAX; i++) {
		auto_buf text = BUF_INIT;

		if (fields_compare(items.items[i - 1].element, items.items[i].element) != 0)
			continue;
		buf_add_text(&text, "duplicate entries for key ");
		fields_print_element(items.items[i].element, &text);
		add_problem(check, buf_text(&text));
	}
}

static void check_list(struct check *check, struct typed_node node, const struct json *value)
{
	if (json_type(value) != JSON_ARRAY) {
		add_expected(check, "list", value);
		return;
	}
	for (struct json_iter it = json_iter(value); json_next(&it);) {
		struct fields_element element;

		if (!check_element(check, node, it.value, it.index, &element))
			return;
		check_child(check, typed_entry_node(node), element, it.value);
	}
	if (!typed_is_atomic(node))
		check_doubles(check, node, value);
}

static void check_node(struct check *check, struct typed_node node, const struct json *value)
{
	enum typed_form form = typed_form_of(node);

	if (check->out->len >= PROBLEMS_MAX || json_type(value) == JSON_NULL || form == TYPED_ANY)
		return;
	if (form == TYPED_LEAF)
		check_leaf(check, node.field, value);
	else if (form == TYPED_LIST && node.inner)
		return; /* texts of texts: any list */
	else if (form == TYPED_LIST)
		check_list(check, node, value);
	else
		check_map(check, node, value);
}

bool typed_check(const struct type *type, const struct json *object, struct buf *out_problems)
{
	auto_arena arena = arena_new();
	struct check check = { .arena = arena, .out = out_problems, .path = BUF_INIT };

	check_node(&check, typed_root(type), object);
	buf_clear(&check.path);
	return check.count == 0;
}
