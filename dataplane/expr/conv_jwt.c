/*
 * jwt_verify: is the signature of a JSON Web Token right? (HAProxy manual, 7.3.1; RFC 7515, RFC 7518)
 *
 * Public keys are read when the expression is compiled, on any thread; workers only use them. libcrypto takes
 * memory of its own for a public key's signature.
 */
#include "config.h"
#include "expr/conv_priv.h"
#include <errno.h>
#include <limits.h>
#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include "expr/conv_code_priv.h"
#include "expr/conv_value_priv.h"
#include "expr/digest_priv.h"
#include "expr/jwt_priv.h"

enum { ALGORITHM, KEY };	/* arguments */

/* The numbers are HAProxy's. */
enum verdict {
	VERDICT_WRONG		= 0,
	VERDICT_RIGHT		= 1,
	VERDICT_UNKNOWN		= -1,	/* an algorithm that RFC 7518 does not name */
	VERDICT_UNMANAGED	= -2,
	VERDICT_INVALID		= -3,	/* it is no token */
	VERDICT_NO_MEMORY	= -4,
	VERDICT_NO_KEY		= -5,	/* the key is not one that was read */
};

enum family { FAMILY_NONE, FAMILY_HMAC, FAMILY_RSA, FAMILY_EC, FAMILY_PSS };

/* RFC 7518, 3.1. `half_bytes` of EC: each of the two numbers of a signature. */
static const struct algorithm {
	const char	*name;
	enum family	 family;
	const char	*digest;
	size_t		 half_bytes;
} algorithms[] = {
	{ "ES256", FAMILY_EC, "SHA256", 32 },
	{ "ES384", FAMILY_EC, "SHA384", 48 },
	{ "ES512", FAMILY_EC, "SHA512", 66 },
	{ "HS256", FAMILY_HMAC, "SHA256", 0 },
	{ "HS384", FAMILY_HMAC, "SHA384", 0 },
	{ "HS512", FAMILY_HMAC, "SHA512", 0 },
	{ "PS256", FAMILY_PSS, "SHA256", 0 },
	{ "PS384", FAMILY_PSS, "SHA384", 0 },
	{ "PS512", FAMILY_PSS, "SHA512", 0 },
	{ "RS256", FAMILY_RSA, "SHA256", 0 },
	{ "RS384", FAMILY_RSA, "SHA384", 0 },
	{ "RS512", FAMILY_RSA, "SHA512", 0 },
	{ "none", FAMILY_NONE, NULL, 0 },
};
#define ALGORITHMS (sizeof(algorithms) / sizeof(algorithms[0]))
#define HALF_MAX_BYTES 66

#define SIGNATURE_MAX_BYTES 2048	/* RSA of 16384 bits */

/* What check() prepares. */
struct jwt_verify {
	EVP_PKEY	*key;			/* NULL: none could be read, or needed */
	EVP_MD		*digests[ALGORITHMS];	/* of each algorithm that may be asked for */
};

size_t
jwt_split(struct slice parts[JWT_PARTS], struct slice token)
{
	for (size_t i = 0; ; i++) {
		const char *dot = token.len == 0 ? NULL : memchr(token.at, '.', token.len);

		parts[i] = token;
		if (dot == NULL)
			return i + 1;
		if (i == JWT_PARTS - 1)
			return JWT_PARTS + 1;
		parts[i].len = (size_t)(dot - token.at);
		token = (struct slice){ dot + 1, token.len - parts[i].len - 1 };
	}
}

static const struct algorithm *
algorithm_find(struct slice name)
{
	for (size_t i = 0; i < ALGORITHMS; i++) {
		if (slice_equals(name, slice_of(algorithms[i].name)))
			return &algorithms[i];
	}
	return NULL;
}

/* -- signatures -- */

/*
 * ES256 and the like have two numbers side by side (RFC 7518, 3.4); libcrypto wants them in DER.
 * -1: they are not.
 */
static int
ec_to_der(uint8_t *der, size_t half_bytes, struct slice signature)
{
	const uint8_t *halves = (const uint8_t *)signature.at;
	ECDSA_SIG *pair = NULL;
	BIGNUM *r, *s;
	int len = -1;

	if (signature.len != 2 * half_bytes)
		return -1;
	r = BN_bin2bn(halves, (int)half_bytes, NULL);
	s = BN_bin2bn(halves + half_bytes, (int)half_bytes, NULL);
	if (r != NULL && s != NULL)
		pair = ECDSA_SIG_new();
	if (pair == NULL || ECDSA_SIG_set0(pair, r, s) != 1) {
		BN_free(r);
		BN_free(s);
	} else {
		len = i2d_ECDSA_SIG(pair, &der);
	}
	ECDSA_SIG_free(pair);
	return len;
}

