/*
 * The front of the vtable: what is the same for every algorithm.
 *
 * The set's own thread.
 */
#include "config.h"
#include "lb/lb.h"
#include <assert.h>
#include <stddef.h>
#include <string.h>
#include "lb/lb_priv.h"

static const struct lb_ops *const lb_algorithms[] = {
	&roundrobin_ops,
};

enum err
lb_new(struct lb **lbp, const char *algorithm, uint32_t worker, uint32_t workers)
{
	const struct lb_ops *ops = NULL;
	enum err e;

	assert(worker < workers);
	for (size_t i = 0; i < sizeof(lb_algorithms) / sizeof(lb_algorithms[0]); i++)
		if (strcmp(lb_algorithms[i]->name, algorithm) == 0)
			ops = lb_algorithms[i];
	if (ops == NULL)
		return ERR_UNKNOWN;
	e = ops->new(lbp);
	if (e != ERR_OK)
		return e;
	(*lbp)->ops = ops;
	(*lbp)->worker = worker;
	(*lbp)->workers = workers;
	return ERR_OK;
}

void
lb_free(struct lb **lbp)
{
	if (*lbp != NULL)
		(*lbp)->ops->free(*lbp);
	*lbp = NULL;
}

void
lb_node_init(struct lb_node *node, uint32_t id)
{
	memset(node, 0, sizeof(*node));
	node->id = id;
}

void
lb_set_weight(struct lb *lb, struct lb_node *node, uint16_t weight)
{
	assert(weight <= LB_WEIGHT_MAX);
	if (weight == node->weight)
		return;
	if (node->weight == 0)
		lb->count++;
	else if (weight == 0)
		lb->count--;
	lb->ops->set_weight(lb, node, weight);
}

struct lb_node *
lb_pick(struct lb *lb, uint32_t key, lb_accept_fn *accept, void *arg)
{
	if (lb->count == 0)
		return NULL;
	return lb->ops->pick(lb, key, accept, arg);
}

uint32_t
lb_count(const struct lb *lb)
{
	return lb->count;
}

void
lb_move_all(struct lb *to, struct lb *from)
{
	struct lb_node *node;

	while ((node = from->ops->any(from)) != NULL) {
		uint16_t weight = node->weight;

		lb_set_weight(from, node, 0);
		lb_set_weight(to, node, weight);
	}
}
