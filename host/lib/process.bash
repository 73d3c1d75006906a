# shellcheck shell=bash disable=SC2154 # the globals are breakglass-pve's
# The QEMU process as the process table shows it. A process is a pid *and* its start time: a pid alone may be reused, and
# nothing here signals or believes a pid whose start time is another.

# Sets pid and start (clock ticks since boot), empty when the VM has no live QEMU process.
read_process() {
  pid='' start=''
  { read -r pid <"$run/qemu-server/$vmid.pid"; } 2>/dev/null
  if [[ $pid =~ ^[1-9][0-9]*$ ]] && read_start "$pid" && is_this_vm "$pid"; then
    start=$REPLY
    if is_dead "$pid" "$start"; then pid='' start=''; fi
  else
    pid=''
  fi
}

# After a crash the pid file stays, and its number may be anybody's: QEMU's own command line names its pid file and its VM. One
# without a command line is a process that ends, and gives its memory back: still ours.
is_this_vm() { # PID; keeps REPLY
  local at
  local -a words=()
  { mapfile -d '' -t words <"$proc/$1/cmdline"; } 2>/dev/null
  if ((${#words[@]} == 0)); then return 0; fi
  for at in "${!words[@]}"; do
    case ${words[at]} in
      -id) if [[ ${words[at + 1]-} == "$vmid" ]]; then return 0; fi ;;
      -pidfile) if [[ ${words[at + 1]-} == */qemu-server/"$vmid".pid ]]; then return 0; fi ;;
    esac
  done
  return 1
}

# Sets vm_uptime_s: the age of the process $pid, which a warm reset does not change. Linux counts ticks for user space in hundredths.
read_uptime() {
  local key value up=''
  vm_uptime_s=''
  { read -r up _ <"$proc/uptime"; } 2>/dev/null
  if [[ $up =~ ^[0-9]+ ]]; then
    vm_uptime_s=$((BASH_REMATCH[0] - start / 100))
  else
    while read -r key value; do
      if [[ $key == btime ]]; then vm_uptime_s=$((EPOCHSECONDS - value - start / 100)); break; fi
    done 2>/dev/null <"$proc/stat"
  fi
  if [[ $vm_uptime_s == -* ]]; then vm_uptime_s=0; fi
}

# Sets REPLY to the start time of PID (field 22 of its stat; the name in field 2 may hold blanks and brackets).
read_start() { # PID
  local line fields
  { IFS= read -r line <"$proc/$1/stat"; } 2>/dev/null || return 1
  read -ra fields <<<"${line##*) }"
  REPLY=${fields[19]-}
  [[ $REPLY ]]
}

# Proof of death: the entry is gone, belongs to a later process, or every thread is a zombie.
is_dead() { # PID START
  local stat line
  read_start "$1" || return 0
  if [[ $REPLY != "$2" ]]; then return 0; fi
  for stat in "$proc/$1"/task/*/stat; do
    { IFS= read -r line <"$stat"; } 2>/dev/null || continue
    line=${line##*) }
    if [[ ${line:0:1} != [ZX] ]]; then return 1; fi
  done
  # No readable thread at all: the entry went while we looked, or it is not what we think.
  [[ -n ${line-} ]] || ! read_start "$1"
}

# Stopped by a signal, or by who traces it.
is_stopped() { # PID
  local line
  { IFS= read -r line <"$proc/$1/stat"; } 2>/dev/null || return 1
  line=${line##*) }
  [[ ${line:0:1} == [Tt] ]]
}

# Under --root the one way to signal is DIR/bin/kill: the simulated lab removes the entry from its table, a lab with real
# QEMU puts a program there that signals the processes it started itself.
send_signal() { # SIGNAL PID
  if [[ $root ]]; then "$root/bin/kill" "-$1" "$2" 9>&-; else kill "-$1" "$2"; fi
}

wait_until_dead() { # PID START UNTIL_MS
  until is_dead "$1" "$2"; do
    now_ms
    if ((REPLY > $3)); then return 1; fi
    sleep 0.1 9>&-
  done
}
