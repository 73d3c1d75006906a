#!/usr/bin/env bats
# shellcheck disable=SC2016,SC2154 # stand-ins' bodies are meant literally; support/host sets root and repository
# What cycle and start ask before anything is stopped, how the work is detached, and what the log keeps.

setup() {
  load support/host
}

teardown() {
  stop_monitor
}

# A task that runs, as Proxmox's process table and list of active tasks show it: 7777 (1E61) since tick 4660 (1234).
running_task() { # TYPE
  mkdir -p "$root/proc/7777"
  printf -v task 'UPID:lab:00001E61:00001234:%08X:%s:102:root@pam:' "$(($(date +%s) - 90))" "$1"
  printf '7777 (task UPID) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 4660 0 0\n' >"$root/proc/7777/stat"
  printf '%s 0\n' "$task" >"$root/log/pve/tasks/active"
  printf 'task %s\0' "$task" >"$root/proc/7777/cmdline"
}

nothing_was_touched() {
  [[ $(qm_calls) != *stop* && $(qm_calls) != *start* ]]
  [ "$(cat "$root/run/qemu-server/102.pid")" = 4242 ]
  [ ! -e "$root/log/kill-calls" ]
}

@test "a lock whose task lives: wait for it; without one: the exact command, for a person, and never typed by us" {
  make_root
  echo 'lock: backup' >>"$root/machine/config"
  running_task vzdump
  run pve cycle
  [ "$status" -eq 1 ]
  [[ $(result) == *"VM is locked (backup) by a task that is running, $task: wait for it"* ]]
  rm -r "$root/proc/7777"
  run pve cycle
  [ "$status" -eq 1 ]
  [[ $(result) == *'no running task is seen that owns the lock. If you know that it is stale, type on the host: qm unlock 102'* ]]
  [[ $(qm_calls) != *unlock* ]]
  nothing_was_touched
}

@test "the holder of qemu-server's lock is named with its task" {
  make_root
  running_task qmmove
  exec 8>"$root/lock/qemu-server/lock-102.conf"
  flock 8
  printf '1: FLOCK  ADVISORY  WRITE 7777 %s 0 EOF\n' "$(lock_id)" >"$root/proc/locks"
  run pve cycle 8>&-
  exec 8>&-
  [ "$status" -eq 1 ]
  [[ $(result) == *"another task holds the lock of VM 102: 7777 task $task\""* ]]
  nothing_was_touched
}

@test "a kvm thread in D state in two looks: refused; in one: not" {
  make_root
  sed -i 's/) S /) D /' "$root/proc/4242/task/4244/stat"
  run pve cycle
  [ "$status" -eq 1 ]
  [[ $(result) == *'D state: 4244 CPU 1/KVM'* ]]
  nothing_was_touched
  (sleep 0.6; sed -i 's/) D /) S /' "$root/proc/4242/task/4244/stat") 3>&- &
  run pve cycle
  [ "$status" -eq 0 ]
}

@test "start is refused without quorum, before anything is asked of qm" {
  make_root status=stopped
  chmod 0500 "$root/etc/pve/local"
  run pve start
  [ "$status" -eq 1 ]
  [[ $(result) == *'Not started: the cluster has no quorum'* ]]
  [[ $(qm_calls) != *start* ]]
}

@test "an HA-managed VM: qm only asks, so the result is waited for and nothing is killed early" {
  make_root scale=50
  mkdir -p "$root/etc/pve/ha"
  printf 'vm: 102\n\tstate started\n' >"$root/etc/pve/ha/resources.cfg"
  replace qm <<'EOF2'
case $1 in
  stop | start) printf 'Requesting HA %s for VM 102\n' "$1"; (sleep 4; exec "$root/bin/lab-qm" "$@") >/dev/null 2>&1 & ;;
  *) exec "$root/bin/lab-qm" "$@" ;;
esac
EOF2
  run pve cycle
  [ "$status" -eq 0 ]
  [[ $output == *'is HA-managed: start and stop are requests'*'Requesting HA stop'*'Requesting HA start'* ]]
  [[ $(result) == *'"old_pid":4242,"new_pid":4299'* ]]
  [ "$(cat "$root/log/kill-calls")" = '-TERM 4242' ]
}

@test "a lock that cleanup takes late costs qm its patience, not the start" {
  make_root
  replace qm <<'EOF2'
if [[ $1 == start && ! -e $root/log/late ]]; then
  touch "$root/log/late"
  ( exec 8>>"$root/lock/qemu-server/lock-102.conf"; flock 8; touch "$root/log/held"; until [[ -e $root/log/asked ]]; do sleep 0.05; done ) >/dev/null 2>&1 &
  until [[ -e $root/log/held ]]; do sleep 0.05; done
  "$root/bin/lab-qm" "$@"
  code=$?
  touch "$root/log/asked"
  exit "$code"
fi
exec "$root/bin/lab-qm" "$@"
EOF2
  run pve cycle
  [ "$status" -eq 0 ]
  [[ $output == *'got timeout'*'is free now: once more'* ]]
}

