/*
 * One call to libsystemd, or to nothing where the build is without it.
 */
#pragma once

#ifdef HAVE_SYSTEMD
#include <systemd/sd-daemon.h>
#define notify_send(text) ((void)sd_notify(0, (text)))
#else
#define notify_send(text) ((void)(text))
#endif
