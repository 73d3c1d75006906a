# shellcheck shell=bash disable=SC2154 # the globals are breakglass-pve's
# What stands against a start, asked before anything is stopped. A config lock is never removed here: that is a person's.

readonly startable_limit_s=12 # besides a cleanup that is waited for
# `qm cleanup` may hold qemu-server's lock for 30 s after the end of a QEMU; the memory of a large VM takes seconds to give back, too.
readonly cleanup_limit_s=30
# Beside what qm allows for the start itself: its wait for the lock, and the start of Perl on a busy host.
readonly start_margin_s=15
# An HA manager carries out a request when its turn comes, every ten seconds and on two nodes after each other.
readonly ha_margin_s=30

overruled='' start_limit_s=45

# Sets refusal to the reason why a start would fail, or to nothing. Sets quorum, ha, resumes (its memory is on disk), overrule (a shutdown
# that a stop may end) and start_limit_s on the way.
find_refusal() {
  refusal='' quorum=unknown ha=unknown
  read_vm_config
  read_process
  case $config_state in
    read) ;;
    missing)
      find_node
      refusal="$config_trouble${REPLY:+; the cluster has it on node $REPLY}"
      return
      ;;
    *) refusal="$config_trouble: qm can start nothing without it. Look at it on the host: systemctl status pve-cluster"; return ;;
  esac
  read_start_limit
  refuse_for_lock
  if [[ $refusal ]]; then return; fi
  read_quorum
  if [[ $quorum == no ]]; then
    refusal='the cluster has no quorum (qm start would say: cluster not ready - no quorum?)'
    return
  fi
  read_ha
  if [[ $ha == managed ]]; then start_limit_s=$((start_limit_s + ha_margin_s)); fi
  refuse_for_holder
  if [[ $refusal ]]; then return; fi
  if stuck_in_d; then
    refusal="threads of its QEMU process hang in the host's kernel (D state: $REPLY), where no signal reaches them: look at the host's storage"
  elif [[ $ha == frozen ]]; then
    refusal='it is HA-managed, and the HA manager is disarmed (freeze): it carries out no request until it is armed again (ha-manager crm-command arm-ha)'
  fi
}

# The config lock, which outlives the task that set it.
refuse_for_lock() {
  if [[ ! $config_lock ]]; then return; fi
  find_lock_task
  if [[ $lock_task && $lock_task_sure ]]; then
    refusal="VM is locked ($config_lock) by a task that is running, $lock_task: wait for it"
    return
  fi
  if [[ $lock_task ]]; then
    refusal="VM is locked ($config_lock), and a task is running that may be the owner, $lock_task: look at its log"
    return
  fi
  if [[ ! $pid && ${lock_start_resumes[$config_lock]-} ]]; then resumes=yes; return; fi
  # qm itself lets a VM that a backup has started run on.
  if [[ $pid && $verb == start && $config_lock == backup ]]; then return; fi
  find_flock_holder
  if [[ $flock_by ]]; then
    refusal="VM is locked ($config_lock), and a task holds qemu-server's lock of it: $flock_by"
  elif [[ ! ${lock_task_types[$config_lock]-} ]]; then
    refusal="VM is locked ($config_lock), which is a lock that this version does not know: look at the VM on the host"
  elif [[ $config_lock == migrate ]]; then
    refusal="VM is locked (migrate), and no migration is running on this node. If none is running on another node either, type on the host: qm unlock $vmid"
  else
    refusal="VM is locked ($config_lock), and no running task is seen that owns the lock. If you know that it is stale, type on the host: qm unlock $vmid"
  fi
}

# qemu-server's own lock. A cleanup ends by itself; a shutdown that somebody asked for ends when a stop overrules it.
refuse_for_holder() {
  find_flock_holder
  if [[ $flock_kind == cleanup || -e $run/qemu-server/$vmid.cleanup ]]; then
    await_cleanup
    find_flock_holder
  fi
  case $flock_kind in
    '') return ;;
    'task qmshutdown') if [[ $verb == cycle ]]; then find_shutdown_to_overrule; fi ;;
  esac
  if [[ ! $overrule ]]; then refusal="another task holds the lock of VM $vmid: $flock_by"; fi
}

# A Shutdown from the web interface holds the lock for as long as it waits for the guest. Who comes with stop or cycle wants the VM off.
find_shutdown_to_overrule() {
  local type id task_pid task_start task_since task_user
  overrule=''
  find_flock_holder
  if [[ $flock_kind != 'task qmshutdown' || $ha == managed ]]; then return; fi
  parse_upid "$flock_upid"
  overrule=$flock_upid
  printf -v overruled ' The shutdown that %s had asked for at %(%H:%M:%SZ)T was overruled.' "$task_user" "$task_since"
  printf 'a shutdown is under way that %s asked for (%s): the stop overrules it\n' "$task_user" "$flock_upid"
}

tell_startable() {
  local lock='no config lock'
  if [[ $config_lock ]]; then lock="config lock $config_lock"; fi
  printf 'it can be started: %s, quorum %s, no other task%s\n' "$lock" "$quorum" "${overrule:+ but a shutdown}"
  if [[ $resumes ]]; then printf 'its memory is on disk: qm start resumes it, and staged configuration is not applied\n'; fi
  if [[ $ha == managed ]]; then printf 'VM %s is HA-managed: start and stop are requests to the HA manager\n' "$vmid"; fi
  printf 'qm allows %d s for the start of this VM: it is waited for up to %d s\n' "$((start_limit_s - start_margin_s))" "$start_limit_s"
}

# A thread that was in D state in two looks, a second apart; sets REPLY to those of the second look.
stuck_in_d() {
  local pid start
  read_process
  if [[ -z $pid ]] || ! threads_in_d "$pid"; then return 1; fi
  scaled 1000; sleep "$REPLY" 9>&- 8>&-
  threads_in_d "$pid"
}

# As qemu-server computes it: https://git.proxmox.com/?p=qemu-server.git (PVE::QemuServer::Helpers, config_aware_timeout). What is staged
# counts, because the start applies it; not for a VM that is resumed.
read_start_limit() {
  local line key section='' memory=512 limit=30 nics=0 pci='' huge=''
  local -A settings=()
  while IFS= read -r line; do
    case $line in '['*) section=$line; continue ;; '#'* | '') continue ;; esac
    if [[ $section && ( $section != '[PENDING]' || $config_lock == suspended ) ]]; then continue; fi
    key=${line%%:*} line=${line#*: }
    if [[ $section && $key == delete ]]; then
      for key in ${line//[,;]/ }; do unset "settings[${key#!}]"; done
    else
      settings[$key]=$line
    fi
  done <<<"$config_text"
  for key in "${!settings[@]}"; do
    case $key in
      memory) memory=${settings[$key]#current=} memory=${memory%%[^0-9]*} ;;
      net[0-9]*) nics=$((nics + 1)) ;;
      hostpci[0-9]*) pci=yes ;;
      hugepages) huge=yes ;;
    esac
  done
  if ((10#${memory:-0} > 30720)); then limit=$((10#$memory / 1024)); fi
  if [[ $pci ]]; then limit=$((limit * 4)); fi
  if [[ $config_lock == suspended ]] && ((limit < 300)); then limit=300; fi
  if [[ $huge ]] && ((limit < 150)); then limit=150; fi
  start_limit_s=$((limit + nics * 5 + start_margin_s))
}
