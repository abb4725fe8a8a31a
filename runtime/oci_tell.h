/*
 * oci_tell.h - what is done, step by step, for who wants to hear it (`mote oci --debug`).
 */
#ifndef RUNTIME_OCI_TELL_H
#define RUNTIME_OCI_TELL_H

struct oci_listener {
	void (*tell)(void *of, const char *text); /* NULL: nobody listens */
	void *of;
};

/* The text is made only if somebody listens. */
void oci_tell(const struct oci_listener *listener, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
