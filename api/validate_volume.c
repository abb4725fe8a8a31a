/*
 * validate_volume.c - the sources of volumes: a row says which fields must be there, a function
 * what else must hold.
 */
#include "api/validate_volume.h"

#include "api/quantity.h"
#include "api/validate.h"
#include "api/validate_claim.h"
#include "api/validate_files.h"
#include "api/validate_iscsi.h"
#include "api/validate_values.h"
#include "api/validate_words.h"

#define AT(...)             field_path(work->errors, __VA_ARGS__)
#define LUN_MAX             255
#define DRIVER_NAME_MAX     63
#define QUOBYTE_TENANT_MAX  64
#define MANAGED_DISK_PREFIX "/subscriptions/"

typedef void check_fn(const struct kind_work *work, const struct json *source, const char *path);

struct row {
	const char *name;    /* the field of the volume */
	const char *needs;   /* fields that must not be empty, in order, or NULL */
	check_fn *check;     /* or NULL */
	const char *content; /* as errors in it call it, NULL = name */
	const char *other;   /* as it is called when it is one too many, NULL = name */
};

/* --- checks of one source --- */

static void check_partition(const struct kind_work *work, const struct json *source,
			    const char *path)
{
	const struct json *partition = json_get(source, "partition");

	if (json_int(partition) < 0 || json_int(partition) > LUN_MAX)
		validate_invalid(work, AT("%s.partition", path), partition,
				 "must be between 1 and 255, inclusive");
}

static void check_host_path(const struct kind_work *work, const struct json *source,
			    const char *path)
{
	static const char *const types[] = {
		"",     "BlockDevice",  "CharDevice", "Directory", "DirectoryOrCreate",
		"File", "FileOrCreate", "Socket",     NULL
	};

	if (!values_required(work, AT("%s.path", path), json_get(source, "path")))
		return;
	files_no_climbing(work, json_get(source, "path"), AT("%s.path", path));
	if (json_get(source, "type"))
		words_check(work, AT("%s.type", path), json_get(source, "type"), types);
}

static void check_local(const struct kind_work *work, const struct json *source, const char *path)
{
	if (values_required(work, AT("%s.path", path), json_get(source, "path")))
		files_no_climbing(work, json_get(source, "path"), AT("%s.path", path));
}

static void check_empty_dir(const struct kind_work *work, const struct json *source,
			    const char *path)
{
	if (quantity_sign(json_str(json_get(source, "sizeLimit"))) < 0)
		words_forbidden(work, AT("%s.sizeLimit", path),
				"SizeLimit field must be a valid resource quantity");
}

static void check_git(const struct kind_work *work, const struct json *source, const char *path)
{
	files_inside(work, json_get(source, "directory"), AT("%s.directory", path));
}

static void check_nfs(const struct kind_work *work, const struct json *source, const char *path)
{
	const struct json *where = json_get(source, "path");

	if (!str_starts(json_str(where), STR("/")))
		validate_invalid(work, AT("%s.path", path), words_text(work, where),
				 "must be an absolute path");
}

static void check_flocker(const struct kind_work *work, const struct json *source, const char *path)
{
	const struct json *name = json_get(source, "datasetName");
	bool has_name = json_str(name).len > 0,
	     has_uid = json_str(json_get(source, "datasetUUID")).len > 0;

	if (!has_name && !has_uid)
		validate_required(work, path, "one of datasetName and datasetUUID is required");
	if (has_name && has_uid)
		field_errors_add(work->errors, FIELD_INVALID, path, "\"resource\"",
				 "datasetName and datasetUUID can not be specified simultaneously");
	if (str_find(json_str(name), '/') >= 0)
		validate_invalid(work, AT("%s.datasetName", path), name, "must not contain '/'");
}

/* A secret by its name, of persistent volumes also by its namespace. */
static void check_secret_ref(const struct kind_work *work, const struct json *source,
			     const char *path)
{
	const struct json *secret = json_get(source, "secretRef");

	if (secret)
		values_required(work, AT("%s.secretRef.name", path), json_get(secret, "name"));
}

static void check_kept_secret_ref(const struct kind_work *work, const struct json *source,
				  const char *path)
{
	const struct json *secret = json_get(source, "secretRef");

	check_secret_ref(work, source, path);
	if (secret)
		values_required(work, AT("%s.secretRef.namespace", path),
				json_get(secret, "namespace"));
}

static void check_glusterfs(const struct kind_work *work, const struct json *source,
			    const char *path)
{
	const struct json *name = json_get(source, "endpointsNamespace");
	const char *here = AT("%s.endpointsNamespace", path);

	if (name && json_str(name).len == 0)
		validate_invalid(
			work, here, name,
			"if the endpointnamespace is set, it must be a valid namespace name");
	else if (name)
		values_name(work, here, name, name_label);
}

