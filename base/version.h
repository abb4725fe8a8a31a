/*
 * version.h - what this program calls itself.
 */
#ifndef BASE_VERSION_H
#define BASE_VERSION_H

/* "0.1.0+3f2c1ab" */
const char *version_text(void);

/* The Kubernetes whose API this is. */
#define VERSION_KUBERNETES "v1.32.4"

#endif
