/*
 * sealing.c - sealed on the way to the disk, opened on the way from it, sealed again when keys
 * change.
 *
 *   IDLE --work is left--> WRITING --all written--> SCRUBBING --done--> IDLE
 *                             |                         |
 *                             +--- failed: told, IDLE --+
 */
#include "server/registry/sealing.h"

#include <assert.h>
#include <errno.h>
#include <sys/stat.h>

#include "api/kind.h"
#include "base/log.h"
#include "net/seal_file.h"
#include "server/registry/registry.h"

#define PREFIXES_MAX 4

enum phase { SEALING_IDLE, SEALING_WRITING, SEALING_SCRUBBING };

struct sealing {
	char *key_file;
	struct seal_keys *keys; /* NULL: there is no file yet */
	struct stat known;      /* the file that they were read from */
	struct datastore *store;
	struct buf prefixes[PREFIXES_MAX]; /* of the keys of sealed kinds */
	size_t prefix_count;
	size_t older; /* values that are plain or of another key */
	enum phase phase;
	size_t writes; /* on their way */
	bool failed;
};

/* --- values --- */

static bool is_sealed_kind(const struct sealing *sealing, struct str key)
{
	for (size_t i = 0; i < sealing->prefix_count; i++)
		if (str_starts(key, buf_str(&sealing->prefixes[i])))
			return true;
	return false;
}

bool sealing_close(void *of, struct str key, struct str bytes, struct buf *out)
{
	const struct sealing *sealing = of;

	if (!is_sealed_kind(sealing, key))
		return false;
	assert(sealing->keys);
	seal_close(sealing->keys, key, bytes, out);
	return true;
}

bool sealing_open(void *of, struct str key, struct str bytes, struct object **out,
		  struct error *err)
{
	struct sealing *sealing = of;
	auto_wiped value = BUF_INIT;
	bool newest;

	if (!seal_is_sealed(bytes)) {
		sealing->older += is_sealed_kind(sealing, key);
		return object_from_bytes(bytes, out, err);
	}
	if (!sealing->keys)
		return error_set(err, ERROR_FORBIDDEN,
				 "the database holds sealed objects, but the file of their keys, "
				 "%s, is missing; put it back from where it was saved (without it "
				 "they are lost)",
				 sealing->key_file);
	if (!seal_open(sealing->keys, key, bytes, &value, &newest, err))
		return error_context(err, "open what is sealed, with the keys of %s",
				     sealing->key_file);
	sealing->older += !newest;
	return object_from_bytes(buf_str(&value), out, err);
}

/* --- the work --- */

static void failed(struct sealing *sealing, const char *what, const struct error *err)
{
	if (!sealing->failed)
		log_error("server.sealing",
			  "secrets could not be sealed again; trying at the next start",
			  "what=\"%s\" why=\"%s\"", what, err->text);
	sealing->failed = true;
}

static void remember_file(struct sealing *sealing)
{
	if (stat(sealing->key_file, &sealing->known) != 0)
		sealing->known = (struct stat){ 0 };
}

static void end(struct sealing *sealing)
{
	struct seal_keys *keys;
	struct error err;

	sealing->phase = SEALING_IDLE;
	if (sealing->failed)
		return;
	sealing->older = 0;
	if (seal_keys_count(sealing->keys) > 1) {
		if (!seal_file_prune(sealing->key_file, seal_keys_id(sealing->keys, 0), &keys,
				     &err)) {
			failed(sealing, "drop old keys", &err);
			return;
		}
		seal_keys_free(sealing->keys);
		sealing->keys = keys;
		remember_file(sealing);
	}
	log_info("server.sealing", "secrets are sealed with the newest key only", "key=%s",
		 seal_keys_id(sealing->keys, 0));
}

static void on_scrubbed(void *of, const struct error *err)
{
	struct sealing *sealing = of;

	if (err)
		failed(sealing, "make the database anew", err);
	end(sealing);
}

static void on_written(void *of, const struct error *err)
{
	struct sealing *sealing = of;

	assert(sealing->writes > 0);
	if (err)
		failed(sealing, "write", err);
	if (--sealing->writes > 0 || sealing->phase != SEALING_WRITING)
		return;
	if (sealing->failed) {
		end(sealing);
		return;
	}
	sealing->phase = SEALING_SCRUBBING;
	datastore_scrub(sealing->store, on_scrubbed, sealing);
}

