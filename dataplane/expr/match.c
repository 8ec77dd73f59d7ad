/*
 * The match methods: when a pattern holds for a sample. A worker runs them for each value of each
 * test. Pure; any thread.
 */
#include "config.h"
#include "expr/match_priv.h"
#include "expr/regex.h"

static bool
hold_always(const struct pattern_set *set, const struct pattern *p, const struct sample *sample)
{
	return true;
}

static bool
hold_bool(const struct pattern_set *set, const struct pattern *p, const struct sample *sample)
{
	return sample->number != 0;
}

static bool
hold_number(const struct pattern_set *set, const struct pattern *p, const struct sample *sample)
{
	return pattern_bound(p, 0) <= sample->number && sample->number <= pattern_bound(p, 1);
}

static bool
hold_length(const struct pattern_set *set, const struct pattern *p, const struct sample *sample)
{
	int64_t len = (int64_t)sample->text.len;

	return pattern_bound(p, 0) <= len && len <= pattern_bound(p, 1);
}

static bool
hold_text(const struct pattern_set *set, const struct pattern *p, const struct sample *sample)
{
	return sample->text.len == p->key_len &&
	       bytes_equal(sample->text.at, p->bytes, p->key_len, set->nocase);
}

static bool
hold_prefix(const struct pattern_set *set, const struct pattern *p, const struct sample *sample)
{
	return sample->text.len >= p->key_len &&
	       bytes_equal(sample->text.at, p->bytes, p->key_len, set->nocase);
}

static bool
hold_suffix(const struct pattern_set *set, const struct pattern *p, const struct sample *sample)
{
	return sample->text.len >= p->key_len &&
	       bytes_equal(sample->text.at + sample->text.len - p->key_len, p->bytes, p->key_len,
			   set->nocase);
}

static bool
hold_substring(const struct pattern_set *set, const struct pattern *p, const struct sample *sample)
{
	struct slice in = sample->text;
	char first;

	if (p->key_len == 0)
		return true;
	if (!set->nocase)
		return in.len >= p->key_len && memmem(in.at, in.len, p->bytes, p->key_len) != NULL;
	first = byte_fold(p->bytes[0]);
	for (size_t i = 0; i + p->key_len <= in.len; i++) {
		if (byte_fold(in.at[i]) == first &&
		    bytes_equal_nocase(in.at + i, p->bytes, p->key_len))
			return true;
	}
	return false;
}

/* It stands somewhere with a delimiter, or an end of the text, on either side. */
static bool
hold_portions(const struct pattern_set *set, const struct pattern *p, const struct sample *sample)
{
	struct slice in = sample->text;

	for (size_t i = 0; i + p->key_len <= in.len; i++) {
		size_t end = i + p->key_len;

		if ((end == in.len || is_delimiter(set, in.at[end])) &&
		    bytes_equal(in.at + i, p->bytes, p->key_len, set->nocase))
			return true;
		while (i < in.len && !is_delimiter(set, in.at[i]))
			i++;
	}
	return false;
}

static bool
hold_regex(const struct pattern_set *set, const struct pattern *p, const struct sample *sample)
{
	return regex_match(pattern_regex(p), sample->text, NULL);
}

static bool
method_is_known(struct slice method)
{
	static const char known[][8] = {
		"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT", "TRACE",
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (slice_equals(method, slice_of(known[i])))
			return true;
	}
	return false;
}

/*
 * Methods have their case (RFC 9110, 9.1); as in HAProxy -i counts for those that are not well
 * known.
 */
static bool
hold_method(const struct pattern_set *set, const struct pattern *p, const struct sample *sample)
{
	if (sample->text.len != p->key_len)
		return false;
	if (!set->nocase || method_is_known(pattern_key(p)) || method_is_known(sample->text))
		return bytes_equal(sample->text.at, p->bytes, p->key_len, false);
	return bytes_equal_nocase(sample->text.at, p->bytes, p->key_len);
}

bool
ip_inside(const struct ip *ip, uint8_t ip4[4])
{
	static const uint8_t zeros[10];
	const uint8_t *b = ip->bytes;
	unsigned at = 12;	/* an IPv4 address; ::ffff:ip4, ::ip4 (RFC 4291, 2.5.5) */

	if (!ip->is_ipv4 && b[0] == 0x20 && b[1] == 0x02)
		at = 2;		/* 2002:ip4::/48 (RFC 3056) */
	else if (!ip->is_ipv4 &&
		 (memcmp(b, zeros, 10) != 0 || b[10] != b[11] || (b[10] != 0 && b[10] != 0xff)))
		return false;
	memcpy(ip4, b + at, 4);
	return true;
}

static bool
net_has(const struct pattern *p, const uint8_t *addr, unsigned len)
{
	const uint8_t *net = (const uint8_t *)p->bytes, *mask = net + len;

	for (unsigned i = 0; i < len; i++) {
		if ((addr[i] & mask[i]) != net[i])
			return false;
	}
	return true;
}

static bool
hold_net(const struct pattern_set *set, const struct pattern *p, const struct sample *sample)
{
	uint8_t ip4[4];

	if (p->key_len == 2 * sizeof(sample->ip.bytes))
		return net_has(p, sample->ip.bytes, sizeof(sample->ip.bytes));
	return ip_inside(&sample->ip, ip4) && net_has(p, ip4, sizeof(ip4));
}

static uint32_t
rank_longest(const struct pattern *p, const struct sample *sample)
{
	return p->key_len;
}

#define RANK_OWN_FAMILY 256	/* over any number of bits */