static bool is_host_port(struct str pair)
{
	ptrdiff_t at = str_find(pair, ':');
	struct str rest = pair;

	if (str_starts(pair, STR("[")))
		return str_search(pair, STR("]:")) > 0;
	if (at < 0)
		return false;
	str_cut(&rest, ':');
	return str_find(rest, ':') < 0;
}

static void check_quobyte(const struct kind_work *work, const struct json *source, const char *path)
{
	static const char words[] =
		"must be a host:port pair or multiple pairs separated by commas";
	const struct json *registry = json_get(source, "registry");
	struct str rest = json_str(registry);

	if (rest.len == 0) {
		validate_required(work, AT("%s.registry", path), words);
	} else if (json_str(json_get(source, "tenant")).len > QUOBYTE_TENANT_MAX) {
		validate_required(work, AT("%s.tenant", path),
				  "must be a UUID and may not exceed a length of 64 characters");
	} else {
		while (rest.len > 0)
			if (!is_host_port(str_cut(&rest, ',')))
				validate_invalid(work, AT("%s.registry", path), registry, words);
	}
	values_required(work, AT("%s.volume", path), json_get(source, "volume"));
}

static void check_fc(const struct kind_work *work, const struct json *source, const char *path)
{
	const struct json *names = json_get(source, "targetWWNs"), *lun = json_get(source, "lun");
	bool by_name = json_count(names) > 0, by_id = json_count(json_get(source, "wwids")) > 0;

	if (!by_name && !by_id)
		validate_required(work, AT("%s.targetWWNs", path),
				  "must specify either targetWWNs or wwids, but not both");
	if (by_name && by_id)
		words_invalid_list(work, AT("%s.targetWWNs", path), names,
				   "targetWWNs and wwids can not be specified simultaneously");
	if (by_name && !lun)
		validate_required(work, AT("%s.lun", path),
				  "lun is required if targetWWNs is specified");
	else if (by_name)
		values_range(work, AT("%s.lun", path), lun, 0, LUN_MAX);
}

/* Options of Kubernetes' own are its own. */
static bool is_reserved(struct str key)
{
	struct str host = str_cut(&key, '/');
	auto_buf name = BUF_INIT;

	buf_add_byte(&name, '.');
	for (size_t i = 0; i < host.len; i++)
		buf_add_byte(&name, host.at[i] >= 'A' && host.at[i] <= 'Z' ? (char)(host.at[i] + 32)
									   : host.at[i]);
	return str_ends(buf_str(&name), STR(".kubernetes.io")) ||
	       str_ends(buf_str(&name), STR(".k8s.io"));
}

static void check_flex(const struct kind_work *work, const struct json *source, const char *path)
{
	for (struct json_iter it = json_iter(json_get(source, "options")); json_next(&it);)
		if (is_reserved(it.key))
			values_invalid_text(
				work, AT("%s.options[" STR_FMT "]", path, STR_ARG(it.key)), it.key,
				"kubernetes.io and k8s.io namespaces are reserved");
}

static void check_azure_share(const struct kind_work *work, const struct json *source,
			      const char *path)
{
	const struct json *name = json_get(source, "secretNamespace");

	if (name)
		values_required(work, AT("%s.secretNamespace", path), name);
}

static void check_azure_disk(const struct kind_work *work, const struct json *source,
			     const char *path)
{
	static const char *const modes[] = { "None", "ReadOnly", "ReadWrite", NULL };
	static const char *const kinds[] = { "Dedicated", "Managed", "Shared", NULL };
	static const char *const managed_uris[] = {
		MANAGED_DISK_PREFIX "{sub-id}/resourcegroups/{group-name}/providers/"
				    "microsoft.compute/disks/{disk-id}",
		NULL
	};
	static const char *const blob_uris[] = {
		"https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd",
		NULL
	};
	const struct json *kind = json_get(source, "kind"), *uri = json_get(source, "diskURI");
	bool managed = str_is(json_str(kind), "Managed");

	if (json_get(source, "cachingMode"))
		words_check(work, AT("%s.cachingMode", path), json_get(source, "cachingMode"),
			    modes);
	if (!kind)
		return;
	words_check(work, AT("%s.kind", path), kind, kinds);
	if (managed && !str_starts(json_str(uri), STR(MANAGED_DISK_PREFIX)))
		words_not_supported(work, AT("%s.diskURI", path), uri, managed_uris);
	if (!managed && !str_starts(json_str(uri), STR("https://")))
		words_not_supported(work, AT("%s.diskURI", path), uri, blob_uris);
}

