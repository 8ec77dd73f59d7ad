/*
 * The secret of the hash: drawn once, by the first thread that makes a set.
 */
#include "config.h"
#include "expr/bytes_priv.h"
#include <pthread.h>
#include <sys/random.h>
#include <time.h>

struct bytes_secret bytes_secret;

static void
bytes_secret_fill(void)
{
	struct timespec now;

	/* GRND_NONBLOCK: in a young machine without randomness the clock must do */
	if (getrandom(&bytes_secret, sizeof(bytes_secret), GRND_NONBLOCK) !=
	    (ssize_t)sizeof(bytes_secret)) {
		clock_gettime(CLOCK_REALTIME, &now);
		bytes_secret.a = (uint64_t)now.tv_nsec * UINT64_C(0x9e3779b97f4a7c15);
		bytes_secret.b = (uint64_t)now.tv_sec * UINT64_C(0xc2b2ae3d27d4eb4f);
	}
	bytes_secret.a |= 1;	/* as a factor, not even */
	bytes_secret.b |= 1;
}

void
bytes_secret_draw(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, bytes_secret_fill);
}
