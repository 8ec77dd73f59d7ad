/*
 * An operation's texts: shown, saved, restored, asked for. Pure.
 */
#include "config.h"
#include "adminapi/operations/operation.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "adminapi/json/schema.h"
#include "adminapi/json/strict.h"

static const struct {
	const char *text;
	bool has_ended;
	const char *words;
} states[] = {
#define X(name, text, ended, words) { text, ended, words },
	OPERATION_STATES(X)
#undef X
};

static const char *const thens[] = { "ready", "maint", "delete" };

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

const char *
operation_state_text(enum operation_state state)
{
	return states[state].text;
}

bool
operation_state_has_ended(enum operation_state state)
{
	return states[state].has_ended;
}

const char *
operation_state_words(enum operation_state state)
{
	return states[state].words;
}

const char *
operation_then_text(enum operation_then then)
{
	return thens[then];
}

const char *
operation_hold(const struct operation *op)
{
	return strcmp(op->before, "maint") == 0 ? "maint" : "drain";
}

bool
operation_is_off(enum operation_state state)
{
	return state == OPERATION_CALLING_OFF || state == OPERATION_CALLED_OFF;
}

const char *
operation_state_actor(const struct operation *op)
{
	return operation_is_off(op->state) ? op->off_actor : op->actor;
}

void
operation_done_words(const struct operation *op, char detail[OPERATION_DETAIL_BYTES])
{
	if (op->killed == 0)
		snprintf(detail, OPERATION_DETAIL_BYTES, "%s",
			operation_state_words(OPERATION_DONE));
	else
		snprintf(detail, OPERATION_DETAIL_BYTES, "%" PRIu64 " session%s ended at the "
			"deadline, none is left", op->killed, op->killed == 1 ? " was" : "s were");
}

const char *
operation_id_text(char buf[OPERATION_ID_BYTES], uint64_t id)
{
	snprintf(buf, OPERATION_ID_BYTES, "%" PRIu64, id);
	return buf;
}

static const char *
text_or_null(const char *text)
{
	return text[0] == '\0' ? NULL : text;
}

/* By whom, where it is or was. */
static void
write_called_off(struct jsonw *w, const struct operation *op)
{
	if (!operation_is_off(op->state)) {
		jsonw_null(w, "called_off");
		return;
	}
	jsonw_object(w, "called_off");
	jsonw_string(w, "actor", text_or_null(op->off_actor));
	jsonw_string(w, "reason", text_or_null(op->off_reason));
	jsonw_end_object(w);
}

void
operation_write(struct jsonw *w, const struct operation *op)
{
	char id[OPERATION_ID_BYTES];

	jsonw_string(w, "id", operation_id_text(id, op->id));
	jsonw_string(w, "kind", "drain");
	jsonw_string(w, "backend", op->backend);
	jsonw_string(w, "server", op->server);
	jsonw_string(w, "state", operation_state_text(op->state));
	jsonw_string(w, "detail", op->detail);
	jsonw_time(w, "began", op->began_us);
	jsonw_time(w, "deadline", op->deadline_us);
	jsonw_time(w, "ended", op->ended_us);
	jsonw_bool(w, "kill", op->kill);
	jsonw_string(w, "then", operation_then_text(op->then));
	jsonw_string(w, "before", op->before[0] == '\0' ? "ready" : op->before);
	jsonw_string(w, "actor", text_or_null(op->actor));
	jsonw_string(w, "reason", text_or_null(op->reason));
	write_called_off(w, op);
	jsonw_object(w, "progress");
	jsonw_uint(w, "sessions_at_begin", op->sessions_at_begin);
	jsonw_uint(w, "sessions_left", op->sessions_left);
	jsonw_uint(w, "killed", op->killed);
	jsonw_end_object(w);
}

/* -- saved -- */

static const struct {
	const char *name;
	size_t offset, size;
} text_fields[] = {
#define TEXT(field)                                                                               \
	{                                                                                         \
#field, offsetof(struct operation, field), sizeof(((struct operation *)0)->field) \
	}
	TEXT(backend), TEXT(server), TEXT(before), TEXT(actor), TEXT(reason), TEXT(off_actor),
	TEXT(off_reason), TEXT(detail),
#undef TEXT
};

static const struct {
	const char *name;
	size_t offset;
} number_fields[] = {
#define NUMBER(field)                                     \
	{                                                 \
#field, offsetof(struct operation, field) \
	}
	NUMBER(id),       NUMBER(began_us),          NUMBER(deadline_us),
	NUMBER(ended_us), NUMBER(sessions_at_begin), NUMBER(sessions_left),
	NUMBER(killed),
#undef NUMBER
};

