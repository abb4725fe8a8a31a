/*
 * seal.c - AES-256-GCM by mbedTLS.
 */
#include "net/seal.h"

#include <assert.h>
#include <stdlib.h>

#include <mbedtls/gcm.h>
#include <mbedtls/platform_util.h>

#include "base/clock.h"
#include "base/random.h"
#include "net/hash.h"

#define VERSION   1
#define KEY_BYTES 32
#define ID_BYTES  8
#define NONCE     12
#define TAG       16
#define HEAD      (1 + ID_BYTES + NONCE)
#define KEY_WORD  "aesgcm"

struct key {
	unsigned char id[ID_BYTES];
	char id_text[SEAL_ID];
	char made[CLOCK_TEXT];
	mbedtls_gcm_context gcm;
};

struct seal_keys {
	struct key rows[SEAL_KEYS_MAX];
	size_t count;
};

/* A value that cannot be sealed must not be written at all. */
static void must(int result)
{
	if (result != 0)
		abort();
}

static const unsigned char *bytes_at(struct str bytes)
{
	return (const unsigned char *)(bytes.len > 0 ? bytes.at : "");
}

/* --- keys --- */

static struct key *find(struct seal_keys *keys, const void *id)
{
	for (size_t i = 0; i < keys->count; i++)
		if (memcmp(keys->rows[i].id, id, ID_BYTES) == 0)
			return &keys->rows[i];
	return NULL;
}

static bool is_one_byte(const unsigned char *bytes)
{
	for (size_t i = 1; i < KEY_BYTES; i++)
		if (bytes[i] != bytes[0])
			return false;
	return true;
}

static bool add_key(struct seal_keys *keys, const unsigned char *bytes, struct str made,
		    struct error *err)
{
	struct key *key = &keys->rows[keys->count];
	unsigned char digest[HASH_SHA256];
	auto_buf hex = BUF_INIT;

	if (is_one_byte(bytes))
		return error_set(err, ERROR_INVALID,
				 "a key is the same byte again and again, which is no secret");
	hash_sha256(str_from(bytes, KEY_BYTES), digest);
	if (find(keys, digest))
		return error_set(err, ERROR_INVALID, "a key is there twice");
	memcpy(key->id, digest, ID_BYTES);
	buf_add_hex(&hex, str_from(digest, ID_BYTES));
	memcpy(key->id_text, buf_text(&hex), SEAL_ID);
	memcpy(key->made, bytes_at(made), made.len);
	mbedtls_gcm_init(&key->gcm);
	must(mbedtls_gcm_setkey(&key->gcm, MBEDTLS_CIPHER_ID_AES, bytes, 8 * KEY_BYTES));
	keys->count++;
	return true;
}

static bool parse_line(struct seal_keys *keys, struct str line, struct error *err)
{
	struct str rest = line, word = str_cut(&rest, ' '), digits = str_cut(&rest, ' ');
	unsigned char bytes[KEY_BYTES] = { 0 };
	auto_buf decoded = BUF_INIT;
	bool done;

	if (!str_is(word, KEY_WORD))
		return error_set(err, ERROR_INVALID,
				 "a line is no key: \"" KEY_WORD " <64 hex digits>\"");
	if (digits.len != 2 * KEY_BYTES)
		return error_set(err, ERROR_INVALID, "a key has %zu hex digits, not %d", digits.len,
				 2 * KEY_BYTES);
	if (keys->count == SEAL_KEYS_MAX)
		return error_set(err, ERROR_INVALID, "there are more than %d keys", SEAL_KEYS_MAX);
	rest = str_trim(rest);
	if (rest.len >= CLOCK_TEXT)
		return error_set(err, ERROR_INVALID, "the time behind a key is too long");
	buf_reserve(&decoded, 2 * KEY_BYTES);
	if (!buf_add_hex_decoded(&decoded, digits))
		return error_set(err, ERROR_INVALID, "a key has other signs than hex digits");
	assert(decoded.len == KEY_BYTES);
	memcpy(bytes, decoded.at, KEY_BYTES);
	done = add_key(keys, bytes, rest, err);
	mbedtls_platform_zeroize(bytes, sizeof(bytes));
	mbedtls_platform_zeroize(decoded.at, decoded.len);
	return done;
}

