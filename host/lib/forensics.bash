# shellcheck shell=bash disable=SC2154 # the globals are breakglass-pve's
# The capture that runs before every mutating verb. Each step is a child with its own time limit and output cap; a group of
# steps runs in parallel; what outlives its limit is abandoned, never waited for. Storage paths are never touched: a dead
# NFS hangs even `ls`. Whatever fails here is said and recorded, and the verb goes on.

readonly forensics_limit_s=20 sample_gap_s=2 keep_captures=20

# The steps: step NAME LIMIT_S CAP COMMAND…  Add one by adding a line. CAP in bytes; `end:N` keeps the last N instead.
first_group() {
  step identity 1 64K head -c 8K -- "$run/qemu-server/$vmid.pid" "$proc/$pid/cmdline" "$proc/$pid/cgroup"
  process_steps a
  step sample-a 4 1M "$qm" status "$vmid" --verbose
  step config 3 64K "$qm" config "$vmid" --current 1
  step pending 3 64K "$qm" pending "$vmid"
  step agent-ping 4 4K "$qm" guest cmd "$vmid" ping
  step kernel-log 2 end:256K "$dmesg"
  step pressure 1 256K head -c 64K -- "$proc"/pressure/* "$proc/meminfo" "$proc/loadavg"
  step locks 1 64K head -c 64K -- "$proc/locks"
}

# sample_gap_s after the first: what stands still between the samples is what has stalled.
second_group() {
  process_steps b
  step sample-b 4 1M "$qm" status "$vmid" --verbose
}

process_steps() { # SAMPLE
  step "process-$1" 2 512K head -c 16K -- "$proc/$pid/status" "$proc/$pid/io" "$proc/$pid/stat"
  step "tasks-$1" 2 512K head -c 4K -- "$proc/$pid"/task/*/comm "$proc/$pid"/task/*/stat "$proc/$pid"/task/*/wchan
}

# Runs the capture; sets evidence to its id, empty when nothing could be kept. Never fails.
capture_evidence() {
  local began_us=${EPOCHREALTIME/./} pid start pause id
  local -A step_of=() step_began_us=()
  local -a manifest=()
  section forensics
  read_process
  if ! make_capture_dir; then
    printf 'WARNING: no evidence: %s cannot be written. Going on without.\n' "$state/captures"
    return
  fi
  sleep "$sample_gap_s" 9>&- &
  pause=$!
  first_group
  await_steps
  if [[ $pid ]]; then
    wait "$pause"
    second_group
    await_steps
    compare_samples
  fi
  show_staged
  write_manifest
  forget_old_captures
  durations+="\"forensics\":$(((${EPOCHREALTIME/./} - began_us) / 1000)),"
  printf 'evidence: %s\n' "${evidence:-none}"
}

make_capture_dir() {
  local base try
  mkdir -p "$state/captures" 2>/dev/null # 0700, by the umask
  local now_us=${EPOCHREALTIME/./} # with milliseconds: the newest is the last by name
  printf -v base '%(%Y%m%dT%H%M%S)T.%03dZ-%s' "$((now_us / 1000000))" "$((now_us / 1000 % 1000))" "$verb"
  for try in '' .2 .3 .4; do
    id=$base$try
    capture=$state/captures/$id
    # A full disk makes directories and refuses bytes: try both.
    if mkdir "$capture" 2>/dev/null; then
      if { printf '%s\n' "$id" >"$capture/id"; } 2>/dev/null; then return 0; fi
      rm -rf -- "$capture" 2>/dev/null
      return 1
    fi
  done
  return 1
}

