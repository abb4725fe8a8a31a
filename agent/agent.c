/*
 * agent.c - wires the parts together, in the order in which they can work.
 *
 *   disk: lock, images, pods of an earlier life (adopted at once)
 *   facts: joined before, or join now -> tunnel -> node object, caches
 *   range of pod addresses, of an earlier life or from the node's object -> network -> pods, rules
 */
#include "agent/agent.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>

#include "agent/api_relay.h"
#include "agent/apparmor.h"
#include "agent/evictor.h"
#include "agent/flush.h"
#include "agent/image_checker.h"
#include "agent/cut_off.h"
#include "agent/image_folder.h"
#include "agent/devices.h"
#include "agent/image_getter.h"
#include "agent/join.h"
#include "agent/local_api.h"
#include "agent/mirrors.h"
#include "agent/node_figures.h"
#include "agent/node_limits.h"
#include "agent/node_object.h"
#include "agent/node_service.h"
#include "agent/pod_admission.h"
#include "agent/recorder.h"
#include "agent/service_sync.h"
#include "agent/sources.h"
#include "agent/static_pods.h"
#include "agent/unmounter.h"
#include "api/names.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/random.h"
#include "base/time_floor.h"
#include "base/yaml.h"
#include "net/http_client.h"
#include "net/local_address.h"
#include "net/socket.h"
#include "tunnel/redial.h"

#define RETRY_FIRST_MS 500
#define RETRY_MAX_MS   15000
#define RENEW_MS       (12 * 3600 * 1000) /* between two looks at the certificate's age */
#define RENEW_FIRST_MS 15000              /* after a renewal that failed, doubling */
#define RENEW_LAST_MS  300000

struct agent {
	struct loop *loop;
	const struct agent_plan *plan;
	void (*on_failed)(void *of, const struct error *why);
	void *of;
	char *folder, *logs_folder, *name, *token, *host, *authority;
	unsigned port;
	int lock_fd;
	struct time_floor *floor;
	struct node node;
	struct machine machine;
	struct node_resources devices;
	struct node_limits limits;
	struct stats *stats;
	struct image_gc *image_gc;
	struct node_figures *figures;
	struct cluster_facts facts;
	struct join *join;
	struct loop_timer retry; /* of joining, of the network */
	struct loop_timer renew; /* of the certificate */
	struct loop_task next;   /* what a callback may not do itself */
	int64_t retry_ms;
	int64_t renew_wait_ms; /* 0 = the last renewal did not fail */
	struct cut_off *cut_off;
	bool joined, is_up; /* is_up: there is a session with a server */
	struct json_doc *registries;
	struct image_checker *checker;
	struct redial *redial;
	struct pods *pods;
	struct static_pods *statics;
	struct mirrors *mirrors;
	struct node_object *object;
	struct node_service *service;
	struct local_api *local;
	struct image_folder *images_folder;
	struct service_sync *services;
	struct api_relay *relay;
	struct cache *nodes;
	char *pod_cidr;
	struct loop_task peers;
};

/* --- the disk --- */

static bool lock_folder(struct agent *agent, struct error *err)
{
	auto_free char *path = memory_print("%s/lock", agent->folder);

	agent->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (agent->lock_fd < 0)
		return error_os(err, "cannot open %s", path);
	if (flock(agent->lock_fd, LOCK_EX | LOCK_NB) == 0)
		return true;
	return error_set(err, ERROR_EXISTS, "another agent runs on %s", agent->folder);
}

static bool read_token(struct agent *agent, struct error *err)
{
	const struct agent_plan *plan = agent->plan;
	auto_buf text = BUF_INIT;

	if (!plan->token_file || !*plan->token_file) {
		/* None at all is fine for a node that has joined before. */
		agent->token = memory_string(plan->token ? plan->token : "");
		return true;
	}
	if (!file_read(plan->token_file, LIMIT_CONFIG_FILE, &text, err))
		return error_context(err, "token file");
	agent->token = buf_take(&text);
	return true;
}

