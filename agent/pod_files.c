/*
 * pod_files.c - the files of a pod that are neither volumes nor the runtime's.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "agent/container_spec.h"
#include "agent/flush.h"
#include "agent/pod_files.h"
#include "base/clock.h"
#include "base/file.h"

#define RESOLV_MAX 65536

/* What a restart needs; not what changes with every status. */
static void print_kept(const struct pod *pod, struct buf *out)
{
	static const char *const fields[] = { "name",
					      "namespace",
					      "uid",
					      "labels",
					      "annotations",
					      "creationTimestamp",
					      "deletionTimestamp",
					      "deletionGracePeriodSeconds",
					      "ownerReferences" };
	const struct json *now = json_root(pod->now);
	auto_json_doc doc = json_doc_new();
	struct json *root = json_new_object(doc);
	struct json *meta = json_sub_object(doc, root, "metadata");

	for (size_t i = 0; i < ARRAY_LENGTH(fields); i++)
		json_put(doc, meta, fields[i], json_clone(doc, json_get(meta_of(now), fields[i])));
	json_put(doc, root, "spec", json_clone(doc, json_get(now, "spec")));
	json_put(doc, json_sub_object(doc, root, "status"), "qosClass",
		 json_clone(doc, json_path(now, "status", "qosClass", NULL)));
	json_print(root, out);
}

bool pod_files_keep(struct pod *pod, bool *out_changed, struct error *err)
{
	auto_free char *path = memory_print("%s/pod.json", pod->folder);
	auto_buf text = BUF_INIT;
	uint64_t hash;

	print_kept(pod, &text);
	hash = str_hash(buf_str(&text));
	*out_changed = hash != pod->kept_hash;
	if (!*out_changed)
		return true;
	if (!file_put(path, buf_str(&text), 0600, err))
		return false;
	pod->kept_hash = hash;
	flush_soon(pod->node->flush);
	return true;
}

/* --- /etc --- */

/* A container that runs keeps the file it was given; the next one gets the new one. */
static bool put(const struct pod *pod, const char *name, const struct buf *text, struct error *err)
{
	auto_free char *path = memory_print("%s/etc/%s", pod->folder, name);

	return file_put(path, buf_str(text), 0644, err);
}

int64_t pod_etc_bytes(const struct pod *pod)
{
	static const char *const names[] = { "hosts", "resolv.conf", "hostname" };
	int64_t bytes = 0;

	for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
		auto_free char *path = memory_print("%s/etc/%s", pod->folder, names[i]);
		struct stat st;

		if (lstat(path, &st) == 0)
			bytes += (int64_t)st.st_blocks * 512;
	}
	return bytes;
}

static void add_aliases(const struct pod *pod, struct buf *out)
{
	if (json_count(json_get(pod_spec(pod), "hostAliases")) > 0)
		buf_add_text(out, "\n# Entries added by HostAliases.\n");
	for (struct json_iter it = json_iter(json_get(pod_spec(pod), "hostAliases"));
	     json_next(&it);) {
		buf_add_str(out, json_str(json_get(it.value, "ip")));
		for (struct json_iter n = json_iter(json_get(it.value, "hostnames"));
		     json_next(&n);)
			buf_add_print(out, "\t" STR_FMT, STR_ARG(json_str(n.value)));
		buf_add_byte(out, '\n');
	}
}

static bool put_hosts(const struct pod *pod, const char *hostname, struct error *err)
{
	auto_buf text = BUF_INIT;
	struct str subdomain = json_str(json_get(pod_spec(pod), "subdomain"));
	struct error ignored;

	if (pod_host_network(pod)) {
		buf_add_text(&text, "# Kubernetes-managed hosts file (host network).\n");
		if (!file_read("/etc/hosts", RESOLV_MAX, &text, &ignored))
			buf_add_text(&text, "127.0.0.1\tlocalhost\n");
	} else {
		buf_add_text(&text, "# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n"
				    "::1\tlocalhost ip6-localhost ip6-loopback\n"
				    "fe00::0\tip6-localnet\nfe00::0\tip6-mcastprefix\n"
				    "fe00::1\tip6-allnodes\nfe00::2\tip6-allrouters\n");
		buf_add_print(&text, "%s\t", pod->address);
		if (subdomain.len > 0)
			buf_add_print(&text, "%s." STR_FMT ".%s.svc.%s\t", hostname,
				      STR_ARG(subdomain), pod->namespace,
				      pod->node->cluster_domain);
		buf_add_print(&text, "%s\n", hostname);
	}
	add_aliases(pod, &text);
	return put(pod, "hosts", &text, err);
}

static void add_list(const struct json *list, const char *word, struct buf *out)
{
	for (struct json_iter it = json_iter(list); json_next(&it);)
		buf_add_print(out, "%s " STR_FMT "\n", word, STR_ARG(json_str(it.value)));
}

