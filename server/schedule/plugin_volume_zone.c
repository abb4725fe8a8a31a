/*
 * plugin_volume_zone.c - a volume with the label of a zone is used on nodes of that zone.
 */
#include "server/schedule/volume_choice.h"
#include "server/schedule/waiting.h"

static const char *const zone_keys[] = {
	"failure-domain.beta.kubernetes.io/zone",
	"failure-domain.beta.kubernetes.io/region",
	"topology.kubernetes.io/zone",
	"topology.kubernetes.io/region",
};

/* The claims were read by plugin_volume_binding.c, which comes first. */
static bool prepare(struct cycle *cycle, void **out_own)
{
	const struct volume_wishes *wishes = cycle->own[PLUGIN_VOLUME_BINDING];

	for (size_t i = 0; wishes && i < wishes->count; i++)
		if (wishes->at[i].volume &&
		    json_count(json_path(wishes->at[i].volume, "metadata", "labels", NULL)) > 0)
			*out_own = cycle->own[PLUGIN_VOLUME_BINDING];
	return true;
}

/* A volume of several zones has them joined by two underscores. */
static bool is_among(struct str zones, struct str zone)
{
	while (zones.len > 0) {
		ptrdiff_t at = str_search(zones, STR("__"));
		struct str one = at < 0 ? zones : str_from(zones.at, (size_t)at);

		if (str_equal(one, zone))
			return true;
		if (at < 0)
			break;
		zones = str_from(zones.at + at + 2, zones.len - (size_t)at - 2);
	}
	return false;
}

static bool node_has_zone(const struct object *node)
{
	for (size_t i = 0; i < ARRAY_LENGTH(zone_keys); i++)
		if (object_label(node, str_of(zone_keys[i])).at)
			return true;
	return false;
}

static bool fits(const struct json *volume, const struct object *node)
{
	const struct json *labels = json_path(volume, "metadata", "labels", NULL);

	for (size_t i = 0; i < ARRAY_LENGTH(zone_keys); i++) {
		struct str zones = json_str(json_get(labels, zone_keys[i])), zone;

		if (!zones.at)
			continue;
		zone = object_label(node, str_of(zone_keys[i]));
		if (!zone.at || !is_among(zones, zone))
			return false;
	}
	return true;
}

static enum verdict check(struct cycle *cycle, void *own, struct place *place)
{
	const struct volume_wishes *wishes = own;

	if (!node_has_zone(place->node))
		return VERDICT_FITS;
	for (size_t i = 0; i < wishes->count; i++)
		if (wishes->at[i].volume && !fits(wishes->at[i].volume, place->node))
			return cycle_refuse(cycle, VERDICT_NEVER,
					    "node(s) had no available volume zone");
	return VERDICT_FITS;
}

const struct plugin plugin_volume_zone = {
	.name = "VolumeZone",
	.prepare = prepare,
	.check = check,
	.wakes = WAKE_NODE_CAME | WAKE_NODE_LABELS | WAKE_CLAIM | WAKE_VOLUME | WAKE_CLASS,
};
