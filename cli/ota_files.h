/*
 * ota_files.h - small files that verbs of `mote ota` are given: keys, roots, signatures.
 */
#ifndef CLI_OTA_FILES_H
#define CLI_OTA_FILES_H

#include "base/options.h"
#include "ota/root_of_trust.h"

/* The texts of all files of the list, in the arena; *out has as many as the list. */
MUST_CHECK bool ota_files_read(const struct option_list *paths, struct arena *arena,
			       const struct str **out, struct error *err);
/* The list of FILE.sig; `path` is that of FILE.  Not there: an empty list. */
MUST_CHECK bool ota_files_signatures(const char *path, struct signature_list *out,
				     struct error *err);
/* The file whose signatures are apart: at most 16 MiB. */
MUST_CHECK bool ota_files_signed(const char *path, struct buf *out, struct error *err);
/* A name of a key, short enough for a table. */
#define OTA_SHORT_ID "%.16s"

#endif
