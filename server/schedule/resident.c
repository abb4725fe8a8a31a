/*
 * resident.c - facts of a pod, taken once; its weight on a place.
 */
#include "server/schedule/resident.h"

#include <assert.h>

#include "base/clock.h"
#include "server/schedule/scene.h"

/* --- tallies --- */

void tallies_count(struct tallies *tallies, const void *what, int total, int leaving)
{
	for (size_t i = 0; i < tallies->count; i++) {
		struct tally *tally = &tallies->at[i];

		if (tally->what != what)
			continue;
		tally->total = (uint32_t)((int)tally->total + total);
		tally->leaving = (uint32_t)((int)tally->leaving + leaving);
		if (tally->total == 0)
			*tally = tallies->at[--tallies->count];
		return;
	}
	assert(total > 0);
	if ((tallies->count & (tallies->count - 1)) == 0)
		tallies->at = memory_grow(tallies->at, (tallies->count ? 2 * tallies->count : 1) *
							       sizeof(*tallies->at));
	tallies->at[tallies->count++] = (struct tally){ what, (uint32_t)total, (uint32_t)leaving };
}

/* --- classes of labels --- */

static uint32_t take_number(struct numbers *numbers)
{
	return numbers->free_count > 0 ? numbers->free[--numbers->free_count] : numbers->end++;
}

static void give_number(struct numbers *numbers, uint32_t number)
{
	if ((numbers->free_count & (numbers->free_count - 1)) == 0)
		numbers->free = memory_grow(numbers->free,
					    (numbers->free_count ? 2 * numbers->free_count : 1) *
						    sizeof(*numbers->free));
	numbers->free[numbers->free_count++] = number;
}

static struct object *labels_object(const struct json *pod)
{
	struct json_doc *doc = json_doc_new();
	struct json *root = json_new_object(doc), *metadata = json_new_object(doc);
	const struct json *labels = json_get(meta_of(pod), "labels");
	struct object *object;

	json_put(doc, metadata, "namespace", json_new_str(doc, meta_str(pod, "namespace")));
	if (labels)
		json_put(doc, metadata, "labels", json_clone(doc, labels));
	json_put(doc, root, "metadata", metadata);
	json_set_root(doc, root);
	object = object_new(doc);
	object_trim(object);
	return object;
}

static struct label_class *use_class(struct scene *scene, const struct json *pod)
{
	struct label_class *class;
	auto_buf key = BUF_INIT;

	buf_add_str(&key, meta_str(pod, "namespace"));
	json_print(json_get(meta_of(pod), "labels"), &key);
	class = map_find(scene->classes, buf_str(&key));
	if (!class) {
		class = memory_new(struct label_class);
		class->number = take_number(&scene->class_numbers);
		class->labels = labels_object(pod);
		class->key = str_copy(buf_str(&key));
		map_put(scene->classes, buf_str(&key), class);
	}
	class->users++;
	return class;
}

static void leave_class(struct scene *scene, struct label_class *class)
{
	if (--class->users > 0)
		return;
	give_number(&scene->class_numbers, class->number);
	map_remove(scene->classes, str_of(class->key));
	object_unref(class->labels);
	selector_free(class->spread);
	free(class->spread_owner);
	free(class->key);
	free(class);
}

static struct shared_terms *use_terms(struct scene *scene, const struct json *pod)
{
	struct shared_terms *shared;
	auto_buf key = BUF_INIT;

	if (!json_path(pod, "spec", "affinity", NULL))
		return NULL;
	pod_terms_key(pod, &key);
	if (key.len == 0)
		return NULL;
	shared = map_find(scene->terms, buf_str(&key));
	if (!shared) {
		shared = memory_new(struct shared_terms);
		shared->number = take_number(&scene->terms_numbers);
		shared->terms = pod_terms_of(pod);
		shared->key = str_copy(buf_str(&key));
		map_put(scene->terms, buf_str(&key), shared);
	}
	shared->users++;
	return shared;
}

static void leave_terms(struct scene *scene, struct shared_terms *shared)
{
	if (!shared || --shared->users > 0)
		return;
	give_number(&scene->terms_numbers, shared->number);
	map_remove(scene->terms, str_of(shared->key));
	pod_terms_free(shared->terms);
	free(shared->key);
	free(shared);
}

/* --- facts --- */

static void add_port(struct resident *resident, const struct json *port)
{
	struct str address = json_str(json_get(port, "hostIP")),
		   protocol = json_str(json_get(port, "protocol"));

	resident->ports =
		memory_grow(resident->ports, (resident->port_count + 1) * sizeof(*resident->ports));
	resident->ports[resident->port_count++] = (struct host_port){
		.port = (uint16_t)json_int(json_get(port, "hostPort")),
		.protocol = protocol.len > 0 ? protocol.at[0] : 'T',
		.address = str_copy(address.len > 0 ? address : STR("0.0.0.0")),
	};
}