/*
 * As HAProxy looks: networks of the address's family, the narrowest first; of the other; masks
 * with holes.
 */
static uint32_t
rank_net(const struct pattern *p, const struct sample *sample)
{
	unsigned len = p->key_len / 2, bits = 0;
	const uint8_t *mask = (const uint8_t *)p->bytes + len;
	bool is_own = (len == 4) == sample->ip.is_ipv4;

	while (bits < len * 8 && (mask[bits / 8] & 0x80 >> bits % 8) != 0)
		bits++;
	for (unsigned i = bits; i < len * 8; i++) {
		if ((mask[i / 8] & 0x80 >> i % 8) != 0)
			return 0;
	}
	return 1 + bits + (is_own ? RANK_OWN_FAMILY : 0);
}

#define ALL	(~0U)
#define NUMBER	(1U << SAMPLE_BOOL | 1U << SAMPLE_INT)
#define TEXT	(1U << SAMPLE_STRING | 1U << SAMPLE_METHOD)
#define BINARY	(1U << SAMPLE_STRING | 1U << SAMPLE_BINARY)

static const bool dir_delimits[256] = { ['/'] = true, ['?'] = true };
static const bool dom_delimits[256] = {
	['.'] = true,
	['/'] = true,
	[':'] = true,
	['?'] = true,
};

/* clang-format off */
static const struct match matches[] = {
	{ .name = "beg", .takes = TEXT, .cast = SAMPLE_STRING, .has_form = true, .has_cuts = true,
	  .parse = draft_parse_text, .holds = hold_prefix, .rank = rank_longest, .search = table_search_prefix },
	{ .name = "bin", .takes = BINARY, .cast = SAMPLE_BINARY,
	  .parse = draft_parse_hex, .holds = hold_text, .search = table_search_text },
	{ .name = "bool", .takes = NUMBER, .cast = SAMPLE_INT, .holds = hold_bool },
	{ .name = "dir", .takes = TEXT, .cast = SAMPLE_STRING, .has_form = true, .has_cuts = true,
	  .delimits = dir_delimits, .parse = draft_parse_portions, .holds = hold_portions, .search = table_search_portions },
	{ .name = "dom", .takes = TEXT, .cast = SAMPLE_STRING, .has_form = true, .has_cuts = true,
	  .delimits = dom_delimits, .parse = draft_parse_portions, .holds = hold_portions, .search = table_search_portions },
	{ .name = "end", .takes = TEXT, .cast = SAMPLE_STRING, .has_form = true, .has_cuts = true,
	  .parse = draft_parse_text, .holds = hold_suffix, .search = table_search_suffix },
	{ .name = "found", .takes = ALL, .cast = SAMPLE_ANY, .holds = hold_always },
	{ .name = "int", .takes = NUMBER, .cast = SAMPLE_INT,
	  .parse = draft_parse_number, .holds = hold_number, .search = table_search_number },
	{ .name = "ip", .takes = 1U << SAMPLE_IP, .cast = SAMPLE_IP, .has_cuts = true,
	  .parse = draft_parse_net, .holds = hold_net, .rank = rank_net, .search = table_search_net },
	{ .name = "len", .takes = TEXT, .cast = SAMPLE_STRING, .has_form = true,
	  .parse = draft_parse_number, .holds = hold_length, .search = table_search_length },
	{ .name = "meth", .takes = 1U << SAMPLE_METHOD, .cast = SAMPLE_METHOD,
	  .parse = draft_parse_listed, .holds = hold_method },
	{ .name = "reg", .takes = TEXT, .cast = SAMPLE_STRING, .has_form = true,
	  .parse = draft_parse_regex, .holds = hold_regex },
	{ .name = "regm", .takes = TEXT, .cast = SAMPLE_STRING, .expands = true,
	  .parse = draft_parse_regex, .holds = hold_regex },
	{ .name = "str", .takes = TEXT, .cast = SAMPLE_STRING,
	  .parse = draft_parse_text, .holds = hold_text, .search = table_search_text },
	{ .name = "sub", .takes = TEXT, .cast = SAMPLE_STRING, .has_form = true,
	  .parse = draft_parse_listed, .holds = hold_substring },
};
/* clang-format on */

#define MATCH_COUNT (sizeof(matches) / sizeof(matches[0]))

const struct match *
match_at(size_t index)
{
	return index < MATCH_COUNT ? &matches[index] : NULL;
}

const struct match *
match_find(struct slice name)
{
	for (size_t i = 0; i < MATCH_COUNT; i++) {
		if (slice_equals(name, slice_of(matches[i].name)))
			return &matches[i];
	}
	return NULL;
}

const struct match *
match_default(enum sample_type type)
{
	static const char *const names[SAMPLE_TYPES + 1] = {
		[SAMPLE_BOOL] = "bool",
		[SAMPLE_INT] = "int",
		[SAMPLE_IP] = "ip",
		[SAMPLE_STRING] = "str",
		[SAMPLE_METHOD] = "meth",
	};

	return names[type] != NULL ? match_find(slice_of(names[type])) : NULL;
}

bool
match_takes(const struct match *match, enum sample_type type)
{
	return type == SAMPLE_ANY || (match->takes & 1U << type) != 0 ||
	       sample_may_cast(type, match->cast);
}

bool
match_takes_patterns(const struct match *match)
{
	return match->parse != NULL;
}

bool
match_has_form(const struct match *match)
{
	return match->has_form;
}

const char *
match_name(const struct match *match)
{
	return match->name;
}
