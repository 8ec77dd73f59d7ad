/*
 * A file that lines go to: opened by its name, and again when it was moved away. Writer's thread.
 *
 * While a file of that name can't be opened anew, lines go on into the old one: nothing is lost to a
 * rotation that went wrong.
 */
#include "config.h"
#include "core/log_priv.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FILE_MODE	0640
#define FILE_RETRY_US	1000000
/* O_NONBLOCK: a FIFO without a reader must not hold us */
#define FILE_FLAGS	(O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)

static int
file_open_beneath(const char *dir, const char *path)
{
	const struct open_how how = {
		.flags = FILE_FLAGS,
		.mode = FILE_MODE,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
	};
	int at = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC), fd, error;

	if (at < 0)
		return -1;
	fd = (int)syscall(SYS_openat2, at, path, &how, sizeof(how));
	error = errno;
	close(at);
	errno = error;
	return fd;
}

static enum err
file_open(struct log_sink *sink, uint64_t now_us)
{
	const struct log_place *place = &sink->place;
	int fd = place->dir != NULL ? file_open_beneath(place->dir, place->path) :
				      open(place->path, FILE_FLAGS, FILE_MODE);

	if (fd < 0)
		return ERR_SYSTEM;
	if (sink->fd >= 0)
		close(sink->fd);
	sink->fd = fd;
	sink->fd_kind = log_fd_kind_of(fd);
	sink->state = LOG_SINK_OPEN;
	return ERR_OK;
}

static void
file_reopen(struct log_sink *sink, uint64_t now_us)
{
	if (now_us < sink->retry_at_us)
		return;
	sink->retry_at_us = now_us + FILE_RETRY_US;
	sink->reopen = file_open(sink, now_us) != ERR_OK;
	if (sink->reopen)
		log_sink_trouble(sink, errno, now_us);
	else
		log_sink_well(sink);
}

/* What waits was written for the old one. */
static void
file_flush(struct log_sink *sink, uint64_t now_us)
{
	log_sink_flush_stream(sink, now_us);
	if (sink->reopen)
		file_reopen(sink, now_us);
}

const struct log_sink_ops log_file_ops = { file_open, file_flush };