@test "status shows a config lock, and not one of a snapshot" {
  make_root
  printf '[before]\nlock: snapshot\n' >>"$root/machine/config"
  run pve status
  [[ $output != *'lock: '* ]]
  sed -i '1i lock: backup' "$root/machine/config"
  run pve status
  [[ $output == *$'\nlock: backup\n'* && $output != *$'\ntask: '* ]]
}

@test "status names the task that a config lock belongs to: a backup that runs is no stale lock" {
  make_root
  sed -i '1i lock: backup' "$root/machine/config"
  running_task vzdump
  run pve status
  [[ $output == *$'\nlock: backup\ntask: '"$task"$'\n'* ]]
}

@test "qm cleanup after a kill is waited for before the start" {
  make_root
  sed -i 's/^qmp=.*/qmp=silent/' "$root/machine/state"
  replace kill <<'EOF2'
"$root/bin/lab-kill" "$@"
( exec 8>>"$root/lock/qemu-server/lock-102.conf"; flock 8; touch "$root/log/held"; sleep 5; date +%s >"$root/log/cleaned" ) >/dev/null 2>&1 &
until [[ -e $root/log/held ]]; do sleep 0.05; done
EOF2
  replace qm <<<'if [[ $1 == start ]]; then cp "$root/log/cleaned" "$root/log/cleaned-before-start"; fi; exec "$root/bin/lab-qm" "$@"'
  run pve cycle
  [ "$status" -eq 0 ]
  [ -s "$root/log/cleaned-before-start" ]
}

@test "where systemd runs, the work gets a scope of its own, and keeps the lock" {
  make_root
  mkdir -p "$root/run/systemd/system"
  replace systemctl <<<'exit 0'
  replace systemd-run <<'EOF2'
echo "$*" >"$root/log/systemd-run"
while [[ $1 != -- ]]; do shift; done
shift
exec "$@"
EOF2
  pve cycle >"$BATS_TEST_TMPDIR/out" 3>&- &
  await 'the lock' grep -q . "$root/lock/breakglass-102.lock"
  run pve stop
  [ "$status" -eq 75 ]
  wait "$!" || true
  await 'the result' grep -q BREAKGLASS-RESULT "$BATS_TEST_TMPDIR/out"
  grep -q '"verb":"cycle".*"exit":0' "$BATS_TEST_TMPDIR/out"
  grep -Eq '^--quiet --collect --scope --unit breakglass-102-cycle-[0-9]+ -- setsid /bin/bash ' "$root/log/systemd-run"
}

@test "where systemd refuses, or does not answer, the work runs without it" {
  make_root
  mkdir -p "$root/run/systemd/system"
  replace systemctl <<<'exit 0'
  replace systemd-run <<<'echo "Failed to start transient scope unit: Connection timed out" >&2; exit 1'
  run pve reset
  [ "$status" -eq 0 ]
  [[ $output == *'Failed to start transient scope'*'systemd gives no scope: going on without'* ]]
  hang systemctl
  run pve reset
  [ "$status" -eq 0 ]
  [[ $output != *'going on without'* ]]
}

@test "the log and syslog tell who began which verb, and what came of it" {
  make_root
  replace logger <<<'printf "%s\n" "$*" >>"$root/log/syslog"'
  pve reset >/dev/null
  pve status >/dev/null
  local log
  log=$(cat "$root/log/breakglass-pve.log")
  [[ $log =~ ^[0-9T:-]+Z\ vm=102\ verb=reset\ caller=10\.0\.0\.5\ begins\ key=null ]]
  [[ $log == *'verb=reset caller=10.0.0.5 exit=0 evidence=2'*'-reset outcome="VM 102 was reset'*' key=null'* ]]
  [ "$(grep -c '^-t breakglass-pve -- .*verb=reset' "$root/log/syslog")" -eq 2 ]
  [ "$(grep -c verb=status "$root/log/syslog")" -eq 0 ]
}

@test "the fingerprint of the key that logged in is kept, in the log and with the evidence" {
  make_root
  ssh-keygen -q -t ed25519 -N '' -C '' -f "$BATS_TEST_TMPDIR/key"
  printf 'publickey %s' "$(cat "$BATS_TEST_TMPDIR/key.pub")" >"$BATS_TEST_TMPDIR/auth"
  local fingerprint
  fingerprint=$(ssh-keygen -lf "$BATS_TEST_TMPDIR/key.pub" | cut -d' ' -f2)
  SSH_USER_AUTH=$BATS_TEST_TMPDIR/auth pve forensics >/dev/null
  captured manifest.json | jq -e --arg key "$fingerprint" '.key == $key' >/dev/null
  [ "$(grep -cF "key=$fingerprint" "$root/log/breakglass-pve.log")" -eq 2 ]
}
