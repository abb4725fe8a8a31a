/*
 * log.h - one line an event: a constant message, facts as key=value fields.
 *
 *   log_info("agent.pod", "container started", "pod=%s container=%s took_ms=%d", ...);
 *   2026-03-01T10:15:02.114Z info  agent.pod    container started  pod=web container=nginx
 * took_ms=31
 *
 * Levels: error (needs a human), warn (we coped: say how), info (rare facts), debug.  Only rooms
 * that own a decision log; base, net, api and datastore return errors.  Writes one line with one
 * write(2) to standard error, or where base/log_sink.h leads.  Any thread.  Field values with
 * blanks stand in double quotes; the text between them may have quotes itself, escaped or not.
 * Keys are of a-z, 0-9 and _.  Fields of more than 2 KiB are cut.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>

#include "base/error.h"
#include "base/text.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

void log_set(enum log_level level, bool as_json);
bool log_wants(enum log_level level);
void log_line(enum log_level level, const char *room, const char *message, const char *fields, ...)
	PRINTF_LIKE(4, 5);

/* fields may be "" */
#define log_error(room, message, ...) log_line(LOG_ERROR, room, message, __VA_ARGS__)
#define log_warn(room, message, ...)  log_line(LOG_WARN, room, message, __VA_ARGS__)
#define log_info(room, message, ...)  log_line(LOG_INFO, room, message, __VA_ARGS__)
#define log_debug(room, message, ...)                                                              \
	do {                                                                                       \
		if (log_wants(LOG_DEBUG))                                                          \
			log_line(LOG_DEBUG, room, message, __VA_ARGS__);                           \
	} while (0)

#endif
