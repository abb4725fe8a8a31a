/*
 * capability.c - names of capabilities, and putting a set in force.
 */
#include "runtime/capability.h"

#include <assert.h>
#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/memory.h"

#define BIT(n) (UINT64_C(1) << (n))

const uint64_t capability_default = BIT(CAP_CHOWN) | BIT(CAP_DAC_OVERRIDE) | BIT(CAP_FSETID) |
				    BIT(CAP_FOWNER) | BIT(CAP_MKNOD) | BIT(CAP_NET_RAW) |
				    BIT(CAP_SETGID) | BIT(CAP_SETUID) | BIT(CAP_SETFCAP) |
				    BIT(CAP_SETPCAP) | BIT(CAP_NET_BIND_SERVICE) |
				    BIT(CAP_SYS_CHROOT) | BIT(CAP_KILL) | BIT(CAP_AUDIT_WRITE);

/* In the order of linux/capability.h: the index is the number. */
static const char *const names[] = {
	"CHOWN",
	"DAC_OVERRIDE",
	"DAC_READ_SEARCH",
	"FOWNER",
	"FSETID",
	"KILL",
	"SETGID",
	"SETUID",
	"SETPCAP",
	"LINUX_IMMUTABLE",
	"NET_BIND_SERVICE",
	"NET_BROADCAST",
	"NET_ADMIN",
	"NET_RAW",
	"IPC_LOCK",
	"IPC_OWNER",
	"SYS_MODULE",
	"SYS_RAWIO",
	"SYS_CHROOT",
	"SYS_PTRACE",
	"SYS_PACCT",
	"SYS_ADMIN",
	"SYS_BOOT",
	"SYS_NICE",
	"SYS_RESOURCE",
	"SYS_TIME",
	"SYS_TTY_CONFIG",
	"MKNOD",
	"LEASE",
	"AUDIT_WRITE",
	"AUDIT_CONTROL",
	"SETFCAP",
	"MAC_OVERRIDE",
	"MAC_ADMIN",
	"SYSLOG",
	"WAKE_ALARM",
	"BLOCK_SUSPEND",
	"AUDIT_READ",
	"PERFMON",
	"BPF",
	"CHECKPOINT_RESTORE",
};

_Static_assert(ARRAY_LENGTH(names) == 41, "one name a capability");
_Static_assert(CAP_CHECKPOINT_RESTORE == 40, "the last name is that of the last capability");

uint64_t capability_ours(void)
{
	uint64_t set = 0;

	for (unsigned i = 0; i < 64; i++) {
		int has = prctl(PR_CAPBSET_READ, i, 0, 0, 0);

		if (has < 0)
			break;
		if (has > 0)
			set |= BIT(i);
	}
	return set;
}

static bool find(const char *name, uint64_t *out_bit, struct error *err)
{
	const char *bare = strncasecmp(name, "CAP_", 4) == 0 ? name + 4 : name;

	for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
		if (strcasecmp(names[i], bare) == 0) {
			*out_bit = BIT(i);
			return true;
		}
	}
	return error_set(err, ERROR_INVALID, "there is no capability \"%s\"", name);
}

static bool is_all(const char *name)
{
	return strcasecmp(name, "ALL") == 0 || strcasecmp(name, "CAP_ALL") == 0;
}

static bool has_all(const char *const *list)
{
	for (; list && *list; list++)
		if (is_all(*list))
			return true;
	return false;
}

static bool gather(const char *const *list, uint64_t *out_set, struct error *err)
{
	uint64_t set = 0;
	uint64_t bit = 0;

	for (; list && *list; list++) {
		if (is_all(*list))
			continue;
		if (!find(*list, &bit, err))
			return false;
		set |= bit;
	}
	*out_set = set;
	return true;
}

bool capability_choose(const char *const *add, const char *const *drop, uint64_t *out_set,
		       struct error *err)
{
	uint64_t ours = capability_ours();
	uint64_t set = capability_default;
	uint64_t added;
	uint64_t dropped;

	if (!gather(add, &added, err) || !gather(drop, &dropped, err))
		return false;
	if (has_all(add))
		set = ours;
	if (has_all(drop))
		set = 0;
	*out_set = ((set | added) & ~dropped) & ours;
	return true;
}

bool capability_bound(uint64_t set, struct error *err)
{
	for (unsigned i = 0; i < 64; i++) {
		if (set & BIT(i))
			continue;
		if (prctl(PR_CAPBSET_DROP, i, 0, 0, 0) == 0)
			continue;
		if (errno == EINVAL && i > 0)
			break; /* beyond this kernel's last capability */
		return error_os(err, "drop capability %u", i);
	}
	return true;
}

bool capability_leave_rules(struct error *err)
{
	return capability_bound(capability_ours() & ~(BIT(CAP_MAC_ADMIN) | BIT(CAP_MAC_OVERRIDE)),
				err);
}

bool capability_apply(uint64_t set, struct error *err)
{
	return capability_apply_sets(
		&(struct capability_sets){ .effective = set, .permitted = set }, err);
}

bool capability_apply_sets(const struct capability_sets *sets, struct error *err)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct halves[2] = {
		{ .effective = (uint32_t)sets->effective,
		  .permitted = (uint32_t)sets->permitted,
		  .inheritable = (uint32_t)sets->inheritable },
		{ .effective = (uint32_t)(sets->effective >> 32),
		  .permitted = (uint32_t)(sets->permitted >> 32),
		  .inheritable = (uint32_t)(sets->inheritable >> 32) },
	};

	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0)
		return error_os(err, "clear ambient capabilities");
	if (syscall(SYS_capset, &head, halves) != 0)
		return error_os(err, "set capabilities");
	for (unsigned i = 0; i < ARRAY_LENGTH(names); i++)
		if ((sets->ambient & BIT(i)) &&
		    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, i, 0, 0) != 0)
			return error_os(err, "set ambient capability %s", names[i]);
	return true;
}

bool capability_find(struct str name, uint64_t *out_bit)
{
	struct error ignored;
	char text[64];

	if (name.len == 0 || name.len >= sizeof(text))
		return false;
	memcpy(text, name.at, name.len);
	text[name.len] = '\0';
	return find(text, out_bit, &ignored);
}

const char *capability_name(unsigned number)
{
	static char room[48];

	if (number >= ARRAY_LENGTH(names))
		return NULL;
	snprintf(room, sizeof(room), "CAP_%s", names[number]);
	return room;
}