static void write_all(struct sealing *sealing)
{
	sealing->phase = SEALING_WRITING;
	sealing->failed = false;
	sealing->writes = 1; /* no end before all have begun */
	for (size_t i = 0; i < sealing->prefix_count; i++) {
		struct str prefix = buf_str(&sealing->prefixes[i]);
		const struct record *record = datastore_first(sealing->store, prefix, STR_NONE);

		for (; record; record = datastore_next(record, prefix))
			sealing->writes += datastore_write_again(sealing->store, record->key,
								 on_written, sealing);
	}
	on_written(sealing, NULL);
}

/* --- the file --- */

static bool has_key(const struct seal_keys *keys, const char *id)
{
	for (size_t i = 0; i < seal_keys_count(keys); i++)
		if (strcmp(seal_keys_id(keys, i), id) == 0)
			return true;
	return false;
}

static bool read_again(struct sealing *sealing, struct error *err)
{
	AUTO(seal_keys_free) struct seal_keys *keys = NULL;
	struct seal_keys *old = sealing->keys;

	if (!seal_file_read(sealing->key_file, &keys, err))
		return false;
	if (!has_key(keys, seal_keys_id(old, 0)))
		return error_set(err, ERROR_INVALID,
				 "%s lacks the key that is in use (%s); put it back behind the "
				 "new one",
				 sealing->key_file, seal_keys_id(old, 0));
	sealing->keys = take_ptr(&keys);
	seal_keys_free(old);
	return true;
}

static bool is_known(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_size == b->st_size && a->st_mode == b->st_mode &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

void sealing_look(struct sealing *sealing)
{
	struct stat now = { 0 };
	struct error err;

	if (sealing->phase != SEALING_IDLE)
		return;
	if (stat(sealing->key_file, &now) != 0)
		now = (struct stat){ 0 };
	if (is_known(&now, &sealing->known))
		return;
	sealing->known = now;
	if (!read_again(sealing, &err)) {
		log_error("server.sealing",
			  "the file of keys is not taken; the keys of before stay", "why=\"%s\"",
			  err.text);
		return;
	}
	if (seal_keys_count(sealing->keys) > 1)
		write_all(sealing);
}

/* --- life --- */

static void find_prefixes(struct sealing *sealing)
{
	for (const struct kind *const *at = kind_list; *at; at++) {
		if (!(*at)->sealed)
			continue;
		assert(sealing->prefix_count < PREFIXES_MAX);
		registry_key(*at, STR_NONE, STR(""), &sealing->prefixes[sealing->prefix_count++]);
	}
}

bool sealing_new(const char *key_file, struct sealing **out, struct error *err)
{
	struct sealing *sealing = memory_new(struct sealing);

	sealing->key_file = memory_string(key_file);
	find_prefixes(sealing);
	if (!seal_file_read(key_file, &sealing->keys, err) && err->kind != ERROR_NOT_FOUND) {
		sealing_free(sealing);
		return false;
	}
	remember_file(sealing);
	*out = sealing;
	return true;
}

bool sealing_start(struct sealing *sealing, struct loop *loop, struct datastore *store,
		   struct error *err)
{
	sealing->store = store;
	if (!sealing->keys) {
		if (!seal_file_make(sealing->key_file, &sealing->keys, err))
			return false;
		remember_file(sealing);
		log_info("server.sealing", "a key for secrets was made: save it with the database",
			 "file=%s key=%s", sealing->key_file, seal_keys_id(sealing->keys, 0));
	}
	if (sealing->older > 0 || seal_keys_count(sealing->keys) > 1 ||
	    datastore_needs_scrub(store))
		write_all(sealing);
	while (sealing->phase != SEALING_IDLE)
		loop_once(loop, -1);
	return true;
}

void sealing_free(struct sealing *sealing)
{
	if (!sealing)
		return;
	assert(sealing->phase == SEALING_IDLE);
	for (size_t i = 0; i < sealing->prefix_count; i++)
		buf_clear(&sealing->prefixes[i]);
	seal_keys_free(sealing->keys);
	free(sealing->key_file);
	free(sealing);
}
