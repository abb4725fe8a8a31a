/*
 * bootstrap.c - keys, certificates, tokens and the kubeconfig on disk.
 */
#include "server/bootstrap.h"

#include <arpa/inet.h>
#include <assert.h>
#include <grp.h>
#include <ifaddrs.h>
#include <inttypes.h>
#include <net/if.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/random.h"
#include "net/local_address.h"
#include "net/pki.h"

#define CA_DAYS   3650
#define NAMES_MAX 64

struct work {
	const struct server_plan *plan;
	struct secrets *secrets;
	char *folder; /* .../server/tls */
};

/* --- files --- */

static bool read_or_not(const char *path, struct buf *out, bool *out_found, struct error *err)
{
	*out_found = file_exists(path);
	return !*out_found || file_read(path, LIMIT_CONFIG_FILE, out, err);
}

/* The key in <folder>/<name>.key, made when missing. */
static bool load_key(struct work *work, const char *name, struct buf *out, struct error *err)
{
	auto_free char *path = memory_print("%s/%s.key", work->folder, name);
	bool found;

	if (!read_or_not(path, out, &found, err))
		return false;
	if (found)
		return true;
	return pki_new_key(out, err) && file_replace(path, buf_str(out), 0600, err);
}

static bool is_fresh(struct str cert, struct error *err)
{
	struct pki_info info;

	return pki_read(cert, &info, err) && pki_is_fresh(&info);
}

static bool store_cert(struct work *work, const char *name, struct buf *cert, struct error *err)
{
	auto_free char *path = memory_print("%s/%s.crt", work->folder, name);

	return file_replace(path, buf_str(cert), 0600, err);
}

static bool load_ca(struct work *work, const char *name, struct buf *cert, struct buf *key,
		    struct error *err)
{
	auto_free char *path = memory_print("%s/%s.crt", work->folder, name);
	auto_free char *subject = memory_print("mote-%s@%" PRId64, name, clock_wall_s());
	struct pki_plan plan = { .subject = { .name = subject }, .uses = PKI_CA, .days = CA_DAYS };
	bool found;

	if (!load_key(work, name, key, err) || !read_or_not(path, cert, &found, err))
		return false;
	if (found)
		return true;
	return pki_issue(&plan, buf_str(key), STR_NONE, STR_NONE, cert, err) &&
	       store_cert(work, name, cert, err);
}

/* --- names of the serving certificate --- */

struct names {
	const char *list[NAMES_MAX + 1];
	size_t count;
	struct arena *arena;
};

static void add_name(struct names *names, const char *text)
{
	for (size_t i = 0; i < names->count; i++)
		if (strcmp(names->list[i], text) == 0)
			return;
	if (names->count < NAMES_MAX)
		names->list[names->count++] = arena_string(names->arena, text, strlen(text));
}

static void add_local_addresses(struct names *names)
{
	struct ifaddrs *all = NULL;
	char text[INET6_ADDRSTRLEN];

	if (getifaddrs(&all) != 0)
		return;
	for (struct ifaddrs *at = all; at; at = at->ifa_next) {
		const void *address = NULL;

		if (!at->ifa_addr || !(at->ifa_flags & IFF_UP))
			continue;
		if (at->ifa_addr->sa_family == AF_INET)
			address = &((struct sockaddr_in *)(void *)at->ifa_addr)->sin_addr;
		if (address && inet_ntop(AF_INET, address, text, sizeof(text)))
			add_name(names, text);
	}
	freeifaddrs(all);
}

static bool gather_names(struct work *work, struct names *names, struct error *err)
{
	static const char *const fixed[] = {
		"localhost",  "127.0.0.1",          "::1",
		"kubernetes", "kubernetes.default", "kubernetes.default.svc"
	};
	char host[256] = "", service[64];

	for (size_t i = 0; i < ARRAY_LENGTH(fixed); i++)
		add_name(names, fixed[i]);
	add_name(names, arena_print(names->arena, "kubernetes.default.svc.%s",
				    work->plan->cluster_domain));
	if (!bootstrap_service_address(work->plan->service_cidr, service, err))
		return false;
	add_name(names, service);
	add_name(names, work->secrets->address);
	if (gethostname(host, sizeof(host) - 1) == 0 && host[0])
		add_name(names, host);
	for (size_t i = 0; i < work->plan->tls_san.count; i++)
		add_name(names, work->plan->tls_san.items[i]);
	add_local_addresses(names);
	return true;
}

