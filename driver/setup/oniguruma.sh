#!/bin/sh
# Fetches Oniguruma's source once and corrects it: driver/setup/oniguruma.sh
#
# What comes of it:
#   build/oniguruma-6.9.9/src          the source, with our config.h among it
#   build/oniguruma-6.9.9/.corrected   written last: what it was made with
# Nothing is done where that is there and oniguruma/ beside this script has not changed since. The
# Makefile compiles it, with the flags of each variant.
#
# The source is what Debian ships as libonig_6.9.9.orig.tar.gz, out of the suite trixie (Debian 13), or
# else the same from its own home: fetch.sh says how.
set -eu

VERSION=6.9.9
SHA256=001aa1202e78448f4c0bf1a48c76e556876b36f16d92ce3207eccfd61d99f2a0
SUITE=trixie
HOME_URL=https://github.com/kkos/oniguruma

here=$(cd "$(dirname "$0")" && pwd)
source=$(cd "$here/../.." && pwd)/build/oniguruma-$VERSION

name=oniguruma
# shellcheck source=driver/setup/common.sh
. "$here/common.sh"

corrections() { cat "$here"/oniguruma/*; }

# correct FILE WORD COUNT: applies oniguruma/FILE's own script
correct() { apply "$here/oniguruma/${1%.*}.sed" "$source.part/src/$1" "$2" "$3"; }

corrections | cmp -s - "$source/.corrected" && exit 0
rm -rf "$source" "$source.part"
"$here/fetch.sh" name=oniguruma version="$VERSION" sha256="$SHA256" suite="$SUITE" package=libonig \
  home="$HOME_URL" tag="v$VERSION" into="$source.part"
correct regint.h 'no callouts' 1
correct regexec.c 'regexp_must_end()\|END_IF_TOLD;' 22
correct regparse.c 'ADD_WIDE_CTYPE(\|WIDE(options)\|WIDE(env->options)' 7
cp "$here/oniguruma/config.h" "$source.part/src/"
corrections >"$source.part/.corrected"
mv "$source.part" "$source"
