/*
 * admit.c - the one list of admission rows, in the order they run: additions first, refusals after.
 */
#include "server/registry/admit.h"

extern const struct admit_row admit_certificate;
extern const struct admit_row admit_claim;
extern const struct admit_row admit_default_class;
extern const struct admit_row admit_limits;
extern const struct admit_row admit_namespace;
extern const struct admit_row admit_node;
extern const struct admit_row admit_priority;
extern const struct admit_row admit_rbac;
extern const struct admit_row admit_runtime_class;
extern const struct admit_row admit_service_account;
extern const struct admit_row admit_service;

static const struct admit_row *const rows[] = {
	&admit_namespace,
	&admit_rbac,
	&admit_certificate,
	&admit_node,
	&admit_limits,
	&admit_service_account,
	&admit_priority,
	&admit_default_class,
	&admit_claim,
	&admit_runtime_class,
	&admit_service,
};

bool admit_run(const struct admit_work *work, struct error *err)
{
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++)
		if (!rows[i]->admit(work, err))
			return false;
	return true;
}
