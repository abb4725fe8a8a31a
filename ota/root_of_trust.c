/*
 * root_of_trust.c - roots, who has signed enough, and the chain from one root to the next.
 */
#include "ota/root_of_trust.h"

#include <assert.h>
#include <dirent.h>
#include <stdio.h>

#include "base/file.h"
#include "base/limits.h"
#include "net/hash.h"
#include "net/pki.h"
#include "ota/lines.h"

struct root_key {
	char id[SIGNATURE_KEY_ID];
	unsigned char der[PKI_PUBLIC_DER];
};

struct root_of_trust {
	uint32_t version;
	size_t threshold, key_count;
	struct root_key keys[LIMIT_ROOT_KEYS];
	struct signature_list signatures;
	struct buf text;
	size_t signed_len; /* of the text: all before its first signature */
};

void root_free(struct root_of_trust *root)
{
	if (!root)
		return;
	signature_list_clear(&root->signatures);
	buf_clear(&root->text);
	free(root);
}

static const struct root_key *find_key(const struct root_of_trust *root, const char *id)
{
	for (size_t i = 0; i < root->key_count; i++)
		if (strcmp(root->keys[i].id, id) == 0)
			return &root->keys[i];
	return NULL;
}

static bool parse_key(struct lines *lines, struct root_of_trust *root, struct error *err)
{
	struct root_key *key = &root->keys[root->key_count];
	auto_buf der = BUF_INIT;
	char id[HASH_SHA256_HEX];
	struct str values[2];
	struct error why;

	if (!lines_take(lines, "key", values, 2, err))
		return false;
	if (root->key_count == LIMIT_ROOT_KEYS)
		return lines_refuse(lines, err, "there are more than %d keys", LIMIT_ROOT_KEYS);
	if (!lines_base64(values[1], &der))
		return lines_refuse(lines, err, "the key is not base64");
	if (!pki_check_public_der(buf_str(&der), &why))
		return lines_refuse(lines, err, "%s", why.text);
	hash_sha256_hex(buf_str(&der), id);
	if (!str_is(values[0], id))
		return lines_refuse(lines, err, "the key's name should be %s", id);
	if (find_key(root, id))
		return lines_refuse(lines, err, "the key is there twice");
	memcpy(key->id, id, sizeof(id));
	memcpy(key->der, der.at, sizeof(key->der));
	root->key_count++;
	return true;
}

static bool parse_head(struct lines *lines, struct root_of_trust *root, struct error *err)
{
	uint64_t version, threshold;
	struct str value;

	if (!lines_take(lines, "mote-root", &value, 1, err))
		return false;
	if (!str_is(value, "1"))
		return lines_refuse(lines, err, "this form of root is not known here");
	if (!lines_take(lines, "version", &value, 1, err))
		return false;
	if (!lines_number(value, UINT32_MAX, &version) || version == 0)
		return lines_refuse(lines, err, "the version is not a number from 1");
	if (!lines_take(lines, "threshold", &value, 1, err))
		return false;
	if (!lines_number(value, LIMIT_ROOT_KEYS, &threshold) || threshold == 0)
		return lines_refuse(lines, err, "the threshold is not a number from 1 to %d",
				    LIMIT_ROOT_KEYS);
	root->version = (uint32_t)version;
	root->threshold = (size_t)threshold;
	return true;
}

static bool parse_all(struct root_of_trust *root, struct error *err)
{
	struct lines lines = { .what = "the root of trust", .rest = buf_str(&root->text) };

	if (!parse_head(&lines, root, err))
		return false;
	while (lines_next_is(&lines, "key"))
		if (!parse_key(&lines, root, err))
			return false;
	if (root->threshold > root->key_count)
		return lines_refuse(&lines, err, "it takes %zu keys, and there are %zu",
				    root->threshold, root->key_count);
	root->signed_len = root->text.len - lines.rest.len;
	if (!signature_list_parse(lines.rest, &root->signatures, err))
		return error_context(err, "the root of trust");
	if (root->signatures.root_count > 0)
		return lines_refuse(&lines, err, "a root holds no other root");
	return true;
}

bool root_parse(struct str text, struct root_of_trust **out, struct error *err)
{
	auto_root root = NULL;

	assert(out);
	if (text.len > LIMIT_ROOT)
		return error_set(err, ERROR_TOO_LARGE, "the root of trust is over %u bytes",
				 LIMIT_ROOT);
	root = memory_new(struct root_of_trust);
	buf_add_str(&root->text, text);
	if (!parse_all(root, err))
		return false;
	*out = take_ptr(&root);
	return true;
}

bool root_read(const char *path, struct root_of_trust **out, struct error *err)
{
	auto_buf text = BUF_INIT;

	if (!file_read(path, LIMIT_ROOT, &text, err))
		return false;
	return root_parse(buf_str(&text), out, err) || error_context(err, "%s", path);
}

uint32_t root_version(const struct root_of_trust *root)
{
	return root->version;
}

size_t root_threshold(const struct root_of_trust *root)
{
	return root->threshold;
}

size_t root_key_count(const struct root_of_trust *root)
{
	return root->key_count;
}

const char *root_key_id(const struct root_of_trust *root, size_t i)
{
	assert(i < root->key_count);
	return root->keys[i].id;
}

struct str root_text(const struct root_of_trust *root)
{
	return buf_str(&root->text);
}

