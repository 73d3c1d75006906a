# shellcheck shell=bash disable=SC2154 # the globals are breakglass-pve's
# Verbs run detached: in a session of their own with output to a file. The SSH connection only watches that file, so a vanished
# client changes nothing.

# Opens a file for the worker's output; sets output, empty when none can be written. Keeps the newest 20 for people who lost
# their connection in the middle.
open_output() {
  local dir=$run/breakglass old
  output=''
  old=("$dir"/*.out)
  if ((${#old[@]} >= 20)); then rm -f -- "${old[@]:0:${#old[@]}-19}"; fi
  printf -v output '%s/%(%Y%m%dT%H%M%SZ)T-%s-%d.out' "$dir" -1 "$verb" "$$"
  { printf '%s of VM %s for %s, %(%Y-%m-%dT%H:%M:%SZ)T\n' "$verb" "$vmid" "$caller" -1 >"$output"; } 2>/dev/null || output=''
}

# Sets key to the fingerprint of the key that logged in, where sshd tells it (ExposeAuthInfo yes). The file is sshd's, and gone
# with the session; it holds "publickey TYPE BLOB". An account's own process may name a file of its own: then only a key that opens
# this account is believed.
read_key() {
  local method text='' keys_of_account=''
  if [[ ! -f $SSH_USER_AUTH ]]; then return; fi
  { read -r method text <"$SSH_USER_AUTH"; } 2>/dev/null
  if [[ ${method-} != publickey ]]; then return; fi
  if [[ ${SUDO_USER-} ]]; then
    { keys_of_account=$(<"$etc/breakglass/authorized_keys/$SUDO_USER"); } 2>/dev/null
    if [[ ! $text =~ ^[a-z0-9@.-]+\ [A-Za-z0-9+/]{40,}=*$ || $keys_of_account != *" $text "* ]]; then return; fi
  fi
  if ask 2000 bash -c 'ssh-keygen -lf - <<<"$0"' "$text" && [[ $REPLY =~ (SHA256:[A-Za-z0-9+/]+) ]]; then key=${BASH_REMATCH[1]}; fi
}

# A session of its own outlives the connection. Where systemd runs and answers, a scope of its own outlives also what ends
# the cgroup of the SSH session (KillUserProcesses, a restart of sshd). A scope, not a service: the lock on fd 9 is inherited.
in_scope() {
  [[ -d $run/systemd/system ]] && type -P "${bin}systemd-run" >/dev/null || return 1
  ask 2000 "${bin}systemctl" is-active init.scope
}

# Starts the worker with its output in the file; sets worker_pid. Whatever is wrong with systemd, the worker runs.
start_worker() {
  local command=(setsid /bin/bash -p -- "$self" --clean --worker "$key" "${arguments[@]}") tries=60
  if in_scope; then
    "${bin}systemd-run" --quiet --collect --scope --unit "breakglass-$vmid-$verb-$$" -- "${command[@]}" </dev/null >>"$output" 2>&1 6>&- &
    worker_pid=$!
    until worker_began || ((tries-- == 0)); do
      if ! kill -0 "$worker_pid" 2>/dev/null; then break; fi
      sleep 0.05 9>&-
    done
    if worker_began || kill -0 "$worker_pid" 2>/dev/null; then return; fi
    printf 'systemd gives no scope: going on without\n' >>"$output"
  fi
  "${command[@]}" </dev/null >>"$output" 2>&1 6>&- &
  worker_pid=$!
}

worker_began() { # its first line is a section
  local line
  while IFS= read -r line; do if [[ $line == '--- '* ]]; then return 0; fi; done <"$output"
  return 1
}

run_detached() {
  local code last='' line worker_pid
  begin_answer
  if [[ $verb != forensics ]]; then take_lock; fi
  read_key
  audit "$verb" begins
  open_output
  if [[ -z $output ]]; then
    printf 'breakglass-pve: warning: no output file below %s, following directly\n' "$run" >&2
    setsid /bin/bash -p -- "$self" --clean --worker "$key" "${arguments[@]}" </dev/null 6>&- & # it ignores SIGPIPE
    worker_pid=$!
    exec 9>&-
    wait "$worker_pid"
    exit "$?"
  fi
  start_worker
  exec 9>&- # the worker holds the lock now
  tail -n +1 -s 0.1 --pid="$worker_pid" -f -- "$output" 2>/dev/null
  wait "$worker_pid"
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