static enum verdict
public_verify(const struct algorithm *algorithm, EVP_PKEY *key, struct slice signed_part,
	struct slice signature)
{
	uint8_t der[2 * HALF_MAX_BYTES + 16];
	const uint8_t *at = (const uint8_t *)signature.at;
	size_t len = signature.len;
	bool is_ec = algorithm->family == FAMILY_EC;
	EVP_MD_CTX *context;
	int right;

	if (key == NULL || EVP_PKEY_is_a(key, is_ec ? "EC" : "RSA") != 1)
		return key == NULL ? VERDICT_NO_KEY : VERDICT_WRONG;
	if (is_ec) {
		int der_len = ec_to_der(der, algorithm->half_bytes, signature);

		if (der_len < 0)
			return VERDICT_WRONG;
		at = der;
		len = (size_t)der_len;
	}
	context = EVP_MD_CTX_new();
	if (context == NULL)
		return VERDICT_NO_MEMORY;
	right = EVP_DigestVerifyInit_ex(context, NULL, algorithm->digest, NULL, NULL, key, NULL);
	if (right == 1)
		right = EVP_DigestVerify(context, at, len, (const uint8_t *)signed_part.at,
			signed_part.len);
	EVP_MD_CTX_free(context);
	ERR_clear_error();	/* or the thread's next TLS call finds it */
	return right == 1 ? VERDICT_RIGHT : VERDICT_WRONG;
}

static enum verdict
hmac_verify(const EVP_MD *md, struct slice key, struct slice signed_part, struct slice signature)
{
	struct digest digest;

	if (!hmac_of(&digest, md, key, &signed_part, 1))
		return VERDICT_NO_MEMORY;
	if (digest.len != signature.len ||
	    CRYPTO_memcmp(digest.bytes, signature.at, digest.len) != 0)
		return VERDICT_WRONG;
	return VERDICT_RIGHT;
}

/* -- the converter -- */

/*
 * A token must not choose how little is asked of it: where a variable tells the algorithm, "none"
 * is wrong, and so is a public key's path as a secret. HAProxy leaves both to its user's rules.
 */
static bool
is_bargain(const struct jwt_verify *v, const struct algorithm *algorithm, bool is_chosen)
{
	return is_chosen && (algorithm->family == FAMILY_NONE ||
		(algorithm->family == FAMILY_HMAC && v->key != NULL));
}

static enum verdict
token_verify(const struct jwt_verify *v, const struct algorithm *algorithm, struct slice key,
	struct slice token)
{
	struct slice parts[JWT_PARTS], signed_part, signature;
	char bytes[SIGNATURE_MAX_BYTES];
	ptrdiff_t len;

	if (jwt_split(parts, token) != JWT_PARTS || parts[JWT_HEADER].len == 0)
		return VERDICT_INVALID;
	if (algorithm->family == FAMILY_NONE)
		return parts[JWT_SIGNATURE].len == 0 ? VERDICT_RIGHT : VERDICT_WRONG;
	if (base64_bytes_max(parts[JWT_SIGNATURE].len) > sizeof(bytes))
		return VERDICT_INVALID;
	len = base64url_bytes(bytes, parts[JWT_SIGNATURE]);
	if (len <= 0)
		return VERDICT_INVALID;
	signature = (struct slice){ bytes, (size_t)len };
	signed_part = (struct slice){ token.at, (size_t)(parts[JWT_SIGNATURE].at - token.at) - 1 };
	if (algorithm->family == FAMILY_HMAC)
		return hmac_verify(v->digests[algorithm - algorithms], key, signed_part, signature);
	return public_verify(algorithm, v->key, signed_part, signature);
}

static bool
verify_run(struct eval *eval, const struct args *args, struct sample *sample)
{
	const struct algorithm *algorithm;
	struct slice name, key;
	enum verdict verdict;

	if (!arg_get_text(eval, &args->at[ALGORITHM], SAMPLE_STRING, &name) ||
	    !arg_get_text(eval, &args->at[KEY], SAMPLE_STRING, &key))
		return false;
	algorithm = algorithm_find(name);
	if (algorithm == NULL)
		verdict = VERDICT_UNKNOWN;
	else if (algorithm->family == FAMILY_PSS)
		verdict = VERDICT_UNMANAGED;
	else if (is_bargain(args->data, algorithm, args->at[ALGORITHM].kind == ARG_VAR))
		verdict = VERDICT_WRONG;
	else
		verdict = token_verify(args->data, algorithm, key, sample->text);
	return sample_is_int(sample, verdict);
}

