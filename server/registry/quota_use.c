/*
 * quota_use.c - pods, services, claims, and everything else by number.
 */
#include "server/registry/quota_use.h"

#include <inttypes.h>

#include "api/object.h"
#include "api/pod_quality.h"
#include "api/quantity.h"
#include "api/validate_amounts.h"

#define CLASS_PART ".storageclass.storage.k8s.io/"

/* --- sums --- */

void quota_sum_clear(struct quota_sum *sum)
{
	for (size_t i = 0; i < sum->count; i++)
		free(sum->items[i].name);
	free(sum->items);
	*sum = (struct quota_sum){ 0 };
}

const struct quota_amount *quota_sum_find(const struct quota_sum *sum, struct str name)
{
	for (size_t i = 0; i < sum->count; i++)
		if (str_is(name, sum->items[i].name))
			return &sum->items[i];
	return NULL;
}

void quota_sum_add(struct quota_sum *sum, struct str name, int64_t milli, bool binary)
{
	struct quota_amount *amount = (struct quota_amount *)quota_sum_find(sum, name);

	if (!amount) {
		if (sum->count == sum->room) {
			sum->room = sum->room ? sum->room * 2 : 16;
			sum->items = memory_grow(sum->items, sum->room * sizeof(*sum->items));
		}
		amount = &sum->items[sum->count++];
		*amount = (struct quota_amount){ .name = str_copy(name) };
	}
	/* The first that is not nothing says how it is shown. */
	if (amount->milli == 0)
		amount->binary = binary;
	if (__builtin_add_overflow(amount->milli, milli, &amount->milli))
		amount->milli = milli > 0 ? INT64_MAX : INT64_MIN;
}

static void add_text(struct quota_sum *sum, const char *name, int64_t count)
{
	quota_sum_add(sum, str_of(name), count * 1000, false);
}

