/*
 * Actions on the fields of a head: set, add, delete, replace (HAProxy manual, "http-request
 * set-header" and others).
 *
 * A field that was there is left out or has another line; what is new lies in the room. Workers.
 */
#include "config.h"
#include <string.h>
#include "expr/pattern.h"
#include "rules/rules_priv.h"

/* Set by itself, the name decides what a hop and the framing are told: rule_check() refuses it. */
static bool
field_frames(enum http_name name)
{
	return name == HTTP_NAME_CONTENT_LENGTH || name == HTTP_NAME_TRANSFER_ENCODING ||
	       name == HTTP_NAME_CONNECTION || name == HTTP_NAME_UPGRADE ||
	       name == HTTP_NAME_KEEP_ALIVE || name == HTTP_NAME_PROXY_CONNECTION;
}

/* The request's Host has changed: what is said of it elsewhere follows. */
static void
head_note_host(struct http_head *head)
{
	const struct http_field *host;

	if (head->is_response || head->form == HTTP_TARGET_AUTHORITY)
		return;
	host = http_head_find(head, HTTP_NAME_HOST, NULL);
	head->authority = host == NULL ? (struct slice){ NULL, 0 } : http_field_value(host);
}

static enum rules_result
head_add(const struct rule *rule, struct rules_context *ctx, const struct rules_run *run,
	 bool instead)
{
	struct http_head *head = rules_head(ctx);
	const struct slice name = slice_of(rule->name);
	struct slice line;
	const enum rules_result result =
		room_write_line(ctx->room, ctx->eval, rule->name, rule->value, &line);
	struct http_field *old = NULL;

	if (result != RULES_GO_ON)
		return result == RULES_FAILED ? rule_refused(run) : result;
	while (instead && (old = http_head_find_named(head, name, old)) != NULL)
		old->left_out = true;
	if (http_head_add(head, line) != ERR_OK)
		return rule_refused(run);
	head_note_host(head);
	return RULES_GO_ON;
}

enum rules_result
rule_act_SET_HEADER(const struct rule *rule, struct rules_context *ctx, struct rules_run *run,
	struct rules_verdict *verdict)
{
	return head_add(rule, ctx, run, true);
}

enum rules_result
rule_act_ADD_HEADER(const struct rule *rule, struct rules_context *ctx, struct rules_run *run,
	struct rules_verdict *verdict)
{
	return head_add(rule, ctx, run, false);
}

static bool
name_begins(struct slice name, struct slice with)
{
	return name.len >= with.len &&
	       http_equals_nocase((struct slice){ name.at, with.len }, with);
}

static bool
name_ends(struct slice name, struct slice with)
{
	return name.len >= with.len &&
	       http_equals_nocase((struct slice){ name.at + name.len - with.len, with.len }, with);
}

static bool
name_contains(struct slice name, struct slice part)
{
	for (size_t i = 0; i + part.len <= name.len; i++) {
		if (http_equals_nocase((struct slice){ name.at + i, part.len }, part))
			return true;
	}
	return false;
}

static bool
name_matches(const struct rule *rule, struct slice name)
{
	const struct slice wanted = slice_of(rule->name);

	switch (rule->name_match) {
	case NAME_STR: return http_equals_nocase(name, wanted);
	case NAME_BEG: return name_begins(name, wanted);
	case NAME_END: return name_ends(name, wanted);
	case NAME_SUB: return name_contains(name, wanted);
	case NAME_REG: return regex_match(rule->regex, name, NULL);
	}
	return false;
}

enum rules_result
rule_act_DEL_HEADER(const struct rule *rule, struct rules_context *ctx, struct rules_run *run,
	struct rules_verdict *verdict)
{
	struct http_head *head = rules_head(ctx);

	for (uint32_t i = 0; i < head->count; i++) {
		struct http_field *f = &head->fields[i];

		if (!f->left_out && name_matches(rule, http_field_name(f)) &&
		    !field_frames((enum http_name)f->name))
			f->left_out = true;
	}
	head_note_host(head);
	return RULES_GO_ON;
}

/* -- replace -- */

/* One value, or a member of one: `in` with what matched replaced. NULL `at`: nothing matched. */
struct replaced {
	struct slice		 text;
	enum rules_result	 result;
};

/*
 * The whole value is looked at, and its first match replaced by the format, in which \0 to \9 are the groups:
 * HAProxy's "replace-header" replaces all of the value, by what the format says.
 */
