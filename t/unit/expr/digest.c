/*
 * Digests and HMAC, by the vectors of those who made them.
 */
#include "config.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include "expr/digest_priv.h"

static const char *
hex_of(const struct digest *digest)
{
	static char text[2 * EVP_MAX_MD_SIZE + 1];

	for (size_t i = 0; i < digest->len; i++)
		snprintf(text + 2 * i, 3, "%02x", digest->bytes[i]);
	return text;
}

static EVP_MD *
md_of(const char *name)
{
	EVP_MD *md = NULL;

	assert_int_equal(digest_find(&md, slice_of(name), NULL), ERR_OK);
	return md;
}

static void
texts_are_digested_as_one(void **state)
{
	struct slice texts[] = { SLICE("a"), { NULL, 0 }, SLICE("bc") };
	EVP_MD *md = md_of("sha256");
	struct digest digest;

	assert_true(digest_of(&digest, md, texts, 3));
	assert_string_equal(hex_of(&digest),
		"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	EVP_MD_free(md);
}

/* RFC 4231, 4.2 and 4.7: a short key, and one longer than a block. */
static void
hmac_is_that_of_rfc_4231(void **state)
{
	char short_key[20], long_key[131];
	struct slice hi = SLICE("Hi There");
	struct slice larger = SLICE("Test Using Larger Than Block-Size Key - Hash Key First");
	EVP_MD *md = md_of("SHA256");
	struct digest digest;

	memset(short_key, 0x0b, sizeof(short_key));
	memset(long_key, 0xaa, sizeof(long_key));
	assert_true(hmac_of(&digest, md, (struct slice){ short_key, sizeof(short_key) }, &hi, 1));
	assert_string_equal(hex_of(&digest),
		"b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
	assert_true(hmac_of(&digest, md, (struct slice){ long_key, sizeof(long_key) }, &larger, 1));
	assert_string_equal(hex_of(&digest),
		"60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
	EVP_MD_free(md);
}

static void
a_name_that_libcrypto_does_not_know_is_an_error(void **state)
{
	struct diag diag = { "" };
	EVP_MD *md = NULL;

	assert_int_equal(digest_find(&md, SLICE("sha257"), &diag), ERR_INVALID);
	assert_non_null(strstr(diag.text, "\"sha257\""));
	assert_null(md);
}

static void *
digest_some(void *arg)
{
	struct slice text = SLICE("x");
	struct digest digest;

	for (int i = 0; i < 100; i++) {
		if (!digest_of(&digest, arg, &text, 1))
			return arg;
	}
	return NULL;
}

/* The leak checker looks whether a thread's context goes with it. */
static void
threads_digest_side_by_side(void **state)
{
	EVP_MD *md = md_of("SHA1");
	pthread_t threads[4];
	void *failed;

	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, digest_some, md), 0);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(pthread_join(threads[i], &failed), 0);
		assert_null(failed);
	}
	EVP_MD_free(md);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_are_digested_as_one),
		cmocka_unit_test(hmac_is_that_of_rfc_4231),
		cmocka_unit_test(a_name_that_libcrypto_does_not_know_is_an_error),
		cmocka_unit_test(threads_digest_side_by_side),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
