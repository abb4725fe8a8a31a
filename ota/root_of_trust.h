/*
 * root_of_trust.h - who may sign: a list of keys, how many of them it takes, and who comes next.
 *
 * A root is text (docs/decisions/0010-update.md): "mote-root 1", "version N", "threshold K", "key
 * KEY_ID BASE64" lines, then signature lines over all before the first of them.  A root is believed
 * because the installer brought it, or because root_follows() says so of a believed one.
 *
 * A struct root_of_trust never changes once it is made; whoever got it frees it.  Any thread.
 * Checking one signature takes milliseconds, tens of them on the smallest boards.
 */
#ifndef OTA_ROOT_OF_TRUST_H
#define OTA_ROOT_OF_TRUST_H

#include "ota/signature.h"

struct root_of_trust;

/* Form only: canonical keys on P-256, each once, 1 <= threshold <= keys, no unknown line.  Its own
 * signatures are not asked for: see root_follows.  ERROR_INVALID, ERROR_TOO_LARGE. */
MUST_CHECK bool root_parse(struct str text, struct root_of_trust **out, struct error *err);
void root_free(struct root_of_trust *root);
DEFINE_AUTO(struct root_of_trust *, root_free)
#define auto_root AUTO(root_free) struct root_of_trust *

/* From a file: ERROR_NOT_FOUND when there is none. */
MUST_CHECK bool root_read(const char *path, struct root_of_trust **out, struct error *err);

uint32_t root_version(const struct root_of_trust *root);
size_t root_threshold(const struct root_of_trust *root);
size_t root_key_count(const struct root_of_trust *root);
const char *root_key_id(const struct root_of_trust *root, size_t i);
struct str root_text(const struct root_of_trust *root); /* as it was parsed, to be kept as N.root */
struct root_of_trust *root_copy(const struct root_of_trust *root);

/* Append the text of a new root: PEM public keys, no signature yet. */
struct root_plan {
	uint32_t version;
	size_t threshold, key_count;
	const struct str *public_pems;
};
MUST_CHECK bool root_print(const struct root_plan *plan, struct buf *out, struct error *err);
/* Another root: this one with a signature by the key more. */
MUST_CHECK bool root_sign(const struct root_of_trust *root, struct str key_pem,
			  struct root_of_trust **out, struct error *err);
const struct signature_list *root_signatures(const struct root_of_trust *root);
/* What its signatures are over. */
struct str root_signed_text(const struct root_of_trust *root);

/* Does `next` come right after `root`: version + 1, signed by the threshold of both?
 * ERROR_FORBIDDEN says which of these is missing. */
MUST_CHECK bool root_follows(const struct root_of_trust *root, const struct root_of_trust *next,
			     struct error *err);

/* Have enough different keys of the root signed these bytes?  Signatures by others are passed over.
 * ERROR_FORBIDDEN says how many of how many there are. */
MUST_CHECK bool root_verify(const struct root_of_trust *root, struct str bytes,
			    const struct signature_list *signatures, struct error *err);

/*
 * Follow the chain of texts from *root, which must be ascending; those that are not newer than
 * *root are passed over.  On success *root is the newest (the older ones are freed); on failure it
 * is as it was.
 */
MUST_CHECK bool root_follow_chain(struct root_of_trust **root, const struct signature_list *list,
				  struct error *err);

/* The newest N.root in the folder (<data-dir>/ota/trust).  ERROR_NOT_FOUND: it has none. */
MUST_CHECK bool root_newest(const char *folder, struct root_of_trust **out, struct error *err);
/* Keep a believed root as N.root in the folder; synced. */
MUST_CHECK bool root_keep(const struct root_of_trust *root, const char *folder, struct error *err);

#endif
