/*
 * oci_example.c - the config.json that `spec` writes: a shell in a folder "rootfs", with the
 * rights, mounts and hidden paths that runtimes agree on.
 */
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "runtime/mountfd.h"
#include "runtime/oci_config.h"

static const char example[] =
	"{\"ociVersion\":\"" OCI_VERSION "\",\"process\":{\"terminal\":true,"
	"\"user\":{\"uid\":0,\"gid\":0},\"args\":[\"sh\"],"
	"\"env\":[\"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\","
	"\"TERM=xterm\"],\"cwd\":\"/\",\"capabilities\":{"
	"\"bounding\":[\"CAP_AUDIT_WRITE\",\"CAP_KILL\",\"CAP_NET_BIND_SERVICE\"],"
	"\"effective\":[\"CAP_AUDIT_WRITE\",\"CAP_KILL\",\"CAP_NET_BIND_SERVICE\"],"
	"\"permitted\":[\"CAP_AUDIT_WRITE\",\"CAP_KILL\",\"CAP_NET_BIND_SERVICE\"]},"
	"\"rlimits\":[{\"type\":\"RLIMIT_NOFILE\",\"hard\":1024,\"soft\":1024}],"
	"\"noNewPrivileges\":true},\"root\":{\"path\":\"rootfs\",\"readonly\":true},"
	"\"hostname\":\"mote\",\"mounts\":["
	"{\"destination\":\"/proc\",\"type\":\"proc\",\"source\":\"proc\"},"
	"{\"destination\":\"/dev\",\"type\":\"tmpfs\",\"source\":\"tmpfs\","
	"\"options\":[\"nosuid\",\"strictatime\",\"mode=755\",\"size=65536k\"]},"
	"{\"destination\":\"/dev/pts\",\"type\":\"devpts\",\"source\":\"devpts\","
	"\"options\":[\"nosuid\",\"noexec\",\"newinstance\",\"ptmxmode=0666\",\"mode=0620\","
	"\"gid=5\"]},"
	"{\"destination\":\"/dev/shm\",\"type\":\"tmpfs\",\"source\":\"shm\","
	"\"options\":[\"nosuid\",\"noexec\",\"nodev\",\"mode=1777\",\"size=65536k\"]},"
	"{\"destination\":\"/dev/mqueue\",\"type\":\"mqueue\",\"source\":\"mqueue\","
	"\"options\":[\"nosuid\",\"noexec\",\"nodev\"]},"
	"{\"destination\":\"/sys\",\"type\":\"sysfs\",\"source\":\"sysfs\","
	"\"options\":[\"nosuid\",\"noexec\",\"nodev\",\"ro\"]},"
	"{\"destination\":\"/sys/fs/cgroup\",\"type\":\"cgroup\",\"source\":\"cgroup\","
	"\"options\":[\"nosuid\",\"noexec\",\"nodev\",\"relatime\",\"ro\"]}],"
	"\"linux\":{\"resources\":{\"devices\":[{\"allow\":false,\"access\":\"rwm\"}]},"
	"\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"network\"},{\"type\":\"ipc\"},"
	"{\"type\":\"uts\"},{\"type\":\"mount\"},{\"type\":\"cgroup\"}],"
	"\"maskedPaths\":[\"/proc/acpi\",\"/proc/asound\",\"/proc/kcore\",\"/proc/keys\","
	"\"/proc/latency_stats\",\"/proc/timer_list\",\"/proc/timer_stats\","
	"\"/proc/sched_debug\",\"/sys/firmware\",\"/proc/scsi\","
	"\"/sys/devices/virtual/powercap\",\"/proc/interrupts\"],"
	"\"readonlyPaths\":[\"/proc/bus\",\"/proc/fs\",\"/proc/irq\",\"/proc/sys\","
	"\"/proc/sysrq-trigger\"]}}";

static struct json *map_root(struct json_doc *doc, unsigned id)
{
	struct json *list = json_new_array(doc);
	struct json *row = json_new_object(doc);

	json_put(doc, row, "containerID", json_new_int(doc, 0));
	json_put(doc, row, "hostID", json_new_int(doc, id));
	json_put(doc, row, "size", json_new_int(doc, 1));
	json_append(list, row);
	return list;
}

static bool is_one_of(const struct json *value, const char *a, const char *b)
{
	return str_is(json_str(value), a) || str_is(json_str(value), b);
}

/* Without root: a user namespace with ourselves as root, the host's network, no limits; /sys is the
 * host's, as a network of one's own is needed for another. */
static void make_rootless(struct json_doc *doc, struct json *root)
{
	struct json *system = json_get(root, "linux");
	struct json *spaces = json_get(system, "namespaces");
	struct json *mounts = json_get(root, "mounts");
	struct json *user = json_new_object(doc);
	auto_json_doc sys = NULL;
	struct error ignored;

	json_put(doc, user, "type", json_new_text(doc, "user"));
	for (size_t i = json_count(spaces); i-- > 0;)
		if (is_one_of(json_get(json_at(spaces, i), "type"), "network", "user"))
			json_remove_at(spaces, i);
	json_append(spaces, user);
	json_put(doc, system, "uidMappings", map_root(doc, geteuid()));
	json_put(doc, system, "gidMappings", map_root(doc, getegid()));
	json_put(doc, system, "resources", NULL);
	for (size_t i = json_count(mounts); i-- > 0;) {
		struct json *options = json_get(json_at(mounts, i), "options");

		for (size_t j = json_count(options); j-- > 0;)
			if (is_one_of(json_at(options, j), "gid=5", "uid=5"))
				json_remove_at(options, j);
		if (is_one_of(json_get(json_at(mounts, i), "type"), "sysfs", "cgroup"))
			json_remove_at(mounts, i);
	}
	if (json_parse(STR("{\"destination\":\"/sys\",\"type\":\"none\",\"source\":\"/sys\","
			   "\"options\":[\"rbind\",\"nosuid\",\"noexec\",\"nodev\",\"ro\"]}"),
		       &sys, NULL, &ignored))
		json_append(mounts, json_clone(doc, json_root(sys)));
}

/* Version 1 has its groups mounted one by one, and programs find them by the names they have on the
 * host: no namespace, as everybody's examples have it. */
static void leave_cgroups(struct json *root)
{
	struct json *spaces = json_get(json_get(root, "linux"), "namespaces");
	auto_fd top = open("/sys/fs/cgroup", O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (top >= 0 && mountfd_is_kind(top, CGROUP2_SUPER_MAGIC))
		return;
	for (size_t i = json_count(spaces); i-- > 0;)
		if (str_is(json_str(json_get(json_at(spaces, i), "type")), "cgroup"))
			json_remove_at(spaces, i);
}

struct json *oci_config_example(struct json_doc *doc, bool rootless)
{
	auto_json_doc made = NULL;
	struct error err;
	struct json *root;

	if (!json_parse(str_from(example, sizeof(example) - 1), &made, NULL, &err))
		return NULL;
	root = json_clone(doc, json_root(made));
	leave_cgroups(root);
	if (rootless)
		make_rootless(doc, root);
	return root;
}
