/*
 * /v1/maps/M/entries[/KEY]: a map's entries, one at a time, several, or all at once. Control thread.
 */
#pragma once

#include "adminapi/http/call.h"

void map_entries_get(struct call *call);
void map_entries_put(struct call *call);
void map_entries_patch(struct call *call);
void map_entries_post(struct call *call);
void map_entry_get(struct call *call);
void map_entry_put(struct call *call);
void map_entry_patch(struct call *call);
void map_entry_delete(struct call *call);
