/*
 * pod_files.c - the files of a pod that are neither volumes nor the runtime's.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "agent/container_spec.h"
#include "agent/flush.h"
#include "agent/pod_files.h"
#include "agent/resolver_file.h"
#include "agent/unmounter.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"

#define RESOLV_MAX     65536
#define STUCK_MS       20000 /* after its end, and what is killed still runs */
#define STUCK_AGAIN_MS 2000  /* each step of a process' end may wait again */

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
	auto_buf domain = BUF_INIT;
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
		pod_domain(pod, &domain);
		if (domain.len > 0)
			buf_add_print(&text, "%s.%s\t", hostname, buf_text(&domain));
		buf_add_print(&text, "%s\n", hostname);
	}
	add_aliases(pod, &text);
	return put(pod, "hosts", &text, err);
}

/* The machine's own resolver and what the pod adds; with dnsPolicy None only the latter. */
static bool put_resolv(const struct pod *pod, struct error *err)
{
	bool none = str_is(json_str(json_get(pod_spec(pod), "dnsPolicy")), "None");
	auto_buf text = BUF_INIT, machine = BUF_INIT;
	struct error ignored;

	if (!none)
		(void)!file_read(pod->node->resolv_conf, RESOLV_MAX, &machine, &ignored);
	resolver_file_print(buf_str(&machine), json_get(pod_spec(pod), "dnsConfig"), &text);
	return put(pod, "resolv.conf", &text, err);
}

bool pod_files_etc(struct pod *pod, struct error *err)
{
	auto_free char *folder = memory_print("%s/etc", pod->folder);
	auto_buf name = BUF_INIT;
	char hostname[POD_HOSTNAME_MAX], first[POD_HOSTNAME_MAX];

	(void)pod_hostname(pod, hostname);
	container_spec_hostname(json_root(pod->now), first);
	buf_add_print(&name, "%s\n", hostname);
	return file_make_dirs(folder, 0755, err) && put_hosts(pod, first, err) &&
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
	struct unmounter_wait shares; /* before the job */
	struct work_pool *pool;
	struct pod *pod; /* NULL: it did not wait */
	char *folder, *logs;
	bool volumes; /* and nothing else */
	bool worked;
	struct error err;
};

static void run_removal(struct work_job *job)
{
	struct pod_removal *removal = CONTAINER_OF(job, struct pod_removal, job);

	auto_free char *volumes = memory_print("%s/volumes", removal->folder);

	volumes_release(removal->folder);
	removal->worked =
		removal->volumes
			? file_remove_tree(volumes, &removal->err)
			: (!removal->logs || file_remove_tree(removal->logs, &removal->err)) &&
				  file_remove_tree(removal->folder, &removal->err);
}

/* Of a pod that is over: what stays now goes with its folder. */
static void volumes_left(struct pod *pod, const struct pod_removal *removal)
{
	if (!removal->worked)
		log_warn("agent.pod", "volumes of a pod that is over stay", "pod=%s/%s why=\"%s\"",
			 pod->namespace, pod->name, removal->err.text);
	pod_again(pod);
}

static void removal_free(struct pod_removal *removal)
{
	free(removal->folder);
	free(removal->logs);
	free(removal);
}

static void removal_done(struct work_job *job)
{
	struct pod_removal *removal = CONTAINER_OF(job, struct pod_removal, job);

	if (!removal->pod && !removal->worked)
		log_warn("agent.pod", "files stay until the next start", "folder=%s why=\"%s\"",
			 removal->folder, removal->err.text);
	if (removal->pod)
		removal->pod->removal = NULL;
	if (removal->pod && removal->volumes)
		volumes_left(removal->pod, removal);
	else if (removal->pod)
		pod_files_removed(removal->pod, removal->worked ? NULL : &removal->err);
	removal_free(removal);
}

/* The next agent goes on when this one ends. */
static void on_shares_gone(struct unmounter_wait *wait, bool ended)
{
	struct pod_removal *removal = CONTAINER_OF(wait, struct pod_removal, shares);

	if (ended) {
		work_start(removal->pool, &removal->job);
		return;
	}
	if (removal->pod)
		removal->pod->removal = NULL;
	removal_free(removal);
}

/* Takes `logs`. */
static void begin_removal(const struct node *node, struct pod *pod, const char *folder, char *logs,
			  bool volumes)
{
	struct pod_removal *removal = memory_new(struct pod_removal);

	removal->job = (struct work_job){ .run = run_removal, .on_done = removal_done };
	removal->pod = pod;
	removal->folder = memory_string(folder);
	removal->logs = logs;
	removal->volumes = volumes;
	if (pod) {
		volume_mounts_free(take_ptr(&pod->mounts)); /* nothing is mounted from now on */
		pod->removal = removal;
	}
	removal->pool = node->movers;
	removal->shares.on_done = on_shares_gone;
	if (!unmounter_start(node->unmounter, folder, &removal->shares))
		work_start(removal->pool, &removal->job);
}

void pod_files_remove(struct pod *pod)
{
	auto_buf logs = BUF_INIT;

	pod_files_log_folder(pod, NULL, &logs);
	begin_removal(pod->node, pod, pod->folder, buf_take(&logs), false);
}

void pod_files_leave_volumes(struct pod *pod)
{
	if (pod->volumes_gone)
		return;
	pod->volumes_gone = true;
	begin_removal(pod->node, pod, pod->folder, NULL, true);
}

void pod_files_discard(const struct node *node, const char *folder)
{
	begin_removal(node, NULL, folder, NULL, false);
}

void pod_files_free_shares(struct pod *pod)
{
	int64_t due_ms = pod->stop_due_ms + STUCK_MS;

	if (clock_now_ms() >= due_ms) {
		unmounter_force(pod->node->unmounter, pod->folder);
		due_ms = clock_now_ms() + STUCK_AGAIN_MS;
	}
	pod_again_at(pod, due_ms);
}

void pod_files_let_go(struct pod *pod)
{
	if (pod->removal)
		pod->removal->pod = NULL;
	pod->removal = NULL;
}
