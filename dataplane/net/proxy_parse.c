/*
 * Reading a PROXY header: which version it is, and version 2 (proxy-protocol.txt, 2.2).
 *
 * A header is judged as far as it has come, and the first byte that cannot belong to one ends it:
 * who speaks something else is refused at once, and not when his time is up. Version 1 is in
 * proxy_line.c. Any thread.
 */
#include "config.h"
#include "net/proxy.h"
#include "core/crc32c.h"
#include "net/proxy_priv.h"

#define SSL_MIN_BYTES 5		/* client, verify (2.2.6) */

static enum proxy_result
proxy_refuse(struct diag *diag, const char *why)
{
	diag_set(diag, "PROXY protocol, version 2: %s", why);
	return PROXY_BAD;
}

/* A family that is not of a connection is refused. NULL: fine. */
static const char *
family_judge(uint8_t family)
{
	switch (family) {
	case V2_UNSPEC:
	case V2_TCP4:
	case V2_TCP6:
	case V2_UNIX_STREAM:
		return NULL;
	case V2_TCP4 + 1:
	case V2_TCP6 + 1:
	case V2_UNIX_STREAM + 1:
		return "datagrams are not supported";
	default:
		return "the address family is unknown";
	}
}

static size_t
family_bytes(uint8_t family)
{
	switch (family) {
	case V2_TCP4:
		return V2_TCP4_BYTES;
	case V2_TCP6:
		return V2_TCP6_BYTES;
	case V2_UNIX_STREAM:
		return V2_UNIX_BYTES;
	default:
		return 0;
	}
}

/* The 16 fixed bytes, as far as they have come. NULL: fine so far. */
static const char *
fixed_judge(const char *bytes, size_t len)
{
	size_t signature = len < V2_SIGNATURE_BYTES ? len : V2_SIGNATURE_BYTES;
	const char *why = NULL;
	bool is_local;

	if (memcmp(bytes, V2_SIGNATURE, signature) != 0)
		return "the signature is wrong";
	if (len <= 12)
		return NULL;
	is_local = (uint8_t)bytes[12] == V2_LOCAL;
	if (!is_local && (uint8_t)bytes[12] != V2_PROXY)
		return "the version is not 2, or the command is unknown";
	/* LOCAL: "the family is ignored" (2.2) */
	if (len > 13 && !is_local)
		why = family_judge((uint8_t)bytes[13]);
	if (why != NULL || len <= 14)
		return why;
	if ((size_t)((uint8_t)bytes[14] << 8 | (len > 15 ? (uint8_t)bytes[15] : 0)) >
	    PROXY_IN_MAX_BYTES - V2_FIXED_BYTES)
		return "the header is too long";
	if (len > 15 && !is_local && be16_get(bytes + 14) < family_bytes((uint8_t)bytes[13]))
		return "the header is too short for its addresses";
	return NULL;
}

/* What a type demands of its length. NULL: fine. */
static const char *
tlv_judge(uint8_t type, size_t len, unsigned *checksums)
{
	if (type == PROXY_TLV_CRC32C) {
		if (len != TLV_CRC32C_BYTES)
			return "the length of the checksum is wrong";
		if (++*checksums > 1)
			return "there are two checksums";
	}
	if (type == PROXY_TLV_SSL && len < SSL_MIN_BYTES)
		return "the TLS information is too short";
	return NULL;
}

/* TLVs that fill `total` bytes, of which `len` have come. NULL: well-formed so far. */
static const char *
tlvs_judge(const char *at, size_t len, size_t total)
{
	unsigned checksums = 0;

	for (size_t pos = 0; pos < len;) {
		size_t value_len;
		const char *why;

		if (total - pos < TLV_HEAD_BYTES)
			return "bytes are left behind the last TLV";
		if (len - pos < TLV_HEAD_BYTES)
			return NULL;
		value_len = be16_get(at + pos + 1);
		if (value_len > total - pos - TLV_HEAD_BYTES)
			return "a TLV is longer than the header";
		why = tlv_judge((uint8_t)at[pos], value_len, &checksums);
		if (why != NULL)
			return why;
		pos += TLV_HEAD_BYTES + value_len;
	}
	return NULL;
}

bool
proxy_tlv_find(struct slice tlvs, uint8_t type, struct slice *value)
{
	while (tlvs.len >= TLV_HEAD_BYTES) {
		size_t len = be16_get(tlvs.at + 1);

		if (len > tlvs.len - TLV_HEAD_BYTES)
			return false;
		if ((uint8_t)tlvs.at[0] == type) {
			*value = (struct slice){ tlvs.at + TLV_HEAD_BYTES, len };
			return true;
		}
		tlvs.at += TLV_HEAD_BYTES + len;
		tlvs.len -= TLV_HEAD_BYTES + len;
	}
	return false;
}

