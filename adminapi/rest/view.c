/*
 * Resources as JSON. What holds comes from the same chain that the data plane's settings come from.
 * Control thread.
 */
#include "config.h"
#include "adminapi/rest/view.h"

#include <stdio.h>
#include <string.h>
#include "adminapi/doc/holds.h"
#include "adminapi/json/strict.h"
#include "adminapi/rest/rules.h"
#include "adminapi/rest/status.h"

const char *
view_etag(char buf[VIEW_ETAG_BYTES], uint64_t revision, enum view view)
{
	snprintf(buf, VIEW_ETAG_BYTES, "%s\"%llu\"", view == VIEW_PLAIN ? "W/" : "",
		(unsigned long long)revision);
	return buf;
}

void
view_write_value(struct jsonw *w, const char *key, const struct schema_node *def,
	const cJSON *value)
{
	cJSON *shown = schema_present(def, value);
	struct buf text = { 0 };

	if (shown == NULL) {
		w->out->failed = true;
		return;
	}
	json_print(&text, shown);
	if (text.failed)
		w->out->failed = true;
	else
		jsonw_raw(w, key, (struct slice){ text.at, text.len });
	buf_fini(&text);
	cJSON_Delete(shown);
}

static bool
is_child(enum doc_kind kind, const char *member)
{
	for (const enum doc_kind *child = doc_child_kinds(kind); *child != DOC_KINDS; child++)
		if (strcmp(doc_kind_info(*child)->member, member) == 0)
			return true;
	return false;
}

/* Are its members inherited one by one? Else the nearest one holds as a whole: "check". */
static bool
holds_by_members(const struct schema_node *def)
{
	if (!schema_is_object(def) || !schema_is_inherited(def))
		return false;
	for (uint32_t i = 0; i < schema_property_count(def); i++)
		if (schema_is_inherited(schema_property_at(def, i)))
			return true;
	return false;
}

/* Is anything set in it or built in? */
static bool
object_holds(const struct chain *chain, const char *field, const struct schema_node *def)
{
	if (chain_value(chain, field, NULL) != NULL)
		return true;
	for (uint32_t i = 0; i < schema_property_count(def); i++)
		if (chain_value(chain, field, schema_property_name(def, i)) != NULL)
			return true;
	return false;
}

/* An object whose members are inherited one by one: "timeout", "default_server". */
static void
write_object_that_holds(struct jsonw *w, const struct chain *chain, const char *field,
	const struct schema_node *def)
{
	jsonw_object(w, field);
	for (uint32_t i = 0; i < schema_property_count(def); i++) {
		const char *sub = schema_property_name(def, i);
		const cJSON *value = chain_value(chain, field, sub);

		if (value != NULL)
			view_write_value(w, sub, schema_property_at(def, i), value);
	}
	jsonw_end_object(w);
}

/* A map whose members are inherited one by one, where any set has it: "errorfiles". */
static void
write_map_that_holds(struct jsonw *w, const struct chain *chain, const char *field,
	const struct schema_node *def)
{
	const cJSON *item;

	if (chain_value(chain, field, NULL) == NULL)
		return;
	jsonw_object(w, field);
	for (uint32_t level = 0; level < chain->count; level++)
		cJSON_ArrayForEach(item, chain_map(chain, level, field))
			if (chain_map_holds(chain, level, field, item->string))
				view_write_value(w, item->string, schema_map_values(def), item);
	jsonw_end_object(w);
}

static void
write_field_that_holds(struct jsonw *w, const struct chain *chain, const char *field,
	const struct schema_node *def)
{
	const cJSON *value;

	if (holds_by_members(def)) {
		if (object_holds(chain, field, def))
			write_object_that_holds(w, chain, field, def);
		return;
	}
	if (schema_map_values(def) != NULL && schema_is_inherited(def)) {
		write_map_that_holds(w, chain, field, def);
		return;
	}
	value = chain_value(chain, field, NULL);
	if (value != NULL && strcmp(field, "rules") == 0)
		rules_write(w, chain->doc, chain->node, value);
	else if (value != NULL)
		view_write_value(w, field, def, value);
}

/* "backup" is another way to read "priority". */
static void
write_backup(struct jsonw *w, const struct chain *chain)
{
	const cJSON *priority = chain_value(chain, "priority", NULL);

	jsonw_bool(w, "backup", cJSON_IsNumber(priority) && priority->valuedouble > 0);
}

/* "disabled" is another way to read "admin_state". */
static void
write_disabled(struct jsonw *w, const struct chain *chain)
{
	const cJSON *state = chain_value(chain, "admin_state", NULL);

	jsonw_bool(w, "disabled", cJSON_IsString(state) &&
		   strcmp(state->valuestring, "maint") == 0);
}

static void
view_write_plain(struct jsonw *w, const struct doc *doc, const struct doc_node *node)
{
	const struct schema_node *def = doc->defs[node->kind];
	struct chain chain;

	chain_init(&chain, doc, node, DOC_LIVE, NULL, NULL);
	if (doc_kind_info(node->kind)->is_collection)
		jsonw_string(w, "name", node->name);
	for (uint32_t i = 0; i < schema_property_count(def); i++) {
		const char *field = schema_property_name(def, i);
		const struct schema_node *field_def = schema_property_at(def, i);

		if (is_child(node->kind, field) || strcmp(field, "name") == 0 ||
		    schema_is_readonly(field_def))
			continue;
		if (node->kind == DOC_SERVER && strcmp(field, "backup") == 0)
			write_backup(w, &chain);
		else if (node->kind == DOC_SERVER && strcmp(field, "disabled") == 0)
			write_disabled(w, &chain);
		else
			write_field_that_holds(w, &chain, field, field_def);
	}
	status_write(w, doc, node);
}

static void
view_write_config(struct jsonw *w, const struct doc *doc, const struct doc_node *node)
{
	const struct schema_node *def = doc->defs[node->kind];
	const cJSON *member;

	cJSON_ArrayForEach(member, node->live->set)
		view_write_value(w, member->string, schema_property(def, member->string), member);
}

void
view_write(struct jsonw *w, const struct doc *doc, const struct doc_node *node, enum view view)
{
	if (view == VIEW_CONFIG)
		view_write_config(w, doc, node);
	else
		view_write_plain(w, doc, node);
}
