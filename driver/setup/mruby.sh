#!/bin/sh
# Fetches mruby once and builds one variant of it: driver/setup/mruby.sh [VARIANT]
#
# The variants stand in build_config.rb beside this script. What comes of it:
#   build/download/                      the tarball, kept
#   build/mruby-3.3.0/                   its source
#   build/mruby/VARIANT/include          headers, with the configuration they were built with
#   build/mruby/VARIANT/lib/libmruby.a
#   build/mruby/VARIANT/recipe           written last: what it was made from
# Nothing is done where that is there already and build_config.rb has not changed since.
#
# The source is what Debian ships as mruby_3.3.0.orig.tar.gz, out of the suite trixie (Debian 13), or else
# the same from mruby's own home: fetch.sh says how. The commit is the one that the tarball names as the
# one it was made from.
#
# MRUBY_SRC=DIR builds the source tree in DIR instead (another version, say), unchecked and as it is.
# CC and CFLAGS are respected: CFLAGS are added to the variant's own.
set -eu

VERSION=3.3.0
SHA256=53088367e3d7657eb722ddfacb938f74aed1f8538b3717fe0b6eb8f58402af65
SUITE=trixie
COMMIT=32279e4128527bab4c961854b9cce727a060abea
HOME_URL=https://github.com/mruby/mruby

variant=${1:-default}
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
build=$root/build
source=$build/mruby-$VERSION
out=$build/mruby/$variant
host=$build/mruby/host

name=mruby
# shellcheck source=driver/setup/common.sh
. "$here/common.sh"

# correct NAME FILE WORD COUNT: applies corrections/NAME.sed, to a file of the source
correct() { apply "$here/corrections/$1.sed" "$source.part/$2" "$3" "$4"; }

corrections() { cat "$here"/corrections/*.sed; }

fetch() {
  corrections | cmp -s - "$source/.complete" && return
  rm -rf "$source" "$source.part"
  "$here/fetch.sh" name=mruby version="$VERSION" sha256="$SHA256" suite="$SUITE" home="$HOME_URL" \
    commit="$COMMIT" into="$source.part" ||
    fail "or unpack mruby $VERSION yourself and name its folder with MRUBY_SRC=DIR."
  correct scopes mrbgems/mruby-compiler/core/parse.y own_scope 3
  correct scopes mrbgems/mruby-compiler/core/y.tab.c own_scope 3 # generated, but it comes with the source
  correct assignment mrbgems/mruby-compiler/core/codegen.c 'mrb_sym id, int val\|if (!val && !no_peephole(s))\|nsym(tree), val);' 8
  correct missing src/vm.c keywords 2
  correct backtraces src/backtrace.c 'bt_free\|bt_hold(\|len + 1' 5
  correct divmod src/numeric.c 'flo_divmod(mrb, mrb_float_value' 2
  correct bigint mrbgems/mruby-bigint/core/bigint.c 'x \*= b;\|v1 / v2\|DIG_SIZE >= b->mp.sz' 3
  correct integers src/numeric.c 'isnan(mrb_float(v1)) ? -2\|mrb_bigint_p(y)) return mrb_bint_[a-z]*mod(mrb, mrb_bint_new_int' 3
  correct rational mrbgems/mruby-rational/src/rational.c 'mrb_integer_p(self)) rat\|mrb_bigint_p(b)) rat\|, z [+-] mrb_\|"divided by 0"' 5
  correct format mrbgems/mruby-sprintf/src/sprintf.c "buf > '9'" 1
  correct cache include/mruby.h 'cached_names' 1
  correct cache src/class.c 'cached_names' 3
  correct collections include/mruby/gc.h collections 1
  correct collections src/gc.c 'gc->collections' 1
  correct arena src/gc.c 'gc->arena_idx == gc->arena_capa\|grown\|gc->out_of_memory' 5
  correct arena src/vm.c shrunk 3
  correct range src/range.c 'float range too large' 1
  correct utf8 src/string.c '(len == 0 || len > e - p) return 1' 1
  correct character_sets mrbgems/mruby-string-ext/src/string.c 'i <= pat->val.ch' 1
  correct callbacks src/kernel.c '(len = RARRAY_LEN(ary), i<len)' 1
  correct callbacks mrbgems/mruby-array-ext/src/array.c 'mrb_gc_protect(mrb, v);' 2
  correct callbacks mrbgems/mruby-struct/src/struct.c 'mrb_ary_ref(mrb, s, i), mrb_ary_ref(mrb, s2, i)' 2
  correct callbacks mrbgems/mruby-data/src/data.c 'mrb_ary_ref(mrb, s, i), mrb_ary_ref(mrb, s2, i)' 2
  correct callbacks mrbgems/mruby-sprintf/src/sprintf.c 'fmt = mrb_str_dup(mrb, fmt);' 1
  # The generated parser comes with the source. Said to rake, which would ask for bison and gperf.
  touch "$source.part/mrbgems/mruby-compiler/core/lex.def"
  touch "$source.part/mrbgems/mruby-compiler/core/y.tab.c"
  corrections >"$source.part/.complete"
  mv "$source.part" "$source"
}

# What a finished build was made from. Compared as text, so that a check costs a few milliseconds.
recipe() {
  echo "source ${MRUBY_SRC:-$SHA256}"
  echo "CC ${CC:-} CFLAGS ${CFLAGS:-}"
  cat "$here/build_config.rb" "$here"/../lib/mrbgem.rake "$here"/../lib/mrblib/*.rb
  corrections
}

is_made() { recipe | cmp -s - "$1/recipe"; }

compile() {
  has rake || fail "rake is missing (Debian: ruby rake)"
  say "building $variant (log: build/mruby/$variant.log)"
  rm -rf "$out"
  mkdir -p "$out" "$host"
  # The compiler mrbc, which the variants share
  if ! is_made "$host"; then rm -rf "${host:?}"/*; fi
  log=$build/mruby/$variant.log
  # rake runs in mruby's folder. The names make it write into build/ alone.
  if ! (cd "$source" && RUBEAM_VARIANT=$variant RUBEAM_DEFINES=$out/defines \
    MRUBY_CONFIG=$here/build_config.rb MRUBY_BUILD_DIR=$build/mruby \
    INSTALL_DIR=$host/install rake -m -j "$(nproc 2>/dev/null || echo 2)") >"$log" 2>&1; then
    tail -n 30 "$log" >&2
    fail "the build failed"
  fi
  # The headers as built: a program that includes them needs no -D of its own.
  config=$out/include/mrbconf.h
  {
    echo "/* Set by Rubeam's build_config.rb when the library was built. */"
    sed 's/^\([A-Z_0-9]*\)=*\(.*\)/#ifndef \1\n#define \1 \2\n#endif/; s/ \n/\n/' "$out/defines"
    cat "$source/include/mrbconf.h"
  } >"$config.part"
  mv "$config.part" "$config"
}

mkdir -p "$build/mruby"
if [ -f "$out/lib/libmruby.a" ] && is_made "$out"; then exit 0; fi

# Two calls of make at once shall not build in the same folder.
if has flock && [ -z "${RUBEAM_LOCKED:-}" ]; then
  RUBEAM_LOCKED=1 exec flock "$build/mruby/lock" "$here/mruby.sh" "$variant"
fi

if [ -n "${MRUBY_SRC:-}" ]; then
  [ -f "$MRUBY_SRC/include/mruby.h" ] || fail "MRUBY_SRC=$MRUBY_SRC is no source tree of mruby"
  source=$(cd "$MRUBY_SRC" && pwd)
else
  fetch
fi
compile
recipe >"$host/recipe"
recipe >"$out/recipe"
