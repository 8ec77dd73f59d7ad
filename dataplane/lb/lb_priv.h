/*
 * What an algorithm is to the rest of lb/.
 */
#pragma once

#include "lb/lb.h"

struct lb_ops {
	const char	*name;		/* the value of "balance" */
	enum err       (*new)(struct lb **lbp);		/* embeds struct lb, zeroed */
	void	       (*free)(struct lb *lb);

	/* `weight` differs from node->weight; the algorithm stores it there */
	void	       (*set_weight)(struct lb *lb, struct lb_node *node, uint16_t weight);
	struct lb_node *(*pick)(struct lb *lb, uint32_t key, lb_accept_fn *accept, void *arg);
	struct lb_node *(*any)(const struct lb *lb);	/* some node that is in; NULL: empty */
};

struct lb {
	const struct lb_ops	*ops;
	uint32_t		 count;		/* nodes with a weight above 0 */
	uint32_t		 worker;
	uint32_t		 workers;
};

extern const struct lb_ops roundrobin_ops;
