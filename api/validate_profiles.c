/*
 * validate_profiles.c - the older annotations for profiles: seccomp and AppArmor.
 */
#include "api/validate.h"
#include "api/validate_files.h"
#include "api/validate_security.h"
#include "api/validate_values.h"
#include "api/validate_words.h"
#include "base/map.h"

#define AT(...)           field_path(work->errors, __VA_ARGS__)
#define SECCOMP_POD       "seccomp.security.alpha.kubernetes.io/pod"
#define SECCOMP_CONTAINER "container.seccomp.security.alpha.kubernetes.io/"
#define APPARMOR          "container.apparmor.security.beta.kubernetes.io/"
#define MIRROR            "kubernetes.io/config.mirror"
#define DELETION_COST     "controller.kubernetes.io/pod-deletion-cost"
#define LOCAL             "localhost/"

static const char *const lists[] = { "initContainers", "containers", "ephemeralContainers" };

static struct str after(struct str text, size_t length)
{
	return str_from(text.at + length, text.len - length);
}

/* --- one by one --- */

static void check_seccomp(const struct kind_work *work, const struct json *value, const char *path)
{
	static const char *const known[] = { "runtime/default", "docker/default", "unconfined",
					     NULL };
	struct str text = json_str(value);

	if (words_have(known, text))
		return;
	if (str_starts(text, STR(LOCAL)))
		files_inside(work, json_new_str(work->doc, after(text, strlen(LOCAL))), path);
	else
		validate_invalid(work, path, value, "must be a valid seccomp profile");
}

static void check_apparmor(const struct kind_work *work, struct str container,
			   const struct map *containers, const struct json *value, const char *path)
{
	struct str text = json_str(value);

	if (!map_find(containers, container))
		values_invalid_text(work, path, container, "container not found");
	if (text.len > 0 && !str_is(text, "runtime/default") && !str_is(text, "unconfined") &&
	    !str_starts(text, STR(LOCAL)))
		validate_invalid(
			work, path, value,
			AT("invalid AppArmor profile name: \"" STR_FMT "\"", STR_ARG(text)));
}

/* A number of 32 bits without a plus and without zeros in front. */
static bool is_cost(struct str text)
{
	int64_t cost;
	bool zero = text.len > 0 && text.at[0] == '0';

	return text.len > 0 && text.at[0] != '+' && (!zero || text.len == 1) &&
	       str_to_i64(text, INT32_MIN, INT32_MAX, &cost);
}

static struct map *containers_of(const struct json *spec)
{
	struct map *containers = map_new();

	for (size_t i = 0; i < ARRAY_LENGTH(lists); i++)
		for (struct json_iter it = json_iter(json_get(spec, lists[i])); json_next(&it);)
			map_put(containers, json_str(json_get(it.value, "name")), it.value);
	return containers;
}

void security_annotations(const struct kind_work *work, const struct json *annotations,
			  const struct json *spec, const char *path)
{
	const struct json *mirror = json_get(annotations, MIRROR),
			  *cost = json_get(annotations, DELETION_COST),
			  *seccomp = json_get(annotations, SECCOMP_POD);
	auto_map containers = NULL;

	if (json_count(annotations) == 0)
		return;
	containers = containers_of(spec);
	if (mirror && json_str(json_get(spec, "nodeName")).len == 0)
		validate_invalid(work, AT("%s[" MIRROR "]", path), mirror,
				 "must set spec.nodeName if mirror pod annotation is set");
	if (cost && !is_cost(json_str(cost)))
		validate_invalid(work, AT("%s[" DELETION_COST "]", path), cost,
				 "must be a 32bit integer");
	if (seccomp)
		check_seccomp(work, seccomp, AT("%s." SECCOMP_POD, path));
	for (struct json_iter it = json_iter(annotations); json_next(&it);) {
		if (str_starts(it.key, STR(SECCOMP_CONTAINER)))
			check_seccomp(work, it.value, AT("%s." STR_FMT, path, STR_ARG(it.key)));
		if (str_starts(it.key, STR(APPARMOR)))
			check_apparmor(work, after(it.key, strlen(APPARMOR)), containers, it.value,
				       AT("%s[" STR_FMT "]", path, STR_ARG(it.key)));
	}
}

