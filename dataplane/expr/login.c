/*
 * Logins that a thread knows, good ones and bad ones, and what it spends on those that it does not.
 *
 * A login is remembered as a digest, keyed with bytes that are random for each process, of the hash and the
 * password. So nothing secret lies here, and a hash that changes makes all of its logins unknown. A
 * place is chosen among a few by that digest: one that is empty or expired, then the oldest bad
 * one; good ones make room for good ones only.
 */
#include "config.h"
#include "expr/userlist.h"

#include <crypt.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include "core/clock.h"
#include "expr/login_priv.h"

#define LOGIN_SETS 64 /* 256 logins a thread, 40 bytes each */
#define LOGIN_WAYS 4
#define LOGIN_BYTES 24        /* of the digest: 192 bits are more than anybody can make collide */
#define SPEND_BURST_US 500000 /* that may be spent at once, after some quiet */
#define USER_BURST_US 100000  /* of it, on one user */
#define USERS_SPENDING \
	64 /* whose shares a thread keeps; of another who spent nothing of late, it is whole */

struct login {
	unsigned char digest[LOGIN_BYTES];
	uint64_t until_ms; /* 0: empty */
	bool is_good;
};

/* Of the time that passes a part is saved up, to be spent. */
struct share {
	const void *user;   /* whose; only compared */
	uint64_t filled_ms; /* when it was last counted up; 0: never */
	int64_t left_us;    /* what may be spent now; below 0 after one that cost more */
};

/* A thread's. */
struct logins {
	struct login known[LOGIN_SETS][LOGIN_WAYS];
	struct share all;
	struct share of_user[USERS_SPENDING];
};
static _Thread_local struct logins logins;

static unsigned char key[32];
static bool has_key;
static pthread_once_t key_once = PTHREAD_ONCE_INIT;

static _Atomic(uint64_t) checked, spent_us, refused;
static uint64_t (*clock_for_tests)(void);

void
login_set_clock(uint64_t (*now_ms)(void))
{
	clock_for_tests = now_ms;
}

static uint64_t
clock_ms(void)
{
	if (clock_for_tests != NULL)
		return clock_for_tests();
	return clock_read_us(CLOCK_MONOTONIC_COARSE) / 1000 + 1;
}

static void
key_make(void)
{
	has_key = RAND_bytes(key, sizeof(key)) == 1;
}

/* The hash has no NUL inside, so one ends it. False: no key, then nothing is remembered. */
static bool
login_digest(unsigned char out[SHA256_DIGEST_LENGTH], const char *hash, struct slice password)
{
	unsigned char text[sizeof(key) + 512 + 1 + USERLIST_PASSWORD_MAX_BYTES];
	size_t len = strlen(hash) + 1;

	pthread_once(&key_once, key_make);
	if (!has_key || sizeof(key) + len + password.len > sizeof(text))
		return false;
	memcpy(text, key, sizeof(key));
	memcpy(text + sizeof(key), hash, len);
	memcpy(text + sizeof(key) + len, password.at, password.len);
	SHA256(text, sizeof(key) + len + password.len, out);
	OPENSSL_cleanse(text, sizeof(key) + len + password.len);
	return true;
}

static struct login *
login_set(const unsigned char *digest)
{
	return logins.known[digest[LOGIN_BYTES] % LOGIN_SETS];
}

static struct login *
login_find(const unsigned char *digest, uint64_t now_ms)
{
	struct login *set = login_set(digest);

	for (int i = 0; i < LOGIN_WAYS; i++)
		if (set[i].until_ms > now_ms && memcmp(set[i].digest, digest, LOGIN_BYTES) == 0)
			return &set[i];
	return NULL;
}

/* The lowest goes first: what is over, bad ones, good ones; among these the one that ends first. */
static uint64_t
login_worth(const struct login *login, uint64_t now_ms)
{
	if (login->until_ms <= now_ms)
		return 0;
	return login->until_ms + (login->is_good ? UINT64_MAX / 2 : 0);
}

