/*
 * nodes_join.c - how a machine becomes a node: token and certificate request in, certificate and
 * cluster facts out.
 *
 * A node's name belongs to the key that used it first: a hash of the node's own password is kept in
 * a Secret <node>.node-password.mote, so that another machine cannot take the name over.  Delete
 * the Secret to let a rebuilt machine in.
 *
 * Tokens cannot be tried out: an address that has given too many wrong ones is not listened to for
 * the rest of the minute.
 */
#include <assert.h>
#include <stdio.h>

#include "api/names.h"
#include "base/clock.h"
#include "base/log.h"
#include "net/hash.h"
#include "net/http_client.h"
#include "net/pki.h"
#include "net/socket.h"
#include "server/bootstrap.h"
#include "server/bootstrap_token.h"
#include "server/front/reply.h"
#include "server/nodes.h"
#include "server/registry/registry.h"

#define SYSTEM_NAMESPACE STR("kube-system")
#define TIMEOUT_MS       10000
#define WRONG_MAX        20 /* tokens of one address in WRONG_MS */
#define WRONG_MS         60000
#define TRIERS_MAX       256 /* addresses remembered; then the oldest is forgotten */
#define ADDRESS_MAX      64

struct joining {
	struct request *req; /* answered before `finish` */
	struct loop *loop;
	struct json_doc *body;
	struct http_client *client;
	struct loop_task free_client; /* a client is not freed inside its own callback */
	const char *node;
	/* A token for a time is over when the node's certificate must be renewed: who has joined
	 * before is known by its password. */
	bool renews_only;
};

/* --- wrong tokens --- */

/* An address that has given wrong tokens since then. */
struct trier {
	char address[ADDRESS_MAX]; /* "" = the place is free */
	int64_t since_ms;
	unsigned wrong;
};
static struct trier triers[TRIERS_MAX];

/* Without the port; a name or a text that is too long counts by its beginning. */
static void address_of(const struct request *req, char out[ADDRESS_MAX])
{
	struct str host = req->http->peer;
	unsigned port;

	if (!socket_split(req->http->peer, 0, &host, &port))
		host = req->http->peer;
	snprintf(out, ADDRESS_MAX, STR_FMT, STR_ARG(host));
}

static struct trier *trier_find(const char *address)
{
	for (size_t i = 0; i < TRIERS_MAX; i++) {
		struct trier *at = &triers[i];

		if (at->address[0] && strcmp(at->address, address) == 0)
			return at;
	}
	return NULL;
}

/* A free place, or that of the one who began first. */
static struct trier *trier_new(const char *address, int64_t now_ms)
{
	struct trier *oldest = &triers[0];

	for (size_t i = 0; i < TRIERS_MAX && oldest->address[0]; i++)
		if (!triers[i].address[0] || triers[i].since_ms < oldest->since_ms)
			oldest = &triers[i];
	*oldest = (struct trier){ .since_ms = now_ms };
	snprintf(oldest->address, sizeof(oldest->address), "%s", address);
	return oldest;
}

static void count_wrong(const struct request *req)
{
	int64_t now_ms = clock_now_ms();
	char address[ADDRESS_MAX];
	struct trier *trier;

	address_of(req, address);
	trier = trier_find(address);
	if (!trier || now_ms - trier->since_ms >= WRONG_MS) {
		if (trier)
			trier->address[0] = '\0';
		trier = trier_new(address, now_ms);
	}
	trier->wrong++;
	if (trier->wrong == WRONG_MAX)
		log_warn("server.nodes", "too many wrong tokens, refused for a while", "address=%s",
			 address);
}

/* Milliseconds until a token of this address is looked at again; 0 = now. */
static int64_t must_wait_ms(const struct request *req)
{
	char address[ADDRESS_MAX];
	struct trier *trier;
	int64_t left_ms;

	address_of(req, address);
	trier = trier_find(address);
	if (!trier || trier->wrong < WRONG_MAX)
		return 0;
	left_ms = WRONG_MS - (clock_now_ms() - trier->since_ms);
	return left_ms > 0 ? left_ms : 0;
}

/* Says how long, which reply_error cannot. */
static enum step slow_down(struct request *req, int64_t wait_ms)
{
	struct status_about about = { .retry_after_s = (int)((wait_ms + 999) / 1000) };
	auto_buf text = BUF_INIT;
	struct error err;
	char seconds[24];
	int status;

