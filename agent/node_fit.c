/*
 * node_fit.c - resources, node selectors and affinity, host ports.
 */
#include "agent/node_fit.h"

#include <inttypes.h>

#include "api/object.h"
#include "api/quantity.h"

/* --- resources --- */

static int64_t amount(const struct json *list, const char *resource)
{
	struct str text = json_str(json_get(list, resource));
	struct error ignored;
	int64_t value = 0;
	bool cpu = strcmp(resource, "cpu") == 0;

	if (text.len == 0 || !(cpu ? quantity_milli(text, &value, &ignored)
				   : quantity_value(text, &value, &ignored)))
		return 0;
	return value;
}

static int64_t request_of(const struct json *container, const char *resource)
{
	return amount(json_path(container, "resources", "requests", NULL), resource);
}

int64_t node_fit_request(const struct json *pod, const char *resource)
{
	const struct json *spec = json_get(pod, "spec");
	int64_t together = 0, sidecars = 0, most = 0;

	for (struct json_iter it = json_iter(json_get(spec, "containers")); json_next(&it);)
		together += request_of(it.value, resource);
	/* One init container after the other, each beside the sidecars that began before it. */
	for (struct json_iter it = json_iter(json_get(spec, "initContainers")); json_next(&it);) {
		int64_t one = request_of(it.value, resource);

		if (str_is(json_str(json_get(it.value, "restartPolicy")), "Always"))
			sidecars += one;
		else if (one + sidecars > most)
			most = one + sidecars;
	}
	together += sidecars;
	return (together > most ? together : most) + amount(json_get(spec, "overhead"), resource);
}

/* One that leaves counts while anything of it runs.  Not longer: the API forgets it before its
 * answer is here, and the scheduler has given its room away by then; nor one that was deleted
 * without grace, for the same reason. */
static bool counts(const struct pod *pod, const struct json *except)
{
	return !str_equal(pod_uid(pod), meta_str(except, "uid")) && !pod_is_over(pod) &&
	       !pod_is_forgotten(pod);
}

static bool check_amount(const struct pods *pods, const struct json *pod, const char *resource,
			 int64_t capacity, struct buf *why)
{
	int64_t wanted = node_fit_request(pod, resource), used = 0;
	struct pod *other;

	if (wanted == 0)
		return true;
	for (size_t i = 0; pods && (other = pods_next(pods, &i));)
		if (counts(other, pod))
			used += node_fit_request(pod_object(other), resource);
	if (wanted <= capacity - used)
		return true;
	buf_add_print(why,
		      "Node didn't have enough resource: %s, requested: %" PRId64 ", used: %" PRId64
		      ", capacity: %" PRId64,
		      resource, wanted, used, capacity);
	return false;
}

static bool check_count(const struct pods *pods, const struct json *pod, int64_t max,
			struct buf *why)
{
	struct pod *other;
	int64_t used = 0;

	for (size_t i = 0; pods && (other = pods_next(pods, &i));)
		used += counts(other, pod);
	if (used < max)
		return true;
	buf_add_print(why,
		      "Node didn't have enough resource: pods, requested: 1, used: %" PRId64
		      ", capacity: %" PRId64,
		      used, max);
	return false;
}

static bool check_resources(const struct node *node, const struct pods *pods,
			    const struct json *pod, const char **out_reason, struct buf *why)
{
	const struct {
		const char *resource, *reason;
		int64_t capacity;
	} rows[] = { { "cpu", "OutOfcpu", node->cpu_milli },
		     { "memory", "OutOfmemory", node->memory },
		     { "ephemeral-storage", "OutOfephemeral-storage", node->ephemeral } };

	*out_reason = "OutOfpods";
	if (!check_count(pods, pod, node->max_pods, why))
		return false;
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		*out_reason = rows[i].reason;
		if (!check_amount(pods, pod, rows[i].resource, rows[i].capacity, why))
			return false;
	}
	return true;
}

bool node_fit_resources(const struct node *node, const struct pods *pods, const struct json *pod,
			struct buf *why)
{
	const char *reason;

	return check_resources(node, pods, pod, &reason, why);
}

/* --- the node's labels --- */

static bool is_among(struct str value, const struct json *values)
{
	for (struct json_iter it = json_iter(values); json_next(&it);)
		if (str_equal(json_str(it.value), value))
			return true;
	return false;
}

static bool compares(struct str have, const struct json *values, bool greater)
{
	int64_t is, than;

	return str_to_i64(have, INT64_MIN, INT64_MAX, &is) &&
	       str_to_i64(json_str(json_at(values, 0)), INT64_MIN, INT64_MAX, &than) &&
	       (greater ? is > than : is < than);
}

