# shellcheck shell=bash disable=SC2154 # the globals are breakglass-pve's
# How the VM is, without starting `qm`, which costs the host a second of CPU: from the pid file, the process table, the VM's
# configuration and one question to QEMU's monitor. A page that is open asks this every ten seconds.

# As long as qm itself waits for QEMU.
readonly monitor_limit_ms=3000
# Who was silent is asked again after this long, then after twice that, and so on up to the longest: each question to a QEMU
# whose main loop stands still takes one of the two places in the queue of its socket, and keeps it.
readonly ask_again_s=10 ask_again_most_s=60
# Of what was read before a verb or a capture began, which nobody may disturb now.
readonly believe_reading_s=120

# Sets vm_state (in QEMU's words; empty: not known), qmp (answers|silent; empty: not running, or it could not be asked), vm_pid,
# vm_uptime_s, qmp_age_s (empty: asked now) and why_qmp. Fails, with REPLY in a sentence, when it cannot be told whether the VM
# runs here. Sets what read_vm_config and read_process set, too.
read_status() { # now|sparing: whether QEMU is to be asked in any case
  vm_state='' qmp='' vm_pid='' vm_uptime_s='' qmp_age_s='' why_qmp=''
  read_vm_config
  read_process
  if [[ -z $pid ]]; then
    case $config_state in
      read) vm_state=stopped ;;
      hangs) REPLY="VM $vmid has no QEMU process on this node, and $config_trouble"; return 1 ;;
      *) read_status_of_qm; return ;;
    esac
    return 0
  fi
  vm_pid=$pid vm_state=running # qm's word for a QEMU that does not tell more
  read_uptime
  if [[ $1 == sparing ]] && recall_reading; then return 0; fi
  if is_stopped "$pid"; then
    # It cannot answer, and a connection would only fill its queue.
    qmp=silent why_qmp='its process is stopped by a signal'
  else
    ask_monitor
  fi
  keep_reading
}

ask_monitor() {
  local word text
  if ! type -P perl >/dev/null; then read_status_of_qm; return; fi
  # A second beyond its own limit, for the start of perl, which no test makes shorter with the limits.
  ask "$((monitor_limit_ms + 100000 / percent))" "$lib/ask-monitor.pl" "$run/qemu-server/$vmid.qmp" "$((monitor_limit_ms * percent / 100))"
  read -r word text <<<"$REPLY"
  case $word in
    answers) qmp=answers vm_state=$text ;;
    silent) qmp=silent why_qmp=$text ;;
    *) why_qmp="it could not be asked: ${text:-$REPLY}" ;;
  esac
}

# ---- what was read before ------------------------------------------------------------------------------------------------

# How often the main loop was put to sleep and woken: as long as this stands still, it has done nothing at all.
read_switches() { # sets REPLY, empty where the process table does not tell
  local key value
  REPLY=''
  while IFS=$': \t' read -r key value; do
    case $key in voluntary_ctxt_switches | nonvoluntary_ctxt_switches) REPLY+=${REPLY:+/}$value ;; esac
  done 2>/dev/null <"$proc/$pid/task/$pid/status"
}

# True when QEMU is not to be asked now: qmp and vm_state are those of the last reading then, if there is one to believe.
recall_reading() {
  local old_pid='' old_start='' old_qmp='' old_state='' at='' misses='' switches='' pause
  { read -r old_pid old_start old_qmp old_state at misses switches <"$readings/$vmid.reading"; } 2>/dev/null
  if [[ "$old_pid $old_start" != "$pid $start" || ! $at =~ ^[0-9]+$ || ! $misses =~ ^[0-9]+$ ]]; then old_qmp=''; fi
  if somebody_works; then
    if [[ $old_qmp ]] && ((EPOCHSECONDS - at <= believe_reading_s)); then
      qmp_age_s=$((EPOCHSECONDS - at)) vm_state=$old_state
      if [[ $old_qmp != unknown ]]; then qmp=$old_qmp; fi
    fi
    why_qmp='not asked while a verb or a capture is at work'
    return 0
  fi
  if [[ $old_qmp != silent ]]; then return 1; fi
  pause=$((ask_again_s << (misses < 4 ? misses : 4)))
  read_switches
  if ((EPOCHSECONDS - at < (pause < ask_again_most_s ? pause : ask_again_most_s))) || [[ $switches && $REPLY == "$switches" ]]; then
    qmp=silent qmp_age_s=$((EPOCHSECONDS - at)) why_qmp='it was silent'
    if [[ $switches && $REPLY == "$switches" ]]; then
      qmp_age_s='' why_qmp='its main loop has not moved since it was silent' # which is known now
    fi
    return 0
  fi
  return 1
}

