#!/usr/bin/env bats
# shellcheck disable=SC2016,SC2154 # stand-ins' bodies are meant literally; support/host sets root and repository
# What a bundle holds: the contract with the console, which parses it.

setup() {
  load support/host
}

teardown() {
  stop_qmp
}

@test "the manifest tells of every step of the table, with file, size and whether it was cut" {
  make_root scale=50
  serve_qmp
  pve forensics >/dev/null
  local name
  for name in rrd identity process-a tasks-a status-a qmp-a screendump process-b tasks-b qmp-b status-b pressure dstate kernel-log \
    config pending locks flock cluster agent-ping; do
    step_is "$name" ok || { echo "not ok: $name"; captured manifest.json; false; }
  done
  for name in journal serial gdb background/lvs background/zpool background/pvesm background/iostat background/smartctl; do
    step_is "$name" skipped || { echo "not skipped: $name"; captured manifest.json; false; }
  done
  manifest '.id | test("^\\d{8}T\\d{6}\\.\\d{3}Z-forensics$")'
  manifest '.verb == "forensics" and .vmid == 102 and .caller == "10.0.0.5" and .key == null and .pid == 4242 and (.start_time | type) == "number"'
  manifest '(.began_at, .ended_at) | test("^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{3}Z$")'
  manifest '[.steps[] | keys == ["bytes", "file", "ms", "name", "status", "truncated", "why"]] | all'
  manifest '.steps[] | select(.name == "screendump") | .file == "screendump.ppm" and .bytes > 800000 and .truncated == false'
  manifest '.steps[] | select(.name == "qmp-b") | .file == "qmp-b.jsonl"'
  [ "$(captured screendump.ppm | head -c 2)" = P6 ]
}

manifest() { # JQ
  jq -es ".[0] | $1" "$root"/state/captures/*/manifest.json >/dev/null || { echo "$1"; captured manifest.json; false; }
}

@test "QMP exchanges are kept a line each: greeting, command, arguments, reply as it came" {
  make_root
  echo 'scsihw: virtio-scsi-single' >>"$root/machine/config"
  serve_qmp
  pve forensics >/dev/null
  captured qmp-a.jsonl | jq -es '.[0].greeting.QMP.version.qemu.major == 9' >/dev/null
  [ "$(captured qmp-a.jsonl | jq -r '.command // empty' | uniq | tr '\n' ' ')" = 'query-status query-blockstats query-block query-block-jobs query-iothreads query-cpus-fast query-balloon x-query-virtio x-query-virtio-queue-status screendump ' ]
  captured qmp-b.jsonl | jq -es '[.[] | select(.command == "x-query-virtio-queue-status" and .arguments.queue == 2)][0] | .return.inuse == 0 and (.at | test("Z$")) and .ms >= 0' >/dev/null
  # The end of the queues is QEMU's refusal, kept too.
  captured qmp-a.jsonl | jq -es '[.[] | select(.error.class == "GenericError" and .arguments.queue == 3)] | length == 1' >/dev/null
}

@test "a stall shows as a queue that is in use and stands still; a disk at work as one that advances" {
  make_root fault=block-stall
  echo 'scsihw: virtio-scsi-single' >>"$root/machine/config"
  serve_qmp
  run pve forensics
  [[ $output == *$'\nqmp: answers, held '* ]]
  [[ $output == *'virtio queues: 1 in use, 0 advancing, 1 in use and standing still (of 3)'* ]]
  sed -i 's/^fault=.*/fault=none/' "$root/machine/state"
  run pve forensics
  [[ $output == *'virtio queues: 0 in use, 1 advancing, 0 in use and standing still (of 3)'* ]]
}

@test "the round-robin data shows when the writes ended, within its hour" {
  make_root fault=block-stall
  pve forensics >/dev/null
  captured rrd.json | jq -e 'length == 70 and .[0].diskwrite > 0 and .[-1].diskwrite == 0 and ([.[] | select(.diskwrite == 0)] | length) > 20' >/dev/null
}

@test "a line for each signal of triage" {
  make_root
  run pve forensics
  local line
  for line in 'vm state: running' 'qmp: unreachable: No such file or directory' 'threads in D state: none in sample A, none in sample B' \
    'quorum: yes' 'ha: no' 'lock: none' "qemu-server's lock: free" 'guest agent: answers' 'staged: memory: 8192 -> 16384'; do
    grep -qxF -- "$line" <<<"$output" || { echo "missing: $line"; echo "$output"; false; }
  done
}

