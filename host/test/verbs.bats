#!/usr/bin/env bats
# shellcheck disable=SC2016,SC2154 # stand-ins' bodies are meant literally; support/host sets root and repository
# What the mutating verbs do, in which order, and what they refuse.

setup() {
  load support/host
}

teardown() {
  stop_monitor
}

pid_of_vm() { cat "$root/run/qemu-server/102.pid"; }

@test "reset keeps the pid, says so, and leaves the staged configuration staged" {
  make_root
  run pve reset
  [ "$status" -eq 0 ]
  [[ $(result) == *'same QEMU process (pid 4242)'*'"old_pid":4242,"new_pid":4242'* ]]
  grep -qx 'memory: 8192' "$root/machine/config"
  grep -qx 'boot=2' "$root/machine/state"
}

@test "cycle: evidence, then stop, then start; a new process with the staged configuration" {
  make_root
  run pve cycle
  [ "$status" -eq 0 ]
  [ "$(grep -- '^---' <<<"$output" | sed 's/ (.*//' | tr '\n' ' ')" = \
    '--- startable --- forensics --- stop --- proof of death --- start --- verify ' ]
  [ "$(qm_calls | grep -E '^(status|stop|start) ' | uniq | tr '\n' ' ')" = 'stop 102 start 102 ' ]
  [[ $(result) == *'"old_pid":4242,"new_pid":4299'* ]]
  [ "$(pid_of_vm)" = 4299 ]
  grep -qx 'memory: 16384' "$root/machine/config"
  [[ ${lines[-1]} == BREAKGLASS-RESULT* ]]
}

@test "stop proves the death; start of a stopped VM makes a new process" {
  make_root
  run pve stop
  [ "$status" -eq 0 ]
  [[ $output == *'with start time '*' is gone'* ]]
  [[ $(result) == *'"vm_state":"stopped"'* ]]
  run pve start
  [ "$status" -eq 0 ]
  [[ $(result) == *'"old_pid":null,"new_pid":4299'* ]]
}

@test "start of a running VM and reset of a stopped one fail in qm's words" {
  make_root
  run pve start
  [ "$status" -eq 1 ]
  [[ $output == *'VM 102 already running'* ]]
  pve stop >/dev/null
  run pve reset
  [ "$status" -eq 1 ]
  [[ $output == *'VM 102 not running'* ]]
}

@test "a reset that a lock refuses says whose lock it is: nobody's, with the command for a person, or a task's" {
  make_root
  echo 'lock: backup' >>"$root/machine/config"
  run pve reset
  [ "$status" -eq 1 ]
  [[ $(result) == *'qm reset failed (exit 255): VM is locked (backup), and no running task is seen that owns the lock. If you know that it is stale, type on the host: qm unlock 102"'* ]]
  mkdir -p "$root/proc/7777"
  printf '7777 (task UPID) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 4660 0 0\n' >"$root/proc/7777/stat"
  printf 'UPID:lab:00001E61:00001234:00001234:vzdump:102:root@pam: 0\n' >"$root/log/pve/tasks/active"
  run pve reset
  [ "$status" -eq 1 ]
  [[ $(result) == *'qm reset failed (exit 255): VM is locked (backup) by a task that is running, UPID:lab:00001E61:00001234:00001234:vzdump:102:root@pam:: wait for it"'* ]]
  [[ $(qm_calls) != *unlock* ]]
}

@test "qm's own last line is in the outcome, and what will not change is not tried again" {
  make_root status=stopped
  echo "start_error=volume 'local:102/vm-102-disk-0.raw' does not exist" >>"$root/machine/state"
  run pve start
  [ "$status" -eq 1 ]
  [[ $(result) == *"\"outcome\":\"qm start failed (exit 255): volume 'local:102/vm-102-disk-0.raw' does not exist\""* ]]
  [ "$(qm_calls | grep -c start)" -eq 1 ]
}

@test "a start that fails and leaves no process is tried once more" {
  make_root
  replace qm <<'EOF'
if [[ $1 == start && ! -e $root/log/first ]]; then
  touch "$root/log/first"
  echo 'kvm: could not open the device: it is busy'
  echo 'start failed: QEMU exited with code 1' >&2
  exit 255
fi
exec "$root/bin/lab-qm" "$@"
EOF
  run pve cycle
  [ "$status" -eq 0 ]
  [[ $output == *'start failed: QEMU exited with code 1'*'once more, because no process has come of it'* ]]
  [[ $(result) == *'"new_pid":4299'* ]]
}

@test "and not a second time" {
  make_root status=stopped
  echo 'start_error=start failed: QEMU exited with code 1' >>"$root/machine/state"
  run pve start
  [ "$status" -eq 1 ]
  [[ $(result) == *'qm start failed (exit 255): start failed: QEMU exited with code 1'* ]]
  [ "$(qm_calls | grep -c start)" -eq 2 ]
}

@test "a reset of a VM that does not run is no success: its state and the command that lets it run are said" {
  local state
  for state in paused io-error; do
    stop_monitor
    rm -rf "$BATS_TEST_TMPDIR/host"
    make_root
    echo "run_state=$state" >>"$root/machine/state"
    run pve reset
    [ "$status" -eq 1 ]
    [[ $(result) == *'VM 102 was reset, but it does not run: it was not running before, and its state is prelaunch now. To let it run, type on the host: qm resume 102'* ]]
    [[ $(result) == *'"vm_state":"prelaunch"'* ]]
  done
}

