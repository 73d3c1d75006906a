#!/bin/sh
# What this server is there for: it writes 32 KB a second, in new files, and says when it cannot. Keeps the newest 32.
# Usage: rc.app [DIRECTORY [NAME]]
dir=${1:-/data/app} name=${2:-app}
n=0 state=ok
while :; do
  now=failed
  if message=$(dd if=/dev/urandom of="$dir/$n" bs=32k count=1 conv=fsync 2>&1); then
    now=ok n=$((n + 1))
    rm -f "$dir/$((n - 32))"
  fi
  if [ "$now" != "$state" ]; then
    state=$now
    echo "$name: $state: $(echo "$message" | grep dd:)" >/dev/kmsg
  fi
  echo "$state" >"/run/$name.state"
  sleep 1
done
