/*
 * openapi_pack.c - the bytes that pack_openapi.c has made; its head says what they look like.
 */
#include "server/front/openapi_pack.h"

#include <assert.h>

__asm__(".pushsection .rodata\n"
	".balign 16\n"
	"openapi_pack_begin: .incbin \"build/gen/openapi.pack\"\n"
	"openapi_pack_end:\n"
	".popsection\n");

extern const char openapi_pack_begin[] __attribute__((visibility("hidden")));
extern const char openapi_pack_end[] __attribute__((visibility("hidden")));

static struct str lines(void)
{
	struct str all =
		str_from(openapi_pack_begin, (size_t)(openapi_pack_end - openapi_pack_begin));
	ptrdiff_t end = str_search(all, STR("\n\n"));

	assert(end > 0);
	return str_from(all.at, (size_t)end + 1);
}

bool openapi_pack_next(size_t *at, struct openapi_entry *out)
{
	struct str index = lines(), rest, line;
	uint64_t offset = 0, length = 0;

	if (*at >= index.len)
		return false;
	rest = str_from(index.at + *at, index.len - *at);
	line = str_cut(&rest, '\n');
	*at += line.len + 1;
	out->name = str_cut(&line, ' ');
	out->hash = str_cut(&line, ' ');
	if (!str_to_u64(str_cut(&line, ' '), UINT32_MAX, &offset) ||
	    !str_to_u64(line, UINT32_MAX, &length))
		abort(); /* our own text */
	out->packed = str_from(index.at + index.len + 1 + offset, (size_t)length);
	assert(out->packed.at + out->packed.len <= openapi_pack_end);
	return true;
}

bool openapi_pack_find(struct str name, struct openapi_entry *out)
{
	struct openapi_entry entry;

	for (size_t at = 0; openapi_pack_next(&at, &entry);) {
		if (!str_equal(entry.name, name))
			continue;
		*out = entry;
		return true;
	}
	return false;
}
