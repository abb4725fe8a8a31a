/*
 * offer.h - shall this machine take a bundle: processor, way back, steps between, time.  Pure.
 */
#ifndef OTA_OFFER_H
#define OTA_OFFER_H

#include "ota/bundle.h"

struct offer_device {
	const char *arch;    /* "armv7", as `make ARCH=` names it */
	const char *version; /* what runs now, as version_text() gives it */
	uint32_t floor;      /* no epoch below this is taken */
	int64_t now_s;       /* wall clock, as good as it is known */
};

/* What the program was built for: "x86_64", "aarch64", "armv7", "armv6", "riscv64". */
const char *offer_arch(void);

/*
 * ERROR_INVALID: made for another processor, or the way to it needs a step between;
 * ERROR_FORBIDDEN: its epoch is below the floor.  What is expired passes with *out_expired true:
 * the caller refuses it, or warns where a person brought the file and the clock may be wrong.
 */
MUST_CHECK bool offer_check(const struct bundle_header *header, const struct offer_device *device,
			    bool *out_expired, struct error *err);

#endif