static bool load_serving(struct work *work, struct error *err)
{
	struct secrets *secrets = work->secrets;
	auto_arena arena = arena_new();
	struct names *names = arena_zero(arena, sizeof(*names));
	auto_buf wished = BUF_INIT;
	auto_buf known = BUF_INIT;
	auto_free char *cert_path = memory_print("%s/serving.crt", work->folder);
	auto_free char *names_path = memory_print("%s/serving.names", work->folder);
	struct pki_plan plan = { .subject = { .name = "mote" },
				 .uses = PKI_SERVER,
				 .days = PKI_LEAF_DAYS };
	bool found, found_names;

	names->arena = arena;
	if (!gather_names(work, names, err) ||
	    !load_key(work, "serving", &secrets->serving_key, err) ||
	    !read_or_not(cert_path, &secrets->serving, &found, err) ||
	    !read_or_not(names_path, &known, &found_names, err))
		return false;
	for (size_t i = 0; i < names->count; i++)
		buf_add_print(&wished, "%s\n", names->list[i]);
	if (found && found_names && str_equal(buf_str(&known), buf_str(&wished)) &&
	    is_fresh(buf_str(&secrets->serving), err))
		return true;
	buf_clear(&secrets->serving);
	plan.names = names->list;
	return pki_issue(&plan, buf_str(&secrets->serving_key), buf_str(&secrets->server_ca),
			 buf_str(&secrets->server_ca_key), &secrets->serving, err) &&
	       store_cert(work, "serving", &secrets->serving, err) &&
	       file_replace(names_path, buf_str(&wished), 0600, err);
}

/* A certificate of a client, by the authority given. */
static bool load_client(struct work *work, const char *file, const struct pki_subject *subject,
			const struct buf *ca, const struct buf *ca_key, struct buf *cert,
			struct buf *key, struct error *err)
{
	auto_free char *path = memory_print("%s/%s.crt", work->folder, file);
	struct pki_plan plan = { .subject = *subject, .uses = PKI_CLIENT, .days = PKI_LEAF_DAYS };
	bool found;

	if (!load_key(work, file, key, err) || !read_or_not(path, cert, &found, err))
		return false;
	if (found && is_fresh(buf_str(cert), err))
		return true;
	buf_clear(cert);
	return pki_issue(&plan, buf_str(key), buf_str(ca), buf_str(ca_key), cert, err) &&
	       store_cert(work, file, cert, err);
}

static bool load_clients(struct work *work, struct error *err)
{
	static const char *const organizations[] = { "system:masters", NULL };
	static const struct pki_subject admin = { .name = "system:admin",
						  .organizations = organizations },
					proxy = { .name = BOOTSTRAP_PROXY_NAME };
	struct secrets *secrets = work->secrets;

	return load_client(work, "admin", &admin, &secrets->client_ca, &secrets->client_ca_key,
			   &secrets->admin, &secrets->admin_key, err) &&
	       load_client(work, "client-auth-proxy", &proxy, &secrets->proxy_ca,
			   &secrets->proxy_ca_key, &secrets->proxy, &secrets->proxy_key, err);
}

/* --- tokens: M10<hash of the CA>::server:<secret> --- */

static char *secret_of(struct str token)
{
	ptrdiff_t at = str_search(token, STR("::"));

	while (token.len > 0 && (token.at[token.len - 1] == '\n' || token.at[token.len - 1] == ' '))
		token.len--;
	if (at >= 0) {
		token = str_from(token.at + at + 2, token.len - (size_t)at - 2);
		str_cut(&token, ':');
	}
	return str_copy(token);
}

static char *new_secret(void)
{
	unsigned char bytes[24];
	auto_buf text = BUF_INIT;

	random_bytes(bytes, sizeof(bytes));
	buf_add_hex(&text, str_from(bytes, sizeof(bytes)));
	return buf_take(&text);
}

static bool load_token(struct work *work, const char *name, const char *given, char **out,
		       struct error *err)
{
	auto_free char *path = memory_print("%s/server/%s", work->plan->data_dir, name);
	auto_buf known = BUF_INIT;
	auto_buf text = BUF_INIT;
	char hash[65];
	bool found;

