/*
 * control_node_proof.c - a silent node at the edge is proved dead when those beside it find it
 * gone.
 *
 *   silent -> a round of votes (peer_vote.h) -> again ... ROUNDS in a row prove it -> the taint
 *   out-of-service -> its pods leave (control_node_evict, control_pod_collect)
 *   its own word, or its lease -> the taint goes, if it was ours
 *
 * Rounds that prove nothing and bring nothing new come ever more rarely: a node that is there, or
 * beside which nobody is left, is asked for every LONGEST_MS.  What was counted is lost with a
 * restart of the server.
 */
#include "base/clock.h"
#include "base/log.h"
#include "base/map.h"
#include "server/control/lost_policy.h"
#include "server/control/node_taints.h"
#include "server/control/peer_vote.h"

#define COMPONENT  "node-controller"
#define VALUE      "peer-vote" /* of our taint; anybody else's is left alone */
#define ROUNDS     3
#define ROUND_MS   10000
#define PATIENT    3 /* rounds that prove nothing before they come more rarely */
#define LONGEST_MS 300000

struct self {
	struct control *control;
	struct queue *queue;
	struct seen *seen; /* a verdict of ours is not given twice */
	struct map *cases; /* name of a node that is silent -> struct suspect */
};

struct suspect {
	struct self *self;
	char *name;
	struct peer_vote *vote; /* NULL: none is under way */
	struct peer_tally last;
	unsigned rounds;    /* in a row that proved it */
	unsigned fruitless; /* in a row that did not, with the same tally */
	int64_t due_ms;     /* monotonic; of the next round */
};

static void suspect_free(struct suspect *suspect)
{
	peer_vote_cancel(suspect->vote);
	free(suspect->name);
	free(suspect);
}

static const struct object *find_node(const struct self *self, struct str name)
{
	return cache_find(self->control->caches[CONTROL_NODES], STR_NONE, name);
}

/* --- what a node is to us --- */

static bool is_silent(const struct object *node)
{
	return str_is(json_str(json_get(meta_condition(object_json(node), STR("Ready")), "status")),
		      "Unknown");
}

static bool is_ours(const struct object *node)
{
	const struct json *taint = node_taint_find(node, TAINT_OUT_OF_SERVICE, "NoExecute");

	return str_is(json_str(json_get(taint, "value")), VALUE);
}

/* Its pods wait for a proof, which the others of its site may give. */
static bool is_suspect(const struct object *node)
{
	return is_silent(node) && lost_node_is_edge(node) && peer_vote_is_possible(node) &&
	       !node_taint_find(node, TAINT_OUT_OF_SERVICE, NULL);
}

/* --- rounds --- */

static void tell_tally(const struct suspect *suspect)
{
	const struct peer_tally *tally = &suspect->last;

	log_info("server.control", "the other nodes of a silent node's site were asked for it",
		 "node=%s there=%u gone=%u asked=%u others=%u", suspect->name, tally->there,
		 tally->gone, tally->asked, tally->others);
}

static int64_t pause_after(unsigned fruitless)
{
	int64_t pause_ms = ROUND_MS;

	for (; fruitless > PATIENT && pause_ms < LONGEST_MS; fruitless--)
		pause_ms *= 2;
	return pause_ms < LONGEST_MS ? pause_ms : LONGEST_MS;
}

static void on_tally(void *of, const struct peer_tally *tally)
{
	struct suspect *suspect = of;
	bool proves = peer_tally_proves(tally);
	bool is_news = memcmp(tally, &suspect->last, sizeof(*tally)) != 0;

	suspect->vote = NULL;
	suspect->last = *tally;
	suspect->rounds = proves ? suspect->rounds + 1 : 0;
	suspect->fruitless = proves || is_news ? 0 : suspect->fruitless + 1;
	suspect->due_ms = clock_now_ms() + pause_after(suspect->fruitless);
	if (is_news)
		tell_tally(suspect);
	queue_add(suspect->self->queue, str_of(suspect->name));
}

static struct suspect *suspect_of(struct self *self, struct str name)
{
	struct suspect *suspect = map_find(self->cases, name);

	if (!suspect) {
		suspect = memory_new(struct suspect);
		suspect->self = self;
		suspect->name = str_copy(name);
		map_put(self->cases, name, suspect);
	}
	return suspect;
}

