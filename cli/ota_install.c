/*
 * ota_install.c - mote ota install: this program, or a bundle's, becomes the first slot, with the
 * launcher before it.  It is what the installer calls; doing it again changes only what differs.
 *
 * The order: images, manifests and configuration, the slot, the trust, the launcher, the record,
 * and last the link in the path, so that whoever finds `mote` there finds all of it.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/version.h"
#include "cli/command_line.h"
#include "cli/ota_facts.h"
#include "cli/ota_place.h"
#include "cli/ota_switch.h"
#include "ota/launcher.h"
#include "ota/offer.h"
#include "ota/slot_maker.h"

#define LAUNCHER_MAX 65536

struct options {
	const char *data_dir, *bin_dir, *config_dir, *root, *bundle;
	int64_t gate_timeout, epoch, floor;
};

struct install {
	const struct options *options;
	struct arena *arena;
	const char *data_dir;
	struct slots slots;
	struct root_of_trust *root;
	char slot[SLOT_NAME];
	unsigned changes;
};

static void changed(struct install *install, const char *what, const char *where)
{
	install->changes++;
	printf("%s %s\n", what, where);
}

/* --- trust --- */

/* The root that was given is kept only where there is none: from then on roots follow each other.
 */
static bool find_root(struct install *install, struct error *err)
{
	const char *folder = arena_print(install->arena, "%s/trust", install->slots.root);

	if (root_newest(folder, &install->root, err))
		return true;
	if (err->kind != ERROR_NOT_FOUND)
		return false;
	if (*install->options->root)
		return root_read(install->options->root, &install->root, err);
	return !*install->options->bundle ||
	       error_set(err, ERROR_INVALID,
			 "say --root FILE: a bundle is believed only by what its keys signed");
}

static bool keep_root(struct install *install, struct error *err)
{
	const char *folder = arena_print(install->arena, "%s/trust", install->slots.root);
	auto_root there = NULL;

	if (!install->root || (root_newest(folder, &there, err) &&
			       root_version(there) >= root_version(install->root)))
		return true;
	if (!root_keep(install->root, folder, err))
		return false;
	changed(install, "trusting", folder);
	return true;
}

/* --- the slot --- */

/* What runs already may be installed again. */
static bool check_floor(const struct install *install, bool made, struct error *err)
{
	struct launch_mark mark = { .epoch = 0 };
	char current[SLOT_NAME];
	uint32_t floor;

	ota_switch_current(&install->slots, current);
	if (!slots_floor(&install->slots, &floor, err))
		return false;
	(void)launch_mark_read(install->slots.folder, install->slot, &mark);
	if (mark.epoch >= floor || strcmp(current, install->slot) == 0)
		return true;
	if (made && !slots_drop(&install->slots, install->slot, err))
		return false;
	return error_set(
		err, ERROR_FORBIDDEN,
		"this version has the epoch %u, and nothing below %u may run here any more",
		mark.epoch, floor);
}

/* "0.1.0+abc"; what was built without a version control has no sum behind it. */
static bool install_own(struct install *install, struct error *err)
{
	struct slot_facts facts = { .epoch = (uint32_t)install->options->epoch,
				    .floor = (uint32_t)install->options->floor };
	bool made;

	snprintf(facts.version, sizeof(facts.version), "%s", version_text());
	if (!slot_maker_copy(&install->slots, "/proc/self/exe", &facts, install->slot, &made, err))
		return false;
	if (!check_floor(install, made, err))
		return false;
	if (made)
		changed(install, "version", install->slot);
	return true;
}

static bool place(struct install *install, const struct slot_maker_plan *plan,
		  const struct bundle_entry *entry, struct error *err)
{
	const char *path = entry->role == BUNDLE_IMAGE
				   ? arena_print(install->arena, "%s/agent/images/%s",
						 install->data_dir, entry->name)
			   : entry->role == BUNDLE_MANIFEST
				   ? arena_print(install->arena, "%s/server/manifests/%s",
						 install->data_dir, entry->name)
				   : arena_print(install->arena, "%s/config.yaml",
						 install->options->config_dir);
	bool put;

	/* A configuration that is there is somebody's. */
	if (entry->role == BUNDLE_BINARY || (entry->role == BUNDLE_CONFIG && file_exists(path)))
		return true;
	if (!slot_maker_place(plan, entry, path, 0600, &put, err))
		return false;
	if (put)
		changed(install, bundle_role_names[entry->role], path);
	return true;
}

static bool check_offer(struct install *install, const struct bundle *bundle, struct error *err)
{
	struct offer_device device = { .arch = offer_arch(),
				       .version = version_text(),
				       .now_s = clock_wall_s() };
	bool expired;

	if (!slots_floor(&install->slots, &device.floor, err) ||
	    !offer_check(bundle_header(bundle), &device, &expired, err))
		return false;
	if (expired)
		fprintf(stderr, "mote: warning: this bundle has expired, as the clock says; it was "
				"brought by hand, so it is taken\n");
	return true;
}

static bool install_bundle(struct install *install, struct error *err)
{
	struct slot_maker_plan plan = { .slots = &install->slots };
	auto_intake intake = NULL;
	const struct bundle *bundle;
	uint64_t bytes = 0;
	bool made;

	if (!intake_open(&install->slots, install->options->bundle, install->root, &intake, err))
		return false;
	plan.intake = intake;
	bundle = intake_bundle(intake);
	root_free(install->root);
	install->root = root_copy(bundle_root(bundle));
	for (size_t i = 0; i < bundle_entry_count(bundle); i++)
		bytes += bundle_entry(bundle, i)->size;
	if (!check_offer(install, bundle, err) || !slots_need_space(&install->slots, bytes, err))
		return false;
	for (size_t i = 0; i < bundle_entry_count(bundle); i++)
		if (!place(install, &plan, bundle_entry(bundle, i), err))
			return false;
	if (!slot_maker_bundle(&plan, install->slot, &made, err))
		return false;
	if (made)
		changed(install, "version", install->slot);
	return true;
}

