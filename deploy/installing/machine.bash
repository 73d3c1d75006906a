# shellcheck shell=bash disable=SC2154,SC2034 # the globals are the installer's
# Is this a machine that the console can run on, and one that it should run on?

check_machine() {
  local ID='' ID_LIKE='' VERSION_ID='' PRETTY_NAME='' version
  # shellcheck source=/dev/null
  if [[ -r $root/etc/os-release ]]; then source "$root/etc/os-release"; fi
  [[ " $ID $ID_LIKE " == *' debian '* ]] ||
    die 1 "This is ${PRETTY_NAME:-no system that I know}, not Debian. docs/install-user.md runs the console on any Linux, without a service." 'Nothing was changed.'
  if [[ $ID == debian && $VERSION_ID && ${VERSION_ID%%.*} -lt 12 ]]; then
    die 1 "This is ${PRETTY_NAME}. The service needs systemd 250, which comes with Debian 12." 'Nothing was changed.'
  fi
  [[ -x $root/usr/bin/systemctl || -x $root/bin/systemctl ]] ||
    die 1 'There is no systemd on this machine. docs/install-user.md runs the console without it.' 'Nothing was changed.'
  version=$(sed -n 's/^systemd \([0-9]*\).*/\1/p' < <("$root/usr/bin/systemctl" --version 2>/dev/null))
  if [[ ! $root && $version && $version -lt 250 ]]; then
    die 1 "This machine has systemd $version. The service needs systemd 250 (Debian 12)." 'Nothing was changed.'
  fi
  [[ -x /usr/bin/ssh && -x /usr/bin/ssh-keygen ]] || die 1 'OpenSSH is missing. Install it: apt install openssh-client' 'Nothing was changed.'
  warn_where_it_would_die
}

loud() { # each word is a line
  local line
  printf '%s\n' '************************************************************************' >&2
  for line; do printf '* %s\n' "$line" >&2; done
  printf '%s\n' '************************************************************************' >&2
}

# The console must be up when what it rescues is down.
warn_where_it_would_die() {
  local why=() address
  if [[ -d $root/etc/pve || -x $root/usr/bin/pveversion || -x $root/usr/sbin/qm || -x $root/usr/bin/qm ]]; then
    why+=('THIS IS A PROXMOX HOST.' 'The console would be down when this host is, and share its memory and disks when they are the trouble.')
  fi
  for address in $(addresses_of "${vm:-$(setting BREAKGLASS_DEVVM_HOST)}"); do
    if [[ $address == 127.* || $address == ::1 || " $(own_addresses | tr '\n' ' ') " == *" $address "* ]]; then
      why+=('THIS IS THE VM THAT IT IS TO RESCUE'" ($address is an address of this machine)." 'The console would be down exactly when it is needed.')
    fi
  done
  if ((${#why[@]})); then
    loud "${why[@]}" 'Take another machine: a Raspberry Pi, another host, a cluster elsewhere.'
    [[ $on_this_host_anyway ]] || die 1 'Not installed. With --on-this-host-anyway I do it all the same.' 'Nothing was changed.'
    notes+=("Installed against advice (--on-this-host-anyway): ${why[0]}")
  fi
  if [[ $(container_kind) == lxc ]]; then
    loud 'This is an LXC container. If it runs on the Proxmox host that it is to rescue, it is down when that host is:' \
      'then it helps with a wedged VM, not with a wedged host. Only you know where it runs.'
    notes+=('In an unprivileged LXC container the service needs the feature nesting (pct set ID --features nesting=1).')
  fi
}

container_kind() {
  if [[ $root ]]; then return 0; fi
  systemd-detect-virt --container 2>/dev/null || { tr '\0' '\n' </proc/1/environ | sed -n 's/^container=//p'; } 2>/dev/null
}

# Without those of this machine alone.
own_addresses() { hostname -I 2>/dev/null | tr ' ' '\n' | grep -v '^$'; }

addresses_of() { # NAME|ADDRESS
  if [[ ! $1 ]]; then return 0; fi
  if [[ $1 == *:* || $1 =~ ^[0-9.]+$ ]]; then printf '%s\n' "$1"; else getent ahosts "$1" 2>/dev/null | cut -d ' ' -f 1 | sort -u; fi
}