bool seal_keys_parse(struct str text, struct seal_keys **out, struct error *err)
{
	AUTO(seal_keys_free) struct seal_keys *keys = memory_new(struct seal_keys);
	struct str rest = text;

	while (rest.len > 0) {
		struct str line = str_cut(&rest, '\n');

		if (line.len > 0 && line.at[line.len - 1] == '\r')
			line.len--;
		line = str_trim(line);
		if (line.len > 0 && line.at[0] != '#' && !parse_line(keys, line, err))
			return false;
	}
	if (keys->count == 0)
		return error_set(err, ERROR_INVALID, "there is no key in it");
	*out = take_ptr(&keys);
	return true;
}

void seal_keys_free(struct seal_keys *keys)
{
	if (!keys)
		return;
	for (size_t i = 0; i < keys->count; i++)
		mbedtls_gcm_free(&keys->rows[i].gcm); /* wipes it */
	free(keys);
}

size_t seal_keys_count(const struct seal_keys *keys)
{
	return keys->count;
}

const char *seal_keys_id(const struct seal_keys *keys, size_t at)
{
	assert(at < keys->count);
	return keys->rows[at].id_text;
}

const char *seal_keys_made(const struct seal_keys *keys, size_t at)
{
	assert(at < keys->count);
	return keys->rows[at].made;
}

void seal_keys_print_new(struct buf *out)
{
	unsigned char bytes[KEY_BYTES];
	char now[CLOCK_TEXT];

	random_bytes(bytes, sizeof(bytes));
	clock_print(clock_wall_s(), now);
	buf_reserve(out, 128); /* no copy is left where the text was before it grew */
	buf_add_text(out, KEY_WORD " ");
	buf_add_hex(out, str_from(bytes, sizeof(bytes)));
	buf_add_print(out, " %s\n", now);
	mbedtls_platform_zeroize(bytes, sizeof(bytes));
}

void seal_wipe(struct buf *buf)
{
	if (buf->room > 0)
		mbedtls_platform_zeroize(buf->at, buf->room);
	buf_clear(buf);
}

/* --- values --- */

/* What the tag covers beside the value: the head, so that no version or key can be put in its
 * place, and the name. */
static void print_covered(const void *head, struct str name, struct buf *out)
{
	buf_add(out, head, 1 + ID_BYTES);
	buf_add_str(out, name);
}

void seal_close(struct seal_keys *keys, struct str name, struct str value, struct buf *out)
{
	struct key *key = &keys->rows[0];
	unsigned char head[HEAD] = { VERSION };
	auto_buf covered = BUF_INIT;
	unsigned char *at;

	assert(keys->count > 0);
	memcpy(head + 1, key->id, ID_BYTES);
	random_bytes(head + 1 + ID_BYTES, NONCE);
	print_covered(head, name, &covered);
	buf_reserve(out, HEAD + value.len + TAG);
	buf_add(out, head, HEAD);
	at = (unsigned char *)out->at + out->len;
	must(mbedtls_gcm_crypt_and_tag(&key->gcm, MBEDTLS_GCM_ENCRYPT, value.len,
				       head + 1 + ID_BYTES, NONCE, bytes_at(buf_str(&covered)),
				       covered.len, bytes_at(value), at, TAG, at + value.len));
	out->len += value.len + TAG;
	out->at[out->len] = '\0';
}

bool seal_is_sealed(struct str bytes)
{
	return bytes.len > 0 && bytes.at[0] == VERSION;
}

bool seal_open(struct seal_keys *keys, struct str name, struct str sealed, struct buf *out,
	       bool *out_newest, struct error *err)
{
	const unsigned char *at = bytes_at(sealed);
	auto_buf covered = BUF_INIT, id = BUF_INIT;
	struct key *key;
	size_t len;

	if (!seal_is_sealed(sealed) || sealed.len < HEAD + TAG)
		return error_set(err, ERROR_BROKEN, "this is no sealed value");
	key = find(keys, at + 1);
	if (!key) {
		buf_add_hex(&id, str_from(at + 1, ID_BYTES));
		return error_set(err, ERROR_FORBIDDEN,
				 "it is sealed with the key %s, which is not here", buf_text(&id));
	}
	len = sealed.len - HEAD - TAG;
	print_covered(at, name, &covered);
	buf_reserve(out, len);
	if (mbedtls_gcm_auth_decrypt(&key->gcm, len, at + 1 + ID_BYTES, NONCE,
				     bytes_at(buf_str(&covered)), covered.len, at + HEAD + len, TAG,
				     at + HEAD, (unsigned char *)out->at + out->len) != 0)
		return error_set(err, ERROR_BROKEN,
				 "it is not what was sealed under this name: it was changed, or "
				 "put here from another place");
	out->len += len;
	out->at[out->len] = '\0';
	*out_newest = key == &keys->rows[0];
	return true;
}
