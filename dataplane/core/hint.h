/*
 * "Did you mean": the nearest of some names.
 */
#pragma once

#include <stddef.h>

/*
 * The name of `names` nearest to `word` (edit distance with transpositions, '-' counts as '_',
 * case folded), NULL if none is near enough to be worth a hint. Pure.
 */
const char *hint_nearest(const char *word, const char *const *names, size_t count);

/*
 * What a name needs that HAProxy has and this version has not: "needs TLS, which is not in this version". NULL: it
 * begins as none of these. For names that are not known. Pure.
 */
const char *hint_later(const char *name);
