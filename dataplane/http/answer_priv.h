/*
 * Making an answer of its parts, for answers that are given and for those that are read.
 */
#pragma once

#include "http/answer.h"

/*
 * Status line, Content-Length where one belongs, `fields` (whole lines) and the body, left out
 * where the status has none. ERR_NOMEM.
 */
enum err answer_build(struct http_answer **ap, uint16_t status, struct slice reason,
	struct slice fields, struct slice body);
