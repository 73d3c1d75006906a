#!/bin/sh
# What this server is there for: it writes 32 KB a second, in new files, and says when it cannot. Keeps the newest 32.
n=0 state=ok
while :; do
  now=failed
  if message=$(dd if=/dev/urandom of="/data/app/$n" bs=32k count=1 conv=fsync 2>&1); then
    now=ok n=$((n + 1))
    rm -f "/data/app/$((n - 32))"
  fi
  if [ "$now" != "$state" ]; then
    state=$now
    echo "app: $state: $(echo "$message" | grep dd:)" >/dev/kmsg
  fi
  echo "$state" >/run/app.state
  sleep 1
done
