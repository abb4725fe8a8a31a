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

/* One rule: groups, versions, resources, operations.  `names`: it may have resourceNames. */
void webhook_check_rule(const struct kind_work *work, const struct json *rule, const char *path);
/* matchConditions: names and expressions. */
void webhook_check_conditions(const struct kind_work *work, const struct json *list,
			      const char *path);
/* A server by address or by service, with its certificates (webhooks, conversion of CRDs). */
void webhook_check_client(const struct kind_work *work, const struct json *client,
			  const char *path);

#endif
