/*
 * validate_certificate.h - the parts of a CertificateSigningRequest and the real server's words.
 */
#ifndef API_VALIDATE_CERTIFICATE_H
#define API_VALIDATE_CERTIFICATE_H

#include "api/kind.h"

/* The spec of a new one: request, usages, signer, life time. */
void certificate_check_wish(const struct kind_work *work);
/* Each condition by itself; not both Approved and Denied. */
void certificate_check_conditions(const struct kind_work *work);
/* A certificate that was issued stays. */
void certificate_check_kept(const struct kind_work *work);

#endif
