# shellcheck shell=bash disable=SC2154 # `run` sets output
# What the bats tests share: a fresh simulated host per test, and the forced command on it.
repository=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)

make_root() { # [status=stopped] [fault=block-stall]
  root=$BATS_TEST_TMPDIR/host
  "$repository/node_modules/.bin/node" "$repository/host/test/support/make-root.ts" "$root" "$@"
}

pve() { # COMMAND: as sshd would call it
  SSH_ORIGINAL_COMMAND=$1 SSH_CONNECTION='10.0.0.5 50000 10.0.0.9 22' "$repository/host/breakglass-pve" --root "$root" 102
}

# Every argv that reached qm, one line each.
qm_calls() { if [[ -e $root/log/qm-calls ]]; then tr '\0' ' ' <"$root/log/qm-calls" | sed 's/  /\n/g'; fi; }

# Puts a program of this test's own in place of a stand-in.
replace() { # NAME, body on stdin
  rm -f "$root/bin/$1"
  { printf '#!/bin/bash\nroot=%q\n' "$root"; cat; } >"$root/bin/$1"
  chmod +x "$root/bin/$1"
}

result() { printf '%s\n' "$output" | sed -n 's/^BREAKGLASS-RESULT //p' | tail -n 1; }
