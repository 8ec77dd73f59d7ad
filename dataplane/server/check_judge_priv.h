/*
 * What the files that judge answers share.
 */
#pragma once

#include "server/check_conf.h"
