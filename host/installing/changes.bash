# shellcheck shell=bash disable=SC2154 # the globals are the installer's
# One transaction that makes what wishes.bash found wanting: undone whole when anything fails before `commit`.

undo=() changing='' keep_scratch=''

# Remembers a file as it is, or that there is none.
remember() { # PATH
  local copy=$scratch/undo-${#undo[@]}
  if [[ -e $1 || -L $1 ]]; then cp -a -- "$1" "$copy"; undo+=("restore $copy $1"); else undo+=("remove $1"); fi
}

# Says what it could not take back; then it fails.
roll_back() {
  local at words lost=''
  changing=''
  for ((at = ${#undo[@]} - 1; at >= 0; at--)); do
    read -ra words <<<"${undo[at]}"
    case ${words[0]} in
      restore) cp -a --remove-destination -- "${words[1]}" "${words[2]}" ;;
      write) cat -- "${words[1]}" >"${words[2]}" ;; # through the file, which may be a link: see put_line
      remove) rm -f -- "${words[1]}" ;;
      rmdir) [[ ! -d ${words[1]} ]] || rmdir -- "${words[1]}" ;;
      mode) chown -- "${words[2]}:${words[3]}" "${words[4]}" && chmod -- "${words[1]}" "${words[4]}" ;;
      userdel) delete_user "${words[1]}" ;;
    esac || lost+=" ${words[-1]}"
  done
  undo=()
  if [[ $lost ]]; then
    printf '%s: could NOT take back:%s. Look at it by hand; copies of what was there are in %s.\n' "$program" "$lost" "$scratch" >&2
    keep_scratch=yes
    return 1
  fi
  printf '%s: everything that was written has been taken back.\n' "$program" >&2
}

# Ends a transaction that cannot go on.
give_up() { # MESSAGE...
  roll_back
  die 1 "$@"
}

at_end() {
  local code=$?
  if [[ $changing ]]; then
    printf '%s: ended in the middle.\n' "$program" >&2
    roll_back
  fi
  if [[ ! $keep_scratch ]]; then rm -rf -- "$scratch"; fi
  exit "$code"
}
trap at_end EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

put_file() { # SOURCE PATH MODE: whole or not at all
  local new
  remember "$2"
  if ! { new=$(mktemp -- "${2%/*}/.breakglass-XXXXXX") && cat -- "$1" >"$new" && chown 0:0 -- "$new" && chmod -- "$3" "$new" &&
    mv -T -- "$new" "$2"; }; then
    rm -f -- "$new"
    give_up "Could not write $2."
  fi
}

make_dir() { # PATH MODE
  if [[ -d $1 ]]; then return; fi
  undo+=("rmdir $1")
  install -d -o 0 -g 0 -m "$2" -- "$1" || give_up "Could not make $1."
}

add_user() { # NAME ARGUMENTS
  local words
  read -ra words <<<"$2"
  undo+=("userdel $1")
  useradd ${root:+--prefix "$root"} "${words[@]}" -- "$1" || give_up "useradd could not make the account $1."
}

# A session that ends just now may still hold the account, so it gets some seconds for that. What runs longer is named, not ended:
# it may be a verb that has begun.
delete_user() { # NAME: the home directory goes too when it was made for the account
  local home remove_home=() attempt
  home=$(sed -n "s/^$1:\([^:]*:\)\{4\}\([^:]*\):.*/\2/p" "$root/etc/passwd")
  if [[ $home == /home/?* ]]; then remove_home=(--remove); fi
  for attempt in {1..10}; do
    userdel ${root:+--prefix "$root"} "${remove_home[@]}" -- "$1" 2>"$scratch/userdel" && return
    has_user "$1" || return 0
    if ! grep -q 'currently used by process' "$scratch/userdel"; then break; fi
    if ((attempt < 10)); then sleep 1; fi
  done
  cat -- "$scratch/userdel" >&2
  return 1
}

