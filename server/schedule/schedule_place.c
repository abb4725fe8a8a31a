/*
 * schedule_place.c - a pod on its way to its node.
 *
 *   VOLUMES -(every claim has its volume)-> BINDING -(answer)-> gone
 *      |  claims are told their volume, or the node where one is to be made; then it waits
 *      +-- time over, a claim gone, a call failed --> the pod is back in the queue
 *
 * Meanwhile it counts on its place (scene), so that what comes next knows.
 */
#include "base/log.h"
#include "server/schedule/schedule_inside.h"

struct claim_wait {
	char *claim, *volume; /* volume NULL: one is made for the node */
	bool was_selected;
};

struct placement {
	struct list link;
	struct schedule *schedule;
	const struct object *pod; /* counted */
	char *key, *node, *component;
	struct claim_wait *claims;
	size_t claim_count;
	size_t running; /* calls */
	bool failed, binding, abandoned;
	int64_t began_us;
	struct loop_timer timer;
};

static void placement_free(struct placement *placement)
{
	loop_timer_stop(&placement->timer);
	list_remove(&placement->link);
	placement->schedule->binding_count -= placement->binding;
	for (size_t i = 0; i < placement->claim_count; i++) {
		if (placement->claims[i].volume)
			map_remove(placement->schedule->scene->volumes_taken,
				   str_of(placement->claims[i].volume));
		free(placement->claims[i].claim);
		free(placement->claims[i].volume);
	}
	free(placement->claims);
	object_unref(placement->pod);
	free(placement->key);
	free(placement->node);
	free(placement->component);
	free(placement);
}

/* Off its place, unless the watch has told meanwhile that it is there. */
static void put_back(struct placement *placement)
{
	struct schedule *schedule = placement->schedule;
	struct resident *resident = scene_find(schedule->scene, str_of(placement->key));

	if (resident && resident->assumed &&
	    str_equal(object_uid(resident->pod), object_uid(placement->pod)))
		scene_remove(schedule->scene, str_of(placement->key));
	if (!placement->abandoned)
		waiting_retry_soon(schedule->waiting, str_of(placement->key));
}

static void count(const struct placement *placement, enum schedule_result result)
{
	schedule_counts_note(placement->schedule->counts, placement->component, result,
			     placement->began_us);
}

static void end(struct placement *placement)
{
	struct schedule *schedule = placement->schedule;

	placement_free(placement);
	loop_defer(schedule->control->loop, &schedule->work);
}

/* --- the binding --- */

static void on_bound(void *of, const struct json *result, const struct error *err)
{
	struct placement *placement = of;

	(void)result;
	if (err) {
		log_debug("server.schedule", "a pod is not bound", "pod=%s node=%s why=\"%s\"",
			  placement->key, placement->node, err->text);
		count(placement, SCHEDULE_ERROR);
		put_back(placement);
	} else {
		count(placement, SCHEDULE_PLACED);
		schedule_tell_placed(placement->schedule, placement->pod, placement->node,
				     placement->component);
	}
	end(placement);
}

static void bind(struct placement *placement)
{
	auto_buf body = BUF_INIT;
	struct client_ask ask = { .verb = CLIENT_CREATE,
				  .kind = placement->schedule->control->kinds[CONTROL_PODS],
				  .namespace = object_namespace(placement->pod),
				  .name = object_name(placement->pod),
				  .subresource = "binding",
				  .on_done = on_bound,
				  .of = placement };

	placement->binding = true;
	placement->schedule->binding_count++;
	loop_timer_stop(&placement->timer);
	buf_add_print(&body,
		      "{\"metadata\":{\"name\":\"" STR_FMT "\",\"uid\":\"" STR_FMT
		      "\"},\"target\":{\"kind\":\"Node\",\"name\":\"%s\"}}",
		      STR_ARG(object_name(placement->pod)), STR_ARG(object_uid(placement->pod)),
		      placement->node);
	ask.body = buf_str(&body);
	client_call(placement->schedule->client, &ask);
}

/* --- volumes --- */

static void fail(struct placement *placement, const char *why)
{
	log_debug("server.schedule", "a pod's volumes are not there", "pod=%s node=%s why=\"%s\"",
		  placement->key, placement->node, why);
	count(placement, SCHEDULE_ERROR);
	put_back(placement);
	end(placement);
}

/* NULL: wait further. */
static const char *claim_state(struct placement *placement, struct claim_wait *wait,
			       bool *out_bound)
{
	const struct object *claim =
		cache_find(placement->schedule->control->caches[CONTROL_CLAIMS],
			   object_namespace(placement->pod), str_of(wait->claim));
	struct str selected;

	*out_bound = false;
	if (!claim)
		return "the claim is gone";
	*out_bound = volume_claim_is_bound(object_json(claim));
	selected = meta_annotation(object_json(claim), "volume.kubernetes.io/selected-node");
	if (selected.len > 0)
		wait->was_selected = true;
	if (!wait->volume && !*out_bound && wait->was_selected && selected.len == 0)
		return "no volume can be made on the node";
	return NULL;
}

static void look(struct placement *placement)
{
	bool all = true;

	if (placement->running > 0 || placement->binding)
		return;
	if (placement->failed) {
		fail(placement, "a call failed");
		return;
	}
	for (size_t i = 0; i < placement->claim_count; i++) {
		bool bound;
		const char *why = claim_state(placement, &placement->claims[i], &bound);

		if (why) {
			fail(placement, why);
			return;
		}
		all = all && bound;
	}
	if (all)
		bind(placement);
}

