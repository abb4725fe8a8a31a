/*
 * token.c - bound service account tokens (Kubernetes, "Managing Service Accounts"; RFC 7519,
 * ES256).
 */
#include "server/gate/token.h"

#include <assert.h>
#include <inttypes.h>

#include "base/clock.h"
#include "base/map.h"
#include "base/random.h"
#include "net/pki.h"
#include "server/front/reply.h"
#include "server/gate/authorize_node.h"
#include "server/registry/body.h"
#include "server/registry/registry.h"
#include "server/server.h"

#define KEPT_MS          10000
#define KEPT_MAX         1024
#define SECONDS_MIN      600
#define SECONDS_FALLBACK 3600
#define TOKEN_MAX        8192

struct kept { /* a token whose signature has been found good */
	struct json_doc *claims;
	int64_t until_ms;
};

struct tokens {
	struct pki_signer *signer;
	char *issuer;
	char *key_pem;
	struct map *kept;
};

bool tokens_open(struct str key_pem, const char *issuer, struct tokens **out, struct error *err)
{
	struct tokens *tokens = memory_new(struct tokens);

	tokens->issuer = memory_string(issuer);
	tokens->key_pem = str_copy(key_pem);
	tokens->kept = map_new();
	if (!pki_signer_new(key_pem, &tokens->signer, err)) {
		tokens_close(tokens);
		return error_context(err, "service account key");
	}
	*out = tokens;
	return true;
}

static void forget_all(struct tokens *tokens)
{
	struct str key;
	void *value;

	for (size_t i = 0; map_next(tokens->kept, &i, &key, &value);) {
		json_doc_free(((struct kept *)value)->claims);
		free(value);
	}
	map_free(tokens->kept);
	tokens->kept = NULL;
}

void tokens_close(struct tokens *tokens)
{
	if (!tokens)
		return;
	forget_all(tokens);
	pki_signer_free(tokens->signer);
	free(tokens->issuer);
	free(tokens->key_pem);
	free(tokens);
}

/* --- issuing --- */

struct issue {
	const struct json *spec; /* of the TokenRequest */
	const struct object *account;
	int64_t seconds;
};

static const struct kind *core_kind(const char *name)
{
	return kind_find_name(STR("v1"), str_of(name));
}

static struct json *put_ref(struct json_doc *doc, struct json *facts, const char *field,
			    const struct object *object)
{
	struct json *part = json_sub_object(doc, facts, field);

	json_put(doc, part, "name", json_new_str(doc, object_name(object)));
	json_put(doc, part, "uid", json_new_str(doc, object_uid(object)));
	return part;
}

/* A pod's token tells its node too; the node's uid if it is there. */
static bool bind_pod(struct request *req, const struct object *pod, struct json_doc *doc,
		     struct json *facts, struct error *err)
{
	const struct json *spec = json_get(object_json(pod), "spec");
	const struct json *node_name = json_get(spec, "nodeName");
	const struct object *node;

	if (!str_equal(json_str(json_get(spec, "serviceAccountName")), req->name))
		return error_set(err, ERROR_BAD_REQUEST,
				 "cannot bind token for serviceaccount \"" STR_FMT
				 "\" to pod running with different "
				 "serviceaccount name",
				 STR_ARG(req->name));
	put_ref(doc, facts, "pod", pod);
	if (json_str(node_name).len == 0)
		return true;
	node = registry_find(server_registry(req->server), core_kind("Node"), STR_NONE,
			     json_str(node_name));
	json_put(doc, json_sub_object(doc, facts, "node"), "name", json_clone(doc, node_name));
	if (node)
		put_ref(doc, facts, "node", node);
	return true;
}

/* A node speaks for its pods alone. */
static bool check_node(struct request *req, const struct json *bound, struct str node,
		       struct error *err)
{
	const struct object *pod = registry_find(server_registry(req->server), core_kind("Pod"),
						 req->namespace, json_str(json_get(bound, "name")));
	const char *why = NULL;

