#!/bin/sh
# Fetches the source of a library once and unpacks it: driver/setup/fetch.sh KEY=VALUE...
#
#   name=NAME        what it is called here, and in what is said
#   version=VERSION  upstream's
#   sha256=SUM       of its tarball; several that hold the same source are joined with commas
#   home=URL         upstream's repository at a place that makes tarballs of tags as GitHub does
#   tag=TAG          of the version there; VERSION
#   commit=HASH      of that tag. Without it git is not used
#   suite=SUITE      of Debian that has it as a source package. Without it apt is not used
#   package=NAME     how Debian calls it; NAME
#   tarball=FILE     how Debian calls its tarball; PACKAGE_VERSION.orig.tar.gz
#   into=DIR         where the source is wanted; build/NAME-VERSION
#
# What comes of it:
#   build/download/FILE    the tarball, kept
#   DIR                    its source, without the folder that the tarball has it in
#   DIR/.complete          written last: which source it is
# Nothing is done where that is there already. So a tarball that was put into build/download by hand is
# used, and without it these ways are tried in turn:
#
# 1. apt, out of the named suite, with the mirror of Debian that this machine uses already, named for
#    source packages alone and for this one call alone: the machine's own lists stay as they are.
# 2. The release's tarball from upstream. 3. The tag by git.
#
# A tarball is held to the SHA-256, a tag to the commit. Tools: tar (with what the tarball is compressed
# by), sha256sum, and one of apt-get, curl, wget, git. Status 1, and a reason on stderr: there is no way.
set -eu

name='' version='' sha256='' home='' tag='' commit='' suite='' package='' tarball='' into=''
for word in "$@"; do
  value=${word#*=}
  case $word in
    name=*) name=$value ;;
    version=*) version=$value ;;
    sha256=*) sha256=$value ;;
    home=*) home=$value ;;
    tag=*) tag=$value ;;
    commit=*) commit=$value ;;
    suite=*) suite=$value ;;
    package=*) package=$value ;;
    tarball=*) tarball=$value ;;
    into=*) into=$value ;;
    *)
      echo "fetch: no parameter $word" >&2
      exit 2
      ;;
  esac
done
if [ -z "$name" ] || [ -z "$version" ] || [ -z "$sha256" ] || [ -z "$home" ]; then
  echo "fetch: name, version, sha256 and home are needed" >&2
  exit 2
fi

here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=driver/setup/common.sh
. "$here/common.sh"
build=$(cd "$here/../.." && pwd)/build
download=$build/download
package=${package:-$name}
file=${tarball:-${package}_$version.orig.tar.gz}
tarball=$download/$file
source=${into:-$build/$name-$version}
tag=${tag:-$version}

is_right() {
  [ -f "$1" ] || return 1
  sum=$(sha256sum <"$1")
  case ",$sha256," in *",${sum%% *},"*) ;; *) return 1 ;; esac
}

# The lines of a sources list that offer the suite's source packages, one for each mirror of Debian that
# this machine's own lists name.
source_lines() {
  keys=/usr/share/keyrings/debian-archive-keyring.gpg
  if [ -f "$keys" ]; then options="[signed-by=$keys] "; else options=; fi
  # shellcheck disable=SC2016 # these are apt's variables
  mirrors=$(apt-get indextargets --format '$(ORIGIN)|$(REPO_URI)' 2>/dev/null | sed -n 's/^Debian|//p')
  if [ -z "$mirrors" ]; then
    # Nothing was ever fetched (a bare container): all that apt would ask for lists.
    mirrors=$(apt-get --print-uris update 2>/dev/null | sed -n "s|^'\(.*/\)dists/[^/]*/InRelease'.*|\1|p")
  fi
  echo "$mirrors" | sort -u | grep -v 'security\|backports' | sed -n "s|..*|deb-src $options& $suite main|p"
}

fetch_with_apt() {
  [ -n "$suite" ] || return 1
  has apt-get || return 1
  lines=$(source_lines)
  [ -n "$lines" ] || return 1
  say "fetching its source package from Debian ($suite), with the mirror of this machine"
  dir=$(mktemp -d)
  mkdir -p "$dir/lists/partial" "$dir/get"
  echo "$lines" >"$dir/sources.list"
  # The sandbox: as root, apt would fetch as the user _apt, who may not write here.
  set -- -qq -o "Dir::Etc::SourceList=$dir/sources.list" -o Dir::Etc::SourceParts=- \
    -o "Dir::State::Lists=$dir/lists" -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= \
    -o Acquire::Languages=none -o "APT::Sandbox::User=$(id -un)"
  # The newest of the suite: a later revision of the package is made from the same tarball.
  apt-get "$@" update &&
    (cd "$dir/get" && apt-get "$@" source --download-only --tar-only "$package") &&
    cp "$dir/get/$file" "$tarball.part" && got=1 || got=0
  rm -rf "$dir"
  [ "$got" = 1 ]
}

fetch_release() {
  url=$home/archive/refs/tags/$tag.tar.gz
  if has curl; then
    say "fetching $url"
    curl -fsSL -o "$tarball.part" "$url"
  elif has wget; then
    say "fetching $url"
    wget -q -O "$tarball.part" "$url"
  else
    return 1
  fi
}

# Puts the source straight into its place.
fetch_with_git() {
  [ -n "$commit" ] || return 1
  has git || return 1
  say "cloning $home, tag $tag"
  rm -rf "$source.new"
  git -c advice.detachedHead=false clone -q --depth 1 --branch "$tag" "$home" "$source.new" || return 1
  if [ "$(git -C "$source.new" rev-parse HEAD)" != "$commit" ]; then
    say "the tag is another commit than $commit: not used"
    return 1
  fi
  rm -rf "$source.new/.git"
}

fetch_tarball() {
  is_right "$tarball" && return
  if [ -f "$tarball" ]; then say "$tarball has another SHA-256 than $sha256: not used"; fi
  for way in fetch_with_apt fetch_release; do
    rm -f "$tarball.part"
    "$way" || continue
    if is_right "$tarball.part"; then
      mv "$tarball.part" "$tarball"
      return
    fi
    say "what came has another SHA-256 than $sha256: not used"
  done
  rm -f "$tarball.part"
  return 1
}

is_complete() { [ -f "$source/.complete" ] && [ "$(cat "$source/.complete")" = "$name $version $sha256" ]; }

if is_complete; then exit 0; fi
mkdir -p "$download"

# Two calls of make at once shall not unpack into the same folder.
if has flock && [ -z "${RUBEAM_FETCHING:-}" ]; then
  RUBEAM_FETCHING=1 exec flock "$download/$name.lock" "$here/fetch.sh" "$@"
fi

rm -rf "$source.new"
if fetch_tarball; then
  mkdir -p "$source.new"
  tar -xf "$tarball" -C "$source.new" --strip-components=1
else
  fetch_with_git || fail "no way to get $name $version. Put Debian's $file into $download."
fi
echo "$name $version $sha256" >"$source.new/.complete"
rm -rf "$source"
mv "$source.new" "$source"
