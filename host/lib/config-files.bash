# shellcheck shell=bash disable=SC2154 # the globals are breakglass-pve's
# The VM's configuration as the capture keeps it: read once, as the file it is, with secrets masked. What is staged for the next fresh
# process is in its [PENDING] section; snapshots have sections of their own and a file of their own.

# What a person or Proxmox wrote into it that opens something: passwords (qm masks `cipassword` alike), secrets in QEMU's arguments, and
# what looks like one in a description.
readonly mask_keys='s/^([A-Za-z0-9_-]*(pass(word|wd)|secret|token)[A-Za-z0-9_-]*): .*/\1: **********/I'
readonly mask_arguments='s/((pass(word|wd)?|secret|token|data|key)=)[^],[:space:]"'"'"']+/\1**********/Ig'
readonly mask_words='s/((pass(word|wd|wort)?|secret|token|pin)(:|=|%3A)(%20|[[:space:]])*)[^[:space:]]+/\1**********/Ig'

# Runs a command that prints QEMU's command line (words that end with NUL: no word reaches into the next), within its limit.
masked() { # LIMIT_MS COMMAND…
  scaled "$1"
  timeout -k 0.5 "$REPLY" "${@:2}" | sed -z -E "$mask_arguments"
  return "${PIPESTATUS[0]}"
}

# Everything of the cluster's file system, one look after the other: where one hangs, they all would. Reports for its steps.
tell_cluster() {
  local began_ms name
  now_ms; began_ms=$REPLY
  read_vm_config
  case $config_state in
    read)
      write_config_files
      report_step config ok "$began_ms"
      report_step pending ok "$began_ms"
      ;;
    hangs) for name in config pending; do report_step "$name" timeout "$began_ms" "$config_trouble"; done ;;
    missing | gone) for name in config pending; do report_step "$name" error "$began_ms" "$config_trouble"; done ;;
  esac
  read_quorum
  read_ha
  {
    printf 'quorum: %s\nha: %s\nconfig: %s\n' "$quorum" "$ha" "$config_state"
    if [[ $config_state == read ]]; then printf 'lock: %s\n' "${config_lock:-none}"; else printf 'lock: unknown, %s\n' "$config_trouble"; fi
    if [[ $config_lock ]]; then find_lock_task; fi
    if [[ $config_lock && $lock_task ]]; then
      printf 'task: %s\n' "$lock_task"
      if [[ ! $lock_task_sure ]]; then printf 'task_sure: no\n'; fi
    fi
    if [[ $config_state == missing ]]; then find_node; if [[ $REPLY ]]; then printf 'node: %s\n' "$REPLY"; fi; fi
  } >"$capture/cluster.txt" 2>/dev/null
  report_step cluster "$([[ $config_state == hangs ]] && printf timeout || printf ok)" "$began_ms"
}

write_config_files() {
  local line section='' agent=none text live='' snapshots=''
  text=$(sed -E -e "$mask_keys" -e "/^args:/$mask_arguments" -e "/^(#|description:)/$mask_words" <<<"$config_text")
  while IFS= read -r line; do
    case $line in '['*) section=$line ;; 'agent: '*) if [[ ! $section ]]; then agent=${line#agent: }; fi ;; esac
    case $section in
      '' | '[PENDING]' | '[special:'*) live+=$line$'\n' ;;
      *) snapshots+=$line$'\n' ;;
    esac
  done <<<"$text"
  printf '%s' "${live:0:65536}" >"$capture/config.txt"
  if [[ $snapshots ]]; then printf '%s' "${snapshots:0:65536}" >"$capture/snapshots.txt"; fi
  printf '%s\n' "$agent" >"$capture/.agent"
  list_changes "$text" >"$capture/pending.txt"
} 2>/dev/null

# Current and staged values as `qm pending` prints them: sorted by key; `cur`, then `new` where one is staged, or `del` alone.
list_changes() { # TEXT OF THE CONFIGURATION
  local line key section=''
  local -A current=() staged=() dropped=()
  while IFS= read -r line; do
    case $line in '['*) section=$line; continue ;; '#'* | '') continue ;; esac
    key=${line%%:*} line=${line#*: }
    case $section:$key in
      '[PENDING]:delete') for key in ${line//[,;]/ }; do dropped[${key#!}]=yes; done ;;
      '[PENDING]:'*) staged[$key]=$line ;;
      ':'*) current[$key]=$line ;;
    esac
  done <<<"$1"
  {
    for key in "${!current[@]}"; do
      if [[ ${dropped[$key]-} ]]; then printf '%s del %s: %s\n' "$key" "$key" "${current[$key]}"; continue; fi
      printf '%s cur %s: %s\n' "$key" "$key" "${current[$key]}"
    done
    for key in "${!staged[@]}"; do
      if [[ ${staged[$key]} != "${current[$key]-}" ]]; then printf '%s new %s: %s\n' "$key" "$key" "${staged[$key]}"; fi
    done
  } | sort -s -k 1,2 | cut -d' ' -f 2-
}