	if (!str_is(json_str(json_get(bound, "kind")), "Pod"))
		why = "node requested token not bound to a pod";
	else if (json_str(json_get(bound, "uid")).len == 0)
		why = "node requested token with a pod binding without a uid";
	else if (pod &&
		 !str_equal(json_str(json_path(object_json(pod), "spec", "nodeName", NULL)), node))
		why = "node requested token bound to a pod scheduled on a different node";
	return !why ||
	       error_set(err, ERROR_FORBIDDEN, "serviceaccounts \"" STR_FMT "\" is forbidden: %s",
			 STR_ARG(req->name), why);
}

/* What the token is bound to must exist and have the uid that was named. */
static bool bind_object(struct request *req, const struct issue *issue, struct json_doc *doc,
			struct json *facts, struct error *err)
{
	const struct json *bound = json_get(issue->spec, "boundObjectRef");
	struct str kind = json_str(json_get(bound, "kind")), uid = json_str(json_get(bound, "uid")),
		   name = json_str(json_get(bound, "name"));
	struct str asker = authorize_node_name(&req->user);
	bool is_node = str_is(kind, "Node");
	const struct object *object;

	if (asker.len > 0 && !check_node(req, bound, asker, err))
		return false;
	if (!bound)
		return true;
	if (!str_is(kind, "Pod") && !str_is(kind, "Secret") && !is_node)
		return error_set(err, ERROR_BAD_REQUEST,
				 "cannot bind token to object of type " STR_FMT ", Kind=" STR_FMT,
				 STR_ARG(json_str(json_get(bound, "apiVersion"))), STR_ARG(kind));
	kind = str_is(kind, "Pod") ? STR("Pod") : is_node ? STR("Node") : STR("Secret");
	object = registry_find(server_registry(req->server), core_kind(kind.at),
			       is_node ? STR_NONE : req->namespace, name);
	if (!object)
		return status_not_found(err, core_kind(kind.at), name);
	if (uid.len > 0 && !str_equal(uid, object_uid(object)))
		return error_set(err, ERROR_CONFLICT,
				 "Operation cannot be fulfilled on " STR_FMT " \"" STR_FMT
				 "\": the UID in the bound object reference (" STR_FMT
				 ") does not match the UID in record. The object might have been "
				 "deleted and then recreated",
				 STR_ARG(kind), STR_ARG(name), STR_ARG(uid));
	if (str_is(kind, "Pod"))
		return bind_pod(req, object, doc, facts, err);
	put_ref(doc, facts, is_node ? "node" : "secret", object);
	return true;
}

static struct json *audiences_of(struct tokens *tokens, const struct issue *issue,
				 struct json_doc *doc)
{
	const struct json *wished = json_get(issue->spec, "audiences");
	struct json *own;

	if (json_count(wished) > 0)
		return json_clone(doc, wished);
	own = json_new_array(doc);
	json_append(own, json_new_text(doc, tokens->issuer));
	return own;
}

static bool print_token(struct request *req, const struct issue *issue, struct buf *out,
			struct error *err)
{
	struct tokens *tokens = server_tokens(req->server);
	auto_json_doc doc = json_doc_new();
	struct json *claims = json_new_object(doc), *facts, *account;
	int64_t now = clock_wall_s();
	char id[RANDOM_UUID];
	auto_buf text = BUF_INIT;