	error_set(&err, ERROR_TOO_MANY,
		  "too many wrong tokens came from this address; try again later");
	snprintf(seconds, sizeof(seconds), "%d", about.retry_after_s);
	http_reply_header(req->http, "Retry-After", seconds);
	status = status_print(&err, &about, &text);
	reply_text(req, status, "application/json", buf_str(&text));
	return STEP_DONE;
}

/* --- the token and the password --- */

static bool is_secret(struct str token, const char *secret)
{
	return token.len > 0 && token.len == strlen(secret) &&
	       hash_equal(token.at, secret, token.len);
}

/* The secret of "Bearer <token>": the whole token was given, or only that; empty = none. */
static struct str token_of(const struct request *req)
{
	struct str header = http_header(&req->http->head, "Authorization"),
		   scheme = str_cut(&header, ' ');
	struct str token = str_trim(header);
	ptrdiff_t at = str_search(token, STR("::"));

	if (!str_equal_case(scheme, STR("Bearer")))
		return STR("");
	if (at >= 0) {
		token = str_from(token.at + at + 2, token.len - (size_t)at - 2);
		if (str_find(token, ':') >= 0)
			str_cut(&token, ':');
	}
	return token;
}

/* That of agents, the server's own, or one that was made for a time. */
static bool is_token(const struct request *req, struct str token)
{
	const struct secrets *secrets = server_secrets(req->server);

	return is_secret(token, secrets->agent_token) || is_secret(token, secrets->server_token) ||
	       bootstrap_token_check(server_registry(req->server), token);
}

static bool refuse_token(struct error *err)
{
	return error_set(err, ERROR_UNAUTHORIZED,
			 "the token is not valid for this cluster; take the one in "
			 "server/node-token of the server's data "
			 "folder");
}

static void hash_password(struct str node, struct str password, char out[HASH_SHA256_HEX])
{
	unsigned char digest[HASH_SHA256];
	auto_buf hex = BUF_INIT;

	hash_hmac_sha256(node, password, digest);
	buf_add_hex(&hex, str_from(digest, sizeof(digest)));
	memcpy(out, hex.at, HASH_SHA256_HEX);
}

static char *secret_name(const char *node)
{
	return memory_print("%s.node-password.mote", node);
}

/* True with *out_known when the name is free or the password is the one that took it. */
static bool check_password(struct joining *joining, struct str password, bool *out_known,
			   struct error *err)
{
	struct request *req = joining->req;
	auto_free char *name = secret_name(joining->node);
	const struct object *secret = registry_find(server_registry(req->server),
						    kind_find_name(STR("v1"), STR("Secret")),
						    SYSTEM_NAMESPACE, str_of(name));
	auto_buf kept = BUF_INIT;
	char hash[HASH_SHA256_HEX];

	*out_known = secret != NULL;
	if (!secret)
		return true;
	hash_password(str_of(joining->node), password, hash);
	if (buf_add_base64_decoded(
		    &kept, json_str(json_path(object_json(secret), "data", "hash", NULL))) &&
	    kept.len == HASH_SHA256_HEX - 1 && hash_equal(kept.at, hash, kept.len))
		return true;
	return error_set(err, ERROR_FORBIDDEN,
			 "another machine has joined as node \"%s\" before; give this one another "
			 "--node-name, or delete the "
			 "Secret %s in kube-system if it is the same machine set up anew",
			 joining->node, name);
}

static bool sign(struct joining *joining, struct buf *out, struct error *err)
{
	static const char *const organizations[] = { "system:nodes", NULL };
	const struct secrets *secrets = server_secrets(joining->req->server);
	auto_free char *subject = memory_print("system:node:%s", joining->node);
	struct pki_plan plan = { .subject = { .name = subject, .organizations = organizations },
				 .uses = PKI_CLIENT,
				 .days = PKI_LEAF_DAYS };

	return pki_sign_request(&plan, json_str(json_get(json_root(joining->body), "csr")),
				buf_str(&secrets->client_ca), buf_str(&secrets->client_ca_key), out,
				err);
}

static void put_text(struct json_doc *doc, struct json *to, const char *key, const char *text)
{
	json_put(doc, to, key, json_new_text(doc, text));
}

