/*
 * oci_filter.c - filters by the digest of their profile.
 */
#include "runtime/oci_filter.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/version.h"
#include "net/hash.h"
#include "runtime/seccomp.h"

#define KEPT_MAX 64

static char *name_of(const char *root, const struct json *profile)
{
	auto_buf text = BUF_INIT;
	char hex[HASH_SHA256_HEX];

	buf_add_print(&text, "%s %zu ", version_text(), sizeof(void *));
	json_print(profile, &text);
	hash_sha256_hex(buf_str(&text), hex);
	return memory_print("%s/@filters/%s", root, hex);
}

/* What the kernel would refuse is not worth opening. */
static bool open_kept(const char *path, int *out_fd)
{
	auto_fd fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct stat facts;

	if (fd < 0 || fstat(fd, &facts) != 0 || !S_ISREG(facts.st_mode) ||
	    facts.st_uid != geteuid() || (facts.st_mode & 022) != 0 || facts.st_size == 0 ||
	    facts.st_size % (off_t)sizeof(struct sock_filter) != 0 ||
	    (size_t)facts.st_size > SECCOMP_BYTES_MAX)
		return false;
	*out_fd = take_fd(&fd);
	return true;
}

/* Profiles are few; whoever makes them anew each time shall not fill the folder. */
static void empty_if_full(const char *folder)
{
	DIR *dir = opendir(folder);
	struct dirent *entry;
	size_t count = 0;

	while (dir && (entry = readdir(dir)))
		count++;
	if (dir && count > KEPT_MAX) {
		rewinddir(dir);
		while ((entry = readdir(dir)))
			(void)!unlinkat(dirfd(dir), entry->d_name, 0);
	}
	if (dir)
		closedir(dir);
}

/* A failure costs time at the next start and nothing else. */
static void keep(const char *root, const char *path, int program)
{
	auto_free char *folder = memory_print("%s/@filters", root);
	auto_free char *part = memory_print("%s.%d", path, (int)getpid());
	auto_fd fd = -1;
	struct stat facts;
	off_t at = 0;

	if ((mkdir(folder, 0700) != 0 && errno != EEXIST) || fstat(program, &facts) != 0)
		return;
	empty_if_full(folder);
	fd = open(part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return;
	if (sendfile(fd, program, &at, (size_t)facts.st_size) != (ssize_t)facts.st_size ||
	    rename(part, path) != 0)
		unlink(part);
}

bool oci_filter_open(const char *root, const struct json *profile, struct seccomp_program *out,
		     struct error *err)
{
	auto_free char *path = name_of(root, profile);
	int fd;

	if (open_kept(path, &fd)) {
		if (!seccomp_profile_look(profile, out, err)) {
			close(fd);
			return false;
		}
		out->fd = fd;
		return true;
	}
	if (!seccomp_profile_make(profile, out, err))
		return false;
	keep(root, path, out->fd);
	return true;
}
