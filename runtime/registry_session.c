/*
 * registry_session.c - a session with the places that may have one image.
 *
 *	registry_session_manifest, _blob       what is wanted
 *	  everywhere                           each endpoint in turn
 *	    ask_endpoint                       follow redirects, log in when asked to
 *	      registry_fetch                   one exchange (registry_fetch.h)
 *
 * A login is tried once per wish: a registry that still refuses has said no.
 */
#include "runtime/registry_session.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/limits.h"
#include "base/version.h"
#include "net/hash.h"
#include "runtime/registry_auth.h"
#include "runtime/registry_config.h"
#include "runtime/registry_fetch.h"

enum {
	REDIRECTS_MAX = 5,
	RETRIES_MAX = 3,
	RETRY_WAIT_MS = 250,          /* times the number of the retry */
	PROGRESS_BYTES = 1024 * 1024, /* that much further, and the retries count anew */
	TIMEOUT_MS = 30 * 1000,
	TOTAL_MS = 30 * 60 * 1000,
	TRUSTS_MAX = 8,
	TOKEN_BODY_MAX = 64 * 1024,
	HEADERS_MAX = 4,
	REASON_MAX = 160 /* bytes of a registry's own words that a message repeats */
};

static const char usual_accept[] = "application/vnd.oci.image.index.v1+json, "
				   "application/vnd.oci.image.manifest.v1+json, "
				   "application/vnd.docker.distribution.manifest.list.v2+json, "
				   "application/vnd.docker.distribution.manifest.v2+json";

/* TLS settings that were made for an authority. */
struct trust {
	char authority[264];
	const struct registry_endpoint *by;
	struct tls_config *config;
};

struct registry_session {
	struct registry_fetcher *fetcher;
	const struct json *registries;
	struct registry_endpoints endpoints;
	struct buf authorization[REGISTRY_ENDPOINTS_MAX]; /* what each endpoint accepted */
	bool named[REGISTRY_ENDPOINTS_MAX];               /* it is told who we are */
	struct registry_login login;                      /* of the plan */
	size_t first;                                     /* the endpoint that answered last */
	struct trust trusts[TRUSTS_MAX];
	size_t trust_next;
	struct image_name image;
	char name[640]; /* of the image, for messages */
};

/* What is wanted of an endpoint: "manifests/latest", "blobs/sha256:...". */
struct wish {
	const char *path;
	const char *accept; /* NULL: none */
	uint64_t from;      /* first byte wanted, for Range */
	size_t body_max;
	const struct registry_sink *sink;
};

/* One wish on its way through one endpoint. */
struct visit {
	struct registry_session *session;
	size_t index;
	const struct wish *wish;
	struct registry_url url;
	unsigned redirects;
	bool logged_in;
};

/* --- opening and closing --- */

void registry_session_close(struct registry_session *session)
{
	if (!session)
		return;
	registry_fetcher_close(session->fetcher);
	for (size_t i = 0; i < TRUSTS_MAX; i++)
		tls_config_unref(session->trusts[i].config);
	for (size_t i = 0; i < REGISTRY_ENDPOINTS_MAX; i++)
		buf_clear(&session->authorization[i]);
	registry_endpoints_clear(&session->endpoints);
	registry_login_clear(&session->login);
	free(session);
}

bool registry_session_open(const struct registry_session_plan *plan, struct registry_session **out,
			   struct error *err)
{
	auto_registry_session made = memory_new(struct registry_session);
	auto_buf shown = BUF_INIT;

	assert(plan->timeout_ms >= 0);
	assert(plan->total_ms >= 0);
	image_name_print(&plan->name, &shown);
	snprintf(made->name, sizeof(made->name), "%s", buf_text(&shown));
	made->image = plan->name;
	made->registries = plan->registries;
	buf_add_str(&made->login.username, plan->username);
	buf_add_str(&made->login.password, plan->password);
	if (!registry_config_endpoints(plan->registries, &plan->name, &made->endpoints, err) ||
	    !registry_fetcher_open(plan->timeout_ms > 0 ? plan->timeout_ms : TIMEOUT_MS,
				   plan->total_ms > 0 ? plan->total_ms : TOTAL_MS, &made->fetcher,
				   err))
		return error_context(err, "pull %s", made->name);
	*out = take_ptr(&made);
	return true;
}

size_t registry_session_places(const struct registry_session *session)
{
	return session->endpoints.count;
}

