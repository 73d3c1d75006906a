# shellcheck shell=bash disable=SC2154 # the globals are breakglass-pve's
# What the worker does for each verb. Every phase says its name and the time; the end is always one `finish`.

readonly final_look_s=8 # at a VM of which a verb has failed
readonly reset_limit_s=15

section() { printf -- '--- %s (%(%H:%M:%SZ)T) ---\n' "$1" -1; }

limit_ms() { REPLY=$(($1 * 10 * percent)); } # SECONDS, as scaled milliseconds

carry_out() { # VERB
  # A vanished client, or a foreground that was hung up, changes nothing.
  trap '' PIPE HUP
  local pid='' start='' old_start='' resumes='' overrule='' qm_said=''
  if [[ $1 != forensics ]]; then trap let_lock_go EXIT; fi
  "verb_$1"
}

# What the whole may take at most, for whoever waits: announced before anything slow begins. SECONDS are of what this verb does besides
# its evidence (and the wait for somebody else's) and a last look.
announce_limit() { # SECONDS
  printf 'BREAKGLASS-LIMIT {"verb":"%s","vm":%d,"seconds":%d}\n' "$verb" "$vmid" "$(($1 + 2 * forensics_limit_s + 2 + final_look_s))"
}

verb_forensics() {
  announce_limit 0
  capture_evidence
  read_status now
  if [[ -z $evidence ]]; then finish 1 'No evidence could be kept.'; fi
  finish 0 "Evidence $evidence was captured."
}

verb_reset() {
  announce_limit "$reset_limit_s"
  capture_evidence
  remember_process
  section reset
  run_qm "$reset_limit_s" reset || fail_of_qm reset "$?"
  read_process; new_pid=$pid
  read_status now
  if [[ $qmp == silent ]]; then
    finish 0 "VM $vmid was asked to reset, but its QEMU process (the same, pid $pid) does not answer now: only a cycle helps."
  fi
  if [[ $qmp == answers && $vm_state != running ]]; then
    finish 1 "VM $vmid was reset, but it does not run: it was not running before, and its state is $vm_state now. To let it run, type on the host: qm resume $vmid"
  fi
  finish 0 "VM $vmid was reset: a warm restart in the same QEMU process (pid ${pid:-unknown}); staged configuration is not applied."
}

verb_stop() {
  announce_limit "$((startable_limit_s + stop_limit_s))"
  read_vm_config
  read_ha
  find_shutdown_to_overrule
  capture_evidence
  remember_process
  stop_process
  read_status now
  finish 0 "VM $vmid is stopped; its QEMU process is proven gone.$overruled"
}

verb_start() {
  section startable
  find_refusal
  if [[ $refusal ]]; then fail "Not started: $refusal"; fi
  tell_startable
  announce_limit "$start_limit_s"
  capture_evidence
  remember_process
  start_process
  verify_process
  if [[ $new_pid == "$old_pid" ]]; then finish 0 "VM $vmid runs, in the QEMU process that it had (pid $new_pid)."; fi
  finish 0 "VM $vmid was ${resumes:+resumed from disk: it }started (pid $new_pid)."
}

verb_cycle() {
  section startable
  find_refusal
  if [[ $resumes ]]; then
    fail "Not cycled: VM $vmid is suspended to disk, there is no process to end. start resumes it (staged configuration is not applied)."
  fi
  if [[ $refusal ]]; then fail "Not stopped, because it could not be started again: $refusal"; fi
  tell_startable
  announce_limit "$((stop_limit_s + cleanup_limit_s + start_limit_s))"
  capture_evidence
  remember_process
  if [[ $pid ]]; then
    stop_process
    await_cleanup
  else
    printf 'VM %s is not running: nothing to stop\n' "$vmid"
  fi
  start_process
  verify_process
  finish 0 "VM $vmid runs in a new QEMU process (pid ${old_pid:-none} -> $new_pid); staged configuration is applied.$overruled"
}

fail() { # OUTCOME
  local outcome=$1
  read_status now
  finish 1 "$outcome"
}

fail_of_qm() { # VERB EXIT
  if (($2 == 124)); then fail "qm $1 has not returned after $waited_s s. It may still complete: ask for status."; fi
  # A lock that was not looked for before, or came meanwhile: whose it is.
  if [[ $qm_said == *'is locked'* ]]; then
    read_vm_config
    refusal=''
    refuse_for_lock
    qm_said=${refusal:-$qm_said}
  fi
  fail "qm $1 failed (exit $2)${qm_said:+: $qm_said}"
}

remember_process() { read_process; old_pid=$pid old_start=$start; }

# Runs `qm VERB VMID` with its output streamed and no lock of ours leaking into what it starts. Sets qm_said to the last line of its
# stderr, which is where its final error is. 124: it has not returned, and goes on.
run_qm() { # LIMIT_S VERB ARGUMENTS…
  local job deadline_ms began_ms told_ms code
  limit_ms "$1"; deadline_ms=$REPLY
  now_ms; began_ms=$REPLY deadline_ms=$((deadline_ms + REPLY)) told_ms=$REPLY waited_s=$1
  begin_qm "$2" "${@:3}"
  job=$!
  while kill -0 "$job" 2>/dev/null; do
    now_ms
    if ((REPLY > deadline_ms)); then printf 'qm %s has not returned after %d s\n' "$2" "$1"; return 124; fi
    if ((REPLY - told_ms > 15000 * percent / 100)); then
      told_ms=$REPLY
      printf 'qm %s has not returned after %d s; it may still complete, and is waited for up to %d s\n' \
        "$2" "$(((REPLY - began_ms) / 10 / percent))" "$1"
    fi
    sleep 0.05 9>&- 8>&-
  done
  wait "$job"
  code=$?
  end_qm
  return "$code"
}

# In the background. Its stderr is kept apart until it has ended: where no file can be made for it, it is not.
begin_qm() { # VERB ARGUMENTS…
  qm_said='' qm_errors=$readings/$vmid.qm-errors
  if ! { : >"$qm_errors"; } 2>/dev/null; then qm_errors=/dev/stdout; fi
  "$qm" "$1" "$vmid" "${@:2}" </dev/null 2>>"$qm_errors" 9>&- 8>&- &
}

end_qm() {
  local line
  if [[ $qm_errors == /dev/stdout ]]; then return; fi
  while IFS= read -r line || [[ $line ]]; do
    printf '%s\n' "$line"
    if [[ ${line//[[:space:]]/} ]]; then qm_said=${line:0:400}; fi
  done <"$qm_errors"
}
