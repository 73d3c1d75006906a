# shellcheck shell=bash disable=SC2154 # the globals are breakglass-pve's
# What the cluster and other tasks say about the VM: its configuration, quorum, HA, the config lock, qemu-server's own lock. Read only;
# every look at the cluster's file system (/etc/pve) has a limit, because a pmxcfs that hangs holds whoever asks it.

readonly cluster_limit_ms=1500

# As `ask`, for what lies in /etc/pve. Who asked and hangs there cannot always be killed: while one does, nobody else is sent.
ask_cluster() { # COMMAND…
  local stuck=''
  { read -r stuck <"$readings/stuck-in-cluster"; } 2>/dev/null
  if [[ $stuck =~ ^[1-9][0-9]*$ ]] && kill -0 "$stuck" 2>/dev/null; then REPLY=''; return 124; fi
  ask "$cluster_limit_ms" "$@"
  case $? in
    0) return 0 ;;
    124)
      if kill -0 "$asked_pid" 2>/dev/null; then { printf '%s\n' "$asked_pid" >"$readings/stuck-in-cluster"; } 2>/dev/null; fi
      return 124
      ;;
    *) return 1 ;;
  esac
}

# The VM's configuration, as a file. Sets config_text, config_lock (empty: none, or not known), and config_state: `read`; `missing` (not
# on this node); `hangs`; `gone` (the whole cluster file system). config_trouble is a sentence for all but the first.
read_vm_config() {
  local line why
  config_text='' config_lock='' config_state=read config_trouble=''
  ask_cluster "${bin}cat" -- "$etc/pve/qemu-server/$vmid.conf"
  case $? in
    0) config_text=$REPLY ;;
    124) config_state=hangs ;;
    *)
      why=$REPLY
      # A file that is missing says something only where the file system is there.
      ask_cluster test -d "$etc/pve/local"
      case $? in
        0) config_state=missing ;;
        124) config_state=hangs ;;
        *) config_state=gone ;;
      esac
      ;;
  esac
  case $config_state in
    read)
      while IFS= read -r line; do
        case $line in
          'lock: '*) config_lock=${line#lock: } ;;
          '['*) break ;; # what is staged, and snapshots
        esac
      done <<<"$config_text"
      ;;
    missing) config_trouble="there is no configuration of VM $vmid on this node" ;;
    hangs) config_trouble="the cluster's file system (/etc/pve) does not answer" ;;
    gone) config_trouble="the cluster's file system (/etc/pve) is not there: ${why##*: }" ;;
  esac
}

# Where the cluster has the VM: sets REPLY to the node's name, empty when it does not say.
find_node() {
  local text
  ask_cluster "${bin}cat" -- "$etc/pve/.vmlist"
  text=$REPLY
  REPLY=''
  if [[ $text =~ \"$vmid\":[[:space:]]*\{[^}]*\"node\":[[:space:]]*\"([A-Za-z0-9.-]+)\" ]]; then REPLY=${BASH_REMATCH[1]}; fi
}

# pmxcfs takes the owner's write bit away from its files when quorum is lost. Sets quorum: yes|no|unknown.
read_quorum() {
  quorum=unknown
  ask_cluster stat -L -c %A -- "$etc/pve/local" || return
  if [[ ${REPLY:2:1} == w ]]; then quorum=yes; else quorum=no; fi
}

# Of an HA-managed VM `qm start` and `qm stop` are requests to the HA manager. Sets ha: managed|no|frozen|unknown. As qemu-server and
# the HA manager have it: a resource in the state `ignored` is not managed; a manager that was disarmed either lets go of all (`ignore`)
# or takes no request (`freeze`).
read_ha() {
  local line key value section='' wished=''
  ha=unknown
  if ! ask_cluster "${bin}cat" -- "$etc/pve/ha/resources.cfg"; then
    # There is no such file before HA is used for the first time: a "no" only where the file system is there.
    if ! ask_cluster test -d "$etc/pve/local"; then return; fi
    ask_cluster test -e "$etc/pve/ha/resources.cfg"
    if [[ $? == 1 ]]; then ha=no; fi
    return
  fi
  ha=no
  while IFS= read -r line; do
    read -r key value <<<"$line"
    if [[ $line == [a-z]* ]]; then section=${line//[[:space:]]/}; fi
    if [[ $section != @(vm|ct):"$vmid" ]]; then continue; fi
    ha=managed
    if [[ $key == state ]]; then wished=$value; fi
  done <<<"$REPLY"
  if [[ $wished == ignored ]]; then ha=no; fi
  if [[ $ha == managed ]] && ask_cluster "${bin}cat" -- "$etc/pve/ha/manager_status" && [[ $REPLY =~ \"disarm[a-z_]*\":[[:space:]]*\{([^}]*)\} ]]; then
    case ${BASH_REMATCH[1]} in *'"ignore"'*) ha=no ;; *'"freeze"'*) ha=frozen ;; esac
  fi
}

# ---- tasks ---------------------------------------------------------------------------------------------------------------

# The living task that owns config_lock: by its type (vm-states.bash), not by its being busy with this VM (a console that is open is no
# backup). Sets lock_task (its UPID), and lock_task_sure: empty for one that may as well be at work on another VM.
# Tasks that run are listed one a line, first word the UPID: https://git.proxmox.com/?p=pve-common.git (PVE::RESTEnvironment).
find_lock_task() {
  local upid type id task_pid task_start task_since task_user
  lock_task='' lock_task_sure=''
  if [[ ! ${lock_task_types[$config_lock]-} || ! -r $log_dir/pve/tasks/active ]]; then return; fi
  while read -r upid _; do
    parse_upid "$upid" || continue
    if [[ " ${lock_task_types[$config_lock]} " != *" $type "* ]]; then continue; fi
    if ! read_start "$task_pid" || [[ $REPLY != "$task_start" ]]; then continue; fi
    if [[ $id == "$vmid" ]]; then
      lock_task=$upid lock_task_sure=yes
      return
    fi
    case ${lock_task_any_vm[$config_lock]-}:$id in
      none:)
        read_backup_log "$upid"
        case $REPLY in here) lock_task=$upid lock_task_sure=yes; return ;; elsewhere) continue ;; esac
        ;;
      other:?*) ;; # a clone carries the number of its source
      *) continue ;;
    esac
    lock_task=$upid
  done <"$log_dir/pve/tasks/active"
}

