# shellcheck shell=bash disable=SC2154 # the globals are breakglass-pve's
# The capture that runs before every mutating verb: which steps there are, and in which order. Storage paths are never touched: a dead
# NFS hangs even `ls`. Whatever fails here is said and recorded, and the verb goes on. `qm` is started only where the guest agent cannot
# be asked without it: each start costs the host more than a second of CPU, which the steps that matter would lack.

# The first term of a cycle's budget: see verbs.bash. A second of it is for the manifest.
readonly forensics_limit_s=20
readonly sample_gap_ms=2000 # what stands still between two samples is what has stalled
# A wedged QEMU is in nobody's way: its backtrace may take as long as a busy host needs. A guest that runs is stopped for a moment only.
readonly gdb_limit_ms=4000 gdb_limit_of_silent_ms=10000
readonly journal_units=(pvedaemon pvestatd pve-cluster corosync pve-ha-crm pve-ha-lrm qmeventd)

# A step starts as soon as it can; `follow` says what comes after one. Add a step by adding a line.
first_steps() {
  local name=${HOSTNAME%%.*} unit matches=()
  if [[ $root ]]; then name=lab; fi
  for unit in "${journal_units[@]}"; do matches+=("_SYSTEMD_UNIT=$unit.service" +); done
  # What nobody else can tell first: QEMU, its process, the configuration.
  ask_qmp
  step identity 1500 64K masked 1000 head -v -c 8K -- "$run/qemu-server/$vmid.pid" "$proc/$pid/stat" "$proc/$pid/cmdline" "$proc/$pid/cgroup"
  process_steps a
  expect 64K config pending snapshots cluster
  step .cluster 9000 1K tell_cluster
  step .gap "$sample_gap_ms" 1K sleep "$gap"
  # The only history there is, and slow to come.
  step rrd 8000 256K "${bin}pvesh" get "/nodes/$name/qemu/$vmid/rrddata" --timeframe hour --output-format json
  step pressure 1000 256K head -v -c 64K -- "$proc"/pressure/* "$proc/meminfo" "$proc/loadavg"
  step dstate 2000 256K "$lib/dstate.pl" "$proc"
  step kernel-log 2000 end:256K "${bin}dmesg" --time-format=iso
  step journal 3000 end:256K "${bin}journalctl" --no-pager -q -n 600 -o short-iso-precise "${matches[@]}" \
    "_SYSTEMD_UNIT=$vmid.scope" + SYSLOG_IDENTIFIER=QEMU + SYSLOG_IDENTIFIER=qm
  step locks 1000 64K cat -- "$proc/locks"
  step flock 12500 4K tell_flock
  step serial 500 end:256K tail_serial
}

process_steps() { # SAMPLE
  step "process-$1" 2000 512K head -v -c 16K -- "$proc/$pid/status" "$proc/$pid/io" "$proc/$pid/stat"
  step "tasks-$1" 2000 512K head -v -c 4K -- "$proc/$pid"/task/*/comm "$proc/$pid"/task/*/stat "$proc/$pid"/task/*/wchan \
    "$proc/$pid"/task/*/stack
}

# Nobody waits for these: the manifest tells which of them had ended by then. They begin when the samples are over, and give way.
background_steps() {
  mkdir -- "$capture/background" 2>/dev/null
  step background/lvs 5000 256K "${bin}lvs" -a
  step background/zpool 5000 256K "${bin}zpool" status
  step background/pvesm 5000 256K "${bin}pvesm" status
  if type -P "${bin}smartctl" >/dev/null; then
    # shellcheck disable=SC2016 # for that bash
    step background/smartctl 5000 256K bash -c '"$0" --scan | while read -r disk _; do "$0" -H -A "$disk"; done' "${bin}smartctl"
  else
    finished background/smartctl skipped 0 'no smartctl here'
  fi
  step background/iostat 5000 256K "${bin}iostat" -x -t 1 2
}

follow() { # NAME of the step that has ended
  case $1 in
    .gap) process_steps b; background_steps ;;
    .qmp) qmp_over=yes ;;
    # Whether there is an agent to ask is in the configuration.
    .cluster) ask_agent ;;
  esac
  # The backtrace stops the guest for a moment: after every second sample. A monitor that is silent is waited for no longer.
  if [[ ${status_of[process-b]-} && ${status_of[tasks-b]-} && $qmp_over && ! $gdb_begun ]]; then
    gdb_begun=yes
    take_backtrace
  fi
}

ask_qmp() {
  local name why=''
  if [[ -z $pid ]]; then why='no QEMU process'
  elif [[ $beside_a_verb ]]; then why='a verb is at work'
  elif ! type -P perl >/dev/null; then why='no perl here'
  elif is_stopped "$pid"; then why='its process is stopped by a signal: a connection would only fill its queue'; said[qmp]="silent: $why"; fi
  if [[ $why ]]; then
    for name in qmp-a screendump qmp-b; do finished "$name" skipped 0 "$why"; done
    finished .qmp skipped 0
    return
  fi
  expect 1M qmp-a qmp-b status-a status-b
  expect 16M screendump
  file_of[qmp-a]=qmp-a.jsonl file_of[screendump]=screendump.ppm file_of[qmp-b]=qmp-b.jsonl
  step .qmp 8500 1K run_qmp
}

# Its steps report for themselves; what it was killed before is added as timeouts in capture_evidence.
run_qmp() {
  scaled 8400
  timeout -k 0.5 "$REPLY" perl "$lib/qmp.pl" "$run/qemu-server/$vmid.qmp" "$capture" "$percent" >&"$reports" 2>/dev/null
}

# Sets evidence to the id of a capture, empty when nothing could be kept. Never fails. One capture at a time for each VM: who comes
# meanwhile waits for it and shares it.
capture_evidence() {
  local began_ms
  section forensics
  now_ms; began_ms=$REPLY
  if take_capture_lock; then
    make_capture
    let_capture_lock_go
  fi
  now_ms; durations+="\"forensics\":$((REPLY - began_ms)),"
  printf 'evidence: %s\n' "${evidence:-none}"
}

make_capture() {
  local began_at capture id pid start gap capture_until_ms qmp_over='' gdb_begun='' ran_before_gdb='' beside_a_verb='' name
  now_ms; capture_until_ms=$((REPLY + (forensics_limit_s - 1) * 1000 * percent / 100))
  moment; began_at=$REPLY
  read_process
  # A capture that was only asked for keeps away from a QEMU that a verb is working at.
  if [[ $verb == forensics ]] && is_busy; then beside_a_verb=yes; fi
  make_room
  if ! make_capture_dir; then
    printf 'WARNING: no evidence: %s. Going on without.\n' "$REPLY"
    return
  fi
  # For that verb it is no proof: see take_capture_lock.
  if [[ $beside_a_verb ]]; then { : >"$capture/beside-a-verb"; } 2>/dev/null; fi
  open_reports
  scaled "$sample_gap_ms"; gap=$REPLY
  first_steps
  await_steps "$capture_until_ms"
  wake_process
  for name in rrd identity process-a tasks-a qmp-a screendump process-b tasks-b qmp-b config pending cluster agent-ping gdb; do
    if [[ -z ${status_of[$name]-} ]]; then finished_late "$name"; fi
  done
  write_statuses
  show_capture
  write_manifest
  exec {reports}<&-
}

# A step that the end of the capture, or of its own chain, came before.
finished_late() { # NAME
  order+=("$1")
  ms_of[$1]=0 status_of[$1]=timeout why_of[$1]='its time was used up'
  printf '  %-12s %-8s %5d ms  %s\n' "$1" timeout 0 "${why_of[$1]}"
}