static void
login_remember(const unsigned char *digest, bool is_good, uint64_t now_ms)
{
	struct login *set = login_set(digest), *place = &set[0];

	for (int i = 1; i < LOGIN_WAYS; i++)
		if (login_worth(&set[i], now_ms) < login_worth(place, now_ms))
			place = &set[i];
	if (!is_good && place->is_good && place->until_ms > now_ms)
		return;
	memcpy(place->digest, digest, LOGIN_BYTES);
	place->is_good = is_good;
	place->until_ms = now_ms + USERLIST_KNOWN_MS;
}

static bool
share_is_left(struct share *share, int percent, int64_t burst_us, uint64_t now_ms)
{
	uint64_t passed_ms = now_ms - share->filled_ms;

	if (share->filled_ms == 0 || passed_ms > 60000)
		share->left_us = burst_us;
	else
		share->left_us += (int64_t)passed_ms * 1000 * percent / 100;
	if (share->left_us > burst_us)
		share->left_us = burst_us;
	share->filled_ms = now_ms;
	return share->left_us > 0;
}

/* His, or the place of the one who has spent nothing for longest. */
static struct share *
share_of(const void *user)
{
	struct share *oldest = &logins.of_user[0];

	for (int i = 0; i < USERS_SPENDING; i++) {
		struct share *share = &logins.of_user[i];

		if (share->user == user)
			return share;
		if (share->filled_ms < oldest->filled_ms)
			oldest = share;
	}
	*oldest = (struct share){ .user = user };
	return oldest;
}

/* May another unknown password of his be checked? NULL: no. */
static struct share *
share_take(const void *user, uint64_t now_ms)
{
	struct share *his;

	if (!share_is_left(&logins.all, USERLIST_SPEND_PERCENT, SPEND_BURST_US, now_ms))
		return NULL;
	his = share_of(user);
	return share_is_left(his, USERLIST_USER_PERCENT, USER_BURST_US, now_ms) ? his : NULL;
}

/* The slow way. `password` is a string. */
static bool
hash_matches(const char *hash, const char *password)
{
	struct crypt_data *room = calloc(1, sizeof(*room));
	const char *made;
	bool matches;
	size_t len;

	if (room == NULL)
		return false;
	made = crypt_r(password, hash, room);
	len = strlen(hash);
	matches = made != NULL && strlen(made) == len && CRYPTO_memcmp(made, hash, len) == 0;
	OPENSSL_cleanse(room, sizeof(*room));
	free(room);
	return matches;
}

static bool
password_matches(struct share *his, const char *hash, struct slice password)
{
	char text[USERLIST_PASSWORD_MAX_BYTES + 1];
	uint64_t began_us = clock_read_us(CLOCK_MONOTONIC), took_us;
	bool matches;

	memcpy(text, password.at, password.len);
	text[password.len] = '\0';
	matches = hash_matches(hash, text);
	OPENSSL_cleanse(text, password.len);
	took_us = clock_read_us(CLOCK_MONOTONIC) - began_us;
	logins.all.left_us -= (int64_t)took_us;
	his->left_us -= (int64_t)took_us;
	atomic_fetch_add_explicit(&checked, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&spent_us, took_us, memory_order_relaxed);
	return matches;
}

enum login_verdict
login_check(const void *user, const char *hash, struct slice password)
{
	unsigned char digest[SHA256_DIGEST_LENGTH];
	bool can_know = login_digest(digest, hash, password), matches;
	uint64_t now_ms = clock_ms();
	struct login *login = can_know ? login_find(digest, now_ms) : NULL;
	struct share *his;

	if (login != NULL) {
		if (login->is_good)
			login->until_ms = now_ms + USERLIST_KNOWN_MS;
		return login->is_good ? LOGIN_RIGHT : LOGIN_WRONG;
	}
	his = share_take(user, now_ms);
	if (his == NULL) {
		atomic_fetch_add_explicit(&refused, 1, memory_order_relaxed);
		return LOGIN_UNCHECKED;
	}
	matches = password_matches(his, hash, password);
	if (can_know)
		login_remember(digest, matches, now_ms);
	return matches ? LOGIN_RIGHT : LOGIN_WRONG;
}

void
userlist_counts(struct userlist_counts *counts)
{
	counts->checked = atomic_load_explicit(&checked, memory_order_relaxed);
	counts->spent_us = atomic_load_explicit(&spent_us, memory_order_relaxed);
	counts->refused = atomic_load_explicit(&refused, memory_order_relaxed);
}