	random_uuid(id);
	json_put(doc, claims, "aud", audiences_of(tokens, issue, doc));
	json_put(doc, claims, "exp", json_new_int(doc, now + issue->seconds));
	json_put(doc, claims, "iat", json_new_int(doc, now));
	json_put(doc, claims, "iss", json_new_text(doc, tokens->issuer));
	json_put(doc, claims, "jti", json_new_text(doc, id));
	facts = json_sub_object(doc, claims, "kubernetes.io");
	json_put(doc, facts, "namespace", json_new_str(doc, req->namespace));
	if (!bind_object(req, issue, doc, facts, err))
		return false;
	account = json_sub_object(doc, facts, "serviceaccount");
	json_put(doc, account, "name", json_new_str(doc, req->name));
	json_put(doc, account, "uid", json_new_str(doc, object_uid(issue->account)));
	json_put(doc, claims, "nbf", json_new_int(doc, now));
	json_put(doc, claims, "sub",
		 json_new_print(doc, "system:serviceaccount:" STR_FMT ":" STR_FMT,
				STR_ARG(req->namespace), STR_ARG(req->name)));
	json_print(claims, &text);
	return pki_sign_jwt(tokens->signer, buf_str(&text), out, err);
}

/* Only its names are used: in the Status of a refusal. */
static const struct kind request_kind = { .group = "authentication.k8s.io",
					  .version = "v1",
					  .name = "TokenRequest",
					  .plural = "tokenrequests" };

static void check_same(struct field_errors *errors, const struct json *wish, const char *field,
		       struct str wanted)
{
	const struct json *value = json_get(meta_of(wish), field);

	if (json_str(value).len > 0 && !str_equal(json_str(value), wanted))
		field_errors_add(errors, FIELD_INVALID, field_path(errors, "metadata.%s", field),
				 field_value(errors, value),
				 field_path(errors,
					    "must match the service account %s if specified",
					    field));
}

static bool check_wish(struct request *req, const struct json *wish, int64_t seconds,
		       struct error *err)
{
	struct field_errors *errors = arena_zero(req->arena, sizeof(*errors));
	struct status_about *about = arena_zero(req->arena, sizeof(*about));

	errors->arena = req->arena;
	*about =
		(struct status_about){ .kind = &request_kind, .name = req->name, .causes = errors };
	check_same(errors, wish, "name", req->name);
	check_same(errors, wish, "namespace", req->namespace);
	if (seconds < SECONDS_MIN)
		field_errors_add(errors, FIELD_INVALID, "spec.expirationSeconds",
				 field_path(errors, "%" PRId64, seconds),
				 "may not specify a duration less than 10 minutes");
	else if (seconds > UINT32_MAX)
		field_errors_add(errors, FIELD_INVALID, "spec.expirationSeconds",
				 field_path(errors, "%" PRId64, seconds),
				 "may not specify a duration larger than 2^32 seconds");
	req->about = errors->count > 0 ? about : NULL;
	return status_invalid(err, &request_kind, req->name, errors);
}

/* The answer names the account. */
static void put_names(struct request *req, struct json_doc *doc)
{
	struct json *metadata = json_sub_object(doc, json_root(doc), "metadata");
	char now[CLOCK_TEXT];

	clock_print(clock_wall_s(), now);
	json_put(doc, metadata, "name", json_new_str(doc, req->name));
	json_put(doc, metadata, "namespace", json_new_str(doc, req->namespace));
	json_put(doc, metadata, "creationTimestamp", json_new_text(doc, now));
}

enum step token_request_pass(struct request *req, struct error *err)
{
	static const struct body_wish wish = { .type_name =
						       "io.k8s.api.authentication.v1.TokenRequest",
					       .api_version = "authentication.k8s.io/v1",
					       .kind = "TokenRequest" };
	auto_json_doc doc = NULL;
	auto_buf token = BUF_INIT;
	struct issue issue = { .account = registry_find(server_registry(req->server), req->kind,
							req->namespace, req->name) };
	const struct json *wished;
	struct json *status, *spec;
	char expires[CLOCK_TEXT];

