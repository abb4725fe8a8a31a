/*
 * patch.c - JSON patch (RFC 6902) and merge patch (RFC 7386).
 */
#include "api/patch.h"

#include <assert.h>

#include "base/limits.h"

/* Copies in a patch may double the document each time: its growth has a limit of its own. */
#define NODES_MAX 200000

void patch_merge(struct json_doc *doc, struct json **target, const struct json *patch)
{
	if (json_type(patch) != JSON_OBJECT) {
		*target = json_clone(doc, patch);
		return;
	}
	if (json_type(*target) != JSON_OBJECT)
		*target = json_new_object(doc);
	for (struct json_iter it = json_iter(patch); json_next(&it);) {
		struct json *old = json_get_str(*target, it.key), *sub = old;

		if (json_type(it.value) == JSON_NULL) {
			json_remove(*target, it.key);
			continue;
		}
		patch_merge(doc, &sub, it.value);
		if (sub != old)
			json_put_str(doc, *target, it.key, sub);
	}
}

/* --- JSON patch --- */

struct spot { /* what a pointer names: an entry of a container, or the whole document */
	struct json *container; /* NULL = the whole */
	struct buf key;
	size_t index;
	bool is_array;
};

static bool failed(struct error *err, const char *why, struct str path)
{
	return error_set(
		err, ERROR_INVALID,
		"the server rejected our request due to an error in our request: %s: \"" STR_FMT
		"\"",
		why, STR_ARG(path));
}

static bool malformed(struct error *err, const char *why)
{
	return error_set(err, ERROR_BAD_REQUEST, "error decoding patch: %s", why);
}

/* ~1 is '/', ~0 is '~' */
static void decode_token(struct str token, struct buf *out)
{
	for (size_t i = 0; i < token.len; i++) {
		char c = token.at[i];

		if (c == '~' && i + 1 < token.len)
			c = token.at[++i] == '1' ? '/' : '~';
		buf_add_byte(out, c);
	}
}

/* "-" is behind the end; `may_end`: an index equal to the count is allowed (add). */
static bool read_index(struct str token, size_t count, bool may_end, size_t *out)
{
	uint64_t value;

	if (str_is(token, "-")) {
		*out = count;
		return may_end;
	}
	if (token.len == 0 || (token.len > 1 && token.at[0] == '0') ||
	    !str_to_u64(token, UINT32_MAX, &value))
		return false;
	*out = (size_t)value;
	return *out < count + may_end;
}

static struct json *step_into(struct json *container, struct str token)
{
	size_t index;

	if (json_type(container) == JSON_OBJECT)
		return json_get_str(container, token);
	if (json_type(container) == JSON_ARRAY &&
	    read_index(token, json_count(container), false, &index))
		return json_at(container, index);
	return NULL;
}

static bool find_spot(struct json *root, struct str path, bool may_end, struct spot *out,
		      struct error *err)
{
	struct str rest = path;
	struct json *at = root;

	*out = (struct spot){ 0 };
	if (path.len == 0)
		return true;
	if (path.at[0] != '/')
		return malformed(err, "a path does not begin with /");
	str_cut(&rest, '/');
	for (;;) {
		auto_buf token = BUF_INIT;
		bool last = str_find(rest, '/') < 0;

		decode_token(str_cut(&rest, '/'), &token);
		if (last) {
			out->container = at;
			out->is_array = json_type(at) == JSON_ARRAY;
			if (out->is_array ? !read_index(buf_str(&token), json_count(at), may_end,
							&out->index)
					  : json_type(at) != JSON_OBJECT)
				return failed(err, "the path does not exist", path);
			buf_add_str(&out->key, buf_str(&token));
			return true;
		}
		at = step_into(at, buf_str(&token));
		if (!at)
			return failed(err, "the path does not exist", path);
	}
}

static struct json *spot_value(struct json *root, const struct spot *spot)
{
	if (!spot->container)
		return root;
	return spot->is_array ? json_at(spot->container, spot->index)
			      : json_get_str(spot->container, buf_str(&spot->key));
}

static void spot_remove(const struct spot *spot)
{
	if (spot->is_array)
		json_remove_at(spot->container, spot->index);
	else
		json_remove(spot->container, buf_str(&spot->key));
}

static void spot_add(struct json_doc *doc, struct json **root, const struct spot *spot,
		     struct json *value)
{
	if (!spot->container)
		*root = value;
	else if (spot->is_array)
		json_insert(spot->container, spot->index, value);
	else
		json_put_str(doc, spot->container, buf_str(&spot->key), value);
}

struct op {
	struct json_doc *doc;
	struct json **root;
	const struct json *body;
	struct str path;
	size_t *nodes;
};

