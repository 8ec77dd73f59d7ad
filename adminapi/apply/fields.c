/*
 * Values of fields into C targets. Pure; any thread.
 */
#include "config.h"
#include "adminapi/apply/settings_priv.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

void
fields_bind(const struct field *fields, size_t count, const struct chain *chain, void *to,
	struct pointer *at, struct issues *issues)
{
	for (size_t i = 0; i < count; i++) {
		const struct field *f = &fields[i];
		const cJSON *value = chain_value(chain, f->name, f->sub);
		size_t mark = pointer_push(at, f->name);

		if (f->sub != NULL)
			pointer_push(at, f->sub);
		if (value != NULL)
			f->bind(f, value, (char *)to + f->offset, at, issues);
		pointer_pop(at, mark);
	}
}

static bool
read_duration(const cJSON *v, int64_t *ms)
{
	if (cJSON_IsNumber(v) && v->valuedouble >= 0 && v->valuedouble < (double)INT64_MAX) {
		*ms = (int64_t)v->valuedouble;
		return true;
	}
	return cJSON_IsString(v) && duration_parse(slice_of(v->valuestring), ms) == ERR_OK;
}

void
bind_timeout(const struct field *f, const cJSON *v, void *to, struct pointer *at, struct issues *is)
{
	int64_t ms;

	if (read_duration(v, &ms))
		*(int64_t *)to = ms == 0 ? TIMEOUT_NONE : ms;
}

void
bind_ms(const struct field *f, const cJSON *v, void *to, struct pointer *at, struct issues *is)
{
	int64_t ms;

	if (read_duration(v, &ms))
		*(int64_t *)to = ms;
}

void
bind_seconds(const struct field *f, const cJSON *v, void *to, struct pointer *at, struct issues *is)
{
	int64_t ms;

	if (read_duration(v, &ms) && ms <= INT_MAX)
		*(int *)to = (int)((ms + 999) / 1000);
}

void
bind_size(const struct field *f, const cJSON *v, void *to, struct pointer *at, struct issues *is)
{
	int64_t bytes;

	if (cJSON_IsNumber(v) && v->valuedouble >= 0 && v->valuedouble < (double)INT64_MAX)
		*(int64_t *)to = (int64_t)v->valuedouble;
	else if (cJSON_IsString(v) && size_parse(slice_of(v->valuestring), &bytes) == ERR_OK)
		*(int64_t *)to = bytes;
}

void
bind_u32(const struct field *f, const cJSON *v, void *to, struct pointer *at, struct issues *is)
{
	if (cJSON_IsNumber(v) && v->valuedouble >= 0 && v->valuedouble <= UINT32_MAX)
		*(uint32_t *)to = (uint32_t)v->valuedouble;
}

void
bind_u16(const struct field *f, const cJSON *v, void *to, struct pointer *at, struct issues *is)
{
	if (cJSON_IsNumber(v) && v->valuedouble >= 0 && v->valuedouble <= UINT16_MAX)
		*(uint16_t *)to = (uint16_t)v->valuedouble;
}

void
bind_u8(const struct field *f, const cJSON *v, void *to, struct pointer *at, struct issues *is)
{
	if (cJSON_IsNumber(v) && v->valuedouble >= 0 && v->valuedouble <= UINT8_MAX)
		*(uint8_t *)to = (uint8_t)v->valuedouble;
}

void
bind_int(const struct field *f, const cJSON *v, void *to, struct pointer *at, struct issues *is)
{
	if (cJSON_IsNumber(v) && v->valuedouble >= INT32_MIN && v->valuedouble <= INT32_MAX)
		*(int *)to = (int)v->valuedouble;
}

void
bind_bool(const struct field *f, const cJSON *v, void *to, struct pointer *at, struct issues *is)
{
	if (cJSON_IsBool(v))
		*(bool *)to = cJSON_IsTrue(v);
}

void
bind_word(const struct field *f, const cJSON *v, void *to, struct pointer *at, struct issues *is)
{
	for (unsigned i = 0; cJSON_IsString(v) && f->words[i] != NULL; i++)
		if (strcmp(f->words[i], v->valuestring) == 0)
			*(unsigned *)to = i;
}

void
bind_text(const struct field *f, const cJSON *v, void *to, struct pointer *at, struct issues *is)
{
	if (!cJSON_IsString(v))
		return;
	*(char **)to = strdup(v->valuestring);
	if (*(char **)to == NULL)
		issues_add(is, pointer_text(at), "out of memory");
}

static void
bind_addr(const cJSON *v, void *to, unsigned flags, struct pointer *at, struct issues *is)
{
	struct addr addr;
	struct diag why;

	if (!cJSON_IsString(v))
		return;
	if (addr_parse(&addr, slice_of(v->valuestring), flags, &why) == ERR_OK)
		*(struct addr *)to = addr;
	else
		issues_add(is, pointer_text(at), "%s", why.text);
}

void
bind_target(const struct field *f, const cJSON *v, void *to, struct pointer *at, struct issues *is)
{
	bind_addr(v, to, ADDR_NEED_PORT, at, is);
}

void
bind_source(const struct field *f, const cJSON *v, void *to, struct pointer *at, struct issues *is)
{
	bind_addr(v, to, ADDR_NO_UNIX, at, is);
}

void
bind_ip(const struct field *f, const cJSON *v, void *to, struct pointer *at, struct issues *is)
{
	if (cJSON_IsString(v))
		ip_parse(to, slice_of(v->valuestring), at, is);
}

bool
ip_parse(struct addr *addr, struct slice text, struct pointer *at, struct issues *issues)
{
	struct addr parsed;
	struct diag why;

	if (addr_parse(&parsed, text, ADDR_NO_UNIX, &why) != ERR_OK) {
		issues_add(issues, pointer_text(at), "%s", why.text);
		return false;
	}
	if (text.at[0] == '[' ||
	    (parsed.sa.sa_family == AF_INET && memchr(text.at, ':', text.len) != NULL)) {
		issues_add(issues, pointer_text(at), "must be an IP address without a port");
		return false;
	}
	*addr = parsed;
	return true;
}

void
issue_below(struct issues *issues, struct pointer *at, const char *field, const char *detail)
{
	size_t mark = pointer_push(at, field);

	issues_add(issues, pointer_text(at), "%s", detail);
	pointer_pop(at, mark);
}

bool
listen_parse(const cJSON *item, struct addr *addr, mode_t *mode, struct pointer *at,
	struct issues *issues)
{
	const cJSON *text = cJSON_IsObject(item) ? doc_field(item, "address") : item;
	const cJSON *octal = cJSON_IsObject(item) ? doc_field(item, "mode") : NULL;
	struct diag why;

	*mode = cJSON_IsString(octal) ? (mode_t)strtoul(octal->valuestring, NULL, 8) : 0;
	if (!cJSON_IsString(text))
		return false;
	if (addr_parse(addr, slice_of(text->valuestring), ADDR_ANY_PORT | ADDR_STAR, &why) ==
	    ERR_OK)
		return true;
	issues_add(issues, pointer_text(at), "%s", why.text);
	return false;
}

const cJSON *
array_or_none(const cJSON *value)
{
	return cJSON_IsArray(value) ? value : NULL;
}
