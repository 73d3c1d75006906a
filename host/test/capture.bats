#!/usr/bin/env bats
# shellcheck disable=SC2016,SC2154 # stand-ins' bodies are meant literally; support/host sets root and repository
# What a bundle holds: the contract with the console, which parses it.

setup() {
  load support/host
}

teardown() {
  stop_monitor
  if [[ ${reader-} ]]; then kill "$reader" 2>/dev/null || true; fi
}

@test "the manifest tells of every step of the table, with file, size and whether it was cut" {
  make_root scale=50
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
  jq -es ".[0] | $1" "$root"/state/captures/102/*/manifest.json >/dev/null || { echo "$1"; captured manifest.json; false; }
}

@test "QMP exchanges are kept a line each: greeting, command, arguments, reply as it came" {
  make_root
  echo 'scsihw: virtio-scsi-single' >>"$root/machine/config"
  pve forensics >/dev/null
  captured qmp-a.jsonl | jq -es '.[0].greeting.QMP.version.qemu.major == 10' >/dev/null
  [ "$(captured qmp-a.jsonl | jq -r '.command // empty' | uniq | tr '\n' ' ')" = 'query-status query-blockstats query-block query-block-jobs query-iothreads query-cpus-fast query-balloon qom-get x-query-virtio x-query-virtio-queue-status screendump ' ]
  captured qmp-b.jsonl | jq -es '[.[] | select(.command == "x-query-virtio-queue-status" and .arguments.queue == 2)][0] | .return.inuse == 0 and (.at | test("Z$")) and .ms >= 0' >/dev/null
  # The end of the queues is QEMU's refusal, kept too.
  captured qmp-a.jsonl | jq -es '[.[] | select(.error.class == "GenericError" and .arguments.queue == 3)] | length == 1' >/dev/null
}

@test "a stall shows as a queue that is in use and stands still; a disk at work as one that advances" {
  make_root fault=block-stall
  echo 'scsihw: virtio-scsi-single' >>"$root/machine/config"
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
  [[ $output =~ $'\n'qmp:\ answers,\ held\ 2\.[0-9]\ s$'\n' ]]
  for line in 'vm state: running' 'threads in D state: none in sample A, none in sample B' \
    'quorum: yes' 'ha: no' 'lock: none' "qemu-server's lock: free" 'guest agent: answers' 'staged: memory: 8192 -> 16384'; do
    grep -qxF -- "$line" <<<"$output" || { echo "missing: $line"; echo "$output"; false; }
  done
}

@test "lock, task, HA, quorum and the holder of the lock are told" {
  make_root scale=50
  echo 'lock: backup' >>"$root/machine/config"
  mkdir -p "$root/etc/pve/ha" "$root/proc/7777"
  printf 'vm: 101\n\tstate started\nvm: 102\n\tstate started\n' >"$root/etc/pve/ha/resources.cfg"
  chmod 0500 "$root/etc/pve/local"
  printf '7777 (task UPID:lab:0) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 4660 0 0\n' >"$root/proc/7777/stat"
  # 7777 is 1E61, its start time 4660 is 1234; the second one is another's.
  local since task
  printf -v since '%08X' "$(($(date +%s) - 9000))"
  task="UPID:lab:00001E61:00001234:$since:vzdump:102:root@pam:"
  printf 'UPID:lab:00001E61:00001234:%s:vzdump:103:root@pam: 0\n%s 0\n' "$since" "$task" >"$root/log/pve/tasks/active"
  printf 'task %s\0' "$task" >"$root/proc/7777/cmdline"
  exec 8>"$root/lock/qemu-server/lock-102.conf"
  flock 8
  printf '1: FLOCK  ADVISORY  WRITE 7777 %s 0 EOF\n' "$(lock_id)" >"$root/proc/locks"
  pve forensics >/dev/null 8>&-
  exec 8>&-
  [ "$(captured cluster.txt)" = $'quorum: no\nha: managed\nconfig: read\nlock: backup\ntask: '"$task" ]
  [ "$(captured flock.txt | head -n 1)" = "holder: 7777 task $task" ]
  # The age of the task is one thing, how long the lock was seen held another.
  captured flock.txt | grep -Eqx 'task_age_s: 90[0-9][0-9]'
  captured flock.txt | grep -Eqx 'held_s: 1[0-9]'
}

@test "a lock that its holder lets go while it is looked at is not one that is held" {
  make_root
  exec 8>"$root/lock/qemu-server/lock-102.conf"
  flock 8
  local inode; inode=$(stat -c %i "$root/lock/qemu-server/lock-102.conf")
  ( while [[ -d $root ]] && ! grep -Eq -- "-> FLOCK .*:$inode " /proc/locks; do sleep 0.05; done ) 3>&- & # until somebody waits for it
  exec 8>&-
  pve forensics >/dev/null
  captured flock.txt | grep -Eqx 'free_after_ms: [0-9]+'
  ! captured flock.txt | grep -q held_s
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
  printf '%s\0' kvm -id 102 -chardev "file,id=s0,logfile=$root/log/qemu/102.serial" >"$root/proc/4242/cmdline"
  pve forensics >/dev/null
  [ "$(captured serial.txt)" = 'Kernel panic' ]
  rm -r "$root/state/captures"
  printf '%s\0' kvm -id 102 -chardev "file,id=s0,logfile=$root/log/../machine/config" >"$root/proc/4242/cmdline"
  pve forensics >/dev/null
  step_is serial skipped
}

@test "the captures together stay below their cap: the oldest go first, and what preceded a verb goes last" {
  make_root
  local at
  for at in 1-stop 2-forensics 3-stop; do
    mkdir -p "$root/state/captures/102/2020010${at%-*}T000000Z-${at#*-}"
    fallocate -l 400M "$root/state/captures/102/2020010${at%-*}T000000Z-${at#*-}/screendump.ppm" || skip 'no fallocate here'
  done
  pve forensics >/dev/null
  [ ! -e "$root/state/captures/102/20200102T000000Z-forensics" ]
  [ -e "$root/state/captures/102/20200101T000000Z-stop" ]
  [ "$(printf '%s\n' "$root"/state/captures/102/* | wc -l)" -eq 3 ]
  for at in 4 5; do
    mkdir -p "$root/state/captures/102/2020010${at}T000000Z-reset"
    fallocate -l 400M "$root/state/captures/102/2020010${at}T000000Z-reset/screendump.ppm"
  done
  pve reset >/dev/null
  [ ! -e "$root/state/captures/102/20200101T000000Z-stop" ]
  [ -e "$root/state/captures/102/20200105T000000Z-reset" ]
}

@test "the configuration is kept as the file it is, read once, with secrets masked; staged changes as qm tells them" {
  make_root
  cat >"$root/machine/config" <<'TEXT'
#A note of the owner: the password: hunter2 opens it%3A
#lock%3A backup is only text
agent: 1
args: -object secret,id=s0,data=geheim -vnc 0.0.0.0:1,password=on -device x
boot: order=scsi0
cipassword: $5$abc$def
memory: 128
name: devvm
onboot: 1
scsi0: local:102/vm-102-disk-0.raw,iothread=1,mbps_wr=0.5,size=64M

[PENDING]
cipassword: neu
delete: !onboot
description: two%0Alines
memory: 256
net0: virtio=BC:24:11:00:00:02,bridge=vmbr0

[before]
lock: snapshot
memory: 64
snaptime: 1767225600
TEXT
  run pve forensics
  [ "$status" -eq 0 ]
  step_is config ok
  step_is pending ok
  [ "$(qm_calls | grep -cE '^(config|pending|status)')" -eq 0 ]
  ! captured config.txt | grep -E 'hunter2|geheim|abc|neu'
  ! captured pending.txt | grep -E 'geheim|abc|neu'
  [ "$(captured config.txt | grep -c '^cipassword: \*\*\*\*\*\*\*\*\*\*$')" -eq 2 ]
  captured config.txt | grep -qx 'args: -object secret,id=s0,data=\*\*\*\*\*\*\*\*\*\* -vnc 0.0.0.0:1,password=\*\*\*\*\*\*\*\*\*\* -device x'
  captured config.txt | grep -qx '\[PENDING\]'
  ! captured config.txt | grep -q 'lock: snapshot'
  captured snapshots.txt | grep -qx 'lock: snapshot'
  [ "$(captured pending.txt | grep -vE 'args|cipassword')" = 'cur agent: 1
cur boot: order=scsi0
new description: two%0Alines
cur memory: 128
new memory: 256
cur name: devvm
new net0: virtio=BC:24:11:00:00:02,bridge=vmbr0
del onboot: 1
cur scsi0: local:102/vm-102-disk-0.raw,iothread=1,mbps_wr=0.5,size=64M' ]
  [[ $output == *$'\nlock: none\n'* ]]
  [[ $output == *'staged: memory: 128 -> 256'* && $output == *'staged: onboot: 1 -> removed'* ]]
}

@test "QEMU's command line is kept without its secrets" {
  make_root
  printf '%s\0' /usr/bin/kvm -id 102 -object secret,id=s0,data=geheim -spice port=1,password=offen -m 128 >"$root/proc/4242/cmdline"
  pve forensics >/dev/null
  ! captured identity.txt | grep -aE 'geheim|offen'
  captured identity.txt | tr '\0' ' ' | grep -q 'data=\*\*\*\*\*\*\*\*\*\* -spice port=1,password=\*\*\*\*\*\*\*\*\*\* -m 128'
}

@test "a capture starts qm for the guest agent only where it has no socket, at most twice, and else never" {
  make_root
  pve forensics >/dev/null
  [ "$(qm_calls)" = $'guest cmd 102 ping\nguest cmd 102 fsfreeze-status' ]
  : >"$root/log/qm-calls"
  guest_agent thawed
  pve forensics >/dev/null
  step_is agent-ping ok
  [ "$(qm_calls)" = '' ]
}

guest_agent() { # thawed|frozen|silent: at the VM's socket, until the test ends
  "$repository/host/test/support/agent.pl" "$root/run/qemu-server/102.qga" "$1" 3>&- &
  reader=$!
  until [ -S "$root/run/qemu-server/102.qga" ]; do sleep 0.02; done
}

newest() { printf '%s\n' "$root"/state/captures/102/*Z-* | tail -n 1; }

@test "the guest agent is asked over its own socket: whether it answers, and whether the file systems are frozen" {
  make_root
  guest_agent frozen
  run pve forensics
  [[ $output == *$'\nguest agent: answers\n'* && $output == *$'\nguest\'s file systems: frozen\n'* ]]
  [ "$(cat "$(newest)/agent-ping.txt")" = 'exit: 0' ]
  [ "$(cat "$(newest)/fsfreeze.txt")" = $'exit: 0\nfrozen' ]
  kill "$reader"
  rm "$root/run/qemu-server/102.qga"
  guest_agent silent
  run pve forensics
  [[ $output == *$'\nguest agent: QEMU guest agent is not running\n'* ]]
  [ "$(cat "$(newest)/agent-ping.txt")" = $'exit: 255\nQEMU guest agent is not running' ]
  sed -i /^agent/d "$root/machine/config"
  run pve forensics
  [[ $output == *$'\nguest agent: No QEMU guest agent configured\n'* ]]
  [ "$(qm_calls)" = '' ]
}

@test "the journal is asked for what a cluster and HA write, too" {
  make_root
  replace journalctl <<<'printf "%s\n" "$@"'
  pve forensics >/dev/null
  local unit
  for unit in pvedaemon pvestatd pve-cluster corosync pve-ha-crm pve-ha-lrm qmeventd; do captured journal.txt | grep -qx "_SYSTEMD_UNIT=$unit.service"; done
  captured journal.txt | grep -qx SYSLOG_IDENTIFIER=qm
}

disks() { # MOOD: the monitor of a VM with several disks; and what qmp.pl makes of it
  "$repository/host/test/support/monitor.pl" "$BATS_TEST_TMPDIR/qmp" "$1" "$BATS_TEST_TMPDIR/clients" 3>&- &
  machine=$!
  until grep -q ready "$BATS_TEST_TMPDIR/clients" 2>/dev/null; do sleep 0.02; done
  run perl "$repository/host/lib/qmp.pl" "$BATS_TEST_TMPDIR/qmp" "$BATS_TEST_TMPDIR" 100
}

@test "three disks of 34 queues each are asked whole: the stalled one is seen, and the others" {
  root=$BATS_TEST_TMPDIR
  disks disks=3x34
  [[ $output == *'1 in use, 101 advancing, 1 in use and standing still (of 102)'* ]]
  [ "$(grep -c '"Invalid virtqueue number' "$BATS_TEST_TMPDIR/qmp-b.jsonl")" -eq 3 ]
}

@test "where the time does not suffice for all queues no disk is left out, and it is said that not all were asked" {
  root=$BATS_TEST_TMPDIR
  disks disks=3x300
  [[ $output == *'step qmp-a ok '*'not all queues were asked'* ]]
  local counts
  counts=$(for disk in 0 1 2; do grep -c "virtioscsi$disk.*\"inuse\"" "$BATS_TEST_TMPDIR/qmp-a.jsonl"; done | sort -n | tr '\n' ' ')
  read -r least _ most <<<"$counts"
  [ "$least" -gt 5 ]
  [ "$((most - least))" -le 1 ]
}

@test "the round robin hides no disk: each is told for itself" {
  root=$BATS_TEST_TMPDIR
  disks disks=2x2
  [[ $output == *'say disk/scsi0 read +0, wrote +4096 bytes between the samples'* ]]
  [[ $output == *'say disk/scsi1 read +0, wrote +0 bytes between the samples'* ]]
}

@test "one capture at a time: who comes meanwhile waits for it, shares it and is shown what it found" {
  make_root
  pve forensics >"$BATS_TEST_TMPDIR/first" 3>&- &
  local first=$!
  until [ -s "$root/run/breakglass/102.capture" ]; do sleep 0.02; done
  run pve status
  [[ $output == *$'\ncapture: under way\n'* && $output != *busy:* ]]
  pve forensics >"$BATS_TEST_TMPDIR/second" 3>&- &
  local second=$!
  run pve reset
  wait "$first" "$second"
  [ "$status" -eq 0 ]
  [[ $output == *'waiting for it'*'shared: evidence 2'* ]]
  [ "$(printf '%s\n' "$root"/state/captures/102/*Z-* | wc -l)" -eq 1 ]
  local id
  id=$(basename "$(newest)")
  grep -q "\"evidence\":\"$id\"" "$BATS_TEST_TMPDIR/first"
  grep -q "\"evidence\":\"$id\"" "$BATS_TEST_TMPDIR/second"
  [[ $(result) == *"\"evidence\":\"$id\""* ]]
  local of_all
  of_all=$(<"$(newest)/printed.txt")
  [[ $of_all == *'vm state: running'*'bytes between the samples)'* ]]
  [[ $output == *"$of_all"* && $(<"$BATS_TEST_TMPDIR/first") == *"$of_all"* && $(<"$BATS_TEST_TMPDIR/second") == *"$of_all"* ]]
  [ -e "$(newest)/kept" ] # it stands before a verb
}

@test "a capture that ended in the middle is shared with nobody" {
  make_root
  pve forensics >/dev/null
  exec 8<>"$root/run/breakglass/102.capture"
  flock 8
  echo 'forensics 10.0.0.9 1' >"$root/run/breakglass/102.capture"
  (sleep 1) 3>&- &
  exec 8>&-
  run pve reset
  [ "$status" -eq 0 ]
  [[ $output != *'shared: '* ]]
  [[ $(result) == *'"evidence":"2'*'-reset"'* ]]
}

@test "a verb does not share a look that kept away from QEMU because of it: it captures for itself before it kills" {
  make_root scale=50
  # The look lasts until the cycle waits for it.
  replace pvesh <<<"until grep -q 'waiting for it' '$BATS_TEST_TMPDIR/cycle'; do sleep 0.05; done"
  : >"$root/run/qemu-server/102.cleanup" # the cycle waits for that, in front of its capture
  pve cycle >"$BATS_TEST_TMPDIR/cycle" 3>&- &
  local cycle=$! look
  await "the cycle's lock" test -s "$root/run/breakglass/102.lock"
  pve forensics >"$BATS_TEST_TMPDIR/look" 3>&- &
  look=$!
  await 'the capture of the look' ls "$root/state/captures/102"
  rm "$root/run/qemu-server/102.cleanup"
  wait "$look" "$cycle"
  run cat "$BATS_TEST_TMPDIR/cycle"
  [[ $output == *'waiting for it'* && $output != *'shared: '* ]]
  [[ $(result) == *'"evidence":"2'*'-cycle"'* ]]
  jq -e '.steps[] | select(.name == "qmp-a") | .status == "ok"' "$root"/state/captures/102/*-cycle/manifest.json
  jq -e '.steps[] | select(.name == "qmp-a") | .status == "skipped"' "$root"/state/captures/102/*-forensics/manifest.json
  [ ! -e "$(printf '%s\n' "$root"/state/captures/102/*-forensics)/kept" ] # it stands before nothing
}

@test "a verb's evidence is not pushed out by any number of looks" {
  make_root
  mkdir -p "$root/state/captures/102"/202001{01..12}T000000Z-stop "$root/state/captures/102"/202002{10..25}T000000Z-forensics
  mkdir -p "$root/state/captures/102/20190101T000000Z-forensics"
  : >"$root/state/captures/102/20190101T000000Z-forensics/kept"
  pve forensics >/dev/null
  [ "$(printf '%s\n' "$root"/state/captures/102/*-stop | wc -l)" -eq 12 ]
  [ -e "$root/state/captures/102/20190101T000000Z-forensics" ]
  [ "$(printf '%s\n' "$root"/state/captures/102/*-forensics | wc -l)" -eq 9 ]
  [ ! -e "$root/state/captures/102/20200217T000000Z-forensics" ]
  pve reset >/dev/null
  [ ! -e "$root/state/captures/102/20190101T000000Z-forensics" ]
  [ "$(printf '%s\n' "$root"/state/captures/102/*-forensics | wc -l)" -eq 8 ]
}

@test "each VM has a shelf of its own, and what version 0.1.0 kept for all is found by its manifest" {
  make_root
  mkdir -p "$root/state/captures"/2020010{1,2}T000000.000Z-stop
  echo '{"id":"20200101T000000.000Z-stop","verb":"stop","vmid":102,"version":"0.1.0"}' >"$root/state/captures/20200101T000000.000Z-stop/manifest.json"
  echo '{"id":"20200102T000000.000Z-stop","verb":"stop","vmid":103,"version":"0.1.0"}' >"$root/state/captures/20200102T000000.000Z-stop/manifest.json"
  [ "$(pve evidence | tar -tzf - | head -n 1)" = 20200101T000000.000Z-stop/ ]
  [ "$(SSH_ORIGINAL_COMMAND=evidence "$repository/host/breakglass-pve" --root "$root" 103 | tar -tzf - | head -n 1)" = 20200102T000000.000Z-stop/ ]
  SSH_ORIGINAL_COMMAND=evidence run "$repository/host/breakglass-pve" --root "$root" 104
  [ "$status" -eq 1 ]
}

@test "a capture beside a verb that works keeps away from QEMU" {
  make_root
  mkdir -m 700 "$root/run/breakglass"
  exec 9<>"$root/run/breakglass/102.lock"
  flock 9
  printf 'cycle 10.0.0.9 %s\n' "$(date +%s)" >"$root/run/breakglass/102.lock"
  replace gdb <<<'echo thread 1'
  run pve forensics 9>&-
  exec 9>&-
  [ "$status" -eq 0 ]
  step_is qmp-a skipped 'a verb is at work'
  step_is gdb skipped 'a verb is at work'
  step_is config ok
  [ "$(qm_calls)" = '' ]
}