static bool read_registries(struct agent *agent, struct error *err)
{
	const char *path = agent->plan->registries;
	auto_buf text = BUF_INIT;

	if (!path || !*path || !file_exists(path))
		return true;
	if (!file_read(path, LIMIT_CONFIG_FILE, &text, err) ||
	    !yaml_parse(buf_str(&text), &agent->registries, NULL, err))
		return error_context(err, "%s", path);
	return true;
}

static bool read_server(struct agent *agent, struct error *err)
{
	struct str url = str_of(agent->plan->server ? agent->plan->server : ""), host;
	struct str scheme = STR("https://");

	if (!str_starts(url, scheme))
		return error_set(err, ERROR_INVALID,
				 "--server must be the server's address as https://HOST:6443, not "
				 "\"" STR_FMT "\"",
				 STR_ARG(url));
	url = str_from(url.at + scheme.len, url.len - scheme.len);
	while (url.len > 0 && url.at[url.len - 1] == '/')
		url.len--;
	if (!socket_split(url, 6443, &host, &agent->port) || host.len == 0 || agent->port == 0 ||
	    agent->port > 65535)
		return error_set(err, ERROR_INVALID, "--server \"%s\" names no host and port",
				 agent->plan->server);
	agent->host = str_copy(host);
	agent->authority = memory_print(str_find(host, ':') >= 0 ? "https://[" STR_FMT "]:%u"
								 : "https://" STR_FMT ":%u",
					STR_ARG(host), agent->port);
	return true;
}

static bool read_name(struct agent *agent, struct error *err)
{
	const char *wish = agent->plan->node_name;
	const char *why;

	agent->name = memory_string(wish && *wish ? wish : agent->machine.hostname);
	why = name_check(NAME_SUBDOMAIN, str_of(agent->name));
	return !why || error_set(err, ERROR_INVALID,
				 "node name \"%s\": %s; choose another with "
				 "--node-name",
				 agent->name, why);
}

/* --- the network --- */

static char *network_path(const struct agent *agent)
{
	return memory_print("%s/pod-cidr", agent->folder);
}

/* The node's address of the last life: at a boot the interface may come later than we do. */
static char *ip_path(const struct agent *agent)
{
	return memory_print("%s/node-ip", agent->folder);
}

static char *find_ip(const struct agent *agent)
{
	char *address = local_address(str_of(agent->host));
	auto_free char *path = ip_path(agent);
	auto_buf text = BUF_INIT;
	struct error ignored;

	if (strncmp(address, "127.", 4) != 0 || !file_read(path, 64, &text, &ignored))
		return address;
	free(address);
	return buf_take(&text);
}

static void keep_ip(const struct agent *agent)
{
	auto_free char *path = ip_path(agent);
	auto_buf text = BUF_INIT;
	struct error ignored;

	if (file_read(path, 64, &text, &ignored) && str_is(buf_str(&text), agent->node.ip))
		return;
	(void)!file_put(path, str_of(agent->node.ip), 0600, &ignored);
	flush_soon(agent->node.flush);
}

static void load_range(struct agent *agent)
{
	auto_free char *path = network_path(agent);
	auto_buf text = BUF_INIT;
	struct error ignored;

	if (file_read(path, 64, &text, &ignored))
		agent->pod_cidr = buf_take(&text);
}

static bool open_network(struct agent *agent, struct error *err)
{
	auto_free char *folder = memory_print("%s/network", agent->folder);
	struct pod_network_plan plan = { .folder = folder,
					 .pod_cidr = agent->pod_cidr,
					 .cluster_cidr = agent->facts.cluster_cidr,
					 .node_address = agent->node.ip,
					 .service_cidr = *agent->facts.service_cidr
								 ? agent->facts.service_cidr
								 : NULL };

	return pod_network_open(&plan, &agent->node.network, err) &&
	       api_relay_open(agent->loop, pod_network_gateway(agent->node.network), agent->redial,
			      &agent->relay, err);
}

static void keep_addresses(struct agent *agent)
{
	auto_arena arena = arena_new();
	const char **ids;
	struct pod *pod;
	struct error err;
	size_t count = 0;

	for (size_t i = 0; pods_next(agent->pods, &i);)
		count++;
	ids = arena_zero(arena, (count + 1) * sizeof(*ids));
	count = 0;
	for (size_t i = 0; (pod = pods_next(agent->pods, &i));)
		ids[count++] = str_copy_arena(pod_uid(pod), arena);
	if (!pod_network_keep_only(agent->node.network, ids, &err))
		log_warn("agent", "addresses of old pods cannot be freed", "why=\"%s\"", err.text);
}

