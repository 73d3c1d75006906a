#!/usr/bin/env bats
# shellcheck disable=SC2016,SC2154 # stand-ins' bodies are meant literally; support/host sets root and repository
# `status` is asked every ten seconds while a page is open: it starts no qm where it can tell without, asks QEMU one question and
# fills no queue, and answers while the cluster's file system hangs.

setup() {
  load support/host
}

teardown() {
  stop_monitor
  if [[ ${reader-} ]]; then kill "$reader" 2>/dev/null || true; fi
}

monitor() { # MOOD: in place of the lab's
  stop_monitor
  rm -f "$BATS_TEST_TMPDIR/clients"
  "$repository/host/test/support/monitor.pl" "$root/run/qemu-server/102.qmp" "$1" "$BATS_TEST_TMPDIR/clients" 3>&- &
  machine=$!
  until grep -q ready "$BATS_TEST_TMPDIR/clients" 2>/dev/null; do sleep 0.02; done
}
clients() { grep -c client "$BATS_TEST_TMPDIR/clients" || true; }

says() { grep -qxF -- "$1" <<<"$output" || { echo "not said: $1"; echo "$output"; false; }; }
says_no() { ! grep -q "^$1: " <<<"$output" || { echo "said: $1"; echo "$output"; false; }; }

# The main loop's counters of its thread in the process table.
switches() { printf 'Name:\tkvm\nvoluntary_ctxt_switches:\t%d\nnonvoluntary_ctxt_switches:\t7\n' "$1" >"$root/proc/4242/task/4242/status"; }
# As if the last reading were so many seconds older.
age_reading() {
  local words
  read -ra words <"$root/run/breakglass/102.reading"
  words[4]=$((words[4] - $1))
  printf '%s\n' "${words[*]}" >"$root/run/breakglass/102.reading"
}

@test "a running VM and a stopped one are told without qm" {
  make_root
  run pve status
  [ "$status" -eq 0 ]
  says 'status: running'
  says 'qmp: answers'
  says 'pid: 4242'
  [[ $output =~ uptime:\ 77[78][0-9]{3}\ s ]] # nine days, as the lab seeds it
  says_no cluster
  pve stop >/dev/null
  : >"$root/log/qm-calls"
  run pve status
  [ "$status" -eq 0 ]
  says 'status: stopped'
  says_no qmp
  says_no pid
  [[ $(result) == *'"vm_state":"stopped","qmp":null'* ]]
  [ "$(qm_calls)" = '' ]
}

@test "QEMU's own word for the run state is told, whatever it is, and events in between do no harm" {
  make_root
  local state
  for state in paused prelaunch io-error internal-error guest-panicked suspended shutdown postmigrate inmigrate save-vm watchdog colo; do
    monitor "state=$state"
    run pve status
    says "status: $state"
    says 'qmp: answers'
  done
  [ "$(qm_calls)" = '' ]
}

@test "a monitor that answers late, as one at which another client was, answers" {
  make_root
  monitor late=1500
  run pve status
  says 'qmp: answers'
}

@test "silent is: no greeting, a greeting and no answer, or a queue that is full; without qm, within the limit" {
  make_root scale=20
  local mood
  for mood in silent greets full; do
    rm -f "$root/run/breakglass/102.reading"
    monitor "$mood"
    run pve status
    [ "$status" -eq 0 ]
    says 'status: running'
    says 'qmp: silent'
    [[ $(result) == *'QEMU is wedged'* ]]
  done
  says 'monitor: others wait for it already: its queue of connections is full'
  [ "$(qm_calls)" = '' ]
}

@test "a socket that is missing or refuses says nothing of QEMU" {
  make_root
  stop_monitor
  run pve status
  [ "$status" -eq 0 ]
  says 'status: running'
  says_no qmp
  [[ $output == *'monitor: it could not be asked: '* ]]
  rm -f "$root/run/qemu-server/102.qmp"
  run pve status
  says 'monitor: it could not be asked: No such file or directory'
  says_no qmp
  [[ $(result) == *'"qmp":null'* ]]
}

@test "who was silent is not asked again at once, and later less and less often" {
  make_root scale=20
  monitor silent
  pve status >/dev/null
  [ "$(clients)" -eq 1 ]
  run pve status
  says 'qmp: silent'
  [[ $output =~ asked:\ [0-9]\ s\ ago ]]
  [ "$(clients)" -eq 1 ]
  age_reading 11
  pve status >/dev/null
  [ "$(clients)" -eq 2 ]
  age_reading 11
  pve status >/dev/null
  [ "$(clients)" -eq 2 ]
  age_reading 10
  pve status >/dev/null
  [ "$(clients)" -eq 3 ]
  age_reading 61
  pve status >/dev/null
  [ "$(clients)" -eq 4 ]
}