void registry_manifest_clear(struct registry_manifest *manifest)
{
	buf_clear(&manifest->body);
	*manifest = (struct registry_manifest){ 0 };
}

/* The settings are kept: reading a machine's roots costs more than the rest of a handshake. */
static bool trust_for(struct registry_session *session, const struct registry_url *url,
		      const struct registry_endpoint *by, struct tls_config **out,
		      struct error *err)
{
	struct trust *slot;
	struct tls_config *config;

	*out = NULL;
	if (!url->secure)
		return true;
	for (size_t i = 0; i < TRUSTS_MAX; i++) {
		slot = &session->trusts[i];
		if (slot->config && slot->by == by &&
		    strcmp(slot->authority, url->authority) == 0) {
			*out = slot->config;
			return true;
		}
	}
	if (!registry_config_trust(session->registries, url->authority, by->base.authority, &config,
				   err))
		return false;
	slot = &session->trusts[session->trust_next++ % TRUSTS_MAX];
	tls_config_unref(slot->config);
	slot->config = config;
	slot->by = by;
	snprintf(slot->authority, sizeof(slot->authority), "%s", url->authority);
	*out = config;
	return true;
}

/* --- what a refusal says --- */

/* Words of others on one line: printable ASCII, single blanks, cut. */
static void clean(struct str words, char out[REASON_MAX + 4])
{
	size_t len = 0;

	for (size_t i = 0; i < words.len && len < REASON_MAX; i++) {
		char c = words.at[i];

		if (c == ' ' || c == '\n' || c == '\r' || c == '\t') {
			if (len > 0 && out[len - 1] != ' ')
				out[len++] = ' ';
		} else {
			out[len++] = (char)(c > ' ' && c <= '~' ? c : '?');
		}
	}
	while (len > 0 && out[len - 1] == ' ')
		len--;
	out[len] = '\0';
	if (words.len > REASON_MAX && len == REASON_MAX)
		memcpy(out + len, "...", 4);
}

/* The message of {"errors": [{"code", "message"}]}, or a plain text as it is. */
static void read_reason(const struct registry_reply *reply, char out[REASON_MAX + 4])
{
	auto_json_doc doc = NULL;
	const struct json *first;
	struct error ignored;
	struct str type = http_header(&reply->head, "content-type");
	struct str words = STR_NONE;

	if (json_parse(buf_str(&reply->body), &doc, NULL, &ignored)) {
		first = json_at(json_get(json_root(doc), "errors"), 0);
		words = json_str(json_get(first, "message"));
		if (words.len == 0)
			words = json_str(json_get(first, "code"));
		if (words.len == 0)
			words = json_str(json_get(json_root(doc), "details"));
	} else if (str_starts(type, STR("text/plain"))) {
		words = buf_str(&reply->body);
	}
	clean(words, out);
}

static bool refuse(const struct registry_reply *reply, const char *who, bool with_login,
		   struct error *err)
{
	static const struct {
		int status;
		enum error_kind kind;
		const char *says;
	} rows[] = {
		{ 401, ERROR_UNAUTHORIZED, "wants a login" },
		{ 403, ERROR_FORBIDDEN, "does not allow it" },
		{ 404, ERROR_NOT_FOUND, "does not have it" },
		{ 429, ERROR_TOO_MANY, "is asked too often" },
	};
	char reason[REASON_MAX + 4];
	int status = reply->head.status;
	enum error_kind kind = status >= 500 ? ERROR_UNAVAILABLE : ERROR_BROKEN;
	const char *says = status >= 500 ? "is out of order" : "gives an answer of no use";

	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++)
		if (rows[i].status == status) {
			kind = rows[i].kind;
			says = rows[i].says;
		}
	if (status == 401 && with_login)
		says = "does not accept the login";
	read_reason(reply, reason);
	return error_set(err, kind, "%s %s (%d)%s%s", who, says, status, reason[0] ? ": " : "",
			 reason);
}

/* --- logging in --- */

static struct registry_endpoint *endpoint_of(const struct visit *visit)
{
	return &visit->session->endpoints.at[visit->index];
}

static enum registry_reach reach_for(const struct visit *visit, const struct registry_url *url)
{
	return registry_reach_of(visit->session->registries, url->authority,
				 endpoint_of(visit)->base.authority);
}

