/*
 * list.h - intrusive doubly linked list.  A link is embedded in its owner; the list owns nothing.
 */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/memory.h"

struct list {
	struct list *next;
	struct list *prev;
};

#define LIST_INIT(name)                                                                            \
	{                                                                                          \
		&(name), &(name)                                                                   \
	}

static inline void list_init(struct list *head)
{
	head->next = head;
	head->prev = head;
}
static inline bool list_is_empty(const struct list *head)
{
	return head->next == head;
}
static inline void list_add(struct list *head, struct list *link) /* at the end */
{
	link->prev = head->prev;
	link->next = head;
	head->prev->next = link;
	head->prev = link;
}
static inline void list_add_front(struct list *head, struct list *link)
{
	list_add(head->next, link);
}
/* Take out; the link points to itself after, so that a second remove is harmless. */
static inline void list_remove(struct list *link)
{
	link->prev->next = link->next;
	link->next->prev = link->prev;
	list_init(link);
}

#define LIST_OWNER(link, type, member) CONTAINER_OF(link, type, member)
#define LIST_EACH(head, link)                                                                      \
	for (struct list *link = (head)->next; link != (head); link = link->next)
/* Safe when the body removes `link`. */
#define LIST_EACH_SAFE(head, link)                                                                 \
	for (struct list *link = (head)->next, *link##_next = link->next; link != (head);          \
	     link = link##_next, link##_next = link->next)

#endif
