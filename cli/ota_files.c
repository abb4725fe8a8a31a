/*
 * ota_files.c - reading what signs, and what was signed beside its file.
 */
#include "cli/ota_files.h"

#include <assert.h>

#include "base/file.h"
#include "base/limits.h"

#define SIGNED_MAX (16u * 1024 * 1024)

bool ota_files_read(const struct option_list *paths, struct arena *arena, const struct str **out,
		    struct error *err)
{
	struct str *texts = arena_zero(arena, (paths->count + 1) * sizeof(*texts));

	assert(out);
	for (size_t i = 0; i < paths->count; i++) {
		auto_buf text = BUF_INIT;

		if (!file_read(paths->items[i], LIMIT_ROOT, &text, err))
			return false;
		texts[i] = str_from(arena_string(arena, buf_text(&text), text.len), text.len);
	}
	*out = texts;
	return true;
}

bool ota_files_signatures(const char *path, struct signature_list *out, struct error *err)
{
	auto_free char *beside = memory_print("%s.sig", path);
	auto_buf text = BUF_INIT;

	if (!file_exists(beside))
		return true;
	return file_read(beside, LIMIT_SIGNATURE_BYTES, &text, err) &&
	       (signature_list_parse(buf_str(&text), out, err) || error_context(err, "%s", beside));
}

bool ota_files_signed(const char *path, struct buf *out, struct error *err)
{
	return file_read(path, SIGNED_MAX, out, err);
}