static bool login_for(const struct visit *visit, struct registry_login *out, struct error *err)
{
	struct registry_session *session = visit->session;
	const struct registry_endpoint *endpoint = endpoint_of(visit);

	if (!endpoint->is_own || registry_login_is_empty(&session->login))
		return registry_config_login(session->registries, endpoint->base.authority, out,
					     err);
	buf_add_str(&out->username, buf_str(&session->login.username));
	buf_add_str(&out->password, buf_str(&session->login.password));
	return true;
}

static bool fetch_token(struct visit *visit, const struct registry_challenge *challenge,
			const struct registry_login *login, struct error *err)
{
	struct registry_endpoint *endpoint = endpoint_of(visit);
	auto_registry_token_ask question = { 0 };
	auto_registry_url url = { 0 };
	auto_registry_reply reply = { 0 };
	struct http_header headers[2] = { { STR("Accept"), STR("application/json") } };
	struct registry_ask ask = {
		.url = &url, .headers = headers, .header_count = 1, .body_max = TOKEN_BODY_MAX
	};
	char who[300];

	registry_auth_ask(challenge, endpoint->repository, login, &question);
	if (!registry_url_parse(buf_str(&question.url), &url, err))
		return error_set(err, ERROR_BROKEN, "the registry %s names no usable token service",
				 endpoint->base.authority);
	if (endpoint->base.secure && !url.secure)
		return error_set(err, ERROR_BROKEN,
				 "the registry %s wants the login sent without encryption",
				 endpoint->base.authority);
	ask.reach = reach_for(visit, &url);
	if (!trust_for(visit->session, &url, endpoint, &ask.trust, err))
		return false;
	ask.method = question.method;
	ask.body = buf_str(&question.form);
	if (question.authorization.len > 0)
		headers[ask.header_count++] =
			(struct http_header){ STR("Authorization"),
					      buf_str(&question.authorization) };
	if (question.form.len > 0)
		headers[ask.header_count++] =
			(struct http_header){ STR("Content-Type"),
					      STR("application/x-www-form-urlencoded") };
	if (!registry_fetch(visit->session->fetcher, &ask, &reply, err))
		return error_context(err, "the token service");
	snprintf(who, sizeof(who), "the token service %s", url.authority);
	if (reply.head.status != 200)
		return refuse(&reply, who, !registry_login_is_empty(login), err);
	if (!registry_auth_token(buf_str(&reply.body), &visit->session->authorization[visit->index],
				 err))
		return error_context(err, "%s", who);
	return true;
}

/* Answer a 401.  True with *out_can false when we have no answer to what it asks. */
static bool log_in(struct visit *visit, const struct registry_reply *reply, bool *out_can,
		   struct error *err)
{
	struct buf *authorization = &visit->session->authorization[visit->index];
	auto_registry_login login = { 0 };
	struct registry_challenge challenge = { 0 };

	visit->logged_in = true;
	buf_reset(authorization);
	*out_can = true;
	for (size_t i = 0; i < reply->head.header_count; i++) {
		const struct http_header *header = &reply->head.headers[i];

		/* A malformed one is as good as none: the 401 itself is told then. */
		if (str_equal_case(header->name, STR("www-authenticate")))
			(void)registry_auth_challenge(header->value, &challenge);
	}
	if (!login_for(visit, &login, err))
		return false;
	visit->session->named[visit->index] = !registry_login_is_empty(&login);
	if (challenge.bearer)
		return fetch_token(visit, &challenge, &login, err);
	*out_can = challenge.basic && login.username.len > 0;
	if (*out_can)
		registry_auth_basic(&login, authorization);
	return true;
}

/* --- one endpoint --- */

static bool at_home(const struct visit *visit)
{
	return registry_url_same_origin(&visit->url, &endpoint_of(visit)->base);
}

