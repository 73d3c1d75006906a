# shellcheck shell=bash disable=SC2154 # the globals are the installer's
# The program: a directory for each release, and a link to the one that runs. The one before stays, so that going back is running its own
# deploy/install. Nothing of a release is ever changed once it is in place.

readonly parts=(package.json package-lock.json LICENSE README.md SECURITY.md CHANGELOG.md dist web/dist agents knowledge host docs deploy)
release=''

# Sets release: its version and what it is made of, so that two builds of one version are told apart.
find_release() {
  local part version sum
  for part in "${parts[@]}"; do
    [[ -e $checkout/$part ]] || die 1 "$checkout/$part is missing: this is no built release. In a checkout, run first: npm ci" 'Nothing was changed.'
  done
  version=$(sed -n 's/^  "version": "\([0-9A-Za-z.-]*\)",$/\1/p' "$checkout/package.json")
  [[ $version ]] || die 1 "$checkout/package.json names no version." 'Nothing was changed.'
  sum=$(cd "$checkout" && find package-lock.json dist web/dist agents knowledge deploy host -type f ! -path 'dist/compile-cache/*' ! -path '*/secrets/*' -print0 | sort -z |
    xargs -0 sha256sum | sha256sum | cut -c 1-8) || die 1 "$checkout cannot be read." 'Nothing was changed.'
  release=$version-$sum
  if has_own_modules; then check_node "$checkout"; fi
  if [[ ! -d $root$programs/$release ]] && ! has_own_modules && ! command -v npm >/dev/null; then
    die 1 "$checkout/node_modules is missing or has what only development needs, and there is no npm to bring the rest." \
      'Install it: apt install npm. Nothing was changed.'
  fi
}

# What runs, and nothing of development.
has_own_modules() { [[ -x $checkout/node_modules/.bin/node && ! -e $checkout/node_modules/vitest ]]; }

check_node() { # DIR
  local said advice=''
  said=$("$1/node_modules/.bin/node" --version 2>&1) && return
  if [[ $said == *libatomic* ]]; then advice='Install what it needs: apt install libatomic1'; fi
  if [[ $1 != "$checkout" ]]; then rm -rf -- "$1"; fi
  die 1 "The Node of this release does not run on this machine ($(uname -m)): ${said##*: error}" ${advice:+"$advice"} 'Nothing was changed.'
}

release_is_current() { [[ $(readlink "$root$programs/current") == "$release" && -d $root$programs/$release ]]; }

show_release() {
  if [[ ! -d $root$programs/$release ]]; then printf '+ program %s (from %s)\n' "$root$programs/$release" "$checkout"; fi
  if ! release_is_current; then printf '~ link %s -> %s\n' "$root$programs/current" "$release"; fi
}

# Whole or not at all: what a run that was cut off left behind has another name.
place_release() {
  local to=$root$programs/$release stage part
  if [[ -d $to ]]; then return; fi
  rm -rf -- "$root$programs"/.new-*
  if ! { install -d -m 755 -- "$root$programs" && stage=$(mktemp -d -- "$root$programs/.new-XXXXXX"); }; then
    die 1 "Could not write $root$programs." 'Nothing was changed.'
  fi
  mkdir -- "$stage/web" || no_room "$stage"
  for part in "${parts[@]}"; do
    cp -R --preserve=mode,timestamps,links -- "$checkout/$part" "$stage/$part" || no_room "$stage"
  done
  # A checkout that a container or a cluster was made from holds theirs; what is here can be read by everybody.
  find "$stage/deploy" -path '*/secrets/*' -type f ! -name .gitignore -delete || no_room "$stage"
  if has_own_modules; then
    cp -R --preserve=mode,timestamps,links -- "$checkout/node_modules" "$stage/node_modules" || no_room "$stage"
  else
    printf 'npm brings what the program needs …\n'
    # Its scripts would build the page again, with tools that are not there.
    (cd "$stage" && npm ci --omit=dev --ignore-scripts --no-audit --no-fund --loglevel=error) || no_room "$stage"
  fi
  if ! { chown -R -h 0:0 -- "$stage" && chmod -R u+rwX,go+rX,go-w -- "$stage"; }; then no_room "$stage"; fi
  check_node "$stage"
  mv -T -- "$stage" "$to" || no_room "$stage"
}

no_room() { # DIR
  rm -rf -- "$1"
  die 1 "The program could not be put into $root$programs (see above). Nothing that runs was changed."
}

# The link changes in one step. Of the releases before, the last one stays.
switch_release() {
  local before at
  before=$(readlink "$root$programs/current")
  if [[ $before != "$release" ]]; then
    if ! { ln -sfn -- "$release" "$root$programs/.current" && mv -T -- "$root$programs/.current" "$root$programs/current"; }; then
      die 1 "The link $root$programs/current could not be changed. The service runs what it ran before."
    fi
    if [[ $before && -d $root$programs/$before ]]; then
      notes+=("The release before is kept. Back to it: $programs/$before/deploy/install")
    fi
    for at in "$root$programs"/*-????????; do
      if [[ -d $at && ${at##*/} != "$release" && ${at##*/} != "$before" && $at != "$checkout" ]]; then rm -rf -- "$at"; fi
    done
  fi
}

show_removed_program() {
  local at
  for at in "$root$programs"/current "$root$programs"/*-????????; do
    if [[ -L $at || -d $at ]]; then printf -- '- program %s\n' "$at"; fi
  done
}

remove_program() {
  local at
  for at in "$root$programs"/current "$root$programs"/.new-* "$root$unfinished" "$root$programs"/*-????????; do
    if [[ -e $at || -L $at ]]; then rm -rf -- "$at"; fi
  done
  rmdir -- "$root$programs" 2>/dev/null
}
