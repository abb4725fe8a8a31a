# shellcheck shell=sh
# part_leave.sh - the scripts that end mote and take it off the machine again.

# The texts of @SCRIPT@ come from the files of that name; places are put in here.
write_leaving() {
	for script in mote-killall.sh mote-uninstall.sh; do
		case $script in
		mote-killall.sh) killall_text ;;
		*) uninstall_text ;;
		esac | sed "s,@BIN_DIR@,$bin_dir,; s,@SYSTEMD_DIR@,$systemd_dir,; s,@DATA_DIR@,$data_dir," > "$tmp/$script"
		put_file "$tmp/$script" "$root$bin_dir/$script" 755
	done
}