void security_annotations_kept(const struct kind_work *work, const struct json *now,
			       const struct json *old, const char *path)
{
	auto_map is = values_entries(now);
	auto_map was = values_entries(old);

	for (struct json_iter it = json_iter(old); json_next(&it);) {
		const char *here = AT("%s[" STR_FMT "]", path, STR_ARG(it.key));

		if (json_equal(map_find(is, it.key), it.value))
			continue;
		if (str_starts(it.key, STR(APPARMOR)))
			words_forbidden(work, here,
					"may not remove or update AppArmor annotations");
		if (str_is(it.key, MIRROR))
			words_forbidden(work, here,
					"may not remove or update mirror pod annotation");
	}
	for (struct json_iter it = json_iter(now); json_next(&it);) {
		const char *here = AT("%s[" STR_FMT "]", path, STR_ARG(it.key));

		if (map_find(was, it.key))
			continue;
		if (str_starts(it.key, STR(APPARMOR)))
			words_forbidden(work, here, "may not add AppArmor annotations");
		if (str_is(it.key, MIRROR))
			words_forbidden(work, here, "may not add mirror pod annotation");
	}
}

/* --- against the fields --- */

struct profile_words {
	const char *type, *file;
};

/* `said` by an annotation, against the field. */
static void check_match(const struct kind_work *work, struct str said, const struct json *profile,
			const struct profile_words *words, const char *path)
{
	struct str type = json_str(json_get(profile, "type")),
		   file = json_str(json_get(profile, "localhostProfile"));
	bool same = true;

	if (str_is(type, "Unconfined"))
		same = str_is(said, "unconfined");
	else if (str_is(type, "RuntimeDefault"))
		same = str_is(said, "runtime/default") || str_is(said, "docker/default");
	else if (str_is(type, "Localhost"))
		same = str_starts(said, STR(LOCAL));
	if (!same)
		words_forbidden(work, AT("%s.type", path), words->type);
	else if (str_is(type, "Localhost") && !str_equal(after(said, strlen(LOCAL)), file))
		words_forbidden(work, AT("%s.localhostProfile", path), words->file);
}

static const struct profile_words seccomp_words = {
	"seccomp type in annotation and field must match",
	"seccomp profile in annotation and field must match",
};
static const struct profile_words apparmor_words = {
	"apparmor type in annotation and field must match",
	"apparmor profile in annotation and field must match",
};

static void match_container(const struct kind_work *work, const struct map *annotations,
			    const struct json *spec, const struct json *container, const char *path)
{
	struct str name = json_str(json_get(container, "name"));
	const char *key = AT(SECCOMP_CONTAINER STR_FMT, STR_ARG(name));
	const struct json *seccomp =
				  json_path(container, "securityContext", "seccompProfile", NULL),
			  *apparmor =
				  json_path(container, "securityContext", "appArmorProfile", NULL),
			  *said = map_find(annotations, str_of(key));

	if (seccomp && said)
		check_match(work, json_str(said), seccomp, &seccomp_words,
			    AT("%s.securityContext.seccompProfile", path));
	if (!apparmor)
		apparmor = json_path(spec, "securityContext", "appArmorProfile", NULL);
	said = map_find(annotations, str_of(AT(APPARMOR STR_FMT, STR_ARG(name))));
	if (apparmor && said && !str_is(json_str(json_path(spec, "os", "name", NULL)), "windows"))
		check_match(work, json_str(said), apparmor, &apparmor_words,
			    AT("%s.securityContext.appArmorProfile", path));
}

void security_annotations_match(const struct kind_work *work, const struct json *annotations,
				const struct json *spec, const char *pod_path)
{
	const struct json *profile = json_path(spec, "securityContext", "seccompProfile", NULL),
			  *said = json_get(annotations, SECCOMP_POD);
	auto_map entries = NULL;

	if (json_count(annotations) == 0)
		return;
	entries = values_entries(annotations);
	if (profile && said)
		check_match(work, json_str(said), profile, &seccomp_words,
			    AT("%s.securityContext.seccompProfile", pod_path));
	for (size_t i = 0; i < ARRAY_LENGTH(lists); i++)
		for (struct json_iter it = json_iter(json_get(spec, lists[i])); json_next(&it);)
			match_container(work, entries, spec, it.value,
					AT("%s.%s[%zu]", pod_path, lists[i], it.index));
}
