/*
 * Tables from fields to C: each row says where a field's value goes and how.
 */
#pragma once

#include <stddef.h>
#include "adminapi/apply/settings.h"

struct field {
	const char	*name, *sub;		/* "timeout", "connect"; sub NULL: a plain field */
	void	       (*bind)(const struct field *field, const cJSON *value, void *to,
			       struct pointer *at, struct issues *issues);
	size_t		 offset;		/* of the target in the struct */
	const char *const *words;		/* bind_word: the enum's words in order, NULL-ended */
};

/* Walk a table: the value that holds of each field goes where its row says. */
void fields_bind(const struct field *fields, size_t count, const struct chain *chain, void *to,
	struct pointer *at, struct issues *issues);

/*
 * Targets by type. A value of a wrong type is left out: the schema has told. Durations: 0 is
 * TIMEOUT_NONE.
 */
void bind_timeout(const struct field *f, const cJSON *v, void *to, struct pointer *at, struct issues *is);	/* int64_t */
void bind_seconds(const struct field *f, const cJSON *v, void *to, struct pointer *at, struct issues *is);	/* int, rounded up */
void bind_size(const struct field *f, const cJSON *v, void *to, struct pointer *at, struct issues *is);		/* int64_t */
void bind_u32(const struct field *f, const cJSON *v, void *to, struct pointer *at, struct issues *is);
void bind_u16(const struct field *f, const cJSON *v, void *to, struct pointer *at, struct issues *is);
void bind_u8(const struct field *f, const cJSON *v, void *to, struct pointer *at, struct issues *is);
void bind_int(const struct field *f, const cJSON *v, void *to, struct pointer *at, struct issues *is);
void bind_bool(const struct field *f, const cJSON *v, void *to, struct pointer *at, struct issues *is);
void bind_word(const struct field *f, const cJSON *v, void *to, struct pointer *at, struct issues *is);		/* an enum */
void bind_text(const struct field *f, const cJSON *v, void *to, struct pointer *at, struct issues *is);		/* char *, owned */
void bind_target(const struct field *f, const cJSON *v, void *to, struct pointer *at, struct issues *is);	/* struct addr with a port */
void bind_source(const struct field *f, const cJSON *v, void *to, struct pointer *at, struct issues *is);	/* struct addr, port optional */
void bind_log(const struct field *f, const cJSON *v, void *to, struct pointer *at, struct issues *is);		/* unsigned, LOG_* */

/*
 * One listening address: a string, or {"address", "mode"}. False, with an issue at `at`, if it is
 * none.
 */
bool listen_parse(const cJSON *item, struct addr *addr, mode_t *mode, struct pointer *at,
	struct issues *issues);
