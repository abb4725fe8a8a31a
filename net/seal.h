/*
 * seal.h - values that are kept on a disk so that only who has the key can read them: AES-256-GCM.
 *
 * A sealed value is
 *
 *   1 byte    1, the version of this layout (JSON never begins so)
 *   8 bytes   which key: the first bytes of its SHA-256
 *   12 bytes  the nonce, random for each value
 *   n bytes   the value, encrypted
 *   16 bytes  the tag over the value, all before it, and the name that the value is kept under
 *
 * so that a value that was changed, cut or put in another one's place does not open.  One key is
 * good for 2^32 values, a hundred years of one a second; `mote secrets-encrypt rotate-keys` makes
 * the next.
 *
 * Keys are lines of text "aesgcm <64 hex digits> <when it was made>"; empty lines and lines that
 * begin with # say nothing.  The first key writes, all read.  Owner: one struct seal_keys a
 * process, used by one thread at a time.  Keys are wiped when they are freed.
 */
#ifndef NET_SEAL_H
#define NET_SEAL_H

#include "base/text.h"

#define SEAL_KEYS_MAX 16
#define SEAL_ID       17 /* hex, terminated */

struct seal_keys;
/* ERROR_INVALID when there is no key in it, more than SEAL_KEYS_MAX, one twice, or one that is no
 * key: of another length, or the same byte again and again. */
MUST_CHECK bool seal_keys_parse(struct str text, struct seal_keys **out, struct error *err);
void seal_keys_free(struct seal_keys *keys); /* NULL is fine */
DEFINE_AUTO(struct seal_keys *, seal_keys_free)
size_t seal_keys_count(const struct seal_keys *keys);
/* The name of a key, and when it was made ("" = the file does not say); 0 is the one that writes.
 * Borrowed. */
const char *seal_keys_id(const struct seal_keys *keys, size_t at);
const char *seal_keys_made(const struct seal_keys *keys, size_t at);
/* The line of a fresh key. */
void seal_keys_print_new(struct buf *out);
/* buf_clear, and nothing of it is left in memory. */
void seal_wipe(struct buf *buf);
#define auto_wiped __attribute__((cleanup(seal_wipe))) struct buf

/* Append the sealed form of `value`, kept under `name`. */
void seal_close(struct seal_keys *keys, struct str name, struct str value, struct buf *out);
bool seal_is_sealed(struct str bytes);
/* Append the value.  *out_newest: the first key has sealed it.  ERROR_FORBIDDEN: it is of a key
 * that is not here (the text names it); ERROR_BROKEN: it is not what was sealed under this name. */
MUST_CHECK bool seal_open(struct seal_keys *keys, struct str name, struct str sealed,
			  struct buf *out, bool *out_newest, struct error *err);

#endif
