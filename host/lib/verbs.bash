# shellcheck shell=bash disable=SC2154 # the globals are breakglass-pve's
# What the worker does for each verb. Every phase says its name and the time; the end is always one `finish`.

# `qm stop` escalates by itself, for up to 71 s on a wedged QEMU: the limit of a verb (120 s) does not allow to wait that long.
readonly kill_after_ms=20000
# Once qm says "stopped" (exit 0) the process has this long to be gone before we stop believing it.
readonly believe_qm_ms=2000

section() { printf -- '--- %s (%(%H:%M:%SZ)T) ---\n' "$1" -1; }

now_ms() { REPLY=$((${EPOCHREALTIME/./} / 1000)); }

carry_out() { # VERB
  # A vanished client, or a foreground that was hung up, changes nothing.
  trap '' PIPE HUP
  local pid='' start='' old_start=''
  if [[ $1 != forensics ]]; then trap '{ : >"$lock_file"; } 2>/dev/null' EXIT; fi
  "verb_$1"
}

verb_forensics() {
  capture_evidence
  read_status
  if [[ -z $evidence ]]; then finish 1 'No evidence could be kept.'; fi
  finish 0 "Evidence $evidence was captured."
}

verb_reset() {
  capture_evidence
  remember_process
  section reset
  if ! run_qm 15 reset; then fail 'qm reset failed'; fi
  read_process; new_pid=$pid
  read_status
  if [[ $qmp == silent ]]; then
    finish 0 "VM $vmid was asked to reset, but its QEMU process (the same, pid $pid) does not answer now: only a cycle helps."
  fi
  finish 0 "VM $vmid was reset: a warm restart in the same QEMU process (pid ${pid:-unknown}); staged configuration is not applied."
}

verb_stop() {
  capture_evidence
  remember_process
  stop_process
  read_status
  finish 0 "VM $vmid is stopped; its QEMU process is proven gone."
}

verb_start() {
  capture_evidence
  remember_process
  start_process
  verify_new_process
  finish 0 "VM $vmid was started (pid $new_pid)."
}

verb_cycle() {
  section startable
  find_refusal
  if [[ $refusal ]]; then fail "Not stopped, because it could not be started again: $refusal"; fi
  printf 'it can be started again: no config lock, quorum, no other task\n'
  capture_evidence
  remember_process
  if [[ $pid ]]; then stop_process; else printf 'VM %s is not running: nothing to stop\n' "$vmid"; fi
  start_process
  verify_new_process
  finish 0 "VM $vmid runs in a new QEMU process (pid ${old_pid:-none} -> $new_pid); staged configuration is applied."
}

fail() { # OUTCOME
  local outcome=$1
  read_status
  finish 1 "$outcome"
}

remember_process() { read_process; old_pid=$pid old_start=$start; }

# Runs `qm VERB VMID` with its output streamed and no lock of ours leaking into what it starts. 124: it has not returned.
run_qm() { # LIMIT_S VERB
  local job deadline_ms
  now_ms; deadline_ms=$((REPLY + $1 * 1000))
  "$qm" "$2" "$vmid" </dev/null 9>&- &
  job=$!
  while kill -0 "$job" 2>/dev/null; do
    now_ms
    if ((REPLY > deadline_ms)); then printf 'qm %s has not returned after %d s\n' "$2" "$1"; return 124; fi
    sleep 0.05 9>&-
  done
  wait "$job"
}

