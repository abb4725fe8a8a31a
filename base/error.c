/*
 * error.c - raising errors, and the one table of what they mean outside.
 */
#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const struct error_row error_rows[ERROR_KINDS] = {
	[ERROR_NONE] = { "", 200, false },
	[ERROR_BAD_REQUEST] = { "BadRequest", 400, false },
	[ERROR_UNAUTHORIZED] = { "Unauthorized", 401, false },
	[ERROR_FORBIDDEN] = { "Forbidden", 403, false },
	[ERROR_NOT_FOUND] = { "NotFound", 404, false },
	[ERROR_METHOD] = { "MethodNotAllowed", 405, false },
	[ERROR_NOT_ACCEPTABLE] = { "NotAcceptable", 406, false },
	[ERROR_EXISTS] = { "AlreadyExists", 409, false },
	[ERROR_CONFLICT] = { "Conflict", 409, true },
	[ERROR_EXPIRED] = { "Expired", 410, false },
	[ERROR_TOO_LARGE] = { "RequestEntityTooLarge", 413, false },
	[ERROR_MEDIA_TYPE] = { "UnsupportedMediaType", 415, false },
	[ERROR_INVALID] = { "Invalid", 422, false },
	[ERROR_TOO_MANY] = { "TooManyRequests", 429, true },
	[ERROR_BROKEN] = { "InternalError", 500, false },
	[ERROR_UNAVAILABLE] = { "ServiceUnavailable", 503, true },
	[ERROR_TIMEOUT] = { "Timeout", 504, true },
	[ERROR_FULL] = { "InsufficientStorage", 507, true },
	[ERROR_PLAIN] = { "", 500, false },
};

static void raise_list(struct error *err, enum error_kind kind, int os_code, const char *from,
		       const char *format, va_list args)
{
	err->kind = kind;
	err->os_code = os_code;
	err->from = from;
	vsnprintf(err->text, sizeof(err->text), format, args);
}

bool error_raise(struct error *err, enum error_kind kind, int os_code, const char *from,
		 const char *format, ...)
{
	va_list args;
	struct error raised; /* the arguments may point into err->text */

	va_start(args, format);
	raise_list(&raised, kind, os_code, from, format, args);
	va_end(args);
	*err = raised;
	return false;
}

static enum error_kind kind_of_errno(int code)
{
	switch (code) {
	case ENOSPC:
	case EDQUOT: return ERROR_FULL;
	case EAGAIN:
	case ETIMEDOUT:
	case ECONNREFUSED:
	case ECONNRESET:
	case ECONNABORTED:
	case EHOSTUNREACH:
	case ENETUNREACH:
	case EPIPE: return ERROR_UNAVAILABLE;
	default: return ERROR_BROKEN;
	}
}

static void add_text(struct error *err, const char *separator, const char *text)
{
	size_t used = strlen(err->text);

	snprintf(err->text + used, sizeof(err->text) - used, "%s%s", separator, text);
}

bool error_raise_os(struct error *err, const char *from, const char *format, ...)
{
	int code = errno;
	va_list args;
	struct error raised;

	va_start(args, format);
	raise_list(&raised, kind_of_errno(code), code, from, format, args);
	va_end(args);
	add_text(&raised, ": ", strerror(code));
	*err = raised;
	return false;
}

bool error_context(struct error *err, const char *format, ...)
{
	va_list args;
	struct error wrapped = *err;

	va_start(args, format);
	vsnprintf(wrapped.text, sizeof(wrapped.text), format, args);
	va_end(args);
	add_text(&wrapped, ": ", err->text);
	*err = wrapped;
	return false;
}

void error_clear(struct error *err)
{
	memset(err, 0, sizeof(*err));
}
