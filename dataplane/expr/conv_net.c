/*
 * Converters of addresses and hosts (HAProxy manual, 7.3.1).
 */
#include "config.h"
#include "expr/conv_priv.h"
#include "expr/conv_value_priv.h"

#define IP4_AT 12	/* where IPv4's bytes are in a mapped address */

/* ::ffff:192.0.2.1: it is kept as the IPv4 address would be. */
static bool
ip_is_mapped(const struct ip *ip)
{
	static const uint8_t prefix[IP4_AT] = { [10] = 0xff, [11] = 0xff };

	return memcmp(ip->bytes, prefix, sizeof(prefix)) == 0;
}

/* Without a second mask there is no value for an IPv6 address. */
static bool
ipmask_run(struct eval *eval, const struct args *args, struct sample *sample)
{
	const struct arg *mask;

	sample->ip.is_ipv4 = ip_is_mapped(&sample->ip);
	mask = &args->at[sample->ip.is_ipv4 ? 0 : 1];
	if (mask->kind == ARG_NONE)
		return false;
	for (size_t i = sample->ip.is_ipv4 ? IP4_AT : 0; i < sizeof(sample->ip.bytes); i++)
		sample->ip.bytes[i] &= mask->mask.bytes[i];
	return true;
}

/* Where the colon before the port is; the length if there is none. Brackets hide the others. */
static size_t
port_colon(struct slice host)
{
	for (size_t i = host.len; i > 0 && host.at[i - 1] != ']'; i--) {
		if (host.at[i - 1] == ':')
			return i - 1;
	}
	return host.len;
}

static bool
host_only_run(struct eval *eval, const struct args *args, struct sample *sample)
{
	size_t len = port_colon(sample->text);
	char *out = eval_take(eval, len);

	if (out == NULL)
		return false;
	for (size_t i = 0; i < len; i++) {
		char c = sample->text.at[i];

		out[i] = c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
	}
	return sample_is_text(sample, SAMPLE_STRING, out, len);
}

/* As HAProxy, it does not ask whether they are digits. */
static bool
port_only_run(struct eval *eval, const struct args *args, struct sample *sample)
{
	uint32_t port = 0;

	for (size_t i = port_colon(sample->text) + 1; i < sample->text.len; i++)
		port = port * 10 + (uint32_t)(uint8_t)sample->text.at[i] - '0';
	return sample_is_int(sample, port);
}

static const struct conv rows[] = {
	{ "host_only", SAMPLE_STRING, SAMPLE_STRING, { ARG_NONE },
		"a Host field's value without its port, in lower case", NULL, host_only_run, 0 },
	{ "ipmask", SAMPLE_IP, SAMPLE_IP, { ARG_MASK4, ARG_MASK6 | ARG_OPTIONAL },
		"the address under a mask for IPv4; under one for IPv6, if there is one",
		NULL, ipmask_run, 0 },
	{ "port_only", SAMPLE_STRING, SAMPLE_INT, { ARG_NONE },
		"the port of a Host field's value, 0 if it has none", NULL, port_only_run, 0 },
};

struct conv_table conv_net = { rows, sizeof(rows) / sizeof(rows[0]), NULL };
