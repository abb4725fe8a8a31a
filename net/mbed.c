/*
 * mbed.c - mbedTLS's randomness, start and error texts.
 */
#include "net/mbed.h"

#include <assert.h>
#include <pthread.h>
#include <string.h>

#include <mbedtls/error.h>
#include <mbedtls/platform.h>
#include <mbedtls/x509.h>
#include <psa/crypto.h>

#include "base/random.h"
#include "base/spare.h"

/* A handshake takes and frees 10000 small pieces: a thread's own are at hand without a lock. */
static void *zeroed(size_t count, size_t size)
{
	size_t bytes;
	void *got;

	if (__builtin_mul_overflow(count, size, &bytes))
		return NULL;
	got = spare_get(bytes);
	return got ? memset(got, 0, bytes) : NULL;
}

/* Before anything is allocated, as what was taken from elsewhere cannot be given back here. */
__attribute__((constructor)) static void use_spare_memory(void)
{
	mbedtls_platform_set_calloc_free(zeroed, spare_free);
}

int mbed_random(void *of, unsigned char *out, size_t len)
{
	(void)of;
	random_bytes(out, len);
	return 0;
}

static pthread_once_t started = PTHREAD_ONCE_INIT;
static psa_status_t start_status;

static void start(void)
{
	start_status = psa_crypto_init();
}

bool mbed_start(struct error *err)
{
	int failed = pthread_once(&started, start);

	assert(failed == 0);
	(void)failed;
	if (start_status != PSA_SUCCESS)
		return error_set(err, ERROR_BROKEN, "start of the crypto library failed (%d)",
				 (int)start_status);
	return true;
}

bool mbed_error(struct error *err, enum error_kind kind, int code, const char *what)
{
	char text[160];

	assert(code != 0);
	mbedtls_strerror(code, text, sizeof(text));
	return error_set(err, kind, "%s: %s", what, text);
}

/* Days since 1970 of a civil date, after Howard Hinnant's days_from_civil. */
static int64_t days_of(int64_t year, unsigned month, unsigned day)
{
	year -= month <= 2;

	int64_t era = (year >= 0 ? year : year - 399) / 400;
	int64_t year_of_era = year - era * 400;
	int64_t day_of_year = (153 * ((int64_t)month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
	int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;

	return era * 146097 + day_of_era - 719468;
}

int64_t mbed_seconds(const struct mbedtls_x509_time *time)
{
	return days_of(time->year, (unsigned)time->mon, (unsigned)time->day) * 86400 +
	       (int64_t)time->hour * 3600 + (int64_t)time->min * 60 + time->sec;
}
