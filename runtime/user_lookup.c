/*
 * user_lookup.c - reads passwd(5) and group(5) line by line with a fixed buffer.
 */
#include "runtime/user_lookup.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/text.h"
#include "runtime/pathfd.h"

#define NUMBER_MAX     2147483647 /* larger ids are negative somewhere */
#define FILE_BYTES_MAX (1024 * 1024)

/* A file as lines; one longer than the buffer is passed over. */
struct lines {
	int fd;
	size_t begin, end; /* of what is in `room` but not yet given out */
	size_t total;
	bool skipping;
	char room[4096];
};

static bool lines_fill(struct lines *lines)
{
	ssize_t got;

	if (lines->begin > 0) {
		memmove(lines->room, lines->room + lines->begin, lines->end - lines->begin);
		lines->end -= lines->begin;
		lines->begin = 0;
	}
	if (lines->end == sizeof(lines->room)) {
		lines->skipping = true;
		lines->end = 0;
	}
	do
		got = read(lines->fd, lines->room + lines->end, sizeof(lines->room) - lines->end);
	while (got < 0 && errno == EINTR);
	if (got <= 0 || lines->total + (size_t)got > FILE_BYTES_MAX)
		return false;
	lines->total += (size_t)got;
	lines->end += (size_t)got;
	return true;
}

static bool lines_next(struct lines *lines, struct str *out)
{
	for (;;) {
		char *at = lines->room + lines->begin;
		char *stop = memchr(at, '\n', lines->end - lines->begin);
		bool whole = !lines->skipping;

		if (!stop) {
			if (lines_fill(lines))
				continue;
			if (lines->begin == lines->end || lines->skipping)
				return false;
			*out = str_from(lines->room + lines->begin, lines->end - lines->begin);
			lines->begin = lines->end;
			return true;
		}
		*out = str_from(at, (size_t)(stop - at));
		lines->begin += out->len + 1;
		lines->skipping = false;
		if (whole)
			return true;
	}
}

/* A missing file is an empty one. */
static bool lines_open(int root, const char *path, struct lines *out, struct error *err)
{
	struct error why;
	struct stat facts;
	int fd;

	out->fd = -1;
	out->begin = out->end = out->total = 0;
	out->skipping = false;
	if (!pathfd_open(root, path, PATHFD_IN_ROOT, O_RDONLY | O_NONBLOCK | O_NOCTTY, &fd, &why)) {
		if (why.kind == ERROR_NOT_FOUND)
			return true;
		*err = why;
		return false;
	}
	if (fstat(fd, &facts) != 0 || !S_ISREG(facts.st_mode)) {
		close(fd);
		return error_set(err, ERROR_INVALID, "%s in the image is not a plain file", path);
	}
	out->fd = fd;
	return true;
}

static void lines_close(struct lines *lines)
{
	if (lines->fd >= 0)
		close(lines->fd);
}

/* ":"-separated fields; the rest of the line is in the last. */
static void split(struct str line, struct str *fields, size_t count)
{
	for (size_t i = 0; i + 1 < count; i++)
		fields[i] = str_cut(&line, ':');
	fields[count - 1] = line;
}

static bool is_number(struct str text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.at[i] < '0' || text.at[i] > '9')
			return false;
	return text.len > 0;
}

static bool to_number(struct str text, int64_t *out)
{
	return is_number(text) && str_to_i64(text, 0, NUMBER_MAX, out);
}

struct account {
	char name[256]; /* "" when the number has no account */
	int64_t uid, gid;
	char home[USER_HOME_MAX];
};

static void account_fill(struct account *account, const struct str *fields, int64_t uid,
			 int64_t gid)
{
	account->uid = uid;
	account->gid = gid;
	if (fields[0].len < sizeof(account->name))
		snprintf(account->name, sizeof(account->name), STR_FMT, STR_ARG(fields[0]));
	if (fields[5].len > 0 && fields[5].len < sizeof(account->home) && fields[5].at[0] == '/')
		snprintf(account->home, sizeof(account->home), STR_FMT, STR_ARG(fields[5]));
}

/* name:password:uid:gid:comment:home:shell; the first line that fits by name, or by number when the
 * name is STR_NONE. */
static bool account_find(int root, struct str name, int64_t uid, struct account *out,
			 bool *out_found, struct error *err)
{
	struct lines lines;
	struct str line;
	struct str fields[7];
	int64_t line_uid;
	int64_t line_gid;
	bool found = false;

	if (!lines_open(root, "/etc/passwd", &lines, err))
		return false;
	while (lines.fd >= 0 && !found && lines_next(&lines, &line)) {
		split(line, fields, 7);
		if (!to_number(fields[2], &line_uid) || !to_number(fields[3], &line_gid))
			continue;
		found = name.at ? str_equal(fields[0], name) : line_uid == uid;
		if (found)
			account_fill(out, fields, line_uid, line_gid);
	}
	lines_close(&lines);
	*out_found = found;
	return true;
}

