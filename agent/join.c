/*
 * join.c - two requests: GET /cacerts (checked against the token's hash), then POST /v1-mote/node
 * over a connection that trusts exactly that CA.
 */
#include "agent/join.h"

#include <assert.h>
#include <ctype.h>
#include <stdio.h>

#include "base/file.h"
#include "base/log.h"
#include "base/random.h"
#include "net/hash.h"
#include "net/http_client.h"
#include "net/pki.h"
#include "net/tls.h"

#define REQUEST_MS 10000
#define ANSWER_MAX (256u * 1024)
#define PEM_MAX    (64u * 1024)

struct join {
	struct loop *loop;
	char *folder, *server, *node_name, *secret;
	char ca_hash[HASH_SHA256_HEX]; /* "" = the short token */
	struct buf ca, key;
	struct http_client *client;
	struct tls_config *tls;
	struct loop_task next;
	void (*step)(struct join *join);
	void (*on_done)(void *of, const struct error *err);
	void *of;
};

/* --- tokens --- */

static struct str trim_lines(struct str text)
{
	while (text.len > 0 && strchr(" \t\r\n", text.at[text.len - 1]))
		text.len--;
	while (text.len > 0 && strchr(" \t\r\n", text.at[0]))
		text = str_from(text.at + 1, text.len - 1);
	return text;
}

/* It goes into a header. */
static bool take_secret(struct str secret, struct join *join, struct error *err)
{
	for (size_t i = 0; i < secret.len; i++)
		if (secret.at[i] <= ' ' || secret.at[i] > '~')
			return error_set(
				err, ERROR_INVALID,
				"the token is damaged: it has characters that no token has");
	if (secret.len == 0)
		return error_set(err, ERROR_INVALID, "the token has no secret");
	join->secret = str_copy(secret);
	return true;
}

static bool is_hash(struct str text)
{
	auto_buf bytes = BUF_INIT;

	return text.len == HASH_SHA256_HEX - 1 && buf_add_hex_decoded(&bytes, text);
}

/* "M10<64 hex>::server:<secret>" or the secret alone. */
static bool read_token(struct str token, struct join *join, struct error *err)
{
	struct str rest, hash;
	ptrdiff_t at;

	token = trim_lines(token);
	if (token.len == 0)
		return error_set(err, ERROR_INVALID,
				 "a token is needed to join: --token or "
				 "--token-file");
	at = str_search(token, STR("::"));
	if (at < 0)
		return take_secret(token, join, err);
	hash = at > 3 ? str_from(token.at + 3, (size_t)at - 3) : STR("");
	if (!str_starts(token, STR("M10")) || !is_hash(hash))
		return error_set(
			err, ERROR_INVALID,
			"the token is damaged: it should be M10, 64 hex digits, ::, a name, "
			":, and a secret");
	for (size_t i = 0; i < hash.len; i++)
		join->ca_hash[i] = (char)tolower((unsigned char)hash.at[i]);
	rest = str_from(token.at + at + 2, token.len - (size_t)at - 2);
	if (str_find(rest, ':') >= 0) /* one for a time has no name: "id.secret" */
		str_cut(&rest, ':');
	return take_secret(rest, join, err);
}

/* --- the disk --- */

static char *path_of(const char *folder, const char *name)
{
	return memory_print("%s/%s", folder, name);
}

static char *load(const char *folder, const char *name)
{
	auto_free char *path = path_of(folder, name);
	auto_buf text = BUF_INIT;
	struct error ignored;

	return file_read(path, PEM_MAX, &text, &ignored) ? buf_take(&text) : NULL;
}

static bool store(const char *folder, const char *name, struct str bytes, struct error *err)
{
	auto_free char *path = path_of(folder, name);

	return file_replace(path, bytes, 0600, err);
}

void cluster_facts_clear(struct cluster_facts *facts)
{
	free(facts->ca);
	free(facts->cert);
	free(facts->key);
	free(facts->cluster_cidr);
	free(facts->service_cidr);
	free(facts->cluster_dns);
	free(facts->cluster_domain);
	free(facts->service_address);
	*facts = (struct cluster_facts){ 0 };
}

static bool load_facts(const char *folder, struct cluster_facts *out)
{
	auto_free char *text = load(folder, "cluster.json");
	auto_json_doc doc = NULL;
	struct error ignored;
	const struct json *root;

	out->ca = load(folder, "tls/ca.crt");
	out->cert = load(folder, "tls/client.crt");
	out->key = load(folder, "tls/client.key");
	if (!text || !out->ca || !out->cert || !out->key ||
	    !json_parse(str_of(text), &doc, NULL, &ignored))
		return false;
	root = json_root(doc);
	out->cluster_cidr = str_copy(json_str(json_get(root, "clusterCIDR")));
	out->service_cidr = str_copy(json_str(json_get(root, "serviceCIDR")));
	out->cluster_dns = str_copy(json_str(json_get(root, "clusterDNS")));
	out->cluster_domain = str_copy(json_str(json_get(root, "clusterDomain")));
	out->service_address = str_copy(json_str(json_get(root, "serviceAddress")));
	return *out->cluster_cidr && *out->service_address;
}

