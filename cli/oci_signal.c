/*
 * oci_signal.c - one row a signal.
 */
#include "cli/oci_signal.h"

#include <signal.h>
#include <strings.h>

#include "base/text.h"

static const struct {
	const char *name;
	int number;
} rows[] = {
	{ "HUP", SIGHUP },       { "INT", SIGINT },       { "QUIT", SIGQUIT },
	{ "ILL", SIGILL },       { "TRAP", SIGTRAP },     { "ABRT", SIGABRT },
	{ "IOT", SIGIOT },       { "BUS", SIGBUS },       { "FPE", SIGFPE },
	{ "KILL", SIGKILL },     { "USR1", SIGUSR1 },     { "SEGV", SIGSEGV },
	{ "USR2", SIGUSR2 },     { "PIPE", SIGPIPE },     { "ALRM", SIGALRM },
	{ "TERM", SIGTERM },     { "STKFLT", SIGSTKFLT }, { "CHLD", SIGCHLD },
	{ "CLD", SIGCHLD },      { "CONT", SIGCONT },     { "STOP", SIGSTOP },
	{ "TSTP", SIGTSTP },     { "TTIN", SIGTTIN },     { "TTOU", SIGTTOU },
	{ "URG", SIGURG },       { "XCPU", SIGXCPU },     { "XFSZ", SIGXFSZ },
	{ "VTALRM", SIGVTALRM }, { "PROF", SIGPROF },     { "WINCH", SIGWINCH },
	{ "IO", SIGIO },         { "POLL", SIGPOLL },     { "PWR", SIGPWR },
	{ "SYS", SIGSYS },
};

/* Real-time ones begin at 34 for programs, as C libraries keep two. */
static bool parse_real_time(struct str name, int *out)
{
	struct str rest = name;
	int64_t by = 0;

	if (str_starts(name, STR("RTMIN")))
		rest = str_from(name.at + 5, name.len - 5);
	else if (str_starts(name, STR("RTMAX")))
		rest = str_from(name.at + 5, name.len - 5);
	else
		return false;
	if (rest.len > 0 && rest.at[0] == '+')
		rest = str_from(rest.at + 1, rest.len - 1);
	if (rest.len > 0 && !str_to_i64(rest, -30, 30, &by))
		return false;
	*out = (name.at[4] == 'N' ? 34 : 64) + (int)by;
	return *out >= 34 && *out <= 64;
}

bool oci_signal_parse(const char *text, int *out_signal, struct error *err)
{
	const char *bare = strncasecmp(text, "SIG", 3) == 0 ? text + 3 : text;
	int64_t number;

	if (str_to_i64(str_of(text), 0, 64, &number)) {
		*out_signal = (int)number;
		return true;
	}
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++)
		if (strcasecmp(bare, rows[i].name) == 0) {
			*out_signal = rows[i].number;
			return true;
		}
	return parse_real_time(str_of(bare), out_signal) ||
	       error_set(err, ERROR_INVALID, "unknown signal \"%s\"", text);
}
