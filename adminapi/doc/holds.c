/*
 * Inheritance: the chain of sets behind a resource. Any thread, by the view's rules.
 */
#include "config.h"
#include "adminapi/doc/holds.h"

#include <assert.h>
#include <string.h>
#include "adminapi/json/issues.h"

static void
chain_add(struct chain *chain, const cJSON *set)
{
	if (set == NULL || !cJSON_IsObject(set))
		return;
	assert(chain->count < CHAIN_MAX);
	chain->sets[chain->count++] = set;
}

static const cJSON *
set_of(const struct doc_node *node, enum doc_view view)
{
	const struct doc_version *version = node == NULL ? NULL : doc_version_in(node, view);

	return version == NULL ? NULL : version->set;
}

/* The profile or the defaults behind a frontend's or backend's own set. */
static const cJSON *
base_of(const struct doc *doc, const cJSON *own, enum doc_view view, chain_find_fn *find,
	void *arg)
{
	const cJSON *from = own == NULL ? NULL : doc_field(own, "from");
	const struct doc_node *profile;

	if (!cJSON_IsString(from))
		return set_of(doc->singles[DOC_DEFAULTS], view);
	profile = find != NULL ? find(arg, DOC_PROFILE, from->valuestring)
			       : doc_child(doc->root, DOC_PROFILE, from->valuestring);
	return set_of(profile, view);
}

/* The mode of a frontend or backend, from what was set. */
static const char *
chain_find_mode(const struct doc *doc, enum doc_kind kind, const cJSON *own, const cJSON *base)
{
	const cJSON *mode = own == NULL ? NULL : doc_field(own, "mode");

	if (mode == NULL && base != NULL)
		mode = doc_field(base, "mode");
	if (mode == NULL)
		mode = schema_default(schema_property(doc->defs[kind], "mode"));
	return cJSON_IsString(mode) ? mode->valuestring : NULL;
}

void
chain_init(struct chain *chain, const struct doc *doc, const struct doc_node *node,
	enum doc_view view, chain_find_fn *find, void *arg)
{
	const cJSON *own = set_of(node, view);
	const cJSON *base;

	*chain = (struct chain){ .def = doc->defs[node->kind], .doc = doc, .node = node,
		.view = view, .find = find, .find_arg = arg };
	chain_add(chain, own);
	if (node->kind == DOC_FRONTEND || node->kind == DOC_BACKEND) {
		base = base_of(doc, own, view, find, arg);
		chain->mode = chain_find_mode(doc, node->kind, own, base);
		chain_add(chain, base);
	}
	if (node->kind != DOC_SERVER)
		return;
	own = set_of(node->parent, view);
	if (own != NULL)
		chain_add(chain, doc_field(own, "default_server"));
	base = base_of(doc, own, view, find, arg);
	chain->mode = chain_find_mode(doc, DOC_BACKEND, own, base);
	if (base != NULL)
		chain_add(chain, doc_field(base, "default_server"));
}

struct doc_node *
chain_find(const struct chain *chain, enum doc_kind kind, const char *name)
{
	if (chain->find != NULL)
		return chain->find(chain->find_arg, kind, name);
	return doc_child(chain->doc->root, kind, name);
}

/* Within an object each member says for itself: a note beside timeouts is not. */
static bool
is_inherited(const struct chain *chain, const char *field, const char *sub)
{
	const struct schema_node *node = schema_property(chain->def, field);

	if (node == NULL || !schema_is_inherited(node))
		return false;
	if (sub != NULL)
		node = schema_property(node, sub);
	return node != NULL && schema_is_inherited(node);
}

static const cJSON *
value_in(const cJSON *set, const char *field, const char *sub)
{
	const cJSON *value = doc_field(set, field);

	return value != NULL && sub != NULL ? doc_field(value, sub) : value;
}

static const cJSON *
chain_set_value(const struct chain *chain, const char *field, const char *sub)
{
	uint32_t count = is_inherited(chain, field, sub) ? chain->count : (chain->count > 0);

	for (uint32_t i = 0; i < count; i++) {
		const cJSON *value = value_in(chain->sets[i], field, sub);

		if (value != NULL)
			return value;
	}
	return NULL;
}

/* A backend's queue waits as long as a connect where nothing is said (HAProxy manual, "timeout queue"). */
static const char *
stand_in(const struct chain *chain, const char *field, const char *sub)
{
	if (chain->node->kind != DOC_BACKEND || sub == NULL || strcmp(field, "timeout") != 0 ||
	    strcmp(sub, "queue") != 0)
		return NULL;
	return "connect";
}