/* Of this node and of the CA that the token names.  A certificate that is over still says what the
 * node must run; only the server refuses it. */
static bool still_ours(const struct join_plan *plan, const struct cluster_facts *facts,
		       bool *out_fresh)
{
	struct join token = { 0 };
	struct pki_info info;
	struct error ignored;
	char hash[HASH_SHA256_HEX], name[300];
	bool ours;

	if (!pki_read(str_of(facts->cert), &info, &ignored))
		return false;
	snprintf(name, sizeof(name), "system:node:%s", plan->node_name);
	ours = strcmp(info.name, name) == 0;
	if (read_token(plan->token, &token, &ignored) && token.ca_hash[0])
		ours = ours && pki_fingerprint(str_of(facts->ca), hash, &ignored) &&
		       strcmp(hash, token.ca_hash) == 0;
	free(token.secret);
	*out_fresh = pki_is_fresh(&info);
	return ours;
}

bool join_load(const struct join_plan *plan, struct cluster_facts *out, bool *out_usable)
{
	bool fresh = false;

	*out = (struct cluster_facts){ 0 };
	*out_usable = load_facts(plan->folder, out) && still_ours(plan, out, &fresh);
	if (!*out_usable)
		cluster_facts_clear(out);
	return *out_usable && fresh;
}

/* --- requests --- */

static void end(struct join *join, const struct error *err)
{
	void (*on_done)(void *of, const struct error *err) = join->on_done;

	join->on_done = NULL;
	if (on_done)
		on_done(join->of, err);
}

/* Go on outside of the client's callback: the client is changed there. */
static void go_on(struct join *join, void (*step)(struct join *join))
{
	join->step = step;
	loop_defer(join->loop, &join->next);
}

static void on_next(struct loop_task *task)
{
	struct join *join = CONTAINER_OF(task, struct join, next);

	join->step(join);
}

static bool dial(struct join *join, struct str ca, struct error *err)
{
	http_client_free(join->client);
	join->client = NULL;
	tls_config_unref(join->tls);
	join->tls = NULL;
	if (!tls_client_config(ca, STR_NONE, STR_NONE, ca.len == 0, &join->tls, err))
		return false;
	join->client = http_client_to(join->loop, str_of(join->server), join->tls, err);
	return join->client != NULL;
}

/* What a refused request says: the message of its Status. */
static void refusal(const struct http_head *head, struct str body, struct error *out)
{
	auto_json_doc doc = NULL;
	struct error ignored;
	struct str message = STR_NONE;
	enum error_kind kind = head->status == 401                          ? ERROR_UNAUTHORIZED
			       : head->status == 403                        ? ERROR_FORBIDDEN
			       : head->status == 422 || head->status == 400 ? ERROR_INVALID
									    : ERROR_UNAVAILABLE;

	if (json_parse(body, &doc, NULL, &ignored))
		message = json_str(json_get(json_root(doc), "message"));
	error_set(out, kind, "the server refuses this node (%d): " STR_FMT, head->status,
		  STR_ARG(message.len > 0 ? message : STR("no reason given")));
}

static bool keep_answer(struct join *join, struct str body, struct error *err)
{
	auto_free char *path = path_of(join->folder, "tls/client.crt");
	auto_json_doc doc = NULL;
	struct str cert, ca;

	if (!json_parse(body, &doc, NULL, err))
		return error_context(err, "the server's answer");
	cert = json_str(json_get(json_root(doc), "certificate"));
	ca = json_str(json_get(json_root(doc), "ca"));
	if (cert.len == 0 || !str_equal(ca, buf_str(&join->ca)))
		return error_set(err, ERROR_UNAVAILABLE,
				 "the server's answer has no certificate or "
				 "another CA");
	/* A kill in between must not leave a certificate beside another one's key. */
	unlink(path);
	/* cluster.json last: it is what join_load needs beside the certificates. */
	return store(join->folder, "tls/ca.crt", ca, err) &&
	       store(join->folder, "tls/client.key", buf_str(&join->key), err) &&
	       store(join->folder, "tls/client.crt", cert, err) &&
	       store(join->folder, "cluster.json", body, err);
}

static void on_joined(void *of, const struct http_head *head, struct str body,
		      const struct error *err)
{
	struct join *join = of;
	struct error why;

	if (err) {
		end(join, err);
		return;
	}
	if (head->status != 200)
		refusal(head, body, &why);
	else if (keep_answer(join, body, &why)) {
		end(join, NULL);
		return;
	}
	end(join, &why);
}

static bool node_password(struct join *join, char **out, struct error *err)
{
	unsigned char bytes[24];
	auto_buf hex = BUF_INIT;

	*out = load(join->folder, "node-password");
	if (*out && **out)
		return true;
	free(*out);
	random_bytes(bytes, sizeof(bytes));
	buf_add_hex(&hex, str_from(bytes, sizeof(bytes)));
	if (!store(join->folder, "node-password", buf_str(&hex), err))
		return false;
	*out = buf_take(&hex);
	return true;
}

