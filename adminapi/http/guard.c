/*
 * The Host, Origin and Sec-Fetch-Site rules (API contract, "Who may reach it").
 *
 * Pure, any thread.
 */
#include "config.h"
#include "adminapi/http/guard.h"
#include <arpa/inet.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>
#include "core/str.h"

#define HTTP_DEFAULT_PORT  80
#define NAME_MAX_BYTES	   253	/* a DNS name, RFC 1035 */
#define SHOWN_MAX_BYTES	   200	/* of outside text in an error */

/* host[:port], taken apart. */
struct authority {
	struct slice	host;		/* without brackets */
	int		family;		/* AF_UNSPEC: a name */
	unsigned char	ip[16];
	uint32_t	port;
};

static bool
port_parse(struct slice text, uint32_t *port)
{
	*port = HTTP_DEFAULT_PORT;
	if (text.len == 0)
		return true;
	if (text.at[0] != ':' || text.len > 6)
		return false;
	if (text.len == 1)
		return true;	/* "host:" is the default port, RFC 3986, 3.2.3 */
	*port = 0;
	for (size_t i = 1; i < text.len; i++) {
		if (text.at[i] < '0' || text.at[i] > '9')
			return false;
		*port = *port * 10 + (uint32_t)(text.at[i] - '0');
	}
	return *port > 0 && *port <= 65535;
}

static bool
name_is_valid(struct slice name)
{
	if (name.len == 0 || name.len > NAME_MAX_BYTES)
		return false;
	for (size_t i = 0; i < name.len; i++) {
		char c = name.at[i];

		if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
		    c != '.' && c != '-' && c != '_')
			return false;
	}
	return true;
}

static bool
ip_parse(struct authority *a, int family)
{
	char text[INET6_ADDRSTRLEN];

	if (a->host.len >= sizeof(text))
		return false;
	memcpy(text, a->host.at, a->host.len);
	text[a->host.len] = '\0';
	if (inet_pton(family, text, a->ip) != 1)
		return false;
	a->family = family;
	return true;
}

static bool
authority_parse(struct slice text, struct authority *a)
{
	bool bracketed = text.len > 0 && text.at[0] == '[';
	const char *end;

	memset(a, 0, sizeof(*a));
	a->family = AF_UNSPEC;
	if (bracketed) {
		text.at++;
		text.len--;
	}
	end = memchr(text.at, bracketed ? ']' : ':', text.len);
	if (end == NULL && bracketed)
		return false;
	a->host = (struct slice){ text.at, end == NULL ? text.len : (size_t)(end - text.at) };
	if (end == NULL)
		end = text.at + text.len;
	if (bracketed)
		end++;
	if (!port_parse((struct slice){ end, (size_t)(text.at + text.len - end) }, &a->port))
		return false;
	if (bracketed)
		return ip_parse(a, AF_INET6);
	return ip_parse(a, AF_INET) || name_is_valid(a->host);
}

static bool
name_equals(struct slice name, const char *other)
{
	return strlen(other) == name.len && strncasecmp(name.at, other, name.len) == 0;
}

static bool
host_is_known(const struct authority *host, const struct guard_input *in)
{
	if (host->family != AF_UNSPEC || name_equals(host->host, "localhost"))
		return true;
	for (size_t i = 0; i < in->host_count; i++) {
		if (name_equals(host->host, in->hosts[i]))
			return true;
	}
	return false;
}

static bool
authority_equals(const struct authority *a, const struct authority *b)
{
	if (a->port != b->port || a->family != b->family)
		return false;
	if (a->family != AF_UNSPEC)
		return memcmp(a->ip, b->ip, sizeof(a->ip)) == 0;
	return a->host.len == b->host.len && strncasecmp(a->host.at, b->host.at, a->host.len) == 0;
}

/* The admin server speaks http only, so an https origin is another one. */
static bool
origin_is_own(const char *origin, const struct authority *host)
{
	struct slice scheme = SLICE("http://");
	struct authority own;

	return strncasecmp(origin, scheme.at, scheme.len) == 0 &&
	       authority_parse(slice_of(origin + scheme.len), &own) && authority_equals(&own, host);
}

static unsigned
guard_refuse(struct diag *diag, unsigned status, const char *header, const char *value,
	     const char *words)
{
	char shown[SHOWN_MAX_BYTES];

	str_escape(shown, sizeof(shown), slice_of(value));
	diag_set(diag, "%s \"%s\" %s", header, shown, words);
	return status;
}

unsigned
guard_check(const struct guard_input *in, struct diag *diag)
{
	struct authority host;

	if (in->host == NULL) {
		diag_set(diag, "the request has no Host header");
		return 400;
	}
	if (!authority_parse(slice_of(in->host), &host))
		return guard_refuse(diag, 400, "Host", in->host, "is not a host with a port");
	if (!host_is_known(&host, in))
		return guard_refuse(diag, 403, "Host", in->host,
				    "is neither an address, localhost, nor listed in admin.hosts");
	if (in->origin != NULL && !origin_is_own(in->origin, &host))
		return guard_refuse(diag, 403, "Origin", in->origin, "is not this server's own");
	if (in->fetch_site != NULL && (strcasecmp(in->fetch_site, "cross-site") == 0 ||
				       strcasecmp(in->fetch_site, "same-site") == 0))
		return guard_refuse(diag, 403, "Sec-Fetch-Site", in->fetch_site,
				    "comes from another site");
	return 0;
}
