/*
 * A disk that obeys the test: SQLite's pwrite64() and fdatasync() come here first.
 *
 * The program's own definition of a libc function goes before the library's for shared libraries
 * too. Included by one file of a test program.
 */
#pragma once

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct disk {
	_Atomic(int)	 writes_left;	/* then ENOSPC; INT_MAX: no limit */
	_Atomic(int)	 sync_errno;	/* of the next syncs, 0: they work */
	_Atomic(bool)	 dirty;		/* written and not synced since */
	pthread_mutex_t	 gate;		/* held by the test: syncs wait */
	_Atomic(int)	 at_gate;	/* how many syncs came to the gate */
} disk = { .writes_left = INT_MAX, .gate = PTHREAD_MUTEX_INITIALIZER };

ssize_t
pwrite64(int fd, const void *bytes, size_t len, off64_t offset)
{
	if (disk.writes_left != INT_MAX && disk.writes_left-- <= 0) {
		disk.writes_left = 0;
		errno = ENOSPC;
		return -1;
	}
	disk.dirty = true;
	return syscall(SYS_pwrite64, fd, bytes, len, offset);
}

int
fdatasync(int fd)
{
	disk.at_gate++;
	pthread_mutex_lock(&disk.gate);
	pthread_mutex_unlock(&disk.gate);
	if (disk.sync_errno != 0) {
		errno = disk.sync_errno;
		return -1;
	}
	disk.dirty = false;
	return (int)syscall(SYS_fdatasync, fd);
}

/* Returns when somebody waits at the gate, which the caller holds, that was not there at `before`. */
static inline void
disk_wait_gate(int before)
{
	while (disk.at_gate == before)
		usleep(200);
}