static void retry_later(struct agent *agent)
{
	agent->retry_ms = agent->retry_ms ? agent->retry_ms * 2 : RETRY_FIRST_MS;
	if (agent->retry_ms > RETRY_MAX_MS)
		agent->retry_ms = RETRY_MAX_MS;
	loop_timer_set(agent->loop, &agent->retry, agent->retry_ms);
}

/* Needs facts and a range; safe to call again. */
static void bring_network_up(struct agent *agent)
{
	struct service_endpoint relay;
	struct error err;

	if (!agent->pod_cidr || !agent->joined || agent->relay)
		return;
	if (!open_network(agent, &err)) {
		log_error("agent", "the pod network cannot be set up; trying again", "why=\"%s\"",
			  err.text);
		pod_network_close(agent->node.network);
		agent->node.network = NULL;
		node_object_ready(agent->object, err.text);
		retry_later(agent);
		return;
	}
	agent->retry_ms = 0;
	relay = api_relay_endpoint(agent->relay);
	keep_addresses(agent);
	keep_ip(agent);
	service_sync_network(agent->services, agent->pod_cidr, &relay);
	node_object_ready(agent->object, NULL);
	loop_defer(agent->loop, &agent->peers);
	pods_poke(agent->pods);
	log_info("agent", "pod network up", "range=%s address=%s", agent->pod_cidr, agent->node.ip);
}

/* The node's object as the API has it: it says our range of pod addresses. */
static void on_object(void *owner, const struct json *object)
{
	struct agent *agent = owner;
	struct str range = json_str(json_path(object, "spec", "podCIDR", NULL));
	auto_free char *path = network_path(agent);
	struct error err;

	if (range.len == 0 || (agent->pod_cidr && str_is(range, agent->pod_cidr)))
		return;
	if (!file_replace(path, range, 0600, &err))
		log_warn("agent", "the range of pod addresses cannot be kept", "why=\"%s\"",
			 err.text);
	if (agent->node.network) {
		/* Pods have addresses of the old one: only a restart can change it. */
		log_error("agent", "the node's range of pod addresses changed; restart the agent",
			  "old=%s new=" STR_FMT, agent->pod_cidr, STR_ARG(range));
		return;
	}
	free(agent->pod_cidr);
	agent->pod_cidr = str_copy(range);
	bring_network_up(agent);
}

/* --- peers --- */

static const char *node_address(const struct json *node, struct arena *arena)
{
	for (struct json_iter it = json_iter(json_path(node, "status", "addresses", NULL));
	     json_next(&it);)
		if (str_is(json_str(json_get(it.value, "type")), "InternalIP"))
			return str_copy_arena(json_str(json_get(it.value, "address")), arena);
	return NULL;
}

static void on_peers(struct loop_task *task)
{
	struct agent *agent = CONTAINER_OF(task, struct agent, peers);
	auto_arena arena = arena_new();
	struct pod_network_peer *peers;
	const struct object *node;
	struct error err;
	size_t count = 0;

	if (!agent->node.network || !agent->nodes || !cache_is_synced(agent->nodes))
		return;
	peers = arena_get(arena, (cache_count(agent->nodes) + 1) * sizeof(*peers));
	for (size_t i = 0; (node = cache_next(agent->nodes, &i));) {
		const struct json *json = object_json(node);
		struct str range = json_str(json_path(json, "spec", "podCIDR", NULL));
		const char *address = node_address(json, arena);

		if (!str_is(object_name(node), agent->name) && range.len > 0 && address)
			peers[count++] =
				(struct pod_network_peer){ str_copy_arena(range, arena), address };
		object_trim(node);
	}
	if (!pod_network_peers(agent->node.network, peers, count, &err))
		log_error("agent", "the way to other nodes' pods cannot be set", "why=\"%s\"",
			  err.text);
}