/* -- what is prepared -- */

static void
verify_free(void *data)
{
	struct jwt_verify *v = data;

	for (size_t i = 0; i < ALGORITHMS; i++)
		EVP_MD_free(v->digests[i]);
	EVP_PKEY_free(v->key);
	free(v);
}

/* A certificate, or a public key alone. NULL: the file has neither. */
static EVP_PKEY *
key_read(FILE *file)
{
	X509 *certificate = PEM_read_X509(file, NULL, NULL, NULL);
	EVP_PKEY *key = NULL;

	if (certificate != NULL) {
		key = X509_get_pubkey(certificate);
		X509_free(certificate);
	} else {
		rewind(file);
		key = PEM_read_PUBKEY(file, NULL, NULL, NULL);
	}
	return key;
}

static enum err
key_load(EVP_PKEY **key, struct slice path, struct diag *diag)
{
	char name[PATH_MAX], shown[ARG_SHOWN_BYTES];
	FILE *file = NULL;

	str_escape(shown, sizeof(shown), path);
	if (path.len < sizeof(name)) {
		memcpy(name, path.at, path.len);
		name[path.len] = '\0';
		file = fopen(name, "re");
	} else {
		errno = ENAMETOOLONG;
	}
	if (file == NULL) {
		diag_errno(diag, "the certificate or public key \"%s\"", shown);
		return ERR_INVALID;
	}
	*key = key_read(file);
	fclose(file);
	ERR_clear_error();
	if (*key != NULL)
		return ERR_OK;
	diag_set(diag, "\"%s\" is neither a certificate nor a public key in PEM format", shown);
	return ERR_INVALID;
}

static enum err
digests_find(struct jwt_verify *v, const struct algorithm *only, struct diag *diag)
{
	for (size_t i = 0; i < ALGORITHMS; i++) {
		enum err err = ERR_OK;

		if (algorithms[i].family == FAMILY_HMAC && (only == NULL || only == &algorithms[i]))
			err = digest_find(&v->digests[i], slice_of(algorithms[i].digest), diag);
		if (err != ERR_OK)
			return err;
	}
	return ERR_OK;
}

/* Where only a variable tells the algorithm, a key that is no file's path may be a secret. */
static enum err
verify_prepare(struct jwt_verify *v, const struct args *args, const struct algorithm *only,
	struct diag *diag)
{
	const struct arg *key = &args->at[KEY];
	bool is_public = only != NULL && (only->family == FAMILY_RSA || only->family == FAMILY_EC);
	enum err err = digests_find(v, only, diag);

	if (err != ERR_OK)
		return err;
	if (only == NULL && key->kind == ARG_STRING && key_load(&v->key, key->text, NULL) != ERR_OK)
		return ERR_OK;
	if (!is_public)
		return ERR_OK;
	if (key->kind != ARG_STRING) {
		diag_set(diag,
			 "the key of \"%s\" has to be the path of a certificate or public key",
			only->name);
		return ERR_INVALID;
	}
	return key_load(&v->key, key->text, diag);
}

static enum err
verify_check(struct args *args, const struct compile_env *env, struct diag *diag)
{
	const struct algorithm *only = NULL;
	char shown[ARG_SHOWN_BYTES];
	struct jwt_verify *v;

	arg_text_or_var(args, ALGORITHM);
	arg_text_or_var(args, KEY);
	if (args->at[ALGORITHM].kind == ARG_STRING) {
		only = algorithm_find(args->at[ALGORITHM].text);
		if (only == NULL || only->family == FAMILY_PSS) {
			diag_set(diag,
				 "algorithm \"%s\": expected HS256, RS256, ES256 (or 384, 512), "
				 "\"none\" or a variable",
				 arg_shown(shown, &args->at[ALGORITHM]));
			return ERR_INVALID;
		}
	}
	v = calloc(1, sizeof(*v));
	if (v == NULL)
		return ERR_NOMEM;
	args->data = v;
	args->data_free = verify_free;
	return verify_prepare(v, args, only, diag);
}

static const struct conv rows[] = {
	{ "jwt_verify", SAMPLE_BINARY, SAMPLE_INT, { ARG_STRING, ARG_STRING },
		"1 if the signature of a JSON Web Token is right: algorithm, secret or file of a public key",
		verify_check, verify_run, 0 },
};

struct conv_table conv_jwt = { rows, sizeof(rows) / sizeof(rows[0]), NULL };
