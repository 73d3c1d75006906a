#!/bin/sh
# Starts the console in a container: the mounted SSH key goes into an agent (a mounted secret is too open for ssh, and a copy
# on disk would outlive it), operators with a shell get `ssh devvm` and `ssh pve <verb>`, then the server takes over this pid.
# Nothing of it is needed for a start: where something cannot be done, it says so and the console comes up.
set -eu

here=$(cd "$(dirname "$0")/.." && pwd)
key=${BREAKGLASS_KEY_PATH:-/secrets/breakglass/private_key}

if [ -e "$key" ] && [ ! -r "$key" ]; then
  echo "entrypoint: the SSH key $key cannot be read by this user ($(id -u):$(id -g)). The console starts, but reaches neither the VM nor the power host. On the machine that it is mounted from: chown $(id -u) FILE && chmod 400 FILE." >&2
elif [ ! -e "$key" ]; then
  echo "entrypoint: no SSH key at $key. The console starts, but reaches neither the VM nor the power host. Mount the key or set BREAKGLASS_KEY_PATH." >&2
elif ! agent_dir=$(mktemp -d "${TMPDIR:-/tmp}/breakglass-agent.XXXXXX" 2>/dev/null); then
  echo "entrypoint: ${TMPDIR:-/tmp} cannot be written, so there is no ssh-agent; ssh reads $key itself, and only if nobody else may. Mount a tmpfs on /tmp." >&2
else
  SSH_AUTH_SOCK=$agent_dir/socket
  SSH_AGENT_PID=$(ssh-agent -a "$SSH_AUTH_SOCK" | sed -n 's/^SSH_AGENT_PID=\([0-9]*\);.*/\1/p')
  export SSH_AUTH_SOCK SSH_AGENT_PID
  # From standard input, so that ssh-add neither minds the mode of the mount nor needs a file of its own. Windows line ends
  # and a missing last newline, both common in pasted secrets, would make the key unreadable.
  if ! { tr -d '\r' <"$key"; echo; } | SSH_ASKPASS=/bin/false SSH_ASKPASS_REQUIRE=force ssh-add -q - 2>/dev/null; then
    echo "entrypoint: $key is no private key that ssh-agent takes (is it protected by a passphrase?). The console starts, but reaches neither the VM nor the power host." >&2
  fi
fi

# Aliases for people with a shell here. The server itself does not read this file.
home=${HOME:-/root}
if mkdir -p "$home/.ssh" 2>/dev/null && chmod 700 "$home/.ssh" 2>/dev/null && cat >"$home/.ssh/breakglass_config" 2>/dev/null <<CONFIG; then
Host devvm
  HostName ${BREAKGLASS_DEVVM_HOST:-10.0.10.10}
  Port ${BREAKGLASS_DEVVM_PORT:-22}
  User ${BREAKGLASS_DEVVM_USER:-breakglass}
  StrictHostKeyChecking accept-new
Host pve
  HostName ${BREAKGLASS_PVE_HOST:-192.168.1.127}
  Port ${BREAKGLASS_PVE_PORT:-22}
  User ${BREAKGLASS_PVE_USER:-root}
  StrictHostKeyChecking accept-new
CONFIG
  grep -qs '^Include breakglass_config$' "$home/.ssh/config" || {
    { echo 'Include breakglass_config'; cat "$home/.ssh/config" 2>/dev/null || true; } >"$home/.ssh/config.new"
    mv "$home/.ssh/config.new" "$home/.ssh/config"
  }
else
  echo "entrypoint: $home/.ssh cannot be written; the aliases devvm and pve are not there. The console does not need them." >&2
fi

node=$here/node_modules/.bin/node
[ -x "$node" ] || node=node
# What lives briefly has little room, so that the idle console holds 8 MB less (docs/decisions/0013-the-server-is-bundled.md).
exec "$node" --max-semi-space-size=2 "$here/dist/breakglass.js" serve "$@"
