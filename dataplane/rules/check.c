/*
 * Is a rule fit to be run? What the schema can't say: names that are tokens, values that would end a line.
 *
 * Control thread.
 */
#include "config.h"
#include "rules/rules_priv.h"

static enum err
check_fail(const char **operand, const char *which, struct diag *diag, const char *why)
{
	*operand = which;
	diag_set(diag, "%s", why);
	return ERR_INVALID;
}

/* Fields that say how a message is framed, and who talks to whom on this connection. */
static bool
name_is_ours(struct slice name)
{
	switch (http_name_find(name)) {
	case HTTP_NAME_CONNECTION:
	case HTTP_NAME_CONTENT_LENGTH:
	case HTTP_NAME_KEEP_ALIVE:
	case HTTP_NAME_PROXY_CONNECTION:
	case HTTP_NAME_TRANSFER_ENCODING:
	case HTTP_NAME_UPGRADE: return true;
	case HTTP_NAME_CONTENT_TYPE:
	case HTTP_NAME_EXPECT:
	case HTTP_NAME_FORWARDED:
	case HTTP_NAME_HOST:
	case HTTP_NAME_PROXY_AUTHENTICATE:
	case HTTP_NAME_TE:
	case HTTP_NAME_TRAILER:
	case HTTP_NAME_WWW_AUTHENTICATE:
	case HTTP_NAME_OTHER: break;
	}
	return false;
}

static enum err
check_field(const struct rule *rule, const char **operand, struct diag *diag)
{
	struct slice value;

	if (rule->name == NULL || !http_field_is_sound(slice_of(rule->name), SLICE("")))
		return check_fail(operand, "name", diag, "expected the name of a header");
	if (name_is_ours(slice_of(rule->name)))
		return check_fail(operand, "name", diag,
				  "is one that frames the message or belongs to a connection, and is ours "
				  "to set");
	if (rule->value != NULL && rule->regex == NULL && format_is_constant(rule->value, &value) &&
	    !value_is_sound(value))
		return check_fail(operand, "value", diag,
				  "has a control character, which would end the header");
	return ERR_OK;
}

/* A second Host would make the request one that two programs read in two ways (RFC 9112, 3.2). */
static enum err
check_added(const struct rule *rule, const char **operand, struct diag *diag)
{
	if (rule->name != NULL && http_name_find(slice_of(rule->name)) == HTTP_NAME_HOST)
		return check_fail(operand, "name", diag,
				  "there may be one Host only: set-header sets it");
	return check_field(rule, operand, diag);
}

static enum err
check_target(const struct rule *rule, const char **operand, struct diag *diag)
{
	struct slice target;

	if (!format_is_constant(rule->value, &target) || target_is_sound(target))
		return ERR_OK;
	return check_fail(operand, "value", diag,
			  "has a byte that would end the request line, or none that can stand in it");
}

static enum err
check_del(const struct rule *rule, const char **operand, struct diag *diag)
{
	if (rule->name_match == NAME_REG || rule->name_match != NAME_STR)
		return ERR_OK;	/* a part of a name; those that are ours are left alone */
	return check_field(rule, operand, diag);
}

static enum err
check_method(const struct rule *rule, const char **operand, struct diag *diag)
{
	struct slice method;

	if (!format_is_constant(rule->value, &method))
		return ERR_OK;
	if (method.len == 0 || !http_field_is_sound(method, SLICE("")))
		return check_fail(operand, "value", diag, "expected a method, as \"GET\"");
	if (slice_equals(method, SLICE("HEAD")) || slice_equals(method, SLICE("CONNECT")))
		return check_fail(operand, "value", diag,
				  "HEAD and CONNECT change how an answer is framed, and the client has "
				  "asked otherwise");
	return ERR_OK;
}

static enum err
check_realm(const struct rule *rule, const char **operand, struct diag *diag)
{
	for (const char *at = rule->text; at != NULL && *at != '\0'; at++) {
		if (*at == '"' || *at == '\\' || (unsigned char)*at < ' ' || *at == 0x7f)
			return check_fail(operand, "text", diag,
					  "expected a realm without quotes, backslashes and control "
					  "characters");
	}
	return ERR_OK;
}

static enum err
check_status(const struct rule *rule, const char **operand, struct diag *diag)
{
	if (rule->status < 200)
		return check_fail(operand, "status", diag,
				  "expected 200 to 999: behind a 1xx the client waits for another answer, or "
				  "for another protocol");
	if (rule->text != NULL && !value_is_sound(slice_of(rule->text)))
		return check_fail(operand, "text", diag,
				  "expected a reason without control characters");
	return ERR_OK;
}

enum err
rule_check(const struct rule *rule, const char **operand, struct diag *diag)
{
	static const struct {
		enum rule_action action;
		enum err (*check)(const struct rule *, const char **, struct diag *);
	} checks[] = {
		{ RULE_ADD_HEADER, check_added },     { RULE_AUTH, check_realm },
		{ RULE_DEL_HEADER, check_del },	      { RULE_EARLY_HINT, check_field },
		{ RULE_REDIRECT, redirect_check },    { RULE_REPLACE_HEADER, check_field },
		{ RULE_REPLACE_VALUE, check_field },  { RULE_SET_HEADER, check_field },
		{ RULE_SET_METHOD, check_method },    { RULE_SET_STATUS, check_status },
		{ RULE_SET_PATH, check_target },      { RULE_SET_PATHQ, check_target },
		{ RULE_SET_QUERY, check_target },     { RULE_SET_URI, check_target },
	};

	*operand = "action";
	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
		if (checks[i].action == rule->action)
			return checks[i].check(rule, operand, diag);
	}
	return ERR_OK;
}
