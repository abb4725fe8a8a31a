/*
 * pod_quality.c - classes of pods.
 */
#include "api/pod_quality.h"

#include "api/quantity.h"

static bool has_amount(const struct json *list, const char *name)
{
	struct str text = json_str(json_get(list, name));

	return text.len > 0 && quantity_sign(text) > 0;
}

struct tally {
	bool all, any;
};

static void tally_containers(const struct json *containers, struct tally *tally)
{
	static const char *const names[] = { "cpu", "memory" };

	for (struct json_iter it = json_iter(containers); json_next(&it);) {
		const struct json *limits = json_path(it.value, "resources", "limits", NULL);
		const struct json *requests = json_path(it.value, "resources", "requests", NULL);

		for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
			bool limited = has_amount(limits, names[i]),
			     requested = has_amount(requests, names[i]);

			tally->any = tally->any || limited || requested;
			tally->all = tally->all && limited &&
				     (!requested || json_equal(json_get(limits, names[i]),
							       json_get(requests, names[i])));
		}
	}
}

const char *pod_quality(const struct json *spec)
{
	struct tally tally = { .all = true, .any = false };

	tally_containers(json_get(spec, "initContainers"), &tally);
	tally_containers(json_get(spec, "containers"), &tally);
	return !tally.any ? "BestEffort" : tally.all ? "Guaranteed" : "Burstable";
}
