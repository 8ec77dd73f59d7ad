/*
 * Changes, field by field, with what each does to traffic.
 */
#include "config.h"
#include "adminapi/doc/changes.h"

#include <stdio.h>
#include <string.h>
#include "adminapi/doc/plan_priv.h"
#include "adminapi/json/strict.h"

/* What a change does to traffic; field NULL: any other of the kind. */
static const struct effect {
	enum doc_kind	 kind;
	const char	*field, *words;
} effects[] = {
	{ DOC_SERVER, "address",
	  "new sessions go to the new address, running ones stay where they are" },
	{ DOC_SERVER, "weight", "holds for the next session" },
	{ DOC_SERVER, "priority", "holds for the next session" },
	{ DOC_SERVER, "admin_state", "holds for the next session, running ones go on" },
	{ DOC_SERVER, "id", "takes the place of the old server: running sessions finish on that" },
	{ DOC_SERVER, "comment", "none on traffic" },
	{ DOC_SERVER, "labels", "none on traffic" },
	{ DOC_SERVER, NULL, "holds for the next session" },
	{ DOC_FRONTEND, "bind", "listeners open and close, those that stay keep their sockets" },
	{ DOC_FRONTEND, "maxconn", "at once" },
	{ DOC_FRONTEND, "rules", "holds for the next request, in mode tcp for the next session" },
	{ DOC_BACKEND, "rules", "holds for the next request, in mode tcp for the next session" },
	{ DOC_FRONTEND, NULL, "holds for the next session" },
	{ DOC_BACKEND, NULL, "holds for the next session" },
	{ DOC_ADMIN, "listen", "admin listeners open and close" },
	{ DOC_DEFAULTS, NULL, "holds for the next session of all that inherit it" },
	{ DOC_PROFILE, NULL, "holds for the next session of all that inherit it" },
	{ DOC_MAP, "file", "its contents are read and take the place of those before, at once" },
	{ DOC_MAP, "entries", "take the place of those before, at once" },
	{ DOC_MAP, NULL, "none on traffic" },
	{ DOC_USERLIST, NULL, "holds for the next login of all that use it" },
	{ DOC_ERROR_PAGES, NULL, "holds for the next session of all that use it" },
	{ DOC_GLOBAL, NULL, "at once" },
	{ DOC_ADMIN, NULL, "at once" },
	{ DOC_CONFIG, NULL, "none on traffic" },
};

static const char *
effect_of(enum doc_kind kind, const char *field)
{
	for (size_t i = 0; i < sizeof(effects) / sizeof(effects[0]); i++)
		if (effects[i].kind == kind &&
		    (effects[i].field == NULL || strcmp(effects[i].field, field) == 0))
			return effects[i].words;
	return "";
}

static const char *
effect_of_whole(const struct plan_op *op)
{
	bool comes = op->from == NULL;

	switch (op->node->kind) {
	case DOC_SERVER:
		return comes ? "takes new sessions" : "takes no new session, running ones finish";
	case DOC_FRONTEND:
		return comes ? "begins to listen" : "stops listening, running sessions finish";
	case DOC_BACKEND:
		return comes ? "can be used by frontends" : "is no more";
	case DOC_MAP:
	case DOC_USERLIST:
	case DOC_ERROR_PAGES:
		return comes ? "can be used" : "is no more";
	case DOC_CONFIG:
	case DOC_GLOBAL:
	case DOC_ADMIN:
	case DOC_DEFAULTS:
	case DOC_PROFILE:
	case DOC_KINDS:
		break;
	}
	return "none on traffic";
}

struct writer {
	struct jsonw		*w;
	const struct plan_op	*op;
	const struct schema_node *def;
	bool			 full;
	uint32_t		 limit, count;
};

static void
write_value(struct writer *wr, const char *key, const struct schema_node *def, const cJSON *value)
{
	cJSON *shown = value == NULL || def == NULL ? NULL : schema_present(def, value);
	struct buf text = { 0 };

	if (shown == NULL) {
		if (value != NULL)
			wr->w->out->failed = true;
		return;
	}
	json_print(&text, shown);
	jsonw_raw(wr->w, key, (struct slice){ text.at, text.len });
	wr->w->out->failed |= text.failed;
	buf_fini(&text);
	cJSON_Delete(shown);
}

static void
write_change(struct writer *wr, const char *field, const struct schema_node *def,
	const cJSON *from, const cJSON *to)
{
	struct buf path = { 0 };

	if (wr->count++ >= wr->limit)
		return;
	doc_path(wr->op->node, &path);
	if (field != NULL)
		buf_printf(&path, "/%s", field);
	jsonw_object(wr->w, NULL);
	jsonw_string(wr->w, "op", from == NULL ? "add" : to == NULL ? "remove" : "replace");
	jsonw_slice(wr->w, "pointer", (struct slice){ path.failed ? "" : path.at, path.len });
	if (wr->full) {
		write_value(wr, "from", def, from);
		write_value(wr, "to", def, to);
		jsonw_string(wr->w, "effect",
			     field == NULL ? effect_of_whole(wr->op)
					   : effect_of(wr->op->node->kind,
						       strncmp(field, "rules/", 6) == 0 ? "rules"
											: field));
	}
	jsonw_end_object(wr->w);
	buf_fini(&path);
}

