/*
 * validate_webhook.h - what the kinds of admissionregistration share: webhooks, rules that say
 * which requests are meant, conditions.
 */
#ifndef API_VALIDATE_WEBHOOK_H
#define API_VALIDATE_WEBHOOK_H

#include "api/kind.h"

#define WEBHOOK_GROUP "admissionregistration.k8s.io"

extern const char *const webhook_categories[];

/* The list `webhooks` of a Mutating- or ValidatingWebhookConfiguration. */
void webhook_fill(const struct kind_work *work);
void webhook_validate(const struct kind_work *work);
void webhook_warn(const struct kind_work *work);
void webhook_print_count(const struct json *object, struct buf *out);

/* Rules that say which requests are meant: operations, groups, versions, resources. */
void webhook_check_rules(const struct kind_work *work, const struct json *rules, const char *path);
/* MatchResources: selectors and rules; and the defaults of it. */
void webhook_check_match(const struct kind_work *work, const struct json *match, const char *path);
void webhook_fill_match(const struct kind_work *work, struct json *match);
/* matchConditions: names and expressions.  Expressions are not compiled. */
void webhook_check_conditions(const struct kind_work *work, const struct json *list,
			      const char *path);
/* A server, by address or by service (webhooks, conversion of CRDs). */
void webhook_check_client(const struct kind_work *work, const struct json *client,
			  const char *path);
/* Versions of a review that the server understands: at least one of v1, v1beta1. */
void webhook_check_versions(const struct kind_work *work, const struct json *versions,
			    const char *path, const char *missing);
/* Is there nothing but blanks? */
bool webhook_is_blank(const struct json *text);

#endif
