/*
 * node_range.c - one byte a range of 256 addresses: used or free.
 */
#include "server/control/node_range.h"

#include <arpa/inet.h>
#include <stdio.h>

#define NODE_BITS 24 /* of a node's range */
#define BITS_MIN  8

struct node_range {
	uint32_t first; /* number of the first range: address >> 8 */
	size_t count;
	bool used[];
};

/* First and last range that a CIDR touches. */
static bool parse(struct str cidr, int64_t bits_min, int64_t bits_max, uint32_t out[2])
{
	struct str rest = cidr, host = str_cut(&rest, '/');
	char text[INET_ADDRSTRLEN] = "";
	struct in_addr address;
	uint32_t base, mask;
	int64_t bits;

	if (host.len >= sizeof(text) || !str_to_i64(rest, bits_min, bits_max, &bits))
		return false;
	memcpy(text, host.at, host.len);
	if (inet_pton(AF_INET, text, &address) != 1)
		return false;
	mask = bits == 0 ? 0 : UINT32_MAX << (32 - bits);
	base = ntohl(address.s_addr) & mask;
	out[0] = base >> (32 - NODE_BITS);
	out[1] = (base | ~mask) >> (32 - NODE_BITS);
	return true;
}

bool node_range_open(const char *cluster_cidr, struct node_range **out, struct error *err)
{
	struct node_range *range;
	uint32_t ends[2];
	size_t count;

	if (!parse(str_of(cluster_cidr), BITS_MIN, NODE_BITS, ends))
		return error_set(err, ERROR_INVALID,
				 "cluster-cidr \"%s\" is no IPv4 range between /%d and /%d such as "
				 "10.42.0.0/16",
				 cluster_cidr, BITS_MIN, NODE_BITS);
	count = (size_t)(ends[1] - ends[0]) + 1;
	range = memory_zero(sizeof(*range) + count * sizeof(range->used[0]));
	range->first = ends[0];
	range->count = count;
	*out = range;
	return true;
}

void node_range_close(struct node_range *range)
{
	free(range);
}

void node_range_clear(struct node_range *range)
{
	memset(range->used, 0, range->count * sizeof(range->used[0]));
}

void node_range_use(struct node_range *range, struct str cidr)
{
	uint32_t ends[2], last = range->first + (uint32_t)range->count - 1;

	if (!parse(cidr, 0, 32, ends) || ends[1] < range->first || ends[0] > last)
		return;
	if (ends[0] < range->first)
		ends[0] = range->first;
	if (ends[1] > last)
		ends[1] = last;
	for (uint32_t at = ends[0]; at <= ends[1]; at++)
		range->used[at - range->first] = true;
}

bool node_range_take(struct node_range *range, char out[NODE_RANGE_TEXT])
{
	for (size_t i = 0; i < range->count; i++) {
		uint32_t at = range->first + (uint32_t)i;

		if (range->used[i])
			continue;
		range->used[i] = true;
		snprintf(out, NODE_RANGE_TEXT, "%u.%u.%u.0/%d", at >> 16 & 255, at >> 8 & 255,
			 at & 255, NODE_BITS);
		return true;
	}
	return false;
}