void schedule_place_look(struct schedule *schedule)
{
	LIST_EACH_SAFE(&schedule->placements, link)
	{
		look(LIST_OWNER(link, struct placement, link));
	}
}

static void on_told(void *of, const struct json *result, const struct error *err)
{
	struct placement *placement = of;

	(void)result;
	placement->running--;
	placement->failed = placement->failed || err;
	look(placement);
}

static void on_timer(struct loop_timer *timer)
{
	fail(CONTAINER_OF(timer, struct placement, timer), "it took too long");
}

static void tell_volume(struct placement *placement, const struct claim_wait *wait,
			const struct object *claim)
{
	auto_buf body = BUF_INIT;
	struct client_ask ask = { .verb = CLIENT_PATCH_MERGE,
				  .kind = placement->schedule->control->kinds[CONTROL_VOLUMES],
				  .name = str_of(wait->volume),
				  .on_done = on_told,
				  .of = placement };

	buf_add_print(
		&body,
		"{\"metadata\":{\"annotations\":{"
		"\"pv.kubernetes.io/bound-by-controller\":\"yes\"}},\"spec\":{\"claimRef\":{"
		"\"kind\":\"PersistentVolumeClaim\",\"apiVersion\":\"v1\",\"namespace\":\"" STR_FMT
		"\",\"name\":\"" STR_FMT "\",\"uid\":\"" STR_FMT "\"}}}",
		STR_ARG(object_namespace(claim)), STR_ARG(object_name(claim)),
		STR_ARG(object_uid(claim)));
	ask.body = buf_str(&body);
	client_call(placement->schedule->client, &ask);
}

static void tell_node(struct placement *placement, const struct claim_wait *wait)
{
	auto_buf body = BUF_INIT;
	struct client_ask ask = { .verb = CLIENT_PATCH_MERGE,
				  .kind = placement->schedule->control->kinds[CONTROL_CLAIMS],
				  .namespace = object_namespace(placement->pod),
				  .name = str_of(wait->claim),
				  .on_done = on_told,
				  .of = placement };

	buf_add_print(&body,
		      "{\"metadata\":{\"annotations\":{\"volume.kubernetes.io/selected-node\":"
		      "\"%s\"}}}",
		      placement->node);
	ask.body = buf_str(&body);
	client_call(placement->schedule->client, &ask);
}

static void begin_volumes(struct placement *placement, const struct profile *profile)
{
	struct schedule *schedule = placement->schedule;

	placement->timer.on_timer = on_timer;
	loop_timer_set(schedule->control->loop, &placement->timer,
		       profile->volume_timeout_s * 1000);
	placement->running = placement->claim_count;
	for (size_t i = 0; i < placement->claim_count; i++) {
		struct claim_wait *wait = &placement->claims[i];
		const struct object *claim =
			cache_find(schedule->control->caches[CONTROL_CLAIMS],
				   object_namespace(placement->pod), str_of(wait->claim));

		if (wait->volume) {
			map_put(schedule->scene->volumes_taken, str_of(wait->volume), placement);
			tell_volume(placement, wait, claim);
		} else {
			tell_node(placement, wait);
		}
	}
}

static void take_choices(struct placement *placement, struct cycle *cycle)
{
	const struct volume_wishes *wishes = cycle->own[PLUGIN_VOLUME_BINDING];
	struct volume_choices choices;

	if (!wishes || !volume_choices_on(cycle, wishes, cycle->chosen, &choices))
		return;
	placement->claims = memory_zero((choices.count + 1) * sizeof(*placement->claims));
	for (size_t i = 0; i < choices.count; i++)
		placement->claims[placement->claim_count++] = (struct claim_wait){
			.claim = str_copy(choices.at[i].claim),
			.volume = choices.at[i].volume.at ? str_copy(choices.at[i].volume) : NULL,
		};
}

/* --- the way --- */

void schedule_place(struct schedule *schedule, struct cycle *cycle, int64_t began_us)
{
	struct placement *placement = memory_new(struct placement);
	struct resident *resident = cycle->resident;
	auto_buf key = BUF_INIT;

	object_key(resident->pod, &key);
	placement->schedule = schedule;
	placement->began_us = began_us;
	placement->pod = object_ref(resident->pod);
	placement->key = buf_take(&key);
	placement->node = memory_string(cycle->chosen->name);
	placement->component = memory_string(cycle->profile->name);
	take_choices(placement, cycle);
	list_add(&schedule->placements, &placement->link);
	resident->assumed = true;
	scene_forget_nomination(schedule->scene, str_of(placement->key));
	scene_add(schedule->scene, resident, str_of(placement->node));
	if (placement->claim_count > 0)
		begin_volumes(placement, cycle->profile);
	else
		bind(placement);
}

static struct placement *find(struct schedule *schedule, struct str key)
{
	LIST_EACH(&schedule->placements, link)
	{
		struct placement *placement = LIST_OWNER(link, struct placement, link);

		if (str_is(key, placement->key))
			return placement;
	}
	return NULL;
}

/* Calls under way end by themselves. */
void schedule_place_forget(struct schedule *schedule, struct str key)
{
	struct placement *placement = find(schedule, key);

	if (!placement)
		return;
	placement->abandoned = true;
	placement->failed = true;
	look(placement);
}

/* After the client has ended: no call is under way. */
void schedule_place_stop(struct schedule *schedule)
{
	LIST_EACH_SAFE(&schedule->placements, link)
	{
		placement_free(LIST_OWNER(link, struct placement, link));
	}
}
