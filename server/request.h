/*
 * request.h - one API request on its way down the road: parsed once by the front, judged by the
 * gates, done by the registry (or a connect handler), answered through server/front/reply.h.
 *
 * comes from: server/front (any transport: TLS, tunnel, in-process).  goes to: server/road.c.
 * Everything in it lives in the HTTP request's arena.
 */
#ifndef SERVER_REQUEST_H
#define SERVER_REQUEST_H

#include "api/decode.h"
#include "api/kind.h"
#include "api/object.h"
#include "net/http_server.h"

struct server;
struct review;

/* One more fact about a user; several values of a key are several entries. */
struct user_extra {
	const char *key; /* "authentication.kubernetes.io/pod-name" */
	const char *value;
};
/* Who asks; made by gate/authenticate. */
struct user {
	const char *name; /* "system:node:edge-7", "system:serviceaccount:default:web" */
	const char *uid;
	const char **groups;            /* NULL-terminated */
	const struct user_extra *extra; /* ends with key == NULL; or NULL */
	const char *pod_name, *pod_uid,
		*node_name; /* extra facts of a bound service account token; or NULL */
};

enum request_verb {
	REQUEST_NONE,
	REQUEST_GET,
	REQUEST_LIST,
	REQUEST_WATCH,
	REQUEST_CREATE,
	REQUEST_UPDATE,
	REQUEST_PATCH,
	REQUEST_DELETE,
	REQUEST_DELETE_COLLECTION,
	REQUEST_CONNECT, /* exec, attach, log, proxy, port-forward */
};

/* What the answer is printed as (negotiated from Accept). */
enum answer_form { ANSWER_JSON, ANSWER_YAML, ANSWER_PROTOBUF, ANSWER_TABLE, ANSWER_PARTIAL };
enum body_form {
	BODY_JSON,
	BODY_YAML,
	BODY_PROTOBUF,
	BODY_PATCH_JSON,
	BODY_PATCH_MERGE,
	BODY_PATCH_STRATEGIC,
	BODY_PATCH_APPLY
};

/* What another server answers for (server/aggregate/remote_api.h). */
struct remote_ask {
	struct str group, version;
	struct str resource; /* STR_NONE: which resources there are */
};

/* Query parameters of the API, decoded. */
struct request_params {
	struct str label_selector, field_selector;
	struct str continue_token;
	int64_t limit; /* 0 = all */
	struct str resource_version, resource_version_match;
	bool watch, bookmarks, send_initial_events, has_send_initial_events;
	int64_t timeout_s; /* watch; 0 = server's choice */
	bool dry_run;
	struct str field_manager;
	enum field_validation field_validation;
	struct str propagation_policy;
	int64_t grace_s; /* -1 = not given */
	bool has_orphan_dependents, orphan_dependents;
	bool pretty;
	struct str include_object; /* tables */
};

struct request {
	struct http_request *http;
	struct server *server;
	struct arena *arena; /* = http->arena */
	unsigned stop;       /* where on the road */

	/* API resource requests; kind, review and remote NULL = non-resource path (http->path) */
	enum request_verb verb;
	const struct kind *kind;
	struct str namespace; /* STR_NONE: cluster scope or all namespaces */
	struct str name;      /* STR_NONE for collections */
	struct str subresource;
	struct str rest;               /* path behind proxy */
	const struct subresource *sub; /* its row, NULL for the main resource */
	const struct review *review; /* a create-only question such as SelfSubjectAccessReview; kind
					is NULL then */
	const struct remote_ask *remote; /* kind, sub and review are NULL then; or NULL */
	struct request_params params;
	struct http_param *query; /* all, in order: repeated ones (command) */
	size_t query_count;

	enum answer_form answer;
	enum answer_form carrier; /* of tables and partial metadata: JSON, YAML or protobuf */
	bool beta;                /* ... as meta.k8s.io/v1beta1 */
	enum body_form body_form;

	const struct status_about
		*about; /* what the Status of a refusal says, or NULL: kind and name */
	struct user user;
	bool gone; /* the client has left: answers are dropped, the request is freed with the answer
		    */
	bool counted;          /* holds a place of gate/share */
	const char **warnings; /* Warning headers, NULL-terminated; request_warn adds */
	size_t warning_count;
	void *work; /* the current stop's own */
	int64_t started_us;
};

void request_warn(struct request *req, const char *text);

#endif
