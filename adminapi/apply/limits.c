/*
 * Descriptor limit and CPUs. Control thread.
 */
#include "config.h"
#include "adminapi/apply/limits.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#define FDS_PER_CONNECTION	2	/* a client's and a server's */
#define FDS_RESERVE		1024	/* listeners, the admin server, grown pipes, the store */
#define CPUS_MAX		64

static rlim_t
needed(uint32_t maxconn)
{
	return (rlim_t)maxconn * FDS_PER_CONNECTION + FDS_RESERVE;
}

enum err
limits_raise(uint32_t maxconn, struct diag *diag)
{
	rlim_t want = needed(maxconn);
	struct rlimit now, next;

	if (getrlimit(RLIMIT_NOFILE, &now) != 0) {
		diag_errno(diag, "getrlimit");
		return ERR_SYSTEM;
	}
	if (now.rlim_cur >= want)
		return ERR_OK;
	next = (struct rlimit){ .rlim_cur = want,
		.rlim_max = now.rlim_max > want ? now.rlim_max : want };
	if (setrlimit(RLIMIT_NOFILE, &next) == 0)
		return ERR_OK;
	diag_set(diag,
		 "%u connections need %llu descriptors, but the limit is %llu and could not be "
		 "raised (ulimit -Hn, or LimitNOFILE= of the service)",
		 (unsigned)maxconn, (unsigned long long)want, (unsigned long long)now.rlim_max);
	return ERR_LIMIT;
}

void
limits_keep_room(void)
{
	FILE *f = fopen("/proc/sys/fs/nr_open", "re");
	struct rlimit limit;
	unsigned long long most = 0;

	if (f == NULL)
		return;
	if (fscanf(f, "%llu", &most) == 1 && getrlimit(RLIMIT_NOFILE, &limit) == 0 &&
	    limit.rlim_max < most) {
		limit.rlim_max = most;
		setrlimit(RLIMIT_NOFILE, &limit);	/* a container may forbid it: as it was, then */
	}
	fclose(f);
}

uint32_t
limits_maxconn(void)
{
	struct rlimit now;
	struct diag why;
	rlim_t fit;

	if (limits_raise(LIMITS_MAXCONN_DEFAULT, &why) == ERR_OK)
		return LIMITS_MAXCONN_DEFAULT;
	if (getrlimit(RLIMIT_NOFILE, &now) != 0)
		return FDS_RESERVE / FDS_PER_CONNECTION;
	now.rlim_cur = now.rlim_max;
	setrlimit(RLIMIT_NOFILE, &now);		/* soft to hard: always allowed */
	if (now.rlim_max <= 2 * FDS_RESERVE)	/* a very small limit: half for connections */
		return (uint32_t)now.rlim_max / (2 * FDS_PER_CONNECTION) + 1;
	fit = (now.rlim_max - FDS_RESERVE) / FDS_PER_CONNECTION;
	return fit < LIMITS_MAXCONN_DEFAULT ? (uint32_t)fit : LIMITS_MAXCONN_DEFAULT;
}

/*
 * The table doubles when a descriptor of 256, 512, ... is opened, and in a process with threads the
 * one who opens it waits until no CPU reads the old one (RCU): 8 to 17 ms on the loop of a worker or
 * of control. A table does not shrink; one of this size takes 512 KiB.
 */
void
limits_make_table(void)
{
	rlim_t want = needed(LIMITS_MAXCONN_DEFAULT);
	struct rlimit now, wide;
	int fd;

	if (getrlimit(RLIMIT_NOFILE, &now) != 0)
		return;
	wide = now;
	if (wide.rlim_cur < want)
		wide.rlim_cur = now.rlim_max < want ? now.rlim_max : want;
	if (setrlimit(RLIMIT_NOFILE, &wide) != 0)
		return;
	if (wide.rlim_cur < want)
		want = wide.rlim_cur;
	fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, (int)want - 1);
	if (fd >= 0)
		close(fd);
	setrlimit(RLIMIT_NOFILE, &now);
}

static uint32_t
cpus_by_affinity(void)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set) != 0)
		return 1;
	return (uint32_t)CPU_COUNT(&set);
}

/* "quota period" of a file such as cgroup v2's cpu.max, rounded up to CPUs; 0: no quota. */
static uint32_t
cpus_by_quota(void)
{
	long long quota = 0, period = 0;
	FILE *f = fopen("/sys/fs/cgroup/cpu.max", "re");
	int got = 0;

	if (f != NULL) {
		got = fscanf(f, "%lld %lld", &quota, &period);
		fclose(f);
	}
	if (got != 2 || quota <= 0 || period <= 0)
		return 0;
	return (uint32_t)((quota + period - 1) / period);
}

uint32_t
limits_cpus(void)
{
	uint32_t cpus = cpus_by_affinity(), quota = cpus_by_quota();

	if (quota > 0 && quota < cpus)
		cpus = quota;
	return cpus > CPUS_MAX ? CPUS_MAX : cpus < 1 ? 1 : cpus;
}
