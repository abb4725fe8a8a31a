/*
 * kind_lease.c - the Lease kind: how a node says "I am alive", and how one of many becomes leader.
 *
 * Who holds it is on the disk; that it was renewed, which is said all the time, is in memory.  That
 * is safe: who wants a lease waits from the moment in which it has itself seen the last change.
 */
#include "api/validate.h"

/* Nobody coordinates elections here: what asks for it is not kept. */
static void drop_coordination(const struct kind_work *work)
{
	struct json *spec = json_get(work->object, "spec");

	if (!spec)
		return;
	json_remove(spec, STR("strategy"));
	json_remove(spec, STR("preferredHolder"));
}

static void validate(const struct kind_work *work)
{
	const struct json *spec = json_get(work->object, "spec"),
			  *seconds = json_get(spec, "leaseDurationSeconds");

	if (seconds && json_int(seconds) <= 0)
		validate_invalid(work, "spec.leaseDurationSeconds", seconds,
				 "must be greater than 0");
	validate_not_negative(work, json_get(spec, "leaseTransitions"), "spec.leaseTransitions");
}

static const struct column columns[] = {
	{ .name = "Name", .format = "name", .path = ".metadata.name" },
	{ .name = "Holder", .path = ".spec.holderIdentity" },
	{ .name = "Age", .path = ".metadata.creationTimestamp" },
	{ 0 },
};

static const char *const pulse[] = { "spec.renewTime", NULL };

const struct kind kind_lease = {
	.group = "coordination.k8s.io",
	.version = "v1",
	.name = "Lease",
	.plural = "leases",
	.type_name = "io.k8s.api.coordination.v1.Lease",
	.namespaced = true,
	.pulse = pulse,
	.put_creates = true,
	.needs_revision = true,
	.name_rule = NAME_SUBDOMAIN,
	.verbs = VERB_ALL,
	.on_create = drop_coordination,
	.on_update = drop_coordination,
	.validate = validate,
	.columns = columns,
};