/* --- launcher, record, link --- */

static bool put_launcher(struct install *install, struct error *err)
{
	const char *path = arena_print(install->arena, "%s/launcher", install->slots.root);
	struct str program = launcher_program();
	auto_buf there = BUF_INIT;
	struct error ignored;

	if (file_read(path, LAUNCHER_MAX, &there, &ignored) && str_equal(buf_str(&there), program))
		return true;
	if (!file_replace(path, program, 0755, err))
		return false;
	changed(install, "launcher", path);
	return true;
}

static bool record(struct install *install, struct error *err)
{
	char current[SLOT_NAME];

	ota_switch_current(&install->slots, current);
	if (strcmp(current, install->slot) == 0)
		return true;
	if (!*current || !launch_slot_whole(install->slots.folder, current)) {
		if (!ota_switch_settle(&install->slots, install->slot, err) ||
		    !ota_switch_commit(&install->slots, install->data_dir, install->slot, err))
			return false;
		changed(install, "current", install->slot);
		return true;
	}
	if (!ota_facts_record(&install->slots, install->data_dir, err) ||
	    !ota_switch_try(&install->slots, install->slot,
			    (uint32_t)install->options->gate_timeout, err))
		return false;
	changed(install, "on trial from the next start", install->slot);
	return true;
}

static bool put_link(struct install *install, struct error *err)
{
	const char *path = arena_print(install->arena, "%s/mote", install->options->bin_dir);
	const char *part = arena_print(install->arena, "%s/.mote.part", install->options->bin_dir);
	const char *target = arena_print(install->arena, "%s/launcher", install->slots.root);
	char there[PATH_MAX];
	ssize_t len = readlink(path, there, sizeof(there) - 1);
	auto_fd folder = -1;

	if (len > 0 && str_is(str_from(there, (size_t)len), target))
		return true;
	if (!file_make_dirs(install->options->bin_dir, 0755, err))
		return false;
	if ((unlink(part) != 0 && errno != ENOENT) || symlink(target, part) != 0 ||
	    rename(part, path) != 0)
		return error_os(err, "link %s", path);
	folder = open(install->options->bin_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (folder < 0 || fsync(folder) != 0)
		return error_os(err, "sync %s", install->options->bin_dir);
	changed(install, "command", path);
	return true;
}

static bool install_all(struct install *install, struct error *err)
{
	bool bundle = *install->options->bundle;

	return find_root(install, err) &&
	       (bundle ? install_bundle(install, err) : install_own(install, err)) &&
	       keep_root(install, err) && put_launcher(install, err) && record(install, err) &&
	       (!*install->options->bin_dir || put_link(install, err));
}

static bool run(struct ota_call *call, struct error *err)
{
	const struct options *options = call->options;
	struct install install = { .options = options, .arena = call->arena };
	auto_fd claim = -1;
	bool done;

	if (options->floor > options->epoch)
		return error_set(err, ERROR_INVALID, "--floor is above --epoch");
	if (*options->bundle && options->epoch > 0)
		return error_set(err, ERROR_INVALID, "a bundle says its epoch: leave --epoch away");

	if (!ota_place_open(call->arena, install.options->data_dir, true, &install.data_dir,
			    &install.slots, err))
		return false;
	done = slots_claim(&install.slots, &claim, err) && install_all(&install, err);
	if (done && install.changes == 0)
		printf("nothing to do: %s is installed\n", install.slot);
	root_free(install.root);
	slots_close(&install.slots);
	return done;
}

#define TEXT_ROW(name, field, value, fall, text)                                                   \
	{                                                                                          \
		.flag = name, .type = OPTION_TEXT, .at = offsetof(struct options, field),          \
		.value_name = value, .fallback = fall, .group = "Options", .help = text            \
	}

static const struct option_row rows[] = {
	OTA_ROW_DATA_DIR,
	TEXT_ROW("bin-dir", bin_dir, "DIR", "/usr/local/bin",
		 "folder for the link to the command mote; \"\": no link"),
	TEXT_ROW("config-dir", config_dir, "DIR", "/etc/mote",
		 "where the bundle's configuration goes, unless there is one"),
	TEXT_ROW("root", root, "FILE", "", "root of trust, kept if there is none yet"),
	TEXT_ROW("bundle", bundle, "FILE", "", "install from this bundle, with all it brings"),
	{ .flag = "epoch",
	  .type = OPTION_INT,
	  .at = offsetof(struct options, epoch),
	  .value_name = "N",
	  .fallback = "0",
	  .max = UINT32_MAX,
	  .group = "Options",
	  .help = "the epoch of this program, as the signed list of its release says" },
	{ .flag = "floor",
	  .type = OPTION_INT,
	  .at = offsetof(struct options, floor),
	  .value_name = "N",
	  .fallback = "0",
	  .max = UINT32_MAX,
	  .group = "Options",
	  .help = "once it is good, take nothing below this epoch" },
	OTA_ROW_GATE_TIMEOUT(
		"seconds that a version has to become good when another was here before"),
	{ 0 },
};

const struct ota_verb ota_install = {
	.name = "install",
	.arguments = "",
	.help = "make this program, or a bundle's, the version of this machine",
	.rows = rows,
	.options_size = sizeof(struct options),
	.run = run,
};
