/*
 * launcher.h - the program ota/stage0/stage0.c as bytes: the binary brings it along.
 */
#ifndef OTA_LAUNCHER_H
#define OTA_LAUNCHER_H

#include "base/text.h"

/* An executable for this processor, to be written as <data-dir>/ota/launcher.  Constant. */
struct str launcher_program(void);

#endif
