/*
 * apiservice_check.c - the real aggregator's order of questions, and its words.
 */
#include "server/control/apiservice_check.h"

#include <inttypes.h>

#include "base/clock.h"

#define AVAILABLE    "Available"
#define PORT_DEFAULT 443

static bool refuse(struct apiservice_verdict *out, const char *reason)
{
	out->available = false;
	out->reason = reason;
	return false;
}

static const struct json *find_port(const struct json *object, int64_t number)
{
	for (struct json_iter it = json_iter(json_path(object, "spec", "ports", NULL));
	     json_next(&it);)
		if (json_int(json_get(it.value, "port")) == number)
			return it.value;
	return NULL;
}

/* Has one subset both an address that is ready and a port of this name? */
static bool has_address(const struct json *endpoints, struct str port)
{
	for (struct json_iter it = json_iter(json_get(endpoints, "subsets")); json_next(&it);) {
		struct json_iter ports = json_iter(json_get(it.value, "ports"));

		while (json_count(json_get(it.value, "addresses")) > 0 && json_next(&ports))
			if (str_equal(json_str(json_get(ports.value, "name")), port))
				return true;
	}
	return false;
}

bool apiservice_check(const struct json *service, const struct json *object,
		      const struct json *endpoints, struct apiservice_verdict *out)
{
	struct str name = json_str(json_get(service, "name"));
	struct str namespace = json_str(json_get(service, "namespace"));
	const struct json *number = json_get(service, "port"), *port;
	int64_t wanted = number ? json_int(number) : PORT_DEFAULT;

	if (!object) {
		buf_add_print(&out->message,
			      "service/" STR_FMT " in \"" STR_FMT "\" is not present",
			      STR_ARG(name), STR_ARG(namespace));
		return refuse(out, "ServiceNotFound");
	}
	if (!str_is(json_str(json_path(object, "spec", "type", NULL)), "ClusterIP"))
		return true;
	port = find_port(object, wanted);
	if (!port) {
		buf_add_print(&out->message,
			      "service/" STR_FMT " in \"" STR_FMT
			      "\" is not listening on port %" PRId64,
			      STR_ARG(name), STR_ARG(namespace), wanted);
		return refuse(out, "ServicePortError");
	}
	if (!endpoints) {
		buf_add_print(&out->message,
			      "cannot find endpoints for service/" STR_FMT " in \"" STR_FMT "\"",
			      STR_ARG(name), STR_ARG(namespace));
		return refuse(out, "EndpointsNotFound");
	}
	if (has_address(endpoints, json_str(json_get(port, "name"))))
		return true;
	buf_add_print(&out->message,
		      "endpoints for service/" STR_FMT " in \"" STR_FMT
		      "\" have no addresses with port name \"" STR_FMT "\"",
		      STR_ARG(name), STR_ARG(namespace), STR_ARG(json_str(json_get(port, "name"))));
	return refuse(out, "MissingEndpoints");
}

void apiservice_is_local(struct apiservice_verdict *out)
{
	out->available = true;
	out->reason = "Local";
	buf_add_text(&out->message, "Local APIServices are always available");
}

/* When the status became what it is now. */
static struct json *since(const struct json *before, const char *status, struct json_doc *doc)
{
	const struct json *then = json_get(before, "lastTransitionTime");
	char now[CLOCK_TEXT];

	if (then && str_is(json_str(json_get(before, "status")), status))
		return json_clone(doc, then);
	clock_print(clock_wall_s(), now);
	return json_new_text(doc, now);
}

struct json *apiservice_conditions(const struct json *status,
				   const struct apiservice_verdict *verdict, struct json_doc *doc)
{
	const char *word = verdict->available ? "True" : "False";
	struct json *list = json_new_array(doc), *made = json_new_object(doc);
	const struct json *before = NULL;

	for (struct json_iter it = json_iter(json_get(status, "conditions")); json_next(&it);) {
		if (str_is(json_str(json_get(it.value, "type")), AVAILABLE))
			before = it.value;
		else
			json_append(list, json_clone(doc, it.value));
	}
	json_put(doc, made, "type", json_new_text(doc, AVAILABLE));
	json_put(doc, made, "status", json_new_text(doc, word));
	json_put(doc, made, "lastTransitionTime", since(before, word, doc));
	json_put(doc, made, "reason", json_new_text(doc, verdict->reason));
	json_put(doc, made, "message", json_new_str(doc, buf_str(&verdict->message)));
	json_append(list, made);
	return before && json_equal(before, made) ? NULL : list;
}
