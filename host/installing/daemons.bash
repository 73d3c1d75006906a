# shellcheck shell=bash disable=SC2154 # the globals are the installer's
# What sudo and sshd say to what is written for them: before it counts, and of the whole once it is in place. A broken sshd_config would lock
# everybody out at the next restart, a broken sudoers would take sudo from everybody.

need_program() { # PATH ADVICE
  [[ -x $1 ]] || die 1 "$1 is missing. $2" 'Nothing was changed.'
}

# A copy of a configuration whose includes lead below $root, as they would on the machine itself.
below_root() { # FILE COPY
  sed -E "s#^([[:space:]]*(Include|@includedir|@include)[[:space:]]+)/#\\1$root/#I" "$1" >"$2"
}

# One file, before it is put in place.
check_sudoers_file() { # FILE
  visudo -c -f "$1" >"$scratch/visudo" 2>&1 && return
  cat -- "$scratch/visudo" >&2
  die 1 'sudo does not take the lines that were to be written (see above). Nothing was changed.'
}

# Everything together. Before: a machine that was broken already is not ours to change.
check_sudoers() {
  local file=$root/etc/sudoers
  if [[ $root ]]; then
    [[ -e $file ]] || return 0
    below_root "$file" "$scratch/sudoers"
    file=$scratch/sudoers
  fi
  visudo -c -f "$file" >"$scratch/visudo" 2>&1 && return
  cat -- "$scratch/visudo" >&2
  return 1
}

sudoers_reads_drop_ins() {
  [[ ! -e $root/etc/sudoers ]] || grep -qE '^[@#]includedir[[:space:]]+/etc/sudoers\.d/?[[:space:]]*$' "$root/etc/sudoers"
}

# sshd -t, or with arguments sshd -T for one connection; output in $scratch/sshd.
ask_sshd() { # -t | -T -C …
  local file=$root/etc/ssh/sshd_config host_key=()
  if [[ $root ]]; then
    below_root "$file" "$scratch/sshd_config"
    file=$scratch/sshd_config
    [[ -e $scratch/host-key ]] || ssh-keygen -q -t ed25519 -N '' -f "$scratch/host-key"
    host_key=(-h "$scratch/host-key")
  else
    mkdir -p /run/sshd # sshd refuses to check without it, and socket activation makes it only later
  fi
  /usr/sbin/sshd "$@" "${host_key[@]}" -f "$file" >"$scratch/sshd" 2>&1
}

check_sshd() {
  ask_sshd -t && return
  cat -- "$scratch/sshd" >&2
  return 1
}

# What sshd would really do with a connection: another file may come first, or this one may never be read.
sshd_says() { # USER ADDRESS KEY VALUE
  local line
  ask_sshd -T -C "user=$1,host=client,addr=$2,laddr=127.0.0.1,lport=22" || return
  while IFS= read -r line; do
    if [[ ${line,,} == "${3,,} ${4,,}" ]]; then return 0; fi
  done <"$scratch/sshd"
  return 1
}

# An account that the machine's lists of logins leave out cannot come in, whatever its key says.
note_login_lists() { # USER
  local line
  while IFS= read -r line; do
    case $line in
      allowusers\ * | denyusers\ * | allowgroups\ * | denygroups\ *)
        notes+=("sshd_config has a list of its own (\"$line\"): see that it lets $1 in.")
        ;;
    esac
  done <"$scratch/sshd"
}

reload_sshd() {
  local pid=''
  if [[ $root ]]; then return 0; fi
  if [[ -d /run/systemd/system ]]; then
    systemctl try-reload-or-restart ssh.service >"$scratch/reload" 2>&1 && return
    cat -- "$scratch/reload" >&2
    return 1
  fi
  { read -r pid </run/sshd.pid; } 2>/dev/null
  if [[ $pid =~ ^[0-9]+$ && $(cat "/proc/$pid/comm" 2>/dev/null) == sshd ]]; then kill -HUP "$pid"; return; fi
  notes+=('sshd does not run here: it will read this when it starts.')
}

# The transaction of both installers. Wanted things are declared; $dry_run shows them only.
carry_out() {
  compare
  if is_done; then
    printf 'Nothing to change: everything is as asked.\n'
    return
  fi
  show
  if [[ $dry_run ]]; then
    printf '\nDry run: nothing was changed.\n'
    return
  fi
  if ! check_sshd; then die 1 'sshd_config is broken already, before any change (see above). Mend it first. Nothing was changed.'; fi
  if [[ $sudoers_file ]] && ! check_sudoers; then die 1 'sudoers is broken already, before any change (see above). Mend it first. Nothing was changed.'; fi
  apply
  check_sshd || give_up 'sshd does not take its configuration with this (see above).'
  if [[ $sudoers_file ]] && ! check_sudoers; then give_up 'sudo does not take its configuration with this (see above).'; fi
  if [[ ! $uninstall ]]; then check_effect; fi
  if changes_below /etc/ssh/ && ! reload_sshd; then
    roll_back
    reload_sshd
    die 1 'sshd could not be reloaded (see above).'
  fi
  commit
}
