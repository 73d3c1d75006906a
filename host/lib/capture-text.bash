# shellcheck shell=bash disable=SC2154 # the globals are breakglass-pve's
# What of a capture a person is shown, and a console reads where it cannot fetch the bundle: skipped steps, the signals of triage, what
# moved between the samples, what is staged.

# Prints it and keeps it in the capture: whoever shares a capture is shown the same.
show_capture() {
  local text
  text=$(show_skipped; show_signals; compare_samples; show_staged)
  printf '%s\n' "$text"
  { printf '%s\n' "$text" >"$capture/printed.txt"; } 2>/dev/null
}

show_skipped() {
  local name text=''
  for name in "${order[@]}"; do
    if [[ ${status_of[$name]} == skipped && $name != background/* ]]; then text+="${text:+; }$name: ${why_of[$name]}"; fi
  done
  if [[ $text ]]; then printf 'skipped: %s\n' "$text"; fi
}

# The state in the words of `qm status --verbose`, where qmp.pl has not written it. A QEMU that is silent is "running" for qm too, and
# lacks `running-qemu`. Nothing is written of what is not known.
write_statuses() {
  local sample text='' config=''
  while IFS=' ' read -r name line; do if [[ $name == config: ]]; then config=$line; fi; done 2>/dev/null <"$capture/cluster.txt"
  expect 1M status-a status-b
  if [[ ! $pid && $config == read ]]; then text=$'qmpstatus: stopped\nstatus: stopped'
  elif [[ $pid && ${said[qmp]-} == silent* ]]; then text=$'pid: '$pid$'\nqmpstatus: running\nstatus: running'
  fi
  for sample in a b; do
    if [[ ! -e $capture/status-$sample.txt && $text ]]; then { printf '%s\n' "$text" >"$capture/status-$sample.txt"; } 2>/dev/null; fi
    if [[ -e $capture/status-$sample.txt ]]; then finished "status-$sample" ok 0; fi
  done
} 2>/dev/null

# The signals of triage, one line each.
show_signals() {
  local name line state_word='' qmp_state='' a='' b=''
  while IFS=' ' read -r name line; do
    case $name in status:) state_word=$line ;; qmpstatus:) qmp_state=$line ;; esac
  done 2>/dev/null <"$capture/status-a.txt"
  printf 'vm state: %s\n' "${qmp_state:-${state_word:-unknown}}"
  if [[ $pid ]]; then
    printf 'qmp: %s\n' "${said[qmp]:-not asked}"
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
  printf 'guest agent: %s\n' "${line:-not known}"
  if [[ ${said[fsfreeze]-} ]]; then printf "guest's file systems: %s\n" "${said[fsfreeze]}"; fi
}

# Sets REPLY; what could not be read is not "none".
tids_in_d() { # SAMPLE
  local line
  REPLY=''
  if [[ ${status_of[tasks-$1]-} != ok ]]; then REPLY='not known'; return; fi
  while IFS= read -r line; do
    if [[ $line =~ ^([0-9]+)\ \(.*\)\ D\  ]]; then REPLY+="${REPLY:+ }${BASH_REMATCH[1]}"; fi
  done 2>/dev/null <"$capture/tasks-$1.txt"
}

# What a person looks for first: did the guest's disks move between the two samples?
compare_samples() {
  local key a b
  if [[ -z $pid ]]; then return; fi
  for key in "${!said[@]}"; do if [[ $key == disk/* ]]; then printf '%s: %s\n' "${key/\// }" "${said[$key]}"; fi; done | sort
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

# What only a fresh QEMU process would apply.
show_staged() {
  local kind key value
  local -A current=()
  while IFS=' ' read -r kind key value; do
    key=${key%:}
    case $kind in
      cur) current[$key]=$value ;;
      new) printf 'staged: %s: %s -> %s\n' "$key" "${current[$key]-none}" "$value" ;;
      del) printf 'staged: %s: %s -> removed\n' "$key" "${value:-set}" ;;
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