static void take_ports(struct resident *resident, const struct json *containers, bool init)
{
	for (struct json_iter it = json_iter(containers); json_next(&it);) {
		if (init && !str_is(json_str(json_get(it.value, "restartPolicy")), "Always"))
			continue;
		for (struct json_iter port = json_iter(json_get(it.value, "ports"));
		     json_next(&port);)
			if (json_int(json_get(port.value, "hostPort")) > 0)
				add_port(resident, port.value);
	}
}

static bool is_any(const struct host_port *port)
{
	return strcmp(port->address, "0.0.0.0") == 0;
}

bool ports_collide(const struct host_port *a, const struct host_port *b)
{
	return a->port == b->port && a->protocol == b->protocol &&
	       (is_any(a) || is_any(b) || strcmp(a->address, b->address) == 0);
}

/* Of an ephemeral volume the claim has the names of pod and volume. */
static void take_claims(struct resident *resident, const struct json *pod)
{
	for (struct json_iter it = json_iter(json_path(pod, "spec", "volumes", NULL));
	     json_next(&it);) {
		struct str name =
			json_str(json_path(it.value, "persistentVolumeClaim", "claimName", NULL));
		char *claim = NULL;

		if (name.len > 0)
			claim = str_copy(name);
		else if (json_get(it.value, "ephemeral"))
			claim = memory_print(STR_FMT "-" STR_FMT, STR_ARG(meta_str(pod, "name")),
					     STR_ARG(json_str(json_get(it.value, "name"))));
		if (!claim)
			continue;
		resident->claims =
			memory_grow(resident->claims, (resident->claim_count + 1) * sizeof(char *));
		resident->claims[resident->claim_count++] = claim;
	}
}

struct resident *resident_new(struct scene *scene, const struct object *pod)
{
	struct resident *resident = memory_new(struct resident);
	const struct json *json = object_json(pod), *spec = json_get(json, "spec");
	struct str started = json_str(json_path(json, "status", "startTime", NULL));

	list_init(&resident->link);
	resident->pod = object_ref(pod);
	resident->class = use_class(scene, json);
	resident->terms = use_terms(scene, json);
	amounts_of_pod(json, &resident->asks);
	amounts_of_pod_at_least(json, &resident->least_cpu, &resident->least_memory);
	resident->priority = (int32_t)json_int(json_get(spec, "priority"));
	resident->leaving = object_is_deleting(pod);
	take_ports(resident, json_get(spec, "containers"), false);
	take_ports(resident, json_get(spec, "initContainers"), true);
	take_claims(resident, json);
	if (started.len == 0 || !clock_parse(started, &resident->since_s, NULL))
		resident->since_s = INT64_MAX;
	return resident;
}

void resident_free(struct scene *scene, struct resident *resident)
{
	if (!resident)
		return;
	assert(!resident->place);
	for (size_t i = 0; i < resident->port_count; i++)
		free(resident->ports[i].address);
	for (size_t i = 0; i < resident->claim_count; i++)
		free(resident->claims[i]);
	free(resident->ports);
	free(resident->claims);
	amounts_clear(&resident->asks);
	leave_terms(scene, resident->terms);
	leave_class(scene, resident->class);
	object_unref(resident->pod);
	free(resident);
}

/* --- weight on a place --- */

static void count_claims(struct scene *scene, const struct resident *resident, int by)
{
	for (size_t i = 0; i < resident->claim_count; i++) {
		auto_buf key = BUF_INIT;
		intptr_t count;

		buf_add_print(&key, STR_FMT "/%s", STR_ARG(object_namespace(resident->pod)),
			      resident->claims[i]);
		count = (intptr_t)map_find(scene->claims, buf_str(&key)) + by;
		assert(count >= 0);
		if (count > 0)
			map_put(scene->claims, buf_str(&key), (void *)count);
		else
			map_remove(scene->claims, buf_str(&key));
	}
}

void resident_weigh(struct scene *scene, struct resident *resident, struct place *place, int by)
{
	amounts_add(&place->used, &resident->asks, by);
	place->least_cpu += by * resident->least_cpu;
	place->least_memory += by * resident->least_memory;
	place->pod_count = (size_t)((intptr_t)place->pod_count + by);
	tallies_count(&place->classes, resident->class, by, resident->leaving ? by : 0);
	if (resident->terms)
		tallies_count(&place->terms, resident->terms, by, 0);
	count_claims(scene, resident, by);
}

void resident_lift(struct scene *scene, struct resident *resident)
{
	assert(resident->place);
	resident_weigh(scene, resident, resident->place, -1);
	list_remove(&resident->link);
	resident->place = NULL;
}

void resident_drop(struct scene *scene, struct resident *resident, struct place *place)
{
	assert(!resident->place);
	resident_weigh(scene, resident, place, 1);
	list_add(&place->residents, &resident->link);
	resident->place = place;
}