@test "a main loop that has not moved since it was silent is silent still, for certain; once it moves it is asked" {
  make_root scale=20
  switches 1000
  monitor silent
  pve status >/dev/null
  age_reading 600
  run pve status
  says 'qmp: silent'
  says 'monitor: its main loop has not moved since it was silent'
  says_no asked
  [ "$(clients)" -eq 1 ]
  switches 1001
  monitor state=running
  run pve status
  says 'qmp: answers'
}

@test "a fresh process is asked, whatever the one before it was" {
  make_root scale=20
  monitor silent
  pve status >/dev/null
  "$root/bin/process-entry" "$root" 102 4299 5000
  monitor state=running
  run pve status
  says 'qmp: answers'
}

@test "a process that is stopped by a signal is not even asked" {
  make_root
  monitor state=running
  sed -i 's/) S /) T /' "$root/proc/4242/stat" "$root/proc/4242/task/4242/stat"
  run pve status
  says 'qmp: silent'
  says 'monitor: its process is stopped by a signal'
  [ "$(clients)" -eq 0 ]
}

@test "while a verb is at work QEMU is not asked; what was read before is told with its age" {
  make_root
  monitor state=paused
  pve status >/dev/null
  exec 8<>"$root/run/breakglass/102.lock"
  flock 8
  printf 'cycle 10.0.0.9 %s\n' "$(date +%s)" >"$root/run/breakglass/102.lock"
  age_reading 30
  run pve status 8>&-
  says 'status: paused'
  says 'qmp: answers'
  [[ $output =~ asked:\ 3[0-9]\ s\ ago ]]
  [[ $output == *'busy: cycle by 10.0.0.9 since '* ]]
  [ "$(clients)" -eq 1 ]
  age_reading 600
  run pve status 8>&-
  exec 8>&-
  says 'status: running'
  says_no qmp
  [ "$(clients)" -eq 1 ]
}

@test "the pid file of a QEMU that is gone leads to nobody else's process" {
  make_root
  printf '%s\0' /usr/bin/something --id 102 >"$root/proc/4242/cmdline"
  run pve status
  says 'status: stopped'
  printf '%s\0' /usr/bin/kvm -id 1020 -pidfile /var/run/qemu-server/1020.pid >"$root/proc/4242/cmdline"
  run pve status
  says 'status: stopped'
  printf '%s\0' /usr/bin/kvm -pidfile /var/run/qemu-server/102.pid >"$root/proc/4242/cmdline"
  run pve status
  says 'status: running'
}

hang_cluster() { # A pipe that nobody writes to: who reads it waits, as at a pmxcfs that is stopped.
  rm -f "$root/etc/pve/qemu-server/102.conf"
  mkfifo "$root/etc/pve/qemu-server/102.conf"
}

@test "while /etc/pve hangs a running VM is told from its process and its monitor" {
  make_root scale=20
  hang_cluster
  run pve status
  [ "$status" -eq 0 ]
  says 'status: running'
  says 'qmp: answers'
  says "cluster: the cluster's file system (/etc/pve) does not answer"
  says_no lock
  [ "$(qm_calls)" = '' ]
}

@test "while /etc/pve hangs a VM without a process is not called stopped: its configuration may be on another node" {
  make_root scale=20 status=stopped
  hang_cluster
  run pve status
  [ "$status" -eq 1 ]
  [[ $(result) == *'"vm_state":null'* ]]
  [[ $(result) == *'has no QEMU process on this node, and the cluster'*'does not answer'* ]]
  [ "$(qm_calls)" = '' ]
}

@test "at most one process hangs in /etc/pve, however often it is asked" {
  make_root scale=20
  hang_cluster
  run pve status
  says "cluster: the cluster's file system (/etc/pve) does not answer"
  sleep 600 & # stands for the reader that could not be killed
  reader=$!
  echo "$reader" >"$root/run/breakglass/stuck-in-cluster"
  rm "$root/etc/pve/qemu-server/102.conf"
  ln -s "$root/machine/config" "$root/etc/pve/qemu-server/102.conf"
  run pve status
  says "cluster: the cluster's file system (/etc/pve) does not answer" # nobody was sent to find out
  kill "$reader"
  wait "$reader" 2>/dev/null || true
  run pve status
  says_no cluster
}

@test "a configuration that is not on this node is qm's to explain; a cluster file system that is gone, too" {
  make_root status=stopped
  rm "$root/etc/pve/qemu-server/102.conf"
  run pve status
  [ "$(qm_calls)" = 'status 102 --verbose' ]
  rm -r "$root/etc/pve"
  run pve status
  [ "$(qm_calls | wc -l)" -eq 2 ]
}

