/*
 * validate_job.c - the spec of a Job: counts, completion modes, what is made again and when.
 */
#include "api/validate_job.h"

#include <inttypes.h>

#include "api/names.h"
#include "api/validate.h"
#include "api/validate_workload.h"

#define AT(...) field_path(work->errors, __VA_ARGS__)

/* The lists of indexes in a status stay short enough to be kept. */
#define INDEXED_PARALLELISM_MAX 100000
#define FAILED_INDEXES_MAX      100000
#define MANY_COMPLETIONS        100000
#define MANY_PARALLELISM_MAX    10000
#define MANY_FAILED_MAX         10000
#define MANAGED_BY_MAX          63

bool job_is_indexed(const struct json *spec)
{
	return str_is(json_str(json_get(spec, "completionMode")), "Indexed");
}

static void check_counts(const struct kind_work *work, const struct json *spec, const char *path)
{
	static const char *const counts[] = { "parallelism",
					      "completions",
					      "activeDeadlineSeconds",
					      "backoffLimit",
					      "ttlSecondsAfterFinished",
					      "backoffLimitPerIndex",
					      "maxFailedIndexes",
					      NULL };

	workload_counts(work, spec, path, counts);
	if (json_get(spec, "maxFailedIndexes") && !json_get(spec, "backoffLimitPerIndex"))
		validate_required(work, AT("%s.backoffLimitPerIndex", path),
				  "when maxFailedIndexes is specified");
}

/* Text after text in errors: what is wrong with a part is said with that part. */
static void invalid_part(const struct kind_work *work, const char *path, struct str part,
			 const char *why)
{
	auto_json_doc doc = json_doc_new();

	validate_invalid(work, path, json_new_str(doc, part), why);
}

static bool is_path(struct str text)
{
	static const char signs[] = "/-._~%!$&'()*+,;=:";

	for (size_t i = 0; i < text.len; i++) {
		char c = text.at[i], letter = (char)(c | 0x20);

		if (!(c >= '0' && c <= '9') && !(letter >= 'a' && letter <= 'z') &&
		    (c == '\0' || !strchr(signs, c)))
			return false;
	}
	return true;
}

/* A name such as example.com/controller. */
static void check_domain_path(const struct kind_work *work, struct str text, const char *path)
{
	struct str rest = text, domain = str_cut(&rest, '/');
	const char *why = name_check(NAME_SUBDOMAIN, domain);

	if (text.len == 0) {
		validate_required(work, path, "");
	} else if (domain.len == 0 || rest.len == 0) {
		invalid_part(work, path, text,
			     "must be a domain-prefixed path (such as \"acme.io/foo\")");
	} else {
		if (why)
			invalid_part(work, path, domain, why);
		if (!is_path(rest))
			invalid_part(work, path, rest,
				     "Invalid path (regex used for validation is "
				     "'[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+')");
	}
}

static void check_manager(const struct kind_work *work, const struct json *manager,
			  const char *path)
{
	if (!manager)
		return;
	check_domain_path(work, json_str(manager), path);
	if (json_str(manager).len > MANAGED_BY_MAX)
		field_errors_add(work->errors, FIELD_TOO_LONG, path, NULL,
				 AT("may not be more than %d bytes", MANAGED_BY_MAX));
}

static void at_most(const struct kind_work *work, const struct json *value, int64_t most,
		    const char *path, const char *words)
{
	if (value && json_int(value) > most)
		validate_invalid(work, path, value,
				 AT("must be less than or equal to %" PRId64 "%s", most, words));
}

/* An indexed job with many completions and a limit for each. */
static void check_many(const struct kind_work *work, const struct json *spec, const char *path)
{
	const char *words =
		" when completions are above 100000 and used with backoff limit per index";

	if (!json_get(spec, "maxFailedIndexes"))
		validate_required(
			work, AT("%s.maxFailedIndexes", path),
			AT("must be specified when completions is above %d", MANY_COMPLETIONS));
	at_most(work, json_get(spec, "parallelism"), MANY_PARALLELISM_MAX,
		AT("%s.parallelism", path), words);
	at_most(work, json_get(spec, "maxFailedIndexes"), MANY_FAILED_MAX,
		AT("%s.maxFailedIndexes", path), words);
}

