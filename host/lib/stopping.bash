# shellcheck shell=bash disable=SC2154 # the globals are breakglass-pve's
# The end of a QEMU process: asked of qm, forced if need be, and proven.

# `qm stop` escalates by itself, for up to 71 s on a wedged QEMU: too long to wait for. SIGKILL comes this long after it was
# asked, and death is expected within the rest of stop_limit_s.
readonly kill_after_s=20 stop_limit_s=22
# Once qm says "stopped" (exit 0) the process has this long to be gone before we stop believing it.
readonly believe_qm_ms=2000
# Where qm can do nothing: a QEMU that hears SIGTERM writes out what it has and ends.
readonly terminate_limit_s=10

# Asks qm, then kills if need be, then proves the death; anything else is the end of the verb.
stop_process() {
  local asked_ms job='' code='' returned_ms=0 checked='' waited_ms kill_after_ms
  section stop
  printf 'qm stop %s; QEMU process %s, start time %s\n' "$vmid" "${pid:-none}" "${start:-none}"
  if [[ $config_state == hangs || $config_state == gone ]]; then stop_without_qm; return; fi
  limit_ms "$kill_after_s"; kill_after_ms=$REPLY
  now_ms; asked_ms=$REPLY
  begin_qm stop ${overrule:+--overrule-shutdown 1}
  job=$!
  while :; do
    now_ms; waited_ms=$((REPLY - asked_ms))
    if [[ -z $code ]] && ! kill -0 "$job" 2>/dev/null; then
      wait "$job"; code=$? returned_ms=$waited_ms
      end_qm
      if [[ $overrule && $code != 0 && $qm_said == *overrule-shutdown* ]]; then
        # A qm that does not know the option, as before Proxmox VE 8.2.
        overrule='' overruled='' code=''
        printf 'this qm cannot overrule a shutdown: it is waited for\n'
        begin_qm stop
        job=$!
        continue
      fi
    fi
    if [[ -n $code || -n $pid ]] && { [[ -z $pid ]] || is_dead "$pid" "$start"; }; then break; fi
    if [[ -n $code && $code != 0 && -z $checked ]]; then
      # Perhaps somebody else works on this VM: then its process is not ours to kill.
      find_worker; checked=yes
      if [[ $worker_named ]]; then fail "qm stop failed (exit $code${qm_said:+: $qm_said}), and the process was not killed: $worker_named"; fi
    fi
    # An HA manager was only asked: its own stop comes later.
    if ((waited_ms > kill_after_ms)) || [[ $code == 0 && $ha != managed && $((waited_ms - returned_ms)) -gt $believe_qm_ms ]]; then
      if [[ -z $pid ]]; then fail "qm stop has not returned after $kill_after_s s."; fi
      kill_process "$waited_ms" "$code"
      break
    fi
    sleep 0.05 9>&- 8>&-
  done
  if [[ -z $pid && $code != 0 ]]; then fail_of_qm stop "$code"; fi
  # One that we overtook has nothing left to do, and may hold the lock until it finds out.
  overtaken_qm=${code:+none} overtaken_qm=${overtaken_qm:-$job}
  prove_death "$asked_ms"
}

prove_death() { # ASKED_MS
  section 'proof of death'
  printf 'process %s with start time %s is gone\n' "${pid:-none}" "${start:-none}"
  now_ms; durations+="\"stop\":$((REPLY - $1)),"
}

# Without the cluster's file system qm does nothing at all, and a VM that must be off must be off: its process is ended here, unless a
# task of this node is at work on it.
stop_without_qm() {
  local asked_ms soon_ms
  now_ms; asked_ms=$REPLY
  printf '%s: qm cannot stop anything\n' "$config_trouble"
  if [[ -z $pid ]]; then fail "VM $vmid has no QEMU process on this node, and $config_trouble."; fi
  find_worker
  if [[ $worker_named ]]; then fail "Not stopped: $worker_named"; fi
  section terminate
  printf 'SIGTERM to process %s\n' "$pid"
  if ! is_dead "$pid" "$start"; then send_signal TERM "$pid"; fi
  limit_ms "$terminate_limit_s"; soon_ms=$REPLY
  now_ms; soon_ms=$((soon_ms + REPLY))
  if ! wait_until_dead "$pid" "$start" "$soon_ms"; then kill_process "$((terminate_limit_s * 1000))" 'not asked'; fi
  overtaken_qm=none
  prove_death "$asked_ms"
}