static void on_node_change(void *owner, const struct object *before, const struct object *after)
{
	struct agent *agent = owner;

	if (after && str_is(object_name(after), agent->name)) {
		on_object(agent, object_json(after));
		node_object_seen(agent->object, object_json(after));
	}
	if (!before)
		mirrors_again(agent->mirrors); /* they belong to the node's object */
	loop_defer(agent->loop, &agent->peers);
}

static void on_nodes_synced(void *owner)
{
	struct agent *agent = owner;

	loop_defer(agent->loop, &agent->peers);
}

/* --- the tunnel --- */

static bool plan_link(void *owner, struct link_plan *out, struct error *err)
{
	struct agent *agent = owner;

	(void)err;
	*out = (struct link_plan){ .host = agent->host,
				   .port = agent->port,
				   .path = "/v1-mote/connect",
				   .server_name = agent->host,
				   .ca_pem = str_of(agent->facts.ca),
				   .chain_pem = str_of(agent->facts.cert),
				   .key_pem = str_of(agent->facts.key) };
	return true;
}

static void on_open(void *owner, struct tunnel_open *open, struct str service)
{
	struct agent *agent = owner;
	struct error why;

	if (str_is(service, "node") || str_is(service, "node-proxy")) {
		bool proxied = str_is(service, "node-proxy");

		node_service_take(agent->service, tunnel_accept(open), proxied);
		return;
	}
	error_set(&why, ERROR_NOT_FOUND, "nodes offer no service \"" STR_FMT "\"",
		  STR_ARG(service));
	tunnel_refuse(open, &why);
}

/* Once, at the first session: the caches then live on by themselves. */
static void start_caches(struct agent *agent)
{
	static const struct cache_events events = { .on_change = on_node_change,
						    .on_synced = on_nodes_synced };

	if (agent->nodes)
		return;
	agent->nodes = cache_start(agent->node.client, kind_find_name(STR("v1"), STR("Node")), NULL,
				   &events, agent);
	agent->node.nodes = agent->nodes;
	pods_follow(agent->pods);
}

static void on_up(void *owner, struct tunnel *tunnel)
{
	struct agent *agent = owner;

	(void)tunnel;
	log_info("agent", "connected to the server", "server=%s", agent->authority);
	agent->is_up = true;
	cut_off_back(agent->cut_off);
	node_object_poke(agent->object);
	start_caches(agent);
	cache_poke(agent->nodes);
	service_sync_poke(agent->services);
	pods_poke(agent->pods);
	image_folder_tell(agent->images_folder);
}

static void on_down(void *owner, const struct error *why, int64_t again_ms)
{
	struct agent *agent = owner;

	agent->is_up = false;
	cut_off_lost(agent->cut_off);
	log_warn("agent", "no connection to the server; pods run on",
		 "server=%s why=\"%s\" again_ms=%lld", agent->authority, why ? why->text : "closed",
		 (long long)again_ms);
	/* Perhaps our certificate is over: the clock may have jumped. */
	if (agent->renew_wait_ms == 0 && !agent->join)
		loop_timer_set(agent->loop, &agent->renew, again_ms / 2);
}

static const struct redial_events redial_events = {
	.plan = plan_link, .on_open = on_open, .on_up = on_up, .on_down = on_down
};

/* A stream for the agent's own API calls. */
static void dial(void *of,
		 void (*on_done)(void *call, struct stream *stream, const struct error *err),
		 void *call)
{
	struct agent *agent = of;
	struct tunnel *tunnel = agent->redial ? redial_tunnel(agent->redial) : NULL;
	struct error why;

	if (tunnel) {
		tunnel_open(tunnel, STR("api"), TUNNEL_CONTROL, 10000, on_done, call);
		return;
	}
	error_set(&why, ERROR_UNAVAILABLE, "there is no connection to the server");
	on_done(call, NULL, &why);
}

/* --- joining --- */

