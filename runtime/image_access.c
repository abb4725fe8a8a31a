/*
 * image_access.c - "access": {"docker.io/team/web": ["*"]} or {...: ["<hash>", "secret:<mark>"]}
 */
#include "runtime/image_access.h"

#include <stdio.h>

#include "base/file.h"
#include "base/random.h"
#include "net/hash.h"
#include "net/seal.h"
#include "runtime/image_name.h"

#define FIELD    "access"
#define EVERYONE "*"

bool image_access_open(const char *root, struct image_access_key *out, struct error *err)
{
	auto_free char *path = memory_print("%s/access-key", root);
	auto_buf text = BUF_INIT;
	struct error ignored;

	if (file_read(path, sizeof(out->bytes), &text, &ignored) &&
	    text.len == sizeof(out->bytes)) {
		memcpy(out->bytes, text.at, sizeof(out->bytes));
		return true;
	}
	random_bytes(out->bytes, sizeof(out->bytes));
	return file_replace(path, str_from((const char *)out->bytes, sizeof(out->bytes)), 0600,
			    err);
}

static bool is_nobody(const struct image_login *login)
{
	return !login || (login->username.len == 0 && login->password.len == 0);
}

/* Keyed: what is kept tells nothing of passwords, and means nothing on another machine. */
static void print_hash(const struct image_access_key *key, struct str repository,
		       const struct image_login *login, struct buf *out)
{
	unsigned char sum[HASH_SHA256];
	auto_wiped text = BUF_INIT;

	buf_add_str(&text, repository);
	buf_add_byte(&text, '\0');
	buf_add_str(&text, login->username);
	buf_add_byte(&text, '\0');
	buf_add_str(&text, login->password);
	hash_hmac_sha256(str_from((const char *)key->bytes, sizeof(key->bytes)), buf_str(&text),
			 sum);
	buf_add_hex(out, str_from((const char *)sum, sizeof(sum)));
}

static bool has_mark(const struct json *marks, struct str mark)
{
	for (struct json_iter it = json_iter(marks); json_next(&it);)
		if (str_equal(json_str(it.value), mark))
			return true;
	return false;
}

static void add_mark(struct json_doc *doc, struct json *marks, struct str mark)
{
	if (has_mark(marks, mark))
		return;
	while (json_count(marks) >= IMAGE_ACCESS_MARKS_MAX)
		json_remove_at(marks, 0);
	json_append(marks, json_new_str(doc, mark));
}

static char *repository_of(const char *name)
{
	struct image_name parts;
	struct error ignored;

	if (!image_name_parse(str_of(name), &parts, &ignored))
		return NULL;
	return memory_print("%s/%s", parts.host, parts.repository);
}

static void drop_oldest(struct json *access)
{
	struct json_iter it = json_iter(access);

	if (json_count(access) >= IMAGE_ACCESS_MARKS_MAX && json_next(&it))
		json_remove(access, it.key);
}

/* Without marks, and yet it has names: everybody may use it. */
static bool is_unmarked(const struct json *record)
{
	return !json_get(record, FIELD) && (json_count(json_get(record, "names")) > 0 ||
					    json_count(json_get(record, "digests")) > 0);
}

void image_access_note(const struct image_access_key *key, struct json_doc *doc,
		       struct json *record, const char *name, const struct image_login *login)
{
	auto_free char *repository = repository_of(name);
	auto_buf mark = BUF_INIT;
	struct json *access, *marks;

	if (!repository || is_unmarked(record))
		return;
	access = json_sub_object(doc, record, FIELD);
	if (!json_get(access, repository))
		drop_oldest(access);
	marks = json_sub_array(doc, access, repository);
	if (is_nobody(login)) {
		json_put(doc, access, repository, marks = json_new_array(doc));
		add_mark(doc, marks, STR(EVERYONE));
		return;
	}
	if (has_mark(marks, STR(EVERYONE)))
		return;
	print_hash(key, str_of(repository), login, &mark);
	add_mark(doc, marks, buf_str(&mark));
	if (login->secret.len == 0)
		return;
	buf_reset(&mark);
	buf_add_print(&mark, "secret:" STR_FMT, STR_ARG(login->secret));
	add_mark(doc, marks, buf_str(&mark));
}

static bool marks_allow(const struct image_access_key *key, const struct json *marks,
			struct str repository, const struct image_login *login)
{
	auto_buf mark = BUF_INIT;

	if (has_mark(marks, STR(EVERYONE)))
		return true;
	if (is_nobody(login))
		return false;
	print_hash(key, repository, login, &mark);
	if (has_mark(marks, buf_str(&mark)))
		return true;
	if (login->secret.len == 0)
		return false;
	buf_reset(&mark);
	buf_add_print(&mark, "secret:" STR_FMT, STR_ARG(login->secret));
	return has_mark(marks, buf_str(&mark));
}

bool image_access_allows(const struct image_access_key *key, const struct json *record,
			 struct str repository, const struct image_login *login)
{
	const struct json *access = json_get(record, FIELD);

	if (!access)
		return true;
	for (struct json_iter it = json_iter(access); json_next(&it);)
		if ((repository.len == 0 || str_equal(it.key, repository)) &&
		    marks_allow(key, it.value, it.key, login))
			return true;
	return false;
}