static bool has_member(struct str members, struct str name)
{
	while (members.len > 0)
		if (str_equal(str_cut(&members, ','), name))
			return true;
	return false;
}

static bool add_group(struct user_found *found, int64_t gid, struct error *err)
{
	for (size_t i = 0; i < found->group_count; i++)
		if (found->groups[i] == (gid_t)gid)
			return true;
	if (found->group_count == USER_GROUPS_MAX)
		return error_set(err, ERROR_TOO_LARGE, "more than %d groups", USER_GROUPS_MAX);
	found->groups[found->group_count++] = (gid_t)gid;
	return true;
}

/* name:password:gid:members; collects the groups of `member`, and the number of the group
 * `wanted`. */
static bool groups_read(int root, struct str member, struct str wanted, int64_t *wanted_gid,
			struct user_found *found, struct error *err)
{
	struct lines lines;
	struct str line;
	struct str fields[4];
	int64_t gid;
	bool fine = true;

	if (!lines_open(root, "/etc/group", &lines, err))
		return false;
	while (lines.fd >= 0 && fine && lines_next(&lines, &line)) {
		split(line, fields, 4);
		if (!to_number(fields[2], &gid))
			continue;
		if (wanted.len > 0 && *wanted_gid < 0 && str_equal(fields[0], wanted))
			*wanted_gid = gid;
		if (member.len > 0 && has_member(fields[3], member))
			fine = add_group(found, gid, err);
	}
	lines_close(&lines);
	return fine;
}

/* The part before the colon, or the uid that wins over it. */
static bool find_user(int root, struct str text, int64_t uid, struct account *out,
		      struct error *err)
{
	bool found;

	*out = (struct account){ .home = "/" };
	if (uid < 0 && text.len == 0)
		uid = 0;
	if (uid < 0 && is_number(text) && !to_number(text, &uid))
		return error_set(err, ERROR_INVALID, "user id " STR_FMT " is out of range",
				 STR_ARG(text));
	if (uid > NUMBER_MAX)
		return error_set(err, ERROR_INVALID, "user id %lld is out of range",
				 (long long)uid);
	if (!account_find(root, uid >= 0 ? STR_NONE : text, uid, out, &found, err))
		return false;
	if (found)
		return true;
	if (uid < 0)
		return error_set(err, ERROR_INVALID, "the image has no user \"" STR_FMT "\"",
				 STR_ARG(text));
	out->uid = uid;
	return true;
}

static bool put_own_first(struct user_found *found, struct error *err)
{
	size_t at = 0;

	if (!add_group(found, found->gid, err))
		return false;
	while (found->groups[at] != found->gid)
		at++;
	memmove(found->groups + 1, found->groups, at * sizeof(*found->groups));
	found->groups[0] = found->gid;
	return true;
}

bool user_lookup(int root, const struct user_wish *wish, struct user_found *out, struct error *err)
{
	struct str group = str_of(wish->text ? wish->text : "");
	struct str name = str_cut(&group, ':');
	struct str group_name = STR_NONE;
	struct account account;
	int64_t gid = wish->gid;

	assert(wish->uid >= -1 && wish->gid >= -1);
	if (!find_user(root, name, wish->uid, &account, err))
		return false;
	if (wish->must_not_be_root && account.uid == 0)
		return error_set(err, ERROR_INVALID,
				 "the container must not run as root, but its user is root");
	if (gid < 0 && wish->uid < 0 && group.len > 0) {
		if (!is_number(group))
			group_name = group;
		else if (!to_number(group, &gid))
			return error_set(err, ERROR_INVALID, "group id " STR_FMT " is out of range",
					 STR_ARG(group));
	}
	out->group_count = 0;
	for (size_t i = 0; i < wish->group_count; i++)
		if (!add_group(out, wish->groups[i], err))
			return false;
	if (!groups_read(root, wish->strict_groups ? STR_NONE : str_of(account.name), group_name,
			 &gid, out, err))
		return false;
	if (group_name.len > 0 && gid < 0)
		return error_set(err, ERROR_INVALID, "the image has no group \"" STR_FMT "\"",
				 STR_ARG(group_name));
	if (gid > NUMBER_MAX)
		return error_set(err, ERROR_INVALID, "group id %lld is out of range",
				 (long long)gid);
	out->uid = (uid_t)account.uid;
	out->gid = (gid_t)(gid >= 0 ? gid : account.gid);
	memcpy(out->home, account.home, sizeof(out->home));
	return !wish->with_own || put_own_first(out, err);
}
