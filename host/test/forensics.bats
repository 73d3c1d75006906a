#!/usr/bin/env bats
# shellcheck disable=SC2016,SC2154 # stand-ins' bodies are meant literally; support/host sets root and repository
# The capture: what it keeps, and that nothing which hangs or cannot be written holds a verb back.

setup() {
  load support/host
}

teardown() {
  stop_monitor
}

manifest_has() { # NAME STATUS
  grep -q "\"name\":\"$1\",\"status\":\"$2\"" "$root"/state/captures/102/*/manifest.json
}

@test "every mutating verb is preceded by a capture of its own, in a private directory" {
  make_root
  local verb
  for verb in reset stop start cycle; do pve "$verb" >/dev/null; done
  [ "$(cd "$root/state/captures/102" && printf '%s\n' * | sed 's/.*Z-//' | tr '\n' ' ')" = 'reset stop start cycle ' ]
  [ "$(stat -c %a "$root"/state/captures/102/*-cycle)" = 700 ]
}

@test "the samples show a frozen disk" {
  make_root fault=block-stall
  run pve forensics
  [ "$status" -eq 0 ]
  [[ $output == *'diskwrite: '*'(+0 bytes between the samples)'* ]]
  [[ $output == *'diskread: '*'(+0 bytes between the samples)'* ]]
}

@test "the samples show a disk that works" {
  make_root
  run pve forensics
  [[ $output =~ diskwrite:\ [0-9]+\ -\>\ [0-9]+\ \(\+[1-9][0-9]+\ bytes ]]
}

@test "a stopped VM has no process to look at: skipped, not failed" {
  make_root status=stopped
  run pve forensics
  [ "$status" -eq 0 ]
  manifest_has process-a skipped
  manifest_has status-a ok
}

@test "a missing tool is a skipped step" {
  make_root
  rm "$root/bin/dmesg"
  run pve forensics
  [ "$status" -eq 0 ]
  manifest_has kernel-log skipped
}

@test "a step that hangs is cut off, and the verb goes on" {
  make_root
  replace dmesg <<<'trap "" TERM; while :; do sleep 1; done'
  run pve reset
  [ "$status" -eq 0 ]
  manifest_has kernel-log timeout
  [[ $output == *'kernel-log   timeout'* ]]
}

@test "a step that talks without end is cut at its cap" {
  make_root
  replace dmesg <<<'exec yes'
  run pve forensics
  [ "$status" -eq 0 ]
  [ "$(stat -c %s "$root"/state/captures/102/*/kernel-log.txt)" -le 262144 ]
}

@test "a state directory that cannot be written costs the evidence, loudly, and never the verb" {
  make_root
  rm -r "$root/state"
  touch "$root/state"
  run pve cycle
  [ "$status" -eq 0 ]
  [[ $output == *'WARNING: no evidence'* ]]
  [[ $(result) == *'"evidence":null'*'"new_pid":4299'* ]]
  run pve forensics
  [ "$status" -eq 1 ]
}

@test "without a place for its output a verb is followed directly" {
  make_root
  touch "$root/run/breakglass"
  run pve reset
  [ "$status" -eq 0 ]
  [[ ${lines[-1]} == BREAKGLASS-RESULT* ]]
}

@test "of a verb's captures the newest twelve are kept, of the others the newest eight" {
  make_root
  mkdir -p "$root/state/captures/102"/2020010{1..9}T000000Z-stop "$root/state/captures/102"/202001{10..25}T000000Z-stop
  pve reset >/dev/null
  [ "$(printf '%s\n' "$root"/state/captures/102/* | wc -l)" -eq 12 ]
  [ ! -e "$root/state/captures/102/20200114T000000Z-stop" ]
  [ -e "$root/state/captures/102/20200125T000000Z-stop" ]
}
