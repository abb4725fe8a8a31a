/*
 * signature.c - lists of signatures and roots, from lines and to lines.
 */
#include "ota/signature.h"

#include <assert.h>

#include "base/limits.h"
#include "net/pki.h"
#include "ota/lines.h"

void signature_list_clear(struct signature_list *list)
{
	for (size_t i = 0; i < list->root_count; i++)
		buf_clear(&list->roots[i]);
	free(list->roots);
	free(list->items);
	*list = SIGNATURE_LIST_INIT;
}

static struct signature *find(const struct signature_list *list, struct str key_id)
{
	for (size_t i = 0; i < list->count; i++)
		if (str_is(key_id, list->items[i].key_id))
			return &list->items[i];
	return NULL;
}

/* A new one at the end. */
static struct signature *grow(struct signature_list *list)
{
	assert(list->count < LIMIT_SIGNATURES);
	list->items = memory_grow(list->items, (list->count + 1) * sizeof(*list->items));
	list->items[list->count] = (struct signature){ 0 };
	return &list->items[list->count++];
}

static void put_root(struct signature_list *list, struct str text)
{
	assert(list->root_count < LIMIT_ROOTS);
	list->roots = memory_grow(list->roots, (list->root_count + 1) * sizeof(*list->roots));
	list->roots[list->root_count] = BUF_INIT;
	buf_add_str(&list->roots[list->root_count++], text);
}

static bool parse_root(struct lines *lines, struct signature_list *list, struct error *err)
{
	auto_buf text = BUF_INIT;
	struct str value;

	if (!lines_take(lines, "root", &value, 1, err))
		return false;
	if (list->root_count == LIMIT_ROOTS)
		return lines_refuse(lines, err, "there are more than %d roots", LIMIT_ROOTS);
	if (!lines_base64(value, &text) || text.len > LIMIT_ROOT)
		return lines_refuse(lines, err, "the root is not base64 of at most %u bytes",
				    LIMIT_ROOT);
	put_root(list, buf_str(&text));
	return true;
}

static bool parse_signature(struct lines *lines, struct signature_list *list, struct error *err)
{
	unsigned char unused[32];
	auto_buf der = BUF_INIT;
	struct signature *item;
	struct str values[2];

	if (!lines_take(lines, "signature", values, 2, err))
		return false;
	if (list->count == LIMIT_SIGNATURES)
		return lines_refuse(lines, err, "there are more than %d signatures",
				    LIMIT_SIGNATURES);
	if (!lines_sha256(values[0], unused))
		return lines_refuse(lines, err, "the key's name is not 64 hex digits");
	if (find(list, values[0]))
		return lines_refuse(lines, err, "the same key signs twice");
	if (!lines_base64(values[1], &der) || der.len > SIGNATURE_DER)
		return lines_refuse(lines, err, "the signature is not base64 of at most %d bytes",
				    SIGNATURE_DER);
	item = grow(list);
	memcpy(item->key_id, values[0].at, SIGNATURE_KEY_ID - 1);
	memcpy(item->der, der.at, der.len);
	item->der_len = der.len;
	return true;
}

static bool parse_all(struct lines *lines, struct signature_list *list, struct error *err)
{
	while (lines_next_is(lines, "root"))
		if (!parse_root(lines, list, err))
			return false;
	while (!lines_end(lines))
		if (!parse_signature(lines, list, err))
			return false;
	return true;
}

bool signature_list_parse(struct str text, struct signature_list *out, struct error *err)
{
	struct lines lines = { .what = "the signatures", .rest = text };
	struct signature_list list = SIGNATURE_LIST_INIT;

	assert(out->count == 0);
	assert(out->root_count == 0);
	if (text.len > LIMIT_SIGNATURE_BYTES)
		return error_set(err, ERROR_TOO_LARGE, "the signatures are over %u bytes",
				 LIMIT_SIGNATURE_BYTES);
	if (!parse_all(&lines, &list, err)) {
		signature_list_clear(&list);
		return false;
	}
	*out = list;
	return true;
}

void signature_list_print(const struct signature_list *list, struct buf *out)
{
	for (size_t i = 0; i < list->root_count; i++) {
		buf_add_text(out, "root ");
		buf_add_base64(out, buf_str(&list->roots[i]));
		buf_add_byte(out, '\n');
	}
	for (size_t i = 0; i < list->count; i++) {
		buf_add_print(out, "signature %s ", list->items[i].key_id);
		buf_add_base64(out, str_from(list->items[i].der, list->items[i].der_len));
		buf_add_byte(out, '\n');
	}
}

bool signature_list_sign(struct signature_list *list, struct str bytes, struct str key_pem,
			 struct error *err)
{
	char id[SIGNATURE_KEY_ID];
	auto_buf der = BUF_INIT;
	struct signature *item;

	if (!pki_key_id(key_pem, id, err) || !pki_sign_bytes(key_pem, bytes, &der, err))
		return false;
	assert(der.len <= SIGNATURE_DER);
	item = find(list, str_of(id));
	if (!item && list->count == LIMIT_SIGNATURES)
		return error_set(err, ERROR_TOO_LARGE, "there are %d signatures already",
				 LIMIT_SIGNATURES);
	if (!item)
		item = grow(list);
	memcpy(item->key_id, id, sizeof(id));
	memcpy(item->der, der.at, der.len);
	item->der_len = der.len;
	return true;
}

bool signature_list_add_root(struct signature_list *list, struct str root_text, struct error *err)
{
	for (size_t i = 0; i < list->root_count; i++)
		if (str_equal(buf_str(&list->roots[i]), root_text))
			return true;
	if (list->root_count == LIMIT_ROOTS || root_text.len > LIMIT_ROOT)
		return error_set(err, ERROR_TOO_LARGE, "more than %d roots, or one over %u bytes",
				 LIMIT_ROOTS, LIMIT_ROOT);
	put_root(list, root_text);
	return true;
}
