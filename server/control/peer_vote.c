/*
 * peer_vote.c - the same question to each, and a tally of what came back.
 */
#include "server/control/peer_vote.h"

#include <arpa/inet.h>
#include <stdio.h>

#include "server/control/node_ask.h"

#define ANSWER_MS 15000

/* One that is asked. */
struct voter {
	struct peer_vote *vote;
	struct node_ask *ask; /* NULL: has answered */
};

struct peer_vote {
	struct loop *loop;
	struct loop_task end; /* all have answered */
	struct peer_tally tally;
	struct voter voters[PEER_VOTERS_MAX];
	unsigned waiting;
	void (*on_done)(void *of, const struct peer_tally *tally);
	void *of;
};

bool peer_tally_proves(const struct peer_tally *tally)
{
	unsigned needed = tally->others / 2 + 1;

	if (needed < PEER_VOTES_MIN)
		needed = PEER_VOTES_MIN;
	if (needed > PEER_VOTES_MAX)
		needed = PEER_VOTES_MAX;
	return tally->there == 0 && tally->gone >= needed;
}

static bool find_address(const struct object *node, char out[INET_ADDRSTRLEN])
{
	struct json_iter it = json_iter(json_path(object_json(node), "status", "addresses", NULL));
	struct in_addr address;

	while (json_next(&it)) {
		struct str text = json_str(json_get(it.value, "address"));

		if (!str_is(json_str(json_get(it.value, "type")), "InternalIP") ||
		    text.len >= INET_ADDRSTRLEN)
			continue;
		memcpy(out, text.at, text.len);
		out[text.len] = '\0';
		if (inet_pton(AF_INET, out, &address) == 1)
			return true;
	}
	return false;
}

bool peer_vote_is_possible(const struct object *node)
{
	char address[INET_ADDRSTRLEN];

	return object_label(node, STR(LABEL_SITE)).len > 0 && find_address(node, address);
}

static void end_when_all_have_answered(struct peer_vote *vote)
{
	if (vote->waiting == 0)
		loop_defer(vote->loop, &vote->end);
}

static void on_end(struct loop_task *task)
{
	struct peer_vote *vote = CONTAINER_OF(task, struct peer_vote, end);

	vote->on_done(vote->of, &vote->tally);
	free(vote);
}

/* {"neighbour": "there" | "gone" | "unknown"}; who cannot be asked does not know. */
static void on_answer(void *of, struct str body, const struct error *err)
{
	struct voter *voter = of;
	struct peer_vote *vote = voter->vote;
	auto_json_doc doc = NULL;
	struct error unused;
	struct str word = STR_NONE;

	if (!err && json_parse(body, &doc, NULL, &unused))
		word = json_str(json_get(json_root(doc), "neighbour"));
	vote->tally.there += str_is(word, "there");
	vote->tally.gone += str_is(word, "gone");
	voter->ask = NULL;
	vote->waiting--;
	end_when_all_have_answered(vote);
}

static void ask(struct control *control, struct peer_vote *vote, const struct object *peer,
		const char *target)
{
	struct voter *voter = &vote->voters[vote->tally.asked++];
	struct node_ask_plan plan = { .node = object_name(peer),
				      .method = "GET",
				      .target = target,
				      .timeout_ms = ANSWER_MS,
				      .on_done = on_answer,
				      .of = voter };

	voter->vote = vote;
	vote->waiting++;
	voter->ask = node_ask_start(control, &plan);
}

struct peer_vote *peer_vote_start(struct control *control, const struct object *node,
				  void (*on_done)(void *of, const struct peer_tally *tally),
				  void *of)
{
	struct peer_vote *vote = memory_new(struct peer_vote);
	struct str site = object_label(node, STR(LABEL_SITE));
	char address[INET_ADDRSTRLEN] = "", target[sizeof("/neighbour/") + INET_ADDRSTRLEN];
	const struct object *peer;

	vote->loop = control->loop;
	vote->end.on_task = on_end;
	vote->on_done = on_done;
	vote->of = of;
	if (!find_address(node, address))
		site = STR_NONE;
	snprintf(target, sizeof(target), "/neighbour/%s", address);
	for (size_t i = 0; (peer = cache_next(control->caches[CONTROL_NODES], &i));) {
		if (site.len == 0 || !str_equal(object_label(peer, STR(LABEL_SITE)), site) ||
		    str_equal(object_name(peer), object_name(node)))
			continue;
		vote->tally.others++;
		if (vote->tally.asked < PEER_VOTERS_MAX && control_pod_is_ready(peer))
			ask(control, vote, peer, target);
	}
	end_when_all_have_answered(vote);
	return vote;
}

void peer_vote_cancel(struct peer_vote *vote)
{
	if (!vote)
		return;
	for (unsigned i = 0; i < vote->tally.asked; i++)
		node_ask_cancel(vote->voters[i].ask);
	loop_task_cancel(&vote->end);
	free(vote);
}