static bool make_body(struct join *join, struct buf *out, struct error *err)
{
	static const char *const organizations[] = { "system:nodes", NULL };
	auto_free char *name = memory_print("system:node:%s", join->node_name);
	struct pki_subject subject = { .name = name, .organizations = organizations };
	auto_json_doc doc = json_doc_new();
	struct json *root = json_new_object(doc);
	auto_free char *password = NULL;
	auto_buf csr = BUF_INIT;

	buf_reset(&join->key);
	if (!node_password(join, &password, err) || !pki_new_key(&join->key, err) ||
	    !pki_new_request(&subject, buf_str(&join->key), &csr, err))
		return false;
	json_put(doc, root, "name", json_new_text(doc, join->node_name));
	json_put(doc, root, "password", json_new_text(doc, password));
	json_put(doc, root, "csr", json_new_str(doc, buf_str(&csr)));
	json_print(root, out);
	return true;
}

static void ask_to_join(struct join *join)
{
	auto_free char *bearer = memory_print("Bearer %s", join->secret);
	struct http_header headers[] = { { STR("Content-Type"), STR("application/json") },
					 { STR("Authorization"), str_of(bearer) } };
	struct http_ask ask = { .method = "POST",
				.target = "/v1-mote/node",
				.headers = headers,
				.header_count = ARRAY_LENGTH(headers),
				.timeout_ms = REQUEST_MS,
				.body_max = ANSWER_MAX,
				.on_reply = on_joined,
				.of = join };
	auto_buf body = BUF_INIT;
	struct error why;

	if (!make_body(join, &body, &why) || !dial(join, buf_str(&join->ca), &why)) {
		end(join, &why);
		return;
	}
	ask.body = buf_str(&body);
	http_call(join->client, &ask);
}

/* The hash is of the first certificate only, and all would be trusted: there must be no other. */
static bool is_single(struct str pem)
{
	struct str mark = STR("-----BEGIN ");
	ptrdiff_t first = str_search(pem, mark);

	return first >= 0 &&
	       str_search(str_from(pem.at + first + 1, pem.len - (size_t)first - 1), mark) < 0;
}

/* The CA that an unknown server shows: only the token's hash makes it ours. */
static bool check_ca(struct join *join, struct error *err)
{
	char hash[HASH_SHA256_HEX];

	if (!is_single(buf_str(&join->ca)))
		return error_set(err, ERROR_INVALID, "%s shows no CA, or more than one",
				 join->server);
	if (!pki_fingerprint(buf_str(&join->ca), hash, err))
		return error_context(err, "the server's CA");
	if (join->ca_hash[0] == '\0') {
		log_warn("agent.join",
			 "the token does not name the server's CA, so it is trusted as it is; use "
			 "the long token",
			 "ca=%s", hash);
		return true;
	}
	if (strcmp(hash, join->ca_hash) == 0)
		return true;
	return error_set(err, ERROR_INVALID,
			 "%s is not the server that the token is for: its CA has the hash %s, the "
			 "token says %s",
			 join->server, hash, join->ca_hash);
}

static void on_ca(void *of, const struct http_head *head, struct str body, const struct error *err)
{
	struct join *join = of;
	struct error why;

	if (err) {
		end(join, err);
		return;
	}
	if (head->status != 200) {
		refusal(head, body, &why);
		end(join, &why);
		return;
	}
	buf_reset(&join->ca);
	buf_add_str(&join->ca, body);
	if (check_ca(join, &why))
		go_on(join, ask_to_join);
	else
		end(join, &why);
}

static void ask_for_ca(struct join *join)
{
	struct http_ask ask = { .method = "GET",
				.target = "/cacerts",
				.timeout_ms = REQUEST_MS,
				.body_max = PEM_MAX,
				.on_reply = on_ca,
				.of = join };
	struct error why;

	if (dial(join, STR_NONE, &why))
		http_call(join->client, &ask);
	else
		end(join, &why);
}

bool join_start(struct loop *loop, const struct join_plan *plan,
		void (*on_done)(void *of, const struct error *err), void *of, struct join **out,
		struct error *err)
{
	auto_free char *tls = path_of(plan->folder, "tls");
	struct join *join;

	if (!file_make_dirs(tls, 0700, err))
		return false;
	join = memory_new(struct join);
	join->loop = loop;
	join->next.on_task = on_next;
	join->on_done = on_done;
	join->of = of;
	if (!read_token(plan->token, join, err)) {
		join_free(join);
		return false;
	}
	join->folder = memory_string(plan->folder);
	join->server = memory_string(plan->server);
	join->node_name = memory_string(plan->node_name);
	go_on(join, ask_for_ca);
	*out = join;
	return true;
}

void join_free(struct join *join)
{
	if (!join)
		return;
	join->on_done = NULL;
	loop_task_cancel(&join->next);
	http_client_free(join->client);
	tls_config_unref(join->tls);
	buf_clear(&join->ca);
	buf_clear(&join->key);
	free(join->folder);
	free(join->server);
	free(join->node_name);
	free(join->secret);
	free(join);
}
