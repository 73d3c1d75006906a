# shellcheck shell=bash disable=SC2154 # the globals are the installer's
# The settings and the secrets of the machine: made once, from then on its administrator's. No secret is ever shown.

readonly environment=/etc/breakglass/environment token=/etc/breakglass/secrets/API_BEARER_TOKEN ssh_key=/etc/breakglass/id_ed25519
# option, variable, what is written at the first time where nothing is asked for
readonly settings=(
  'vm BREAKGLASS_DEVVM_HOST'
  'power_host BREAKGLASS_PVE_HOST'
  'vmid BREAKGLASS_PVE_VMID'
  'power_user BREAKGLASS_PVE_USER breakglass'
  'observer_user BREAKGLASS_DEVVM_OBSERVER_USER breakglass-observer'
  'bind BREAKGLASS_BIND'
  'port BREAKGLASS_PORT'
)

setting() { # VARIABLE: its value in the file
  sed -n "s/^$1=//p" "$root$environment" 2>/dev/null
}

# Before anything is looked at: exit 2.
check_settings() {
  local option pattern='^[A-Za-z0-9][A-Za-z0-9.-]{0,252}$' v6='^[0-9A-Fa-f:]+:[0-9A-Fa-f:.]*$'
  for option in vm power_host bind; do
    if [[ ${!option} && ! ${!option} =~ $pattern && ! ${!option} =~ $v6 ]]; then refuse "--${option//_/-} needs an address or a name: ${!option}"; fi
  done
  if [[ $vmid && ! $vmid =~ ^[1-9][0-9]{2,8}$ ]]; then refuse "--vmid needs the number of a VM, such as 102: $vmid"; fi
  if [[ $port && ! ($port =~ ^[1-9][0-9]{0,4}$ && $port -ge 1024 && $port -le 65535) ]]; then
    refuse "--port needs a number from 1024 to 65535 (the service has no right to those below): $port"
  fi
  if [[ $observer_user ]]; then check_user --observer-user "$observer_user"; fi
  # In the simple form of host/install it is root.
  if [[ $power_user && $power_user != root ]]; then check_user --power-user "$power_user"; fi
  if [[ ! -e $root$environment && ! ($vm && $power_host && $vmid) ]]; then
    refuse 'at the first time --vm, --power-host and --vmid are needed: the VM that is to be rescued, and the Proxmox host that it runs on'
  fi
}

# What would keep the service from starting, or make it read what only root can.
check_environment() {
  local name
  for name in API_BEARER_TOKEN API_BEARER_TOKEN_FILE BREAKGLASS_KEY_PATH; do
    if grep -q "^$name=" "$root$environment" 2>/dev/null; then
      die 1 "$root$environment sets $name, which the service gets from $([[ $name == *KEY* ]] && echo "$ssh_key" || echo "$token")." \
        "Move it there (mode 600), take the line away, and run this again. Nothing was changed."
    fi
  done
}

# The file as it is to be, in $scratch/environment.
wanted_environment() {
  local entry option name usual value
  if [[ -e $root$environment ]]; then
    cat -- "$root$environment"
  else
    printf '# Settings of Breakglass: lines NAME=value, without quotes. docs/configuration.md lists the names. After a change: systemctl restart breakglass\n'
  fi >"$scratch/environment"
  for entry in "${settings[@]}"; do
    read -r option name usual <<<"$entry"
    value=${!option}
    if [[ ! $value && ! -e $root$environment ]]; then value=$usual; fi
    if [[ ! $value ]]; then continue; fi
    if grep -q "^$name=" "$scratch/environment"; then sed -i "s|^$name=.*|$name=$value|" "$scratch/environment"
    else printf '%s=%s\n' "$name" "$value" >>"$scratch/environment"; fi
  done
}

settings_change() {
  wanted_environment
  ! cmp -s -- "$scratch/environment" "$root$environment" || [[ $(stat -c '%a %u' -- "$root$environment") != '600 0' ]]
}

# Values that an administrator has put there are not shown: one of them may be a secret.
show_settings() {
  if ! settings_change; then return 0; fi
  if [[ ! -e $root$environment ]]; then
    printf '+ file %s (root, 600)\n' "$root$environment"
    sed 's/^/    + /' "$scratch/environment"
  else
    printf '~ file %s (root, 600)\n' "$root$environment"
    diff -U0 -- "$root$environment" "$scratch/environment" | sed -n '3,${/^+/s/^/    /p}'
  fi
}

write_settings() {
  if ! settings_change; then return 0; fi
  if ! { install -o 0 -g 0 -m 600 -- "$scratch/environment" "$root$environment.new" && mv -T -- "$root$environment.new" "$root$environment"; }; then
    die 1 "Could not write $root$environment. The service was not started with it: make room and run this again."
  fi
}

secrets_missing() { [[ ! -s $root$token || ! -s $root$ssh_key || ! -s $root$ssh_key.pub ]]; }

show_secrets() {
  if [[ ! -s $root$token ]]; then printf '+ file %s (root, 600): a new access token, not shown\n' "$root$token"; fi
  if [[ ! -s $root$ssh_key ]]; then printf '+ file %s (root, 600): a new SSH key\n' "$root$ssh_key"; fi
}

make_secrets() {
  local new
  new=$(umask 077; mktemp -- "$root${token%/*}/.breakglass-XXXXXX") || die 1 "Could not write ${root}${token%/*}. Run this again once there is room."
  if [[ ! -s $root$token ]]; then
    # 256 bits, as hexadecimal digits.
    if ! { od -An -N 32 -v -t x1 /dev/urandom | tr -d ' \n' >"$new" && [[ $(wc -c <"$new") -eq 64 ]] && mv -T -- "$new" "$root$token"; }; then
      rm -f -- "$new"
      die 1 "Could not write $root$token. Run this again once there is room."
    fi
  fi
  rm -f -- "$new"
  if [[ ! -s $root$ssh_key ]]; then
    rm -f -- "$root$ssh_key" "$root$ssh_key.pub"
    ssh-keygen -q -t ed25519 -N '' -C breakglass -f "$root$ssh_key" || die 1 "ssh-keygen could not make $root$ssh_key. Run this again once there is room."
  fi
  if [[ ! -s $root$ssh_key.pub ]]; then
    ssh-keygen -y -P '' -f "$root$ssh_key" >"$root$ssh_key.pub" 2>"$scratch/keygen" ||
      { rm -f -- "$root$ssh_key.pub"; cat -- "$scratch/keygen" >&2; die 1 "$root$ssh_key is no private key without a passphrase. Mend it and run this again."; }
  fi
  chmod 600 -- "$root$ssh_key" "$root$token"
}


show_purge() {
  local path
  for path in "$environment" "$token" "${token%/*}" "$ssh_key" "$ssh_key.pub" "$data_of_console"; do
    if [[ -e $root$path ]]; then printf -- '- %s for good\n' "$root$path"; fi
  done
}

purge_all() {
  rm -rf -- "$root$environment" "$root${token%/*}" "$root$ssh_key" "$root$ssh_key.pub" "$root$data_of_console"
}
