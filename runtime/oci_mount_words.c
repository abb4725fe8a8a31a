/*
 * oci_mount_words.c - one row a word.
 */
#include "runtime/oci_mount_words.h"

#ifndef MOUNT_ATTR_NOSYMFOLLOW
#define MOUNT_ATTR_NOSYMFOLLOW 0x00200000
#endif
/* <sys/mount.h> does not go with <linux/mount.h>. */
#ifndef MS_NOSYMFOLLOW
#define MS_NOSYMFOLLOW 256
#endif

enum does {
	DOES_SET,
	DOES_CLEAR,
	DOES_PROPAGATE,
	DOES_BIND,
	DOES_MAP,
	DOES_COPY_UP,
	DOES_REMOUNT,
	DOES_NOTHING,
	DOES_CLASSIC, /* a flag of the file system: "sync" */
};

/* `tree`: of everything below, too. */
static const struct {
	const char *word;
	enum does does;
	bool tree;
	uint64_t value;
} words[] = {
	{ "acl", DOES_NOTHING, false, 0 },
	{ "async", DOES_NOTHING, false, 0 },
	{ "atime", DOES_CLEAR, false, MOUNT_ATTR_NOATIME },
	{ "bind", DOES_BIND, false, 0 },
	{ "defaults", DOES_NOTHING, false, 0 },
	{ "dev", DOES_CLEAR, false, MOUNT_ATTR_NODEV },
	{ "diratime", DOES_CLEAR, false, MOUNT_ATTR_NODIRATIME },
	{ "dirsync", DOES_CLASSIC, false, MS_DIRSYNC },
	{ "exec", DOES_CLEAR, false, MOUNT_ATTR_NOEXEC },
	{ "idmap", DOES_MAP, false, 0 },
	{ "iversion", DOES_CLASSIC, false, MS_I_VERSION },
	{ "lazytime", DOES_CLASSIC, false, MS_LAZYTIME },
	{ "loud", DOES_NOTHING, false, 0 },
	{ "mand", DOES_NOTHING, false, 0 },
	{ "noacl", DOES_NOTHING, false, 0 },
	{ "noatime", DOES_SET, false, MOUNT_ATTR_NOATIME },
	{ "nodev", DOES_SET, false, MOUNT_ATTR_NODEV },
	{ "nodiratime", DOES_SET, false, MOUNT_ATTR_NODIRATIME },
	{ "noexec", DOES_SET, false, MOUNT_ATTR_NOEXEC },
	{ "noiversion", DOES_NOTHING, false, 0 },
	{ "nolazytime", DOES_NOTHING, false, 0 },
	{ "nomand", DOES_NOTHING, false, 0 },
	{ "norelatime", DOES_SET, false, MOUNT_ATTR_STRICTATIME },
	{ "nostrictatime", DOES_CLEAR, false, MOUNT_ATTR_STRICTATIME },
	{ "nosuid", DOES_SET, false, MOUNT_ATTR_NOSUID },
	{ "nosymfollow", DOES_SET, false, MOUNT_ATTR_NOSYMFOLLOW },
	{ "private", DOES_PROPAGATE, false, MS_PRIVATE },
	{ "ratime", DOES_CLEAR, true, MOUNT_ATTR_NOATIME },
	{ "rbind", DOES_BIND, true, 0 },
	{ "rdev", DOES_CLEAR, true, MOUNT_ATTR_NODEV },
	{ "rdiratime", DOES_CLEAR, true, MOUNT_ATTR_NODIRATIME },
	{ "relatime", DOES_SET, false, MOUNT_ATTR_RELATIME },
	{ "remount", DOES_REMOUNT, false, 0 },
	{ "rexec", DOES_CLEAR, true, MOUNT_ATTR_NOEXEC },
	{ "ridmap", DOES_MAP, true, 0 },
	{ "rnoatime", DOES_SET, true, MOUNT_ATTR_NOATIME },
	{ "rnodev", DOES_SET, true, MOUNT_ATTR_NODEV },
	{ "rnodiratime", DOES_SET, true, MOUNT_ATTR_NODIRATIME },
	{ "rnoexec", DOES_SET, true, MOUNT_ATTR_NOEXEC },
	{ "rnorelatime", DOES_SET, true, MOUNT_ATTR_STRICTATIME },
	{ "rnostrictatime", DOES_CLEAR, true, MOUNT_ATTR_STRICTATIME },
	{ "rnosuid", DOES_SET, true, MOUNT_ATTR_NOSUID },
	{ "rnosymfollow", DOES_SET, true, MOUNT_ATTR_NOSYMFOLLOW },
	{ "ro", DOES_SET, false, MOUNT_ATTR_RDONLY },
	{ "rprivate", DOES_PROPAGATE, true, MS_PRIVATE },
	{ "rrelatime", DOES_SET, true, MOUNT_ATTR_RELATIME },
	{ "rro", DOES_SET, true, MOUNT_ATTR_RDONLY },
	{ "rrw", DOES_CLEAR, true, MOUNT_ATTR_RDONLY },
	{ "rshared", DOES_PROPAGATE, true, MS_SHARED },
	{ "rslave", DOES_PROPAGATE, true, MS_SLAVE },
	{ "rstrictatime", DOES_SET, true, MOUNT_ATTR_STRICTATIME },
	{ "rsuid", DOES_CLEAR, true, MOUNT_ATTR_NOSUID },
	{ "rsymfollow", DOES_CLEAR, true, MOUNT_ATTR_NOSYMFOLLOW },
	{ "runbindable", DOES_PROPAGATE, true, MS_UNBINDABLE },
	{ "rw", DOES_CLEAR, false, MOUNT_ATTR_RDONLY },
	{ "shared", DOES_PROPAGATE, false, MS_SHARED },
	{ "silent", DOES_NOTHING, false, 0 },
	{ "slave", DOES_PROPAGATE, false, MS_SLAVE },
	{ "strictatime", DOES_SET, false, MOUNT_ATTR_STRICTATIME },
	{ "suid", DOES_CLEAR, false, MOUNT_ATTR_NOSUID },
	{ "symfollow", DOES_CLEAR, false, MOUNT_ATTR_NOSYMFOLLOW },
	{ "sync", DOES_CLASSIC, false, MS_SYNCHRONOUS },
	{ "tmpcopyup", DOES_COPY_UP, false, 0 },
	{ "unbindable", DOES_PROPAGATE, false, MS_UNBINDABLE },
};

