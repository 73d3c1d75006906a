# shellcheck shell=bash disable=SC2154 # the globals are the installer's
# What an installer wants, compared with what is there, and shown. A record on the machine names what was made, so that the end
# removes exactly that and a changed wish removes what is no longer wanted. All paths are below $root. Changes nothing.
# One machine may hold several installations that share some of it: each wish belongs to an owner ('' for what all share). A line
# of the record is `KIND PATH`, or `vm OWNER KIND PATH`. What another owner needs too stays, and other owners' lines are copied.

owner='' # of the wishes that follow
wanted_owners=() wanted_kinds=() wanted_paths=() wanted_modes=() wanted_sources=()
old_owners=() old_kinds=() old_paths=() other_lines=()
actions=() removals=() notes=()
declare -A made=() wanted=() needed_by_others=()
scratch=$(mktemp -d) || exit 1

die() { # EXIT MESSAGE: each further word is a line of its own
  local code=$1 line
  shift
  for line; do printf '%s: %s\n' "$program" "$line" >&2; done
  exit "$code"
}

want_dir() { want dir "$1" "$2" ''; } # PATH MODE
want_user() { want user "$1" '' "$2"; } # NAME "ARGUMENTS OF useradd", which hold no blank of their own
# FILE LINE: a line in a file of others, found again by line_pattern OWNER. A file that is not there is made, empty.
want_line() {
  want empty "$1" 600 ''
  want line "$1" '' "$2"
}
want_copy() { want file "$1" "$2" "$3"; } # PATH MODE SOURCE
want_file() { # PATH MODE, content on stdin
  local source=$scratch/content-${#wanted_paths[@]}
  cat >"$source"
  want file "$1" "$2" "$source"
}
want() {
  if [[ ${wanted["$1 $2"]-} ]]; then return; fi
  wanted_owners+=("$owner") wanted_kinds+=("$1") wanted_paths+=("$2") wanted_modes+=("$3") wanted_sources+=("$4")
  wanted["$1 $2"]=yes
}

want_parents() { # DIR: itself and what is above, as far as we make it
  local dir=$1 missing=()
  while [[ $dir && (! -e $root$dir || ${made["dir $dir"]-}) ]]; do missing=("$dir" "${missing[@]}"); dir=${dir%/*}; done
  for dir in "${missing[@]}"; do want_dir "$dir" 755; done
}

# First of all: what was made before decides which directories are ours. Of the owners that are not named only a copy is kept;
# `*` names all.
read_record() { # OWNER...
  local kind path at
  [[ -e $root$record ]] || return 0
  while read -r kind path; do
    at=''
    if [[ $kind == vm ]]; then read -r at kind path <<<"$path"; fi
    case $kind in
      dir | file | user | line | empty) ;;
      '#' | '') continue ;;
      *) die 1 "$root$record is damaged: the line \"$kind $path\" is not mine. Nothing was changed." ;;
    esac
    made["$kind $path"]=yes
    if [[ $1 == '*' || " $* " == *" ${at:-shared} "* ]]; then
      old_owners+=("$at") old_kinds+=("$kind") old_paths+=("$path")
    else
      other_lines+=("${at:+vm $at }$kind $path")
      needed_by_others["$kind $path"]=yes
    fi
  done < <(record_lines)
}

# An installer that has an older form of record translates it here.
record_lines() { cat -- "$root$record"; }

is_as_wanted() { [[ $(stat -c '%a %u %g' -- "$1" 2>/dev/null) == "$2 0 0" ]]; } # PATH MODE

has_user() { grep -q "^$1:" "$root/etc/passwd"; } # NAME

# Sets actions: nothing, create, change, or the reason to refuse.
compare() {
  local at kind path mode source action
  for at in "${!wanted_paths[@]}"; do
    kind=${wanted_kinds[at]} path=${wanted_paths[at]} mode=${wanted_modes[at]} source=${wanted_sources[at]}
    action=nothing
    case $kind in
      dir)
        if [[ ! -e $root$path ]]; then action=create
        elif [[ ! -d $root$path || -L $root$path ]]; then die 1 "$root$path is in the way: a directory is wanted there. Nothing was changed."
        elif [[ ${made["dir $path"]-} ]] && ! is_as_wanted "$root$path" "$mode"; then action=change
        fi
        ;;
      file)
        if [[ ! -e $root$path && ! -L $root$path ]]; then action=create
        elif [[ -L $root$path || ! -f $root$path ]]; then die 1 "$root$path is in the way: a plain file is wanted there. Nothing was changed."
        elif ! cmp -s -- "$source" "$root$path" || ! is_as_wanted "$root$path" "$mode"; then
          action=change
          if [[ ! ${made["file $path"]-} ]]; then
            die 1 "$root$path exists, and this installer did not make it." 'Move it away, then run this again. Nothing was changed.'
          fi
        fi
        ;;
      empty) if [[ ! -e $root$path ]]; then action=create; fi ;;
      user)
        if ! has_user "$path"; then action=create
        elif [[ ! ${made["user $path"]-} ]]; then notes+=("The account $path was there already: it is used as it is, and stays when you uninstall.")
        fi
        ;;
      line)
        if ! grep -qxF -- "$source" "$root$path" 2>/dev/null; then
          action=create
          if grep -q -- "$(line_pattern "${wanted_owners[at]}")" "$root$path" 2>/dev/null; then action=change; fi
        fi
        ;;
    esac
    actions+=("$action")
  done
  for at in "${!old_paths[@]}"; do
    kind="${old_kinds[at]} ${old_paths[at]}"
    if [[ ! ${wanted[$kind]-} && (! ${needed_by_others[$kind]-} || $kind == line\ *) ]]; then removals=("$at" "${removals[@]}"); fi
  done
}

# Is there anything to do?
is_done() { [[ ${#removals[@]} -eq 0 && " ${actions[*]} " != *' create '* && " ${actions[*]} " != *' change '* ]]; }

changes_below() { # DIR
  local at
  for at in "${!wanted_paths[@]}"; do
    if [[ ${wanted_paths[at]} == "$1"* && ${actions[at]} != nothing ]]; then return 0; fi
  done
  for at in "${removals[@]}"; do
    if [[ ${old_paths[at]} == "$1"* ]]; then return 0; fi
  done
  return 1
}

# One line per change, and the text of what goes to /etc.
show() {
  local at kind path mode
  for at in "${!wanted_paths[@]}"; do
    kind=${wanted_kinds[at]} path=$root${wanted_paths[at]} mode=${wanted_modes[at]}
    case ${actions[at]}:$kind in
      nothing:*) continue ;;
      *:user) printf '+ account %s (useradd %s)\n' "${wanted_paths[at]}" "${wanted_sources[at]}" ;;
      create:line) printf '+ a line in %s\n    + %s\n' "$path" "${wanted_sources[at]}" ;;
      change:line) printf '~ the line in %s\n    + %s\n' "$path" "${wanted_sources[at]}" ;;
      create:*) printf '+ %s %s (root, %s)\n' "$kind" "$path" "$mode" ;;
      change:*) printf '~ %s %s (root, %s)\n' "$kind" "$path" "$mode" ;;
    esac
    if [[ $kind == file && ${wanted_paths[at]} == /etc/* ]]; then
      if [[ ${actions[at]} == create ]]; then sed 's/^/    + /' "${wanted_sources[at]}"
      else diff -U0 -- "$path" "${wanted_sources[at]}" | sed -n '3,${/^@@/!s/^/    /p}'; fi
    fi
  done
  for at in "${removals[@]}"; do
    case ${old_kinds[at]} in
      line) printf -- '- the line in %s that matches %s\n' "$root${old_paths[at]}" "$(line_pattern "${old_owners[at]}")" ;;
      user) printf -- '- account %s\n' "${old_paths[at]}" ;;
      *) printf -- '- %s %s\n' "${old_kinds[at]}" "$root${old_paths[at]}" ;;
    esac
  done
}

print_notes() {
  local note
  for note in "${notes[@]}"; do printf 'Note: %s\n' "$note"; done
}
