/*
 * review.c - SelfSubjectReview, TokenReview and the access reviews, answered from the gates' own
 * rules.
 */
#include "server/front/review.h"

#include "server/front/reply.h"
#include "server/gate/authenticate.h"
#include "server/gate/authorize.h"
#include "server/gate/rbac.h"
#include "server/gate/token.h"
#include "server/registry/body.h"

#define AUTHENTICATION "authentication.k8s.io"
#define AUTHORIZATION  "authorization.k8s.io"
#define AUDIENCES_MAX  64 /* that a token is asked about */

struct review {
	const char *group, *plural, *kind, *type_name;
	/* Fill status from the body's spec. */
	bool (*answer)(struct request *req, struct json_doc *doc, const struct json *spec,
		       struct json *status, struct error *err);
};

static void put_user(struct json_doc *doc, struct json *to, const struct user *user)
{
	struct json *groups = json_new_array(doc);

	json_put(doc, to, "username", json_new_text(doc, user->name));
	if (user->uid)
		json_put(doc, to, "uid", json_new_text(doc, user->uid));
	for (const char **group = user->groups; group && *group; group++)
		json_append(groups, json_new_text(doc, *group));
	json_put(doc, to, "groups", groups);
	for (const struct user_extra *extra = user->extra; extra && extra->key; extra++) {
		struct json *values = json_sub_object(doc, to, "extra");

		json_append(json_sub_array(doc, values, extra->key),
			    json_new_text(doc, extra->value));
	}
}

static bool answer_self(struct request *req, struct json_doc *doc, const struct json *spec,
			struct json *status, struct error *err)
{
	(void)spec;
	(void)err;
	put_user(doc, json_sub_object(doc, status, "userInfo"), &req->user);
	return true;
}

/* Those of the wished audiences that the token is meant for; `user` is set when there is one. */
static struct json *verify_for(struct request *req, struct json_doc *doc, const struct json *spec,
			       struct user *user, struct error *err)
{
	const struct json *wished = json_get(spec, "audiences");
	struct str token = json_str(json_get(spec, "token"));
	struct json *good = json_new_array(doc);
	struct error why;

	for (struct json_iter it = json_iter(wished); json_next(&it);)
		if (it.index < AUDIENCES_MAX && json_str(it.value).len > 0 &&
		    token_verify(req->server, token, json_str(it.value), req->arena, user, &why))
			json_append(good, json_clone(doc, it.value));
	if (json_count(good) > 0)
		return good;
	if (json_count(wished) == 0)
		return token_verify(req->server, token, STR_NONE, req->arena, user, err) ? good
											 : NULL;
	/* The reason is that of the first. */
	if (token_verify(req->server, token, json_str(json_at(wished, 0)), req->arena, user, err))
		error_set(err, ERROR_UNAUTHORIZED, "Unauthorized: the audience is empty");
	return NULL;
}

static bool answer_token(struct request *req, struct json_doc *doc, const struct json *spec,
			 struct json *status, struct error *err)
{
	struct user user = { 0 };
	struct error why;
	struct json *audiences = verify_for(req, doc, spec, &user, &why);

	(void)err;
	json_put(doc, status, "authenticated", json_new_bool(doc, audiences != NULL));
	if (!audiences) {
		json_put(doc, status, "error", json_new_text(doc, why.text));
		return true;
	}
	put_user(doc, json_sub_object(doc, status, "user"), &user);
	if (json_count(audiences) > 0)
		json_put(doc, status, "audiences", audiences);
	return true;
}

/* --- may somebody do something? --- */

static void check_attributes(const struct json *spec, struct field_errors *errors)
{
	const struct json *resource = json_get(spec, "resourceAttributes"),
			  *path = json_get(spec, "nonResourceAttributes");

	if (resource && path)
		field_errors_add(errors, FIELD_INVALID, "spec.nonResourceAttributes",
				 field_value(errors, path),
				 "cannot be specified in combination with resourceAttributes");
	if (!resource && !path)
		field_errors_add(errors, FIELD_INVALID, "spec.resourceAttributes", "null",
				 "exactly one of nonResourceAttributes or resourceAttributes must "
				 "be specified");
}

static void check_subject(const struct json *spec, struct field_errors *errors)
{
	if (json_str(json_get(spec, "user")).len == 0 && json_count(json_get(spec, "groups")) == 0)
		field_errors_add(errors, FIELD_INVALID, "spec.user", "\"\"",
				 "at least one of user or group must be specified");
}

