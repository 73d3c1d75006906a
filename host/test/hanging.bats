#!/usr/bin/env bats
# shellcheck disable=SC2016,SC2034,SC2154 # stand-ins' bodies are meant literally; support/host sets root and repository
# Hosts that hang: every verb ends in a clear answer within its limit. Limits are shortened alike by etc/breakglass/time-scale.

setup() {
  load support/host
}

teardown() {
  stop_monitor
  if [[ ${mounted-} ]]; then umount "${mounted[@]}"; fi
}

mount_small() { # OPTIONS DIR
  mkdir -p "$2"
  mount -t tmpfs -o "$1" tmpfs "$2" 2>/dev/null || skip 'a file system cannot be mounted here: not root, or a container without the right'
  mounted+=("$2")
}

@test "what a cycle announces holds all that it may take, and no less than qm allows for the start" {
  make_root
  run pve cycle
  local announced
  announced=$(sed -n 's/^BREAKGLASS-LIMIT {"verb":"cycle","vm":102,"seconds":\([0-9]*\)}$/\1/p' <<<"$output")
  local forensics_limit_s stop_limit_s kill_after_s cleanup_limit_s start_margin_s word
  for word in $(sed -n 's/^readonly \([a-z_]*_s=[^#]*\).*/\1/p' "$repository"/host/lib/{forensics,verbs,startable,stopping}.bash); do declare "$word"; done
  [ "$kill_after_s" -eq 20 ]
  [ "$forensics_limit_s" -eq 20 ]
  [ "$announced" -ge "$((forensics_limit_s + stop_limit_s + cleanup_limit_s + 30 + start_margin_s + final_look_s))" ]
}

@test "the worst cycle, in which everything takes as long as it may, keeps the budget" {
  make_root scale=20
  local name
  for name in pvesh dmesg gdb lvs; do hang "$name"; done
  # Status hangs, stop never returns, the dying process takes all of cleanup's time but a little, its lock stays held, start hangs.
  replace qm <<EOF2
printf '%s\0' "\$@" '' >>"\$root/log/qm-calls"
case \$1 in config | pending) exec "\$root/bin/lab-qm" "\$@" ;; *) $hanging ;; esac
EOF2
  replace kill <<<'echo "$*" >>"$root/log/kill-calls"; (sleep 3; exec "$root/bin/lab-kill" "$@") >/dev/null 2>&1 &'
  exec 8>"$root/lock/qemu-server/lock-102.conf"
  ( await 'the kill' test -e "$root/log/kill-calls"; flock 8; while [[ -d $root ]]; do sleep 0.2; done ) 3>&- >/dev/null 2>&1 &
  local holder=$!
  exec 8>&-
  run pve cycle
  kill "$holder"
  [ "$status" -eq 1 ]
  [[ $output == *SIGKILL*'is still ending'*'is gone'*'qm start has not returned'* ]]
  [[ $(result) == *'"outcome":"qm start has not returned after 45 s. It may still complete: ask for status.'* ]]
  [ "$(grep -c . "$root/log/kill-calls")" -eq 1 ]
  # Nothing of all this ever ends by itself: each part was ended by its own limit. Their sum is claimed above.
  step_is rrd timeout
}

@test "a capture ends in time whatever hangs" {
  make_root scale=50
  local name
  for name in qm pvesh dmesg journalctl gdb iostat; do hang "$name"; done
  run pve forensics
  [[ $(result) == *'"evidence":"2'* ]]
  step_is agent-ping timeout
  step_is rrd timeout
}

@test "a step whose child escapes its group and keeps its pipe is left behind" {
  make_root scale=50
  replace dmesg <<<'setsid sleep 6 & exit 0'
  run pve forensics
  [ "$status" -eq 0 ]
  step_is kernel-log timeout 'left behind'
}

