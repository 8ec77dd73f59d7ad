/*
 * Dates as HAProxy's logs have them (HAProxy manual, 8.2.6: %t, %T, %Tl and their like).
 *
 * A thread keeps what it wrote for the last few seconds: asking the C library costs some hundred
 * instructions, a line is written for each request.
 */
#pragma once

#include <stdint.h>
#include "core/str.h"

enum log_date {
	LOG_DATE_LOCAL,		/* 20/Nov/2026:13:55:48 */
	LOG_DATE_LOCAL_ZONE,	/* 20/Nov/2026:13:55:48 +0000 */
	LOG_DATE_GMT_ZONE,
	LOG_DATES,
};

/* Valid until the thread asks for some other seconds. */
struct slice log_date(enum log_date date, uint64_t second);