static void connect_now(struct agent *agent)
{
	agent->joined = true;
	agent->node.cluster_domain = agent->facts.cluster_domain;
	agent->node.api_address = agent->facts.service_address;
	if (!agent->redial)
		agent->redial = redial_start(agent->loop, &redial_events, agent);
	if (!agent->services) {
		struct service_sync_plan plan = { .node = &agent->node,
						  .pods = agent->pods,
						  .cluster_cidr = agent->facts.cluster_cidr,
						  .service_address = agent->facts.service_address };

		agent->services = service_sync_start(&plan);
	}
	bring_network_up(agent);
}

static void begin_join(struct agent *agent);

/* A renewed one: the next dial uses it.  Other facts stay: they are in use. */
static void take_certificate(struct agent *agent, struct cluster_facts *from)
{
	free(agent->facts.cert);
	free(agent->facts.key);
	agent->facts.cert = take_ptr(&from->cert);
	agent->facts.key = take_ptr(&from->key);
}

static void on_next(struct loop_task *task)
{
	struct agent *agent = CONTAINER_OF(task, struct agent, next);
	struct join_plan plan = { .folder = agent->folder,
				  .token = str_of(agent->token),
				  .node_name = agent->name };
	struct cluster_facts facts;
	bool usable;

	join_free(agent->join);
	agent->join = NULL;
	(void)!join_load(&plan, &facts, &usable);
	if (usable && !agent->joined) {
		cluster_facts_clear(&agent->facts);
		agent->facts = facts;
		connect_now(agent);
		return;
	}
	if (usable)
		take_certificate(agent, &facts);
	cluster_facts_clear(&facts);
}

static bool is_final(const struct error *err)
{
	return err->kind == ERROR_UNAUTHORIZED || err->kind == ERROR_FORBIDDEN ||
	       err->kind == ERROR_INVALID;
}

/* Spread, so that a fleet whose server was away does not ask in the same second. */
static void renew_later(struct agent *agent, const struct error *why)
{
	int64_t wait = agent->renew_wait_ms ? agent->renew_wait_ms * 2 : RENEW_FIRST_MS;

	agent->renew_wait_ms = wait > RENEW_LAST_MS ? RENEW_LAST_MS : wait;
	wait = agent->renew_wait_ms * 3 / 4 +
	       (int64_t)random_below((uint64_t)agent->renew_wait_ms / 2);
	log_warn("agent", "the node's certificate cannot be renewed yet; trying again",
		 "server=%s again_ms=%lld why=\"%s\"", agent->authority, (long long)wait,
		 why->text);
	loop_timer_set(agent->loop, &agent->renew, wait);
}

static void on_join(void *of, const struct error *err)
{
	struct agent *agent = of;

	loop_defer(agent->loop, &agent->next);
	if (!err) {
		agent->renew_wait_ms = 0;
		log_info("agent", "joined the cluster", "server=%s node=%s", agent->authority,
			 agent->name);
		return;
	}
	if (is_final(err) && !agent->joined) {
		agent->on_failed(agent->of, err);
		return;
	}
	if (agent->joined) {
		renew_later(agent, err);
		return;
	}
	log_warn("agent", "cannot join yet; trying again", "server=%s why=\"%s\"", agent->authority,
		 err->text);
	retry_later(agent);
}

static void begin_join(struct agent *agent)
{
	struct join_plan plan = { .folder = agent->folder,
				  .server = agent->authority,
				  .token = str_of(agent->token),
				  .node_name = agent->name };
	struct error err;

	if (agent->join)
		return;
	if (!join_start(agent->loop, &plan, on_join, agent, &agent->join, &err))
		agent->on_failed(agent->of, &err);
}

static void on_retry(struct loop_timer *timer)
{
	struct agent *agent = CONTAINER_OF(timer, struct agent, retry);

	if (!agent->joined)
		begin_join(agent);
	else
		bring_network_up(agent);
}

static void on_renew(struct loop_timer *timer)
{
	struct agent *agent = CONTAINER_OF(timer, struct agent, renew);
	struct join_plan plan = { .folder = agent->folder,
				  .token = str_of(agent->token),
				  .node_name = agent->name };
	struct cluster_facts facts;
	bool usable, fresh = join_load(&plan, &facts, &usable);

	cluster_facts_clear(&facts);
	loop_timer_set(agent->loop, &agent->renew, RENEW_MS);
	if (fresh || !agent->joined)
		return;
	if (*agent->token)
		begin_join(agent);
	else
		log_error("agent", "the node's certificate has to be renewed, which needs a token",
			  "server=%s", agent->authority);
}

