/*
 * Message digests and HMAC of libcrypto.
 *
 * Each thread has its own context, made when it first needs one, so a request takes no memory of
 * ours. HMAC is two digests: libcrypto's own would take a context per key.
 */
#include "config.h"
#include "expr/digest_priv.h"
#include <openssl/err.h>
#include <pthread.h>

#define BLOCK_MAX_BYTES	144	/* of a digest's input: SHA3-224 has the longest */

static pthread_key_t context_key;
static pthread_once_t context_once = PTHREAD_ONCE_INIT;
static bool has_key;

static void
context_free(void *context)
{
	EVP_MD_CTX_free(context);
}

static void
context_begin(void)
{
	has_key = pthread_key_create(&context_key, context_free) == 0;
}

/* The calling thread's. NULL: no memory. */
static EVP_MD_CTX *
context_get(void)
{
	EVP_MD_CTX *context;

	pthread_once(&context_once, context_begin);
	if (!has_key)
		return NULL;
	context = pthread_getspecific(context_key);
	if (context != NULL)
		return context;
	context = EVP_MD_CTX_new();
	if (context != NULL && pthread_setspecific(context_key, context) != 0) {
		EVP_MD_CTX_free(context);
		return NULL;
	}
	return context;
}

enum err
digest_find(EVP_MD **md, struct slice name, struct diag *diag)
{
	char text[64], shown[80];

	if (name.len < sizeof(text)) {
		memcpy(text, name.at, name.len);
		text[name.len] = '\0';
		*md = EVP_MD_fetch(NULL, text, NULL);
		if (*md != NULL)
			return ERR_OK;
	}
	ERR_clear_error();
	diag_set(diag, "\"%s\" is no message digest of libcrypto (like \"sha256\")",
		str_escape(shown, sizeof(shown), name));
	return ERR_INVALID;
}

bool
digest_of(struct digest *digest, const EVP_MD *md, const struct slice *texts, size_t count)
{
	EVP_MD_CTX *context = context_get();
	unsigned len = 0;

	if (context == NULL || EVP_DigestInit_ex(context, md, NULL) != 1)
		return false;
	for (size_t i = 0; i < count; i++) {
		if (EVP_DigestUpdate(context, texts[i].at, texts[i].len) != 1)
			return false;
	}
	if (EVP_DigestFinal_ex(context, digest->bytes, &len) != 1)
		return false;
	digest->len = len;
	return true;
}

/* The key, or its digest if it is longer than a block, with each byte changed. */
static struct slice
pad_of(char pad[BLOCK_MAX_BYTES], size_t block, struct slice key, char change)
{
	memset(pad, change, block);
	for (size_t i = 0; i < key.len; i++)
		pad[i] ^= key.at[i];
	return (struct slice){ pad, block };
}

#define HMAC_TEXTS_MAX 4

bool
hmac_of(struct digest *digest, const EVP_MD *md, struct slice key, const struct slice *texts,
	size_t count)
{
	int block = EVP_MD_get_block_size(md);
	struct slice all[HMAC_TEXTS_MAX + 1];
	char pad[BLOCK_MAX_BYTES];
	struct digest short_key;

	if (block <= 0 || block > BLOCK_MAX_BYTES || count > HMAC_TEXTS_MAX)
		return false;
	if (key.len > (size_t)block) {
		if (!digest_of(&short_key, md, &key, 1))
			return false;
		key = (struct slice){ (const char *)short_key.bytes, short_key.len };
	}
	all[0] = pad_of(pad, (size_t)block, key, 0x36);
	for (size_t i = 0; i < count; i++)
		all[i + 1] = texts[i];
	if (!digest_of(digest, md, all, count + 1))
		return false;
	all[0] = pad_of(pad, (size_t)block, key, 0x5c);
	all[1] = (struct slice){ (const char *)digest->bytes, digest->len };
	return digest_of(digest, md, all, 2);
}