static struct replaced
value_replace(const struct rule *rule, struct rules_context *ctx, struct slice value)
{
	struct replaced to = { .result = RULES_GO_ON };
	struct regex_groups groups;
	struct slice format;
	size_t len;

	if (!regex_match(rule->regex, value, &groups))
		return to;
	if (!scratch_write(ctx->eval, rule->value, &format)) {
		to.result = RULES_FAILED;
		return to;
	}
	if (regex_expand(ctx->room->at, ctx->room->left, &len, format, &groups) != ERR_OK) {
		to.result = RULES_NO_ROOM;
		return to;
	}
	to.text = (struct slice){ ctx->room->at, len };
	if (!value_is_sound(to.text))
		to.result = RULES_FAILED;
	ctx->room->at += len;
	ctx->room->left -= len;
	return to;
}

/* The field's line with another value, in the room. */
static enum rules_result
field_set_value(struct http_field *f, struct slice value, struct http_room *room)
{
	const size_t len = (size_t)f->name_len + 2 + value.len + 2;
	char *at = room->at;

	if (len > room->left)
		return RULES_NO_ROOM;
	if (len > UINT16_MAX)
		return RULES_FAILED;
	memcpy(at, f->line, f->name_len);
	memcpy(at + f->name_len, ": ", 2);
	memcpy(at + f->name_len + 2, value.at, value.len);
	memcpy(at + len - 2, "\r\n", 2);
	http_field_replace(f, (struct slice){ at, len });
	room->at += len;
	room->left -= len;
	return RULES_GO_ON;
}

static enum rules_result
field_replace(const struct rule *rule, struct rules_context *ctx, struct http_field *f)
{
	const struct replaced to = value_replace(rule, ctx, http_field_value(f));

	if (to.result != RULES_GO_ON || to.text.at == NULL)
		return to.result;
	return field_set_value(f, to.text, ctx->room);
}

/* Bytes at the end of a list in the making. */
static bool
list_put(struct http_room *out, struct slice bytes)
{
	if (bytes.len > out->left)
		return false;
	if (bytes.len > 0)
		memcpy(out->at, bytes.at, bytes.len);
	out->at += bytes.len;
	out->left -= bytes.len;
	return true;
}

/* "replace-value": each member of a comma-separated list by itself. The list is made in the scratch. */
static enum rules_result
field_replace_members(const struct rule *rule, struct rules_context *ctx, struct http_field *f)
{
	struct slice list = http_field_value(f), member;
	const size_t max = ctx->eval->room.left / 2;
	char *begin = eval_take(ctx->eval, max);
	struct http_room out = { begin, max };
	const struct http_room rule_room = ctx->eval->room;
	bool changed = false, fits = begin != NULL;

	while (fits && http_list_next(&list, &member)) {
		struct replaced to;

		ctx->eval->room = rule_room;
		to = value_replace(rule, ctx, member);
		if (to.result != RULES_GO_ON)
			return to.result;
		changed |= to.text.at != NULL;
		fits = (out.at == begin || list_put(&out, SLICE(", "))) &&
		       list_put(&out, to.text.at != NULL ? to.text : member);
	}
	if (!fits)
		return RULES_FAILED;
	return changed ? field_set_value(f, (struct slice){ begin, (size_t)(out.at - begin) },
					 ctx->room)
		       : RULES_GO_ON;
}

/* Where there was no room, it goes on with that field: those before are replaced already. */
static enum rules_result
head_replace(const struct rule *rule, struct rules_context *ctx, struct rules_run *run,
	     enum rules_result (*replace)(const struct rule *, struct rules_context *,
					  struct http_field *))
{
	struct http_head *head = rules_head(ctx);
	const struct slice name = slice_of(rule->name);
	const struct http_room scratch = ctx->eval->room;
	enum rules_result result = RULES_GO_ON;

	for (uint32_t i = run->field_at; result == RULES_GO_ON && i < head->count; i++) {
		struct http_field *f = &head->fields[i];

		if (f->left_out || !http_equals_nocase(http_field_name(f), name))
			continue;
		ctx->eval->room = scratch;
		result = replace(rule, ctx, f);
		run->field_at = i;
	}
	if (result == RULES_NO_ROOM)
		return result;
	run->field_at = 0;
	head_note_host(head);
	return result == RULES_FAILED ? rule_refused(run) : result;
}

enum rules_result
rule_act_REPLACE_HEADER(const struct rule *rule, struct rules_context *ctx, struct rules_run *run,
	struct rules_verdict *verdict)
{
	return head_replace(rule, ctx, run, field_replace);
}

enum rules_result
rule_act_REPLACE_VALUE(const struct rule *rule, struct rules_context *ctx, struct rules_run *run,
	struct rules_verdict *verdict)
{
	return head_replace(rule, ctx, run, field_replace_members);
}
