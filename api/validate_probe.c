/*
 * validate_probe.c - handlers, with the paths and words of the real server.
 */
#include "api/validate_probe.h"

#include <inttypes.h>

#include "api/validate.h"
#include "api/validate_values.h"
#include "api/validate_words.h"

#define AT(...) field_path(work->errors, __VA_ARGS__)

static void check_exec(const struct kind_work *work, const struct json *action,
		       const struct json *grace, const char *path)
{
	(void)grace;
	if (json_count(json_get(action, "command")) == 0)
		validate_required(work, AT("%s.command", path), "");
}

static void check_http(const struct kind_work *work, const struct json *action,
		       const struct json *grace, const char *path)
{
	static const char *const schemes[] = { "HTTP", "HTTPS", NULL };

	(void)grace;
	values_required(work, AT("%s.path", path), json_get(action, "path"));
	values_port_or_name(work, AT("%s.port", path), json_get(action, "port"));
	words_check(work, AT("%s.scheme", path), json_get(action, "scheme"), schemes);
	for (struct json_iter it = json_iter(json_get(action, "httpHeaders")); json_next(&it);)
		values_name(work, AT("%s.httpHeaders", path), json_get(it.value, "name"),
			    name_header);
}

static void check_port(const struct kind_work *work, const struct json *action,
		       const struct json *grace, const char *path)
{
	(void)grace;
	values_port_or_name(work, AT("%s.port", path), json_get(action, "port"));
}

static void check_sleep(const struct kind_work *work, const struct json *action,
			const struct json *grace, const char *path)
{
	const struct json *seconds = json_get(action, "seconds");

	if (grace && (json_int(seconds) <= 0 || json_int(seconds) > json_int(grace)))
		validate_invalid(
			work, path, seconds ? seconds : json_new_int(work->doc, 0),
			AT("must be greater than 0 and less than terminationGracePeriodSeconds "
			   "(%" PRId64 "). Enable AllowPodLifecycleSleepActionZeroValue feature "
			   "gate for zero sleep.",
			   json_int(grace)));
}

static const struct {
	const char *name;
	void (*check)(const struct kind_work *work, const struct json *action,
		      const struct json *grace, const char *path);
} actions[] = {
	{ "exec", check_exec }, { "httpGet", check_http }, { "tcpSocket", check_port },
	{ "grpc", check_port }, { "sleep", check_sleep },
};

static void check_handler(const struct kind_work *work, const struct json *handler,
			  const struct json *grace, const char *path)
{
	size_t count = 0;

	for (size_t i = 0; i < ARRAY_LENGTH(actions); i++) {
		const struct json *action = json_get(handler, actions[i].name);
		const char *here = AT("%s.%s", path, actions[i].name);

		if (!action)
			continue;
		if (count++ > 0)
			words_forbidden(work, here, "may not specify more than 1 handler type");
		else
			actions[i].check(work, action, grace, here);
	}
	if (count == 0)
		validate_required(work, path, "must specify a handler type");
}

void probe_lifecycle(const struct kind_work *work, const struct json *lifecycle,
		     const struct json *grace, const char *path)
{
	static const char *const moments[] = { "postStart", "preStop" };

	for (size_t i = 0; i < ARRAY_LENGTH(moments); i++)
		if (json_get(lifecycle, moments[i]))
			check_handler(work, json_get(lifecycle, moments[i]), grace,
				      AT("%s.%s", path, moments[i]));
}

void probe_check(const struct kind_work *work, const struct json *container, const char *field,
		 const char *path)
{
	static const char *const numbers[] = { "initialDelaySeconds", "timeoutSeconds",
					       "periodSeconds", "successThreshold",
					       "failureThreshold" };
	const struct json *probe = json_get(container, field),
			  *grace = json_get(probe, "terminationGracePeriodSeconds"),
			  *successes = json_get(probe, "successThreshold");
	const char *here = AT("%s.%s", path, field);
	bool readiness = strcmp(field, "readinessProbe") == 0;

	if (!probe)
		return;
	check_handler(work, probe, NULL, here);
	for (size_t i = 0; i < ARRAY_LENGTH(numbers); i++)
		validate_not_negative(work, json_get(probe, numbers[i]),
				      AT("%s.%s", here, numbers[i]));
	if (grace && json_int(grace) <= 0)
		validate_invalid(work, AT("%s.terminationGracePeriodSeconds", here), grace,
				 "must be greater than 0");
	if (readiness && grace)
		validate_invalid(work, AT("%s.terminationGracePeriodSeconds", here), grace,
				 "must not be set for readinessProbes");
	if (!readiness && json_int(successes) != 1)
		validate_invalid(work, AT("%s.successThreshold", here),
				 successes ? successes : json_new_int(work->doc, 0), "must be 1");
}