static void check_indexed(const struct kind_work *work, const struct json *spec, const char *path)
{
	const struct json *completions = json_get(spec, "completions"),
			  *failed = json_get(spec, "maxFailedIndexes");

	if (!completions)
		validate_required(work, AT("%s.completions", path),
				  "when completion mode is Indexed");
	at_most(work, json_get(spec, "parallelism"), INDEXED_PARALLELISM_MAX,
		AT("%s.parallelism", path), " when completion mode is Indexed");
	if (completions && failed && json_int(failed) > json_int(completions))
		validate_invalid(work, AT("%s.maxFailedIndexes", path), failed,
				 "must be less than or equal to completions");
	at_most(work, failed, FAILED_INDEXES_MAX, AT("%s.maxFailedIndexes", path), "");
	if (json_int(completions) > MANY_COMPLETIONS && json_get(spec, "backoffLimitPerIndex"))
		check_many(work, spec, path);
}

static void check_mode(const struct kind_work *work, const struct json *spec, const char *path)
{
	static const char *const indexed_only[] = { "backoffLimitPerIndex", "maxFailedIndexes" };
	const struct json *mode = json_get(spec, "completionMode");

	if (job_is_indexed(spec)) {
		check_indexed(work, spec, path);
		return;
	}
	if (mode && !str_is(json_str(mode), "NonIndexed")) {
		field_errors_add(work->errors, FIELD_NOT_SUPPORTED, AT("%s.completionMode", path),
				 field_value(work->errors, mode),
				 "supported values: \"NonIndexed\", \"Indexed\"");
		return;
	}
	for (size_t i = 0; i < ARRAY_LENGTH(indexed_only); i++)
		if (json_get(spec, indexed_only[i]))
			validate_invalid(work, AT("%s.%s", path, indexed_only[i]),
					 json_get(spec, indexed_only[i]),
					 "requires indexed completion mode");
}

static void check_policies(const struct kind_work *work, const struct json *spec, const char *path)
{
	const struct json *success = json_get(spec, "successPolicy"),
			  *replacement = json_get(spec, "podReplacementPolicy");
	bool fails = json_get(spec, "podFailurePolicy") != NULL;
	bool is_failed = str_is(json_str(replacement), "Failed"),
	     is_known = is_failed || str_is(json_str(replacement), "TerminatingOrFailed");

	if (fails)
		job_validate_failure_policy(work, spec, AT("%s.podFailurePolicy", path));
	if (success && !job_is_indexed(spec))
		validate_invalid(work, AT("%s.successPolicy", path), success,
				 "requires indexed completion mode");
	else if (success)
		job_validate_success_policy(work, spec, AT("%s.successPolicy", path));
	if (replacement && !(fails ? is_failed : is_known))
		field_errors_add(work->errors, FIELD_NOT_SUPPORTED,
				 AT("%s.podReplacementPolicy", path),
				 field_value(work->errors, replacement),
				 fails ? "supported values: \"Failed\""
				       : "supported values: \"Failed\", \"TerminatingOrFailed\"");
}

static void check_restart(const struct kind_work *work, const struct json *spec, const char *path)
{
	const struct json *policy = json_path(spec, "template", "spec", "restartPolicy", NULL);
	const char *here = AT("%s.template.spec.restartPolicy", path);
	struct str text = json_str(policy);

	if (text.len == 0 || str_is(text, "Always"))
		validate_required(work, here, "valid values: \"OnFailure\", \"Never\"");
	else if (!str_is(text, "OnFailure") && !str_is(text, "Never"))
		field_errors_add(work->errors, FIELD_NOT_SUPPORTED, here,
				 field_value(work->errors, policy),
				 "supported values: \"OnFailure\", \"Never\"");
	else if (json_get(spec, "podFailurePolicy") && !str_is(text, "Never"))
		validate_invalid(work, here, policy,
				 "only \"Never\" is supported when podFailurePolicy is specified");
}

void job_validate_spec(const struct kind_work *work, const struct json *spec, const char *path)
{
	check_counts(work, spec, path);
	check_manager(work, json_get(spec, "managedBy"), AT("%s.managedBy", path));
	check_mode(work, spec, path);
	check_policies(work, spec, path);
	workload_pod_template(work, json_get(spec, "template"), AT("%s.template", path));
	check_restart(work, spec, path);
}

void job_warn(const struct kind_work *work, const struct json *spec, const char *path)
{
	auto_free char *text = NULL;

	if (!job_is_indexed(spec) || json_int(json_get(spec, "completions")) <= MANY_COMPLETIONS ||
	    json_int(json_get(spec, "parallelism")) <= MANY_PARALLELISM_MAX)
		return;
	text = memory_print("%s: In Indexed Jobs with a number of completions higher than 10^5 and "
			    "a parallelism higher than 10^4, Kubernetes might not be able to track "
			    "completedIndexes when a big number of indexes fail",
			    path);
	kind_warn(work, text);
}
