/*
 * fuzz_apply.c - server-side apply: the input is {"live": ..., "config": ...}, with managedFields
 * in live's metadata.  Whatever is in them, the outcome has managedFields that read again as
 * themselves; what fits its type applies twice as it applies once.
 */
#include <stdint.h>
#include <stdlib.h>

#include "api/apply.h"
#include "api/kind.h"
#include "api/object.h"
#include "api/typed.h"

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

static const struct managed_actor actor = {
	.manager = { "kubectl", 7 },
	.api_version = { "apps/v1", 7 },
	.subresource = { "", 0 },
	.now = { "2026-01-01T00:00:00Z", 20 },
};

/* fieldsV1 printed and read again are the same. */
static void check_again(const struct json *fields, struct arena *arena)
{
	auto_json_doc doc = json_doc_new();
	struct fields_set set, again, none;
	struct error err;

	if (!fields_parse(fields, arena, &set, &err))
		return;
	if (!fields_parse(fields_print(&set, doc), arena, &again, &err) ||
	    !fields_equal(&set, &again))
		abort();
	none = fields_difference(&set, &again, arena);
	if (none.count > 0)
		abort();
	again = fields_union(&set, &again, arena);
	again = fields_intersection(&again, &set, arena);
	if (!fields_equal(&set, &again))
		abort();
}

static struct json *apply(const struct json *live, const struct json *config, bool force,
			  struct json_doc *doc, struct arena *arena)
{
	struct apply apply = {
		.type = type_find(STR("io.k8s.api.apps.v1.Deployment")),
		.actor = actor,
		.force = force,
		.live = live,
		.config = config,
		.arena = arena,
	};
	struct field_errors conflicts = { .arena = arena };
	struct json *made;
	struct error err;

	return apply_run(&apply, doc, &made, &conflicts, &err) ? made : NULL;
}

static void check_outcome(const struct json *made, const struct json *config, bool is_typed,
			  struct json_doc *doc, struct arena *arena)
{
	struct managed managed;
	struct error err;
	struct json *again;

	if (!managed_parse(json_get(meta_of(made), "managedFields"), arena, &managed, &err))
		abort();
	if (!is_typed)
		return;
	again = apply(made, config, false, doc, arena);
	if (!again || !json_equal(again, made))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	auto_json_doc input = NULL;
	auto_json_doc doc = json_doc_new();
	auto_arena arena = arena_new();
	auto_buf unused = BUF_INIT;
	const struct kind *kind = kind_find_name(STR("apps/v1"), STR("Deployment"));
	const struct json *live, *config, *made;
	struct error err;
	bool is_typed;

	if (!json_parse(str_from(at, len), &input, NULL, &err))
		return 0;
	live = json_get(json_root(input), "live");
	config = json_get(json_root(input), "config");
	check_again(json_root(input), arena);
	if (json_type(live) != JSON_OBJECT || json_type(config) != JSON_OBJECT)
		return 0;
	is_typed = typed_check(kind_type(kind), live, &unused);
	if (!apply_check(kind, config, &err))
		return 0;
	for (int force = 0; force < 2; force++) {
		made = apply(live, config, force, doc, arena);
		if (made)
			check_outcome(made, config, is_typed, doc, arena);
	}
	return 0;
}
