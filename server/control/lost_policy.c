/*
 * lost_policy.c - annotations are read when a node is silent or back, which is rare.
 *
 * When the node is back there is one pod too many.  The stand-in is made cheap first, and only then
 * the original is counted again: its controller takes the cheapest away.  An original that is not
 * ready again in time is the one to go.
 */
#include "server/control/lost_policy.h"

#include "base/clock.h"
#include "base/log.h"
#include "server/control/family.h"

#define AFTER     "mote.dev/lost-after"
#define REPLACE   "mote.dev/replace"
#define RECONCILE "mote.dev/reconcile"
#define COST      "controller.kubernetes.io/pod-deletion-cost"
#define CHEAPEST  "-2147483648"
#define COMPONENT "node-controller"
#define AGAIN_MS  500
#define READY_S   60 /* that an original has until it is ready again */
#define LEVELS    3  /* pod, ReplicaSet, Deployment */

/* --- reading --- */

static const struct object *controller_of(const struct control *control,
					  const struct object *object)
{
	static const enum control_kind kinds[] = {
		CONTROL_REPLICASETS,  CONTROL_REPLICATIONCONTROLLERS,
		CONTROL_STATEFULSETS, CONTROL_DAEMONSETS,
		CONTROL_DEPLOYMENTS,  CONTROL_JOBS,
	};
	const struct json *owner = meta_controller(object_json(object));

	for (size_t i = 0; owner && i < ARRAY_LENGTH(kinds); i++)
		if (str_is(json_str(json_get(owner, "kind")), control->kinds[kinds[i]]->name))
			return cache_find(control->caches[kinds[i]], object_namespace(object),
					  json_str(json_get(owner, "name")));
	return NULL;
}

static struct str annotation_of(const struct control *control, const struct object *pod,
				const char *key)
{
	const struct object *at = pod;
	struct str text = STR_NONE;

	for (int level = 0; at && !text.at && level < LEVELS; level++) {
		text = meta_annotation(object_json(at), key);
		at = controller_of(control, at);
	}
	return text;
}

static int64_t read_after(struct str text)
{
	int64_t ms;

	if (str_is(text, "never"))
		return LOST_NEVER;
	return clock_parse_duration(text, &ms) && ms >= 0 ? ms / 1000 : -1;
}

struct lost_policy lost_policy_of(const struct control *control, const struct object *pod)
{
	struct str after = annotation_of(control, pod, AFTER);
	struct str keep = annotation_of(control, pod, RECONCILE);
	struct lost_policy policy = { .after_s = after.at ? read_after(after) : -1 };

	policy.replace = str_is(annotation_of(control, pod, REPLACE), "true");
	if (str_is(keep, "keepReplacement"))
		policy.keep = LOST_KEEP_REPLACEMENT;
	else if (str_is(keep, "longestRunning"))
		policy.keep = LOST_KEEP_LONGEST;
	return policy;
}

/* --- marks --- */

bool lost_node_is_edge(const struct object *node)
{
	return str_is(object_label(node, STR(LOST_NODE_EDGE)), "true");
}

bool lost_is_marked(const struct object *pod)
{
	return meta_annotation(object_json(pod), LOST_MARK).at != NULL;
}

/* value NULL: taken off. */
static void annotate(struct batch *batch, const struct object *pod, const char *key,
		     const char *value)
{
	auto_json_doc doc = json_doc_new();
	struct json *patch = json_new_object(doc), *metadata;
	auto_buf body = BUF_INIT;
	struct client_ask ask = { .verb = CLIENT_PATCH_MERGE,
				  .kind = batch->control->kinds[CONTROL_PODS],
				  .namespace = object_namespace(pod),
				  .name = object_name(pod) };

	metadata = json_sub_object(doc, patch, "metadata");
	json_put(doc, metadata, "uid", json_new_str(doc, object_uid(pod)));
	json_put(doc, json_sub_object(doc, metadata, "annotations"), key,
		 value ? json_new_text(doc, value) : json_new_null(doc));
	json_print(patch, &body);
	ask.body = buf_str(&body);
	batch_call(batch, &ask);
}

/* Pods with a name or a node of their own cannot have a stand-in. */
static bool is_replaceable(const struct object *pod)
{
	struct str kind = json_str(json_get(meta_controller(object_json(pod)), "kind"));

	return str_is(kind, "ReplicaSet") || str_is(kind, "ReplicationController") ||
	       str_is(kind, "Job");
}