static void check_storage_os(const struct kind_work *work, const struct json *source,
			     const char *path)
{
	values_required_name(work, AT("%s.volumeName", path), json_get(source, "volumeName"),
			     name_label);
	if (json_str(json_get(source, "volumeNamespace")).len > 0)
		values_name(work, AT("%s.volumeNamespace", path),
			    json_get(source, "volumeNamespace"), name_label);
	check_secret_ref(work, source, path);
}

static void check_kept_storage_os(const struct kind_work *work, const struct json *source,
				  const char *path)
{
	const struct json *secret = json_get(source, "secretRef");

	check_storage_os(work, source, path);
	if (secret)
		values_required(work, AT("%s.secretRef.namespace", path),
				json_get(secret, "namespace"));
}

static void check_driver(const struct kind_work *work, const struct json *driver, const char *path)
{
	struct str name = json_str(driver);
	auto_buf lower = BUF_INIT;
	struct name_faults faults = { .count = 0 };

	values_required(work, path, driver);
	if (name.len > DRIVER_NAME_MAX)
		words_too_long(work, path, DRIVER_NAME_MAX);
	for (size_t i = 0; i < name.len; i++)
		buf_add_byte(&lower, name.at[i] >= 'A' && name.at[i] <= 'Z'
					     ? (char)(name.at[i] + 32)
					     : name.at[i]);
	name_subdomain(buf_str(&lower), &faults);
	for (size_t i = 0; i < faults.count; i++)
		validate_invalid(work, path, words_text(work, driver), faults.why[i]);
}

/* The faults of the secret's name are told of "name". */
static void check_csi(const struct kind_work *work, const struct json *source, const char *path)
{
	const struct json *secret = json_get(source, "nodePublishSecretRef");

	check_driver(work, json_get(source, "driver"), AT("%s.driver", path));
	if (secret && values_required(work, AT("%s.nodePublishSecretRef.name", path),
				      json_get(secret, "name")))
		values_name(work, AT("%s.name", path), json_get(secret, "name"), name_subdomain);
}

static void check_kept_csi(const struct kind_work *work, const struct json *source,
			   const char *path)
{
	static const char *const secrets[] = { "controllerPublishSecretRef",
					       "controllerExpandSecretRef", "nodePublishSecretRef",
					       "nodeExpandSecretRef" };

	check_driver(work, json_get(source, "driver"), AT("%s.driver", path));
	values_required(work, AT("%s.volumeHandle", path), json_get(source, "volumeHandle"));
	for (size_t i = 0; i < ARRAY_LENGTH(secrets); i++) {
		const struct json *secret = json_get(source, secrets[i]);

		if (!secret)
			continue;
		values_required_name(work, AT("%s.%s.name", path, secrets[i]),
				     json_get(secret, "name"), name_subdomain);
		values_required_name(work, AT("%s.%s.namespace", path, secrets[i]),
				     json_get(secret, "namespace"), name_label);
	}
}

static void check_ephemeral(const struct kind_work *work, const struct json *source,
			    const char *path)
{
	const struct json *claim = json_get(source, "volumeClaimTemplate");
	const char *here = AT("%s.volumeClaimTemplate", path);

	if (!claim) {
		validate_required(work, here, "");
		return;
	}
	validate_labels(work, json_path(claim, "metadata", "labels", NULL),
			AT("%s.metadata.labels", here));
	claim_spec(work, json_get(claim, "spec"), AT("%s.spec", here));
}

static void check_image(const struct kind_work *work, const struct json *source, const char *path)
{
	static const char *const policies[] = { "Always", "IfNotPresent", "Never", NULL };

	if (strcmp(work->kind->name, "Pod") == 0)
		values_required(work, AT("%s.reference", path), json_get(source, "reference"));
	values_choice(work, AT("%s.pullPolicy", path), json_get(source, "pullPolicy"), policies);
}

/* --- the rows, in the order of the real server --- */

