/*
 * validate_claim.h - what persistent volumes and claims to them share: access modes, specs of
 * claims.
 */
#ifndef API_VALIDATE_CLAIM_H
#define API_VALIDATE_CLAIM_H

#include "api/kind.h"

/* Spec of a claim, also of one that a pod or a set brings along. */
void claim_spec(const struct kind_work *work, const struct json *spec, const char *path);
/* Access modes: there are some (else "Required value: DETAIL"). */
void claim_modes_needed(const struct kind_work *work, const struct json *modes, const char *detail,
			const char *path);
/* Each is known, and ReadWriteOncePod is by itself. */
void claim_modes(const struct kind_work *work, const struct json *modes, const char *path);
/* Filesystem or Block; nothing is said of an absent one. */
void claim_volume_mode(const struct kind_work *work, const struct json *mode, const char *path);
/* An amount that is not negative: "must be a valid resource quantity". */
void claim_amount(const struct kind_work *work, const struct json *value, const char *path);

/* "RWO,ROX": what rows show of access modes. */
void claim_print_modes(const struct json *modes, struct buf *out);
/* The class of storage: an old annotation, else the field. */
struct str claim_class(const struct json *object);

#endif
