/*
 * signature.h - signature lines: who signed, and the next roots of trust that came along.
 *
 * The same lines end a root, fill a bundle's section of signatures and are FILE.sig beside a file:
 *	root BASE64                  only in bundles; before all signatures, oldest first
 *	signature KEY_ID BASE64      ECDSA P-256 with SHA-256, DER; each key at most once
 *
 * Nothing here says that a signature is good: that is root_verify() (ota/root_of_trust.h).
 * A list belongs to whoever made it.  Any thread.
 */
#ifndef OTA_SIGNATURE_H
#define OTA_SIGNATURE_H

#include "base/text.h"

#define SIGNATURE_KEY_ID 65 /* hex SHA-256 of the key's DER, terminated */
#define SIGNATURE_DER    72 /* of P-256, at most */

struct signature {
	char key_id[SIGNATURE_KEY_ID];
	unsigned char der[SIGNATURE_DER];
	size_t der_len;
};

struct signature_list {
	struct buf *roots; /* texts */
	size_t root_count;
	struct signature *items;
	size_t count;
};
#define SIGNATURE_LIST_INIT ((struct signature_list){ NULL, 0, NULL, 0 })
void signature_list_clear(struct signature_list *list);
#define auto_signatures __attribute__((cleanup(signature_list_clear))) struct signature_list

/* Parse lines into an empty list; on failure it stays empty.  ERROR_INVALID, ERROR_TOO_LARGE. */
MUST_CHECK bool signature_list_parse(struct str text, struct signature_list *out,
				     struct error *err);
/* The lines again; what was parsed prints as the same bytes. */
void signature_list_print(const struct signature_list *list, struct buf *out);

/* Sign the bytes and put the signature into the list, in the place of an older one by this key. */
MUST_CHECK bool signature_list_sign(struct signature_list *list, struct str bytes,
				    struct str key_pem, struct error *err);
/* Add the text of a root behind those that are there; one that is there already is not added. */
MUST_CHECK bool signature_list_add_root(struct signature_list *list, struct str root_text,
					struct error *err);

#endif
