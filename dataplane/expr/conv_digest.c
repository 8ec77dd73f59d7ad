/*
 * Converters that digest: sha1, sha2, digest, hmac (HAProxy manual, 7.3.1).
 */
#include "config.h"
#include "expr/conv_priv.h"
#include <stdio.h>
#include "expr/conv_code_priv.h"
#include "expr/conv_value_priv.h"
#include "expr/digest_priv.h"

enum { ALGORITHM, KEY };	/* arguments of hmac */

static void
md_free(void *md)
{
	EVP_MD_free(md);
}

/* check(): the row's data is the digest of that name. */
static enum err
md_set(struct args *args, struct slice name, struct diag *diag)
{
	EVP_MD *md;
	enum err err = digest_find(&md, name, diag);

	if (err == ERR_OK) {
		args->data = md;
		args->data_free = md_free;
	}
	return err;
}

static enum err
digest_check(struct args *args, const struct compile_env *env, struct diag *diag)
{
	return md_set(args, args->at[ALGORITHM].text, diag);
}

static enum err
sha1_check(struct args *args, const struct compile_env *env, struct diag *diag)
{
	return md_set(args, SLICE("SHA1"), diag);
}

static enum err
sha2_check(struct args *args, const struct compile_env *env, struct diag *diag)
{
	int64_t bits = arg_number(args, 0, 256);
	char name[16];

	if (bits != 224 && bits != 256 && bits != 384 && bits != 512) {
		diag_set(diag, "%lld bits: expected 224, 256, 384 or 512", (long long)bits);
		return ERR_INVALID;
	}
	snprintf(name, sizeof(name), "SHA%d", (int)bits);
	return md_set(args, slice_of(name), diag);
}

static bool
digest_put(struct eval *eval, struct sample *sample, const struct digest *digest)
{
	char *out = eval_take(eval, digest->len);

	if (out == NULL)
		return false;
	memcpy(out, digest->bytes, digest->len);
	return sample_is_text(sample, SAMPLE_BINARY, out, digest->len);
}

static bool
digest_run(struct eval *eval, const struct args *args, struct sample *sample)
{
	struct digest digest;

	return digest_of(&digest, args->data, &sample->text, 1) &&
	       digest_put(eval, sample, &digest);
}

/* Some 8000 bits: more than any block, and so than any key gains from. */
#define HMAC_KEY_MAX_BYTES 1024

static enum err
hmac_check(struct args *args, const struct compile_env *env, struct diag *diag)
{
	struct arg *key = &args->at[KEY];
	char bytes[HMAC_KEY_MAX_BYTES];

	arg_text_or_var(args, KEY);
	if (key->kind == ARG_STRING && (base64_bytes_max(key->text.len) > sizeof(bytes) ||
	    base64_bytes(bytes, key->text) < 0)) {
		diag_set(diag, "the key has to be in base64, of at most %d bytes, or a variable",
			HMAC_KEY_MAX_BYTES);
		return ERR_INVALID;
	}
	return digest_check(args, env, diag);
}

static bool
hmac_run(struct eval *eval, const struct args *args, struct sample *sample)
{
	char bytes[HMAC_KEY_MAX_BYTES];
	struct digest digest;
	struct slice text;
	ptrdiff_t len;

	if (!arg_get_text(eval, &args->at[KEY], SAMPLE_STRING, &text) ||
	    base64_bytes_max(text.len) > sizeof(bytes))
		return false;
	len = base64_bytes(bytes, text);
	return len >= 0 &&
	       hmac_of(&digest, args->data, (struct slice){ bytes, (size_t)len }, &sample->text,
		       1) &&
		digest_put(eval, sample, &digest);
}

static const struct conv rows[] = {
	{ "digest", SAMPLE_BINARY, SAMPLE_BINARY, { ARG_STRING },
		"a message digest of libcrypto, by its name", digest_check, digest_run, 0 },
	{ "hmac", SAMPLE_BINARY, SAMPLE_BINARY, { ARG_STRING, ARG_STRING },
		"a keyed message authentication code: digest, key in base64 or a variable",
	  hmac_check,
	  hmac_run,
	  0 },
	{ "sha1",
	  SAMPLE_BINARY,
	  SAMPLE_BINARY,
	  { ARG_NONE },
	  "its SHA-1 digest, 20 bytes",
	  sha1_check,
	  digest_run,
	  0 },
	{ "sha2",
	  SAMPLE_BINARY,
	  SAMPLE_BINARY,
	  { ARG_INT | ARG_OPTIONAL },
	  "its SHA-2 digest of 224, 256 (default), 384 or 512 bits",
	  sha2_check,
	  digest_run,
	  0 },
};

struct conv_table conv_digest = { rows, sizeof(rows) / sizeof(rows[0]), NULL };
