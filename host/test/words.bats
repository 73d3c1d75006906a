#!/usr/bin/env bats
# shellcheck disable=SC2016,SC2154 # stand-ins' bodies are meant literally; support/host sets root and repository
# What gets through the boundary, and what becomes of everything else.

setup() {
  load support/host
  make_root
}

teardown() {
  stop_monitor
}

@test "--version prints the version and needs no VM" {
  run "$repository/host/breakglass-pve" --version
  [ "$status" -eq 0 ]
  [[ $output =~ ^breakglass-pve\ [0-9]+\.[0-9]+\.[0-9]+$ ]]
}

@test "status tells state, QMP, pid and ends with the result line" {
  run pve status
  [ "$status" -eq 0 ]
  [ "${lines[0]}" = 'BREAKGLASS-BEGIN status' ]
  [ "${lines[1]}" = 'status: running' ]
  [ "${lines[2]}" = 'vm: 102' ]
  [ "${lines[3]}" = 'qmp: answers' ]
  [[ ${lines[-1]} == 'BREAKGLASS-RESULT {"verb":"status"'*'"vm":102,'*'"vm_state":"running"'* ]]
  [ "$(qm_calls)" = '' ]
}

@test "status does not believe a running VM whose QMP is dead" {
  sed -i 's/^qmp=.*/qmp=silent/' "$root/machine/state"
  run pve status
  [ "$status" -eq 0 ]
  [[ $output == *'qmp: silent'* ]]
  [[ $(result) == *'QEMU is wedged'* ]]
}

@test "nothing but the exact words reaches qm" {
  local word
  for word in '' ' ' 'status ' ' status' 'Status' 'STATUS' 'status; reboot' 'status 103' "\$(reboot)" '`reboot`' '../start' \
    $'status\n' $'\nstatus' $'status\nstop' $'status\r' 'status|stop' 'status&&stop' '--version' '--worker' '--root /' '-h' \
    $'st\u0430tus' $'start\u200b' 'reboot' 'sh' 'stop*' 'st?p' '[s]tatus' 'evidence ../..' 'status"' "status'" "qm stop 102"; do
    run pve "$word"
    [ "$status" -eq 2 ] || { echo "not rejected: $word"; false; }
    [[ $output == 'breakglass-pve: rejected '* ]]
    [[ $output != *BREAKGLASS-RESULT* ]]
  done
  [ "$(qm_calls)" = '' ]
  [ "$(grep -c 'verb=rejected caller=10.0.0.5 exit=2' "$root/log/breakglass-pve.log")" -eq 32 ]
}

@test "a rejected string is shown quoted, short and on one line" {
  run pve "$(printf 'x%.0s' {1..100000})"
  [ "$status" -eq 2 ]
  [ "${#output}" -lt 400 ]
  run pve $'a\nb\e[31m'
  [ "${#lines[@]}" -eq 1 ]
  [[ $output == *'\n'*'\E'* ]]
}

@test "no variable of the client reaches qm" {
  replace qm <<<'env >"$root/log/env"; exec "$root/bin/lab-qm" "$@"'
  LC_ALL=de_DE.UTF-8 LC_EVIL='() { :; }' LD_LIBRARY_PATH=/evil-libs PERL5LIB=/evil-perl BASH_ENV=/etc/motd PATH=/evil:$PATH run pve stop
  [ "$status" -eq 0 ]
  run grep -E 'evil|EVIL|BASH_ENV|de_DE|SHELLOPTS' "$root/log/env"
  [ "$status" -eq 1 ]
  grep -qx 'LC_ALL=C' "$root/log/env"
}

as_account() { # ACCOUNT [SSH_ORIGINAL_COMMAND]: as sudo calls it
  SUDO_USER=$1 run "$repository/host/breakglass-pve" --root "$root" --verb="${2-status}"
}

@test "the VM is the forced command's own argument" {
  mkdir -p "$root/etc/breakglass/vms"
  echo 103 >"$root/etc/breakglass/vms/breakglass"
  SUDO_USER=breakglass run pve status
  [ "$status" -eq 0 ]
  [[ $(result) == *'"vm":102,'* ]]
  SSH_ORIGINAL_COMMAND=status run "$repository/host/breakglass-pve" --root "$root" '102;reboot'
  [ "$status" -eq 1 ]
}

@test "or the one that is written down for the account that sudo names, and none for an account that is not known" {
  mkdir -p "$root/etc/breakglass/vms"
  echo 102 >"$root/etc/breakglass/vms/breakglass"
  echo 103 >"$root/etc/breakglass/vms/breakglass-103"
  as_account breakglass
  [ "$status" -eq 0 ]
  [[ $(result) == *'"vm":102,'* ]]
  as_account breakglass-103
  [ "$status" -eq 1 ]
  [[ $(result) == *'"vm":103,'* ]]
  local account
  for account in '' nobody breakglass-10 ../vmid 'breakglass ' BREAKGLASS; do
    as_account "$account"
    [ "$status" -eq 1 ] || { echo "accepted: $account"; false; }
    [[ $output == *'no VM id'* ]]
  done
  as_account nobody stop
  [[ $(qm_calls) != *stop* ]]
}

@test "a number for all accounts, as version 0.1.0 wrote it, counts only while no account has one of its own" {
  mkdir -p "$root/etc/breakglass"
  as_account breakglass
  [ "$status" -eq 1 ]
  [[ $output == *'no VM id'* ]]
  echo 102 >"$root/etc/breakglass/vmid"
  as_account breakglass
  [ "$status" -eq 0 ]
  mkdir "$root/etc/breakglass/vms"
  as_account breakglass
  [ "$status" -eq 1 ]
  [[ $output == *'no VM id'* ]]
}

@test "a file of the account that is a link or somebody else's names no VM" {
  mkdir -p "$root/etc/breakglass/vms"
  echo 102 >"$root/elsewhere"
  ln -s "$root/elsewhere" "$root/etc/breakglass/vms/breakglass"
  as_account breakglass
  [ "$status" -eq 1 ]
  [[ $output == *"is not root's own"* ]]
  rm "$root/etc/breakglass/vms/breakglass"
  echo 102 >"$root/etc/breakglass/vms/breakglass"
  chown nobody "$root/etc/breakglass/vms/breakglass" || skip 'not root: a file cannot be given away'
  as_account breakglass
  [ "$status" -eq 1 ]
}

@test "a missing VM is a failure in qm's words" {
  SSH_ORIGINAL_COMMAND=status run "$repository/host/breakglass-pve" --root "$root" 103
  [ "$status" -eq 1 ]
  [[ $output == *"Configuration file 'nodes/lab/qemu-server/103.conf' does not exist"* ]]
}

@test "a log that cannot be written stops nothing" {
  mkdir "$root/log/breakglass-pve.log"
  run pve status
  [ "$status" -eq 0 ]
  [[ $output == *'warning: cannot write'* ]]
}

@test "evidence streams the newest bundle as tar.gz, and says when there is none" {
  run pve evidence
  [ "$status" -eq 1 ]
  [[ $output == *'no evidence yet'* ]]
  pve forensics >/dev/null
  pve evidence | tar -tzf - | grep -q '^[0-9TZ.]*-forensics/manifest.json$'
}
