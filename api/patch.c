/*
 * patch.c - JSON patch (RFC 6902) and merge patch (RFC 7386).
 */
#include "api/patch.h"

#include <assert.h>

#include "api/measure.h"
#include "base/limits.h"
#include "base/map.h"

/* Entries that a patch may walk past in all, so that 10,000 operations on a large list end soon. */
#define WORK_MAX 20000000u

/* --- merge patch --- */

/* The entries of `from` that are not null, into `into`. */
static void add_rest(struct json_doc *doc, struct json *into, const struct map *from)
{
	struct str key;
	void *value;

	for (size_t at = 0; map_next(from, &at, &key, &value);) {
		struct json *made = NULL;

		if (json_type(value) == JSON_NULL)
			continue;
		patch_merge(doc, &made, value);
		json_add_str(doc, into, key, made);
	}
}

void patch_merge(struct json_doc *doc, struct json **target, const struct json *patch)
{
	auto_map wanted = NULL;
	struct json *merged;

	if (json_type(patch) != JSON_OBJECT) {
		*target = json_clone(doc, patch);
		return;
	}
	wanted = map_new();
	merged = json_new_object(doc);
	for (struct json_iter it = json_iter(patch); json_next(&it);)
		map_put(wanted, it.key, it.value);
	if (json_type(*target) == JSON_OBJECT)
		for (struct json_iter it = json_iter(*target); json_next(&it);) {
			struct json *value = it.value, *wish = map_remove(wanted, it.key);

			if (json_type(wish) == JSON_NULL)
				continue;
			if (wish)
				patch_merge(doc, &value, wish);
			json_add_str(doc, merged, it.key, value);
		}
	add_rest(doc, merged, wanted);
	*target = merged;
}

/* --- JSON patch --- */

struct spot { /* what a pointer names: an entry of a container, or the whole document */
	struct json *container; /* NULL = the whole */
	struct buf key;
	size_t index, depth; /* depth: containers above the value */
	bool is_array;
};

struct op {
	struct json_doc *doc;
	struct json **root;
	const struct json *body;
	struct str path;
	size_t *work, *copied; /* so far, in the whole patch */
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

