# shellcheck shell=sh
# SQLite: the datastore's engine.  The amalgamation is made once, on this machine, for all flavours.
#
# THREADSAFE=2: one connection per thread.  OMIT_AUTOINIT: call sqlite3_initialize() first.
amalgamation() {
	made=$cache/lib/amalgamation-$(printf '%s' "$source" | hash_short)
	[ ! -e "$made/sqlite3.c" ] || return 0
	command -v tclsh > /dev/null || fail "tclsh is missing (package tcl); run packaging/deps/setup.sh"
	mkdir -p amalgamation
	(
		cd amalgamation
		unset CC CFLAGS
		quietly "$source/configure" --disable-readline --enable-tempstore=always
		quietly make sqlite3.c
		mkdir -p made
		cp sqlite3.c sqlite3.h made/
	)
	# Another flavour may have been quicker.
	mv -T amalgamation/made "$made" 2>/dev/null || [ -e "$made/sqlite3.c" ]
}

recipe() {
	amalgamation
	compile "$optimise" -DSQLITE_THREADSAFE=2 -DSQLITE_DQS=0 -DSQLITE_DEFAULT_MEMSTATUS=0 \
		-DSQLITE_LIKE_DOESNT_MATCH_BLOBS -DSQLITE_MAX_EXPR_DEPTH=0 -DSQLITE_OMIT_DEPRECATED \
		-DSQLITE_OMIT_LOAD_EXTENSION -DSQLITE_OMIT_SHARED_CACHE -DSQLITE_OMIT_DECLTYPE \
		-DSQLITE_OMIT_PROGRESS_CALLBACK -DSQLITE_OMIT_AUTOINIT -DSQLITE_USE_ALLOCA \
		-DSQLITE_TEMP_STORE=3 -DHAVE_USLEEP=1 -- "$made/sqlite3.c"
	archive libsqlite3.a
	cp "$made/sqlite3.h" "$out/include/"
}