/*
 * A frontend's tarpit lasts as long as a connect where nothing is said (HAProxy manual, "timeout tarpit"): that of what
 * it inherits from, for it has none of its own.
 */
static const cJSON *
tarpit_value(const struct chain *chain)
{
	const struct schema_node *times = schema_property(chain->doc->defs[DOC_BACKEND],
		"timeout");
	const cJSON *value;

	for (uint32_t i = 1; i < chain->count; i++)
		if ((value = value_in(chain->sets[i], "timeout", "connect")) != NULL)
			return value;
	return schema_default(schema_property(times, "connect"));
}

static bool
is_tarpit(const struct chain *chain, const char *field, const char *sub)
{
	return chain->node->kind == DOC_FRONTEND && sub != NULL && strcmp(field, "timeout") == 0 &&
	    strcmp(sub, "tarpit") == 0;
}

/*
 * In mode tcp bytes go both ways from the beginning: there a tunnel's time is an exception that somebody
 * asks for, while an upgraded connection of mode http needs one.
 */
static bool
has_default(const struct chain *chain, const char *field, const char *sub)
{
	if (chain->node->kind != DOC_BACKEND || sub == NULL || strcmp(field, "timeout") != 0 ||
	    strcmp(sub, "tunnel") != 0)
		return true;
	return chain->mode != NULL && strcmp(chain->mode, "http") == 0;
}

bool
chain_has_field(const struct chain *chain, const struct schema_node *field)
{
	const char *mode = schema_mode(field);

	return mode == NULL || chain->mode == NULL || strcmp(mode, chain->mode) == 0;
}

/* The schema of the field, or of its part; NULL: there is none, or it means nothing here. */
static const struct schema_node *
chain_field(const struct chain *chain, const char *field, const char *sub)
{
	const struct schema_node *node = schema_property(chain->def, field);

	if (node != NULL && sub != NULL && chain_has_field(chain, node))
		node = schema_property(node, sub);
	return node != NULL && chain_has_field(chain, node) ? node : NULL;
}

const cJSON *
chain_value(const struct chain *chain, const char *field, const char *sub)
{
	const struct schema_node *node = chain_field(chain, field, sub);
	const cJSON *value = node == NULL ? NULL : chain_set_value(chain, field, sub);

	if (node == NULL || value != NULL)
		return value;
	if (stand_in(chain, field, sub) != NULL)
		return chain_value(chain, field, stand_in(chain, field, sub));
	if (is_tarpit(chain, field, sub))
		return tarpit_value(chain);
	return has_default(chain, field, sub) ? schema_default(node) : NULL;
}

const cJSON *
chain_map(const struct chain *chain, uint32_t level, const char *field)
{
	const cJSON *map;

	if (chain_field(chain, field, NULL) == NULL ||
	    (level > 0 && !is_inherited(chain, field, NULL)))
		return NULL;
	map = doc_field(chain->sets[level], field);
	return cJSON_IsObject(map) ? map : NULL;
}

static bool
map_has(const struct chain *chain, uint32_t level, const char *field, const char *key)
{
	const cJSON *map = chain_map(chain, level, field);

	return map != NULL && doc_field(map, key) != NULL;
}

/* The other map that says the same; NULL: none. */
static const char *
map_rival(const char *field)
{
	if (strcmp(field, "errorfiles") == 0)
		return "http_errors";
	return strcmp(field, "http_errors") == 0 ? "errorfiles" : NULL;
}

bool
chain_map_holds(const struct chain *chain, uint32_t level, const char *field, const char *key)
{
	const char *rival = map_rival(field);

	for (uint32_t i = 0; i < level; i++)
		if (map_has(chain, i, field, key) ||
		    (rival != NULL && map_has(chain, i, rival, key)))
			return false;
	return map_has(chain, level, field, key);
}

void
chain_note_use(const struct chain *chain, enum doc_kind kind, const char *name, const char *parent,
	struct pointer *at)
{
	if (chain->uses != NULL)
		doc_uses_add(chain->uses, kind, name, parent, pointer_text(at) + chain->at_len);
}

bool
chain_is_set(const struct chain *chain, const char *field, const char *sub)
{
	return chain_set_value(chain, field, sub) != NULL;
}

bool
chain_is_own(const struct chain *chain, const char *field)
{
	return chain->count > 0 && doc_field(chain->sets[0], field) != NULL;
}
