/*
 * own_program.c - a copy of our file's mount, read-only; else of its bytes.
 */
#include "runtime/own_program.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

#include "base/memory.h"
#include "runtime/mountfd.h"

#define OWN_FILE "/proc/self/exe"

static bool copy_bytes(int *out_fd, struct error *err)
{
	auto_fd from = open(OWN_FILE, O_RDONLY | O_CLOEXEC);
	auto_fd copy = memfd_create("mote", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	struct stat facts;
	ssize_t got = 1;

	if (from < 0 || copy < 0 || fstat(from, &facts) != 0)
		return error_os(err, "copy this program");
	for (off_t left = facts.st_size; left > 0 && got > 0; left -= got)
		got = sendfile(copy, from, NULL, (size_t)left);
	if (got <= 0)
		return error_os(err, "copy this program");
	if (fcntl(copy, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) != 0)
		return error_os(err, "seal the copy of this program");
	*out_fd = take_fd(&copy);
	return true;
}

bool own_program_open(int *out_fd, struct error *err)
{
	auto_fd fd = -1;
	struct error why;

	if (!mountfd_copy(AT_FDCWD, OWN_FILE, MOUNTFD_ONE, &fd, &why) ||
	    !mountfd_change(fd, MOUNTFD_ONE, MOUNT_ATTR_RDONLY, MS_PRIVATE, &why))
		return copy_bytes(out_fd, err);
	*out_fd = take_fd(&fd);
	return true;
}