@test "a qm that never returns, where only qm could tell: status says so within its 15 s" {
  make_root scale=20 status=stopped
  rm "$root/etc/pve/qemu-server/102.conf"
  hang qm
  run pve status
  [ "$status" -eq 1 ]
  [[ $(result) == *'"outcome":"The state of VM 102 is not known: qm gives no answer"'* ]]
}

@test "a qm that never returns: reset and start end with what did not happen" {
  make_root scale=10
  hang qm
  run pve reset
  [ "$status" -eq 1 ]
  [[ $output == *'qm reset has not returned after 15 s'* ]]
  [[ $(result) == *'"exit":1,"outcome":"qm reset has not returned after 15 s. It may still complete: ask for status."'* ]]
  run pve start
  [ "$status" -eq 1 ]
  [[ $(result) == *'qm start has not returned after 45 s'* ]]
}

@test "a monitor that accepts nobody ends its steps by their limit, and a reset fails in qm's words" {
  make_root scale=50
  sed -i 's/^qmp=.*/qmp=silent/' "$root/machine/state"
  sleep 0.5 # the lab's QEMU hears of it
  run pve reset
  [ "$status" -eq 1 ]
  step_is qmp-a timeout
  step_is screendump timeout
  [[ $output == *$'\nqmp: silent: the socket accepts and says nothing\n'* ]]
  [[ $output == *'diskwrite: not told: QMP does not answer'* ]]
  [[ $(result) == *"qm reset failed (exit 255): VM 102 qmp command 'system_reset' failed - got timeout"* ]]
}

@test "a QMP that falls silent in the middle costs what was still to come" {
  make_root scale=50
  local socket=$root/run/qemu-server/102.qmp
  stop_monitor
  rm -f "$socket"
  perl -MIO::Socket::UNIX -e '
    my $s = IO::Socket::UNIX->new(Listen => 1, Local => shift) or die; my $c = $s->accept;
    syswrite $c, "{\"QMP\": {}}\r\n"; readline $c; syswrite $c, "{\"return\": {}}\r\n{\"timestamp\": {}, \"event\": \"STOP\"}\r\n";
    readline $c; syswrite $c, "{\"return\": {\"status\": \"io-error\"}}\r\n"; sleep 20' "$socket" 3>&- &
  machine=$!
  await 'the socket' test -S "$socket"
  pve forensics >/dev/null
  step_is qmp-a timeout 'no answer to query-blockstats'
  step_is qmp-b skipped
  captured qmp-a.jsonl | jq -es '.[1].event.event == "STOP" and .[2].return.status == "io-error" and .[3].error.class == "NoAnswer"' >/dev/null
}

@test "a full disk costs the evidence, loudly, and not the verb; nothing is written to fill it" {
  make_root
  mount_small size=40m "$root/state"
  run pve cycle
  [ "$status" -eq 0 ]
  [[ $output == *'WARNING: no evidence: only '*' MB are free for '*', a capture needs 64. Going on without.'* ]]
  [[ $(result) == *'"evidence":null'*'"new_pid":4299'* ]]
  [ -z "$(ls "$root/state/captures/102")" ]
}

@test "no byte free anywhere: log, output and state; the verb runs and answers" {
  make_root
  local dir
  for dir in state run/breakglass log; do
    mount_small size=64k "$root/$dir"
    head -c 1M /dev/zero >"$root/$dir/full" 2>/dev/null || true
  done
  run pve cycle
  [ "$status" -eq 0 ]
  [[ $output == *'warning: cannot write'* ]]
  [[ $(result) == *'"new_pid":4299'* ]]
}

@test "read-only state, output and log directories: the verb runs and answers" {
  make_root
  mount_small ro "$root/state"
  mount_small ro "$root/run/breakglass"
  mount_small ro "$root/log"
  run pve cycle
  [ "$status" -eq 0 ]
  [[ $output == *'WARNING: no evidence'*'cannot be written. Going on without.'* ]]
  [[ $(result) == *'"new_pid":4299'* ]]
}
