/*
 * offer.c - the checks of an offer, hardest first.
 */
#include "ota/offer.h"

#include <assert.h>

#include "ota/version_order.h"

const char *offer_arch(void)
{
#if defined(__x86_64__)
	return "x86_64";
#elif defined(__aarch64__)
	return "aarch64";
#elif defined(__arm__) && __ARM_ARCH >= 7
	return "armv7";
#elif defined(__arm__)
	return "armv6";
#elif defined(__riscv)
	return "riscv64";
#else
#error "this processor has no name yet"
#endif
}

bool offer_check(const struct bundle_header *header, const struct offer_device *device,
		 bool *out_expired, struct error *err)
{
	assert(device->arch);
	assert(device->version);
	if (strcmp(header->arch, device->arch) != 0)
		return error_set(err, ERROR_INVALID,
				 "the bundle is for %s; this machine's program is for %s",
				 header->arch, device->arch);
	if (header->epoch < device->floor)
		return error_set(err, ERROR_FORBIDDEN,
				 "version %s (epoch %u) is older than this machine may go back: "
				 "its floor is %u",
				 header->version, header->epoch, device->floor);
	if (!version_is_valid(str_of(device->version)))
		return error_set(err, ERROR_INVALID, "\"%s\" is not a version to come from",
				 device->version);
	if (version_compare(str_of(device->version), str_of(header->min_from)) < 0)
		return error_set(err, ERROR_INVALID,
				 "version %s is reached from %s or newer; here runs %s, which must "
				 "take a step between",
				 header->version, header->min_from, device->version);
	*out_expired = device->now_s >= header->expires_s;
	return true;
}
