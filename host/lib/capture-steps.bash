# shellcheck shell=bash disable=SC2034,SC2154 # the globals are breakglass-pve's and the capture's
# The steps of a capture that are more than a command: the guest agent, the backtrace, qemu-server's lock, the serial log.

ask_agent() {
  local key
  { read -r key <"$capture/.agent" && rm -f -- "$capture/.agent"; } 2>/dev/null
  if [[ -z $pid ]]; then
    expect 4K agent-ping
    { printf 'exit: 2\nVM %s is not running\n' "$vmid" >"$capture/agent-ping.txt"; } 2>/dev/null
    finished agent-ping error 0 'no QEMU process'
  elif [[ $beside_a_verb ]]; then
    finished agent-ping skipped 0 'a verb is at work'
  elif [[ ${key-} == none ]]; then
    expect 4K agent-ping
    { printf 'exit: 255\nNo QEMU guest agent configured\n' >"$capture/agent-ping.txt"; } 2>/dev/null
    finished agent-ping error 0 'none is configured'
  else
    expect 4K agent-ping fsfreeze
    step .agent 9500 1K run_agent
  fi
}

# Through its own socket, by one connection; by qm where that socket is not there. In the words of `qm guest cmd`, which readers know.
run_agent() {
  local began_ms word text code answer='' frozen=''
  now_ms; began_ms=$REPLY
  ask 4000 "$lib/ask-agent.pl" "$run/qemu-server/$vmid.qga" "$((3000 * percent / 100))"
  while read -r word text; do
    case $word in ping) answer=$text ;; fsfreeze) frozen=$text ;; esac
  done <<<"$REPLY"
  case $answer in
    answers*) code=0 text='' ;;
    silent*) code=255 text='QEMU guest agent is not running' ;;
    *)
      ask 8000 "$qm" guest cmd "$vmid" ping
      code=$? text=$REPLY
      if ((code == 0)); then ask 8000 "$qm" guest cmd "$vmid" fsfreeze-status && frozen=${REPLY//[^a-z]/}; fi
      ;;
  esac
  { printf 'exit: %d\n%s\n' "$code" "$text" >"$capture/agent-ping.txt"; } 2>/dev/null
  report_exit agent-ping "$code" "$began_ms"
  if [[ ! $frozen ]]; then return; fi
  case $frozen in
    error*) code=255; { printf 'exit: %d\n%s\n' "$code" "${frozen#error }" >"$capture/fsfreeze.txt"; } 2>/dev/null ;;
    *) code=0; { printf 'exit: 0\n%s\n' "$frozen" >"$capture/fsfreeze.txt"; } 2>/dev/null; printf 'say fsfreeze %s\n' "$frozen" >&"$reports" ;;
  esac
  report_exit fsfreeze "$code" "$began_ms"
}

take_backtrace() {
  local left_ms limit_ms=$gdb_limit_ms
  now_ms; left_ms=$((capture_until_ms - REPLY - 1500 * percent / 100))
  if [[ -z $pid ]]; then
    finished gdb skipped 0 'no QEMU process'
  elif [[ $beside_a_verb ]]; then
    finished gdb skipped 0 'a verb is at work'
  elif threads_in_d "$pid"; then
    finished gdb skipped 0 "a thread is in D state: $REPLY"
  elif ((left_ms < 1000 * percent / 100)); then
    finished gdb skipped 0 'no time left'
  else
    left_ms=$((left_ms * 100 / percent))
    if [[ ${said[qmp]-} == silent* ]]; then limit_ms=$gdb_limit_of_silent_ms; fi
    if ! is_stopped "$pid"; then ran_before_gdb=yes; fi
    step gdb "$((left_ms < limit_ms ? left_ms : limit_ms))" 256K "${bin}gdb" --nx --batch -p "$pid" -ex 'set pagination off' -ex 'thread apply all backtrace'
  fi
}

# A gdb that was killed may leave the process stopped. Only ever the same process, and only one that gdb found running: one that
# somebody stopped before is what is being looked at, and stays as it is.
wake_process() {
  local try
  if [[ -z $ran_before_gdb ]]; then return; fi
  for try in 1 2 3; do
    if ! read_start "$pid" || [[ $REPLY != "$start" ]] || ! is_stopped "$pid"; then return; fi
    printf 'WARNING: process %s was left stopped by the backtrace: SIGCONT (%d)\n' "$pid" "$try"
    send_signal CONT "$pid"
    sleep 0.1 9>&-
  done
}

# Who holds qemu-server's lock, and whether the lock was held all the while that somebody waited for it: the age of the task that
# holds it says nothing of that.
tell_flock() {
  local began_ms
  find_flock_holder
  if [[ ! $flock_by ]]; then printf 'free\n'; return; fi
  printf 'holder: %s\nkind: %s\n' "$flock_by" "$flock_kind"
  if [[ $flock_upid ]]; then
    local type id task_pid task_start task_since task_user
    if parse_upid "$flock_upid"; then printf 'task_age_s: %d\n' "$((EPOCHSECONDS - task_since))"; fi
  fi
  now_ms; began_ms=$REPLY
  if task_lock_is_free "$((11000 * percent / 100))"; then now_ms; printf 'free_after_ms: %d\n' "$((REPLY - began_ms))"; return; fi
  now_ms; printf 'held_s: %d\n' "$(((REPLY - began_ms) / 10 / percent))"
}

# Only a log that QEMU writes itself, and only where logs are: elsewhere may be storage.
tail_serial() {
  local word file=''
  if [[ -z $pid ]]; then printf 'no QEMU process\n'; return 66; fi
  while IFS= read -r -d '' word; do
    if [[ $word =~ (^|,)logfile=([^,]+) ]]; then file=${BASH_REMATCH[2]}; fi
  done 2>/dev/null <"$proc/$pid/cmdline"
  if [[ $file != "$log_dir"/* && $file != "$run"/* || $file == *..* || ! -f $file ]]; then printf 'no serial log\n'; return 66; fi
  tail -c 256K -- "$file"
}
