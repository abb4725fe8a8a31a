/*
 * mount_list.c - "36 35 98:0 ROOT PLACE rw,noatime shared:1 master:2 - TYPE SOURCE OPTIONS"
 */
#include "runtime/mount_list.h"

#include "base/file.h"
#include "base/memory.h"

bool mount_list_read(struct buf *out, struct error *err)
{
	return file_read("/proc/self/mountinfo", MOUNT_LIST_BYTES_MAX, out, err);
}

static bool is_digit_to(char letter, char last)
{
	return letter >= '0' && letter <= last;
}

/* "\\040" is a space; so are a tab, a line's end and the backslash written. */
static char *plain_place(struct str text)
{
	char *out = str_copy(text);
	char *to = out;

	for (const char *at = out; *at; at++)
		if (at[0] == '\\' && is_digit_to(at[1], '3') && is_digit_to(at[2], '7') &&
		    is_digit_to(at[3], '7')) {
			*to++ = (char)((at[1] - '0') * 64 + (at[2] - '0') * 8 + (at[3] - '0'));
			at += 3;
		} else {
			*to++ = *at;
		}
	*to = '\0';
	return out;
}

bool mount_line_read(struct str line, struct mount_line *out)
{
	ptrdiff_t dash = str_search(line, STR(" - "));
	struct str head;
	struct str tail;
	struct str place;

	if (dash < 0)
		return false;
	head = str_from(line.at, (size_t)dash);
	tail = str_from(line.at + dash + 3, line.len - (size_t)dash - 3);
	str_cut(&head, ' ');
	str_cut(&head, ' ');
	*out = (struct mount_line){ .device = str_cut(&head, ' ') };
	out->root = str_cut(&head, ' ');
	place = str_cut(&head, ' ');
	if (place.len == 0)
		return false;
	str_cut(&head, ' ');
	while (head.len > 0)
		out->shared |= str_starts(str_cut(&head, ' '), STR("shared:"));
	out->type = str_cut(&tail, ' ');
	str_cut(&tail, ' ');
	out->options = tail;
	out->place = plain_place(place);
	return true;
}

bool mount_is_below(const char *path, const char *folder)
{
	size_t len = strlen(folder);

	return strncmp(path, folder, len) == 0 && (path[len] == '/' || len <= 1);
}