# The file is written through, never replaced: on a Proxmox host it is a link to the cluster's file system.
put_line() { # FILE LINE OWNER
  local copy=$scratch/undo-${#undo[@]} pattern
  pattern=$(line_pattern "$3")
  cat -- "$1" >"$copy" || give_up "Could not read $1."
  undo+=("write $copy $1")
  # Adding is appending: a full disk then costs nobody his key.
  if [[ $2 ]] && ! grep -q -- "$pattern" "$copy"; then
    if [[ -s $copy && $(tail -c 1 -- "$copy") ]]; then printf '\n' >>"$1"; fi
    printf '%s\n' "$2" >>"$1" || give_up "Could not write $1."
    return
  fi
  { sed -e "\\#$pattern#d" -e "\$a\\" "$copy"; if [[ $2 ]]; then printf '%s\n' "$2"; fi; } >"$copy.new"
  cat -- "$copy.new" >"$1" || give_up "Could not write $1."
}

record_line() { # OWNER KIND PATH
  printf '%s%s %s\n' "${1:+vm $1 }" "$2" "$3"
}

# What is wanted and ours, made now or before, and what is other owners'. Sorted by owner, so that the order of calls shows nowhere.
write_record() {
  local at
  {
    for at in "${!wanted_paths[@]}"; do
      if [[ ${actions[at]} == create || ${made["${wanted_kinds[at]} ${wanted_paths[at]}"]-} ]]; then
        record_line "${wanted_owners[at]}" "${wanted_kinds[at]}" "${wanted_paths[at]}"
      fi
    done
    for at in "${!other_lines[@]}"; do printf '%s\n' "${other_lines[at]}"; done
  } >"$scratch/lines-of-record"
  {
    printf '# What %s made on this machine. It reads this to uninstall: leave it alone.\n' "$program"
    grep -v '^vm ' "$scratch/lines-of-record"
    grep '^vm ' "$scratch/lines-of-record" | sort -s -n -k 2,2
  } >"$scratch/record"
}

# Makes what is wanted. The checks of what was written, and the reload, are the caller's: then `commit`.
apply() {
  local at path
  changing=yes
  # The record first: after a power cut in the middle the next run still knows what is ours.
  path=$root${record%/*}
  make_dir "$path" 755
  write_record
  for at in "${removals[@]}"; do record_line "${old_owners[at]}" "${old_kinds[at]}" "${old_paths[at]}" >>"$scratch/record"; done
  put_file "$scratch/record" "$root$record" 644
  for at in "${!wanted_paths[@]}"; do
    path=$root${wanted_paths[at]}
    case ${actions[at]}:${wanted_kinds[at]} in
      nothing:*) ;;
      create:dir) make_dir "$path" "${wanted_modes[at]}" ;;
      change:dir) undo+=("mode $(stat -c '%a %u %g' -- "$path") $path"); chown 0:0 -- "$path"; chmod "${wanted_modes[at]}" -- "$path" ;;
      create:empty) undo+=("remove $path"); install -o 0 -g 0 -m 600 -- /dev/null "$path" || give_up "Could not make $path." ;;
      *:user) add_user "${wanted_paths[at]}" "${wanted_sources[at]}" ;;
      *:line) put_line "$path" "${wanted_sources[at]}" "${wanted_owners[at]}" ;;
      *:file) put_file "${wanted_sources[at]}" "$path" "${wanted_modes[at]}" ;;
    esac
  done
  for at in "${removals[@]}"; do
    path=$root${old_paths[at]}
    case ${old_kinds[at]} in
      file) if [[ -e $path ]]; then remember "$path"; rm -f -- "$path" || give_up "Could not remove $path."; fi ;;
      empty) if [[ -f $path && ! -s $path && ! -L $path ]]; then remember "$path"; rm -f -- "$path"; fi ;;
      line) if grep -q -- "$(line_pattern "${old_owners[at]}")" "$path" 2>/dev/null; then put_line "$path" '' "${old_owners[at]}"; fi ;;
    esac
  done
}

# From here nothing is taken back. Accounts and directories that are no longer wanted go last, because they cannot be.
commit() {
  local at path left=()
  changing=''
  for at in "${removals[@]}"; do
    path=${old_paths[at]}
    case ${old_kinds[at]} in
      user) if has_user "$path" && ! delete_user "$path"; then left+=("$(record_line "${old_owners[at]}" user "$path")"); fi ;;
      dir) if [[ $root$path != "$root${record%/*}" && -d $root$path ]] && ! rmdir -- "$root$path" 2>/dev/null; then
        notes+=("Kept $root$path: it holds something that this installer did not make.")
      fi ;;
    esac
  done
  write_record
  for at in "${left[@]}"; do printf '%s\n' "$at" >>"$scratch/record"; done
  if (($(wc -l <"$scratch/record") > 1)); then
    mkdir -p -- "$root${record%/*}"
    install -o 0 -g 0 -m 644 -- "$scratch/record" "$root$record"
  else
    rm -f -- "$root$record"
    if [[ ${made["dir ${record%/*}"]-} ]] && ! rmdir -- "$root${record%/*}" 2>/dev/null && [[ -d $root${record%/*} ]]; then
      notes+=("Kept $root${record%/*}: it holds something that this installer did not make.")
    fi
  fi
  if ((${#left[@]})); then die 1 "Still there: ${left[*]}. End what it runs (see above), then run this again. All else is done."; fi
}
