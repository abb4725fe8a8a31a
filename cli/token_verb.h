/*
 * token_verb.h - the options of mote token, and its verbs for tokens that hold for a time.
 */
#ifndef CLI_TOKEN_VERB_H
#define CLI_TOKEN_VERB_H

#include "base/options.h"

struct token_options {
	const char *data_dir, *old_token, *new_token;
	const char *kubeconfig, *ttl, *description, *output;
	struct option_list groups, usages;
	const char **args;
	size_t arg_count;
	const char *prefix; /* "M10<hash>::" of this server, "" where its files cannot be read */
};

/* A new one, on standard output; no server knows it. */
MUST_CHECK bool token_generate(const struct token_options *options, struct error *err);
/* One for a time, made as a Secret of the cluster (server/bootstrap_token.h). */
MUST_CHECK bool token_create(const struct token_options *options, struct error *err);
MUST_CHECK bool token_list(const struct token_options *options, struct error *err);
/* Those whose id, or whole text, is an argument. */
MUST_CHECK bool token_delete(const struct token_options *options, struct error *err);

#endif
