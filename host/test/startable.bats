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

@test "a VM that is suspended to disk: start resumes it within qm's own 300 s, cycle says so, and unlock is never proposed" {
  make_root status=stopped
  printf 'lock: suspended\nvmstate: local:102/vm-102-state-suspend.raw\n' >>"$root/machine/config"
  run pve cycle
  [ "$status" -eq 1 ]
  [[ $(result) == *'Not cycled: VM 102 is suspended to disk'*'start resumes it'* ]]
  [[ $output != *unlock* ]]
  [[ $(qm_calls) != *start* ]]
  run pve start
  [ "$status" -eq 0 ]
  [[ $output == *'qm allows 300 s for the start of this VM: it is waited for up to 315 s'*'Resuming suspended VM'* ]]
  [[ $output == *'BREAKGLASS-LIMIT {"verb":"start","vm":102,"seconds":'3[0-9][0-9]'}'* ]]
  [[ $(result) == *'VM 102 was resumed from disk: it started (pid 4299).'* ]]
  [[ $output != *unlock* ]]
  grep -qx 'memory: 16384' "$root/machine/pending" # not applied
}

limit_of() { # SETTINGS… of a configuration, a line each
  bash -c 'set -u; vmid=102; config_lock=$1; config_text=$2
    source <(sed "/^readonly/s/^readonly //" "$0"); read_start_limit; echo "$((start_limit_s - start_margin_s))"' \
    "$repository/host/lib/startable.bash" "${lock-}" "$(printf '%s\n' "$@")"
}

@test "the limit of a start is what qemu-server computes from the configuration, with what is staged" {
  [ "$(limit_of 'cores: 1')" -eq 30 ]
  [ "$(limit_of 'memory: 4096' 'net0: virtio=x' 'net1: e1000=y')" -eq 40 ]
  [ "$(limit_of 'memory: 30720')" -eq 30 ]
  [ "$(limit_of 'memory: 65536')" -eq 64 ]
  [ "$(limit_of 'memory: current=524288')" -eq 512 ]
  [ "$(limit_of 'memory: 65536' 'hostpci0: 01:00')" -eq 256 ]
  [ "$(limit_of 'hostpci0: 01:00' 'hostpci1: 02:00' 'net0: x')" -eq 125 ]
  [ "$(limit_of 'hugepages: 2')" -eq 150 ]
  [ "$(limit_of 'memory: 4096' '[PENDING]' 'memory: 131072' 'net3: x' '[snap]' 'memory: 999999' 'hostpci0: x')" -eq 133 ]
  [ "$(limit_of 'net0: x' 'net1: x' 'hugepages: 2' '[PENDING]' 'delete: net1,!hugepages')" -eq 35 ]
  lock=suspended
  [ "$(limit_of 'memory: 4096' 'net0: x' '[PENDING]' 'memory: 900000')" -eq 305 ]
}

@test "an unknown lock is named and nothing is proposed for it; a lock that a task may own is not called stale" {
  make_root
  echo 'lock: of-tomorrow' >>"$root/machine/config"
  run pve cycle
  [[ $(result) == *'VM is locked (of-tomorrow), which is a lock that this version does not know'* ]]
  [[ $output != *unlock* ]]
  sed -i 's/^lock: .*/lock: backup/' "$root/machine/config"
  running_task vzdump
  printf '%s 0\n' "${task/:102:/::}" >"$root/log/pve/tasks/active"
  run pve cycle
  [[ $(result) == *'a task is running that may be the owner, UPID:'* ]]
  [[ $output != *unlock* ]]
  running_task vncproxy # somebody has its console open
  run pve cycle
  [[ $(result) == *'qm unlock 102'* ]]
  nothing_was_touched
}

@test "a VM that a backup has started and holds is let run on by start, as by qm" {
  make_root
  echo 'lock: backup' >>"$root/machine/config"
  echo 'run_state=prelaunch' >>"$root/machine/state"
  run pve start
  [ "$status" -eq 0 ]
  [[ $(result) == *'VM 102 runs, in the QEMU process that it had (pid 4242).'* ]]
}

