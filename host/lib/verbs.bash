# shellcheck shell=bash disable=SC2154 # the globals are breakglass-pve's
# What the worker does for each verb. Every phase says its name and the time; the end is always one `finish`.

# The budget of a cycle, in seconds; forensics.bash has its second term. Together they stay below the 120 s of a verb, whatever
# hangs (host/test/budget.bats).
readonly startable_limit_s=8
# `qm stop` escalates by itself, for up to 71 s on a wedged QEMU: too long to wait for. SIGKILL comes this long after it was
# asked, and death is expected within the rest of stop_limit_s.
readonly kill_after_s=20 stop_limit_s=22
# `qm cleanup` may hold qemu-server's lock for 30 s after a kill; the memory of a large VM takes seconds to give back, too.
readonly cleanup_limit_s=30
readonly start_limit_s=30 # and what verifies the new process shares it
readonly final_look_s=5   # at a VM of which a verb has failed
# Once qm says "stopped" (exit 0) the process has this long to be gone before we stop believing it.
readonly believe_qm_ms=2000

section() { printf -- '--- %s (%(%H:%M:%SZ)T) ---\n' "$1" -1; }

limit_ms() { REPLY=$(($1 * 10 * percent)); } # SECONDS, as scaled milliseconds

carry_out() { # VERB
  # A vanished client, or a foreground that was hung up, changes nothing.
  trap '' PIPE HUP
  local pid='' start='' old_start=''
  if [[ $1 != forensics ]]; then trap '{ : >"$lock_file"; } 2>/dev/null' EXIT; fi
  "verb_$1"
}

verb_forensics() {
  capture_evidence
  read_status now
  if [[ -z $evidence ]]; then finish 1 'No evidence could be kept.'; fi
  finish 0 "Evidence $evidence was captured."
}

verb_reset() {
  capture_evidence
  remember_process
  section reset
  if ! run_qm 15 reset; then fail 'qm reset failed.'; fi
  read_process; new_pid=$pid
  read_status now
  if [[ $qmp == silent ]]; then
    finish 0 "VM $vmid was asked to reset, but its QEMU process (the same, pid $pid) does not answer now: only a cycle helps."
  fi
  finish 0 "VM $vmid was reset: a warm restart in the same QEMU process (pid ${pid:-unknown}); staged configuration is not applied."
}

verb_stop() {
  read_ha
  capture_evidence
  remember_process
  stop_process
  read_status now
  finish 0 "VM $vmid is stopped; its QEMU process is proven gone."
}

verb_start() {
  section startable
  find_refusal
  if [[ $refusal ]]; then fail "Not started: $refusal"; fi
  tell_startable
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
  tell_startable
  capture_evidence
  remember_process
  if [[ $pid ]]; then stop_process; else printf 'VM %s is not running: nothing to stop\n' "$vmid"; fi
  start_process
  verify_new_process
  finish 0 "VM $vmid runs in a new QEMU process (pid ${old_pid:-none} -> $new_pid); staged configuration is applied."
}

tell_startable() {
  printf 'it can be started: no config lock, quorum %s, no other task\n' "$quorum"
  if [[ $ha == managed ]]; then printf 'VM %s is HA-managed: start and stop are requests to the HA manager\n' "$vmid"; fi
}

fail() { # OUTCOME
  local outcome=$1
  read_status now
  finish 1 "$outcome"
}

remember_process() { read_process; old_pid=$pid old_start=$start; }

# Runs `qm VERB VMID` with its output streamed and no lock of ours leaking into what it starts. 124: it has not returned.
run_qm() { # LIMIT_S VERB
  local job deadline_ms
  limit_ms "$1"; deadline_ms=$REPLY
  now_ms; deadline_ms=$((deadline_ms + REPLY))
  "$qm" "$2" "$vmid" </dev/null 9>&- &
  job=$!
  while kill -0 "$job" 2>/dev/null; do
    now_ms
    if ((REPLY > deadline_ms)); then printf 'qm %s has not returned after %d s\n' "$2" "$1"; return 124; fi
    sleep 0.05 9>&-
  done
  wait "$job"
}

# Sets refusal to the reason why a start would fail, or to nothing; quorum and ha on the way. A config lock is never removed
# here: that is a person's.
find_refusal() {
  refusal='' quorum=unknown ha=unknown
  read_vm_config
  if [[ $config_lock ]]; then find_lock_task; fi
  if [[ $config_state != read ]]; then
    refusal="its configuration cannot be read: $config_trouble"
  elif [[ $config_lock && $lock_task ]]; then
    refusal="VM is locked ($config_lock) by a task that is running, $lock_task: wait for it"
  elif [[ $config_lock ]]; then
    refusal="VM is locked ($config_lock), and no running task is seen that owns the lock. If you know that it is stale, type on the host: qm unlock $vmid"
  else
    read_quorum
    find_flock_holder
    if [[ $quorum == no ]]; then
      refusal='the cluster has no quorum (qm start would say: cluster not ready - no quorum?)'
    elif [[ $flock_by ]]; then
      refusal="another task holds the lock of VM $vmid: $flock_by"
    elif stuck_in_d; then
      refusal="threads of its QEMU process hang in the host's kernel (D state: $REPLY), where no signal reaches them: look at the host's storage"
    else
      read_ha
    fi
  fi
}

