/*
 * validate_service_update.c - what may change of a service, and its status.
 */
#include "api/validate.h"
#include "api/validate_service.h"
#include "api/validate_values.h"
#include "api/validate_words.h"

#define AT(...) field_path(work->errors, __VA_ARGS__)

static bool same_first(const struct json *a, const struct json *b)
{
	return json_equal(json_at(a, 0), json_at(b, 0));
}

/* The second is only let go with a policy that says so. */
static void check_second(const struct kind_work *work, const struct json *spec, const char *what)
{
	const struct json *policy = json_get(spec, "ipFamilyPolicy");

	if (!str_is(json_str(policy), "SingleStack"))
		validate_invalid(
			work, "spec.ipFamilyPolicy", policy,
			AT("must be set to 'SingleStack' when releasing the secondary %s", what));
}

static void check_addresses(const struct kind_work *work, const struct json *now,
			    const struct json *old)
{
	const struct json *is = json_get(now, "clusterIPs"), *was = json_get(old, "clusterIPs");
	size_t after = json_count(is), before = json_count(was);
	struct json_iter other = json_iter(is);

	if (after == before) {
		for (struct json_iter it = json_iter(was); json_next(&it) && json_next(&other);)
			if (!json_equal(it.value, other.value))
				words_invalid_list(work, AT("spec.clusterIPs[%zu]", it.index), is,
						   "may not change once set");
		return;
	}
	if (after == 0)
		words_invalid_list(work, "spec.clusterIPs[0]", is,
				   "primary clusterIP can not be unset");
	else if (before > 0 && !same_first(is, was))
		words_invalid_list(work, "spec.clusterIPs[0]", is, "may not change once set");
	if (before > after && after == 1)
		check_second(work, now, "clusterIP");
}

static const char *go_families(const struct kind_work *work, const struct json *list)
{
	return AT("[]core.IPFamily%s", words_list(work, list) + strlen("[]string"));
}

static void check_families(const struct kind_work *work, const struct json *now,
			   const struct json *old)
{
	static const char path[] = "spec.ipFamilies[0]", words[] = "may not change once set";
	const struct json *is = json_get(now, "ipFamilies"), *was = json_get(old, "ipFamilies"),
			  *addresses = json_get(now, "clusterIPs");
	size_t after = json_count(is), before = json_count(was);
	struct json_iter other = json_iter(is);

	if (after == before) {
		for (struct json_iter it = json_iter(was); json_next(&it) && json_next(&other);)
			if (!json_equal(it.value, other.value))
				field_errors_add(work->errors, FIELD_INVALID, path,
						 go_families(work, is), words);
		return;
	}
	if (before > after && json_count(addresses) == 0)
		field_errors_add(work->errors, FIELD_INVALID, path, go_families(work, is),
				 "primary ipFamily can not be unset");
	if (before > 0 && after > 0 && !same_first(is, was))
		words_invalid_list(work, path, addresses, words);
	if (before > after && after == 1)
		check_second(work, now, "ipFamily");
}

void service_update(const struct kind_work *work)
{
	const struct json *now = json_get(work->object, "spec"), *old = json_get(work->old, "spec"),
			  *class = json_get(now, "loadBalancerClass");
	bool named = service_is_type(now, "ExternalName") || service_is_type(old, "ExternalName"),
	     headless = service_is_headless(now), was_headless = service_is_headless(old);

	if (!named && !(headless && was_headless))
		check_addresses(work, now, old);
	if (!named && !headless && !was_headless)
		check_families(work, now, old);
	if (service_is_type(now, "LoadBalancer") && service_is_type(old, "LoadBalancer") &&
	    !json_equal(class, json_get(old, "loadBalancerClass")))
		validate_invalid(work, "spec.loadBalancerClass", class, "may not change once set");
	if (service_needs_health_port(now) && service_needs_health_port(old) &&
	    !json_equal(json_get(now, "healthCheckNodePort"), json_get(old, "healthCheckNodePort")))
		words_forbidden(work, "spec.healthCheckNodePort", "field is immutable");
}

/* --- the status --- */

static void check_point(const struct kind_work *work, const struct json *point, const char *path)
{
	static const char *const modes[] = { "Proxy", "VIP", NULL };
	const struct json *ip = json_get(point, "ip"), *mode = json_get(point, "ipMode"),
			  *host = json_get(point, "hostname");
	bool has_ip = json_str(ip).len > 0;

	if (has_ip)
		values_ip(work, AT("%s.ip", path), ip);
	if (!mode && has_ip)
		validate_required(work, AT("%s.ipMode", path),
				  "must be specified when `ip` is set");
	else if (mode && !has_ip)
		words_forbidden(work, AT("%s.ipMode", path),
				"may not be specified when `ip` is not set");
	else if (mode)
		words_check(work, AT("%s.ipMode", path), mode, modes);
	if (json_str(host).len == 0)
		return;
	values_name(work, AT("%s.hostname", path), host, name_subdomain);
	if (values_ip_family(json_str(host)) != VALUES_NO_IP)
		validate_invalid(work, AT("%s.hostname", path), host,
				 "must be a DNS name, not an IP address");
}

void service_status(const struct kind_work *work)
{
	static const char path[] = "status.loadBalancer.ingress";
	const struct json *points =
		json_path(work->object, "status", "loadBalancer", "ingress", NULL);

	if (!service_is_type(json_get(work->object, "spec"), "LoadBalancer")) {
		if (json_count(points) > 0)
			words_forbidden(work, path,
					"may only be used when `spec.type` is 'LoadBalancer'");
		return;
	}
	for (struct json_iter it = json_iter(points); json_next(&it);)
		check_point(work, it.value, AT("%s[%zu]", path, it.index));
}
