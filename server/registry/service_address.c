/*
 * service_address.c - cluster addresses and node ports: who holds which.
 *
 * Two maps from the number to its holder, kept equal to the committed Services by listening to the
 * datastore.
 */
#include "server/registry/service_address.h"

#include <arpa/inet.h>
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

#include "api/object.h"
#include "base/clock.h"
#include "base/map.h"
#include "base/random.h"
#include "datastore/datastore.h"

#define RESERVED_MS    30000
#define SERVICE_PREFIX "/core/services/"
#define TRIES          64 /* random ones, before the range is walked */

struct holder {
	char *owner; /* "namespace/name"; NULL = only reserved */
	int64_t until_ms;
};

struct addresses {
	struct datastore *store;
	struct datastore_listener listener;
	uint32_t first, count; /* usable addresses, host order */
	int port_min, port_max;
	struct map *held; /* "10.43.0.7" or "30080" -> struct holder */
};

static void holder_free(struct holder *holder)
{
	if (!holder)
		return;
	free(holder->owner);
	free(holder);
}

static void hold(struct addresses *addresses, struct str what, struct str owner)
{
	struct holder *holder = memory_new(struct holder);

	holder->owner = owner.at ? str_copy(owner) : NULL;
	holder->until_ms = clock_now_ms() + RESERVED_MS;
	holder_free(map_put(addresses->held, what, holder));
}

static void let_go(struct addresses *addresses, struct str what, struct str owner)
{
	struct holder *holder = map_find(addresses->held, what);

	if (holder && holder->owner && str_is(owner, holder->owner))
		holder_free(map_remove(addresses->held, what));
}

static bool is_free(struct addresses *addresses, struct str what, struct str owner)
{
	struct holder *holder = map_find(addresses->held, what);

	if (!holder)
		return true;
	if (!holder->owner)
		return holder->until_ms < clock_now_ms();
	return owner.at && str_is(owner, holder->owner);
}

static void port_of(struct addresses *addresses, int64_t number, struct str owner, bool holds)
{
	char port[24];

	if (number == 0)
		return;
	snprintf(port, sizeof(port), "%" PRId64, number);
	if (holds)
		hold(addresses, str_of(port), owner);
	else
		let_go(addresses, str_of(port), owner);
}

/* Hold or let go what a Service says it has. */
static void each_of(struct addresses *addresses, const struct object *service, bool holds)
{
	const struct json *spec = json_get(object_json(service), "spec");
	struct str ip = json_str(json_get(spec, "clusterIP"));
	auto_buf owner = BUF_INIT;

	object_key(service, &owner);
	if (ip.len > 0 && !str_is(ip, "None")) {
		if (holds)
			hold(addresses, ip, buf_str(&owner));
		else
			let_go(addresses, ip, buf_str(&owner));
	}
	for (struct json_iter it = json_iter(json_get(spec, "ports")); json_next(&it);)
		port_of(addresses, json_int(json_get(it.value, "nodePort")), buf_str(&owner),
			holds);
	port_of(addresses, json_int(json_get(spec, "healthCheckNodePort")), buf_str(&owner), holds);
}

static void on_change(struct datastore_listener *listener, const struct change *change)
{
	struct addresses *addresses = CONTAINER_OF(listener, struct addresses, listener);

	if (!str_starts(change->key, STR(SERVICE_PREFIX)))
		return;
	if (change->before)
		each_of(addresses, change->before, false);
	if (change->after)
		each_of(addresses, change->after, true);
}

/* "10.43.0.0/16": the network's own and its last address are never given out. */
static bool parse_range(struct addresses *addresses, struct str cidr, struct error *err)
{
	struct str rest = cidr, host = str_cut(&rest, '/');
	auto_free char *text = str_copy(host);
	struct in_addr base;
	int64_t bits;

	if (inet_pton(AF_INET, text, &base) != 1 || !str_to_i64(rest, 8, 28, &bits))
		return error_set(err, ERROR_INVALID,
				 "service-cidr \"" STR_FMT
				 "\" is no IPv4 range such as 10.43.0.0/16",
				 STR_ARG(cidr));
	addresses->first = (ntohl(base.s_addr) & ~(UINT32_MAX >> bits)) + 1;
	addresses->count = (UINT32_MAX >> bits) - 1;
	return true;
}

bool addresses_open(struct datastore *store, struct str service_cidr, int port_min, int port_max,
		    struct addresses **out, struct error *err)
{
	struct addresses *addresses = memory_new(struct addresses);
	const struct record *record;

