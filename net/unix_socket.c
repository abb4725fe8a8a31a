/*
 * unix_socket.c - AF_UNIX streams.
 */
#include "net/unix_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/memory.h"

#define BACKLOG 64

static bool make(const char *path, int *out_fd, struct sockaddr_un *out_at, struct error *err)
{
	*out_at = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof(out_at->sun_path))
		return error_set(err, ERROR_INVALID, "the path %s is too long for a socket", path);
	memcpy(out_at->sun_path, path, strlen(path) + 1);
	*out_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	return *out_fd >= 0 || error_os(err, "cannot make a socket");
}

static bool unblock(int fd, struct error *err)
{
	return fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) == 0 ||
	       error_os(err, "cannot set up a socket");
}

bool unix_socket_connect(const char *path, int *out_fd, struct error *err)
{
	struct sockaddr_un at;
	auto_fd fd = -1;

	if (!make(path, &fd, &at, err))
		return false;
	if (connect(fd, (struct sockaddr *)&at, sizeof(at)) < 0) {
		if (errno == ENOENT || errno == ECONNREFUSED)
			return error_set(err, ERROR_NOT_FOUND, "nobody listens at %s", path);
		if (errno == EACCES || errno == EPERM)
			return error_set(err, ERROR_FORBIDDEN, "%s may not be opened; use sudo",
					 path);
		return error_os(err, "cannot connect to %s", path);
	}
	if (!unblock(fd, err))
		return false;
	*out_fd = take_fd(&fd);
	return true;
}

bool unix_socket_listen(const char *path, int *out_fd, struct error *err)
{
	struct sockaddr_un at;
	struct error ignored;
	auto_fd fd = -1, other = -1;

	if (unix_socket_connect(path, &other, &ignored))
		return error_set(err, ERROR_EXISTS, "another process listens at %s", path);
	unlink(path);
	if (!make(path, &fd, &at, err))
		return false;
	if (bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 || chmod(path, 0600) < 0 ||
	    listen(fd, BACKLOG) < 0)
		return error_os(err, "cannot listen at %s", path);
	if (!unblock(fd, err))
		return false;
	*out_fd = take_fd(&fd);
	return true;
}
