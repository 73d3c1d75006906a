# shellcheck shell=bash disable=SC2154 # the globals are breakglass-pve's
# The capture that runs before every mutating verb: which steps there are, in which order, and what of it a person is shown.
# Storage paths are never touched: a dead NFS hangs even `ls`. Whatever fails here is said and recorded, and the verb goes on.

# The first term of a cycle's budget: see verbs.bash. A second of it is for the manifest.
readonly forensics_limit_s=20
readonly sample_gap_ms=2000 # what stands still between two samples is what has stalled
readonly keep_captures=20 keep_kb=1048576 # the oldest go first
# Room that a capture may take (its caps sum to about 20 MB), and never the last bytes of the file system.
readonly free_needed_mb=64

# A step starts as soon as it can; `follow` says what comes after one. Add a step by adding a line.
first_steps() {
  local name=${HOSTNAME%%.*}
  if [[ $root ]]; then name=lab; fi
  # The only history there is, and slow to come: first.
  step rrd 8000 256K "${bin}pvesh" get "/nodes/$name/qemu/$vmid/rrddata" --timeframe hour --output-format json
  background_steps
  step identity 1000 64K head -v -c 8K -- "$run/qemu-server/$vmid.pid" "$proc/$pid/stat" "$proc/$pid/cmdline" "$proc/$pid/cgroup"
  process_steps a
  # QEMU serves one QMP client at a time: qm, our own connection, and qm again, one after the other. qm itself gives up on a
  # QEMU that is silent after 3 s.
  step status-a 4000 1M "$qm" status "$vmid" --verbose
  step pressure 1000 256K head -v -c 64K -- "$proc"/pressure/* "$proc/meminfo" "$proc/loadavg"
  step dstate 2000 256K "$lib/dstate.pl" "$proc"
  step kernel-log 2000 end:256K "${bin}dmesg" --time-format=iso
  step journal 2000 end:256K "${bin}journalctl" --no-pager -q -n 600 -o short-iso-precise _SYSTEMD_UNIT=pvedaemon.service \
    + _SYSTEMD_UNIT=pvestatd.service + _SYSTEMD_UNIT=qmeventd.service + SYSLOG_IDENTIFIER=QEMU
  step config 3000 64K "$qm" config "$vmid" --current 1
  step pending 3000 64K "$qm" pending "$vmid"
  step locks 1000 64K cat -- "$proc/locks"
  step flock 2000 4K tell_flock
  step cluster 6000 4K tell_cluster
  step agent-ping 5000 4K ping_agent # a dead agent takes qm 3 s to tell
  step serial 500 end:256K tail_serial
  step .gap "$sample_gap_ms" 1K sleep "$gap"
}

process_steps() { # SAMPLE
  step "process-$1" 2000 512K head -v -c 16K -- "$proc/$pid/status" "$proc/$pid/io" "$proc/$pid/stat"
  step "tasks-$1" 2000 512K head -v -c 4K -- "$proc/$pid"/task/*/comm "$proc/$pid"/task/*/stat "$proc/$pid"/task/*/wchan \
    "$proc/$pid"/task/*/stack
}

# Nobody waits for these: the manifest tells which of them had ended by then.
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
    .gap) gap_over=yes; process_steps b ;;
    status-a) ask_qmp ;;
    .qmp) qmp_over=yes ;;
  esac
  if [[ $gap_over && $qmp_over && -z $status_begun ]]; then
    status_begun=yes
    step status-b 4000 1M "$qm" status "$vmid" --verbose
  fi
  # The backtrace stops the guest for a moment: after every second sample.
  if [[ ${status_of[process-b]-} && ${status_of[tasks-b]-} && ${status_of[status-b]-} && -z $gdb_begun ]]; then
    gdb_begun=yes
    take_backtrace
  fi
}

ask_qmp() {
  local name why=''
  if [[ -z $pid ]]; then why='no QEMU process'; elif ! type -P perl >/dev/null; then why='no perl here'; fi
  if [[ $why ]]; then
    for name in qmp-a screendump qmp-b; do finished "$name" skipped 0 "$why"; done
    finished .qmp skipped 0
    return
  fi
  file_of[qmp-a]=qmp-a.jsonl file_of[screendump]=screendump.ppm file_of[qmp-b]=qmp-b.jsonl
  cap_of[qmp-a]=1048576 cap_of[screendump]=16777216 cap_of[qmp-b]=1048576
  step .qmp 8500 1K run_qmp
}

# Its steps report for themselves; what it was killed before is added as timeouts in capture_evidence.
run_qmp() {
  scaled 8400
  timeout -k 0.5 "$REPLY" perl "$lib/qmp.pl" "$run/qemu-server/$vmid.qmp" "$capture" "$percent" >&"$reports" 2>/dev/null
}

take_backtrace() {
  local left_ms
  now_ms; left_ms=$((capture_until_ms - REPLY - 1500 * percent / 100))
  if [[ -z $pid ]]; then
    finished gdb skipped 0 'no QEMU process'
  elif threads_in_d "$pid"; then
    finished gdb skipped 0 "a thread is in D state: $REPLY"
  elif ((left_ms < 1000 * percent / 100)); then
    finished gdb skipped 0 'no time left'
  else
    left_ms=$((left_ms * 100 / percent))
    if ! is_stopped "$pid"; then ran_before_gdb=yes; fi
    step gdb "$((left_ms < 4000 ? left_ms : 4000))" 256K "${bin}gdb" --nx --batch -p "$pid" -ex 'set pagination off' -ex 'thread apply all backtrace'
  fi
}

# A gdb that was killed may leave the process stopped. Only ever the same process, and only one that gdb found running: one that
# somebody stopped before is what is being looked at, and stays as it is.
wake_process() {
  local try
  if [[ -z $ran_before_gdb ]]; then return; fi
  for try in 1 2 3; do
    if ! read_start "$pid" || [[ $REPLY != "$start" ]] || ! is_stopped "$pid"; then return; fi
    printf 'WARNING: process %s was left stopped by the backtrace: SIGCONT (%d)\n' "$pid" "$try"
    send_signal CONT "$pid"
    sleep 0.1 9>&-
  done
}

tell_flock() {
  find_flock_holder
  if [[ -z $flock_by ]]; then printf 'free\n'; return; fi
  printf 'holder: %s\n' "$flock_by"
  if [[ $flock_held_s ]]; then printf 'held_s: %d\n' "$flock_held_s"; fi
}

tell_cluster() {
  read_quorum
  read_ha
  printf 'quorum: %s\nha: %s\n' "$quorum" "$ha"
  if ! read_lock; then printf 'lock: unknown, %s\n' "$REPLY"; return; fi
  printf 'lock: %s\n' "${config_lock:-none}"
  if [[ $lock_task ]]; then printf 'task: %s\n' "$lock_task"; fi
}

ping_agent() {
  local code
  ask 4000 "$qm" guest cmd "$vmid" ping
  code=$?
  printf 'exit: %d\n%s\n' "$code" "$REPLY"
  return "$code"
}

# Only a log that QEMU writes itself, and only where logs are: elsewhere may be storage.
tail_serial() {
  local word file=''
  if [[ -z $pid ]]; then printf 'no QEMU process\n'; return 66; fi
  while IFS= read -r -d '' word; do
    if [[ $word =~ (^|,)logfile=([^,]+) ]]; then file=${BASH_REMATCH[2]}; fi
  done 2>/dev/null <"$proc/$pid/cmdline"
  if [[ $file != "$log_dir"/* && $file != "$run"/* || $file == *..* || ! -f $file ]]; then printf 'no serial log\n'; return 66; fi
  tail -c 256K -- "$file"
}

# Runs the capture; sets evidence to its id, empty when nothing could be kept. Never fails.
capture_evidence() {
  local began_ms began_at capture id pid start gap capture_until_ms gap_over='' qmp_over='' status_begun='' gdb_begun='' ran_before_gdb='' name
  section forensics
  now_ms; began_ms=$REPLY capture_until_ms=$((REPLY + (forensics_limit_s - 1) * 1000 * percent / 100))
  moment; began_at=$REPLY
  read_process
  make_room
  if ! make_capture_dir; then
    printf 'WARNING: no evidence: %s. Going on without.\n' "$REPLY"
    return
  fi
  open_reports
  scaled "$sample_gap_ms"; gap=$REPLY
  first_steps
  await_steps "$capture_until_ms"
  wake_process
  for name in rrd identity process-a tasks-a qmp-a screendump process-b tasks-b qmp-b status-b gdb; do
    if [[ -z ${status_of[$name]-} ]]; then finished_late "$name"; fi
  done
  show_skipped
  show_signals
  compare_samples
  show_staged
  write_manifest
  exec {reports}<&-
  now_ms; durations+="\"forensics\":$((REPLY - began_ms)),"
  printf 'evidence: %s\n' "${evidence:-none}"
}

# A step that the end of the capture, or of its own chain, came before.
finished_late() { # NAME
  order+=("$1")
  ms_of[$1]=0 status_of[$1]=timeout why_of[$1]='its time was used up'
  printf '  %-12s %-8s %5d ms  %s\n' "$1" timeout 0 "${why_of[$1]}"
}

# Sets REPLY to this moment, with milliseconds.
moment() { local us=${EPOCHREALTIME/./}; printf -v REPLY '%(%Y-%m-%dT%H:%M:%S)T.%03dZ' "$((us / 1000000))" "$((us / 1000 % 1000))"; }

# Sets REPLY to why not when it fails.
make_capture_dir() {
  local base try free block
  mkdir -p "$state/captures" 2>/dev/null # 0700, by the umask
  REPLY="$state/captures cannot be written"
  read -r free block < <(stat -f -c '%a %S' -- "$state/captures" 2>/dev/null 9>&-) || return 1
  if ((free * block / 1048576 < free_needed_mb)); then
    REPLY="only $((free * block / 1048576)) MB are free for $state, a capture needs $free_needed_mb"
    return 1
  fi
  local now_us=${EPOCHREALTIME/./} # with milliseconds: the newest is the last by name
  printf -v base '%(%Y%m%dT%H%M%S)T.%03dZ-%s' "$((now_us / 1000000))" "$((now_us / 1000 % 1000))" "$verb"
  for try in '' .2 .3 .4; do
    id=$base$try
    capture=$state/captures/$id
    # A full disk makes directories and refuses bytes: try both.
    if mkdir "$capture" 2>/dev/null; then
      if { printf '%s\n' "$id" >"$capture/id"; } 2>/dev/null; then return 0; fi
      rm -rf -- "$capture" 2>/dev/null
      return 1
    fi
  done
  return 1
}

show_skipped() {
  local name text=''
  for name in "${order[@]}"; do
    if [[ ${status_of[$name]} == skipped && $name != background/* ]]; then text+="${text:+; }$name: ${why_of[$name]}"; fi
  done
  if [[ $text ]]; then printf 'skipped: %s\n' "$text"; fi
}

# The signals of triage, one line each.
show_signals() {
  local line state_word='' qmp_state='' a='' b=''
  while IFS=' ' read -r name line; do
    case $name in status:) state_word=$line ;; qmpstatus:) qmp_state=$line ;; esac
  done 2>/dev/null <"$capture/status-a.txt"
  printf 'vm state: %s\n' "${qmp_state:-${state_word:-unknown}}"
  if [[ $pid ]]; then
    printf 'qmp: %s\n' "${said[qmp]:-silent}"
    if [[ ${said[queues]-} ]]; then printf 'virtio queues: %s\n' "${said[queues]}"; fi
    tids_in_d a; a=$REPLY
    tids_in_d b; b=$REPLY
    printf 'threads in D state: %s in sample A, %s in sample B\n' "${a:-none}" "${b:-none}"
  fi
  while IFS= read -r line; do printf '%s\n' "$line"; done 2>/dev/null <"$capture/cluster.txt"
  { IFS= read -r line <"$capture/flock.txt"; } 2>/dev/null && printf "qemu-server's lock: %s\n" "$line"
  case ${status_of[agent-ping]-} in
    ok) line=answers ;;
    *) { IFS= read -r _ && IFS= read -r line; } 2>/dev/null <"$capture/agent-ping.txt" || line='' ;;
  esac
  printf 'guest agent: %s\n' "${line:-does not answer}"
}

tids_in_d() { # SAMPLE
  local line
  REPLY=''
  while IFS= read -r line; do
    if [[ $line =~ ^([0-9]+)\ \(.*\)\ D\  ]]; then REPLY+="${REPLY:+ }${BASH_REMATCH[1]}"; fi
  done 2>/dev/null <"$capture/tasks-$1.txt"
}

# What a person looks for first: did the guest's disk move between the two samples?
compare_samples() {
  local key a b
  if [[ -z $pid ]]; then return; fi
  for key in diskread diskwrite; do
    sample_value a "$key"; a=$REPLY
    sample_value b "$key"; b=$REPLY
    if [[ $a && $b ]]; then
      printf '%s: %s -> %s (%+d bytes between the samples)\n' "$key" "$a" "$b" "$((b - a))"
    else
      printf '%s: not told: QMP does not answer\n' "$key"
    fi
  done
}

# What only a fresh QEMU process would apply. `qm pending` prints `cur KEY: VALUE`, `new KEY: VALUE`, `del KEY`.
show_staged() {
  local kind key value
  local -A current=()
  while IFS=' ' read -r kind key value; do
    key=${key%:}
    case $kind in
      cur) current[$key]=$value ;;
      new) printf 'staged: %s: %s -> %s\n' "$key" "${current[$key]-none}" "$value" ;;
      del) printf 'staged: %s: %s -> removed\n' "$key" "${current[$key]-none}" ;;
    esac
  done 2>/dev/null <"$capture/pending.txt"
}

sample_value() { # SAMPLE KEY
  local name value
  REPLY=''
  while IFS=' ' read -r name value; do
    if [[ $name == "$2:" && $value =~ ^[0-9]+$ ]]; then REPLY=$value; fi
  done 2>/dev/null <"$capture/status-$1.txt"
}

write_manifest() {
  local IFS=, name entry file bytes truncated ended_at caller_json key_json
  local -a entries=()
  local -A size_of=()
  moment; ended_at=$REPLY
  for name in "${!job_of[@]}"; do # the background steps that are still at it
    order+=("$name")
    status_of[$name]=timeout ms_of[$name]=0 why_of[$name]='not awaited'
  done
  while IFS=' ' read -r bytes file; do size_of[$file]=$bytes; done \
    < <(cd -- "$capture" && exec stat -c '%s %n' -- * background/* 2>/dev/null 9>&-)
  for name in "${order[@]}"; do
    json "${why_of[$name]}"
    printf -v entry '{"name":"%s","status":"%s","ms":%d,"why":%s' "$name" "${status_of[$name]}" "${ms_of[$name]}" "$REPLY"
    file=${file_of[$name]-}
    bytes=${size_of[${file:-/}]-}
    truncated=false
    if [[ $bytes ]] && ((bytes >= ${cap_of[$name]})); then truncated=true; fi
    json "${bytes:+$file}"
    entries+=("$entry,\"file\":$REPLY,\"bytes\":${bytes:-0},\"truncated\":$truncated}")
  done
  json "$caller"; caller_json=$REPLY
  json "$key"; key_json=$REPLY
  if { printf '{"id":"%s","verb":"%s","vmid":%s,"version":"%s","caller":%s,"key":%s,"pid":%s,"start_time":%s,"began_at":"%s","ended_at":"%s","steps":[%s]}\n' \
    "$id" "$verb" "$vmid" "$version" "$caller_json" "$key_json" "${pid:-null}" "${start:-null}" "$began_at" "$ended_at" \
    "${entries[*]}" >"$capture/manifest.json"; } 2>/dev/null; then
    evidence=$id
  else
    printf 'WARNING: evidence is incomplete: %s cannot be written.\n' "$capture"
  fi
}

# Makes room for one more capture, before it is written. The oldest go first, by name.
make_room() {
  local all=("$state"/captures/*Z-*) size line sizes=() total=0 drop
  if [[ ! -e ${all[0]} ]]; then return; fi
  drop=$((${#all[@]} - keep_captures + 1))
  if ((drop > 0)); then rm -rf -- "${all[@]:0:drop}" 2>/dev/null 9>&-; all=("${all[@]:drop}"); fi
  if ((${#all[@]} == 0)); then return; fi
  ask 3000 du -sk -- "${all[@]}"
  while IFS=$'\t' read -r size line; do
    if [[ $size =~ ^[0-9]+$ ]]; then sizes+=("$size"); total=$((total + size)); fi
  done <<<"$REPLY"
  for drop in "${!sizes[@]}"; do
    if ((total <= keep_kb - free_needed_mb * 1024)); then break; fi
    rm -rf -- "${all[drop]}" 2>/dev/null 9>&-
    total=$((total - sizes[drop]))
  done
}