void quota_amount_print(const struct quota_amount *amount, struct buf *out)
{
	static const char *const units[] = { "", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei" };
	int64_t whole = amount->milli / 1000;
	size_t unit = 0;
	auto_buf text = BUF_INIT;
	struct error unused;

	if (amount->binary && amount->milli % 1000 == 0 && whole != 0) {
		for (; whole % 1024 == 0 && unit + 1 < ARRAY_LENGTH(units); unit++)
			whole /= 1024;
		buf_add_print(out, "%" PRId64 "%s", whole, units[unit]);
		return;
	}
	buf_add_print(&text, "%" PRId64 "m", amount->milli);
	if (!quantity_canonical(buf_str(&text), out, &unused))
		buf_add_str(out, buf_str(&text));
}

int64_t quota_milli(struct str quantity, bool *out_binary)
{
	struct error unused;
	int64_t milli = 0;

	*out_binary = str_ends(quantity, STR("i"));
	(void)!quantity_milli(quantity, &milli, &unused);
	return milli;
}

static void add_quantity(struct quota_sum *sum, struct str name, const struct json *quantity)
{
	bool binary;
	int64_t milli = quota_milli(json_str(quantity), &binary);

	quota_sum_add(sum, name, milli, binary);
}

/* --- pods --- */

static bool always_restarts(const struct json *container)
{
	return str_is(json_str(json_get(container, "restartPolicy")), "Always");
}

static void add_all(struct quota_sum *sum, const struct json *amounts)
{
	for (struct json_iter it = json_iter(amounts); json_next(&it);)
		add_quantity(sum, it.key, it.value);
}

static void raise_to(struct quota_sum *sum, const struct quota_sum *least)
{
	for (size_t i = 0; i < least->count; i++) {
		struct str name = str_of(least->items[i].name);
		const struct quota_amount *has = quota_sum_find(sum, name);
		int64_t missing = least->items[i].milli - (has ? has->milli : 0);

		if (missing > 0 || !has)
			quota_sum_add(sum, name, missing, least->items[i].binary);
	}
}

/* What the scheduler counts: the containers together, or an init container beside the sidecars
 * before it; the overhead is added. */
static void add_pod_list(struct quota_sum *sum, const struct json *spec, const char *list)
{
	auto_quota_sum sidecars = { 0 };
	auto_quota_sum most = { 0 };

	for (struct json_iter it = json_iter(json_get(spec, "containers")); json_next(&it);)
		add_all(sum, json_path(it.value, "resources", list, NULL));
	for (struct json_iter it = json_iter(json_get(spec, "initContainers")); json_next(&it);) {
		const struct json *amounts = json_path(it.value, "resources", list, NULL);
		auto_quota_sum alone = { 0 };

		if (always_restarts(it.value)) {
			add_all(sum, amounts);
			add_all(&sidecars, amounts);
			raise_to(&most, &sidecars);
			continue;
		}
		add_all(&alone, amounts);
		for (size_t i = 0; i < sidecars.count; i++)
			quota_sum_add(&alone, str_of(sidecars.items[i].name),
				      sidecars.items[i].milli, sidecars.items[i].binary);
		raise_to(&most, &alone);
	}
	raise_to(sum, &most);
	for (struct json_iter it = json_iter(json_get(spec, "overhead")); json_next(&it);)
		if (strcmp(list, "requests") == 0 || quota_sum_find(sum, it.key))
			add_quantity(sum, it.key, it.value);
}

static bool is_compute(struct str name)
{
	return str_is(name, "cpu") || str_is(name, "memory") || str_is(name, "ephemeral-storage");
}

static void add_named(struct quota_sum *sum, const char *front, const struct quota_amount *amount)
{
	auto_buf name = BUF_INIT;

	buf_add_print(&name, "%s%s", front, amount->name);
	quota_sum_add(sum, buf_str(&name), amount->milli, amount->binary);
}

static void add_compute(struct quota_sum *sum, const struct quota_sum *requests,
			const struct quota_sum *limits)
{
	for (size_t i = 0; i < requests->count; i++) {
		struct str name = str_of(requests->items[i].name);

		if (is_compute(name) || amounts_is_huge_page(name))
			add_named(sum, "", &requests->items[i]);
		if (is_compute(name) || amounts_is_huge_page(name) || amounts_is_extended(name))
			add_named(sum, "requests.", &requests->items[i]);
	}
	for (size_t i = 0; i < limits->count; i++)
		if (is_compute(str_of(limits->items[i].name)))
			add_named(sum, "limits.", &limits->items[i]);
}

static void use_pod(struct quota_sum *sum, const struct json *pod)
{
	const struct json *spec = json_get(pod, "spec");
	struct str phase = json_str(json_path(pod, "status", "phase", NULL));
	auto_quota_sum requests = { 0 };
	auto_quota_sum limits = { 0 };

	if (str_is(phase, "Succeeded") || str_is(phase, "Failed"))
		return;
	add_text(sum, "pods", 1);
	add_pod_list(&requests, spec, "requests");
	add_pod_list(&limits, spec, "limits");
	add_compute(sum, &requests, &limits);
}

/* --- services, claims --- */

static int64_t count_node_ports(const struct json *ports)
{
	int64_t count = 0;

	for (struct json_iter it = json_iter(ports); json_next(&it);)
		count += json_int(json_get(it.value, "nodePort")) != 0;
	return count;
}

static void use_service(struct quota_sum *sum, const struct json *service)
{
	const struct json *spec = json_get(service, "spec"), *ports = json_get(spec, "ports");
	const struct json *allocates = json_get(spec, "allocateLoadBalancerNodePorts");
	struct str type = json_str(json_get(spec, "type"));

	add_text(sum, "services", 1);
	if (str_is(type, "NodePort"))
		add_text(sum, "services.nodeports", (int64_t)json_count(ports));
	if (!str_is(type, "LoadBalancer"))
		return;
	add_text(sum, "services.loadbalancers", 1);
	add_text(sum, "services.nodeports",
		 allocates && !json_bool(allocates) ? count_node_ports(ports)
						    : (int64_t)json_count(ports));
}

static struct str class_of(const struct json *claim)
{
	struct str old = meta_annotation(claim, "volume.beta.kubernetes.io/storage-class");

	return old.len > 0 ? old : json_str(json_path(claim, "spec", "storageClassName", NULL));
}

static void use_claim(struct quota_sum *sum, const struct json *claim)
{
	const struct json *wish =
		json_path(claim, "spec", "resources", "requests", "storage", NULL);
	const struct json *given =
		json_path(claim, "status", "allocatedResources", "storage", NULL);
	struct str class = class_of(claim);
	auto_buf name = BUF_INIT;

	if (given && amounts_compare(json_str(given), json_str(wish)) > 0)
		wish = given;
	add_text(sum, "persistentvolumeclaims", 1);
	if (wish)
		add_quantity(sum, STR("requests.storage"), wish);
	if (class.len == 0)
		return;
	buf_add_print(&name, STR_FMT CLASS_PART "persistentvolumeclaims", STR_ARG(class));
	quota_sum_add(sum, buf_str(&name), 1000, false);
	buf_reset(&name);
	buf_add_print(&name, STR_FMT CLASS_PART "requests.storage", STR_ARG(class));
	if (wish)
		add_quantity(sum, buf_str(&name), wish);
}

/* --- all kinds --- */

/* Kinds that had a name of their own before count/ was. */
static bool is_old_name(struct str plural)
{
	return str_is(plural, "configmaps") || str_is(plural, "secrets") ||
	       str_is(plural, "replicationcontrollers") || str_is(plural, "resourcequotas");
}

static void print_count(struct str group, struct str plural, struct buf *out)
{
	buf_add_print(out, "count/" STR_FMT "%s" STR_FMT, STR_ARG(plural), group.len ? "." : "",
		      STR_ARG(group));
}

void quota_use_add(struct quota_sum *sum, struct str group, struct str plural,
		   const struct json *object)
{
	auto_buf name = BUF_INIT;

	print_count(group, plural, &name);
	quota_sum_add(sum, buf_str(&name), 1000, false);
	if (group.len > 0)
		return;
	if (is_old_name(plural))
		quota_sum_add(sum, plural, 1000, false);
	else if (str_is(plural, "pods"))
		use_pod(sum, object);
	else if (str_is(plural, "services"))
		use_service(sum, object);
	else if (str_is(plural, "persistentvolumeclaims"))
		use_claim(sum, object);
}

bool quota_use_is_of(struct str name, struct str group, struct str plural)
{
	bool claims = str_search(name, STR("persistentvolumeclaims")) >= 0 ||
		      str_ends(name, STR("requests.storage"));
	auto_buf count = BUF_INIT;

	print_count(group, plural, &count);
	if (str_equal(name, buf_str(&count)))
		return true;
	if (group.len > 0 || str_starts(name, STR("count/")))
		return false;
	if (str_is(plural, "pods"))
		return str_is(name, "pods") || is_compute(name) || amounts_is_huge_page(name) ||
		       str_starts(name, STR("limits.")) ||
		       (str_starts(name, STR("requests.")) && !claims);
	if (str_is(plural, "persistentvolumeclaims"))
		return claims;
	if (str_is(plural, "services"))
		return str_is(name, "services") || str_starts(name, STR("services."));
	return is_old_name(plural) && str_equal(name, plural);
}

/* --- scopes --- */

static bool is_across(const struct json *terms, bool weighted)
{
	for (struct json_iter it = json_iter(terms); json_next(&it);) {
		const struct json *term =
			weighted ? json_get(it.value, "podAffinityTerm") : it.value;

		if (json_count(json_get(term, "namespaces")) > 0 ||
		    json_get(term, "namespaceSelector"))
			return true;
	}
	return false;
}

static bool has_cross_affinity(const struct json *spec)
{
	static const char *const kinds[] = { "podAffinity", "podAntiAffinity" };

	for (size_t i = 0; i < ARRAY_LENGTH(kinds); i++) {
		const struct json *affinity = json_path(spec, "affinity", kinds[i], NULL);

		if (is_across(json_get(affinity, "requiredDuringSchedulingIgnoredDuringExecution"),
			      false) ||
		    is_across(json_get(affinity, "preferredDuringSchedulingIgnoredDuringExecution"),
			      true))
			return true;
	}
	return false;
}

static bool has_word(const struct json *list, struct str word)
{
	for (struct json_iter it = json_iter(list); json_next(&it);)
		if (str_equal(json_str(it.value), word))
			return true;
	return false;
}

static bool fits_class(const struct json *spec, const struct json *expression)
{
	struct str class = json_str(json_get(spec, "priorityClassName"));
	struct str operator= json_str(json_get(expression, "operator"));
	const struct json *values = json_get(expression, "values");

	if (str_is(operator, "In"))
		return class.len > 0 && has_word(values, class);
	if (str_is(operator, "NotIn"))
		return !has_word(values, class);
	if (str_is(operator, "DoesNotExist"))
		return class.len == 0;
	return class.len > 0;
}

/* expression: of a scopeSelector, or NULL for a plain scope. */
static bool fits_scope(struct str scope, const struct json *expression, const struct json *spec)
{
	bool ends = json_get(spec, "activeDeadlineSeconds") != NULL;
	bool best = strcmp(pod_quality(spec), "BestEffort") == 0;

	if (str_is(scope, "Terminating"))
		return ends;
	if (str_is(scope, "NotTerminating"))
		return !ends;
	if (str_is(scope, "BestEffort"))
		return best;
	if (str_is(scope, "NotBestEffort"))
		return !best;
	if (str_is(scope, "PriorityClass"))
		return fits_class(spec, expression);
	return str_is(scope, "CrossNamespacePodAffinity") && has_cross_affinity(spec);
}

bool quota_use_in_scope(const struct json *spec, struct str group, struct str plural,
			const struct json *object)
{
	const struct json *scopes = json_get(spec, "scopes"),
			  *more = json_path(spec, "scopeSelector", "matchExpressions", NULL),
			  *pod = json_get(object, "spec");

	if (json_count(scopes) + json_count(more) == 0)
		return true;
	if (group.len > 0 || !str_is(plural, "pods"))
		return false;
	for (struct json_iter it = json_iter(scopes); json_next(&it);)
		if (!fits_scope(json_str(it.value), NULL, pod))
			return false;
	for (struct json_iter it = json_iter(more); json_next(&it);)
		if (!fits_scope(json_str(json_get(it.value, "scopeName")), it.value, pod))
			return false;
	return true;
}

/* --- what must be said --- */

static const char *const required[] = { "cpu",    "limits.cpu",   "limits.memory",
					"memory", "requests.cpu", "requests.memory" };

static bool says(const struct json *container, const char *name)
{
	bool limit = strncmp(name, "limits.", 7) == 0;
	const char *resource = strchr(name, '.') ? strchr(name, '.') + 1 : name;

	return json_path(container, "resources", limit ? "limits" : "requests", resource, NULL) !=
	       NULL;
}

static int by_text(const void *a, const void *b)
{
	return str_compare(*(const struct str *)a, *(const struct str *)b);
}

static void tell_lacking(const char *name, const struct json *spec, struct buf *out)
{
	static const char *const lists[] = { "containers", "initContainers" };
	size_t room = json_count(json_get(spec, lists[0])) + json_count(json_get(spec, lists[1]));
	auto_free struct str *names = memory_get((room + 1) * sizeof(*names));
	size_t count = 0;

	for (size_t i = 0; i < ARRAY_LENGTH(lists); i++)
		for (struct json_iter it = json_iter(json_get(spec, lists[i])); json_next(&it);)
			if (!says(it.value, name))
				names[count++] = json_str(json_get(it.value, "name"));
	qsort(names, count, sizeof(*names), by_text);
	for (size_t i = 0; i < count; i++)
		buf_add_print(out, "%s%s%s" STR_FMT,
			      i > 0          ? ","
			      : out->len > 0 ? "; "
					     : "",
			      i > 0 ? "" : name, i > 0 ? "" : " for: ", STR_ARG(names[i]));
}

bool quota_use_lacks(const struct json *hard, const struct json *pod, struct buf *out)
{
	auto_buf text = BUF_INIT;

	for (size_t i = 0; i < ARRAY_LENGTH(required); i++)
		if (json_get(hard, required[i]))
			tell_lacking(required[i], json_get(pod, "spec"), &text);
	if (text.len > 0)
		buf_add_print(out, "must specify %s", buf_text(&text));
	return text.len > 0;
}
