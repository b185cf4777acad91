# shellcheck shell=sh
# What the scripts of this folder share; they source it. $name is who speaks.

say() { echo "${name:?}: $*"; }

fail() {
  say "$*" >&2
  exit 1
}

has() { command -v "$1" >/dev/null 2>&1; }

# apply SCRIPT FILE WORD COUNT: runs a sed script, which says why, to a file of a library's source.
# Afterwards WORD must stand in so many lines of it: else it is another source than the script is for.
apply() {
  sed -i -f "$1" "$2"
  [ "$(grep -c "$3" "$2")" = "$4" ] || fail "$1 does not fit this $2"
}
