/*
 * review.c - SelfSubjectReview, TokenReview and the access reviews, answered from the gates' own
 * rules.
 */
#include "server/front/review.h"

#include "server/front/reply.h"
#include "server/gate/authorize.h"
#include "server/gate/token.h"
#include "server/registry/body.h"

#define AUTHENTICATION "authentication.k8s.io"
#define AUTHORIZATION  "authorization.k8s.io"

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
}

static bool answer_self(struct request *req, struct json_doc *doc, const struct json *spec,
			struct json *status, struct error *err)
{
	(void)spec;
	(void)err;
	put_user(doc, json_sub_object(doc, status, "userInfo"), &req->user);
	return true;
}

static bool answer_token(struct request *req, struct json_doc *doc, const struct json *spec,
			 struct json *status, struct error *err)
{
	struct str audience = json_str(json_at(json_get(spec, "audiences"), 0));
	struct user user = { 0 };
	struct error why;

	(void)err;
	if (!token_verify(req->server, json_str(json_get(spec, "token")), audience, req->arena,
			  &user, &why)) {
		json_put(doc, status, "authenticated", json_new_bool(doc, false));
		json_put(doc, status, "error", json_new_text(doc, why.text));
		return true;
	}
	json_put(doc, status, "authenticated", json_new_bool(doc, true));
	put_user(doc, json_sub_object(doc, status, "user"), &user);
	if (json_count(json_get(spec, "audiences")) > 0)
		json_put(doc, status, "audiences", json_clone(doc, json_get(spec, "audiences")));
	return true;
}

static bool answer_access(struct request *req, struct json_doc *doc, const struct json *spec,
			  const struct user *user, struct json *status, struct error *err)
{
	const struct json *resource = json_get(spec, "resourceAttributes"),
			  *path = json_get(spec, "nonResourceAttributes");
	struct attributes asked = { .user = user };

	if (!resource == !path)
		return error_set(err, ERROR_INVALID,
				 "spec.resourceAttributes: Invalid value: exactly one of "
				 "nonResourceAttributes or "
				 "resourceAttributes must be specified");
	asked.verb = json_str(json_get(resource ? resource : path, "verb"));
	if (path) {
		asked.path = json_str(json_get(path, "path"));
	} else {
		asked.group = json_str(json_get(resource, "group"));
		asked.resource = json_str(json_get(resource, "resource"));
		asked.subresource = json_str(json_get(resource, "subresource"));
		asked.namespace = json_str(json_get(resource, "namespace"));
		asked.name = json_str(json_get(resource, "name"));
	}
	json_put(doc, status, "allowed", json_new_bool(doc, authorize_check(req->server, &asked)));
	return true;
}

static bool answer_self_access(struct request *req, struct json_doc *doc, const struct json *spec,
			       struct json *status, struct error *err)
{
	return answer_access(req, doc, spec, &req->user, status, err);
}

static bool answer_subject_access(struct request *req, struct json_doc *doc,
				  const struct json *spec, struct json *status, struct error *err)
{
	const struct json *groups = json_get(spec, "groups");
	struct user user = { .name = str_copy_arena(json_str(json_get(spec, "user")), req->arena) };

	user.groups = arena_zero(req->arena, (json_count(groups) + 1) * sizeof(*user.groups));
	for (struct json_iter it = json_iter(groups); json_next(&it);)
		user.groups[it.index] = str_copy_arena(json_str(it.value), req->arena);
	return answer_access(req, doc, spec, &user, status, err);
}

static void add_rule(struct json_doc *doc, struct json *rules, const char *const words[3][2])
{
	struct json *rule = json_new_object(doc);

	for (size_t i = 0; i < 3; i++)
		if (words[i][0])
			json_append(json_sub_array(doc, rule, words[i][0]),
				    json_new_text(doc, words[i][1]));
	json_append(rules, rule);
}

static bool answer_rules(struct request *req, struct json_doc *doc, const struct json *spec,
			 struct json *status, struct error *err)
{
	static const char *const all[3][2] = { { "verbs", "*" },
					       { "apiGroups", "*" },
					       { "resources", "*" } };
	static const char *const all_paths[3][2] = { { "verbs", "*" },
						     { "nonResourceURLs", "*" },
						     { NULL, NULL } };
	static const char *const own[3][2] = { { "verbs", "create" },
					       { "apiGroups", AUTHORIZATION },
					       { "resources", "selfsubjectaccessreviews" } };
	struct attributes asked = {
		.user = &req->user, .verb = STR("*"), .resource = STR("*"), .group = STR("*")
	};
	struct json *resources = json_sub_array(doc, status, "resourceRules");
	struct json *paths = json_sub_array(doc, status, "nonResourceRules");
	bool everything = authorize_check(req->server, &asked);

	(void)spec;
	(void)err;
	add_rule(doc, resources, everything ? all : own);
	if (everything)
		add_rule(doc, paths, all_paths);
	json_put(doc, status, "incomplete", json_new_bool(doc, !everything));
	return true;
}

static const struct review rows[] = {
	{ AUTHENTICATION, "selfsubjectreviews", "SelfSubjectReview",
	  "io.k8s.api.authentication.v1.SelfSubjectReview", answer_self },
	{ AUTHENTICATION, "tokenreviews", "TokenReview", "io.k8s.api.authentication.v1.TokenReview",
	  answer_token },
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
