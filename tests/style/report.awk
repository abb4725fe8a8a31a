# report.awk - what report_longest prints; needs functions.awk before it.

function function_found(file, line, name, lines, takes, depth) {
	functions++
	printf "%6d  %s:%d %s()\n", lines, file, line, name > longest
	over_aim += lines > 32
	if (file ~ /^tests\//)
		return
	if (takes > 5)
		wide = wide sprintf("\n        %s:%d %s() has %d", file, line, name, takes)
	if (depth > 3)
		deep = deep sprintf("\n        %s:%d %s() has %d", file, line, name, depth)
}

END {
	printf "style: %d functions, %d over the aim of 30 lines\n", functions, over_aim
	if (wide != "")
		printf "style: functions with more than 5 parameters:%s\n", wide
	if (deep != "")
		printf "style: functions with more than 3 levels of blocks:%s\n", deep
}
