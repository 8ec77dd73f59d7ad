/*
 * Dropping root for good, but for binding low ports (capabilities(7)). Main thread, before others.
 */
#include "config.h"
#include "adminapi/daemon/privileges.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "adminapi/apply/limits.h"

struct identity {
	uid_t	uid;
	gid_t	gid;
};

static enum err
identity_find(const char *user, const char *group, struct identity *who, struct diag *diag)
{
	const struct passwd *pw = user == NULL ? NULL : getpwnam(user);
	const struct group *gr = group == NULL ? NULL : getgrnam(group);

	if (user != NULL && pw == NULL) {
		diag_set(diag, "global.user: there is no user \"%s\"", user);
		return ERR_UNKNOWN;
	}
	if (group != NULL && gr == NULL) {
		diag_set(diag, "global.group: there is no group \"%s\"", group);
		return ERR_UNKNOWN;
	}
	who->uid = pw == NULL ? geteuid() : pw->pw_uid;
	who->gid = gr != NULL ? gr->gr_gid : pw != NULL ? pw->pw_gid : getegid();
	return ERR_OK;
}

/*
 * A file of ours that an earlier start as root left behind. Not a link, which could lead to a file
 * that is none of ours.
 */
static void
file_give(int dir_fd, const char *name, const struct identity *who)
{
	int fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink == 1 && st.st_uid == 0 &&
	    fchown(fd, who->uid, who->gid) != 0) {
		/* the store will say that it can't be opened */
	}
	close(fd);
}

static void
files_give(const char *dir, const struct identity *who)
{
	static const char *const names[] = { "sluice.db", "sluice.db-wal", "sluice.db-shm",
		"sluice.lock" };
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	for (size_t i = 0; fd >= 0 && i < sizeof(names) / sizeof(names[0]); i++)
		file_give(fd, names[i], who);
	if (fd >= 0)
		close(fd);
}

/* What root made or will not be able to make later must be the user's. */
static enum err
state_dir_give(const char *dir, const struct identity *who, struct diag *diag)
{
	if (mkdir(dir, 0700) != 0 && errno != EEXIST) {
		diag_errno(diag, "state_dir %s", dir);
		return ERR_SYSTEM;
	}
	if (chown(dir, who->uid, who->gid) != 0) {
		diag_errno(diag, "state_dir %s: chown", dir);
		return ERR_SYSTEM;
	}
	files_give(dir, who);
	return ERR_OK;
}

/* Of all capabilities, keep the one that lets new binds take ports below 1024. */
static bool
capabilities_reduce(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { 0 };
	unsigned bit = 1u << CAP_NET_BIND_SERVICE;

	data[0].effective = data[0].permitted = bit;
	return syscall(SYS_capset, &header, data) == 0;
}

static bool
identity_assume(const struct identity *who, const char *user)
{
	if (prctl(PR_SET_KEEPCAPS, 1) != 0)
		return false;
	if (user != NULL ? initgroups(user, who->gid) != 0 : setgroups(1, &who->gid) != 0)
		return false;
	if (setresgid(who->gid, who->gid, who->gid) != 0 ||
	    setresuid(who->uid, who->uid, who->uid) != 0)
		return false;
	return who->uid == 0 || capabilities_reduce();
}

enum err
privileges_drop(const char *user, const char *group, const char *state_dir, struct diag *diag)
{
	struct identity who;
	enum err e;

	if (user == NULL && group == NULL)
		return ERR_OK;
	e = identity_find(user, group, &who, diag);
	if (e != ERR_OK)
		return e;
	if (geteuid() != 0) {
		if (who.uid == geteuid() && who.gid == getegid())
			return ERR_OK;
		diag_set(diag, "global.user, global.group: only root can change to another user");
		return ERR_SYSTEM;
	}
	limits_keep_room();
	if (state_dir != NULL && (e = state_dir_give(state_dir, &who, diag)) != ERR_OK)
		return e;
	if (identity_assume(&who, user))
		return ERR_OK;
	diag_errno(diag, "cannot become user %u, group %u", (unsigned)who.uid, (unsigned)who.gid);
	return ERR_SYSTEM;
}

void
privileges_look_up(const char *user, const char *group, struct issues *issues)
{
	if (user != NULL && getpwnam(user) == NULL)
		issues_add(issues, "/global/user", "there is no user \"%s\"", user);
	if (group != NULL && getgrnam(group) == NULL)
		issues_add(issues, "/global/group", "there is no group \"%s\"", group);
}
