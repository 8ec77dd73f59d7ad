/*
 * JSON Schema (2020-12), interpreted: one small validator for the file and for REST bodies alike.
 *
 * Compiled once from the embedded schemas; immutable afterwards; any thread. Keywords: type (one or
 * a list), enum, const, minimum, maximum, minLength, maxLength, pattern (PCRE2), properties,
 * patternProperties, additionalProperties (false or a schema), propertyNames, maxProperties, required,
 * items, minItems, maxItems, $ref ("#" or "#/$defs/..."), $defs, default, description, title, writeOnly,
 * readOnly, if/then on one const or enum as a discriminator (more cases: a chain of $refs); $schema, $id,
 * $comment; and our own x-unit ("duration", "size"), x-range [min, max] in ms or bytes, x-inherit
 * (true), x-mode ("http"), x-hint (words). Any other is refused at compile time.
 *
 * Beside a $ref, a node's own default, x-range, x-mode and flags hold. A pattern's errors say the title that
 * stands beside it. Fields with an x-unit have type ["string", "integer"] and a pattern, for other
 * validators; this one checks with duration_parse / size_parse, the pattern and the range.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <cjson/cJSON.h>
#include "adminapi/json/issues.h"
#include "core/diag.h"
#include "core/err.h"

struct schema;		/* a compiled schema file */
struct schema_node;	/* a schema within it */

enum schema_unit { UNIT_NONE, UNIT_DURATION, UNIT_SIZE };

/* ERR_INVALID with the place in `diag`. */
enum err schema_compile(struct schema **sp, const char *text, size_t len, struct diag *diag);
void schema_free(struct schema **sp);

/* $defs/<name>; NULL if there is none. */
const struct schema_node *schema_def(const struct schema *schema, const char *name);

/*
 * Validate; each violation is one issue below `at` (which is left as it was). An unknown field names
 * the nearest known one: "unknown field; did you mean \"weight\"?". A wrong value says what was seen
 * and what is expected: "must be 0 to 256, is 999"; "must be one of \"ready\", \"drain\", \"maint\",
 * is \"rady\"". What is readOnly is not looked at. True when there is none.
 */
bool schema_validate(const struct schema_node *node, const cJSON *value, struct pointer *at,
	struct issues *issues);

/* Properties, in the schema's order ($ref followed). */
uint32_t schema_property_count(const struct schema_node *object);
const char *schema_property_name(const struct schema_node *object, uint32_t index);
const struct schema_node *schema_property_at(const struct schema_node *object, uint32_t index);
const struct schema_node *schema_property(const struct schema_node *object, const char *name);

/* What each value of a map is (additionalProperties), each item of an array. NULL: nothing is said. */
const struct schema_node *schema_map_values(const struct schema_node *node);
const struct schema_node *schema_items(const struct schema_node *node);

const cJSON *schema_default(const struct schema_node *node);	/* NULL: none */
enum schema_unit schema_unit(const struct schema_node *node);
bool schema_is_object(const struct schema_node *node);		/* and nothing else; has properties */
bool schema_is_secret(const struct schema_node *node);		/* writeOnly */

/* readOnly: shown, ignored in a body ("status"). */
bool schema_is_readonly(const struct schema_node *node);

/* x-inherit: where it is not set, that of default_server, the profile or defaults holds. */
bool schema_is_inherited(const struct schema_node *node);

/* x-mode: the mode of a frontend or backend without which the field means nothing; NULL: any. */
const char *schema_mode(const struct schema_node *node);

/*
 * The value as it is answered: durations as canonical strings ("2s"), sizes as they came; a secret
 * as {"set": true, "sha256": "<12 hex>"}, at any depth. A fresh tree (cJSON_Delete); NULL: no memory.
 */
cJSON *schema_present(const struct schema_node *node, const cJSON *value);

/*
 * In `body` (not yet validated), a secret given as {"set": true, "sha256": ...} means unchanged: it is
 * replaced by the one in the same place of `old` (NULL: none), in arrays by the one of the same index;
 * one that matches nothing there is an issue and ERR_INVALID. ERR_NOMEM.
 */
enum err schema_restore_secrets(const struct schema_node *node, cJSON *body, const cJSON *old,
	struct pointer *at, struct issues *issues);
