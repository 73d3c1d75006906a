#!/usr/bin/env bats
# shellcheck disable=SC2016,SC2154 # stand-ins' bodies are meant literally; support/host sets root and repository
# One mutating verb at a time: whatever other accounts of the host do, whatever the file system does, and while two versions of the
# script are on it.

setup() {
  load support/host
}

teardown() {
  stop_monitor
}

# Version 0.1.0 of the script, as it was installed.
old_pve() { # COMMAND
  if [[ ! -d $BATS_TEST_TMPDIR/old ]]; then
    mkdir "$BATS_TEST_TMPDIR/old"
    tar -xzf "$repository/host/test/recorded/host-0.1.0.tar.gz" -C "$BATS_TEST_TMPDIR/old" --strip-components 1
  fi
  SSH_ORIGINAL_COMMAND=$1 SSH_CONNECTION='10.0.0.6 50000 10.0.0.9 22' "$BATS_TEST_TMPDIR/old/breakglass-pve" --root "$root" 102 3>&-
}

# A qm whose `reset` lasts until it is let go, and says when somebody else is at it too.
slow_reset() {
  replace qm <<'EOF'
if [[ $1 != reset ]]; then exec "$root/bin/lab-qm" "$@"; fi
if ! mkdir "$root/at-work"; then echo twice >>"$root/two-at-once"; exit 0; fi
echo reset >>"$root/resets"
until [[ -e $root/let-go || ! -d $root ]]; do sleep 0.05; done
rmdir "$root/at-work"
EOF
}

begin_reset() { # pve|old_pve
  "$1" reset >"$BATS_TEST_TMPDIR/first" 2>&1 &
  first=$!
  await 'the reset' test -d "$root/at-work"
}

end_reset() {
  touch "$root/let-go"
  wait "$first"
  grep -q '"verb":"reset".*"exit":0' "$BATS_TEST_TMPDIR/first"
}

@test "locks and what is remembered lie where nobody but root may look" {
  make_root
  rm -rf "$root/state"
  run pve reset
  [ "$status" -eq 0 ]
  [ -f "$root/run/breakglass/102.lock" ]
  [ "$(stat -c %a "$root/run/breakglass" "$root/state" "$root/state/captures/102")" = $'700\n700\n700' ]
}

@test "no account of the host can hold up a verb: not by a directory in the lock's old place, a file of its own or a lock on the script" {
  make_root
  slow_reset
  touch "$root/let-go"
  local place=$root/lock/breakglass-102.lock what
  for what in 'mkdir "$place"' 'mkdir -p "$place/full"' 'echo "cycle mallory 1" >"$place"; chmod 666 "$place"' 'ln -s /nowhere "$place"' 'mkfifo -m 666 "$place"'; do
    rm -rf "$place" "$root/two-at-once"
    (umask 022; eval "$what")
    # Whoever can open it, locks it; whoever can read the script, locks that.
    if [[ -f $place ]]; then exec 8<>"$place"; flock 8; fi
    exec 7<"$repository/host/breakglass-pve"
    flock -s 7
    run pve status 8>&- 7>&-
    [ "$status" -eq 0 ]
    [[ $output != *busy* ]]
    run pve reset 8>&- 7>&-
    [ "$status" -eq 0 ] || { echo "$what: $output"; return 1; }
    exec 8>&- 7>&-
  done
  [ ! -e "$root/two-at-once" ]
}

@test "where no lock file can be made the directory is the lock, and where nothing is root's own nothing is done" {
  make_root
  slow_reset
  : >"$root/run/breakglass" # nothing can be made below it
  chmod 700 "$root/state"
  begin_reset pve
  run pve stop
  [ "$status" -eq 75 ]
  [[ $(result) == *'another verb is running: a verb by unknown since '* ]]
  end_reset
  chmod 755 "$root/state" "$root/root"
  run pve stop
  [ "$status" -eq 1 ]
  [[ $(result) == *"Not done: no lock can be made"* ]]
  chmod 700 "$root/root"
  run pve stop
  [ "$status" -eq 0 ]
}

@test "a script of version 0.1.0 at work: the new one waits its turn, and says who is at it" {
  make_root
  slow_reset
  begin_reset old_pve
  run pve cycle
  [ "$status" -eq 75 ]
  [[ $(result) == *'Not done: another verb is running: reset by 10.0.0.6 since '* ]]
  run pve status
  [[ $output == *'busy: reset by 10.0.0.6 since '* ]]
  end_reset
  [ ! -e "$root/two-at-once" ]
  run pve cycle
  [ "$status" -eq 0 ]
}

@test "the new one at work: a script of version 0.1.0 waits its turn, and says who is at it" {
  make_root
  slow_reset
  begin_reset pve
  run old_pve cycle
  [ "$status" -eq 75 ]
  [[ $(result) == *'Not done: another verb is running: reset by 10.0.0.5 since '* ]]
  run old_pve status
  [[ $output == *'busy: reset by 10.0.0.5 since '* ]]
  end_reset
  [ ! -e "$root/two-at-once" ]
  run old_pve cycle
  [ "$status" -eq 0 ]
}

@test "of verbs of both versions that come at the same moment one is carried out" {
  make_root
  slow_reset
  touch "$root/let-go"
  local round each jobs=()
  for round in 1 2 3; do
    # As after a start of the host, and as 0.1.0 leaves it.
    rm -rf "$root/lock/breakglass-102.lock" "$root/run/breakglass"
    if ((round == 2)); then (umask 077; : >"$root/lock/breakglass-102.lock"); fi
    jobs=()
    for each in 1 2 3 4; do
      pve reset >/dev/null 2>&1 & jobs+=($!)
      old_pve reset >/dev/null 2>&1 & jobs+=($!)
    done
    wait "${jobs[@]}" || true
    [ ! -e "$root/two-at-once" ]
    [ "$(wc -l <"$root/resets")" -ge "$round" ]
  done
}
