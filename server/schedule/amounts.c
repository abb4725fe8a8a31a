/*
 * amounts.c - sums of resources, and the formula of a pod's.
 *
 * A pod takes the larger of two: all that runs for good (containers and restartable init
 * containers), and the peak of its start (an init container beside the restartable ones before it).
 */
#include "server/schedule/amounts.h"

#include <assert.h>

#include "api/quantity.h"

#define LEAST_CPU_MILLI 100
#define LEAST_MEMORY    (200ll * 1024 * 1024)

void amounts_clear(struct amounts *amounts)
{
	for (size_t i = 0; i < amounts->extra_count; i++)
		free(amounts->extras[i].name);
	free(amounts->extras);
	*amounts = (struct amounts){ 0 };
}

static int64_t *extra_slot(struct amounts *amounts, struct str name)
{
	struct extra *extra;

	for (size_t i = 0; i < amounts->extra_count; i++)
		if (str_is(name, amounts->extras[i].name))
			return &amounts->extras[i].value;
	amounts->extras =
		memory_grow(amounts->extras, (amounts->extra_count + 1) * sizeof(*amounts->extras));
	extra = &amounts->extras[amounts->extra_count++];
	*extra = (struct extra){ .name = str_copy(name) };
	return &extra->value;
}

static int64_t *slot(struct amounts *amounts, struct str name)
{
	if (str_is(name, "cpu"))
		return &amounts->cpu_milli;
	if (str_is(name, "memory"))
		return &amounts->memory;
	if (str_is(name, "ephemeral-storage"))
		return &amounts->ephemeral;
	return extra_slot(amounts, name);
}

static int64_t value_of(struct str name, struct str text)
{
	struct error unused;
	int64_t value;

	if (text.len == 0 || !(str_is(name, "cpu") ? quantity_milli(text, &value, &unused)
						   : quantity_value(text, &value, &unused)))
		return 0;
	return value;
}

void amounts_of(const struct json *list, struct amounts *out)
{
	*out = (struct amounts){ 0 };
	for (struct json_iter it = json_iter(list); json_next(&it);)
		if (!str_is(it.key, "pods"))
			*slot(out, it.key) = value_of(it.key, json_str(it.value));
}

int64_t amounts_extra(const struct amounts *amounts, struct str name)
{
	for (size_t i = 0; i < amounts->extra_count; i++)
		if (str_is(name, amounts->extras[i].name))
			return amounts->extras[i].value;
	return 0;
}

enum amount_kind amounts_kind(const char *name)
{
	if (strcmp(name, "cpu") == 0)
		return AMOUNT_CPU;
	if (strcmp(name, "memory") == 0)
		return AMOUNT_MEMORY;
	return strcmp(name, "ephemeral-storage") == 0 ? AMOUNT_EPHEMERAL : AMOUNT_EXTRA;
}

int64_t amounts_get(const struct amounts *amounts, enum amount_kind kind, const char *name)
{
	switch (kind) {
	case AMOUNT_CPU: return amounts->cpu_milli;
	case AMOUNT_MEMORY: return amounts->memory;
	case AMOUNT_EPHEMERAL: return amounts->ephemeral;
	case AMOUNT_EXTRA: break;
	}
	return amounts_extra(amounts, str_of(name));
}

/* Amounts come from outside: they saturate. */
static int64_t sum(int64_t a, int64_t b)
{
	int64_t result;

	if (!__builtin_add_overflow(a, b, &result))
		return result;
	return b > 0 ? INT64_MAX : INT64_MIN;
}

static void drop_nothings(struct amounts *amounts)
{
	size_t kept = 0;

	for (size_t i = 0; i < amounts->extra_count; i++) {
		if (amounts->extras[i].value == 0)
			free(amounts->extras[i].name);
		else
			amounts->extras[kept++] = amounts->extras[i];
	}
	amounts->extra_count = kept;
}

void amounts_add(struct amounts *to, const struct amounts *more, int sign)
{
	assert(sign == 1 || sign == -1);
	to->cpu_milli = sum(to->cpu_milli, sign * more->cpu_milli);
	to->memory = sum(to->memory, sign * more->memory);
	to->ephemeral = sum(to->ephemeral, sign * more->ephemeral);
	for (size_t i = 0; i < more->extra_count; i++) {
		int64_t *value = extra_slot(to, str_of(more->extras[i].name));

		*value = sum(*value, sign * more->extras[i].value);
	}
	if (more->extra_count > 0)
		drop_nothings(to);
}

