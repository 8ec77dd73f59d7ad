/*
 * "Did you mean": the nearest of some names.
 *
 * Distance is that of optimal string alignment: insertions, deletions, substitutions, and swaps of
 * neighbours, for those are what fingers do. Pure.
 */
#include "config.h"
#include "core/hint.h"
#include <ctype.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>

#define WORD_MAX 64	/* longer words get no hint: the table of distances is on the stack */

static unsigned
min_of(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* What counts as the same: case, and '-' for '_'. */
static char
fold(char c)
{
	return c == '-' ? '_' : (char)tolower((unsigned char)c);
}

static size_t
fold_word(char *out, const char *word)
{
	size_t len;

	for (len = 0; len < WORD_MAX && word[len] != '\0'; len++)
		out[len] = fold(word[len]);
	return len;
}

/* Three rows of the classic table are enough: a swap looks two rows back. */
static unsigned
distance_of(const char *a, size_t a_len, const char *b, size_t b_len)
{
	unsigned rows[3][WORD_MAX + 1];
	size_t i, j;

	for (j = 0; j <= b_len; j++)
		rows[0][j] = (unsigned)j;
	for (i = 1; i <= a_len; i++) {
		unsigned *row = rows[i % 3];
		const unsigned *up = rows[(i + 2) % 3];
		const unsigned *up2 = rows[(i + 1) % 3];

		row[0] = (unsigned)i;
		for (j = 1; j <= b_len; j++) {
			row[j] = min_of(min_of(up[j], row[j - 1]) + 1,
				up[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				row[j] = min_of(row[j], up2[j - 2] + 1);
		}
	}
	return rows[a_len % 3][b_len];
}

/* How far `name` is; UINT_MAX when it would be no help. The start of a name is near to it. */
static unsigned
hint_distance(const char *word, size_t word_len, const char *name)
{
	char folded[WORD_MAX];
	size_t len = fold_word(folded, name);
	size_t shorter = len < word_len ? len : word_len;
	size_t longer = len < word_len ? word_len : len;
	unsigned distance, limit;

	if (name[len] != '\0' || len == 0)
		return UINT_MAX;
	distance = distance_of(word, word_len, folded, len);
	limit = (unsigned)(longer + 1) / 3;
	if (distance <= limit)
		return distance;
	if (shorter >= 3 && memcmp(word, folded, shorter) == 0)
		return distance;
	return UINT_MAX;
}

const char *
hint_nearest(const char *word, const char *const *names, size_t count)
{
	char folded[WORD_MAX];
	size_t len = fold_word(folded, word);
	const char *nearest = NULL;
	unsigned best = UINT_MAX;
	size_t i;

	if (word[len] != '\0' || len == 0)
		return NULL;
	for (i = 0; i < count; i++) {
		unsigned distance = hint_distance(folded, len, names[i]);

		if (distance < best) {
			best = distance;
			nearest = names[i];
		}
	}
	return nearest;
}

#define TLS    "needs TLS, which is not in this version"
#define TABLES "needs stick tables, which are not in this version"

static const struct later {
	const char *begin;
	const char *words;
} later[] = {
	{ "in_table", TABLES },
	{ "sc-", TABLES },
	{ "sc0_", TABLES },
	{ "sc1_", TABLES },
	{ "sc2_", TABLES },
	{ "sc_", TABLES },
	{ "src_bytes_", TABLES },
	{ "src_clr_gpc", TABLES },
	{ "src_conn_", TABLES },
	{ "src_get_gp", TABLES },
	{ "src_gpc", TABLES },
	{ "src_http_", TABLES },
	{ "src_inc_gpc", TABLES },
	{ "src_kbytes_", TABLES },
	{ "src_sess_", TABLES },
	{ "src_updt_conn_cnt", TABLES },
	{ "ssl_", TLS },
	{ "table_", TABLES },
	{ "track-sc", TABLES },
};

const char *
hint_later(const char *name)
{
	for (size_t i = 0; i < sizeof(later) / sizeof(later[0]); i++) {
		if (strncmp(name, later[i].begin, strlen(later[i].begin)) == 0)
			return later[i].words;
	}
	return NULL;
}