@test "lock, task, HA, quorum and the holder of the lock are told" {
  make_root
  echo 'lock: backup' >>"$root/machine/config"
  mkdir -p "$root/etc/pve/ha" "$root/proc/7777"
  printf 'vm: 101\n\tstate started\nvm: 102\n\tstate started\n' >"$root/etc/pve/ha/resources.cfg"
  chmod 0500 "$root/etc/pve/local"
  printf '7777 (task UPID:lab:0) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 4660 0 0\n' >"$root/proc/7777/stat"
  # 7777 is 1E61, its start time 4660 is 1234; the second one is another's.
  local since task
  printf -v since '%08X' "$(($(date +%s) - 90))"
  task="UPID:lab:00001E61:00001234:$since:vzdump:102:root@pam:"
  printf 'UPID:lab:00001E61:00001234:%s:vzdump:103:root@pam: 0\n%s 0\n' "$since" "$task" >"$root/log/pve/tasks/active"
  printf 'task %s\0' "$task" >"$root/proc/7777/cmdline"
  exec 8>"$root/lock/qemu-server/lock-102.conf"
  flock 8
  printf '1: FLOCK  ADVISORY  WRITE 7777 00:19:%s 0 EOF\n' "$(stat -c %i "$root/lock/qemu-server/lock-102.conf")" >"$root/proc/locks"
  pve forensics >/dev/null 8>&-
  exec 8>&-
  [ "$(captured cluster.txt)" = $'quorum: no\nha: managed\nlock: backup\ntask: '"$task" ]
  [ "$(captured flock.txt | head -n 1)" = "holder: 7777 task $task" ]
  captured flock.txt | grep -Eqx 'held_s: 9[0-9]'
}

@test "a thread in D state is told with its stack, and gdb keeps away" {
  make_root
  sed -i 's/) S /) D /' "$root/proc/4242/task/4244/stat"
  echo '[<0>] nfs_wait_bit_killable+0x1' >"$root/proc/4242/task/4244/stack"
  replace gdb <<<'echo thread 1'
  run pve forensics
  [[ $output == *'threads in D state: 4244 in sample A, 4244 in sample B'* ]]
  [[ $(captured dstate.txt) == *'pid 4242 task 4244 (CPU 1/KVM) wchan futex_wait_queue'*nfs_wait_bit_killable*'1 tasks in D state'* ]]
  step_is gdb skipped 'a thread is in D state: 4244 CPU 1/KVM'
}

@test "the backtrace comes last, and a process that it left stopped is woken" {
  make_root
  replace gdb <<'EOF2'
sed -i 's/) S /) T /' "$root"/proc/4242/stat "$root"/proc/4242/task/*/stat
echo "Thread 1 of $*"
EOF2
  run pve forensics
  [ "$status" -eq 0 ]
  step_is gdb ok
  [[ $(captured gdb.txt) == 'Thread 1 of --nx --batch -p 4242 '* ]]
  [[ $output == *'4242 was left stopped'* ]]
  [ "$(cat "$root/log/kill-calls")" = '-CONT 4242' ]
  grep -q ') S ' "$root/proc/4242/stat"
  [[ $(captured tasks-b.txt) != *') T '* ]]
}

@test "a process that was stopped before the backtrace is not woken: it may be the very fault" {
  make_root
  sed -i 's/) S /) T /' "$root"/proc/4242/stat "$root"/proc/4242/task/*/stat
  replace gdb <<<'echo thread 1'
  run pve forensics
  step_is gdb ok
  [[ $output != *'left stopped'* ]]
  [ ! -e "$root/log/kill-calls" ]
  grep -q ') T ' "$root/proc/4242/stat"
}

@test "steps in the background are never awaited" {
  make_root
  hang lvs
  replace zpool <<<'echo pool'
  run pve forensics
  [ "$status" -eq 0 ]
  step_is background/lvs timeout 'not awaited'
  step_is background/zpool ok
  [ "$(captured background/zpool.txt)" = pool ]
}

@test "the serial log is kept where QEMU writes one below the log directory, and nowhere else" {
  make_root
  mkdir "$root/log/qemu"
  echo 'Kernel panic' >"$root/log/qemu/102.serial"
  printf '%s\0' kvm -chardev "file,id=s0,logfile=$root/log/qemu/102.serial" >"$root/proc/4242/cmdline"
  pve forensics >/dev/null
  [ "$(captured serial.txt)" = 'Kernel panic' ]
  rm -r "$root/state/captures"
  printf '%s\0' kvm -chardev "file,id=s0,logfile=$root/log/../machine/config" >"$root/proc/4242/cmdline"
  pve forensics >/dev/null
  step_is serial skipped
}

@test "the captures together stay below their cap: the oldest go first" {
  make_root
  local at
  for at in 1 2 3; do
    mkdir -p "$root/state/captures/2020010${at}T000000Z-stop"
    fallocate -l 400M "$root/state/captures/2020010${at}T000000Z-stop/screendump.ppm" || skip 'no fallocate here'
  done
  pve forensics >/dev/null
  [ ! -e "$root/state/captures/20200101T000000Z-stop" ]
  [ -e "$root/state/captures/20200102T000000Z-stop" ]
  [ "$(printf '%s\n' "$root"/state/captures/* | wc -l)" -eq 3 ]
}