static bool load_or_join(struct agent *agent, struct error *err)
{
	struct join_plan plan = { .folder = agent->folder,
				  .server = agent->authority,
				  .token = str_of(agent->token),
				  .node_name = agent->name };
	bool usable, fresh = join_load(&plan, &agent->facts, &usable);

	if (usable)
		connect_now(agent);
	if (fresh || (usable && !*agent->token))
		return true;
	return join_start(agent->loop, &plan, on_join, agent, &agent->join, err);
}

/* --- life --- */

static void on_images(void *of)
{
	pods_poke(((struct agent *)of)->pods);
	node_object_changed(((struct agent *)of)->object);
}

/* There is no pod that it could be about. */
static bool node_event(struct agent *agent, const char *reason, const char *what, const char *why)
{
	auto_json_doc doc = json_doc_new();
	struct json *node = json_new_object(doc);
	struct json *metadata = json_sub_object(doc, node, "metadata");
	struct recorder_about about = {
		.object = node, .kind = "Node", .api_version = "v1", .field_path = ""
	};

	json_put(doc, metadata, "name", json_new_text(doc, agent->name));
	json_put(doc, metadata, "uid", json_new_text(doc, agent->name));
	if (agent->is_up)
		recorder_emit(agent->node.recorder, &about, "Warning", reason, "%s: %s", what, why);
	return agent->is_up;
}

static bool on_image_problem(void *of, const char *file, const char *why)
{
	return node_event(of, "ImageImportFailed", file, why);
}

static void on_damaged_image(void *of, const char *name, const char *why)
{
	struct agent *agent = of;

	log_warn("agent.images", "damaged; it is fetched again when it is needed",
		 "image=%s why=\"%s\"", name, why);
	(void)node_event(agent, "ImageDamaged", name, why);
	image_folder_look(agent->images_folder); /* an archive may have it */
}

/* What the node has to give has changed. */
static void on_devices(void *of)
{
	node_object_changed(((struct agent *)of)->object);
}

static bool on_static_problem(void *of, const char *file, const char *why)
{
	return node_event(of, "InvalidStaticPod", file, why);
}

static void on_pods(void *of)
{
	struct agent *agent = of;

	evictor_pods_changed(agent->node.evictor);
	if (agent->services)
		service_sync_again(agent->services);
	static_pods_again(agent->statics);
	mirrors_again(agent->mirrors);
}

static bool open_statics(struct agent *agent, struct error *err)
{
	auto_free char *usual = memory_print("%s/pod-manifests", agent->folder);
	const char *given = agent->plan->pod_manifest_path;
	struct static_pods_plan plan = { .node = &agent->node,
					 .pods = agent->pods,
					 .folder = given && *given ? given : usual,
					 .on_problem = on_static_problem,
					 .of = agent };

	agent->mirrors = mirrors_new(&agent->node, agent->pods);
	return static_pods_open(&plan, &agent->statics, err);
}

static void on_node_news(void *of)
{
	node_object_changed(((struct agent *)of)->object);
}

static bool is_pinned(void *of, const char *name)
{
	const struct agent *agent = of;

	return agent->images_folder && image_folder_has(agent->images_folder, name);
}

/* Made when missing; absolute: pods are found again by these paths, and monitors live elsewhere. */
static bool find_folder(const char *given, mode_t mode, char **out, struct error *err)
{
	if (!file_make_dirs(given, mode, err))
		return false;
	*out = realpath(given, NULL);
	return *out || error_os(err, "cannot find %s", given);
}

static bool find_folders(struct agent *agent, struct error *err)
{
	auto_free char *own = memory_print("%s/agent", agent->plan->data_dir);

	return find_folder(own, 0700, &agent->folder, err) &&
	       find_folder(agent->plan->pod_logs_dir, 0755, &agent->logs_folder, err);
}

