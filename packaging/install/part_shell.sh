# shellcheck shell=sh
# part_shell.sh - the first that runs: nothing of the caller's environment shall choose what is executed.

unset IFS ENV BASH_ENV CDPATH LD_PRELOAD LD_LIBRARY_PATH LD_AUDIT OPENSSL_CONF OPENSSL_ENGINES OPENSSL_MODULES
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH
umask 022
LC_ALL=C
export LC_ALL
# bash takes functions from its environment, also as sh; ours come after this.
unset -f env sed
for name in $(env | sed -n 's/^BASH_FUNC_\([A-Za-z0-9_]*\)%%=.*/\1/p'); do
	unset -f "$name"
done
for name in $(env | sed -n 's/^\(LD_[A-Za-z0-9_]*\)=.*/\1/p'); do
	unset "$name"
done
