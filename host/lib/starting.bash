# shellcheck shell=bash disable=SC2154 # the globals are breakglass-pve's
# The start, once more where a second one may work, and what it must show: a QEMU process whose monitor says that the VM runs.

# A fresh QEMU that answers and does not run is given this long to begin.
readonly begin_limit_s=10

start_process() {
  local began_ms code left_ms
  section start
  limit_ms "$start_limit_s"; verify_until_ms=$REPLY
  now_ms; began_ms=$REPLY verify_until_ms=$((verify_until_ms + REPLY))
  run_qm "$start_limit_s" start
  code=$?
  if ((code != 0 && code != 124)) && may_work_now; then
    now_ms; left_ms=$((verify_until_ms - REPLY))
    if ((left_ms > 0)); then
      printf 'once more, %s\n' "$once_more"
      run_qm "$((left_ms / 10 / percent + 1))" start
      code=$?
    fi
  fi
  now_ms; durations+="\"start\":$((REPLY - began_ms)),"
  if ((code != 0)); then fail_of_qm start "$code"; fi
}

# A lock that somebody had meanwhile (qm waits 10 s for one that a cleanup may hold for 30), a device that was not free yet: a second try
# may work where the process is proven gone. It cannot where qm says what will not change by itself.
may_work_now() {
  local left_ms
  case $qm_said in
    *'already running'* | *'is locked'* | *'no quorum'* | *'a template'* | *'does not exist'* | *'unable to find'* | *'Unknown option'*) return 1 ;;
  esac
  read_process
  if [[ $pid ]]; then return 1; fi
  now_ms; left_ms=$((verify_until_ms - REPLY))
  if ((left_ms <= 0)); then return 1; fi
  once_more='because no process has come of it'
  if ! task_lock_is_free 0; then
    task_lock_is_free "$left_ms" || return 1
    once_more="because the lock of VM $vmid is free now"
  else
    scaled 2000; sleep "$REPLY" 9>&- 8>&-
  fi
  return 0
}

# Another pid or start time than before, or the same process where qm only had to let it run on. Start and this share start_limit_s.
verify_process() {
  local left_ms asleep_until_ms=0
  section verify
  while :; do
    now_ms; left_ms=$((verify_until_ms - REPLY))
    if ((left_ms <= 0)); then
      fail "VM $vmid was started, but no new running QEMU process is seen (state ${vm_state:-unknown}). It may still come: ask for status."
    fi
    read_process
    if [[ $pid && ( "$pid $start" != "$old_pid $old_start" || $verb == start ) ]]; then
      read_status now
      if [[ $vm_state == running && $qmp == answers ]]; then break; fi
      # What is being loaded from disk or from another node comes by itself.
      if [[ $qmp == answers && ${run_state_kind[$vm_state]-} != moving ]]; then
        if ((asleep_until_ms == 0)); then limit_ms "$begin_limit_s"; asleep_until_ms=$REPLY; now_ms; asleep_until_ms=$((asleep_until_ms + REPLY)); fi
        now_ms
        if ((REPLY > asleep_until_ms)); then
          new_pid=$pid
          finish 1 "VM $vmid was started (pid $pid), but it does not run: its state is $vm_state. To let it run, type on the host: qm resume $vmid"
        fi
      fi
    fi
    sleep 0.3 9>&- 8>&-
  done
  new_pid=$pid
  if [[ "$pid $start" == "$old_pid $old_start" ]]; then
    printf 'the same QEMU process %s; status: %s; QMP answers\n' "$pid" "$vm_state"
  else
    printf 'new QEMU process %s, start time %s; status: %s; QMP answers\n' "$pid" "$start" "$vm_state"
  fi
}
