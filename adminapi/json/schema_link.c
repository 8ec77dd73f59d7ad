/*
 * $ref: finding what it names, and what a node takes over from there.
 *
 * Only "#" and "#/$defs/NAME". A node that says something itself keeps its own word; a chain of
 * $refs that comes back to itself is refused. At the start of the program.
 */
#include "config.h"
#include "adminapi/json/schema_priv.h"

static struct schema_node *
ref_target(struct schema *schema, const char *text)
{
	static const char prefix[] = "#/$defs/";
	uint32_t i;

	if (strcmp(text, "#") == 0)
		return schema->root;
	if (strncmp(text, prefix, sizeof(prefix) - 1) != 0)
		return NULL;
	for (i = 0; i < schema->def_count; i++) {
		if (strcmp(schema->defs[i].name, text + sizeof(prefix) - 1) == 0)
			return schema->defs[i].node;
	}
	return NULL;
}

static enum err
refs_resolve(struct schema *schema, struct diag *diag)
{
	struct schema_node *node;

	for (node = schema->nodes; node != NULL; node = node->next) {
		if (node->ref_text == NULL)
			continue;
		node->ref = ref_target(schema, node->ref_text);
		if (node->ref == NULL) {
			diag_set(diag, "$ref \"%s\" names nothing", node->ref_text);
			return ERR_INVALID;
		}
	}
	return ERR_OK;
}

/* Two walkers, one twice as fast: in a ring they meet. */
static enum err
refs_check_rings(const struct schema *schema, struct diag *diag)
{
	const struct schema_node *node, *slow, *fast;

	for (node = schema->nodes; node != NULL; node = node->next) {
		slow = fast = node;
		while (fast != NULL && fast->ref != NULL) {
			slow = slow->ref;
			fast = fast->ref->ref;
			if (slow != fast)
				continue;
			diag_set(diag, "$ref \"%s\" comes back to itself", node->ref_text);
			return ERR_INVALID;
		}
	}
	return ERR_OK;
}

static void
node_take_over(struct schema_node *node, const struct schema_node *from)
{
	if (node->fallback == NULL)
		node->fallback = from->fallback;
	if (node->unit == UNIT_NONE && from->unit != UNIT_NONE) {
		node->unit = from->unit;
		if (!node->has_range) {
			node->range_min = from->range_min;
			node->range_max = from->range_max;
		}
	}
	if (node->unit_pattern == NULL)
		node->unit_pattern = from->unit_pattern;
	node->is_secret |= from->is_secret;
	node->is_readonly |= from->is_readonly;
	node->is_inherited |= from->is_inherited;
	if (node->mode == NULL)
		node->mode = from->mode;
}

/* The end of the chain first, so that each takes over from one that is whole. */
static void
node_link(struct schema_node *node)
{
	if (node->is_linked)
		return;
	node->is_linked = true;
	if (node->pattern.code != NULL)
		node->unit_pattern = &node->pattern;
	if (node->ref == NULL)
		return;
	node_link(node->ref);
	node_take_over(node, node->ref);
}

/* What a hint may name: "status" would help nobody. */
static void
node_list_names(struct schema_node *node)
{
	uint32_t i;

	for (i = 0; i < node->property_count; i++) {
		if (!node->properties[i].node->is_readonly)
			node->names[node->name_count++] = node->properties[i].name;
	}
}

enum err
schema_link(struct schema *schema, struct diag *diag)
{
	struct schema_node *node;
	enum err err = refs_resolve(schema, diag);

	if (err == ERR_OK)
		err = refs_check_rings(schema, diag);
	if (err != ERR_OK)
		return err;
	for (node = schema->nodes; node != NULL; node = node->next)
		node_link(node);
	for (node = schema->nodes; node != NULL; node = node->next)
		node_list_names(node);
	return ERR_OK;
}