# A thread that was in D state in two looks, a second apart; sets REPLY to those of the second look.
stuck_in_d() {
  local pid start
  read_process
  if [[ -z $pid ]] || ! threads_in_d "$pid"; then return 1; fi
  scaled 1000; sleep "$REPLY" 9>&-
  threads_in_d "$pid"
}

# Asks qm, then kills if need be, then proves the death; anything else is the end.
stop_process() {
  local asked_ms job code='' returned_ms=0 checked='' killed='' waited_ms kill_after_ms until_ms
  section stop
  printf 'qm stop %s; QEMU process %s, start time %s\n' "$vmid" "${pid:-none}" "${start:-none}"
  limit_ms "$kill_after_s"; kill_after_ms=$REPLY
  now_ms; asked_ms=$REPLY
  limit_ms "$((stop_limit_s + cleanup_limit_s))"; until_ms=$((asked_ms + REPLY))
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
    # An HA manager was only asked: its own stop comes later.
    if ((waited_ms > kill_after_ms)) || [[ $code == 0 && $ha != managed && $((waited_ms - returned_ms)) -gt $believe_qm_ms ]]; then
      if [[ -z $pid ]]; then fail "qm stop has not returned after $kill_after_s s."; fi
      kill_process "$waited_ms" "$code"
      break
    fi
    sleep 0.05 9>&-
  done
  if [[ -z $pid && $code != 0 ]]; then fail "qm stop failed (exit $code)."; fi
  section 'proof of death'
  printf 'process %s with start time %s is gone\n' "${pid:-none}" "${start:-none}"
  now_ms; durations+="\"stop\":$((REPLY - asked_ms)),"
  await_cleanup "$([[ $code ]] || printf '%s' "$job")" "$until_ms"
}

# Death may take the whole of what cleanup has: a large VM's memory is given back by the dying process.
kill_process() { # WAITED_MS QM_EXIT
  local soon_ms
  section kill
  printf 'process %s lives on after %d ms (qm stop: %s): SIGKILL\n' "$pid" "$1" "${2:-not returned}"
  if is_dead "$pid" "$start"; then return; fi # looked at last thing before the signal: never another process
  send_signal KILL "$pid"
  killed=yes
  limit_ms "$((stop_limit_s - kill_after_s))"; soon_ms=$REPLY
  now_ms; soon_ms=$((soon_ms + REPLY))
  if wait_until_dead "$pid" "$start" "$soon_ms"; then return; fi
  printf 'process %s is still ending\n' "$pid"
  if ! wait_until_dead "$pid" "$start" "$until_ms"; then
    fail "Process $pid survived SIGKILL: the host's kernel or storage holds it. Not starting a second one."
  fi
}

# After a kill `qm cleanup` may hold qemu-server's lock for up to 30 s, and a `qm stop` that we overtook still has it.
await_cleanup() { # JOB, empty when it has returned; UNTIL_MS
  local overtaken_ms
  now_ms; overtaken_ms=$(((REPLY + $2) / 2))
  if [[ $1 ]]; then
    while kill -0 "$1" 2>/dev/null; do
      now_ms
      if ((REPLY > overtaken_ms)); then kill "$1" 2>/dev/null; break; fi # our own child, which has nothing left to do
      sleep 0.1 9>&-
    done
  fi
  # qmeventd starts the cleanup when it has seen the death: a lock that is free at once may be one that is not taken yet.
  if [[ $killed ]]; then scaled 1000; sleep "$REPLY" 9>&-; fi
  now_ms
  task_lock_is_free "$(($2 > REPLY ? $2 - REPLY : 0))" || { find_flock_holder; printf 'another task still holds the lock of VM %s: %s\n' "$vmid" "$flock_by"; }
}

start_process() {
  local began_ms code left_ms
  section start
  limit_ms "$start_limit_s"; verify_until_ms=$REPLY
  now_ms; began_ms=$REPLY verify_until_ms=$((verify_until_ms + REPLY))
  run_qm "$start_limit_s" start
  code=$?
  now_ms; left_ms=$((verify_until_ms - REPLY))
  # qm waits 10 s for a lock that a cleanup may hold for 30: once more, when that has ended.
  if ((code != 0 && code != 124 && left_ms > 0)) && ! task_lock_is_free 0 && task_lock_is_free "$left_ms"; then
    printf 'the lock of VM %s is free now: once more\n' "$vmid"
    now_ms; left_ms=$((verify_until_ms - REPLY))
    run_qm "$((left_ms / 10 / percent + 1))" start
    code=$?
  fi
  now_ms; durations+="\"start\":$((REPLY - began_ms)),"
  if ((code != 0)); then fail "qm start failed (exit $code)."; fi
}

# A new process is another pid or start time than before, and QMP must answer in it. Start and this share start_limit_s.
verify_new_process() {
  local left_ms
  section verify
  while :; do
    now_ms; left_ms=$((verify_until_ms - REPLY))
    if ((left_ms <= 0)); then
      fail "VM $vmid was started, but no new running QEMU process is seen (state ${vm_state:-unknown})."
    fi
    read_process
    if [[ $pid && "$pid $start" != "$old_pid $old_start" ]]; then
      read_status now
      if [[ $vm_state == running && $qmp == answers ]]; then break; fi
    fi
    sleep 0.3 9>&-
  done
  new_pid=$pid
  printf 'new QEMU process %s, start time %s; status: %s; QMP answers\n' "$pid" "$start" "$vm_state"
}
