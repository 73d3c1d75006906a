# shellcheck shell=bash disable=SC2154 # `run` sets output
# What the bats tests share: a fresh simulated host per test, and the forced command on it.
repository=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)

make_root() { # [status=stopped] [fault=block-stall] [scale=20]
  root=$BATS_TEST_TMPDIR/host
  : >"$BATS_TEST_TMPDIR/machine" # before the other process opens it: the machine of before has said `ready` there
  "$repository/node_modules/.bin/node" "$repository/host/test/support/make-root.ts" "$root" "$@" >"$BATS_TEST_TMPDIR/machine" 2>&1 3>&- &
  machine=$!
  until grep -q ready "$BATS_TEST_TMPDIR/machine"; do
    if ! kill -0 "$machine" 2>/dev/null; then cat "$BATS_TEST_TMPDIR/machine"; return 1; fi
    sleep 0.05
  done
}

# What answers for QEMU ends, and nothing else of the machine.
stop_monitor() {
  if [[ ${machine-} ]]; then kill "$machine" 2>/dev/null; wait "$machine" 2>/dev/null || true; fi
}

pve() { # COMMAND: as sshd would call it
  SSH_ORIGINAL_COMMAND=$1 SSH_CONNECTION='10.0.0.5 50000 10.0.0.9 22' "$repository/host/breakglass-pve" --root "$root" 102 3>&- # bats waits for all who hold its fd 3
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

captured() { cat "$root"/state/captures/102/*/"$1"; }

step_is() { # NAME STATUS [WHY]
  captured manifest.json | jq -e --arg n "$1" --arg s "$2" --arg w "${3-}" \
    '.steps[] | select(.name == $n) | .status == $s and ($w == "" or ((.why // "") | contains($w)))' >/dev/null
}

# A program that says nothing, ignores SIGTERM, and goes on for as long as this test's host is there.
hang() { replace "$1" <<<"$hanging"; }
# shellcheck disable=SC2016 # for the program that it becomes part of
hanging='trap "" TERM; while [[ -d $root ]]; do sleep 0.2; done'

# Waits until a command succeeds. A bound against a hang: it names what did not come.
await() { # WHAT COMMAND…
  local what=$1 until=$((SECONDS + 120))
  shift
  until "$@" 2>/dev/null; do
    if ((SECONDS > until)); then echo "$what did not come within 120 s" >&2; return 1; fi
    sleep 0.05
  done
}

# qemu-server's lock file as the kernel's list of locks names it.
lock_id() {
  local device inode
  read -r device inode < <(stat -c '%d %i' "$root/lock/qemu-server/lock-102.conf")
  printf '%02x:%02x:%d' "$(((device >> 8) & 0xfff))" "$(((device & 0xff) | ((device >> 12) & 0xfff00)))" "$inode"
}
