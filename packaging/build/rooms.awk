# rooms.awk - prints LAYERS for make: for each room, itself and all rooms it may use, transitively.
# usage: awk -f rooms.awk LAYERS      prints words such as:  uses_api:=+api+base

/^[a-z]/ {
	room = $1
	sub(/:$/, "", room)
	order[++rooms] = room
	for (i = 2; i <= NF; i++)
		direct[room] = direct[room] " " $i
}

function walk(room,    parts, count, i) {
	if (room in seen)
		return
	seen[room] = 1
	found = found "+" room
	count = split(direct[room], parts, " ")
	for (i = 1; i <= count; i++) {
		if (parts[i] == "all")
			walk_all()
		else
			walk(parts[i])
	}
}

function walk_all(    i) {
	for (i = 1; i <= rooms; i++)
		walk(order[i])
}

END {
	for (r = 1; r <= rooms; r++) {
		split("", seen)
		found = ""
		walk(order[r])
		print "uses_" order[r] ":=" found
	}
}