static size_t count_nodes(const struct json *value)
{
	size_t count = 1;

	for (struct json_iter it = json_iter(value); json_next(&it);)
		count += count_nodes(it.value);
	return count;
}

static bool charge(const struct op *op, const struct json *value, struct error *err)
{
	*op->nodes += count_nodes(value);
	if (*op->nodes <= NODES_MAX)
		return true;
	return error_set(err, ERROR_TOO_LARGE, "the patch makes the object too large");
}

static bool add_value(const struct op *op, struct json *value, struct error *err)
{
	struct spot spot;
	bool found = charge(op, value, err) && find_spot(*op->root, op->path, true, &spot, err);

	if (found) {
		spot_add(op->doc, op->root, &spot, value);
		buf_clear(&spot.key);
	}
	return found;
}

static bool op_add(const struct op *op, struct error *err)
{
	const struct json *value = json_get(op->body, "value");

	if (!value)
		return malformed(err, "add has no value");
	return add_value(op, json_clone(op->doc, value), err);
}

static bool remove_at(const struct op *op, struct str path, struct json **out, struct error *err)
{
	struct spot spot;
	struct json *value;

	if (!find_spot(*op->root, path, false, &spot, err))
		return false;
	value = spot_value(*op->root, &spot);
	if (value && spot.container)
		spot_remove(&spot);
	buf_clear(&spot.key);
	if (!value)
		return failed(err, "the path does not exist", path);
	*out = value;
	return true;
}

static bool op_remove(const struct op *op, struct error *err)
{
	struct json *unused;

	return remove_at(op, op->path, &unused, err);
}

static bool op_replace(const struct op *op, struct error *err)
{
	const struct json *value = json_get(op->body, "value");
	struct json *old;

	if (!value)
		return malformed(err, "replace has no value");
	if (op->path.len > 0 && !remove_at(op, op->path, &old, err))
		return false;
	return add_value(op, json_clone(op->doc, value), err);
}

static bool op_move(const struct op *op, struct error *err)
{
	struct str from = json_str(json_get(op->body, "from"));
	struct json *value;

	if (str_starts(op->path, from) && op->path.len > from.len && op->path.at[from.len] == '/')
		return failed(err, "a value cannot be moved into itself", op->path);
	return remove_at(op, from, &value, err) && add_value(op, value, err);
}

static bool op_copy(const struct op *op, struct error *err)
{
	struct str from = json_str(json_get(op->body, "from"));
	struct json *value;
	struct spot spot;

	if (!find_spot(*op->root, from, false, &spot, err))
		return false;
	value = spot_value(*op->root, &spot);
	buf_clear(&spot.key);
	if (!value)
		return failed(err, "the path does not exist", from);
	return add_value(op, json_clone(op->doc, value), err);
}

static bool op_test(const struct op *op, struct error *err)
{
	const struct json *wanted = json_get(op->body, "value");
	struct spot spot;
	struct json *value;
	bool same;

	if (!find_spot(*op->root, op->path, false, &spot, err))
		return false;
	value = spot_value(*op->root, &spot);
	buf_clear(&spot.key);
	same = json_type(wanted) == JSON_NULL ? !value || json_type(value) == JSON_NULL
					      : json_equal(value, wanted);
	return same || failed(err, "the test failed", op->path);
}

static const struct {
	const char *name;
	bool (*run)(const struct op *op, struct error *err);
} op_rows[] = {
	{ "add", op_add },   { "remove", op_remove }, { "replace", op_replace },
	{ "move", op_move }, { "copy", op_copy },     { "test", op_test },
};

static bool run_op(struct op *op, struct error *err)
{
	struct str name = json_str(json_get(op->body, "op"));
	const struct json *path = json_get(op->body, "path");

	if (json_type(path) != JSON_STRING)
		return malformed(err, "an operation has no path");
	op->path = json_str(path);
	for (size_t i = 0; i < ARRAY_LENGTH(op_rows); i++)
		if (str_is(name, op_rows[i].name))
			return op_rows[i].run(op, err);
	return malformed(err, "an operation is unknown");
}

bool patch_json(struct json_doc *doc, struct json **target, const struct json *patch,
		struct error *err)
{
	size_t nodes = 0;

	if (json_type(patch) != JSON_ARRAY)
		return malformed(err, "a JSON patch is an array of operations");
	if (json_count(patch) > LIMIT_JSON_PATCH_OPS)
		return error_set(err, ERROR_TOO_LARGE,
				 "The allowed maximum operations in a JSON patch is %d, got %zu",
				 LIMIT_JSON_PATCH_OPS, json_count(patch));
	for (struct json_iter it = json_iter(patch); json_next(&it);) {
		struct op op = { .doc = doc, .root = target, .body = it.value, .nodes = &nodes };

		if (!run_op(&op, err))
			return false;
	}
	return true;
}
