/*
 * Converters of the Forwarded field (RFC 7239; rfc7239_* of HAProxy 2.8's manual).
 *
 * A list of several elements is taken too; of a parameter that is in more than one, the first.
 */
#include "config.h"
#include "expr/conv_priv.h"
#include <arpa/inet.h>
#include "expr/conv_value_priv.h"
#include "http/head.h"

#define PORT_MAX_DIGITS	5

struct parameter {
	struct slice	name;
	struct slice	value;		/* without quotes; its backslashes are there still */
	bool		is_quoted;
};

static bool
is_alnum(char c)
{
	char lower = c | 0x20;

	return (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9');
}

/* RFC 9110, 5.6.2. */
static bool
is_token_byte(char c)
{
	return is_alnum(c) || (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static struct slice
token_take(struct slice *text)
{
	struct slice token = { text->at, 0 };

	while (token.len < text->len && is_token_byte(token.at[token.len]))
		token.len++;
	text->at += token.len;
	text->len -= token.len;
	return token;
}

static bool
byte_take(struct slice *text, char byte)
{
	if (text->len == 0 || text->at[0] != byte)
		return false;
	text->at++;
	text->len--;
	return true;
}

static void
blanks_take(struct slice *text)
{
	while (byte_take(text, ' ') || byte_take(text, '\t'))
		;
}

/* Behind the opening quote, to behind the closing one. */
static bool
quoted_take(struct slice *text, struct slice *value)
{
	value->at = text->at;
	value->len = 0;
	while (text->len > 0) {
		if (byte_take(text, '"'))
			return true;
		if (byte_take(text, '\\'))
			value->len++;
		if (text->len == 0)
			return false;
		text->at++;
		text->len--;
		value->len++;
	}
	return false;
}

/* name=token or name="...", without blanks between (RFC 7239, 4). */
static bool
parameter_take(struct slice *text, struct parameter *p)
{
	p->name = token_take(text);
	if (p->name.len == 0 || !byte_take(text, '='))
		return false;
	p->is_quoted = byte_take(text, '"');
	if (p->is_quoted)
		return quoted_take(text, &p->value);
	p->value = token_take(text);
	return p->value.len > 0;
}

/* What is between two parameters: ";" in an element, "," with blanks around between two. */
static bool
separator_take(struct slice *text)
{
	if (byte_take(text, ';'))
		return true;
	blanks_take(text);
	if (!byte_take(text, ','))
		return false;
	blanks_take(text);
	return true;
}

/* -- what the values mean -- */

/* "_" and what may be behind it (RFC 7239, 6.3). */
static bool
is_obfuscated(struct slice text)
{
	if (text.len < 2 || text.at[0] != '_')
		return false;
	for (size_t i = 1; i < text.len; i++) {
		if (!is_alnum(text.at[i]) && strchr("._-", text.at[i]) == NULL)
			return false;
	}
	return true;
}

static bool
ip_parse(struct ip *ip, struct slice text, int family)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	char buf[INET6_ADDRSTRLEN];

	if (text.len >= sizeof(buf))
		return false;
	memcpy(buf, text.at, text.len);
	buf[text.len] = '\0';
	ip->is_ipv4 = family == AF_INET;
	memcpy(ip->bytes, mapped, sizeof(mapped));
	return strlen(buf) == text.len &&
		inet_pton(family, buf, family == AF_INET ? ip->bytes + 12 : ip->bytes) == 1;
}

static bool
port_parse(struct slice text, struct sample *port)
{
	int64_t number = 0;

	if (is_obfuscated(text))
		return sample_is_text(port, SAMPLE_STRING, text.at, text.len);
	if (text.len == 0 || text.len > PORT_MAX_DIGITS)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		if (text.at[i] < '0' || text.at[i] > '9')
			return false;
		number = number * 10 + (text.at[i] - '0');
	}
	return number <= UINT16_MAX && sample_is_int(port, number);
}

/* A nodename without a port; IPv6 has its brackets still. */
static bool
name_parse(struct slice text, struct sample *name)
{
	bool is_ip = false;

	if (text.len > 2 && text.at[0] == '[' && text.at[text.len - 1] == ']')
		is_ip = ip_parse(&name->ip, (struct slice){ text.at + 1, text.len - 2 }, AF_INET6);
	else if (http_equals_nocase(text, SLICE("unknown")) || is_obfuscated(text))
		return sample_is_text(name, SAMPLE_STRING, text.at, text.len);
	else if (text.len > 0)
		is_ip = ip_parse(&name->ip, text, AF_INET);
	name->type = SAMPLE_IP;
	return is_ip;
}

/* RFC 7239, 6: a name, and a port or none. */
static bool
node_parse(struct slice text, struct sample *name, struct sample *port, bool *has_port)
{
	size_t at = text.len;

	*has_port = false;
	while (at > 0 && text.at[at - 1] != ':' && text.at[at - 1] != ']')
		at--;
	if (at == 0 || text.at[at - 1] == ']')
		return (at == 0 || at == text.len) && name_parse(text, name);
	*has_port = true;
	return port_parse((struct slice){ text.at + at, text.len - at }, port) &&
		name_parse((struct slice){ text.at, at - 1 }, name);
}

static bool
node_is_fit(struct slice value)
{
	struct sample name, port;
	bool has_port;

	return node_parse(value, &name, &port, &has_port);
}

/* HAProxy knows these two (its manual: "custom" is not valid). */
static bool
proto_is_fit(struct slice value)
{
	return http_equals_nocase(value, SLICE("http")) ||
	       http_equals_nocase(value, SLICE("https"));
}

/* RFC 9110, 7.2: what a host may be made of. */
static bool
host_is_fit(struct slice value)
{
	for (size_t i = 0; i < value.len; i++) {
		if (!is_alnum(value.at[i]) && (value.at[i] == '\0' ||
		    strchr("-._~%!$&'()*+,;=:[]", value.at[i]) == NULL))
			return false;
	}
	return value.len > 0;
}

static const struct known {
	const char	*name;
	bool		(*is_fit)(struct slice value);
} known[] = {
	{ "by", node_is_fit },
	{ "for", node_is_fit },
	{ "host", host_is_fit },
	{ "proto", proto_is_fit },
};
#define KNOWN (sizeof(known) / sizeof(known[0]))

static size_t
known_find(struct slice name)
{
	size_t i = 0;

	while (i < KNOWN && !http_equals_nocase(name, slice_of(known[i].name)))
		i++;
	return i;
}

/* -- converters -- */

/* Each parameter at most once in an element; others than those four may be there. */
static bool
list_is_valid(struct slice text)
{
	struct parameter p;
	unsigned seen = 0;

	for (;;) {
		size_t i;

		if (!parameter_take(&text, &p))
			return false;
		i = known_find(p.name);
		if (i < KNOWN && ((seen & 1U << i) != 0 || !known[i].is_fit(p.value)))
			return false;
		seen |= 1U << i;
		if (text.len == 0)
			return true;
		if (text.at[0] != ';')
			seen = 0;
		if (!separator_take(&text))
			return false;
	}
}

static bool
is_valid_run(struct eval *eval, const struct args *args, struct sample *sample)
{
	struct slice text = sample->text;

	blanks_take(&text);
	while (text.len > 0 && (text.at[text.len - 1] == ' ' || text.at[text.len - 1] == '\t'))
		text.len--;
	return sample_is_bool(sample, list_is_valid(text));
}

static enum err
field_check(struct args *args, const struct compile_env *env, struct diag *diag)
{
	char shown[ARG_SHOWN_BYTES];

	if (known_find(args->at[0].text) < KNOWN)
		return ERR_OK;
	diag_set(diag, "\"%s\": expected \"by\", \"for\", \"host\" or \"proto\"",
		arg_shown(shown, &args->at[0]));
	return ERR_INVALID;
}

/* Without the backslashes of a quoted string. */
static bool
unquote(struct eval *eval, struct sample *sample, struct slice value)
{
	char *out = eval_take(eval, value.len), *end = out;

	if (out == NULL)
		return false;
	for (size_t i = 0; i < value.len; i++) {
		if (value.at[i] == '\\' && i + 1 < value.len)
			i++;
		*end++ = value.at[i];
	}
	eval_trim(eval, end);
	return sample_is_text(sample, SAMPLE_STRING, out, (size_t)(end - out));
}

static bool
field_run(struct eval *eval, const struct args *args, struct sample *sample)
{
	struct slice text = sample->text;
	struct parameter p;

	blanks_take(&text);
	while (parameter_take(&text, &p)) {
		if (http_equals_nocase(p.name, args->at[0].text))
			return unquote(eval, sample, p.value);
		if (!separator_take(&text))
			return false;
	}
	return false;
}

static bool
n2nn_run(struct eval *eval, const struct args *args, struct sample *sample)
{
	struct sample name, port;
	bool has_port;

	if (!node_parse(sample->text, &name, &port, &has_port))
		return false;
	*sample = name;
	return true;
}

static bool
n2np_run(struct eval *eval, const struct args *args, struct sample *sample)
{
	struct sample name, port;
	bool has_port;

	if (!node_parse(sample->text, &name, &port, &has_port) || !has_port)
		return false;
	*sample = port;
	return true;
}

static const struct conv rows[] = {
	{ "rfc7239_field", SAMPLE_STRING, SAMPLE_STRING, { ARG_STRING },
		"by, for, host or proto of a Forwarded field", field_check, field_run, 0 },
	{ "rfc7239_is_valid", SAMPLE_STRING, SAMPLE_BOOL, { ARG_NONE },
		"whether it is a Forwarded field's value as RFC 7239 wants it",
	  NULL,
	  is_valid_run,
	  0 },
	{ "rfc7239_n2nn",
	  SAMPLE_STRING,
	  SAMPLE_ANY,
	  { ARG_NONE },
	  "the address, \"unknown\" or \"_name\" of Forwarded's for or by",
	  NULL,
	  n2nn_run,
	  0 },
	{ "rfc7239_n2np",
	  SAMPLE_STRING,
	  SAMPLE_ANY,
	  { ARG_NONE },
	  "the port or \"_name\" of it; there may be none",
	  NULL,
	  n2np_run,
	  0 },
};

struct conv_table conv_forwarded = { rows, sizeof(rows) / sizeof(rows[0]), NULL };