static bool ask_once(struct visit *visit, struct registry_reply *out, struct error *err)
{
	struct registry_session *session = visit->session;
	const struct wish *wish = visit->wish;
	const struct buf *authorization = &session->authorization[visit->index];
	struct http_header headers[HEADERS_MAX];
	struct registry_ask ask = { .method = "GET",
				    .url = &visit->url,
				    .reach = reach_for(visit, &visit->url),
				    .headers = headers,
				    .body_max = wish->body_max,
				    .sink = wish->sink };
	char agent[64], range[48];

	snprintf(agent, sizeof(agent), "mote/%s", version_text());
	headers[ask.header_count++] = (struct http_header){ STR("User-Agent"), str_of(agent) };
	if (wish->accept)
		headers[ask.header_count++] =
			(struct http_header){ STR("Accept"), str_of(wish->accept) };
	if (wish->from > 0) {
		snprintf(range, sizeof(range), "bytes=%" PRIu64 "-", wish->from);
		headers[ask.header_count++] = (struct http_header){ STR("Range"), str_of(range) };
	}
	if (authorization->len > 0 && at_home(visit))
		headers[ask.header_count++] =
			(struct http_header){ STR("Authorization"), buf_str(authorization) };
	assert(ask.header_count <= HEADERS_MAX);
	return trust_for(session, &visit->url, endpoint_of(visit), &ask.trust, err) &&
	       registry_fetch(session->fetcher, &ask, out, err);
}

