/*
 * Match methods (HAProxy manual, 7.1): a row each. How a pattern's text is read, when it holds
 * for a sample, and how the ones that hold are found among many. Any thread.
 */
#pragma once

#include "expr/pattern_priv.h"

/* A pattern being made: its text as it was read for the method. */
struct draft {
	struct slice	 text;			/* as it was written */
	struct slice	 key;			/* into the text, or into `room` */
	bool		 hashes;		/* equal keys mean a match: a hash finds it */
	struct regex	*regex;			/* owned, until the pattern is */
	char		 room[PATTERN_KEY_BYTES];
	char		*bytes;			/* owned: a key that needs more room */
};

struct match {
	const char		*name;		/* behind -m, and of the form "path_beg" */
	unsigned		 takes;		/* 1 << enum sample_type: as it is */
	enum sample_type	 cast;		/* what others are cast to */
	bool			 has_form;	/* "path_beg" is a word of its own */
	bool			 has_cuts;	/* keys are parts of the sample: set->cuts says which */
	bool			 expands;	/* values are formats of the regular expression's groups */
	const bool		*delimits;	/* 256, by the byte; "dir", "dom" */
	/* NULL: the method takes no patterns */
	enum err		(*parse)(const struct pattern_set *set, struct draft *draft,
					struct diag *diag);
	/* `pattern` is NULL where there is no parse() */
	bool			(*holds)(const struct pattern_set *set, const struct pattern *pattern,
					const struct sample *sample);
	/* which of two that hold is better: the greater; NULL: the one that came first */
	uint32_t		(*rank)(const struct pattern *pattern, const struct sample *sample);
	/* the best one by the table; NULL: the method has none */
	const struct pattern	*(*search)(const struct pattern_set *set, const struct table *table,
					const struct sample *sample);
};

/* The parse() of rows, in pattern_parse.c. */
enum err draft_parse_text(const struct pattern_set *set, struct draft *draft, struct diag *diag);
enum err draft_parse_listed(const struct pattern_set *set, struct draft *draft, struct diag *diag);
enum err draft_parse_portions(const struct pattern_set *set, struct draft *draft,
			      struct diag *diag);
enum err draft_parse_number(const struct pattern_set *set, struct draft *draft, struct diag *diag);
enum err draft_parse_hex(const struct pattern_set *set, struct draft *draft, struct diag *diag);
enum err draft_parse_net(const struct pattern_set *set, struct draft *draft, struct diag *diag);
enum err draft_parse_regex(const struct pattern_set *set, struct draft *draft, struct diag *diag);
void draft_fini(struct draft *draft);

/* The search() of rows, in pattern_find.c. */
const struct pattern *table_search_text(const struct pattern_set *set, const struct table *table,
	const struct sample *sample);
const struct pattern *table_search_number(const struct pattern_set *set, const struct table *table,
	const struct sample *sample);
const struct pattern *table_search_length(const struct pattern_set *set, const struct table *table,
	const struct sample *sample);
const struct pattern *table_search_prefix(const struct pattern_set *set, const struct table *table,
	const struct sample *sample);
const struct pattern *table_search_suffix(const struct pattern_set *set, const struct table *table,
	const struct sample *sample);
const struct pattern *table_search_portions(const struct pattern_set *set,
					    const struct table *table, const struct sample *sample);
const struct pattern *table_search_net(const struct pattern_set *set, const struct table *table,
	const struct sample *sample);

static inline bool
is_delimiter(const struct pattern_set *set, char c)
{
	return set->match->delimits[(unsigned char)c];
}

/*
 * The IPv4 address of one, or in one that is mapped, compatible or 6to4 (as HAProxy sees them).
 * False: there is none.
 */
bool ip_inside(const struct ip *ip, uint8_t ip4[4]);
