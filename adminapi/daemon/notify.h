/*
 * Telling the service manager (systemd's notify protocol); nothing happens without one.
 */
#pragma once

#include <stdbool.h>

void notify_ready(void);
void notify_reloading(void);
void notify_reloaded(bool ok);
void notify_stopping(void);