	if (!read_or_not(path, &known, &found, err))
		return false;
	if (given && *given)
		*out = secret_of(str_of(given));
	else
		*out = found ? secret_of(buf_str(&known)) : new_secret();
	if (strlen(*out) == 0)
		return error_set(err, ERROR_INVALID, "the token in %s is empty", path);
	if (!pki_fingerprint(buf_str(&work->secrets->server_ca), hash, err))
		return false;
	buf_add_print(&text, "M10%s::server:%s\n", hash, *out);
	if (found && str_equal(buf_str(&known), buf_str(&text)))
		return true;
	return file_replace(path, buf_str(&text), 0600, err);
}

/* What the command line gives, itself or in a file; `text` keeps it. */
static bool given_token(const char *token, const char *path, const char *flag, struct buf *text,
			struct error *err)
{
	if (!path || !*path) {
		buf_add_text(text, token ? token : "");
		return true;
	}
	if (!file_read(path, LIMIT_CONFIG_FILE, text, err))
		return error_context(err, "read %s", flag);
	if (strspn(buf_text(text), " \t\r\n") == text->len)
		return error_set(err, ERROR_INVALID,
				 "the file %s (%s) is empty: it must hold the token that machines "
				 "join with",
				 path, flag);
	return true;
}

static bool load_tokens(struct work *work, struct error *err)
{
	const struct server_plan *plan = work->plan;
	struct secrets *secrets = work->secrets;
	auto_buf token = BUF_INIT, agents = BUF_INIT;

	if (!given_token(plan->token, plan->token_file, "--token-file", &token, err) ||
	    !given_token(plan->agent_token, plan->agent_token_file, "--agent-token-file", &agents,
			 err) ||
	    !load_token(work, "token", buf_text(&token), &secrets->server_token, err))
		return false;
	return load_token(work, "node-token",
			  agents.len > 0 ? buf_text(&agents) : secrets->server_token,
			  &secrets->agent_token, err);
}

/* --- addresses --- */

bool bootstrap_service_address(const char *service_cidr, char out[64], struct error *err)
{
	struct str rest = str_of(service_cidr), host = str_cut(&rest, '/');
	auto_free char *text = str_copy(host);
	struct in_addr address;

	if (inet_pton(AF_INET, text, &address) != 1)
		return error_set(err, ERROR_INVALID, "service-cidr \"%s\" is no IPv4 range",
				 service_cidr);
	address.s_addr = htonl(ntohl(address.s_addr) + 1);
	if (!inet_ntop(AF_INET, &address, out, 64))
		return error_os(err, "print service address");
	return true;
}

/* --- all of it --- */

bool bootstrap_secrets(const struct server_plan *plan, struct secrets *out, struct error *err)
{
	struct work work = { .plan = plan, .secrets = out };
	auto_free char *folder = memory_print("%s/server/tls", plan->data_dir);

	work.folder = folder;
	memset(out, 0, sizeof(*out));
	out->address = plan->advertise_address && *plan->advertise_address
			       ? memory_string(plan->advertise_address)
			       : local_address(STR_NONE);
	return file_make_dirs(folder, 0700, err) &&
	       load_ca(&work, "server-ca", &out->server_ca, &out->server_ca_key, err) &&
	       load_ca(&work, "client-ca", &out->client_ca, &out->client_ca_key, err) &&
	       load_ca(&work, "request-header-ca", &out->proxy_ca, &out->proxy_ca_key, err) &&
	       load_serving(&work, err) && load_clients(&work, err) &&
	       load_key(&work, "service-account", &out->account_key, err) &&
	       load_tokens(&work, err);
}

bool bootstrap_is_fresh(const struct secrets *secrets)
{
	struct error ignored;

	return is_fresh(buf_str(&secrets->serving), &ignored) &&
	       is_fresh(buf_str(&secrets->admin), &ignored) &&
	       is_fresh(buf_str(&secrets->proxy), &ignored);
}