# Sets refusal to the reason why a start would fail, or to nothing. A config lock is never removed here: that is a person's.
find_refusal() {
  local config mode lock
  refusal=''
  if ! config=$(timeout -k 1 10 "$qm" config "$vmid" 2>&1 9>&-); then
    refusal="its configuration cannot be read: ${config:-no answer within 10 s}"
    return
  fi
  lock=$'\n'$config$'\n'
  if [[ $lock == *$'\nlock: '* ]]; then
    lock=${lock#*$'\nlock: '} lock=${lock%%$'\n'*}
    refusal="VM is locked ($lock). Wait for its task; if there is none and you know the lock is stale: qm unlock $vmid"
    return
  fi
  # pmxcfs takes the owner's write bit away when quorum is lost.
  if [[ -e $etc/pve/local ]] && mode=$(timeout -k 1 2 stat -L -c %A -- "$etc/pve/local" 9>&-) && [[ ${mode:2:1} != w ]]; then
    refusal='the cluster has no quorum (qm start would say: cluster not ready - no quorum?)'
    return
  fi
  if ! task_lock_is_free 0; then refusal="another task holds the lock of VM $vmid (see $proc/locks)"; fi
}

# qemu-server's own lock. It is asked for shared, and let go at once.
task_lock_is_free() { # WAIT_S
  local file=$lock_dir/qemu-server/lock-$vmid.conf
  if [[ ! -e $file ]]; then return 0; fi
  flock -s -w "$1" "$file" true 9>&-
}

# Asks qm, then kills if need be, then proves the death; anything else is the end.
stop_process() {
  local asked_ms job code='' returned_ms=0 checked='' waited_ms
  section stop
  printf 'qm stop %s; QEMU process %s, start time %s\n' "$vmid" "${pid:-none}" "${start:-none}"
  now_ms; asked_ms=$REPLY
  "$qm" stop "$vmid" </dev/null 9>&- &
  job=$!
  while :; do
    now_ms; waited_ms=$((REPLY - asked_ms))
    if [[ -z $code ]] && ! kill -0 "$job" 2>/dev/null; then wait "$job"; code=$? returned_ms=$waited_ms; fi
    if [[ -n $code || -n $pid ]] && { [[ -z $pid ]] || is_dead "$pid" "$start"; }; then break; fi
    if [[ -n $code && $code != 0 && -z $checked ]]; then
      # Perhaps somebody else works on this VM: then its process is not ours to kill.
      find_refusal; checked=yes
      if [[ $refusal ]]; then fail "qm stop failed (exit $code), and the process was not killed: $refusal"; fi
    fi
    if ((waited_ms > kill_after_ms)) || [[ $code == 0 && $((waited_ms - returned_ms)) -gt $believe_qm_ms ]]; then
      kill_process "$waited_ms" "$code"
      break
    fi
    if [[ -z $pid ]] && ((waited_ms > kill_after_ms)); then fail 'qm stop has not returned after 20 s.'; fi
    sleep 0.05 9>&-
  done
  if [[ -z $pid && $code != 0 ]]; then fail "qm stop failed (exit $code)."; fi
  section 'proof of death'
  printf 'process %s with start time %s is gone\n' "${pid:-none}" "${start:-none}"
  now_ms; durations+="\"stop\":$((REPLY - asked_ms)),"
  await_cleanup "$([[ $code ]] || printf '%s' "$job")"
}

kill_process() { # WAITED_MS QM_EXIT
  section kill
  printf 'process %s lives on after %d ms (qm stop: %s): SIGKILL\n' "$pid" "$1" "${2:-not returned}"
  if is_dead "$pid" "$start"; then return; fi # looked at last thing before the signal: never another process
  send_signal KILL "$pid"
  if ! wait_until_dead "$pid" "$start" 50; then
    fail "Process $pid survived SIGKILL: the host's kernel or storage holds it. Not starting a second one."
  fi
}

# After a kill `qm cleanup` may hold qemu-server's lock for up to 30 s, and a `qm stop` that we overtook still has it.
await_cleanup() { # JOB, empty when it has returned
  local left=100 # tenths of a second: with the 20 s below, the 30 that cleanup may take
  if [[ $1 ]]; then
    while kill -0 "$1" 2>/dev/null && ((left-- > 0)); do sleep 0.1 9>&-; done
    kill "$1" 2>/dev/null # our own child, which has nothing left to do
  fi
  task_lock_is_free 20 || printf 'another task still holds the lock of VM %s\n' "$vmid"
}

start_process() {
  local began_ms code
  section start
  now_ms; began_ms=$REPLY verify_until_ms=$((REPLY + 30000))
  run_qm 30 start
  code=$?
  now_ms; durations+="\"start\":$((REPLY - began_ms)),"
  if ((code != 0)); then fail "qm start failed (exit $code)."; fi
}

# A new process is another pid or start time than before, and QMP must answer in it. Start and this share 30 s.
verify_new_process() {
  section verify
  while :; do
    read_process
    if [[ $pid && "$pid $start" != "$old_pid $old_start" ]]; then
      read_status 5
      if [[ $vm_state == running && $qmp == answers ]]; then break; fi
    fi
    now_ms
    if ((REPLY > verify_until_ms)); then
      fail "VM $vmid was started, but no new running QEMU process is seen (state ${vm_state:-unknown})."
    fi
    sleep 0.3 9>&-
  done
  new_pid=$pid
  printf 'new QEMU process %s, start time %s; status: %s; QMP answers\n' "$pid" "$start" "$vm_state"
}
