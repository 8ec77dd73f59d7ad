/*
 * Message digests and HMAC (RFC 2104) of libcrypto, over texts that need not lie side by side.
 */
#pragma once

#include <openssl/evp.h>
#include <stdbool.h>
#include "core/diag.h"
#include "core/err.h"
#include "core/str.h"

struct digest {
	uint8_t		bytes[EVP_MAX_MD_SIZE];
	size_t		len;
};

/* ERR_INVALID: libcrypto knows none of that name. Free with EVP_MD_free(). */
enum err digest_find(EVP_MD **md, struct slice name, struct diag *diag);

/*
 * Of the texts one behind the other. The calling thread keeps what libcrypto needs for the next one.
 * False: libcrypto would not.
 */
bool digest_of(struct digest *digest, const EVP_MD *md, const struct slice *texts, size_t count);
bool hmac_of(struct digest *digest, const EVP_MD *md, struct slice key, const struct slice *texts,
	size_t count);
