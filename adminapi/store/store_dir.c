/*
 * The state directory: made, locked, and with a database file of the owner's alone in it.
 *
 * A name that was made is synced into its directory, or a power cut would take the file along that
 * holds what was acknowledged. Main thread.
 */
#include "config.h"
#include "adminapi/store/store_priv.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

bool
store_file_id_get(struct store_file_id *id, const char *path)
{
	struct stat st;

	if (stat(path, &st) != 0)
		return false;
	id->dev = st.st_dev;
	id->ino = st.st_ino;
	return true;
}

char *
store_path_join(const char *dir, const char *name)
{
	char *path;

	return asprintf(&path, "%s/%s", dir, name) < 0 ? NULL : path;
}

/* A new name is on disk when its directory is. */
static enum err
directory_sync(const char *dir, struct diag *diag)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	enum err e = ERR_OK;

	if (fd < 0 || fsync(fd) != 0) {
		diag_errno(diag, "state directory %s", dir);
		e = ERR_SYSTEM;
	}
	if (fd >= 0)
		close(fd);
	return e;
}

static enum err
directory_make(const char *dir, struct diag *diag)
{
	struct stat st;
	char *parent;
	enum err e;

	if (mkdir(dir, 0700) != 0) {
		if (errno == EEXIST && stat(dir, &st) == 0 && S_ISDIR(st.st_mode))
			return ERR_OK;
		if (errno == EEXIST)
			errno = ENOTDIR;
		diag_errno(diag, "state directory %s", dir);
		return ERR_SYSTEM;
	}
	parent = store_path_join(dir, "..");
	if (parent == NULL)
		return ERR_NOMEM;
	e = directory_sync(parent, diag);
	free(parent);
	return e;
}

/* The process that holds the lock has written its number into it; it may be just about to. */
static void
lock_tell_holder(int fd, const char *path, struct diag *diag)
{
	char text[24] = "";
	ssize_t len = pread(fd, text, sizeof(text) - 1, 0);

	if (len > 0 && atoi(text) > 0)
		diag_set(diag, "%s: process %d uses this state directory", path, atoi(text));
	else
		diag_set(diag, "%s: another process uses this state directory", path);
}

static enum err
lock_fill(int fd, const char *path, struct diag *diag)
{
	if (ftruncate(fd, 0) == 0 && dprintf(fd, "%d\n", (int)getpid()) > 0)
		return ERR_OK;
	diag_errno(diag, "%s", path);
	return ERR_SYSTEM;
}

/* flock: it goes with the process, however that ends; the file stays behind and means nothing. */
static enum err
lock_take(struct store *store, const char *path, struct diag *diag)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0) {
		diag_errno(diag, "%s", path);
		return ERR_SYSTEM;
	}
	store->lock_fd = fd;
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return lock_fill(fd, path, diag);
	if (errno == EWOULDBLOCK) {
		lock_tell_holder(fd, path, diag);
		return ERR_BUSY;
	}
	diag_errno(diag, "%s: lock", path);
	return ERR_SYSTEM;
}

/* SQLite would make it too, but with the umask's mode, and would not sync the directory. */
static enum err
file_make(struct store *store, const char *dir, struct diag *diag)
{
	int fd = open(store->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0 && errno == EEXIST)
		return ERR_OK;
	if (fd < 0) {
		diag_errno(diag, "%s", store->name);
		return ERR_SYSTEM;
	}
	close(fd);
	return directory_sync(dir, diag);
}

enum err
store_dir_open(struct store *store, const char *dir, struct diag *diag)
{
	char *lock_path;
	enum err e;

	if (store->read_only) {
		if (access(store->path, F_OK) == 0)
			return ERR_OK;
		diag_errno(diag, "%s", store->name);
		return errno == ENOENT ? ERR_UNKNOWN : ERR_SYSTEM;
	}
	lock_path = store_path_join(dir, STORE_LOCK_FILE);
	if (lock_path == NULL)
		return ERR_NOMEM;
	e = directory_make(dir, diag);
	if (e == ERR_OK)
		e = lock_take(store, lock_path, diag);
	if (e == ERR_OK)
		e = file_make(store, dir, diag);
	free(lock_path);
	return e;
}
