# shellcheck shell=bash disable=SC2154 # the globals are breakglass-pve's
# What the cluster and other tasks say about the VM: quorum, HA, the config lock, qemu-server's own lock. Read only; every
# look at the cluster's file system has a limit, because a pmxcfs that hangs holds whoever asks it in D state.

# pmxcfs takes the owner's write bit away from its files when quorum is lost. Sets quorum: yes|no|unknown.
read_quorum() {
  quorum=unknown
  ask 1500 stat -L -c %A -- "$etc/pve/local" || return
  if [[ ${REPLY:2:1} == w ]]; then quorum=yes; else quorum=no; fi
}

# Of an HA-managed VM `qm start` and `qm stop` are requests to the HA manager. Sets ha: managed|no|unknown.
read_ha() {
  ha=unknown
  ask 1500 cat -- "$etc/pve/ha/resources.cfg"
  case $? in
    0) if [[ $'\n'$REPLY$'\n' == *$'\n'"vm: $vmid"$'\n'* ]]; then ha=managed; else ha=no; fi ;;
    1) ha=no ;; # there is no such file before HA is used for the first time
  esac
}

# The lock property of the configuration. Sets config_lock (empty: none) and lock_task (the UPID of a living task that fits).
# Fails, with REPLY saying why, when the configuration cannot be read.
read_lock() {
  local text
  config_lock='' lock_task=''
  if ! ask 1500 cat -- "$etc/pve/qemu-server/$vmid.conf"; then
    # Not on this node, or not a Proxmox as we know it: qm says which. It must not be asked when the file system hangs.
    if [[ $? == 124 ]]; then REPLY='no answer from /etc/pve'; return 1; fi
    if ! ask 4000 "$qm" config "$vmid"; then REPLY=${REPLY:-no answer within 4 s}; return 1; fi
  fi
  text=$REPLY
  if read_config_lock /dev/stdin <<<"$text"; then config_lock=$REPLY; find_lock_task; fi
  return 0
}

# Tasks that run, one a line, first word the UPID: https://git.proxmox.com/?p=pve-common.git (PVE::RESTEnvironment).
find_lock_task() {
  local upid type id task_pid task_start
  while read -r upid _; do
    parse_upid "$upid" || continue
    if [[ $id != "$vmid" && ( $type != vzdump || $id ) ]]; then continue; fi # a backup of several VMs names none
    if read_start "$task_pid" && [[ $REPLY == "$task_start" ]]; then lock_task=$upid; return; fi
  done 2>/dev/null <"$log_dir/pve/tasks/active"
}

# UPID:node:pid:pstart:starttime:type:id:user: with the three numbers in hexadecimal. Sets task_pid, task_start (ticks),
# task_since (Unix time), type and id.
parse_upid() { # UPID
  local mark pid_hex start_hex since_hex
  IFS=: read -r mark _ pid_hex start_hex since_hex type id _ <<<"$1"
  [[ $mark == UPID && $pid_hex$start_hex$since_hex =~ ^[0-9A-Fa-f]+$ ]] || return 1
  task_pid=$((16#$pid_hex)) task_start=$((16#$start_hex)) task_since=$((16#$since_hex))
}

# qemu-server's own lock. It is asked for shared, and let go at once.
task_lock_is_free() { # WAIT_MS
  local file=$lock_dir/qemu-server/lock-$vmid.conf
  if [[ ! -e $file ]]; then return 0; fi
  seconds "$1"
  flock -s -w "$REPLY" "$file" true 9>&-
}

# Who holds it. Sets flock_by ("PID COMMAND", empty when free, "unknown" when held by who knows) and flock_held_s, empty when
# it is not known. Proxmox's workers call themselves `task UPID:…`, which tells since when.
find_flock_holder() {
  local file=$lock_dir/qemu-server/lock-$vmid.conf inode word holder='' command='' type id task_pid task_start task_since
  local -a words
  flock_by='' flock_held_s=''
  if task_lock_is_free 0; then return; fi
  flock_by=unknown
  inode=$(stat -c %i -- "$file" 9>&-)
  while read -ra words; do # 3: FLOCK  ADVISORY  WRITE 1234 00:19:1079 0 EOF; one that only waits has -> in the second place
    if [[ ${words[1]-} == FLOCK && ${words[5]##*:} == "$inode" ]]; then holder=${words[4]}; fi
  done 2>/dev/null <"$proc/locks"
  if [[ ! $holder =~ ^[1-9][0-9]*$ ]]; then return; fi
  while IFS= read -r -d '' word || [[ $word ]]; do command+=" $word"; done 2>/dev/null <"$proc/$holder/cmdline"
  flock_by=$holder${command//[[:cntrl:]]/ }
  if [[ $command =~ (UPID:[^ ]+) ]] && parse_upid "${BASH_REMATCH[1]}"; then flock_held_s=$((EPOCHSECONDS - task_since)); fi
}

# Sets REPLY to the threads of PID in D state ("4244 CPU 1/KVM, …"); fails when there is none.
threads_in_d() { # PID
  local stat line name
  REPLY=''
  for stat in "$proc/$1"/task/*/stat; do
    { IFS= read -r line <"$stat"; } 2>/dev/null || continue
    name=${line#*(} name=${name%)*}
    line=${line##*) }
    if [[ ${line:0:1} == D ]]; then stat=${stat%/stat}; REPLY+="${REPLY:+, }${stat##*/} $name"; fi
  done
  [[ $REPLY ]]
}