	if (!issue.account) {
		status_not_found(err, req->kind, req->name);
		return STEP_FAIL;
	}
	if (!body_read(req, &wish, &doc, err))
		return STEP_FAIL;
	spec = json_sub_object(doc, json_root(doc), "spec");
	issue.spec = spec;
	wished = json_get(spec, "expirationSeconds");
	issue.seconds = wished ? json_int(wished) : SECONDS_FALLBACK;
	if (!check_wish(req, json_root(doc), issue.seconds, err))
		return STEP_FAIL;
	if (!print_token(req, &issue, &token, err))
		return STEP_FAIL;
	clock_print(clock_wall_s() + issue.seconds, expires);
	json_put(doc, spec, "expirationSeconds", json_new_int(doc, issue.seconds));
	put_names(req, doc);
	status = json_sub_object(doc, json_root(doc), "status");
	json_put(doc, status, "token", json_new_str(doc, buf_str(&token)));
	json_put(doc, status, "expirationTimestamp", json_new_text(doc, expires));
	reply_json(req, 201, json_root(doc), wish.type_name);
	return STEP_DONE;
}

/* --- verifying --- */

static bool refuse(struct error *err, const char *why)
{
	return error_set(err, ERROR_UNAUTHORIZED, "Unauthorized: %s", why);
}

static const struct json *known_claims(struct tokens *tokens, struct str bearer)
{
	struct kept *kept = map_find(tokens->kept, bearer);

	return kept && kept->until_ms > clock_now_ms() ? json_root(kept->claims) : NULL;
}

static bool check_signature(struct tokens *tokens, struct str bearer, const struct json **out,
			    struct error *err)
{
	auto_buf text = BUF_INIT;
	struct json_doc *doc = NULL;
	struct kept *kept, *old;

	*out = known_claims(tokens, bearer);
	if (*out)
		return true;
	if (bearer.len > TOKEN_MAX || !pki_verify_jwt(tokens->signer, bearer, &text, err) ||
	    !json_parse(buf_str(&text), &doc, NULL, err))
		return refuse(err, "the token is not one of ours");
	if (map_count(tokens->kept) >= KEPT_MAX) {
		forget_all(tokens);
		tokens->kept = map_new();
	}
	kept = memory_new(struct kept);
	kept->claims = doc;
	kept->until_ms = clock_now_ms() + KEPT_MS;
	old = map_put(tokens->kept, bearer, kept);
	if (old)
		json_doc_free(old->claims);
	free(old);
	*out = json_root(doc);
	return true;
}

static bool has_audience(const struct json *claims, struct str wanted)
{
	const struct json *audience = json_get(claims, "aud");

	if (json_type(audience) == JSON_STRING)
		return str_equal(json_str(audience), wanted);
	for (struct json_iter it = json_iter(audience); json_next(&it);)
		if (str_equal(json_str(it.value), wanted))
			return true;
	return false;
}

/* What the token is bound to must be there still, and be the same. */
static bool check_alive(struct server *server, const char *kind, struct str namespace,
			const struct json *ref)
{
	const struct object *object = registry_find(server_registry(server), core_kind(kind),
						    namespace, json_str(json_get(ref, "name")));

	return object && str_equal(object_uid(object), json_str(json_get(ref, "uid")));
}

static bool check_claims(struct server *server, const struct json *claims, struct str audience,
			 struct error *err)
{
	struct tokens *tokens = server_tokens(server);
	const struct json *facts = json_get(claims, "kubernetes.io"), *pod = json_get(facts, "pod");
	const struct json *secret = json_get(facts, "secret"), *node = json_get(facts, "node");
	struct str namespace = json_str(json_get(facts, "namespace"));
	int64_t now = clock_wall_s();

	if (!str_is(json_str(json_get(claims, "iss")), tokens->issuer))
		return refuse(err, "the token has another issuer");
	if (!has_audience(claims, audience.len ? audience : str_of(tokens->issuer)))
		return refuse(err, "the token is meant for another audience");
	if (json_int(json_get(claims, "exp")) <= now)
		return refuse(err, "the token has expired");
	if (!check_alive(server, "ServiceAccount", namespace, json_get(facts, "serviceaccount")))
		return refuse(err, "the service account is gone");
	if (pod && !check_alive(server, "Pod", namespace, pod))
		return refuse(err, "the pod of the token is gone");
	if (secret && !check_alive(server, "Secret", namespace, secret))
		return refuse(err, "the secret of the token is gone");
	if (!pod && node && !check_alive(server, "Node", STR_NONE, node))
		return refuse(err, "the node of the token is gone");
	return true;
}

