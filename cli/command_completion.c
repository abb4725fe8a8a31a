/*
 * command_completion.c - mote completion: scripts that complete command lines in a shell.
 *
 * The scripts know nothing: they ask `mote ... --help`, which is printed from the rows of options
 * and verbs, so there is no second list.
 */
#include <stdio.h>
#include <string.h>

#include "cli/command_line.h"

struct options {
	bool unused;
};

/* Words of the help: verbs and commands stand behind two blanks, flags after them. */
static const char words_script[] =
	"_mote_words() {\n"
	"\t\"$@\" --help 2>/dev/null </dev/null | sed -n \\\n"
	"\t\t-e 's/^  \\([a-z][a-z0-9-]*\\)  .*/\\1/p' \\\n"
	"\t\t-e 's/^  \\(-[a-z], \\)\\{0,1\\}\\(--[a-z0-9-]*\\).*/\\2/p'\n"
	"}\n";

static const char bash_script[] =
	"_mote() {\n"
	"\tlocal word=${COMP_WORDS[COMP_CWORD]} at=1\n"
	"\tlocal -a line=(\"${COMP_WORDS[0]}\")\n"
	"\twhile [ \"$at\" -lt \"$COMP_CWORD\" ]; do\n"
	"\t\tcase ${COMP_WORDS[at]} in -*) break ;; esac\n"
	"\t\tline+=(\"${COMP_WORDS[at]}\")\n"
	"\t\tat=$((at + 1))\n"
	"\tdone\n"
	"\tCOMPREPLY=($(compgen -W \"$(_mote_words \"${line[@]}\")\" -- \"$word\"))\n"
	"\t[ \"${#COMPREPLY[@]}\" -gt 0 ] || COMPREPLY=($(compgen -f -- \"$word\"))\n"
	"}\n"
	"complete -F _mote mote\n";

static const char zsh_script[] = "#compdef mote\n"
				 "_mote() {\n"
				 "\tlocal -a line found\n"
				 "\tlocal at=2\n"
				 "\tline=(\"${words[1]}\")\n"
				 "\twhile (( at < CURRENT )); do\n"
				 "\t\t[[ ${words[at]} == -* ]] && break\n"
				 "\t\tline+=(\"${words[at]}\")\n"
				 "\t\t(( at++ ))\n"
				 "\tdone\n"
				 "\tfound=(${(f)\"$(_mote_words \"${line[@]}\")\"})\n"
				 "\tcompadd -a found || _files\n"
				 "}\n"
				 "compdef _mote mote\n";

static int run(int argc, char **argv)
{
	static const struct option_row rows[] = { { 0 } };
	static const struct option_set set = {
		.usage = "mote completion bash|zsh",
		.about = "Prints a script that completes command lines.  In ~/.bashrc: "
			 "source <(mote completion bash)",
		.rows = rows,
		.args_max = 1,
	};
	auto_arena arena = arena_new();
	struct options options = { 0 };
	struct command_line line = { .set = &set, .arena = arena, .target = &options };
	const char *shell;
	struct error err;

	if (!command_line_read(&line, argc, argv))
		return line.status;
	shell = line.result.arg_count > 0 ? line.result.args[0] : "";
	if (strcmp(shell, "bash") == 0) {
		printf("%s%s", words_script, bash_script);
		return 0;
	}
	if (strcmp(shell, "zsh") == 0) {
		printf("%s%s", words_script, zsh_script);
		return 0;
	}
	error_set(&err, ERROR_INVALID, "say for which shell: mote completion bash, or zsh");
	command_fail(&err);
	return 2;
}

const struct command command_completion = { "completion", "complete command lines in a shell",
					    run };