static void add_search(const struct json *searches, struct str known, struct buf *out)
{
	if (known.len == 0 && json_count(searches) == 0)
		return;
	buf_add_text(out, "search");
	if (known.len > 0)
		buf_add_print(out, " " STR_FMT, STR_ARG(known));
	for (struct json_iter it = json_iter(searches); json_next(&it);)
		buf_add_print(out, " " STR_FMT, STR_ARG(json_str(it.value)));
	buf_add_byte(out, '\n');
}

static void add_options(const struct json *options, struct buf *out)
{
	for (struct json_iter it = json_iter(options); json_next(&it);) {
		struct str value = json_str(json_get(it.value, "value"));

		buf_add_print(out, "options " STR_FMT "%s" STR_FMT "\n",
			      STR_ARG(json_str(json_get(it.value, "name"))),
			      value.len > 0 ? ":" : "", STR_ARG(value));
	}
}

/* The machine's lines but "search", of which there may be one only: its words are given back. */
static struct str copy_machine(const struct pod *pod, struct buf *keep, struct buf *out)
{
	struct str search = STR_NONE, rest;
	struct error ignored;

	if (!file_read(pod->node->resolv_conf, RESOLV_MAX, keep, &ignored))
		return search;
	rest = buf_str(keep);
	while (rest.len > 0) {
		struct str line = str_cut(&rest, '\n'), words = line;

		if (str_is(str_cut(&words, ' '), "search"))
			search = str_trim(words);
		else if (line.len > 0)
			buf_add_print(out, STR_FMT "\n", STR_ARG(line));
	}
	return search;
}

/* The machine's own resolver and what the pod adds; with dnsPolicy None only the latter. */
static bool put_resolv(const struct pod *pod, struct error *err)
{
	const struct json *config = json_get(pod_spec(pod), "dnsConfig");
	auto_buf text = BUF_INIT, machine = BUF_INIT;
	struct str search = STR_NONE;

	if (!str_is(json_str(json_get(pod_spec(pod), "dnsPolicy")), "None"))
		search = copy_machine(pod, &machine, &text);
	add_list(json_get(config, "nameservers"), "nameserver", &text);
	add_search(json_get(config, "searches"), search, &text);
	add_options(json_get(config, "options"), &text);
	return put(pod, "resolv.conf", &text, err);
}

bool pod_files_etc(struct pod *pod, struct error *err)
{
	auto_free char *folder = memory_print("%s/etc", pod->folder);
	auto_buf name = BUF_INIT;
	char hostname[64];

	pod_hostname(pod, hostname);
	buf_add_print(&name, "%s\n", hostname);
	return file_make_dirs(folder, 0755, err) && put_hosts(pod, hostname, err) &&
	       put_resolv(pod, err) && put(pod, "hostname", &name, err);
}

/* --- logs --- */

/* As kubelets do: /var/log/pods/<namespace>_<name>_<uid>/<container>/<attempt>.log */
void pod_files_log_folder(const struct pod *pod, const char *container, struct buf *out)
{
	buf_add_print(out, "%s/%s_%s_%s", pod->node->logs_folder, pod->namespace, pod->name,
		      pod->uid);
	if (container)
		buf_add_print(out, "/%s", container);
}

struct pod_removal {
	struct work_job job;
	struct pod *pod; /* NULL: it did not wait */
	char *folder, *logs;
	bool worked;
	struct error err;
};

static void run_removal(struct work_job *job)
{
	struct pod_removal *removal = CONTAINER_OF(job, struct pod_removal, job);

	volumes_release(removal->folder);
	removal->worked = file_remove_tree(removal->logs, &removal->err) &&
			  file_remove_tree(removal->folder, &removal->err);
}

static void removal_done(struct work_job *job)
{
	struct pod_removal *removal = CONTAINER_OF(job, struct pod_removal, job);

	if (removal->pod) {
		removal->pod->removal = NULL;
		pod_files_removed(removal->pod, removal->worked ? NULL : &removal->err);
	}
	free(removal->folder);
	free(removal->logs);
	free(removal);
}

void pod_files_remove(struct pod *pod)
{
	struct pod_removal *removal = memory_new(struct pod_removal);
	auto_buf logs = BUF_INIT;

	volume_mounts_free(take_ptr(&pod->mounts)); /* nothing is mounted any more from now on */
	pod_files_log_folder(pod, NULL, &logs);
	removal->job = (struct work_job){ .run = run_removal, .on_done = removal_done };
	removal->pod = pod;
	removal->folder = memory_string(pod->folder);
	removal->logs = buf_take(&logs);
	pod->removal = removal;
	work_start(pod->node->chores, &removal->job);
}

void pod_files_let_go(struct pod *pod)
{
	if (pod->removal)
		pod->removal->pod = NULL;
	pod->removal = NULL;
}