static bool report(struct request *req, const struct field_errors *errors, struct error *err)
{
	const struct kind kind = { .group = req->review->group,
				   .name = req->review->kind,
				   .plural = req->review->plural };

	return status_invalid(err, &kind, STR(""), errors);
}

static struct attributes attributes_of(const struct json *spec, const struct user *user)
{
	const struct json *resource = json_get(spec, "resourceAttributes"),
			  *path = json_get(spec, "nonResourceAttributes");

	return (struct attributes){
		.user = user,
		.verb = json_str(json_get(resource ? resource : path, "verb")),
		.path = path ? json_str(json_get(path, "path")) : STR_NONE,
		.group = json_str(json_get(resource, "group")),
		.resource = json_str(json_get(resource, "resource")),
		.subresource = json_str(json_get(resource, "subresource")),
		.namespace = json_str(json_get(resource, "namespace")),
		.name = json_str(json_get(resource, "name")),
	};
}

static void answer_access(struct request *req, struct json_doc *doc, const struct json *spec,
			  const struct user *user, struct json *status)
{
	struct attributes asked = attributes_of(spec, user);
	auto_buf why = BUF_INIT;
	bool allowed;

	if (json_get(spec, "nonResourceAttributes") && !asked.path.at)
		asked.path = STR("");
	allowed = authorize_explain(req->server, &asked, &why);
	json_put(doc, status, "allowed", json_new_bool(doc, allowed));
	if (why.len > 0)
		json_put(doc, status, "reason", json_new_str(doc, buf_str(&why)));
}

static bool answer_self_access(struct request *req, struct json_doc *doc, const struct json *spec,
			       struct json *status, struct error *err)
{
	struct field_errors errors = { .arena = req->arena };

	check_attributes(spec, &errors);
	if (!report(req, &errors, err))
		return false;
	answer_access(req, doc, spec, &req->user, status);
	return true;
}

static void answer_of_spec(struct request *req, struct json_doc *doc, const struct json *spec,
			   struct json *status)
{
	const struct json *groups = json_get(spec, "groups");
	struct user user = { .name = str_copy_arena(json_str(json_get(spec, "user")), req->arena) };

	user.groups = arena_zero(req->arena, (json_count(groups) + 1) * sizeof(*user.groups));
	for (struct json_iter it = json_iter(groups); json_next(&it);)
		user.groups[it.index] = str_copy_arena(json_str(it.value), req->arena);
	answer_access(req, doc, spec, &user, status);
}

static bool answer_subject_access(struct request *req, struct json_doc *doc,
				  const struct json *spec, struct json *status, struct error *err)
{
	struct field_errors errors = { .arena = req->arena };

	check_attributes(spec, &errors);
	check_subject(spec, &errors);
	if (!report(req, &errors, err))
		return false;
	answer_of_spec(req, doc, spec, status);
	return true;
}

/* About the namespace of the URL only. */
static bool answer_local_access(struct request *req, struct json_doc *doc, const struct json *spec,
				struct json *status, struct error *err)
{
	const struct json *resource = json_get(spec, "resourceAttributes"),
			  *path = json_get(spec, "nonResourceAttributes"),
			  *namespace = json_get(resource, "namespace");
	struct field_errors errors = { .arena = req->arena };
	struct str said = meta_str(json_root(doc), "namespace");

	if (req->namespace.len == 0 || (said.len > 0 && !str_equal(said, req->namespace)))
		return error_set(err, ERROR_BAD_REQUEST,
				 "spec.resourceAttributes.namespace must match namespace: " STR_FMT,
				 STR_ARG(req->namespace));
	check_attributes(spec, &errors);
	check_subject(spec, &errors);
	if (resource && !str_equal(json_str(namespace), req->namespace))
		field_errors_add(&errors, FIELD_INVALID, "spec.resourceAttributes.namespace",
				 namespace ? field_value(&errors, namespace) : "\"\"",
				 "must match metadata.namespace");
	if (path)
		field_errors_add(&errors, FIELD_INVALID, "spec.nonResourceAttributes",
				 field_value(&errors, path), "disallowed on this kind of request");
	if (!report(req, &errors, err))
		return false;
	answer_of_spec(req, doc, spec, status);
	return true;
}

/* --- what may I do? --- */

struct listing {
	struct json_doc *doc;
	struct json *resources, *paths;
};