static int64_t larger(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

void amounts_raise(struct amounts *to, const struct amounts *other)
{
	to->cpu_milli = larger(to->cpu_milli, other->cpu_milli);
	to->memory = larger(to->memory, other->memory);
	to->ephemeral = larger(to->ephemeral, other->ephemeral);
	for (size_t i = 0; i < other->extra_count; i++) {
		int64_t *value = extra_slot(to, str_of(other->extras[i].name));

		*value = larger(*value, other->extras[i].value);
	}
}

bool amounts_equal(const struct amounts *a, const struct amounts *b)
{
	if (a->cpu_milli != b->cpu_milli || a->memory != b->memory ||
	    a->ephemeral != b->ephemeral || a->extra_count != b->extra_count)
		return false;
	for (size_t i = 0; i < a->extra_count; i++)
		if (amounts_extra(b, str_of(a->extras[i].name)) != a->extras[i].value)
			return false;
	return true;
}

static bool fits(int64_t asks, int64_t used, int64_t has)
{
	return asks <= 0 || asks <= has - used;
}

bool amounts_fit(const struct amounts *asks, const struct amounts *used, const struct amounts *has)
{
	if (!fits(asks->cpu_milli, used->cpu_milli, has->cpu_milli) ||
	    !fits(asks->memory, used->memory, has->memory) ||
	    !fits(asks->ephemeral, used->ephemeral, has->ephemeral))
		return false;
	for (size_t i = 0; i < asks->extra_count; i++) {
		struct str name = str_of(asks->extras[i].name);

		if (!fits(asks->extras[i].value, amounts_extra(used, name),
			  amounts_extra(has, name)))
			return false;
	}
	return true;
}

/* --- of pods --- */

/* What a container of this name was given, or NULL. */
static const struct json *status_of(const struct json *statuses, struct str name)
{
	for (struct json_iter it = json_iter(statuses); json_next(&it);)
		if (str_equal(json_str(json_get(it.value, "name")), name))
			return it.value;
	return NULL;
}

static void of_container(const struct json *pod, const struct json *container, bool init,
			 struct amounts *out)
{
	const struct json *status = json_get(pod, "status"), *given;
	bool infeasible = str_is(json_str(json_get(status, "resize")), "Infeasible");
	struct amounts other;

	amounts_of(json_path(container, "resources", "requests", NULL), out);
	given = status_of(json_get(status, init ? "initContainerStatuses" : "containerStatuses"),
			  json_str(json_get(container, "name")));
	if (!given)
		return;
	if (infeasible && json_get(given, "allocatedResources"))
		amounts_clear(out);
	amounts_of(json_get(given, "allocatedResources"), &other);
	amounts_raise(out, &other);
	amounts_clear(&other);
	amounts_of(json_path(given, "resources", "requests", NULL), &other);
	amounts_raise(out, &other);
	amounts_clear(&other);
}

static void at_least(struct amounts *amounts, const struct json *container)
{
	const struct json *requests = json_path(container, "resources", "requests", NULL);

	if (!json_get(requests, "cpu"))
		amounts->cpu_milli = larger(amounts->cpu_milli, LEAST_CPU_MILLI);
	if (!json_get(requests, "memory"))
		amounts->memory = larger(amounts->memory, LEAST_MEMORY);
}

static bool is_sidecar(const struct json *container)
{
	return str_is(json_str(json_get(container, "restartPolicy")), "Always");
}

static void add_inits(const struct json *pod, bool least, struct amounts *sum_of)
{
	struct amounts beside = { 0 }, peak = { 0 };

	for (struct json_iter it = json_iter(json_path(pod, "spec", "initContainers", NULL));
	     json_next(&it);) {
		struct amounts one;

		of_container(pod, it.value, true, &one);
		if (least)
			at_least(&one, it.value);
		if (is_sidecar(it.value)) {
			amounts_add(sum_of, &one, 1);
			amounts_add(&beside, &one, 1);
			amounts_raise(&peak, &beside);
		} else {
			amounts_add(&one, &beside, 1);
			amounts_raise(&peak, &one);
		}
		amounts_clear(&one);
	}
	amounts_raise(sum_of, &peak);
	amounts_clear(&beside);
	amounts_clear(&peak);
}

static void of_pod(const struct json *pod, bool least, struct amounts *out)
{
	struct amounts one;

	*out = (struct amounts){ 0 };
	for (struct json_iter it = json_iter(json_path(pod, "spec", "containers", NULL));
	     json_next(&it);) {
		of_container(pod, it.value, false, &one);
		if (least)
			at_least(&one, it.value);
		amounts_add(out, &one, 1);
		amounts_clear(&one);
	}
	if (json_count(json_path(pod, "spec", "initContainers", NULL)) > 0)
		add_inits(pod, least, out);
	amounts_of(json_path(pod, "spec", "overhead", NULL), &one);
	amounts_add(out, &one, 1);
	amounts_clear(&one);
	drop_nothings(out);
}

void amounts_of_pod(const struct json *pod, struct amounts *out)
{
	of_pod(pod, false, out);
}

void amounts_of_pod_at_least(const struct json *pod, int64_t *out_cpu_milli, int64_t *out_memory)
{
	struct amounts all;

	of_pod(pod, true, &all);
	*out_cpu_milli = all.cpu_milli;
	*out_memory = all.memory;
	amounts_clear(&all);
}
