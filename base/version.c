/*
 * version.c - the version, from the header that the build generates.
 */
#include "base/version.h"

#include <version.h> /* build/gen */

const char *version_text(void)
{
	return MOTE_VERSION;
}