static void answer(struct joining *joining)
{
	struct request *req = joining->req;
	const struct server_plan *plan = server_plan_of(req->server);
	auto_json_doc doc = json_doc_new();
	struct json *root = json_new_object(doc);
	auto_buf cert = BUF_INIT;
	char service[64] = "";
	struct error err;

	if (!sign(joining, &cert, &err) ||
	    !bootstrap_service_address(plan->service_cidr, service, &err)) {
		reply_error(req, &err, NULL);
		return;
	}
	json_put(doc, root, "certificate", json_new_str(doc, buf_str(&cert)));
	json_put(doc, root, "ca",
		 json_new_str(doc, buf_str(&server_secrets(req->server)->server_ca)));
	put_text(doc, root, "clusterCIDR", plan->cluster_cidr);
	put_text(doc, root, "serviceCIDR", plan->service_cidr);
	put_text(doc, root, "clusterDNS", plan->cluster_dns);
	put_text(doc, root, "clusterDomain", plan->cluster_domain);
	put_text(doc, root, "serviceAddress", service);
	log_info("server.nodes", "node joined", "node=%s", joining->node);
	reply_json(req, 200, root, NULL);
}

static void on_free_client(struct loop_task *task)
{
	struct joining *joining = CONTAINER_OF(task, struct joining, free_client);

	http_client_free(joining->client);
	json_doc_free(joining->body);
	free((char *)joining->node);
	free(joining);
}

static void finish(struct joining *joining)
{
	loop_defer(joining->loop, &joining->free_client);
}

static void on_kept(void *of, const struct http_head *head, struct str body,
		    const struct error *err)
{
	struct joining *joining = of;
	struct error why;

	if (err || head->status != 201) {
		error_set(&why, ERROR_UNAVAILABLE,
			  "the node's password could not be stored: " STR_FMT,
			  STR_ARG(err ? str_of(err->text) : body));
		reply_error(joining->req, &why, NULL);
	} else {
		answer(joining);
	}
	finish(joining);
}

/* First join of this name: keep the hash of its password. */
static void keep_password(struct joining *joining, struct str password)
{
	static const struct http_header headers[] = { { STR("Content-Type"),
							STR("application/json") } };
	auto_free char *name = secret_name(joining->node);
	auto_buf body = BUF_INIT;
	char hash[HASH_SHA256_HEX];
	struct http_ask ask = {
		.method = "POST",
		.target = "/api/v1/namespaces/kube-system/secrets",
		.headers = headers,
		.header_count = 1,
		.timeout_ms = TIMEOUT_MS,
		.on_reply = on_kept,
		.of = joining,
	};

	hash_password(str_of(joining->node), password, hash);
	buf_add_print(&body,
		      "{\"metadata\":{\"name\":\"%s\"},\"immutable\":true,\"stringData\":{\"hash\":"
		      "\"%s\"}}",
		      name, hash);
	ask.body = buf_str(&body);
	joining->client = server_local_client(joining->req->server, "system:apiserver");
	http_call(joining->client, &ask);
}

static bool begin(struct joining *joining, struct error *err)
{
	struct request *req = joining->req;
	const struct json *root;
	struct str node, password;
	const char *why;
	bool known;

	if (!json_parse(req->http->body, &joining->body, NULL, err))
		return false;
	root = json_root(joining->body);
	node = json_str(json_get(root, "name"));
	password = json_str(json_get(root, "password"));
	why = name_check(NAME_SUBDOMAIN, node);
	joining->node = str_copy(node);
	if (why)
		return error_set(err, ERROR_INVALID, "node name \"" STR_FMT "\": %s", STR_ARG(node),
				 why);
	if (password.len < 16)
		return error_set(err, ERROR_INVALID, "the node's password is missing or too short");
	if (!check_password(joining, password, &known, err))
		return joining->renews_only ? refuse_token(err) : false;
	if (joining->renews_only && !known)
		return refuse_token(err);
	if (known) {
		answer(joining);
		finish(joining);
	} else {
		keep_password(joining, password);
	}
	return true;
}

enum step nodes_join_pass(struct request *req, struct error *err)
{
	struct str token = token_of(req);
	struct joining *joining;
	bool good;
	int64_t wait_ms;

	if (!str_is(req->http->head.method, "POST")) {
		error_set(err, ERROR_METHOD, "nodes join by POST");
		return STEP_FAIL;
	}
	wait_ms = must_wait_ms(req);
	if (wait_ms > 0)
		return slow_down(req, wait_ms);
	good = is_token(req, token);
	if (!good && !bootstrap_token_parse(token, NULL, NULL)) {
		count_wrong(req);
		(void)refuse_token(err);
		return STEP_FAIL;
	}
	joining = memory_new(struct joining);
	joining->renews_only = !good;
	joining->req = req;
	joining->loop = server_loop(req->server);
	joining->free_client.on_task = on_free_client;
	if (begin(joining, err))
		return STEP_DONE;
	if (!good)
		count_wrong(req);
	finish(joining);
	return STEP_FAIL;
}