bool bootstrap_renew(const struct server_plan *plan, struct secrets *secrets, struct error *err)
{
	struct work work = { .plan = plan, .secrets = secrets };
	auto_free char *folder = memory_print("%s/server/tls", plan->data_dir);

	work.folder = folder;
	buf_clear(&secrets->serving);
	buf_clear(&secrets->serving_key);
	buf_clear(&secrets->admin);
	buf_clear(&secrets->admin_key);
	buf_clear(&secrets->proxy);
	buf_clear(&secrets->proxy_key);
	return load_serving(&work, err) && load_clients(&work, err);
}

void bootstrap_clear(struct secrets *secrets)
{
	struct buf *const bufs[] = { &secrets->server_ca,  &secrets->server_ca_key,
				     &secrets->client_ca,  &secrets->client_ca_key,
				     &secrets->proxy_ca,   &secrets->proxy_ca_key,
				     &secrets->serving,    &secrets->serving_key,
				     &secrets->admin,      &secrets->admin_key,
				     &secrets->proxy,      &secrets->proxy_key,
				     &secrets->account_key };

	for (size_t i = 0; i < ARRAY_LENGTH(bufs); i++)
		buf_clear(bufs[i]);
	free(secrets->server_token);
	free(secrets->agent_token);
	free(secrets->address);
	memset(secrets, 0, sizeof(*secrets));
}

/* --- the kubeconfig --- */

static bool parse_mode(const char *text, mode_t *out, struct error *err)
{
	char *end = NULL;
	unsigned long mode;

	*out = 0600;
	if (!text || !*text)
		return true;
	mode = strtoul(text, &end, 8);
	if (*end || text[0] == '-' || mode == 0 || mode > 0777)
		return error_set(err, ERROR_INVALID,
				 "--write-kubeconfig-mode must be a file mode such as 0640, not "
				 "\"%s\"",
				 text);
	*out = (mode_t)mode;
	return true;
}

static bool give_to_group(const char *path, const char *group, struct error *err)
{
	const struct group *found;
	int64_t id = -1;

	if (!group || !*group)
		return true;
	if (!str_to_i64(str_of(group), 0, INT32_MAX, &id)) {
		found = getgrnam(group);
		if (!found)
			return error_set(err, ERROR_INVALID,
					 "--write-kubeconfig-group: there is no group %s", group);
		id = found->gr_gid;
	}
	return chown(path, (uid_t)-1, (gid_t)id) == 0 ||
	       error_os(err, "give %s to the group %s", path, group);
}

bool bootstrap_kubeconfig(const struct server_plan *plan, const struct secrets *secrets,
			  struct error *err)
{
	const char *host =
		strcmp(plan->bind_address, "0.0.0.0") == 0 ? "127.0.0.1" : plan->bind_address;
	auto_buf text = BUF_INIT;
	auto_free char *folder = memory_string(plan->write_kubeconfig);
	const struct {
		const char *name;
		const struct buf *pem;
	} parts[] = { { "client-certificate-data", &secrets->admin },
		      { "client-key-data", &secrets->admin_key } };
	char *slash = strrchr(folder, '/');
	mode_t mode;

	if (!parse_mode(plan->write_kubeconfig_mode, &mode, err))
		return false;
	buf_add_text(&text, "apiVersion: v1\nkind: Config\nclusters:\n- cluster:\n    "
			    "certificate-authority-data: ");
	buf_add_base64(&text, buf_str(&secrets->server_ca));
	buf_add_print(&text, "\n    server: https://%s:%" PRId64 "\n  name: default\n", host,
		      plan->https_listen_port);
	buf_add_text(
		&text,
		"contexts:\n- context:\n    cluster: default\n    user: default\n  name: default\n"
		"current-context: default\npreferences: {}\nusers:\n- name: default\n  user:\n");
	for (size_t i = 0; i < ARRAY_LENGTH(parts); i++) {
		buf_add_print(&text, "    %s: ", parts[i].name);
		buf_add_base64(&text, buf_str(parts[i].pem));
		buf_add_byte(&text, '\n');
	}
	if (slash && slash != folder) {
		*slash = '\0';
		if (!file_make_dirs(folder, 0755, err))
			return false;
	}
	return file_replace(plan->write_kubeconfig, buf_str(&text), mode, err) &&
	       give_to_group(plan->write_kubeconfig, plan->write_kubeconfig_group, err);
}
