/*
 * Rules as JSON: what is set, and how often each applied. Control thread.
 *
 * A rule's own "status" (of return and set-status) is shown as "code" beside its hits; plan_rules.c
 * takes that back.
 */
#include "config.h"
#include "adminapi/rest/rules.h"

#include <string.h>
#include "adminapi/apply/prepare.h"
#include "adminapi/json/strict.h"
#include "adminapi/rest/resources.h"
#include "rules/rules.h"

/* A walk over a list, with the rules that were made of it beside. */
struct walk {
	const struct schema_node *def; /* of a rule */
	const struct rules *rules;     /* what runs; NULL: none */
	uint32_t hint;                 /* where the next one is looked for first */
	enum view view;
};

static struct walk
walk_init(const struct doc *doc, const struct doc_node *node, enum view view)
{
	const struct schema_node *list = schema_property(doc->defs[node->kind], "rules");

	return (struct walk){ schema_items(list), published_rules(node), 0, view };
}

/* They stand phase by phase, mostly in the list's order. */
static const struct rule *
walk_find(struct walk *walk, const char *id)
{
	uint32_t count = walk->rules == NULL ? 0 : walk->rules->count;

	for (uint32_t i = 0; id != NULL && i < count; i++) {
		uint32_t at = (walk->hint + i) % count;
		const struct rule *rule = &walk->rules->rules[at];

		if (strcmp(rule->id, id) != 0)
			continue;
		walk->hint = at + 1;
		return rule;
	}
	return NULL;
}

static void
status_write(struct jsonw *w, const struct rule *rule, const cJSON *code)
{
	struct rule_hits hits = { 0 };

	if (rule != NULL && rule->stats != NULL)
		rule_stats_read(rule->stats, &hits);
	jsonw_object(w, "status");
	if (cJSON_IsNumber(code))
		jsonw_uint(w, "code", (uint64_t)code->valuedouble);
	jsonw_uint(w, "hits", hits.hits);
	if (hits.last_us != 0)
		jsonw_time(w, "last_hit", hits.last_us);
	else
		jsonw_string(w, "last_hit", NULL);
	jsonw_end_object(w);
}

static void
rule_write(struct jsonw *w, struct walk *walk, const cJSON *set)
{
	const char *id = cJSON_GetStringValue(doc_field(set, "id"));
	const struct rule *rule = walk_find(walk, id);
	const cJSON *member;

	cJSON_ArrayForEach(member, set) {
		if (walk->view == VIEW_PLAIN && strcmp(member->string, "status") == 0)
			continue;
		view_write_value(w, member->string, schema_property(walk->def, member->string),
				 member);
	}
	if (walk->view == VIEW_CONFIG)
		return;
	if (rule != NULL && doc_field(set, "phase") == NULL)
		jsonw_string(w, "phase", rule_phase_word(rule->phase));
	status_write(w, rule, doc_field(set, "status"));
}

void
rules_write(struct jsonw *w, const struct doc *doc, const struct doc_node *node, const cJSON *list)
{
	struct walk walk = walk_init(doc, node, VIEW_PLAIN);
	const cJSON *rule;

	jsonw_array(w, "rules");
	cJSON_ArrayForEach(rule, list) {
		jsonw_object(w, NULL);
		rule_write(w, &walk, rule);
		jsonw_end_object(w);
	}
	jsonw_end_array(w);
}

/* -- pages -- */

struct page {
	uint32_t limit;     /* 0: all */
	const char *cursor; /* behind this id; NULL: from the front */
	const char *last;   /* the last one that is shown; NULL: no more follow */
};

static void
list_write(struct jsonw *w, struct walk *walk, const cJSON *list, struct page *page)
{
	bool begun = page->cursor == NULL;
	uint32_t count = 0;
	const char *last = NULL;
	const cJSON *rule;

	cJSON_ArrayForEach(rule, list) {
		const char *id = cJSON_GetStringValue(doc_field(rule, "id"));

		if (id == NULL)
			continue;
		if (!begun) {
			begun = strcmp(id, page->cursor) == 0;
			continue;
		}
		if (page->limit != 0 && count++ == page->limit) {
			page->last = last;
			return;
		}
		jsonw_object(w, id);
		rule_write(w, walk, rule);
		jsonw_end_object(w);
		last = id;
	}
}

static void
link_write(struct buf *out, const struct call *call, const struct page *page)
{
	const char *view = call_param(call, "view");

	if (page->last == NULL)
		return;
	buf_puts(out, "<");
	for (uint32_t i = 0; i < call->segment_count; i++)
		buf_printf(out, "/%s", call->segments[i]);
	buf_printf(out, "?%s%s%slimit=%u&cursor=%s>; rel=\"next\"",
		   view == NULL ? "" : "view=", view == NULL ? "" : view, view == NULL ? "" : "&",
		   (unsigned)page->limit, page->last);
	buf_put(out, "", 1);
}

static void
answer_write(struct call *call, const struct doc *doc, const struct doc_node *node, const char *id,
	     enum view view, struct page *page, const struct answer *head)
{
	struct walk walk = walk_init(doc, node, view);
	char etag[VIEW_ETAG_BYTES];
	struct answer answer = *head;
	struct buf link = { 0 };
	struct jsonw w;

	jsonw_init(&w, &answer.body);
	jsonw_object(&w, NULL);
	if (id != NULL) {
		rule_write(&w, &walk, rules_find(node->live->set, id, NULL));
	} else {
		list_write(&w, &walk, doc_field(node->live->set, "rules"), page);
		link_write(&link, call, page);
	}
	jsonw_end_object(&w);
	buf_puts(&answer.body, "\n");
	view_etag(etag, node->live_revision, view);
	answer.etag = etag;
	answer.link = link.len > 0 && !link.failed ? link.at : NULL;
	call_answer(call, &answer);
	buf_fini(&link);
}

void
rules_answer(struct call *call, const struct doc *doc, const struct doc_node *node, const char *id,
	     enum view view, const struct answer *head)
{
	struct page page = { 0 };

	answer_write(call, doc, node, id, view, &page, head);
}

void
rules_get(struct call *call)
{
	struct target target = target_of(call);
	const struct answer head = { .status = 200 };
	struct page page = { .cursor = call_param(call, "cursor") };
	struct doc_node *node;
	enum view view;

	if (!param_view(call, &view) || !param_uint(call, "limit", 100000, &page.limit))
		return;
	node = target_find(call, &target);
	if (node == NULL)
		return;
	if (target.rule != NULL && rules_find(node->live->set, target.rule, NULL) == NULL)
		call_problem(call, 404, NULL, "%s \"%s\" has no rule \"%s\"",
			     doc_kind_info(node->kind)->word, node->name, target.rule);
	else if (page.cursor != NULL && rules_find(node->live->set, page.cursor, NULL) == NULL)
		call_problem(call, 400, NULL, "query parameter \"cursor\" must be a rule's id");
	else
		answer_write(call, rest_doc(), node, target.rule, view, &page, &head);
}