static void put_texts(struct json_doc *doc, struct json *rule, const char *field,
		      const struct rbac_texts *texts)
{
	for (size_t i = 0; i < texts->count; i++)
		json_append(json_sub_array(doc, rule, field), json_new_str(doc, texts->items[i]));
}

static bool list_rule(void *of, const struct rbac_rule *rule)
{
	struct listing *listing = of;
	struct json *item = json_new_object(listing->doc);

	put_texts(listing->doc, item, "verbs", &rule->verbs);
	if (rule->resources.count > 0) {
		put_texts(listing->doc, item, "apiGroups", &rule->groups);
		put_texts(listing->doc, item, "resources", &rule->resources);
		put_texts(listing->doc, item, "resourceNames", &rule->names);
		json_append(listing->resources, item);
	} else if (rule->urls.count > 0) {
		put_texts(listing->doc, item, "nonResourceURLs", &rule->urls);
		json_append(listing->paths, item);
	}
	return true;
}

static bool answer_rules(struct request *req, struct json_doc *doc, const struct json *spec,
			 struct json *status, struct error *err)
{
	struct str namespace = json_str(json_get(spec, "namespace"));
	bool node = user_in_group(&req->user, "system:nodes");
	struct listing listing = { .doc = doc };

	if (namespace.len == 0)
		return error_set(err, ERROR_BAD_REQUEST, "no namespace on request");
	listing.resources = json_sub_array(doc, status, "resourceRules");
	listing.paths = json_sub_array(doc, status, "nonResourceRules");
	rbac_each_rule(server_rbac(req->server), &req->user, namespace, list_rule, &listing);
	json_put(doc, status, "incomplete", json_new_bool(doc, node));
	if (node)
		json_put(doc, status, "evaluationError",
			 json_new_text(doc,
				       "node authorizer does not support user rule resolution"));
	return true;
}

static const struct review rows[] = {
	{ AUTHENTICATION, "selfsubjectreviews", "SelfSubjectReview",
	  "io.k8s.api.authentication.v1.SelfSubjectReview", answer_self },
	{ AUTHENTICATION, "tokenreviews", "TokenReview", "io.k8s.api.authentication.v1.TokenReview",
	  answer_token },
	{ AUTHORIZATION, "localsubjectaccessreviews", "LocalSubjectAccessReview",
	  "io.k8s.api.authorization.v1.LocalSubjectAccessReview", answer_local_access },
	{ AUTHORIZATION, "selfsubjectaccessreviews", "SelfSubjectAccessReview",
	  "io.k8s.api.authorization.v1.SelfSubjectAccessReview", answer_self_access },
	{ AUTHORIZATION, "selfsubjectrulesreviews", "SelfSubjectRulesReview",
	  "io.k8s.api.authorization.v1.SelfSubjectRulesReview", answer_rules },
	{ AUTHORIZATION, "subjectaccessreviews", "SubjectAccessReview",
	  "io.k8s.api.authorization.v1.SubjectAccessReview", answer_subject_access },
};

const struct review *review_find(struct str group, struct str version, struct str plural)
{
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++)
		if (str_is(group, rows[i].group) && str_is(version, "v1") &&
		    str_is(plural, rows[i].plural))
			return &rows[i];
	return NULL;
}

const char *review_plural(const struct review *review)
{
	return review->plural;
}

const char *review_group(const struct review *review)
{
	return review->group;
}

bool review_is_local(const struct review *review)
{
	return review->answer == answer_local_access;
}

bool review_row(size_t i, struct review_facts *out)
{
	if (i >= ARRAY_LENGTH(rows))
		return false;
	*out = (struct review_facts){ rows[i].group, rows[i].plural, rows[i].kind };
	return true;
}

enum step review_pass(struct request *req, struct error *err)
{
	const struct review *review = req->review;
	struct body_wish wish = {
		.type_name = review->type_name,
		.api_version = arena_print(req->arena, "%s/v1", review->group),
		.kind = review->kind,
	};
	auto_json_doc doc = NULL;
	struct json *root, *status;

	if (!body_read(req, &wish, &doc, err))
		return STEP_FAIL;
	root = json_root(doc);
	status = json_new_object(doc);
	if (!review->answer(req, doc, json_get(root, "spec"), status, err))
		return STEP_FAIL;
	json_put(doc, root, "status", status);
	reply_json(req, 201, root, review->type_name);
	return STEP_DONE;
}