@test "a process whose configuration is elsewhere is told, and that it is" {
  make_root
  rm "$root/etc/pve/qemu-server/102.conf"
  run pve status
  [ "$status" -eq 0 ]
  says 'status: running'
  says 'cluster: there is no configuration of VM 102 on this node'
  [ "$(qm_calls)" = '' ]
}

# A task that runs, as Proxmox's process table and list of active tasks show it: 7777 (1E61) since tick 4660 (1234).
running_task() { # TYPE ID
  mkdir -p "$root/proc/7777"
  task="UPID:lab:00001E61:00001234:6B08EE8F:$1:$2:root@pam:"
  printf '7777 (task UPID) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 4660 0 0\n' >"$root/proc/7777/stat"
  printf '%s 0\n' "$task" >"$root/log/pve/tasks/active"
}

@test "a lock's task is one of its type: a console that is open is no backup" {
  make_root
  sed -i '1i lock: backup' "$root/machine/config"
  running_task vncproxy 102
  run pve status
  says 'lock: backup'
  says_no task
  running_task vzdump 102
  run pve status
  says "task: $task"
  running_task vzdump 103
  run pve status
  says_no task
  sed -i 's/^lock: .*/lock: snapshot-delete/' "$root/machine/config"
  running_task qmdelsnapshot 102
  run pve status
  says "task: $task"
  sed -i 's/^lock: .*/lock: of-tomorrow/' "$root/machine/config"
  run pve status
  says 'lock: of-tomorrow'
  says_no task
}

@test "a backup of several VMs owns the lock while its log says that it works at this one" {
  make_root
  sed -i '1i lock: backup' "$root/machine/config"
  running_task vzdump ''
  run pve status
  says "task: $task" # no log: not known, so it may be
  mkdir "$root/log/pve/tasks/F"
  echo 'INFO: Starting Backup of VM 1020 (qemu)' >"$root/log/pve/tasks/F/$task"
  run pve status
  says_no task
  echo 'INFO: Starting Backup of VM 102 (qemu)' >>"$root/log/pve/tasks/F/$task"
  run pve status
  says "task: $task"
  echo 'INFO: Finished Backup of VM 102 (00:01:02)' >>"$root/log/pve/tasks/F/$task"
  run pve status
  says_no task
  printf '%s\n' 'INFO: Starting Backup of VM 102 (qemu)' 'ERROR: Backup of VM 102 failed - no space' >"$root/log/pve/tasks/F/$task"
  run pve status
  says_no task
}

@test "who holds qemu-server's lock is told by device and inode, and the lock itself is not touched" {
  make_root
  running_task qmshutdown 102
  printf 'task %s\0' "$task" >"$root/proc/7777/cmdline"
  : >"$root/lock/qemu-server/lock-102.conf"
  run pve status
  says_no holder
  printf '1: FLOCK  ADVISORY  WRITE 7777 %s 0 EOF\n' "$(lock_id | sed 's/^..:..:/ff:ff:/')" >"$root/proc/locks"
  run pve status
  says_no holder
  printf '1: FLOCK  ADVISORY  WRITE 7777 %s 0 EOF\n1: -> FLOCK  ADVISORY  WRITE 8888 %s 0 EOF\n' "$(lock_id)" "$(lock_id)" >"$root/proc/locks"
  run pve status
  says "holder: 7777 task $task"
}

@test "the address that the host sees is told, and what is free for evidence, also before the first capture" {
  make_root
  rm -rf "$root/state"
  run pve status
  says 'caller: 10.0.0.5'
  grep -qE '^space: [0-9]+ MiB free for evidence$' <<<"$output"
  [ ! -e "$root/state" ]
}

@test "a file system that does not tell what is free holds no status up" {
  make_root
  mkdir "$BATS_TEST_TMPDIR/slow"
  printf '#!/bin/bash\nif [[ $1 == -f ]]; then exec sleep 60; fi\nexec /usr/bin/stat "$@"\n' >"$BATS_TEST_TMPDIR/slow/stat"
  chmod +x "$BATS_TEST_TMPDIR/slow/stat"
  sed "s#PATH=/usr/sbin:#PATH=$BATS_TEST_TMPDIR/slow:/usr/sbin:#" "$repository/host/breakglass-pve" >"$BATS_TEST_TMPDIR/breakglass-pve"
  chmod +x "$BATS_TEST_TMPDIR/breakglass-pve"
  ln -s "$repository/host/lib" "$BATS_TEST_TMPDIR/lib"
  SSH_ORIGINAL_COMMAND=status SSH_CONNECTION='10.0.0.5 50000 10.0.0.9 22' run "$BATS_TEST_TMPDIR/breakglass-pve" --root "$root" 102 3>&-
  [ "$status" -eq 0 ]
  says 'status: running'
  says_no space
}
