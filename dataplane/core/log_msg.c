/*
 * The program's own messages: "2026-11-20T06:00:00.000Z notice app/s1: DOWN, ...". Any thread.
 */
#include "config.h"
#include "core/log_priv.h"
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>
#include "core/clock.h"

/* Borrowed: freed by log_stop(), not used after it. */
static _Thread_local struct log_ring *msg_ring;

static const char *const level_words[] = {
	[LOG_LEVEL_EMERG] = "emerg",
	[LOG_LEVEL_ALERT] = "alert",
	[LOG_LEVEL_CRIT] = "crit",
	[LOG_LEVEL_ERROR] = "error",
	[LOG_LEVEL_WARNING] = "warning",
	[LOG_LEVEL_NOTICE] = "notice",
	[LOG_LEVEL_INFO] = "info",
	[LOG_LEVEL_DEBUG] = "debug",
};

void
log_adopt(struct log_ring *ring)
{
	msg_ring = ring;
}

/* "<time> <level> "; its length. */
static size_t
msg_head(char *line, size_t size, enum log_level level)
{
	char now_text[TIME_TEXT_BYTES];

	time_format(now_text, clock_read_us(CLOCK_REALTIME));
	return (size_t)snprintf(line, size, "%s %s ", now_text, level_words[level]);
}

/* A message is one line, whatever its text holds. */
static void
msg_flatten(char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '\n' || text[i] == '\r')
			text[i] = ' ';
	}
}

/* Where there is no writer to do it: at once, and lost if stderr does not take it. */
static void
msg_write_now(char *line, size_t len)
{
	line[len] = '\n';
	if (write(STDERR_FILENO, line, len + 1) < 0)
		return;
}

void
log_msg(enum log_level level, const char *fmt, ...)
{
	char line[LOG_LINE_MAX_BYTES + 1];	/* vsnprintf's NUL, or the newline */
	size_t len = msg_head(line, sizeof(line), level);
	va_list ap;
	int want;

	va_start(ap, fmt);
	want = vsnprintf(line + len, sizeof(line) - len, fmt, ap);
	va_end(ap);
	if (want < 0)
		return;
	len += (size_t)want < sizeof(line) - len ? (size_t)want : sizeof(line) - len - 1;
	msg_flatten(line, len);
	if (msg_ring != NULL && log_writer_runs())
		log_write(msg_ring, &log_list_stderr, level, (struct slice){ line, len });
	else
		msg_write_now(line, len);
}
