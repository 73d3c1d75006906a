# shellcheck shell=bash disable=SC2154 # the globals are breakglass-pve's
# Runs the steps of a capture side by side. Each is a child with its own limit and output cap; it reports its end on a pipe, and
# the loop that reads the pipe waits for no child: a step that survives SIGKILL (D state) is left behind at its deadline.

readonly abandon_after_ms=1200 # past its limit; `timeout -k` needs a second of it to kill

declare -A job_of=() began_of=() until_of=() cap_of=() file_of=() status_of=() ms_of=() why_of=() said=()
declare -a order=()

# Files of steps that another step carries out, and reports with the next two.
expect() { # CAP NAME…
  local cap=$1 name
  case $cap in *K) cap=$((${cap%K} * 1024)) ;; *M) cap=$((${cap%M} * 1048576)) ;; esac
  for name in "${@:2}"; do file_of[$name]=$name.txt cap_of[$name]=$cap; done
}

report_step() { # NAME STATUS BEGAN_MS [WHY]
  now_ms
  printf 'step %s %s %d %s\n' "$1" "$2" "$((REPLY - $3))" "${4-}" >&"$reports"
}

report_exit() { # NAME EXIT BEGAN_MS
  case $2 in
    0) report_step "$1" ok "$3" ;;
    124 | 137) report_step "$1" timeout "$3" ;;
    *) report_step "$1" error "$3" "exit $2" ;;
  esac
}

open_reports() { exec {reports}<> <(:); }

# Names that begin with a dot are steps of the machinery, not of the evidence. Files end .txt where nobody says otherwise. CAP in
# bytes; `end:N` keeps the last N instead. COMMAND is a program, or a function that keeps its own limits: its exit 66 means
# skipped, with the reason as its output. A step that names a file of the QEMU process is skipped where there is none.
step() { # NAME LIMIT_MS CAP COMMAND…
  local name=$1 limit_ms=$2 cap=$3 keep=(head -c) program file
  shift 3
  if [[ $cap == end:* ]]; then keep=(tail -c) cap=${cap#end:}; fi
  file=$name
  if [[ $name == rrd ]]; then file+=.json; else file+=.txt; fi
  if [[ $name == .* ]]; then file=''; fi
  if [[ -z $pid && "$*" == *"$proc//"* ]]; then finished "$name" skipped 0 'no QEMU process'; return; fi
  if declare -F -- "$1" >/dev/null; then
    program=("$@")
  elif type -P -- "$1" >/dev/null; then
    # Not with setsid: `timeout` puts the command into a group of its own and kills the whole of it.
    scaled "$limit_ms"
    program=(timeout -k 0.5 "$REPLY" "$@")
  else
    finished "$name" skipped 0 "no ${1##*/} here"
    return
  fi
  {
    trap - PIPE # the worker ignores it; a step that is cut off at its cap should just end
    "${program[@]}" 2>&1 </dev/null | "${keep[@]}" "$cap" >"${file:+$capture/}${file:-/dev/null}" 2>/dev/null
    printf 'end %s %d\n' "$name" "${PIPESTATUS[0]}" >&"$reports"
  } 9>&- 8>&- 7>&- >/dev/null 2>&1 & # one that is left behind must not hold our own output open
  job_of[$name]=$! file_of[$name]=$file
  case $cap in *K) cap_of[$name]=$((${cap%K} * 1024)) ;; *M) cap_of[$name]=$((${cap%M} * 1048576)) ;; esac
  now_ms; began_of[$name]=$REPLY until_of[$name]=$((REPLY + limit_ms * percent / 100 + abandon_after_ms))
}

# Takes the steps' ends as they come, and calls `follow NAME` after each for what comes next, until none is left or the time of
# the whole is used up.
await_steps() { # UNTIL_MS
  local kind name rest until_ms left_ms
  while ((${#job_of[@]} > 0)); do
    now_ms; left_ms=$(($1 - REPLY))
    for name in "${!job_of[@]}"; do
      # Steps in the background are not awaited: only they are left.
      until_ms=$((${until_of[$name]} - REPLY))
      if ((until_ms < left_ms)); then left_ms=$until_ms; fi
    done
    if only_background; then break; fi
    if ((left_ms > 0)); then
      seconds "$left_ms"
      if read -r -t "$REPLY" -u "$reports" kind name rest; then take_report; fi
      continue
    fi
    now_ms
    for name in "${!job_of[@]}"; do
      if ((${until_of[$name]} <= REPLY || $1 <= REPLY)); then abandon "$name"; fi
    done
    if (($1 <= REPLY)); then break; fi
  done
}

only_background() {
  local name
  for name in "${!job_of[@]}"; do if [[ $name != background/* ]]; then return 1; fi; done
}

take_report() {
  local status ms why
  case $kind in
    end) end_step "$name" "$rest" ;;
    step) read -r status ms why <<<"$rest"; finished "$name" "$status" "$ms" "$why" ;;
    say) said[$name]=$rest ;;
  esac
}

end_step() { # NAME EXIT
  local ms why=''
  if [[ -z ${job_of[$1]-} ]]; then return; fi # it was left behind before
  now_ms; ms=$((REPLY - ${began_of[$1]}))
  unset "job_of[$1]"
  case $2 in
    0 | 141) finished "$1" ok "$ms" ;;
    124 | 137) finished "$1" timeout "$ms" ;;
    1)
      # head of many files: a thread that ended meanwhile, a file that this kernel has not.
      if [[ $1 == @(identity|pressure|process-?|tasks-?) && -s $capture/${file_of[$1]} ]]; then
        finished "$1" ok "$ms" 'some files could not be read'
      else
        finished "$1" error "$ms" 'exit 1'
      fi
      ;;
    66)
      { read -r why <"$capture/${file_of[$1]}"; } 2>/dev/null
      rm -f -- "$capture/${file_of[$1]}"
      finished "$1" skipped "$ms" "$why"
      ;;
    *) finished "$1" error "$ms" "exit $2" ;;
  esac
}

abandon() { # NAME
  local ms
  kill -KILL "${job_of[$1]}" 2>/dev/null
  disown "${job_of[$1]}" 2>/dev/null
  unset "job_of[$1]"
  now_ms; ms=$((REPLY - ${began_of[$1]}))
  finished "$1" timeout "$ms" 'left behind'
}

# Keeps the first status that a step gets.
finished() { # NAME STATUS MS [WHY]
  if [[ $1 != .* && -z ${status_of[$1]-} ]]; then
    order+=("$1")
    status_of[$1]=$2 ms_of[$1]=$3 why_of[$1]=${4-}
    if [[ $2 != skipped && $1 != background/* ]]; then printf '  %-12s %-8s %5d ms  %s\n' "$1" "$2" "$3" "${4-}"; fi
  fi
  follow "$1"
}