static const struct row pod_rows[] = {
	{ "emptyDir", NULL, check_empty_dir, NULL, NULL },
	{ "hostPath", NULL, check_host_path, NULL, NULL },
	{ "gitRepo", "repository", check_git, NULL, NULL },
	{ "gcePersistentDisk", "pdName", check_partition, "persistentDisk", NULL },
	{ "awsElasticBlockStore", "volumeID", check_partition, NULL, NULL },
	{ "secret", NULL, files_secret, NULL, NULL },
	{ "nfs", "server path", check_nfs, NULL, NULL },
	{ "iscsi", NULL, iscsi_pod_source, NULL, NULL },
	{ "glusterfs", "endpoints path", NULL, NULL, NULL },
	{ "flocker", NULL, check_flocker, NULL, NULL },
	{ "persistentVolumeClaim", "claimName", NULL, NULL, NULL },
	{ "rbd", "monitors image", NULL, NULL, NULL },
	{ "cinder", "volumeID", check_secret_ref, NULL, NULL },
	{ "cephfs", "monitors", NULL, NULL, "cephFS" },
	{ "quobyte", NULL, check_quobyte, NULL, NULL },
	{ "downwardAPI", NULL, files_downward, NULL, "downwarAPI" },
	{ "fc", NULL, check_fc, NULL, NULL },
	{ "flexVolume", "driver", check_flex, NULL, NULL },
	{ "configMap", NULL, files_config_map, NULL, NULL },
	{ "azureFile", "secretName shareName", NULL, NULL, NULL },
	{ "vsphereVolume", "volumePath", NULL, NULL, NULL },
	{ "photonPersistentDisk", "pdID", NULL, NULL, NULL },
	{ "portworxVolume", "volumeID", NULL, NULL, NULL },
	{ "azureDisk", "diskName diskURI", check_azure_disk, NULL, NULL },
	{ "storageos", NULL, check_storage_os, NULL, NULL },
	{ "projected", NULL, files_projected, NULL, NULL },
	{ "scaleIO", "gateway system volumeName", NULL, NULL, NULL },
	{ "csi", NULL, check_csi, NULL, NULL },
	{ "ephemeral", NULL, check_ephemeral, NULL, NULL },
	{ "image", NULL, check_image, NULL, NULL },
};
static const struct row kept_rows[] = {
	{ "hostPath", NULL, check_host_path, NULL, NULL },
	{ "gcePersistentDisk", "pdName", check_partition, "persistentDisk", NULL },
	{ "awsElasticBlockStore", "volumeID", check_partition, NULL, NULL },
	{ "glusterfs", "endpoints path", check_glusterfs, NULL, NULL },
	{ "flocker", NULL, check_flocker, NULL, NULL },
	{ "nfs", "server path", check_nfs, NULL, NULL },
	{ "rbd", "monitors image", NULL, NULL, NULL },
	{ "quobyte", NULL, check_quobyte, NULL, NULL },
	{ "cephfs", "monitors", NULL, NULL, "cephFS" },
	{ "iscsi", NULL, iscsi_kept_source, NULL, NULL },
	{ "cinder", "volumeID", check_kept_secret_ref, NULL, NULL },
	{ "fc", NULL, check_fc, NULL, NULL },
	{ "flexVolume", "driver", check_flex, NULL, NULL },
	{ "azureFile", "secretName shareName", check_azure_share, NULL, NULL },
	{ "vsphereVolume", "volumePath", NULL, NULL, NULL },
	{ "photonPersistentDisk", "pdID", NULL, NULL, NULL },
	{ "portworxVolume", "volumeID", NULL, NULL, NULL },
	{ "azureDisk", "diskName diskURI", check_azure_disk, NULL, NULL },
	{ "scaleIO", "gateway system volumeName", NULL, NULL, NULL },
	{ "local", NULL, check_local, NULL, NULL },
	{ "storageos", NULL, check_kept_storage_os, NULL, NULL },
	{ "csi", NULL, check_kept_csi, NULL, NULL },
};

static void check_needs(const struct kind_work *work, const struct row *row,
			const struct json *source, const char *path)
{
	struct str rest = str_of(row->needs);

	while (rest.len > 0) {
		struct str field = str_cut(&rest, ' ');
		const struct json *value = json_get_str(source, field);

		if (json_str(value).len == 0 && json_count(value) == 0)
			validate_required(work, AT("%s." STR_FMT, path, STR_ARG(field)), "");
	}
}

static void check_rows(const struct kind_work *work, const struct json *holder,
		       const struct row *rows, size_t count, const char *path)
{
	size_t found = 0;

	for (size_t i = 0; i < count; i++) {
		const struct row *row = &rows[i];
		const struct json *source = json_get(holder, row->name);
		const char *here;

		if (!source)
			continue;
		here = AT("%s.%s", path, row->content ? row->content : row->name);
		if (found++ > 0) {
			words_forbidden(work,
					AT("%s.%s", path, row->other ? row->other : row->name),
					"may not specify more than 1 volume type");
			continue;
		}
		check_needs(work, row, source, here);
		if (row->check)
			row->check(work, source, here);
	}
	if (found == 0)
		validate_required(work, path, "must specify a volume type");
}

void volume_pod_source(const struct kind_work *work, const struct json *volume, const char *path)
{
	check_rows(work, volume, pod_rows, ARRAY_LENGTH(pod_rows), path);
}

void volume_kept_source(const struct kind_work *work, const struct json *spec, const char *path)
{
	check_rows(work, spec, kept_rows, ARRAY_LENGTH(kept_rows), path);
}

bool volume_is_kept_source(struct str field)
{
	for (size_t i = 0; i < ARRAY_LENGTH(kept_rows); i++)
		if (str_is(field, kept_rows[i].name))
			return true;
	return false;
}
