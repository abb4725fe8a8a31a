/*
 * zone_store.c - a map from names to zones.
 */
#include "server/control/zone_store.h"

#include "base/limits.h"
#include "base/map.h"

#define FOLDER "/usr/share/zoneinfo"

struct zone_store {
	struct map *zones;
};

struct zone_store *zone_store_new(void)
{
	struct zone_store *store = memory_new(struct zone_store);

	store->zones = map_new();
	return store;
}

static void drop_all(struct zone_store *store)
{
	struct str key;
	void *zone;

	for (size_t i = 0; map_next(store->zones, &i, &key, &zone);)
		zone_clock_free(zone);
	map_free(store->zones);
}

void zone_store_free(struct zone_store *store)
{
	if (!store)
		return;
	drop_all(store);
	free(store);
}

static bool load(struct str name, struct zone_clock **out, struct error *err)
{
	const char *folder = getenv("ZONEINFO");

	if (str_is(name, "Local"))
		return zone_clock_load("/etc", STR("localtime"), out, err) ||
		       zone_clock_load("/etc", STR("UTC"), out, err);
	return zone_clock_load(folder ? folder : FOLDER, name, out, err);
}

bool zone_store_find(struct zone_store *store, struct str name, const struct zone_clock **out,
		     struct error *err)
{
	struct zone_clock *zone = map_find(store->zones, name);

	if (!zone) {
		if (!load(name, &zone, err))
			return false;
		/* There are 600 names; more can only be those of files that are no zones. */
		if (map_count(store->zones) >= LIMIT_ZONES) {
			drop_all(store);
			store->zones = map_new();
		}
		map_put(store->zones, name, zone);
	}
	*out = zone;
	return true;
}
