/*
 * intake.h - a bundle on its way in: its head is fetched and proven, then the pieces that are
 * wanted, frame by frame.
 *
 * What comes from a URL is kept in ota/staging/<hash of the header>/: `data` is the bundle with
 * holes, `map` says which frames of it are there and proven (synced after the data, every 4 MiB),
 * `head` holds what stands before the pieces.  So a second try, after a cut of power or line,
 * fetches only what is missing.  A file is read where it is.
 *
 * Blocking; the owner holds slots_claim().
 */
#ifndef OTA_INTAKE_H
#define OTA_INTAKE_H

#include "ota/bundle.h"
#include "ota/slots.h"
#include "ota/source.h"
#include "ota/unpacker.h"

struct intake;

/* Fetch and prove the head, believing `root`.  All errors of ota/source.h and ota/bundle.h. */
MUST_CHECK bool intake_open(const struct slots *slots, const char *source,
			    const struct root_of_trust *root, struct intake **out,
			    struct error *err);
void intake_close(struct intake *intake); /* keeps what was staged; NULL is fine */
DEFINE_AUTO(struct intake *, intake_close)
#define auto_intake AUTO(intake_close) struct intake *
/* Everything staged goes, of this bundle and of others: it is applied, or not wanted any more. */
MUST_CHECK bool intake_discard(const struct slots *slots, struct error *err);
/* What is staged of other bundles goes: this one is taken instead. */
MUST_CHECK bool intake_discard_others(const struct intake *intake, struct error *err);

const struct bundle *intake_bundle(const struct intake *intake);
const struct source *intake_source(const struct intake *intake);

/* Bytes of these pieces that are not here yet. */
uint64_t intake_missing(const struct intake *intake, const struct bundle_piece *const *pieces,
			size_t count);
/* Get them; `tell` (may be NULL) hears now and then how many bytes are still missing. */
MUST_CHECK bool intake_fetch(struct intake *intake, const struct bundle_piece *const *pieces,
			     size_t count, void (*tell)(void *of, uint64_t missing), void *of,
			     struct error *err);
/* Unpack a piece that was fetched: of the entry itself, or its delta against `from`. */
MUST_CHECK bool intake_unpack(struct intake *intake, const struct bundle_entry *entry,
			      const struct bundle_piece *piece, struct str from, unpacker_put *put,
			      void *of, struct error *err);

#endif