/* What is left for pods. */
static void offer(struct agent *agent)
{
	struct reservation capacity = { .cpu_milli = agent->machine.cpu_milli,
					.memory = agent->machine.memory,
					.ephemeral = agent->machine.ephemeral };
	struct reservation left = node_limits_allocatable(&agent->limits, &capacity);

	agent->node.cpu_milli = left.cpu_milli;
	agent->node.memory = left.memory;
	agent->node.ephemeral = left.ephemeral;
}

static void start_figures(struct agent *agent)
{
	struct metrics_plan plan = { .node = &agent->node,
				     .machine = &agent->machine,
				     .pods = agent->pods };

	plan.stats = agent->stats = stats_new(&agent->node, agent->pods);
	agent->figures = node_figures_new(&plan);
	node_service_figures(agent->service, agent->figures);
}

/* After the folder of images, which says what stays. */
static void start_defence(struct agent *agent)
{
	struct image_gc_plan gc = { .node = &agent->node,
				    .pods = agent->pods,
				    .is_pinned = is_pinned,
				    .on_change = on_node_news,
				    .of = agent };
	struct evictor_plan plan = { .node = &agent->node,
				     .machine = &agent->machine,
				     .pods = agent->pods,
				     .stats = agent->stats,
				     .on_change = on_node_news,
				     .of = agent };

	plan.images = agent->image_gc = image_gc_start(&gc);
	agent->node.evictor = evictor_start(&plan);
	node_object_pressure(agent->object, evictor_pressure(agent->node.evictor));
}

static bool prepare(struct agent *agent, struct error *err)
{
	const struct agent_plan *plan = agent->plan;
	auto_free char *address = NULL, *floor = NULL;

	machine_look("/", &agent->machine);
	if (!node_limits_read(&plan->node_limits, &agent->limits, err) ||
	    !read_server(agent, err) || !read_token(agent, err) || !read_name(agent, err) ||
	    !read_registries(agent, err) || !find_folders(agent, err) || !lock_folder(agent, err))
		return false;
	floor = memory_print("%s/time-floor", agent->folder);
	agent->floor = time_floor_open(agent->loop, floor);
	machine_look(plan->data_dir, &agent->machine);
	address = plan->node_ip && *plan->node_ip ? memory_string(plan->node_ip) : find_ip(agent);
	agent->node = (struct node){ .loop = agent->loop,
				     .name = agent->name,
				     .folder = agent->folder,
				     .logs_folder = agent->logs_folder,
				     .resolv_conf = plan->resolv_conf,
				     .cluster_domain = "cluster.local",
				     .limits = &agent->limits,
				     .unsafe_sysctls = &plan->unsafe_sysctls,
				     .max_pods = plan->max_pods };
	snprintf(agent->node.ip, sizeof(agent->node.ip), "%s", address);
	offer(agent);
	return true;
}

static bool start_parts(struct agent *agent, struct error *err)
{
	struct node *node = &agent->node;
	auto_free char *store = memory_print("%s/store", agent->folder);
	auto_free char *drop = memory_print("%s/images", agent->folder);
	auto_free char *pods = memory_print("%s/pods", agent->folder);
	struct image_folder_plan drops = { .loop = agent->loop,
					   .path = drop,
					   .on_change = on_images,
					   .on_problem = on_image_problem,
					   .of = agent };
	struct node_object_plan object = { .node = node,
					   .machine = &agent->machine,
					   .labels = &agent->plan->node_label,
					   .taints = &agent->plan->node_taint,
					   .external_ip = agent->plan->node_external_ip,
					   .on_object = on_object,
					   .owner = agent };

	if (!work_open(agent->loop, 1, &node->chores, err) ||
	    !work_open(agent->loop, 2, &node->movers, err) ||
	    !sources_keys_open(agent->folder, &node->keys, err) ||
	    !flush_open(agent->loop, node->chores, agent->folder, &node->flush, err) ||
	    !images_open(store, &node->images, err) ||
	    !image_getter_open(agent->loop, node->images,
			       agent->registries ? json_root(agent->registries) : NULL,
			       &node->getter, err))
		return false;
	node->client = client_new(agent->loop, http_client_new(agent->loop, dial, agent, "api"));
	node->bridges = exec_bridges_new();
	node->unmounter = unmounter_new(agent->loop);
	node->recorder = recorder_new(node->client, agent->name);
	drops.getter = node->getter;
	agent->object = node_object_start(&object);
	if (!pod_admission_check_sysctls(&agent->plan->unsafe_sysctls, err) ||
	    !devices_open(agent->loop, &agent->plan->device, pods, on_devices, agent,
			  &node->devices, err))
		return false;
	agent->devices = (struct node_resources){ .list = devices_list, .of = node->devices };
	node_object_add_resources(agent->object, &agent->devices);
	load_range(agent);
	apparmor_load_default();
	if (!pods_open(node, &agent->pods, err))
		return false;
	image_getter_sweep(node->getter);
	agent->cut_off = cut_off_new(agent->loop, agent->pods);
	pods_on_change(agent->pods, on_pods, agent);
	if (!open_statics(agent, err))
		return false;
	agent->service = node_service_new(agent->loop, agent->pods, node->bridges, node->movers);
	start_figures(agent);
	if (!local_api_open(node, agent->pods, agent->service, &agent->local, err) ||
	    !image_folder_open(&drops, &agent->images_folder, err))
		return false;
	agent->checker = image_checker_start(agent->loop, node->images, on_damaged_image, agent);
	return true;
}