@test "a fresh process that is not let run is told, and how to let it run" {
  make_root status=stopped scale=60
  replace qm <<'EOF'
"$root/bin/lab-qm" "$@"
code=$?
if [[ $1 == start ]]; then echo run_state=prelaunch >>"$root/machine/state"; fi
exit "$code"
EOF
  run pve start
  [ "$status" -eq 1 ]
  [[ $(result) == *'VM 102 was started (pid 4299), but it does not run: its state is prelaunch. To let it run, type on the host: qm resume 102'* ]]
}

@test "who waits is told that qm may still complete, and for how long it is waited" {
  make_root status=stopped scale=10
  replace qm <<<'if [[ $1 == start ]]; then sleep 3; fi; exec "$root/bin/lab-qm" "$@"'
  run pve start
  [ "$status" -eq 0 ]
  [[ $output == *'qm start has not returned after 15 s; it may still complete, and is waited for up to 45 s'* ]]
}

@test "cycle refuses before it stops: config lock" {
  make_root
  echo 'lock: backup' >>"$root/machine/config"
  run pve cycle
  [ "$status" -eq 1 ]
  [[ $output == *'VM is locked (backup)'*'qm unlock 102'* ]]
  [[ $(qm_calls) != *stop* ]]
  [ "$(pid_of_vm)" = 4242 ]
}

@test "cycle refuses before it stops: no quorum" {
  make_root
  chmod 0500 "$root/etc/pve/local"
  run pve cycle
  [ "$status" -eq 1 ]
  [[ $output == *'no quorum'* ]]
  [[ $(qm_calls) != *stop* ]]
}

@test "cycle refuses before it stops: another task holds the VM's lock" {
  make_root
  exec 8>"$root/lock/qemu-server/lock-102.conf"
  flock 8
  run pve cycle
  exec 8>&-
  [ "$status" -eq 1 ]
  [[ $output == *'another task holds the lock'* ]]
  [[ $(qm_calls) != *stop* ]]
}

@test "stop of a VM that somebody else works on is not forced" {
  make_root
  echo 'lock: migrate' >>"$root/machine/config"
  run pve stop
  [ "$status" -eq 1 ]
  [[ $output == *'was not killed: VM is locked (migrate)'* ]]
  [ ! -e "$root/log/kill-calls" ]
  [ "$(pid_of_vm)" = 4242 ]
}

@test "a wedged QEMU that outlives qm's success is killed by pid and start time" {
  make_root
  sed -i 's/^qmp=.*/qmp=silent/' "$root/machine/state"
  run pve cycle
  [ "$status" -eq 0 ]
  [[ $output == *'(qm stop: 0): SIGKILL'* ]]
  [ "$(cat "$root/log/kill-calls")" = '-KILL 4242' ]
  [[ $(result) == *'"old_pid":4242,"new_pid":4299'* ]]
}

@test "a qm stop that never returns does not hold the kill back for longer than 20 s" {
  make_root scale=20
  replace qm <<<"if [[ \$1 == stop ]]; then $hanging; fi; exec \"\$root/bin/lab-qm\" \"\$@\""
  run pve stop
  [ "$status" -eq 0 ]
  [ "$(cat "$root/log/kill-calls")" = '-KILL 4242' ]
  [ "$(sed -n 's/^readonly kill_after_s=\([0-9]*\) .*/\1/p' "$repository/host/lib/stopping.bash")" -eq 20 ]
}

@test "a reused pid with another start time is taken for dead and never killed" {
  make_root
  # qm stop ends the process, and its pid belongs to another program at once.
  replace qm <<'EOF'
if [[ $1 == stop ]]; then
  "$root/bin/lab-kill" -TERM 4242
  "$root/bin/process-entry" "$root" 999 4242 5000
  exit 0
fi
exec "$root/bin/lab-qm" "$@"
EOF
  run pve stop
  [ "$status" -eq 0 ]
  await 'the other program' test -e "$root/proc/4242/stat" # the verb may have ended between the two
  [ ! -e "$root/log/kill-calls" ]
}

@test "a process whose every thread is a zombie is dead; one living thread is not" {
  make_root
  replace qm <<'EOF'
if [[ $1 == stop ]]; then sed -i 's/) S /) Z /' "$root"/proc/4242/stat "$root"/proc/4242/task/*/stat; exit 0; fi
exec "$root/bin/lab-qm" "$@"
EOF
  run pve stop
  [ "$status" -eq 0 ]
  [ ! -e "$root/log/kill-calls" ]
  sed -i 's/) Z /) D /' "$root/proc/4242/task/4244/stat"
  run pve stop
  [ "$(cat "$root/log/kill-calls")" = '-KILL 4242' ]
}

@test "a second mutating verb is refused with 75 and told who holds the lock; looking is not" {
  make_root
  pve cycle >/dev/null 3>&- &
  local cycle=$!
  await 'the lock' grep -q . "$root/run/breakglass/102.lock"
  run pve stop
  [ "$status" -eq 75 ]
  [[ $output =~ breakglass-pve:\ busy:\ cycle\ by\ 10\.0\.0\.5\ since\ [0-9TZ:-]+\ \([0-9]+\ s\) ]]
  [[ $(result) == *'"verb":"stop"'*'"exit":75'* ]]
  run pve status
  [ "$status" -eq 0 ]
  [[ $output == *'busy: cycle by 10.0.0.5'* ]]
  wait "$cycle"
  run pve status
  [[ $output != *busy* ]]
}

@test "qm never inherits the lock" {
  make_root
  replace qm <<<'if [[ $1 == start ]]; then sleep 8 & fi; exec "$root/bin/lab-qm" "$@"'
  run pve cycle
  [ "$status" -eq 0 ]
  run pve reset
  [ "$status" -eq 0 ]
}