static void drop_suspect(struct self *self, struct str name)
{
	struct suspect *suspect = map_remove(self->cases, name);

	if (suspect)
		suspect_free(suspect);
}

/* --- the verdict --- */

static struct json *taints_without_ours(struct json_doc *doc, const struct object *node)
{
	struct json *list = json_new_array(doc);
	struct json_iter it = json_iter(json_path(object_json(node), "spec", "taints", NULL));

	while (json_next(&it))
		if (!str_is(json_str(json_get(it.value, "key")), TAINT_OUT_OF_SERVICE) ||
		    !str_is(json_str(json_get(it.value, "value")), VALUE))
			json_append(list, json_clone(doc, it.value));
	return list;
}

static void convict(struct batch *batch, const struct object *node, const struct suspect *suspect)
{
	auto_json_doc doc = json_doc_new();
	struct json *list = taints_without_ours(doc, node);
	auto_buf text = BUF_INIT;

	buf_add_print(&text,
		      "Node %s is taken for dead: %u of the %u others of its site do not find it "
		      "on their network",
		      suspect->name, suspect->last.gone, suspect->last.others);
	log_warn("server.control", "silent node is taken for dead", "node=%s gone=%u others=%u",
		 suspect->name, suspect->last.gone, suspect->last.others);
	control_event(batch->control, node, COMPONENT, "Warning", "NodeOutOfService",
		      buf_text(&text));
	node_taint_add(doc, list, TAINT_OUT_OF_SERVICE, VALUE, "NoExecute");
	node_taints_write(batch, node, doc, list);
}

static void acquit(struct batch *batch, const struct object *node)
{
	auto_json_doc doc = json_doc_new();

	log_info("server.control", "node that was taken for dead speaks again", "node=" STR_FMT,
		 STR_ARG(object_name(node)));
	node_taints_write(batch, node, doc, taints_without_ours(doc, node));
}

/* --- passes --- */

static void on_end(struct batch *batch)
{
	struct self *self = batch->owner;

	batch_end_pass(batch, self->queue, self->seen);
}

static void see_to(struct self *self, struct batch *batch, const struct object *node)
{
	struct suspect *suspect = suspect_of(self, object_name(node));
	int64_t left_ms = suspect->due_ms - clock_now_ms();

	if (suspect->rounds >= ROUNDS)
		convict(batch, node, suspect);
	else if (!suspect->vote && left_ms <= 0)
		suspect->vote = peer_vote_start(self->control, node, on_tally, suspect);
	else if (!suspect->vote)
		queue_add_after(self->queue, object_name(node), left_ms);
}

static void on_pass(void *owner, struct str name)
{
	struct self *self = owner;
	const struct object *node = find_node(self, name);
	struct batch *batch;

	if (!node)
		seen_forget(self->seen, name);
	else if (seen_is_behind(self->seen, name,
				cache_revision(self->control->caches[CONTROL_NODES]))) {
		queue_done(self->queue, name, true); /* what we wrote comes as a change */
		return;
	}
	batch = batch_new_watching(self->control, name, self, on_end, "Node");
	if (node && is_ours(node) && !is_silent(node))
		acquit(batch, node);
	if (node && is_suspect(node))
		see_to(self, batch, node);
	else
		drop_suspect(self, name);
	batch_seal(batch);
}

/* --- the row --- */

static void *start(struct control *control)
{
	struct self *self = memory_new(struct self);

	self->control = control;
	self->queue = queue_new(control->loop, on_pass, self);
	self->seen = seen_new();
	self->cases = map_new();
	return self;
}

static void stop(void *own)
{
	struct self *self = own;
	struct str name;
	void *suspect;

	for (size_t i = 0; map_next(self->cases, &i, &name, &suspect);)
		suspect_free(suspect);
	map_free(self->cases);
	seen_free(self->seen);
	queue_free(self->queue);
	free(self);
}

/* A node that neither is nor was ours to judge costs no pass. */
static bool concerns(const struct object *node)
{
	return node && (is_suspect(node) || is_ours(node));
}

static void on_change(void *own, enum control_kind kind, const struct object *before,
		      const struct object *after)
{
	struct self *self = own;

	if (kind == CONTROL_NODES && (concerns(before) || concerns(after)))
		control_queue(self->queue, after ? after : before);
}

const struct control_row control_node_proof = { "node-proof", start, stop, on_change };