# A step that names a file of the QEMU process is skipped where there is none ($proc//…).
step() { # NAME LIMIT_S CAP COMMAND…
  local name=$1 limit_s=$2 cap=$3 keep=(head -c)
  shift 3
  if [[ $cap == end:* ]]; then keep=(tail -c) cap=${cap#end:}; fi
  if [[ -z $pid && "$*" == *"$proc//"* ]]; then
    record "$name" skipped 0 'no QEMU process'
    return
  fi
  if ! type -P -- "$1" >/dev/null; then
    record "$name" skipped 0 "no ${1##*/} here"
    return
  fi
  {
    trap - PIPE # the worker ignores it; a step that is cut off at its cap should just end
    timeout -k 1 "$limit_s" "$@" 2>&1 </dev/null | "${keep[@]}" "$cap" >"$capture/$name.txt" 2>/dev/null
    exit "${PIPESTATUS[0]}"
  } 9>&- &
  step_of[$!]=$name
  step_began_us[$!]=${EPOCHREALTIME/./}
}

# Takes the steps as they finish, until none is left or the whole budget is used up.
await_steps() {
  local watchdog finished code ms left_s=$((forensics_limit_s - (${EPOCHREALTIME/./} - began_us) / 1000000))
  sleep "$((left_s > 0 ? left_s : 0))" 9>&- &
  watchdog=$!
  while ((${#step_of[@]} > 0)); do
    wait -n -p finished "$watchdog" "${!step_of[@]}"
    code=$?
    if [[ ${finished:-$watchdog} == "$watchdog" ]]; then break; fi
    ms=$(((${EPOCHREALTIME/./} - step_began_us[$finished]) / 1000))
    case $code in
      0 | 141) record "${step_of[$finished]}" ok "$ms" ;;
      124 | 137) record "${step_of[$finished]}" timeout "$ms" ;;
      *) record "${step_of[$finished]}" error "$ms" "exit $code" ;;
    esac
    unset "step_of[$finished]"
  done
  for finished in "${!step_of[@]}"; do
    record "${step_of[$finished]}" timeout "$((forensics_limit_s * 1000))" abandoned
    unset "step_of[$finished]"
  done
  kill "$watchdog" 2>/dev/null
}

record() { # NAME STATUS MS [WHY]
  local why
  printf '  %-12s %-8s %5d ms  %s\n' "$1" "$2" "$3" "${4-}"
  json "${4-}"; why=$REPLY
  manifest+=("{\"name\":\"$1\",\"status\":\"$2\",\"ms\":$3,\"why\":$why}")
}

# What a person looks for first: did the guest's disk move between the two samples?
compare_samples() {
  local key a b
  for key in diskread diskwrite; do
    a=$(sample_value a "$key") b=$(sample_value b "$key")
    if [[ $a && $b ]]; then
      printf '%s: %s -> %s (%+d bytes between the samples)\n' "$key" "$a" "$b" "$((b - a))"
    else
      printf '%s: not told: QMP does not answer\n' "$key"
    fi
  done
}

# What only a fresh QEMU process would apply. `qm pending` prints `cur KEY: VALUE`, `new KEY: VALUE`, `del KEY`.
show_staged() {
  local kind key value
  local -A current=()
  while IFS=' ' read -r kind key value; do
    key=${key%:}
    case $kind in
      cur) current[$key]=$value ;;
      new) printf 'staged: %s: %s -> %s\n' "$key" "${current[$key]-none}" "$value" ;;
      del) printf 'staged: %s: %s -> removed\n' "$key" "${current[$key]-none}" ;;
    esac
  done 2>/dev/null <"$capture/pending.txt"
}

sample_value() { # SAMPLE KEY
  local name value
  while IFS=' ' read -r name value; do
    if [[ $name == "$2:" && $value =~ ^[0-9]+$ ]]; then printf '%s' "$value"; fi
  done 2>/dev/null <"$capture/sample-$1.txt"
}

write_manifest() {
  local IFS=,
  json "$caller"
  if { printf '{"id":"%s","verb":"%s","vmid":%s,"version":"%s","caller":%s,"pid":%s,"start_time":%s,"steps":[%s]}\n' \
    "$id" "$verb" "$vmid" "$version" "$REPLY" "${pid:-null}" "${start:-null}" "${manifest[*]}" >"$capture/manifest.json"; } 2>/dev/null; then
    evidence=$id
  else
    printf 'WARNING: evidence is incomplete: %s cannot be written.\n' "$capture"
  fi
}

forget_old_captures() {
  local all=("$state"/captures/*Z-*)
  if ((${#all[@]} > keep_captures)); then rm -rf -- "${all[@]:0:${#all[@]}-keep_captures}"; fi
}