static bool is_redirect(int status)
{
	return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

static bool follow(struct visit *visit, const struct registry_reply *reply, struct error *err)
{
	const char *who = endpoint_of(visit)->base.authority;
	bool was_secure = visit->url.secure;

	if (visit->redirects++ == REDIRECTS_MAX)
		return error_set(err, ERROR_BROKEN, "the registry %s redirects more than %d times",
				 who, REDIRECTS_MAX);
	if (!registry_url_resolve(&visit->url, http_header(&reply->head, "location"), &visit->url,
				  err)) {
		err->kind = ERROR_BROKEN;
		return error_context(err, "the registry %s redirects to nowhere", who);
	}
	if (was_secure && !visit->url.secure)
		return error_set(err, ERROR_BROKEN,
				 "the registry %s redirects to a place without encryption", who);
	return true;
}

static void print_url(struct visit *visit)
{
	const struct registry_endpoint *endpoint = endpoint_of(visit);
	struct buf *target = &visit->url.target;

	visit->url.secure = endpoint->base.secure;
	snprintf(visit->url.authority, sizeof(visit->url.authority), "%s",
		 endpoint->base.authority);
	buf_add_print(target, "%s/%s/%s", buf_text(&endpoint->base.target), endpoint->repository,
		      visit->wish->path);
	if (!endpoint->is_own) { /* a mirror of many registries needs to know which one */
		buf_add_text(target, "?ns=");
		buf_add_percent_encoded(target, str_of(visit->session->image.host));
	}
}

static bool visit_run(struct visit *visit, struct registry_reply *out, struct error *err)
{
	for (;;) {
		auto_registry_reply reply = { 0 };
		bool can = false;

		if (!ask_once(visit, &reply, err))
			return false;
		if (reply.head.status == 401 && at_home(visit) && !visit->logged_in &&
		    !log_in(visit, &reply, &can, err))
			return false;
		if (can)
			continue;
		if (!is_redirect(reply.head.status)) {
			*out = reply;
			reply = (struct registry_reply){ 0 };
			return true;
		}
		if (!follow(visit, &reply, err))
			return false;
	}
}

/* A whole reply of endpoint `index`, of any status. */
static bool ask_endpoint(struct registry_session *session, size_t index, const struct wish *wish,
			 struct registry_reply *out, struct error *err)
{
	struct visit visit = { .session = session, .index = index, .wish = wish };
	bool done;

	print_url(&visit);
	done = visit_run(&visit, out, err);
	registry_url_clear(&visit.url);
	return done;
}

static bool refuse_of(struct registry_session *session, size_t index,
		      const struct registry_reply *reply, struct error *err)
{
	const struct registry_endpoint *endpoint = &session->endpoints.at[index];
	char who[300];

	snprintf(who, sizeof(who), "the %s %s", endpoint->is_own ? "registry" : "mirror",
		 endpoint->base.authority);
	return refuse(reply, who, session->named[index], err);
}

/* --- every endpoint --- */

typedef bool visit_fn(void *of, size_t index, struct error *err);

/* Each endpoint in turn, the one that answered last first.  What the image's own registry (the last
 * of them) says is told, with the first failure of a mirror behind it.  *over: no further ones. */
static bool everywhere(struct registry_session *session, visit_fn *visit, void *of,
		       const bool *over, struct error *err)
{
	size_t count = session->endpoints.count;
	struct error own = { 0 }, mirror = { 0 };

	for (size_t i = 0; i < count && !*over; i++) {
		size_t index = (session->first + i) % count;
		struct error why;

		if (visit(of, index, &why)) {
			session->first = index;
			return true;
		}
		if (index == count - 1 || *over)
			own = why;
		else if (mirror.kind == ERROR_NONE)
			mirror = why;
	}
	*err = own;
	if (mirror.kind != ERROR_NONE && !*over)
		error_set(err, own.kind, "%s (before that: %s)", own.text, mirror.text);
	return error_context(err, "pull %s", session->name);
}

/* --- manifests --- */

struct manifest_job {
	struct registry_session *session;
	const char *reference;
	const struct wish *wish;
	struct registry_manifest *out;
};

static bool is_reference(struct str text)
{
	if (image_name_is_digest(text))
		return true;
	for (size_t i = 0; i < text.len; i++) {
		char c = text.at[i];
		bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');

		if (!letter && !(c >= '0' && c <= '9') && c != '_' &&
		    (i == 0 || (c != '.' && c != '-')))
			return false;
	}
	return text.len > 0 && text.len <= 128;
}

static void copy_type(const struct http_head *head, char *out, size_t room)
{
	struct str rest = http_header(head, "content-type");
	struct str type = str_trim(str_cut(&rest, ';'));

	out[0] = '\0';
	if (type.len >= room)
		return;
	for (size_t i = 0; i < type.len; i++)
		if (type.at[i] <= ' ' || type.at[i] > '~')
			return;
	memcpy(out, type.at, type.len);
	out[type.len] = '\0';
}

/* The body is hashed in any case: what a tag means is what we got, whatever a header claims. */
static bool check_manifest(const struct manifest_job *job, const struct registry_reply *reply,
			   const char *who, char digest[72], struct error *err)
{
	struct str claimed = http_header(&reply->head, "docker-content-digest");

	memcpy(digest, "sha256:", 7);
	hash_sha256_hex(buf_str(&reply->body), digest + 7);
	if (strchr(job->reference, ':') && strcmp(job->reference, digest) != 0)
		return error_set(err, ERROR_BROKEN,
				 "%s gives a manifest that has not the digest %s", who,
				 job->reference);
	if (image_name_is_digest(claimed) && !str_is(claimed, digest))
		return error_set(err, ERROR_BROKEN,
				 "%s gives a manifest that has not the digest it claims", who);
	return true;
}

static bool visit_manifest(void *of, size_t index, struct error *err)
{
	struct manifest_job *job = of;
	const char *who = job->session->endpoints.at[index].base.authority;
	auto_registry_reply reply = { 0 };
	char digest[72];

	if (!ask_endpoint(job->session, index, job->wish, &reply, err))
		return false;
	if (reply.head.status != 200)
		return refuse_of(job->session, index, &reply, err);
	if (!check_manifest(job, &reply, who, digest, err))
		return false;
	copy_type(&reply.head, job->out->type, sizeof(job->out->type));
	memcpy(job->out->digest, digest, sizeof(digest));
	job->out->body = reply.body;
	reply.body = BUF_INIT;
	return true;
}

bool registry_session_manifest(struct registry_session *session, const char *reference,
			       const char *accept, struct registry_manifest *out, struct error *err)
{
	char path[160];
	const bool over = false;
	struct wish wish = { .path = path,
			     .accept = accept ? accept : usual_accept,
			     .body_max = LIMIT_IMAGE_MANIFEST };
	struct manifest_job job = { session, reference, &wish, out };

	assert(out->body.len == 0);
	if (!is_reference(str_of(reference)))
		return error_set(err, ERROR_INVALID, "pull %s: a reference is not allowed",
				 session->name);
	snprintf(path, sizeof(path), "manifests/%s", reference);
	return everywhere(session, visit_manifest, &job, &over, err);
}

/* --- blobs --- */

struct blob_job {
	struct registry_session *session;
	const struct registry_blob *blob;
	struct registry_sink sink;
	struct hash *hash;
	uint64_t given; /* bytes the caller has */
	uint64_t skip;  /* bytes of this reply that it has already */
	bool begun;     /* some registry has sent a head: failures are cuts from now on */
	bool over;      /* bytes are wrong or not wanted any more */
};

/* "bytes 100-199/200": the first number. */
static bool parse_range(struct str value, uint64_t *out_from)
{
	struct str rest = value;

	return str_is(str_cut(&rest, ' '), "bytes") &&
	       str_to_u64(str_cut(&rest, '-'), UINT64_MAX, out_from);
}

static bool on_start(void *of, const struct http_head *head, struct error *err)
{
	struct blob_job *job = of;
	uint64_t from = 0;

	if (head->status == 206 && !parse_range(http_header(head, "content-range"), &from))
		return error_set(err, ERROR_BROKEN, "a part was sent without saying which");
	if (from != 0 && from != job->given)
		return error_set(err, ERROR_BROKEN, "another part was sent than was asked for");
	job->skip = job->given - from;
	if (head->has_length &&
	    (head->length > job->blob->size_max || head->length + from > job->blob->size_max))
		return error_set(err, ERROR_TOO_LARGE, "%s is larger than %" PRIu64 " bytes",
				 job->blob->digest, job->blob->size_max);
	job->begun = true;
	return true;
}

static bool on_piece(void *of, struct str piece, struct error *err)
{
	struct blob_job *job = of;
	size_t known = piece.len < job->skip ? piece.len : (size_t)job->skip;

	job->skip -= known;
	piece = str_from(piece.at + known, piece.len - known);
	if (piece.len == 0)
		return true;
	if (piece.len > job->blob->size_max - job->given) {
		job->over = true;
		return error_set(err, ERROR_TOO_LARGE, "%s is larger than %" PRIu64 " bytes",
				 job->blob->digest, job->blob->size_max);
	}
	hash_add(job->hash, piece.at, piece.len);
	job->given += piece.len;
	job->over = !job->blob->take(job->blob->of, piece, err);
	return !job->over;
}

/* One attempt; *out_cut when going on where it ended may help. */
static bool try_blob(struct blob_job *job, size_t index, bool *out_cut, struct error *err)
{
	auto_registry_reply reply = { 0 };
	char path[96];
	struct wish wish = { .path = path, .from = job->given, .sink = &job->sink };

	snprintf(path, sizeof(path), "blobs/%s", job->blob->digest);
	*out_cut = false;
	if (!ask_endpoint(job->session, index, &wish, &reply, err)) {
		*out_cut = job->begun && !job->over &&
			   (err->kind == ERROR_UNAVAILABLE || err->kind == ERROR_TIMEOUT);
		return false;
	}
	/* Nothing follows what we have: the cut was behind the last byte. */
	if (reply.head.status == 416 && job->given > 0)
		return true;
	if (reply.head.status == 200 || reply.head.status == 206)
		return true;
	*out_cut = job->begun && reply.head.status >= 500;
	return refuse_of(job->session, index, &reply, err);
}

static bool visit_blob(void *of, size_t index, struct error *err)
{
	struct blob_job *job = of;
	int tries = 0;

	for (;;) {
		uint64_t before = job->given;
		bool cut;

		if (try_blob(job, index, &cut, err))
			return true;
		if (job->given - before >= PROGRESS_BYTES)
			tries = 0;
		if (!cut || tries++ == RETRIES_MAX)
			return false;
		if (!registry_fetcher_sleep(job->session->fetcher, tries * RETRY_WAIT_MS, err)) {
			job->over = true;
			return false;
		}
	}
}

bool registry_session_blob(struct registry_session *session, const struct registry_blob *blob,
			   struct error *err)
{
	AUTO(hash_free) struct hash *own = blob->begun ? NULL : hash_new();
	unsigned char sum[HASH_SHA256];
	auto_buf have = BUF_INIT;
	struct blob_job job = { .session = session,
				.blob = blob,
				.hash = own ? own : blob->begun,
				.given = blob->have };

	assert(blob->take && (blob->begun || blob->have == 0));
	if (!image_name_is_digest(str_of(blob->digest)))
		return error_set(err, ERROR_INVALID, "pull %s: a digest is not allowed",
				 session->name);
	job.sink = (struct registry_sink){ on_start, on_piece, &job };
	if (!everywhere(session, visit_blob, &job, &job.over, err))
		return false;
	hash_end(job.hash, sum);
	buf_add_text(&have, "sha256:");
	buf_add_hex(&have, str_from(sum, sizeof(sum)));
	if (strcmp(buf_text(&have), blob->digest) == 0)
		return true;
	session->first = (session->first + 1) % session->endpoints.count;
	return error_set(err, ERROR_BROKEN, "pull %s: the bytes of %s have not that digest",
			 session->name, blob->digest);
}