void
operation_save(struct buf *out, const struct operation *op)
{
	struct jsonw w;

	jsonw_init(&w, out);
	jsonw_object(&w, NULL);
	jsonw_string(&w, "kind", "drain");
	jsonw_string(&w, "state", operation_state_text(op->state));
	jsonw_string(&w, "then", operation_then_text(op->then));
	jsonw_bool(&w, "kill", op->kill);
	for (size_t i = 0; i < COUNT_OF(text_fields); i++)
		jsonw_string(&w, text_fields[i].name, (const char *)op + text_fields[i].offset);
	for (size_t i = 0; i < COUNT_OF(number_fields); i++)
		jsonw_uint(&w, number_fields[i].name,
			*(const uint64_t *)(const void *)((const char *)op +
				number_fields[i].offset));
	jsonw_end_object(&w);
}

static const char *
string_of(const cJSON *root, const char *name)
{
	const cJSON *value = cJSON_GetObjectItemCaseSensitive(root, name);

	return cJSON_IsString(value) ? value->valuestring : "";
}

static bool
restore_texts(struct operation *op, const cJSON *root)
{
	for (size_t i = 0; i < COUNT_OF(text_fields); i++) {
		const char *text = string_of(root, text_fields[i].name);
		size_t len = strlen(text);

		if (len >= text_fields[i].size)
			return false;
		memcpy((char *)op + text_fields[i].offset, text, len + 1);
	}
	return op->backend[0] != '\0' && op->server[0] != '\0';
}

static bool
restore_numbers(struct operation *op, const cJSON *root)
{
	for (size_t i = 0; i < COUNT_OF(number_fields); i++) {
		const cJSON *value = cJSON_GetObjectItemCaseSensitive(root, number_fields[i].name);

		/* exact in a double: times of the next 250 years are */
		if (!cJSON_IsNumber(value) || value->valuedouble < 0 ||
		    value->valuedouble > 9007199254740992.0)
			return false;
		*(uint64_t *)(void *)((char *)op + number_fields[i].offset) =
			(uint64_t)value->valuedouble;
	}
	return op->id != 0;
}

static bool
restore_words(struct operation *op, const cJSON *root)
{
	const char *state = string_of(root, "state"), *then = string_of(root, "then");
	size_t s = 0, t = 0;

	while (s < COUNT_OF(states) && strcmp(states[s].text, state) != 0)
		s++;
	while (t < COUNT_OF(thens) && strcmp(thens[t], then) != 0)
		t++;
	op->state = (enum operation_state)s;
	op->then = (enum operation_then)t;
	op->kill = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(root, "kill"));
	return s < COUNT_OF(states) && t < COUNT_OF(thens) &&
	       strcmp(string_of(root, "kind"), "drain") == 0;
}

enum err
operation_restore(struct operation *op, struct slice text)
{
	struct issues issues = { 0 };
	cJSON *root = NULL;
	enum err e = json_parse(&root, text.at, text.len, &issues);

	*op = (struct operation){ 0 };
	if (e == ERR_OK && (!restore_words(op, root) || !restore_texts(op, root) ||
	    !restore_numbers(op, root)))
		e = ERR_INVALID;
	cJSON_Delete(root);
	issues_fini(&issues);
	return e;
}

/* -- asked for -- */

static void
wish_read(struct operation_wish *wish, const cJSON *root)
{
	const cJSON *deadline = cJSON_GetObjectItemCaseSensitive(root, "deadline");
	const char *then = string_of(root, "then");

	for (size_t i = 0; i < COUNT_OF(thens); i++)
		if (strcmp(thens[i], then) == 0)
			wish->then = (enum operation_then)i;
	wish->kill = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(root, "kill"));
	wish->has_deadline = deadline != NULL;
	if (cJSON_IsNumber(deadline))
		wish->deadline_ms = (int64_t)deadline->valuedouble;
	else if (deadline != NULL)
		(void)duration_parse(slice_of(deadline->valuestring), &wish->deadline_ms);
}

static enum err
wish_judge(struct operation_wish *wish, const cJSON *root, const struct schema_node *def,
	struct issues *issues)
{
	struct pointer at = { { 0 } };
	bool ok = schema_validate(def, root, &at, issues);

	pointer_fini(&at);
	if (!ok)
		return ERR_INVALID;
	wish_read(wish, root);
	if (!wish->kill || wish->has_deadline)
		return ERR_OK;
	issues_add(issues, "/kill", "there is no \"deadline\" at which sessions would be ended; "
		"\"0s\" is at once");
	return ERR_INVALID;
}

enum err
operation_wish_parse(struct operation_wish *wish, struct slice text,
	const struct schema_node *def, struct issues *issues)
{
	cJSON *root = NULL;
	enum err e;

	*wish = (struct operation_wish){ .then = OPERATION_THEN_MAINT };
	if (text.len == 0)
		return ERR_OK;
	e = json_parse(&root, text.at, text.len, issues);
	if (e == ERR_OK)
		e = wish_judge(wish, root, def, issues);
	else if (e == ERR_INVALID)
		e = ERR_UNKNOWN;
	cJSON_Delete(root);
	return e;
}
