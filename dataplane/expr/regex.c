/*
 * Regular expressions by PCRE2.
 *
 * A thread's match data, contexts and JIT stack are its own, taken with its first match and given
 * back by the thread's end; so a match takes nothing. UTF mode is refused when a pattern is
 * compiled: bytes from outside need not be UTF-8, and PCRE2's JIT does not look. Any thread.
 */
#include "config.h"
#include "expr/regex.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#define JIT_STACK_FIRST_BYTES (32 * 1024)	/* what PCRE2 itself would take of the thread's stack */
#define JIT_STACK_MAX_BYTES \
	(256 * 1024)        /* taken only by patterns that need it; over it is a limit hit */
#define HEAP_LIMIT_KIB	      1024		/* of a match without JIT */
#define REGEX_WHY_BYTES	      256

struct regex {
	pcre2_code	*code;
	bool		 has_jit;
};

/* What a thread matches with. */
struct regex_tools {
	pcre2_match_data	*data;
	pcre2_match_context	*context;
	pcre2_jit_stack		*stack;
};

static _Thread_local struct regex_tools *own_tools;
static pthread_key_t tools_key;		/* for its destructor only: reading it is slower */
static bool has_key;
static _Atomic(uint64_t) limited_count;

static void
tools_free(void *arg)
{
	struct regex_tools *tools = arg;

	pcre2_match_data_free(tools->data);
	pcre2_match_context_free(tools->context);
	pcre2_jit_stack_free(tools->stack);
	free(tools);
}

static void
tools_make_key(void)
{
	has_key = pthread_key_create(&tools_key, tools_free) == 0;
}

/* NULL: no memory. */
static struct regex_tools *
tools_new(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct regex_tools *tools = calloc(1, sizeof(*tools));

	if (tools == NULL)
		return NULL;
	pthread_once(&once, tools_make_key);
	tools->data = pcre2_match_data_create(REGEX_GROUPS_MAX, NULL);
	tools->context = pcre2_match_context_create(NULL);
	tools->stack = pcre2_jit_stack_create(JIT_STACK_FIRST_BYTES, JIT_STACK_MAX_BYTES, NULL);
	/* without a JIT there is no stack for it, and none is needed: see has_jit */
	if (tools->data == NULL || tools->context == NULL || !has_key ||
	    pthread_setspecific(tools_key, tools) != 0) {
		tools_free(tools);
		return NULL;
	}
	pcre2_set_match_limit(tools->context, REGEX_MATCH_LIMIT);
	pcre2_set_heap_limit(tools->context, HEAP_LIMIT_KIB);
	if (tools->stack != NULL)
		pcre2_jit_stack_assign(tools->context, NULL, tools->stack);
	return own_tools = tools;
}

static enum err
regex_refuse(struct diag *diag, struct slice pattern, int error, size_t offset)
{
	PCRE2_UCHAR why[REGEX_WHY_BYTES] = "";
	char shown[128];

	pcre2_get_error_message(error, why, sizeof(why));
	diag_set(diag, "\"%s\": %s, at offset %zu of the regular expression",
		 str_escape(shown, sizeof(shown), pattern), (const char *)why, offset);
	return ERR_INVALID;
}

enum err
regex_compile(struct regex **rp, struct slice pattern, bool nocase, struct diag *diag)
{
	struct regex *regex = calloc(1, sizeof(*regex));
	uint32_t flags = PCRE2_NEVER_UTF | (nocase ? PCRE2_CASELESS : 0);
	int error = 0;
	size_t offset = 0, jit_bytes = 0;

	if (regex == NULL)
		return ERR_NOMEM;
	regex->code = pcre2_compile((PCRE2_SPTR)(pattern.len > 0 ? pattern.at : ""), pattern.len,
				    flags, &error, &offset, NULL);
	if (regex->code == NULL) {
		free(regex);
		return error == PCRE2_ERROR_HEAP_FAILED ?
			ERR_NOMEM : regex_refuse(diag, pattern, error, offset);
	}
	/* (*NO_JIT), or a machine that PCRE2 has none for: it is interpreted then */
	regex->has_jit = pcre2_jit_compile(regex->code, PCRE2_JIT_COMPLETE) == 0 &&
			 pcre2_pattern_info(regex->code, PCRE2_INFO_JITSIZE, &jit_bytes) == 0 &&
			 jit_bytes > 0;
	*rp = regex;
	return ERR_OK;
}