@test "a configuration that is on another node: which one is said, and nothing is stopped" {
  make_root
  rm "$root/etc/pve/qemu-server/102.conf"
  printf '{\n"version": 9,\n"ids": {\n"101": { "node": "pve1", "type": "qemu", "version": 9 },\n"102": { "node": "pve2", "type": "qemu", "version": 9 }}\n\n}\n' >"$root/etc/pve/.vmlist"
  run pve cycle
  [ "$status" -eq 1 ]
  [[ $(result) == *'there is no configuration of VM 102 on this node; the cluster has it on node pve2'* ]]
  nothing_was_touched
}

@test "/etc/pve hangs: cycle and start say so and stop nothing; stop ends the process itself" {
  make_root scale=20
  rm "$root/etc/pve/qemu-server/102.conf"
  mkfifo "$root/etc/pve/qemu-server/102.conf"
  run pve cycle
  [ "$status" -eq 1 ]
  [[ $(result) == *"the cluster's file system (/etc/pve) does not answer: qm can start nothing without it"* ]]
  [[ $(result) == *'systemctl status pve-cluster'* ]]
  nothing_was_touched
  run pve stop
  [ "$status" -eq 0 ]
  step_is config timeout
  [ "$(cat "$root/log/kill-calls")" = '-TERM 4242' ]
  [[ $(qm_calls) != *stop* ]]
  [[ $(result) == *'its QEMU process is proven gone'* ]]
}

@test "/etc/pve is gone and QEMU deaf: stop ends it by SIGKILL; not while a task is at work on the VM" {
  make_root scale=20
  sed -i 's/^qmp=.*/qmp=silent/' "$root/machine/state"
  rm -r "$root/etc/pve"
  running_task qmclone
  run pve stop
  [ "$status" -eq 1 ]
  [[ $(result) == *'Not stopped: a task is at work on VM 102, and its configuration cannot be read: UPID'* ]]
  running_task vncproxy
  run pve stop
  [ "$(cat "$root/log/kill-calls")" = $'-TERM 4242\n-KILL 4242' ]
  [[ $(result) == *'its QEMU process is proven gone'* ]]
}

ha_is() { # STATE [MANAGER STATUS]
  mkdir -p "$root/etc/pve/ha"
  printf 'ct: 1020\n\tstate started\n\nvm: 102\n\tcomment the state ignored here is text\n\tstate %s\n\nvm: 103\n\tstate ignored\n' "$1" >"$root/etc/pve/ha/resources.cfg"
  printf '%s' "${2-}" >"$root/etc/pve/ha/manager_status"
}
told_ha() { pve forensics | sed -n 's/^ha: //p'; }

@test "HA: managed, ignored, disarmed in two ways, and not known where /etc/pve does not tell" {
  make_root scale=50
  [ "$(told_ha)" = no ] # no such file yet
  ha_is started
  [ "$(told_ha)" = managed ]
  ha_is ignored
  [ "$(told_ha)" = no ]
  ha_is started '{"disarm":{"mode":"ignore","state":"disarmed"},"node_status":{"lab":"online"}}'
  [ "$(told_ha)" = no ]
  ha_is started '{"node_status":{"lab":"online"},"disarm":{"mode":"freeze"}}'
  [ "$(told_ha)" = frozen ]
  run pve cycle
  [[ $(result) == *'the HA manager is disarmed (freeze)'* ]]
  nothing_was_touched
  rm -r "$root/etc/pve/local"
  rm "$root/etc/pve/ha/resources.cfg"
  [ "$(told_ha)" = unknown ]
}

