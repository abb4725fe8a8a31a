/*
 * validate_flow.c - shared rules of FlowSchema and PriorityLevelConfiguration.
 */
#include "api/validate_flow.h"

#include "base/map.h"

void flow_check_conditions(const struct kind_work *work)
{
	auto_map seen = map_new();

	for (struct json_iter it = json_iter(json_path(work->object, "status", "conditions", NULL));
	     json_next(&it);) {
		const struct json *type = json_get(it.value, "type");
		const char *path =
			field_path(work->errors, "status.conditions[%zu].type", it.index);

		if (map_put(seen, json_str(type), it.value))
			validate_duplicate(work, path, words_text(work, type));
		if (json_str(type).len == 0)
			validate_required(work, path, "must not be empty");
	}
}

void flow_on_create(const struct kind_work *work)
{
	json_put(work->doc, work->object, "status", json_new_object(work->doc));
}

void flow_warn(const struct kind_work *work)
{
	kind_warn(work,
		  "flow schemas and priority levels are kept, but this server shares its time "
		  "out among users whatever they say");
}
