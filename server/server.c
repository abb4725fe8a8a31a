/*
 * server.c - puts the control plane together, in the order in which its parts need each other.
 */
#include "server/server.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/time_floor.h"
#include "api/discovery.h"
#include "server/aggregate/remote_book.h"
#include "server/bootstrap.h"
#include "server/bootstrap_roles.h"
#include "server/control/control.h"
#include "server/front/front.h"
#include "server/gate/rbac.h"
#include "server/gate/rbac_gather.h"
#include "server/gate/share.h"
#include "server/gate/token.h"
#include "server/metrics/request_counts.h"
#include "server/metrics/schedule_counts.h"
#include "server/metrics/usage_book.h"
#include "server/nodes.h"
#include "server/registry/registry.h"

#define GUARD_MS 10000 /* between two looks at the objects every cluster has */

struct server {
	struct loop *loop;
	struct server_plan plan;
	struct secrets secrets;
	struct registry *registry;
	struct rbac *rbac;
	struct tokens *tokens;
	struct shares *shares;
	struct nodes *nodes;
	struct front *front;
	struct bootstrap_objects *objects;
	struct bootstrap_roles *roles;
	struct rbac_gather *gather;
	struct loop_timer guard; /* of these objects, and of our certificates */
	struct time_floor *floor;
	struct control *control;
	struct request_counts *counts;
	struct schedule_counts *schedule_counts;
	struct loop_hook round;   /* at its end */
	struct usage_book *usage; /* NULL: --disable metrics-server */
	struct remote_book *remotes;
	bool stopping;
};

static bool parse_ports(const char *range, int *out_min, int *out_max, struct error *err)
{
	struct str rest = str_of(range), first = str_cut(&rest, '-');
	int64_t min, max;

	if (!str_to_i64(first, 1, 65535, &min) || !str_to_i64(rest, min, 65535, &max))
		return error_set(err, ERROR_INVALID,
				 "service-node-port-range \"%s\" is no range such as 30000-32767",
				 range);
	*out_min = (int)min;
	*out_max = (int)max;
	return true;
}

static bool open_registry(struct server *server, struct error *err)
{
	auto_free char *folder = memory_print("%s/server/db", server->plan.data_dir);
	auto_free char *key_file =
		memory_print("%s/server/cred/encryption-key", server->plan.data_dir);
	struct registry_plan plan = { .loop = server->loop,
				      .server = server,
				      .folder = folder,
				      .key_file = key_file,
				      .service_cidr = str_of(server->plan.service_cidr) };

	return parse_ports(server->plan.node_port_range, &plan.node_port_min, &plan.node_port_max,
			   err) &&
	       file_make_dirs(folder, 0700, err) && registry_open(&plan, &server->registry, err);
}

/* The way to the API is no user's to delete for long, nor what others trust it by: these objects
 * are made again. */
static bool misses_objects(const struct server *server)
{
	static const struct {
		const char *api_version, *kind, *namespace, *name;
	} rows[] = { { "v1", "ConfigMap", "kube-system", BOOTSTRAP_TRUST },
		     { "v1", "Service", "default", "kubernetes" },
		     { "discovery.k8s.io/v1", "EndpointSlice", "default", "kubernetes" },
		     { "v1", "Endpoints", "default", "kubernetes" } };
	bool reachable = bootstrap_has_endpoint(&server->secrets);

	for (size_t i = 0; i < (reachable ? ARRAY_LENGTH(rows) : 2); i++)
		if (!registry_find(
			    server->registry,
			    kind_find_name(str_of(rows[i].api_version), str_of(rows[i].kind)),
			    str_of(rows[i].namespace), str_of(rows[i].name)))
			return true;
	return false;
}

static void on_objects_again(struct server *server, const struct error *err)
{
	(void)server;
	if (err)
		log_error("server", "the service kubernetes could not be made again", "why=\"%s\"",
			  err->text);
}

/* A year has passed, or the clock has jumped over one. */
static void renew_certificates(struct server *server)
{
	struct error err;

	if (bootstrap_is_fresh(&server->secrets))
		return;
	if (bootstrap_renew(&server->plan, &server->secrets, &err) &&
	    front_renew(server->front, &server->secrets, &err) &&
	    bootstrap_kubeconfig(&server->plan, &server->secrets, &err))
		log_info("server", "certificates renewed", "kubeconfig=%s",
			 server->plan.write_kubeconfig);
	else
		log_error("server", "certificates cannot be renewed; trying again", "why=\"%s\"",
			  err.text);
}

static void on_guard(struct loop_timer *timer)
{
	struct server *server = CONTAINER_OF(timer, struct server, guard);

	loop_timer_set(server->loop, &server->guard, GUARD_MS);
	registry_look(server->registry);
	renew_certificates(server);
	if (!misses_objects(server))
		return;
	bootstrap_objects_stop(server->objects);
	server->objects = bootstrap_objects_start(server, &server->secrets, on_objects_again);
}

static void on_roles(struct server *server, const struct error *err)
{
	if (server->stopping)
		return;
	if (err)
		log_error("server", "the default roles could not be made", "why=\"%s\"", err->text);
	server->gather = rbac_gather_start(server->loop, server->registry);
	server->control = control_start(server);
	server->guard.on_timer = on_guard;
	loop_timer_set(server->loop, &server->guard, GUARD_MS);
}

