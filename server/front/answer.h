/*
 * answer.h - the last stop: hands the request to what can answer it.
 */
#ifndef SERVER_FRONT_ANSWER_H
#define SERVER_FRONT_ANSWER_H

#include "server/road.h"

enum step answer_pass(struct request *req, struct error *err);

#endif