/* PCRE2_ERROR_NOMATCH is the usual one. */
static bool
regex_missed(int result)
{
	if (result == PCRE2_ERROR_MATCHLIMIT || result == PCRE2_ERROR_HEAPLIMIT ||
	    result == PCRE2_ERROR_DEPTHLIMIT || result == PCRE2_ERROR_JIT_STACKLIMIT)
		atomic_fetch_add_explicit(&limited_count, 1, memory_order_relaxed);
	return false;
}

/* `count`: groups that were set, up to the last of them; 0: more than there is room for. */
static void
groups_take(struct regex_groups *groups, pcre2_match_data *data, struct slice text, int count)
{
	const size_t *ends = pcre2_get_ovector_pointer(data);

	groups->count = count == 0 ? REGEX_GROUPS_MAX : (uint32_t)count;
	for (uint32_t i = 0; i < REGEX_GROUPS_MAX; i++) {
		groups->at[i] = (struct slice){ NULL, 0 };
		/* \K in a lookahead may put the start behind the end */
		if (i < groups->count && ends[2 * i] != PCRE2_UNSET &&
		    ends[2 * i] <= ends[2 * i + 1])
			groups->at[i] = (struct slice){ text.at + ends[2 * i],
				ends[2 * i + 1] - ends[2 * i] };
	}
}

static bool
regex_run(const struct regex *regex, struct slice text, uint32_t flags,
	  struct regex_groups *groups)
{
	struct regex_tools *tools = own_tools != NULL ? own_tools : tools_new();
	int result;

	if (tools == NULL)
		return false;
	if (text.at == NULL)
		text.at = "";
	if (regex->has_jit)
		result = pcre2_jit_match(regex->code, (PCRE2_SPTR)text.at, text.len, 0, flags,
					 tools->data, tools->context);
	else
		result = pcre2_match(regex->code, (PCRE2_SPTR)text.at, text.len, 0, flags,
				     tools->data, tools->context);
	if (result < 0)
		return regex_missed(result);
	if (groups != NULL)
		groups_take(groups, tools->data, text, result);
	return true;
}

bool
regex_match(const struct regex *regex, struct slice text, struct regex_groups *groups)
{
	return regex_run(regex, text, 0, groups);
}

bool
regex_match_rest(const struct regex *regex, struct slice text, struct regex_groups *groups)
{
	return regex_run(regex, text, PCRE2_NOTBOL, groups);
}

uint64_t
regex_limited(void)
{
	return atomic_load_explicit(&limited_count, memory_order_relaxed);
}

/*
 * What stands at a backslash: `at` moves behind it. A group's text, or one byte in `byte`. False:
 * nothing that is known.
 */
static bool
escape_take(struct slice format, size_t *at, const struct regex_groups *groups, char *byte,
	    struct slice *piece)
{
	char c;
	int high, low;

	*piece = (struct slice){ byte, 1 };
	if (*at + 1 >= format.len)
		return false;
	c = format.at[*at + 1];
	*at += 2;
	if (c >= '0' && c <= '9') {
		*piece = groups->at[c - '0'];
		return true;
	}
	*byte = c;
	if (c != 'x')
		return true;
	high = *at < format.len ? hex_value(format.at[*at]) : -1;
	low = *at + 1 < format.len ? hex_value(format.at[*at + 1]) : -1;
	if (high < 0 || low < 0)
		return false;
	*byte = (char)(high << 4 | low);
	*at += 2;
	return true;
}

enum err
regex_expand(char *out, size_t size, size_t *len, struct slice format,
	     const struct regex_groups *groups)
{
	size_t used = 0;
	struct slice piece;
	char byte;

	for (size_t at = 0; at < format.len;) {
		piece = (struct slice){ format.at + at, 1 };
		if (*piece.at != '\\')
			at++;
		else if (!escape_take(format, &at, groups, &byte, &piece))
			return ERR_INVALID;
		if (piece.len > size - used)
			return ERR_LIMIT;
		if (piece.len > 0)
			memcpy(out + used, piece.at, piece.len);
		used += piece.len;
	}
	*len = used;
	return ERR_OK;
}

enum err
regex_check_format(struct slice format, struct diag *diag)
{
	static const struct regex_groups none;
	struct slice piece;
	size_t at = 0;
	char byte;

	while (at < format.len) {
		size_t start = at;

		if (format.at[at] != '\\') {
			at++;
		} else if (!escape_take(format, &at, &none, &byte, &piece)) {
			diag_set(diag, "expected \\0 to \\9, \\xHH or \\\\ at offset %zu", start);
			return ERR_INVALID;
		}
	}
	return ERR_OK;
}

void
regex_free(struct regex **rp)
{
	struct regex *regex = *rp;

	*rp = NULL;
	if (regex == NULL)
		return;
	pcre2_code_free(regex->code);
	free(regex);
}