/* `have` is NULL when there is no such label. */
static bool holds(const struct json *rule, const struct json *have)
{
	struct str how = json_str(json_get(rule, "operator"));
	const struct json *values = json_get(rule, "values");

	if (str_is(how, "Exists") || str_is(how, "DoesNotExist"))
		return (have != NULL) == str_is(how, "Exists");
	if (str_is(how, "NotIn"))
		return !have || !is_among(json_str(have), values);
	if (!have)
		return false;
	return str_is(how, "In")   ? is_among(json_str(have), values)
	       : str_is(how, "Gt") ? compares(json_str(have), values, true)
	       : str_is(how, "Lt") ? compares(json_str(have), values, false)
				   : false;
}

static bool term_holds(const struct json *term, const struct json *node)
{
	const struct json *labels = json_get(meta_of(node), "labels");
	const struct json *rules = json_get(term, "matchExpressions");
	const struct json *fields = json_get(term, "matchFields");

	if (json_count(rules) == 0 && json_count(fields) == 0)
		return false;
	for (struct json_iter it = json_iter(rules); json_next(&it);)
		if (!holds(it.value, json_get_str(labels, json_str(json_get(it.value, "key")))))
			return false;
	for (struct json_iter it = json_iter(fields); json_next(&it);)
		if (!holds(it.value, json_get(meta_of(node), "name")))
			return false;
	return true;
}

static bool affinity_holds(const struct json *spec, const struct json *node)
{
	const struct json *terms = json_path(spec, "affinity", "nodeAffinity",
					     "requiredDuringSchedulingIgnoredDuringExecution",
					     "nodeSelectorTerms", NULL);

	for (struct json_iter it = json_iter(json_get(spec, "nodeSelector")); json_next(&it);)
		if (!json_equal(json_get_str(json_get(meta_of(node), "labels"), it.key), it.value))
			return false;
	for (struct json_iter it = json_iter(terms); json_next(&it);)
		if (term_holds(it.value, node))
			return true;
	return json_count(terms) == 0;
}

/* While the node's object is not known, nobody can say that it does not fit. */
static bool check_affinity(const struct node *node, const struct pods *pods, const struct json *pod,
			   const char **out_reason, struct buf *why)
{
	const struct object *own =
		node->nodes ? cache_find(node->nodes, STR(""), str_of(node->name)) : NULL;
	bool good;

	(void)pods;
	if (!own)
		return true;
	good = affinity_holds(json_get(pod, "spec"), object_json(own));
	object_trim(own);
	if (good)
		return true;
	*out_reason = "NodeAffinity";
	buf_add_text(why, "Predicate NodeAffinity failed");
	return false;
}

/* --- host ports --- */

static bool is_any(struct str address)
{
	return address.len == 0 || str_is(address, "0.0.0.0");
}

static bool clash(const struct json *one, const struct json *other)
{
	struct str ip = json_str(json_get(one, "hostIP")),
		   more = json_str(json_get(other, "hostIP"));
	struct str how = json_str(json_get(one, "protocol"));
	struct str else_how = json_str(json_get(other, "protocol"));

	return json_int(json_get(one, "hostPort")) > 0 &&
	       json_int(json_get(one, "hostPort")) == json_int(json_get(other, "hostPort")) &&
	       str_equal(how.len ? how : STR("TCP"), else_how.len ? else_how : STR("TCP")) &&
	       (is_any(ip) || is_any(more) || str_equal(ip, more));
}

static bool any_clash(const struct json *port, const struct json *pod)
{
	for (struct json_iter c = json_iter(json_path(pod, "spec", "containers", NULL));
	     json_next(&c);)
		for (struct json_iter p = json_iter(json_get(c.value, "ports")); json_next(&p);)
			if (clash(port, p.value))
				return true;
	return false;
}

static bool is_taken(const struct pods *pods, const struct json *pod, const struct json *port)
{
	struct pod *other;

	for (size_t i = 0; (other = pods_next(pods, &i));)
		if (counts(other, pod) && any_clash(port, pod_object(other)))
			return true;
	return false;
}

static bool check_ports(const struct node *node, const struct pods *pods, const struct json *pod,
			const char **out_reason, struct buf *why)
{
	(void)node;
	for (struct json_iter c = json_iter(json_path(pod, "spec", "containers", NULL));
	     json_next(&c);)
		for (struct json_iter p = json_iter(json_get(c.value, "ports")); json_next(&p);)
			if (is_taken(pods, pod, p.value)) {
				*out_reason = "NodePorts";
				buf_add_text(why, "Predicate NodePorts failed");
				return false;
			}
	return true;
}

bool node_fit_check(const struct node *node, const struct pods *pods, const struct json *pod,
		    const char **out_reason, struct buf *why)
{
	return check_resources(node, pods, pod, out_reason, why) &&
	       check_affinity(node, pods, pod, out_reason, why) &&
	       check_ports(node, pods, pod, out_reason, why);
}