struct root_of_trust *root_copy(const struct root_of_trust *root)
{
	struct root_of_trust *copy = NULL;
	struct error err;
	bool parsed = root_parse(root_text(root), &copy, &err);

	assert(parsed); /* it was once */
	return copy;
}

const struct signature_list *root_signatures(const struct root_of_trust *root)
{
	return &root->signatures;
}

struct str root_signed_text(const struct root_of_trust *root)
{
	return str_from(root->text.at, root->signed_len);
}

bool root_print(const struct root_plan *plan, struct buf *out, struct error *err)
{
	buf_add_print(out, "mote-root 1\nversion %u\nthreshold %zu\n", plan->version,
		      plan->threshold);
	for (size_t i = 0; i < plan->key_count; i++) {
		unsigned char der[PKI_PUBLIC_DER];
		char id[HASH_SHA256_HEX];

		if (!pki_public_der(plan->public_pems[i], der, err))
			return false;
		hash_sha256_hex(str_from(der, sizeof(der)), id);
		buf_add_print(out, "key %s ", id);
		buf_add_base64(out, str_from(der, sizeof(der)));
		buf_add_byte(out, '\n');
	}
	return true;
}

bool root_sign(const struct root_of_trust *root, struct str key_pem, struct root_of_trust **out,
	       struct error *err)
{
	auto_signatures list = SIGNATURE_LIST_INIT;
	auto_buf text = BUF_INIT, lines = BUF_INIT;

	signature_list_print(&root->signatures, &lines);
	if (!signature_list_parse(buf_str(&lines), &list, err) ||
	    !signature_list_sign(&list, root_signed_text(root), key_pem, err))
		return false;
	buf_add_str(&text, root_signed_text(root));
	signature_list_print(&list, &text);
	return root_parse(buf_str(&text), out, err);
}

static bool is_good(const struct root_key *key, struct str bytes, const struct signature *signature)
{
	struct error why;

	return key && pki_verify_bytes(str_from(key->der, sizeof(key->der)), bytes,
				       str_from(signature->der, signature->der_len), &why);
}

/* A list names each key at most once, so each good signature is one key more. */
bool root_verify(const struct root_of_trust *root, struct str bytes,
		 const struct signature_list *signatures, struct error *err)
{
	size_t good = 0;

	for (size_t i = 0; i < signatures->count && good < root->threshold; i++)
		if (is_good(find_key(root, signatures->items[i].key_id), bytes,
			    &signatures->items[i]))
			good++;
	if (good < root->threshold)
		return error_set(err, ERROR_FORBIDDEN,
				 "%zu good signatures of the keys of root %u, and it takes %zu",
				 good, root->version, root->threshold);
	return true;
}

bool root_follows(const struct root_of_trust *root, const struct root_of_trust *next,
		  struct error *err)
{
	struct str bytes = root_signed_text(next);

	if (next->version != root->version + 1)
		return error_set(err, ERROR_FORBIDDEN, "root %u does not come right after root %u",
				 next->version, root->version);
	if (!root_verify(root, bytes, &next->signatures, err) ||
	    !root_verify(next, bytes, &next->signatures, err))
		return error_context(err, "root %u", next->version);
	return true;
}

bool root_follow_chain(struct root_of_trust **root, const struct signature_list *list,
		       struct error *err)
{
	auto_root newest = root_copy(*root);
	uint32_t last = 0;

	for (size_t i = 0; i < list->root_count; i++) {
		auto_root next = NULL;

		if (!root_parse(buf_str(&list->roots[i]), &next, err))
			return false;
		if (next->version <= last)
			return error_set(err, ERROR_INVALID, "root %u stands behind root %u",
					 next->version, last);
		last = next->version;
		if (next->version <= newest->version)
			continue;
		if (!root_follows(newest, next, err))
			return false;
		root_free(newest);
		newest = take_ptr(&next);
	}
	root_free(*root);
	*root = take_ptr(&newest);
	return true;
}

/* The number of a name "N.root", or 0. */
static uint32_t version_of(const char *name)
{
	struct str rest = str_of(name), number = str_cut(&rest, '.');
	uint64_t version;

	if (!str_is(rest, "root") || !lines_number(number, UINT32_MAX, &version))
		return 0;
	return (uint32_t)version;
}

bool root_newest(const char *folder, struct root_of_trust **out, struct error *err)
{
	auto_free char *path = NULL;
	auto_root root = NULL;
	uint32_t newest = 0;
	struct dirent *entry;
	DIR *listing = opendir(folder);

	while (listing && (entry = readdir(listing)))
		if (version_of(entry->d_name) > newest)
			newest = version_of(entry->d_name);
	if (listing)
		closedir(listing);
	if (newest == 0)
		return error_set(err, ERROR_NOT_FOUND, "there is no root of trust in %s", folder);
	path = memory_print("%s/%u.root", folder, newest);
	if (!root_read(path, &root, err))
		return false;
	if (root->version != newest)
		return error_set(err, ERROR_INVALID, "%s is root %u", path, root->version);
	*out = take_ptr(&root);
	return true;
}

bool root_keep(const struct root_of_trust *root, const char *folder, struct error *err)
{
	auto_free char *path = memory_print("%s/%u.root", folder, root->version);

	return file_make_dirs(folder, 0755, err) && file_replace(path, root_text(root), 0644, err);
}
