/*
 * Converters that hash (HAProxy manual, 7.3.1): the numbers are HAProxy's. What guards secrets is
 * in conv_digest.c.
 */
#include "config.h"
#include "expr/conv_priv.h"
#include <xxhash.h>
#include "core/crc32c.h"
#include "core/hash.h"
#include "expr/conv_value_priv.h"

static uint32_t
hash_crc32c(const void *bytes, size_t len)
{
	return crc32c(0, bytes, len);
}

static bool
hash_run(const struct args *args, struct sample *sample, uint32_t (*hash)(const void *, size_t))
{
	uint32_t value = hash(sample->text.at, sample->text.len);

	if (arg_number(args, 0, 0) != 0)
		value = hash_avalanche(value);
	return sample_is_int(sample, value);
}

#define HASH(name)								\
	static bool name##_run(struct eval *eval, const struct args *args, struct sample *sample) \
	{									\
		return hash_run(args, sample, hash_##name);			\
	}
HASH(crc32)
HASH(crc32c)
HASH(djb2)
HASH(sdbm)
HASH(wt6)

static bool
xxh32_run(struct eval *eval, const struct args *args, struct sample *sample)
{
	uint32_t seed = (uint32_t)arg_number(args, 0, 0);

	return sample_is_int(sample, XXH32(sample->text.at, sample->text.len, seed));
}

static bool
xxh64_run(struct eval *eval, const struct args *args, struct sample *sample)
{
	uint64_t seed = (uint64_t)arg_number(args, 0, 0);

	return sample_is_int(sample, (int64_t)XXH64(sample->text.at, sample->text.len, seed));
}

static bool
xxh3_run(struct eval *eval, const struct args *args, struct sample *sample)
{
	uint64_t seed = (uint64_t)arg_number(args, 0, 0);

	return sample_is_int(sample,
		(int64_t)XXH3_64bits_withSeed(sample->text.at, sample->text.len, seed));
}

#define HASH_ROW(word, does) \
	{                                                                     \
#word, SAMPLE_BINARY, SAMPLE_INT,                             \
			{ ARG_INT | ARG_OPTIONAL }, does, NULL, word##_run, 0 \
	}

static const struct conv rows[] = {
	HASH_ROW(crc32, "CRC-32 of gzip and Ethernet; with 1: avalanched"),
	HASH_ROW(crc32c, "CRC-32C (Castagnoli); with 1: avalanched"),
	HASH_ROW(djb2, "32-bit hash DJB2; with 1: avalanched"),
	HASH_ROW(sdbm, "32-bit hash SDBM; with 1: avalanched"),
	HASH_ROW(wt6, "32-bit hash WT6; with 1: avalanched"),
	HASH_ROW(xxh3, "64-bit hash XXH3, with a seed"),
	HASH_ROW(xxh32, "32-bit hash XXH32, with a seed"),
	HASH_ROW(xxh64, "64-bit hash XXH64, with a seed"),
};

struct conv_table conv_hash = { rows, sizeof(rows) / sizeof(rows[0]), NULL };
