/*
 * The columns of the table of end causes. Any thread.
 */
#include "config.h"
#include "core/endcause.h"
#include <assert.h>
#include <stddef.h>

struct end_row {
	char		 letter;
	unsigned	 status;
	const char	*name;
	const char	*words;
};

static const struct end_row end_rows[] = {
#define X(id, letter, status, name, words) { (letter), (status), (name), (words) },
	END_CAUSES(X)
#undef X
};

static const struct end_row *
end_row_get(enum end_cause cause)
{
	assert((size_t)cause < sizeof(end_rows) / sizeof(end_rows[0]));
	return &end_rows[cause];
}

char
end_cause_letter(enum end_cause cause)
{
	return end_row_get(cause)->letter;
}

unsigned
end_cause_status(enum end_cause cause)
{
	return end_row_get(cause)->status;
}

const char *
end_cause_words(enum end_cause cause)
{
	return end_row_get(cause)->words;
}

const char *
end_cause_name(enum end_cause cause)
{
	return end_row_get(cause)->name;
}