/* JSON pointers have "~0" and "~1" for "~" and "/" (RFC 6901). */
static void
pointer_put(struct buf *out, struct slice token)
{
	for (size_t i = 0; i < token.len; i++) {
		if (token.at[i] == '~' || token.at[i] == '/')
			buf_puts(out, token.at[i] == '~' ? "~0" : "~1");
		else
			buf_put(out, &token.at[i], 1);
	}
}

/* `edit` NULL: all entries of the map. */
static void
write_edit(struct writer *wr, const struct map_edits *edits, const struct map_edit *edit)
{
	bool is_gone = edit != NULL && edit->value.at == NULL;
	struct buf path = { 0 };

	if (wr->count++ >= wr->limit)
		return;
	doc_path(wr->op->node, &path);
	buf_puts(&path, "/entries");
	if (edit != NULL) {
		buf_puts(&path, "/");
		pointer_put(&path, edit->key);
	}
	jsonw_object(wr->w, NULL);
	jsonw_string(wr->w, "op", is_gone ? "remove" : edits->is_new ? "add" : "replace");
	jsonw_slice(wr->w, "pointer", (struct slice){ path.failed ? "" : path.at, path.len });
	if (wr->full) {
		if (edits->was != NULL)
			jsonw_string(wr->w, "from", edits->was);
		if (edit != NULL && !is_gone)
			jsonw_slice(wr->w, "to", edit->value);
		jsonw_string(wr->w, "effect", "at once");
	}
	jsonw_end_object(wr->w);
	buf_fini(&path);
}

static void
write_edits(struct writer *wr, const struct map_edits *edits)
{
	struct map_edit edit;
	size_t at = 0;

	if (edits->replaces)
		write_edit(wr, edits, NULL);
	else
		while (map_edits_next(edits, &at, &edit))
			write_edit(wr, edits, &edit);
}

/* Rule by rule; their order, where it is another, as one. False: they can't be told apart. */
static bool
write_rules(struct writer *wr, const struct schema_node *def, const cJSON *from, const cJSON *to)
{
	struct rule_changes changes;
	char field[DOC_NAME_MAX + 8];

	if (!rule_changes_init(&changes, from, to))
		return false;
	for (uint32_t i = 0; i < changes.count; i++) {
		const struct rule_change *change = &changes.at[i];

		snprintf(field, sizeof(field), "rules/%s", change->id);
		write_change(wr, field, schema_items(def), change->from, change->to);
	}
	if (changes.is_moved || changes.count == 0)	/* or [] for none */
		write_change(wr, "rules", def, from, to);
	rule_changes_fini(&changes);
	return true;
}

static void
write_field(struct writer *wr, const cJSON *from, const cJSON *to)
{
	const char *name = from != NULL ? from->string : to->string;
	const struct schema_node *def = schema_property(wr->def, name);

	if (strcmp(name, "rules") != 0 || !write_rules(wr, def, from, to))
		write_change(wr, name, def, from, to);
}

static void
write_fields(struct writer *wr, const cJSON *from, const cJSON *to)
{
	const cJSON *member;

	cJSON_ArrayForEach(member, from) {
		const cJSON *now = doc_field(to, member->string);

		if (now == NULL || !json_equals(member, now))
			write_field(wr, member, now);
	}
	cJSON_ArrayForEach(member, to)
		if (doc_field(from, member->string) == NULL)
			write_field(wr, NULL, member);
}

uint32_t
changes_write(struct jsonw *w, const char *key, const struct plan *plan, bool full, uint32_t limit)
{
	struct writer wr = { .w = w, .full = full, .limit = limit };

	jsonw_array(w, key);
	for (uint32_t i = 0; i < plan->count; i++) {
		const struct plan_op *op = plan->ops[i];

		wr.op = op;
		wr.def = plan->doc->defs[op->node->kind];
		if (op->edits != NULL)
			write_edits(&wr, op->edits);
		else if (op->is_remade)
			write_change(&wr, "entries", NULL, op->to->set, op->to->set);
		if (op->to == op->from)
			continue;
		if (op->from != NULL && op->to != NULL)
			write_fields(&wr, op->from->set, op->to->set);
		else
			write_change(&wr, NULL, wr.def, op->from ? op->from->set : NULL,
				op->to ? op->to->set : NULL);
	}
	jsonw_end_array(w);
	return wr.count;
}

enum err
changes_note(struct plan *plan)
{
	struct jsonw w;

	jsonw_init(&w, &plan->changes);
	plan->change_count = changes_write(&w, NULL, plan, false, CHANGES_MAX);
	return plan->changes.failed ? ERR_NOMEM : ERR_OK;
}
