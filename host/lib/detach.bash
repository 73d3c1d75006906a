# shellcheck shell=bash disable=SC2154 # the globals are breakglass-pve's
# Mutating verbs run one at a time per VM, and detached: in a session of their own with output to a file. The SSH
# connection only watches that file, so a vanished client changes nothing.

# Takes the lock on fd 9, or ends with 75. On a file system that cannot make the lock file the script itself is the lock.
take_lock() {
  if ! { exec 9<>"$lock_file"; } 2>/dev/null; then exec 9<"$self"; fi
  if flock -n 9; then
    { printf '%s %s %s\n' "$verb" "$caller" "$EPOCHSECONDS" >"$lock_file"; } 2>/dev/null
    return
  fi
  describe_holder
  printf 'breakglass-pve: busy: %s\n' "$REPLY" >&2
  finish 75 "Not done: another verb is running: $REPLY."
}

# Opens a file for the worker's output; sets output, empty when none can be written. Keeps the newest 20 for people who lost
# their connection in the middle.
open_output() {
  local dir=$run/breakglass old
  output=''
  mkdir -p "$dir" 2>/dev/null
  old=("$dir"/*.out)
  if ((${#old[@]} >= 20)); then rm -f -- "${old[@]:0:${#old[@]}-19}"; fi
  printf -v output '%s/%(%Y%m%dT%H%M%SZ)T-%s-%d.out' "$dir" -1 "$verb" "$$"
  { printf '%s of VM %s for %s, %(%Y-%m-%dT%H:%M:%SZ)T\n' "$verb" "$vmid" "$caller" -1 >"$output"; } 2>/dev/null || output=''
}

run_detached() {
  local code last='' line
  local command=(setsid /bin/bash -p -- "$self" --clean --worker "${arguments[@]}")
  if [[ $verb != forensics ]]; then take_lock; fi
  audit "$verb" begins
  open_output
  if [[ -z $output ]]; then
    printf 'breakglass-pve: warning: no output file below %s, following directly\n' "$run" >&2
    "${command[@]}" </dev/null & # it ignores SIGPIPE
    exec 9>&-
    wait "$!"
    exit "$?"
  fi
  "${command[@]}" </dev/null >>"$output" 2>&1 &
  exec 9>&- # the worker holds the lock now
  tail -n +1 -s 0.1 --pid="$!" -f -- "$output" 2>/dev/null
  wait "$!"
  code=$?
  while IFS= read -r line; do last=$line; done <"$output"
  if [[ $last != BREAKGLASS-RESULT* ]]; then
    finish 1 "The $verb ended without a result (code $code): ask for status."
  fi
  if ((code != 0)); then
    last=${last#*\"outcome\":\"}
    printf 'breakglass-pve: %s: %s\n' "$verb" "${last%%\",\"vm_state\"*}" >&2
  fi
  exit "$code"
}
