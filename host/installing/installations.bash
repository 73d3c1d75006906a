# shellcheck shell=bash disable=SC2034,SC2154 # the globals are the installer's
# The VMs that are installed on this power host already, by its record: one account each (or a line in root's file), never the same
# key twice. Also how an installation of version 0.1.0 is read, which knew one VM for all accounts: its number is in one file.

readonly old_number=/etc/breakglass/vmid
# adopted: the VM of such an installation, whose account is adopted_user (empty: the simple form).
adopted='' adopted_user=''
declare -A account_of=() # VM id → account, or root for the simple form

# Sets account_of, and prefix_of_record where there is one.
find_installations() {
  local kind path at
  prefix_of_record=''
  [[ -e $root$record ]] || return 0
  if grep -qx "file $old_number" "$root$record"; then
    { read -r adopted <"$root$old_number"; } 2>/dev/null
    [[ $adopted =~ ^[1-9][0-9]{2,8}$ ]] || die 1 "$root$old_number holds no number of a VM: I do not know whose installation this is." \
      'Nothing was changed.'
    adopted_user=$(sed -n "s#^file $key_dir/##p" "$root$record" | head -n 1)
  fi
  while read -r kind path; do
    if [[ $kind == file && $path == */breakglass-pve ]]; then prefix_of_record=${path%/breakglass-pve}; fi
    [[ $kind == vm ]] || continue
    read -r at kind path <<<"$path"
    case $kind:$path in
      file:"$key_dir"/*) account_of[$at]=${path##*/} ;;
      line:*) account_of[$at]=root ;;
    esac
  done < <(record_lines)
}

# What version 0.1.0 made for its one VM belongs to that VM from now on; scripts and their directories are for all.
record_lines() {
  local kind path
  while IFS= read -r kind; do
    path=${kind#* } kind=${kind%% *}
    case $kind:$path in
      user:* | line:* | empty:* | file:"$key_dir"/* | file:/etc/sudoers.d/* | file:/etc/ssh/* | dir:"$key_dir" | dir:/etc/sudoers.d | dir:/etc/ssh/* | dir:/root/*)
        kind="vm $adopted $kind"
        ;;
    esac
    printf '%s %s\n' "$kind" "$path"
  done <"$root$record"
}

say_installations() {
  local at text=''
  for at in "${!account_of[@]}"; do text+="${text:+, }VM $at (account ${account_of[$at]})"; done
  printf '%s' "${text:-none}"
}

# The scripts are shared: one place for all VMs.
choose_prefix() {
  local at
  for at in "${!account_of[@]}"; do
    if [[ $at == "$vmid" || ! $prefix_of_record ]]; then continue; fi
    prefix=${prefix:-$prefix_of_record}
    [[ $prefix == "$prefix_of_record" ]] ||
      refuse "--prefix $prefix: the scripts for $(say_installations) are in $prefix_of_record, and all VMs share them. Leave --prefix out"
  done
  prefix=${prefix:-/usr/local/lib/breakglass}
}

# An account is for one VM, and so is a key: a console that mixes up two of them is then turned away instead of let in.
refuse_mix_ups() {
  local at line
  for at in "${!account_of[@]}"; do
    if [[ $at == "$vmid" ]]; then continue; fi
    if [[ ! $simple && ${account_of[$at]} == "$user" ]]; then
      refuse "the account $user is for VM $at; VM $vmid needs one of its own: --user breakglass-$vmid"
    fi
    for line in "${keys[@]}"; do
      if key_opens "$at" "$line"; then
        refuse "--key $key: this key is the one for VM $at (account ${account_of[$at]}). Each VM needs a key of its own: make one with ssh-keygen"
      fi
    done
  done
}

key_opens() { # VM "TYPE BLOB"
  local file=$root$key_dir/${account_of[$1]}
  if [[ ${account_of[$1]} == root ]]; then
    grep -- "$(line_pattern "$1")" "$root$root_keys" 2>/dev/null | grep -qF -- "${2#* }"
  else
    grep -qF -- "${2#* }" "$file" 2>/dev/null
  fi
}

# Of the simple form: the line of one VM in root's file.
line_pattern() { # VM
  printf '/breakglass-pve %s",.* %s$' "$1" "$mark"
}
