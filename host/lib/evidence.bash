# shellcheck shell=bash disable=SC2154 # the globals are breakglass-pve's
# The shelf of captures of this VM: a directory each, with what every step brought and a manifest. What was captured before a mutating
# verb is never pushed out by what somebody only wanted to look at.

readonly captures=$state/captures/$vmid
readonly keep_of_verbs=12 keep_of_looks=8 keep_kb=1048576 # the oldest go first
# Room that a capture may take (its caps sum to about 20 MB), and never the last bytes of the file system.
readonly free_needed_mb=64

# Sets REPLY to this moment, with milliseconds.
moment() { local us=${EPOCHREALTIME/./}; printf -v REPLY '%(%Y-%m-%dT%H:%M:%S)T.%03dZ' "$((us / 1000000))" "$((us / 1000 % 1000))"; }

# Sets REPLY to why not when it fails.
make_capture_dir() {
  local base try free block
  mkdir -p "$captures" 2>/dev/null # 0700, by the umask
  REPLY="$captures cannot be written"
  read -r free block < <(stat -f -c '%a %S' -- "$captures" 2>/dev/null 9>&-) || return 1
  if ((free * block / 1048576 < free_needed_mb)); then
    REPLY="only $((free * block / 1048576)) MB are free for $state, a capture needs $free_needed_mb"
    return 1
  fi
  local now_us=${EPOCHREALTIME/./} # with milliseconds: the newest is the last by name
  printf -v base '%(%Y%m%dT%H%M%S)T.%03dZ-%s' "$((now_us / 1000000))" "$((now_us / 1000 % 1000))" "$verb"
  for try in '' .2 .3 .4; do
    id=$base$try
    capture=$captures/$id
    # A full disk makes directories and refuses bytes: try both.
    if mkdir "$capture" 2>/dev/null; then
      if { printf '%s\n' "$id" >"$capture/id"; } 2>/dev/null; then return 0; fi
      rm -rf -- "$capture" 2>/dev/null
      return 1
    fi
  done
  return 1
}

write_manifest() {
  local IFS=, name entry file bytes truncated ended_at caller_json key_json
  local -a entries=()
  local -A size_of=()
  moment; ended_at=$REPLY
  for name in "${!job_of[@]}"; do # the background steps that are still at it
    order+=("$name")
    status_of[$name]=timeout ms_of[$name]=0 why_of[$name]='not awaited'
  done
  while IFS=' ' read -r bytes file; do size_of[$file]=$bytes; done \
    < <(cd -- "$capture" && exec stat -c '%s %n' -- * background/* 2>/dev/null 9>&-)
  for name in "${order[@]}"; do
    json "${why_of[$name]}"
    printf -v entry '{"name":"%s","status":"%s","ms":%d,"why":%s' "$name" "${status_of[$name]}" "${ms_of[$name]}" "$REPLY"
    file=${file_of[$name]-}
    bytes=${size_of[${file:-/}]-}
    truncated=false
    if [[ $bytes ]] && ((bytes >= ${cap_of[$name]})); then truncated=true; fi
    json "${bytes:+$file}"
    entries+=("$entry,\"file\":$REPLY,\"bytes\":${bytes:-0},\"truncated\":$truncated}")
  done
  json "$caller"; caller_json=$REPLY
  json "$key"; key_json=$REPLY
  if { printf '{"id":"%s","verb":"%s","vmid":%s,"version":"%s","caller":%s,"key":%s,"pid":%s,"start_time":%s,"began_at":"%s","ended_at":"%s","steps":[%s]}\n' \
    "$id" "$verb" "$vmid" "$version" "$caller_json" "$key_json" "${pid:-null}" "${start:-null}" "$began_at" "$ended_at" \
    "${entries[*]}" >"$capture/manifest.json"; } 2>/dev/null; then
    evidence=$id
  else
    printf 'WARNING: evidence is incomplete: %s cannot be written.\n' "$capture"
  fi
}

is_of_a_verb() { # DIRECTORY of a capture
  [[ ${1##*Z-} != forensics* || -e $1/kept ]]
}

# Makes room for one more capture, before it is written. The oldest go first, by name; those that preceded a verb only for another
# such.
make_room() {
  local dir size line keep_here total=0 all=("$captures"/*Z-*) verbs=() looks=()
  local -A size_of=()
  take_over_old_captures
  all=("$captures"/*Z-*)
  if [[ ! -e ${all[0]} ]]; then return; fi
  for dir in "${all[@]}"; do if is_of_a_verb "$dir"; then verbs+=("$dir"); else looks+=("$dir"); fi; done
  if [[ $verb == forensics ]]; then
    drop looks "$((${#looks[@]} - keep_of_looks + 1))"
  else
    drop verbs "$((${#verbs[@]} - keep_of_verbs + 1))"
  fi
  ask 3000 du -sk -- "${looks[@]}" "${verbs[@]}"
  while IFS=$'\t' read -r size line; do
    if [[ $size =~ ^[0-9]+$ && $line ]]; then size_of[$line]=$size; total=$((total + size)); fi
  done <<<"$REPLY"
  # The host's room is shared by the VMs that have captures.
  dir=("$state"/captures/*/)
  keep_here=$((keep_kb / ${#dir[@]} - free_needed_mb * 1024))
  while ((total > keep_here && ${#looks[@]} > 0)); do total=$((total - ${size_of[${looks[0]}]:-0})); drop looks 1; done
  if [[ $verb == forensics ]]; then return; fi
  while ((total > keep_here && ${#verbs[@]} > 0)); do total=$((total - ${size_of[${verbs[0]}]:-0})); drop verbs 1; done
}

drop() { # NAME OF A LIST, HOW MANY of its first
  local -n of_list=$1
  if (($2 <= 0)); then return; fi
  rm -rf -- "${of_list[@]:0:$2}" 2>/dev/null 9>&-
  of_list=("${of_list[@]:$2}")
}

# Version 0.1.0 knew one VM, and had all captures in one directory: the manifest tells whose they are.
take_over_old_captures() {
  local dir line
  for dir in "$state"/captures/*Z-*; do
    { IFS= read -r line <"$dir/manifest.json"; } 2>/dev/null || continue
    if [[ $line == *'"vmid":'"$vmid,"* ]]; then mkdir -p -- "$captures" && mv -T -- "$dir" "$captures/${dir##*/}"; fi
  done 2>/dev/null
}

# The newest complete bundle of this VM, as tar.gz on stdout and nothing else.
stream_evidence() {
  local bundle newest=''
  take_over_old_captures
  for bundle in "$captures"/*/manifest.json; do
    if [[ -e $bundle ]]; then newest=${bundle%/manifest.json}; fi
  done
  if [[ -z $newest ]]; then audit evidence 'exit=1'; die 1 'no evidence yet'; fi
  audit evidence "exit=0 evidence=${newest##*/}"
  exec tar -czf - -C "$captures" "${newest##*/}"
}
