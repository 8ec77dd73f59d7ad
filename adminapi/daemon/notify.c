/*
 * systemd's notify protocol through libsystemd, where it was built in. Control thread.
 */
#include "config.h"
#include "adminapi/daemon/notify.h"

#include <stdint.h>
#include <stdio.h>
#include "adminapi/daemon/notify_priv.h"
#include "core/clock.h"

void
notify_ready(void)
{
	notify_send("READY=1\nSTATUS=serving");
}

void
notify_reloading(void)
{
	char text[80];

	snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%llu",
		(unsigned long long)clock_read_us(CLOCK_MONOTONIC));
	notify_send(text);
}

void
notify_reloaded(bool ok)
{
	notify_send(ok ? "READY=1\nSTATUS=serving"
		       : "READY=1\nSTATUS=serving, the last reload failed");
}

void
notify_stopping(void)
{
	notify_send("STOPPING=1\nSTATUS=stopping");
}