# Whether a backup job of several VMs works at this one now: its log tells. Sets REPLY: here|elsewhere|unknown.
read_backup_log() { # UPID
  local file since=${1#*:*:*:*:}
  since=${since%%:*}
  file=$log_dir/pve/tasks/${since: -1}/$1 # https://git.proxmox.com/?p=pve-common.git (PVE::Tools, upid_decode)
  if [[ ! -r $file ]]; then REPLY=unknown; return; fi
  ask 1000 grep -aE "(Starting|Finished) Backup of VM $vmid |Backup of VM $vmid failed" "$file"
  case $?:${REPLY##*$'\n'} in
    0:*Starting*) REPLY=here ;;
    0:* | 1:*) REPLY=elsewhere ;;
    *) REPLY=unknown ;;
  esac
}

# UPID:node:pid:pstart:starttime:type:id:user: with the three numbers in hexadecimal. Sets task_pid, task_start (ticks),
# task_since (Unix time), type, id and task_user.
parse_upid() { # UPID
  local mark pid_hex start_hex since_hex
  IFS=: read -r mark _ pid_hex start_hex since_hex type id task_user _ <<<"$1"
  [[ $mark == UPID && $pid_hex$start_hex$since_hex =~ ^[0-9A-Fa-f]+$ ]] || return 1
  task_pid=$((16#$pid_hex)) task_start=$((16#$start_hex)) task_since=$((16#$since_hex))
}

# ---- qemu-server's own lock ----------------------------------------------------------------------------------------------

# It is asked for shared, and let go at once.
task_lock_is_free() { # WAIT_MS
  local file=$lock_dir/qemu-server/lock-$vmid.conf
  if [[ ! -e $file ]]; then return 0; fi
  seconds "$1"
  flock -s -w "$REPLY" "$file" true 9>&-
}

# Who holds it, as the kernel lists locks: by device and inode, without touching the lock. Sets flock_by ("PID COMMAND", empty when
# nobody is listed), flock_upid (of a Proxmox worker, which calls itself `task UPID:…`) and flock_kind: `task TYPE`, `cleanup`, `other`.
read_flock_holder() {
  local file=$lock_dir/qemu-server/lock-$vmid.conf device inode word holder='' command=''
  local -a words
  flock_by='' flock_upid='' flock_kind=''
  [[ -e $file ]] || return 0
  read -r device inode < <(stat -c '%d %i' -- "$file" 9>&-)
  # As Linux splits a device number: https://man7.org/linux/man-pages/man3/makedev.3.html
  printf -v device '%02x:%02x' "$(((device >> 8) & 0xfff))" "$(((device & 0xff) | ((device >> 12) & 0xfff00)))"
  while read -ra words; do # 3: FLOCK  ADVISORY  WRITE 1234 00:19:1079 0 EOF; one that only waits has -> in the second place
    if [[ ${words[1]-} == FLOCK && ${words[5]} == "$device:$inode" ]]; then holder=${words[4]}; fi
  done 2>/dev/null <"$proc/locks"
  if [[ ! $holder =~ ^[1-9][0-9]*$ ]]; then return 0; fi
  while IFS= read -r -d '' word || [[ $word ]]; do command+=" $word"; done 2>/dev/null <"$proc/$holder/cmdline"
  flock_by=$holder${command//[[:cntrl:]]/ } flock_kind=other
  if [[ $command =~ (UPID:[^ ]+) ]]; then
    flock_upid=${BASH_REMATCH[1]}
    local type id task_pid task_start task_since task_user
    if parse_upid "$flock_upid"; then flock_kind="task $type"; fi
  elif [[ "$command " == *"qm cleanup $vmid "* ]]; then
    flock_kind=cleanup
  fi
}

# As read_flock_holder; "unknown" when somebody has it whom the kernel does not list.
find_flock_holder() {
  flock_by='' flock_upid='' flock_kind=''
  if task_lock_is_free 0; then return; fi
  read_flock_holder
  flock_by=${flock_by:-unknown} flock_kind=${flock_kind:-other}
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
