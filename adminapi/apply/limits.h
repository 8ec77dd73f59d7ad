/*
 * What the machine allows: descriptors, CPUs.
 */
#pragma once

#include <stdint.h>
#include "core/diag.h"
#include "core/err.h"

#define LIMITS_MAXCONN_DEFAULT 20000	/* where neither maxconn nor the system says less */

/* Make room for `maxconn` client connections and as many to servers. ERR_LIMIT: `diag` says why not. */
enum err limits_raise(uint32_t maxconn, struct diag *diag);

/* While we are root still: later raises shall find room, whatever user we are then. */
void limits_keep_room(void);

/* How many connections the system allows (at most LIMITS_MAXCONN_DEFAULT); raises to that. */
uint32_t limits_maxconn(void);

/*
 * Have the kernel's table of descriptors grown for LIMITS_MAXCONN_DEFAULT connections: before there
 * are threads. Those who open a descriptor later need not wait for that.
 */
void limits_make_table(void);

/* CPUs that the process may use: affinity, and the cgroup's quota, rounded up; at most 64. */
uint32_t limits_cpus(void);