keep_reading() {
  local old_pid='' old_start='' old_qmp='' misses=0
  if [[ $qmp == silent ]]; then
    { read -r old_pid old_start old_qmp _ _ misses _ <"$readings/$vmid.reading"; } 2>/dev/null
    if [[ "$old_pid $old_start $old_qmp" != "$pid $start silent" || ! $misses =~ ^[0-9]+$ ]]; then misses=-1; fi
    misses=$((misses + 1))
  fi
  read_switches
  { printf '%s %s %s %s %s %s %s\n' "$pid" "$start" "${qmp:-unknown}" "$vm_state" "$EPOCHSECONDS" "$misses" "$REPLY" \
    >"$readings/$vmid.reading"; } 2>/dev/null
}

# ---- where only qm can tell ----------------------------------------------------------------------------------------------

# `qm status` alone says "running" of a VM whose QMP is dead; the verbose form then lacks running-qemu.
read_status_of_qm() {
  local key value seen_qemu='' state_word=''
  ask 9000 "$qm" status "$vmid" --verbose || { REPLY=${REPLY:-qm gives no answer}; return 1; }
  vm_state=''
  while IFS=' ' read -r key value; do
    case $key in
      status:) state_word=$value ;;
      qmpstatus:) vm_state=$value ;;
      running-qemu:) seen_qemu=$value ;;
      pid:) vm_pid=$value ;;
      uptime:) vm_uptime_s=$value ;;
    esac
  done <<<"$REPLY"
  vm_state=${vm_state:-$state_word}
  if [[ $state_word == running ]]; then qmp=silent; fi
  if [[ $seen_qemu ]]; then qmp=answers; fi
}

# ---- the verb ------------------------------------------------------------------------------------------------------------

# Sets REPLY to the MiB that are free where captures are kept; fails where the file system does not tell.
read_space() {
  local dir=$state free block
  while [[ $dir && ! -d $dir ]]; do dir=${dir%/*}; done # before the first capture
  ask 1500 stat -f -c '%a %S' -- "${dir:-/}" || return 1
  read -r free block <<<"$REPLY"
  [[ $free =~ ^[0-9]+$ && $block =~ ^[0-9]+$ ]] || return 1
  REPLY=$((free * block / 1048576))
}

show_status() {
  begin_answer
  if ! read_status sparing; then
    printf '%s\n' "$REPLY" >&2
    finish 1 "The state of VM $vmid is not known: $REPLY"
  fi
  printf 'status: %s\nvm: %d\n' "$vm_state" "$vmid"
  if [[ $qmp ]]; then printf 'qmp: %s\n' "$qmp"; fi
  if [[ $vm_pid ]]; then printf 'pid: %s\n' "$vm_pid"; fi
  if [[ $vm_uptime_s ]]; then printf 'uptime: %s s\n' "$vm_uptime_s"; fi
  if [[ $why_qmp ]]; then printf 'monitor: %s\n' "$why_qmp"; fi
  if [[ $qmp_age_s ]]; then printf 'asked: %d s ago\n' "$qmp_age_s"; fi
  if [[ $config_trouble ]]; then printf 'cluster: %s\n' "$config_trouble"; fi
  if [[ $config_lock ]]; then
    printf 'lock: %s\n' "$config_lock"
    find_lock_task # a backup that runs is no stale lock
    if [[ $lock_task ]]; then printf 'task: %s\n' "$lock_task"; fi
  fi
  read_flock_holder
  if [[ $flock_by ]]; then printf 'holder: %s\n' "$flock_by"; fi
  if is_busy; then describe_holder; printf 'busy: %s\n' "$REPLY"; fi
  if is_capturing; then printf 'capture: under way\n'; fi
  printf 'caller: %s\n' "$caller"
  if read_space; then printf 'space: %d MiB free for evidence\n' "$REPLY"; fi
  if [[ $qmp == silent ]]; then finish 0 "VM $vmid has a QEMU process but QMP does not answer: QEMU is wedged."; fi
  finish 0 "VM $vmid is $vm_state."
}
