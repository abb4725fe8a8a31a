/*
 * rolling.c - rolling update arithmetic.
 */
#include "server/control/rolling.h"

int64_t rolling_resolve(const struct json *bound, int64_t wanted, bool up)
{
	struct str text = json_str(bound);
	int64_t percent;

	if (json_type(bound) == JSON_NUMBER)
		return json_int(bound);
	if (text.len < 2 || text.at[text.len - 1] != '%' ||
	    !str_to_i64(str_from(text.at, text.len - 1), 0, 1000, &percent))
		return 0;
	return (wanted * percent + (up ? 99 : 0)) / 100;
}

void rolling_bounds(const struct json *rolling_update, int64_t wanted, int64_t *out_surge,
		    int64_t *out_missing)
{
	*out_surge = rolling_resolve(json_get(rolling_update, "maxSurge"), wanted, true);
	*out_missing = rolling_resolve(json_get(rolling_update, "maxUnavailable"), wanted, false);
	if (*out_surge == 0 && *out_missing == 0)
		*out_missing = 1;
	if (*out_missing > wanted)
		*out_missing = wanted;
}

int64_t rolling_fresh(const struct rolling *rolling)
{
	int64_t room = rolling->wanted + rolling->surge - rolling->all;
	int64_t more = rolling->wanted - rolling->fresh;

	if (rolling->fresh >= rolling->wanted)
		return rolling->wanted;
	if (room <= 0)
		return rolling->fresh;
	return rolling->fresh + (more < room ? more : room);
}

int64_t rolling_shrink(const struct rolling *rolling)
{
	int64_t least = rolling->wanted - rolling->missing;
	int64_t fresh_missing = rolling->fresh - rolling->fresh_available;
	int64_t shrink = rolling->all - least - fresh_missing;

	return shrink > 0 ? shrink : 0;
}

/* Half away from zero. */
static int64_t divide_rounded(int64_t number, int64_t by)
{
	return (2 * number + by) / (2 * by);
}

int64_t rolling_share(const struct rolling *rolling, int64_t size, int64_t max, int64_t to_add,
		      int64_t added)
{
	int64_t left = to_add - added, share = -size;

	if (size == 0 || left == 0)
		return 0;
	if (rolling->wanted > 0)
		share = max > 0 ? divide_rounded(size * (rolling->wanted + rolling->surge), max) -
					  size
				: 0;
	if (to_add > 0)
		return share < left ? share : left;
	return share > left ? share : left;
}