	assert(port_min > 0 && port_min <= port_max);
	addresses->store = store;
	addresses->held = map_new();
	addresses->port_min = port_min;
	addresses->port_max = port_max;
	list_init(&addresses->listener.link);
	if (!parse_range(addresses, service_cidr, err)) {
		addresses_close(addresses);
		return false;
	}
	for (record = datastore_first(store, STR(SERVICE_PREFIX), STR_NONE); record;
	     record = datastore_next(record, STR(SERVICE_PREFIX)))
		each_of(addresses, record->item, true);
	addresses->listener.on_change = on_change;
	datastore_listen(store, &addresses->listener);
	*out = addresses;
	return true;
}

void addresses_close(struct addresses *addresses)
{
	struct str key;
	void *holder;

	if (!addresses)
		return;
	datastore_unlisten(&addresses->listener);
	for (size_t i = 0; map_next(addresses->held, &i, &key, &holder);)
		holder_free(holder);
	map_free(addresses->held);
	free(addresses);
}

static void print_ip(uint32_t ip, char out[INET_ADDRSTRLEN])
{
	struct in_addr address = { .s_addr = htonl(ip) };

	inet_ntop(AF_INET, &address, out, INET_ADDRSTRLEN);
}

/* The low end is left to addresses that people choose by hand (DNS, the API), as Kubernetes does.
 */
bool addresses_take_ip(struct addresses *addresses, struct buf *out, struct error *err)
{
	uint32_t by_hand = addresses->count > 512 ? 256 : 16 < addresses->count / 2 ? 16 : 0;
	char text[INET_ADDRSTRLEN];

	for (uint32_t i = 0; i < TRIES + addresses->count; i++) {
		uint32_t at = i < TRIES
				      ? by_hand + (uint32_t)random_below(addresses->count - by_hand)
				      : addresses->count - 1 - (i - TRIES);

		print_ip(addresses->first + at, text);
		if (!is_free(addresses, str_of(text), STR_NONE))
			continue;
		hold(addresses, str_of(text), STR_NONE);
		buf_add_text(out, text);
		return true;
	}
	return error_set(
		err, ERROR_INVALID,
		"spec.clusterIPs: Internal error: failed to allocate a serviceIP: range is full");
}

bool addresses_claim_ip(struct addresses *addresses, struct str ip, struct str owner,
			struct error *err)
{
	auto_free char *text = str_copy(ip);
	struct in_addr address;
	uint32_t number;

	if (inet_pton(AF_INET, text, &address) != 1)
		return error_set(
			err, ERROR_INVALID,
			"spec.clusterIPs[0]: Invalid value: \"%s\": must be a valid IPv4 address",
			text);
	number = ntohl(address.s_addr);
	if (number < addresses->first || number - addresses->first >= addresses->count)
		return error_set(err, ERROR_INVALID,
				 "spec.clusterIPs: Invalid value: [\"%s\"]: failed to allocate IP "
				 "%s: the provided IP is not "
				 "in the valid range",
				 text, text);
	if (!is_free(addresses, ip, owner))
		return error_set(err, ERROR_INVALID,
				 "spec.clusterIPs: Invalid value: [\"%s\"]: failed to allocate IP "
				 "%s: provided IP is already "
				 "allocated",
				 text, text);
	hold(addresses, ip, owner);
	return true;
}

bool addresses_take_port(struct addresses *addresses, int *out, struct error *err)
{
	int count = addresses->port_max - addresses->port_min + 1;
	char text[16];

	for (int i = 0; i < TRIES + count; i++) {
		int port = addresses->port_min +
			   (i < TRIES ? (int)random_below((uint64_t)count) : i - TRIES);

		snprintf(text, sizeof(text), "%d", port);
		if (!is_free(addresses, str_of(text), STR_NONE))
			continue;
		hold(addresses, str_of(text), STR_NONE);
		*out = port;
		return true;
	}
	return error_set(err, ERROR_INVALID,
			 "spec.ports[0].nodePort: Internal error: failed to allocate a nodePort: "
			 "range is full");
}

bool addresses_claim_port(struct addresses *addresses, int port, struct str owner,
			  struct error *err)
{
	char text[16];

	if (port < addresses->port_min || port > addresses->port_max)
		return error_set(err, ERROR_INVALID,
				 "spec.ports[0].nodePort: Invalid value: %d: provided port is not "
				 "in the valid range. The "
				 "range of valid ports is %d-%d",
				 port, addresses->port_min, addresses->port_max);
	snprintf(text, sizeof(text), "%d", port);
	if (!is_free(addresses, str_of(text), owner))
		return error_set(err, ERROR_INVALID,
				 "spec.ports[0].nodePort: Invalid value: %d: provided port is "
				 "already allocated",
				 port);
	hold(addresses, str_of(text), owner);
	return true;
}