bool agent_start(struct loop *loop, const struct agent_plan *plan,
		 void (*on_failed)(void *of, const struct error *why), void *of, struct agent **out,
		 struct error *err)
{
	struct agent *agent = memory_new(struct agent);

	agent->loop = loop;
	agent->plan = plan;
	agent->on_failed = on_failed;
	agent->of = of;
	agent->lock_fd = -1;
	agent->retry.on_timer = on_retry;
	agent->renew.on_timer = on_renew;
	agent->next.on_task = on_next;
	agent->peers.on_task = on_peers;
	if (!prepare(agent, err) || !start_parts(agent, err) || !load_or_join(agent, err)) {
		(void)!agent_stop(agent); /* nothing has begun that could be waited for */
		return false;
	}
	start_defence(agent);
	loop_timer_set(loop, &agent->renew, RENEW_MS);
	*out = agent;
	return true;
}

/* Last come first gone; whoever has calls under way goes before the client. */
bool agent_stop(struct agent *agent)
{
	struct node *node = &agent->node;
	bool busy = node->getter && image_getter_is_busy(node->getter);

	loop_timer_stop(&agent->retry);
	loop_timer_stop(&agent->renew);
	loop_task_cancel(&agent->next);
	loop_task_cancel(&agent->peers);
	join_free(agent->join);
	image_gc_stop(agent->image_gc);
	evictor_stop(take_ptr(&node->evictor));
	local_api_close(agent->local);
	node_service_free(agent->service);
	node_figures_free(agent->figures);
	image_checker_stop(agent->checker);
	image_folder_close(take_ptr(&agent->images_folder));
	service_sync_stop(agent->services);
	static_pods_close(take_ptr(&agent->statics));
	mirrors_free(take_ptr(&agent->mirrors));
	cache_stop(agent->nodes);
	cut_off_free(take_ptr(&agent->cut_off));
	pods_close(agent->pods);
	unmounter_free(node->unmounter);
	seal_keys_free(node->keys);
	work_close(node->movers);
	work_close(node->chores);
	stats_free(agent->stats);
	flush_close(node->flush);
	exec_bridges_free(node->bridges);
	node_object_stop(agent->object);
	devices_close(node->devices);
	recorder_free(node->recorder);
	client_free(node->client);
	api_relay_close(agent->relay);
	if (agent->redial)
		redial_stop(agent->redial);
	pod_network_close(node->network);
	if (busy)
		return false;
	image_getter_close(node->getter);
	images_close(node->images);
	json_doc_free(agent->registries);
	cluster_facts_clear(&agent->facts);
	time_floor_close(agent->floor);
	if (agent->lock_fd >= 0)
		close(agent->lock_fd);
	free(agent->folder);
	free(agent->logs_folder);
	free(agent->name);
	free(agent->token);
	free(agent->host);
	free(agent->authority);
	free(agent->pod_cidr);
	free(agent);
	return true;
}