/* The sum is taken over the header with zeros where it stands itself (2.2.4). */
static bool
checksum_holds(const char *bytes, size_t len, struct slice tlvs)
{
	static const char zeros[TLV_CRC32C_BYTES];
	struct slice sum;
	size_t behind;
	uint32_t crc;

	if (!proxy_tlv_find(tlvs, PROXY_TLV_CRC32C, &sum))
		return true;
	behind = (size_t)(sum.at - bytes) + sizeof(zeros);
	crc = crc32c(0, bytes, behind - sizeof(zeros));
	crc = crc32c(crc, zeros, sizeof(zeros));
	return crc32c(crc, bytes + behind, len - behind) == be32_get(sum.at);
}

static void
inet_read(struct addr *addr, const char *ip, const char *port)
{
	addr->len = sizeof(addr->in);
	addr->in.sin_family = AF_INET;
	memcpy(&addr->in.sin_addr, ip, sizeof(addr->in.sin_addr));
	addr_set_port(addr, be16_get(port));
}

static void
inet6_read(struct addr *addr, const char *ip, const char *port)
{
	addr->len = sizeof(addr->in6);
	addr->in6.sin6_family = AF_INET6;
	memcpy(&addr->in6.sin6_addr, ip, sizeof(addr->in6.sin6_addr));
	addr_set_port(addr, be16_get(port));
}

/* The wire has no length: an abstract name (that opens with NUL) ends before the zeros at its end. */
static void
unix_read(struct addr *addr, const char *path)
{
	size_t len = V2_UNIX_PATH_BYTES;

	if (path[0] != '\0')
		len = strnlen(path, len);
	else {
		while (len > 0 && path[len - 1] == '\0')
			len--;
	}
	addr->un.sun_family = AF_UNIX;
	memcpy(addr->un.sun_path, path, len);
	/* a path's NUL is counted where there is room for one */
	if (len > 0 && path[0] != '\0' && len < sizeof(addr->un.sun_path))
		len++;
	addr->len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
}

/* The whole block has come. */
static void
addresses_read(struct proxy_header *h, uint8_t family, const char *at)
{
	switch (family) {
	case V2_TCP4:
		inet_read(&h->from, at, at + 8);
		inet_read(&h->to, at + 4, at + 10);
		return;
	case V2_TCP6:
		inet6_read(&h->from, at, at + 32);
		inet6_read(&h->to, at + 16, at + 34);
		return;
	case V2_UNIX_STREAM:
		unix_read(&h->from, at);
		unix_read(&h->to, at + V2_UNIX_PATH_BYTES);
		return;
	default:
		h->is_local = true;
	}
}

static enum proxy_result
proxy_parse_v2(struct proxy_header *h, const char *bytes, size_t len, struct diag *diag)
{
	const char *why = fixed_judge(bytes, len);
	struct proxy_header read = { .version = 2 };
	size_t block, before_tlvs;

	if (why != NULL)
		return proxy_refuse(diag, why);
	if (len < V2_FIXED_BYTES)
		return PROXY_MORE;
	block = be16_get(bytes + 14);
	read.len = V2_FIXED_BYTES + block;
	if ((uint8_t)bytes[12] == V2_LOCAL) {
		/* what it says of addresses or else is "to be discarded" (2.2) */
		read.is_local = true;
		if (len >= read.len)
			*h = read;
		return len < read.len ? PROXY_MORE : PROXY_DONE;
	}
	before_tlvs = V2_FIXED_BYTES + family_bytes((uint8_t)bytes[13]);
	if (len > before_tlvs)
		why = tlvs_judge(bytes + before_tlvs,
				 (len < read.len ? len : read.len) - before_tlvs,
				 read.len - before_tlvs);
	if (why != NULL)
		return proxy_refuse(diag, why);
	if (len < read.len)
		return PROXY_MORE;
	read.tlvs = (struct slice){ bytes + before_tlvs, read.len - before_tlvs };
	if (!checksum_holds(bytes, read.len, read.tlvs))
		return proxy_refuse(diag, "the checksum does not hold");
	addresses_read(&read, (uint8_t)bytes[13], bytes + V2_FIXED_BYTES);
	*h = read;
	return PROXY_DONE;
}

enum proxy_result
proxy_parse(struct proxy_header *h, const char *bytes, size_t len, struct diag *diag)
{
	if (len == 0)
		return PROXY_MORE;
	if (bytes[0] == V2_SIGNATURE[0])
		return proxy_parse_v2(h, bytes, len, diag);
	return proxy_parse_line(h, bytes, len, diag);
}
