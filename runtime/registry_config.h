/*
 * registry_config.h - what the cluster's registries.yaml says: mirrors, logins, trust.
 *
 *	mirrors:                               configs:
 *	  docker.io:                             example.test:5000:
 *	    endpoint: ["https://example.test"]     auth: {username, password, auth, identity_token}
 *	    rewrite: {"^library/(.*)": "hub/$1"}   tls: {ca_file, cert_file, key_file,
 *	  "*": ...                                       insecure_skip_verify}
 *
 * The whole is given as JSON; NULL is "nothing is said".  Any thread.
 */
#ifndef RUNTIME_REGISTRY_CONFIG_H
#define RUNTIME_REGISTRY_CONFIG_H

#include "base/json.h"
#include "net/tls.h"
#include "runtime/image_name.h"
#include "runtime/registry_auth.h"
#include "runtime/registry_url.h"

#define REGISTRY_ENDPOINTS_MAX 8

/* One place that may have the image. */
struct registry_endpoint {
	struct registry_url base; /* its target is "/v2" or the path the endpoint was given with */
	char repository[256];     /* rewritten for mirrors */
	bool is_own;              /* the image's own registry, not a mirror of it */
};
struct registry_endpoints {
	struct registry_endpoint at[REGISTRY_ENDPOINTS_MAX];
	size_t count;
};
void registry_endpoints_clear(struct registry_endpoints *endpoints);
#define auto_registry_endpoints                                                                    \
	__attribute__((cleanup(registry_endpoints_clear))) struct registry_endpoints

/*
 * Mirrors of the image's host in their order (those of "*" when it has none), then the host itself
 * unless a mirror names it.  Plain HTTP is for endpoints that say http:// and, without tls
 * settings, for hosts on this machine.  *out must be zeroed.  ERROR_INVALID names a wrong endpoint
 * or rewrite.
 */
MUST_CHECK bool registry_config_endpoints(const struct json *registries,
					  const struct image_name *name,
					  struct registry_endpoints *out, struct error *err);

/* The login for a host, empty when there is none.  *out must be zeroed.  ERROR_INVALID. */
MUST_CHECK bool registry_config_login(const struct json *registries, const char *authority,
				      struct registry_login *out, struct error *err);

/*
 * Whom to trust at `authority`: its tls settings, else those of `by` (the registry that sent us
 * there, which never gets its client certificate shown elsewhere), else this machine's roots.
 * A ca_file is trusted in addition to those roots.
 */
MUST_CHECK bool registry_config_trust(const struct json *registries, const char *authority,
				      const char *by, struct tls_config **out, struct error *err);

#endif
