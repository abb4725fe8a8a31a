/*
 * cgroup_inside.h - between the files of cgroup: small files of the kernel, and the two versions.
 */
#ifndef RUNTIME_CGROUP_INSIDE_H
#define RUNTIME_CGROUP_INSIDE_H

#include "runtime/cgroup.h"

/* Name of a version 1 controller, "" for CGROUP_UNIFIED. */
extern const char *const cgroup_part_names[CGROUP_PARTS];

/* Write text into folder/file with one write(2); errno tells why not. */
bool cgroup_file_write(const char *folder, const char *file, const char *text);
/* The same for a limit that was asked for (cgroup_spec.h); folder NULL: ERROR_UNAVAILABLE. */
MUST_CHECK bool cgroup_spec_write(const char *folder, const char *file, const char *text,
				  struct error *err);
/* The file's first bytes as text; false when it cannot be read. */
bool cgroup_file_read(const char *folder, const char *file, char *out, size_t size);
/* The file's one number. */
bool cgroup_file_number(const char *folder, const char *file, uint64_t *out);
/* The number after "name " at a line's begin of a flat file such as memory.stat. */
bool cgroup_file_field(const char *folder, const char *file, const char *name, uint64_t *out);

/* Version 2: the group's children get the controllers we use, as far as it has them and may. */
void cgroup_hand_down(const char *folder);

/* Make the groups of `path` below the folder `parent` of one hierarchy. */
MUST_CHECK bool cgroup_make_folders(const char *parent, const char *path, enum cgroup_part part,
				    char **out, struct error *err);
/* Words of version 1 in words of version 2. */
uint64_t cgroup_weight_of_shares(uint64_t shares);

/* cgroup_devices.c, version 2: load and attach a program; errno tells why not. */
bool cgroup_devices_attach(const char *folder, const struct container_device *devices,
			   size_t count);

struct cgroup_device_rule {
	bool allow;
	char type;            /* 'a' = any, 'b', 'c'       */
	int64_t major, minor; /* -1 = any                */
	unsigned access;      /* BPF_DEVCG_ACC_... of linux/bpf.h */
};
#define CGROUP_DEVICE_RULES_MAX 256
/* cgroup_rules.c, version 2: rules of one's own in place of what was attached before.  The last one
 * that fits decides; without one it is no. */
bool cgroup_devices_attach_rules(const char *folder, const struct cgroup_device_rule *rules,
				 size_t count);
/* The rules as lines for version 1's devices.allow, ends with NULL. */
extern const char *const cgroup_devices_lines[];

#endif