static bool open_rbac(struct server *server)
{
	server->rbac = rbac_open(registry_store(server->registry));
	return true;
}

static void on_objects(struct server *server, const struct error *err)
{
	if (err)
		log_error("server", "the first objects could not be made", "why=\"%s\"", err->text);
	server->roles = bootstrap_roles_start(server, on_roles);
}

/* "--disable metrics-server", among others joined by commas. */
static bool has_metrics(const struct server_plan *plan)
{
	for (size_t i = 0; i < plan->disable.count; i++)
		for (struct str rest = str_of(plan->disable.items[i]); rest.len > 0;)
			if (str_is(str_trim(str_cut(&rest, ',')), "metrics-server"))
				return false;
	return true;
}

static void open_usage(struct server *server)
{
	if (has_metrics(&server->plan))
		server->usage = usage_book_new(server);
	else
		discovery_leave_out("metrics.k8s.io");
}

/* Before anything is dated. */
static bool open_floor(struct server *server)
{
	auto_free char *path = memory_print("%s/server/time-floor", server->plan.data_dir);

	server->floor = time_floor_open(server->loop, path);
	return true;
}

static bool open_all(struct server *server, struct error *err)
{
	auto_free char *issuer =
		memory_print("https://kubernetes.default.svc.%s", server->plan.cluster_domain);

	/* The store first: it holds the lock that tells a second server to leave everything alone.
	 */
	return open_registry(server, err) && open_rbac(server) && open_floor(server) &&
	       bootstrap_secrets(&server->plan, &server->secrets, err) &&
	       tokens_open(buf_str(&server->secrets.account_key), issuer, &server->tokens, err) &&
	       front_open(server, &server->secrets, &server->front, err) &&
	       bootstrap_kubeconfig(&server->plan, &server->secrets, err);
}

/* Who looks into an object next parses it again: the forms are several times its bytes. */
static void on_round(struct loop_hook *hook)
{
	(void)hook;
	object_trim_round();
}

bool server_start(struct loop *loop, const struct server_plan *plan, struct server **out,
		  struct error *err)
{
	struct server *server = memory_new(struct server);

	server->loop = loop;
	server->plan = *plan;
	server->shares = shares_new();
	server->nodes = nodes_new(server);
	open_usage(server);
	server->remotes = remote_book_new();
	server->counts = request_counts_new();
	server->schedule_counts = schedule_counts_new();
	object_trim_round(); /* remembers the forms that opening makes, of every Service */
	if (!open_all(server, err)) {
		server_stop(server);
		return error_context(err, "start server");
	}
	server->round.on_hook = on_round;
	loop_hook_add(loop, &server->round); /* behind the store's, which looks into objects */
	server->objects = bootstrap_objects_start(server, &server->secrets, on_objects);
	log_info("server", "serving", "address=%s port=%" PRId64 " kubeconfig=%s",
		 server->secrets.address, plan->https_listen_port, plan->write_kubeconfig);
	*out = server;
	return true;
}

void server_stop(struct server *server)
{
	if (!server)
		return;
	server->stopping = true;
	control_stop(server->control);
	loop_timer_stop(&server->guard);
	bootstrap_objects_stop(server->objects);
	if (server->registry)
		registry_stop_watches(server->registry);
	usage_book_free(take_ptr(&server->usage));
	nodes_free(server->nodes);
	front_close(server->front);
	server->front = NULL; /* what is being answered still runs until the store has closed */
	rbac_gather_stop(server->gather);
	rbac_stop(server->rbac);
	registry_close(server->registry);
	rbac_gather_free(server->gather);
	bootstrap_roles_stop(server->roles);
	rbac_close(server->rbac);
	tokens_close(server->tokens);
	shares_free(server->shares);
	request_counts_free(server->counts);
	remote_book_free(server->remotes);
	schedule_counts_free(server->schedule_counts);
	bootstrap_clear(&server->secrets);
	time_floor_close(server->floor);
	if (server->round.on_hook)
		loop_hook_remove(&server->round);
	object_round_end();
	free(server);
}

struct loop *server_loop(struct server *server)
{
	return server->loop;
}

struct registry *server_registry(struct server *server)
{
	return server->registry;
}

const struct server_plan *server_plan_of(struct server *server)
{
	return &server->plan;
}

struct http_client *server_local_client(struct server *server, const char *user)
{
	return front_local_client(server, user);
}

struct rbac *server_rbac(struct server *server)
{
	return server->rbac;
}

struct request_counts *server_request_counts(struct server *server)
{
	return server->counts;
}

struct schedule_counts *server_schedule_counts(struct server *server)
{
	return server->schedule_counts;
}

struct usage_book *server_usage_book(struct server *server)
{
	return server->usage;
}

struct remote_book *server_remote_book(struct server *server)
{
	return server->remotes;
}

struct nodes *server_nodes(struct server *server)
{
	return server->nodes;
}

const struct secrets *server_secrets(const struct server *server)
{
	return &server->secrets;
}

struct tokens *server_tokens(struct server *server)
{
	return server->tokens;
}

struct shares *server_shares(struct server *server)
{
	return server->shares;
}

struct front *server_front(struct server *server)
{
	return server->front;
}

struct tunnel *server_node_tunnel(struct server *server, struct str node)
{
	return nodes_tunnel(server->nodes, node);
}