# The lock file is really held until the entry of the task goes.
holds_lock() { # TYPE
  running_task "$1"
  : >"$root/lock/qemu-server/lock-102.conf"
  printf '1: FLOCK  ADVISORY  WRITE 7777 %s 0 EOF\n' "$(lock_id)" >"$root/proc/locks"
  (exec 8>>"$root/lock/qemu-server/lock-102.conf"; flock 8; while [[ -e $root/proc/7777 ]]; do sleep 0.1; done) 3>&- >/dev/null 2>&1 &
  while flock -n "$root/lock/qemu-server/lock-102.conf" true; do sleep 0.02; done
}

@test "somebody's shutdown holds the lock: cycle overrules it and says whose; start does not" {
  make_root
  holds_lock qmshutdown
  run pve start
  [ "$status" -eq 1 ]
  [[ $(result) == *'another task holds the lock of VM 102: 7777 task UPID'* ]]
  run pve cycle
  [ "$status" -eq 0 ]
  [[ $output == *'a shutdown is under way that root@pam asked for'*'overruled qmshutdown tasks: UPID'* ]]
  [[ $(result) == *'The shutdown that root@pam had asked for at '*' was overruled.'* ]]
  [[ $(qm_calls) == *'stop 102 --overrule-shutdown 1'* ]]
}

@test "a qm that cannot overrule a shutdown is asked without" {
  make_root
  holds_lock qmshutdown
  replace qm <<'EOF2'
if [[ ${3-} == --overrule-shutdown ]]; then echo 'Unknown option: overrule-shutdown' >&2; rm -r "$root/proc/7777"; exit 255; fi
printf '%s\0' "$@" '' >>"$root/log/qm-calls"
exec "$root/bin/lab-qm" "$@"
EOF2
  run pve stop
  [ "$status" -eq 0 ]
  [[ $output == *'this qm cannot overrule a shutdown'* ]]
  [[ $(result) != *overruled* ]]
  [[ $(qm_calls) == *'stop 102'* ]]
}

@test "a reboot that somebody asked for is not overruled: it is named" {
  make_root
  holds_lock qmreboot
  run pve cycle
  [ "$status" -eq 1 ]
  [[ $(result) == *'another task holds the lock of VM 102: 7777 task UPID'*qmreboot* ]]
  nothing_was_touched
  rm -r "$root/proc/7777"
}

@test "a cleanup that is at work when a verb comes is waited for, not a refusal" {
  make_root
  holds_lock x
  printf '%s\0' /usr/bin/perl /usr/sbin/qm cleanup 102 1 0 >"$root/proc/7777/cmdline"
  (sleep 2; rm -r "$root/proc/7777") 3>&- &
  run pve cycle
  [ "$status" -eq 0 ]
  [[ $output == *'qm cleanup of VM 102 may be at work: it is waited for, up to 30 s'*'it can be started'* ]]
}

@test "after an orderly stop the cleanup that is due is waited for, by its mark" {
  make_root
  replace qm <<'EOF2'
if [[ $1 == stop ]]; then
  touch "$root/run/qemu-server/102.cleanup"
  ( sleep 3; rm "$root/run/qemu-server/102.cleanup" ) >/dev/null 2>&1 &
fi
if [[ $1 == start ]]; then test ! -e "$root/run/qemu-server/102.cleanup" || touch "$root/log/too-early"; fi
exec "$root/bin/lab-qm" "$@"
EOF2
  run pve cycle
  [ "$status" -eq 0 ]
  [ ! -e "$root/log/too-early" ]
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
  # Let go when qm has given up and somebody else waits for it.
  ( exec 8>>"$root/lock/qemu-server/lock-102.conf"; flock 8; touch "$root/log/held"
    until [[ -e $root/log/asked ]] && grep -Eq -- "-> FLOCK .*:$(stat -c %i "$root/lock/qemu-server/lock-102.conf") " /proc/locks; do
      [[ -d $root ]] || exit; sleep 0.05
    done ) >/dev/null 2>&1 &
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
  [[ $output == *'got timeout'*'once more, because the lock of VM 102 is free now'* ]]
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
  await 'the lock' grep -q . "$root/run/breakglass/102.lock"
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