const char *const *oci_mount_words_list(void)
{
	static const char *list[ARRAY_LENGTH(words) + 1];

	for (size_t i = 0; i < ARRAY_LENGTH(words); i++)
		list[i] = words[i].word;
	return list;
}

#define TIMES (MOUNT_ATTR_RELATIME | MOUNT_ATTR_NOATIME | MOUNT_ATTR_STRICTATIME)

/* Times of access are one choice of three, not three flags: to change it, all are cleared first. */
static void change(uint64_t *set, uint64_t *clear, enum does does, uint64_t value)
{
	bool time = (value & TIMES) != 0 || value == MOUNT_ATTR_RELATIME;

	if (time) {
		*set &= ~(uint64_t)TIMES;
		*clear |= MOUNT_ATTR__ATIME;
	}
	if (does == DOES_SET) {
		*set |= value;
		if (!time)
			*clear &= ~value;
	} else {
		*set &= ~value;
		if (!time)
			*clear |= value;
	}
}

static void apply(struct oci_mount_words *out, size_t row)
{
	bool tree = words[row].tree;

	switch (words[row].does) {
	case DOES_SET:
	case DOES_CLEAR:
		change(tree ? &out->tree_set : &out->set, tree ? &out->tree_clear : &out->clear,
		       words[row].does, words[row].value);
		break;
	case DOES_PROPAGATE:
		out->propagation = words[row].value;
		out->propagation_tree = tree;
		break;
	case DOES_BIND:
		out->bind = true;
		out->tree |= tree;
		break;
	case DOES_MAP:
		out->map = true;
		out->map_tree |= tree;
		break;
	case DOES_COPY_UP: out->copy_up = true; break;
	case DOES_REMOUNT: out->remount = true; break;
	case DOES_CLASSIC: out->classic |= (unsigned long)words[row].value; break;
	case DOES_NOTHING: break;
	}
}

static void keep(struct str text, struct arena *arena, struct oci_mount_words *out)
{
	struct str value = text;
	struct str key = str_cut(&value, '=');

	out->rest[out->rest_count++] = (struct mountfd_option){
		.key = str_copy_arena(key, arena),
		.value = key.len < text.len ? str_copy_arena(value, arena) : NULL,
	};
}

void oci_mount_words_read(const struct json *options, struct arena *arena,
			  struct oci_mount_words *out)
{
	*out = (struct oci_mount_words){ 0 };
	out->rest = arena_zero(arena, (json_count(options) + 1) * sizeof(*out->rest));
	for (struct json_iter it = json_iter(options); json_next(&it);) {
		struct str text = json_str(it.value);
		size_t row = 0;

		while (row < ARRAY_LENGTH(words) && !str_is(text, words[row].word))
			row++;
		if (row < ARRAY_LENGTH(words))
			apply(out, row);
		else if (text.len > 0)
			keep(text, arena, out);
	}
}