void lost_mark(struct batch *batch, const struct object *pod)
{
	char now[CLOCK_TEXT];

	if (!is_replaceable(pod))
		return;
	clock_print(clock_wall_s(), now);
	log_info("server.control", "pod of a silent node gets a stand-in", "pod=" STR_FMT,
		 STR_ARG(object_name(pod)));
	annotate(batch, pod, LOST_MARK, now);
	control_event(batch->control, pod, COMPONENT, "Normal", "Disconnected",
		      "The node is silent: another pod is made in its place");
}

/* --- settling --- */

/* The youngest pod of the same controller that was made since. */
static const struct object *find_stand_in(const struct control *control, const struct object *pod)
{
	const struct member *member, *found = NULL;
	int64_t since;

	if (!clock_parse(meta_annotation(object_json(pod), LOST_MARK), &since, NULL))
		return NULL;
	for (size_t i = 0;
	     (member = family_next(control->families[CONTROL_PODS], control_owner_uid(pod), &i));)
		if (member_is_active(member) && member->created_s >= since &&
		    !str_equal(object_uid(member->object), object_uid(pod)) &&
		    (!found || member->created_s > found->created_s))
			found = member;
	return found ? found->object : NULL;
}

/* Since when all its containers have run without a break; the latest of them. */
static int64_t running_since(const struct object *pod)
{
	int64_t latest = 0, at;

	for (struct json_iter it =
		     json_iter(json_path(object_json(pod), "status", "containerStatuses", NULL));
	     json_next(&it);) {
		if (!clock_parse(
			    json_str(json_path(it.value, "state", "running", "startedAt", NULL)),
			    &at, NULL))
			return INT64_MAX;
		latest = at > latest ? at : latest;
	}
	return latest ? latest : INT64_MAX;
}

static bool keeps_original(const struct control *control, const struct object *pod,
			   const struct object *stand_in)
{
	switch (lost_policy_of(control, pod).keep) {
	case LOST_KEEP_REPLACEMENT: return false;
	case LOST_KEEP_LONGEST: return running_since(pod) <= running_since(stand_in);
	case LOST_KEEP_ORIGINAL: break;
	}
	return true;
}

static bool is_cheapest(const struct object *pod)
{
	return str_is(meta_annotation(object_json(pod), COST), CHEAPEST);
}

static void delete_pod(struct batch *batch, const struct object *pod)
{
	auto_buf body = BUF_INIT;
	struct client_ask ask = { .verb = CLIENT_DELETE,
				  .kind = batch->control->kinds[CONTROL_PODS],
				  .namespace = object_namespace(pod),
				  .name = object_name(pod) };

	buf_add_print(&body, "{\"preconditions\":{\"uid\":\"" STR_FMT "\"}}",
		      STR_ARG(object_uid(pod)));
	ask.body = buf_str(&body);
	batch_call(batch, &ask);
}

static bool waits_for_ready(const struct object *pod, const struct object *node)
{
	int64_t since;

	return !control_pod_is_ready(pod) &&
	       clock_parse(json_str(json_get(meta_condition(object_json(node), STR("Ready")),
					     "lastTransitionTime")),
			   &since, NULL) &&
	       since + READY_S > clock_wall_s();
}

int64_t lost_settle(struct batch *batch, const struct object *pod, const struct object *node)
{
	const struct object *stand_in = find_stand_in(batch->control, pod);

	if (stand_in && waits_for_ready(pod, node))
		return AGAIN_MS;
	if (stand_in && !keeps_original(batch->control, pod, stand_in)) {
		control_event(batch->control, pod, COMPONENT, "Normal", "Reconciled",
			      "The node is back: its stand-in is kept");
		delete_pod(batch, pod);
		return 0;
	}
	if (stand_in && control_pod_is_ready(pod) && !is_cheapest(stand_in)) {
		annotate(batch, stand_in, COST, CHEAPEST);
		return AGAIN_MS;
	}
	if (stand_in)
		control_event(batch->control, pod, COMPONENT, "Normal", "Reconciled",
			      "The node is back: the original is kept");
	annotate(batch, pod, LOST_MARK, NULL);
	return 0;
}