		if (c == '~' && i + 1 < token.len && strchr("01", token.at[i + 1]))
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

/* Walking past `steps` entries is work. */
static bool charge(const struct op *op, size_t steps, struct error *err)
{
	*op->work += steps;
	if (*op->work <= WORK_MAX)
		return true;
	return error_set(err, ERROR_TOO_LARGE, "the patch takes too much work");
}

/* The last token of a path, inside `container`. */
static bool end_spot(struct json *container, struct str token, bool may_end, struct spot *out)
{
	out->container = container;
	out->is_array = json_type(container) == JSON_ARRAY;
	if (out->is_array ? !read_index(token, json_count(container), may_end, &out->index)
			  : json_type(container) != JSON_OBJECT)
		return false;
	buf_add_str(&out->key, token);
	return true;
}

static bool find_spot(const struct op *op, struct str path, bool may_end, struct spot *out,
		      struct error *err)
{
	struct str rest = path;
	struct json *at = *op->root;

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
		if (!charge(op, json_count(at) + 1, err))
			return false;
		out->depth++;
		if (last)
			return end_spot(at, buf_str(&token), may_end, out) ||
			       failed(err, "the path does not exist", path);
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

static bool too_deep(struct error *err)
{
	return error_set(err, ERROR_TOO_LARGE, "the patch nests the object deeper than %d levels",
			 LIMIT_JSON_DEPTH);
}

static bool add_value(const struct op *op, struct json *value, struct error *err)
{
	struct spot spot;

	if (!charge(op, measure_size(value, WORK_MAX) / 4, err) ||
	    !find_spot(op, op->path, true, &spot, err))
		return false;
	if (spot.depth + measure_depth(value, LIMIT_JSON_DEPTH) > LIMIT_JSON_DEPTH) {
		buf_clear(&spot.key);
		return too_deep(err);
	}
	spot_add(op->doc, op->root, &spot, value);
	buf_clear(&spot.key);
	return true;
}

static bool op_add(const struct op *op, struct error *err)
{
	const struct json *value = json_get(op->body, "value");

	if (!value)
		return malformed(err, "add has no value");
	return add_value(op, json_clone(op->doc, value), err);
}

static bool find_value(const struct op *op, struct str path, struct spot *out_spot,
		       struct json **out, struct error *err)
{
	if (!find_spot(op, path, false, out_spot, err))
		return false;
	*out = spot_value(*op->root, out_spot);
	if (*out)
		return true;
	buf_clear(&out_spot->key);
	return failed(err, "the path does not exist", path);
}

static bool remove_at(const struct op *op, struct str path, struct json **out, struct error *err)
{
	struct spot spot;

	if (!find_value(op, path, &spot, out, err))
		return false;
	if (spot.container)
		spot_remove(&spot);
	buf_clear(&spot.key);
	return true;
}

static bool op_remove(const struct op *op, struct error *err)
{
	struct json *unused;

	if (op->path.len == 0)
		return failed(err, "the whole cannot be removed", op->path);
	return remove_at(op, op->path, &unused, err);
}

/* An entry of an object keeps its place: adding it puts it over the old one. */
static bool op_replace(const struct op *op, struct error *err)
{
	const struct json *value = json_get(op->body, "value");
	struct json *old;
	struct spot spot;

	if (!value)
		return malformed(err, "replace has no value");
	if (!find_value(op, op->path, &spot, &old, err))
		return false;
	if (spot.is_array)
		spot_remove(&spot);
	buf_clear(&spot.key);
	return add_value(op, json_clone(op->doc, value), err);
}

static bool read_from(const struct op *op, struct str *out, struct error *err)
{
	const struct json *from = json_get(op->body, "from");

	*out = json_str(from);
	return json_type(from) == JSON_STRING || malformed(err, "an operation has no from");
}

static bool op_move(const struct op *op, struct error *err)
{
	struct json *value;
	struct str from;

	if (!read_from(op, &from, err))
		return false;
	if (str_starts(op->path, from) && op->path.len > from.len && op->path.at[from.len] == '/')
		return failed(err, "a value cannot be moved into itself", op->path);
	return remove_at(op, from, &value, err) && add_value(op, value, err);
}

/* Copies may double the document each time: what they add has a limit of its own. */
static bool op_copy(const struct op *op, struct error *err)
{
	struct json *value;
	struct spot spot;
	struct str from;

	if (!read_from(op, &from, err) || !find_value(op, from, &spot, &value, err))
		return false;
	buf_clear(&spot.key);
	*op->copied += measure_size(value, LIMIT_BODY);
	if (*op->copied > LIMIT_BODY)
		return error_set(err, ERROR_TOO_LARGE,
				 "Unable to complete the copy, the accumulated size increase of "
				 "copy is %zu, exceeding the limit %u",
				 *op->copied, LIMIT_BODY);
	return add_value(op, json_clone(op->doc, value), err);
}

static bool op_test(const struct op *op, struct error *err)
{
	const struct json *wanted = json_get(op->body, "value");
	struct spot spot;
	struct json *value;
	bool same;

	if (!charge(op, measure_size(wanted, WORK_MAX) / 4, err) ||
	    !find_spot(op, op->path, false, &spot, err))
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
	size_t work = 0, copied = 0;

	if (json_type(patch) != JSON_ARRAY)
		return malformed(err, "a JSON patch is an array of operations");
	if (json_count(patch) > LIMIT_JSON_PATCH_OPS)
		return error_set(err, ERROR_TOO_LARGE,
				 "The allowed maximum operations in a JSON patch is %d, got %zu",
				 LIMIT_JSON_PATCH_OPS, json_count(patch));
	for (struct json_iter it = json_iter(patch); json_next(&it);) {
		struct op op = {
			.doc = doc,
			.root = target,
			.body = it.value,
			.work = &work,
			.copied = &copied,
		};

		if (!run_op(&op, err))
			return false;
	}
	return true;
}