# Who else is at work on this VM: sets worker_named to a clause, or to nothing. What cannot be read is no worker, but is said.
find_worker() {
  local upid type id task_pid task_start task_since task_user
  worker_named=''
  read_vm_config
  if [[ $config_lock ]]; then
    refusal=''
    refuse_for_lock
    worker_named=${refusal:-VM is locked ($config_lock)}
    return
  fi
  find_flock_holder
  if [[ $flock_by && $flock_kind != cleanup ]]; then worker_named="another task holds the lock of VM $vmid: $flock_by"; return; fi
  if [[ $config_state == read || ! -r $log_dir/pve/tasks/active ]]; then return; fi
  while read -r upid _; do
    parse_upid "$upid" || continue
    case $id:$type in "$vmid":vncproxy | "$vmid":vncshell | "$vmid":spiceproxy) continue ;; "$vmid":* | :vzdump) ;; *) continue ;; esac
    if ! read_start "$task_pid" || [[ $REPLY != "$task_start" ]]; then continue; fi
    if [[ ! $id ]]; then read_backup_log "$upid"; if [[ $REPLY == elsewhere ]]; then continue; fi; fi
    worker_named="a task is at work on VM $vmid, and its configuration cannot be read: $upid"
    return
  done <"$log_dir/pve/tasks/active"
}

# Death may take the whole of what cleanup has: a large VM's memory is given back by the dying process.
kill_process() { # WAITED_MS QM_EXIT
  local soon_ms until_ms
  section kill
  printf 'process %s lives on after %d ms (qm stop: %s): SIGKILL\n' "$pid" "$1" "${2:-not returned}"
  if is_dead "$pid" "$start"; then return; fi # looked at last thing before the signal: never another process
  send_signal KILL "$pid"
  limit_ms "$((stop_limit_s - kill_after_s))"; soon_ms=$REPLY
  now_ms; soon_ms=$((soon_ms + REPLY))
  if wait_until_dead "$pid" "$start" "$soon_ms"; then return; fi
  printf 'process %s is still ending\n' "$pid"
  limit_ms "$cleanup_limit_s"; until_ms=$REPLY
  now_ms; until_ms=$((until_ms + REPLY))
  # Of the cleanup's time, which begins only now.
  if ! wait_until_dead "$pid" "$start" "$until_ms"; then
    fail "Process $pid survived SIGKILL: the host's kernel or storage holds it. Not starting a second one."
  fi
}

# After the end of a QEMU, also an orderly one, `qm cleanup` holds qemu-server's lock for up to 30 s (and waits 60 s for it); newer versions
# mark that it is due. A `qm stop` that we overtook may have the lock still.
await_cleanup() {
  local until_ms overtaken_ms told=''
  limit_ms "$cleanup_limit_s"; until_ms=$REPLY
  now_ms; overtaken_ms=$((REPLY + until_ms / 2)) until_ms=$((until_ms + REPLY))
  if [[ ${overtaken_qm:-none} != none ]]; then
    while kill -0 "$overtaken_qm" 2>/dev/null; do
      now_ms
      if ((REPLY > overtaken_ms)); then kill "$overtaken_qm" 2>/dev/null; break; fi # our own child
      sleep 0.1 9>&- 8>&-
    done
    end_qm
    overtaken_qm=none
  fi
  # qmeventd starts the cleanup when it has seen the death: a lock that is free at once may be one that is not taken yet.
  if [[ $old_pid ]]; then scaled 1000; sleep "$REPLY" 9>&- 8>&-; fi
  while now_ms; ((REPLY < until_ms)); do
    if [[ ! -e $run/qemu-server/$vmid.cleanup ]] && task_lock_is_free 0; then return; fi
    if [[ ! $told ]]; then
      told=yes
      printf 'qm cleanup of VM %s may be at work: it is waited for, up to %d s\n' "$vmid" "$cleanup_limit_s"
    fi
    sleep 0.1 9>&- 8>&-
  done
  find_flock_holder
  printf 'the cleanup of VM %s has not ended within %d s%s\n' "$vmid" "$cleanup_limit_s" "${flock_by:+; the lock is held by $flock_by}"
}
