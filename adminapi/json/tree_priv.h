/*
 * Changing a tree of cJSON in place, as cJSON's own functions do not.
 */
#pragma once

#include <cjson/cJSON.h>

/* `item` becomes what `value` was and keeps its name, its place and its address; `value` is freed. */
void tree_assign(cJSON *item, cJSON *value);
