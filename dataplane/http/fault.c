/*
 * The table of faults. Pure; any thread.
 */
#include "config.h"
#include "http/fault.h"
#include <assert.h>
#include <stddef.h>

static const struct fault_row {
	uint16_t	 status;
	const char	*name;
} fault_rows[] = {
#define X(id, status, name) { status, name },
	HTTP_FAULTS(X)
#undef X
};

static const struct fault_row *
fault_row_get(enum http_fault fault)
{
	assert((size_t)fault < sizeof(fault_rows) / sizeof(fault_rows[0]));
	return &fault_rows[fault];
}

uint16_t
http_fault_status(enum http_fault fault)
{
	return fault_row_get(fault)->status;
}

const char *
http_fault_name(enum http_fault fault)
{
	return fault_row_get(fault)->name;
}