/* What whoami and reviews tell of a token: which one it is, and what it is bound to. */
static const struct user_extra *extra_of(const struct json *claims, struct arena *arena)
{
	static const struct {
		const char *key, *part, *field;
	} rows[] = {
		{ "node-name", "node", "name" },
		{ "node-uid", "node", "uid" },
		{ "pod-name", "pod", "name" },
		{ "pod-uid", "pod", "uid" },
	};
	struct user_extra *extra = arena_zero(arena, (ARRAY_LENGTH(rows) + 2) * sizeof(*extra));
	size_t count = 0;

	extra[count++] =
		(struct user_extra){ "authentication.kubernetes.io/credential-id",
				     arena_print(arena, "JTI=" STR_FMT,
						 STR_ARG(json_str(json_get(claims, "jti")))) };
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		struct str value = json_str(
			json_path(claims, "kubernetes.io", rows[i].part, rows[i].field, NULL));

		if (value.len > 0)
			extra[count++] = (struct user_extra){
				arena_print(arena, "authentication.kubernetes.io/%s", rows[i].key),
				str_copy_arena(value, arena)
			};
	}
	return extra;
}

static void fill_user(const struct json *claims, struct arena *arena, struct user *out)
{
	const struct json *facts = json_get(claims, "kubernetes.io");
	struct str namespace = json_str(json_get(facts, "namespace"));

	*out = (struct user){ .name = str_copy_arena(json_str(json_get(claims, "sub")), arena) };
	out->uid = str_copy_arena(json_str(json_path(facts, "serviceaccount", "uid", NULL)), arena);
	out->groups = arena_zero(arena, 4 * sizeof(*out->groups));
	out->groups[0] = "system:serviceaccounts";
	out->groups[1] = arena_print(arena, "system:serviceaccounts:" STR_FMT, STR_ARG(namespace));
	out->groups[2] = "system:authenticated";
	out->extra = extra_of(claims, arena);
	out->pod_name = str_copy_arena(json_str(json_path(facts, "pod", "name", NULL)), arena);
	out->pod_uid = str_copy_arena(json_str(json_path(facts, "pod", "uid", NULL)), arena);
	out->node_name = str_copy_arena(json_str(json_path(facts, "node", "name", NULL)), arena);
}

bool token_verify(struct server *server, struct str bearer, struct str audience,
		  struct arena *arena, struct user *out, struct error *err)
{
	const struct json *claims;

	if (!check_signature(server_tokens(server), bearer, &claims, err) ||
	    !check_claims(server, claims, audience, err))
		return false;
	fill_user(claims, arena, out);
	return true;
}

bool token_print_jwks(struct tokens *tokens, struct buf *out, struct error *err)
{
	unsigned char point[64];
	char id[65];
	auto_buf x = BUF_INIT;
	auto_buf y = BUF_INIT;

	if (!pki_key_point(str_of(tokens->key_pem), point, err) ||
	    !pki_key_id(str_of(tokens->key_pem), id, err))
		return false;
	buf_add_base64url(&x, str_from(point, 32));
	buf_add_base64url(&y, str_from(point + 32, 32));
	buf_add_print(out,
		      "{\"keys\":[{\"use\":\"sig\",\"kty\":\"EC\",\"kid\":\"%s\",\"crv\":\"P-256\","
		      "\"alg\":\"ES256\","
		      "\"x\":\"%s\",\"y\":\"%s\"}]}",
		      id, buf_text(&x), buf_text(&y));
	return true;
}
