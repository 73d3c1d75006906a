# shellcheck shell=bash disable=SC2154 # the globals are breakglass-pve's
# Where the caller comes from, for the log and for whoever is told who is at work. Through sudo the account's own processes may set
# SSH_CONNECTION to anything: then the address is that of the connection which the sshd above us holds, as the kernel has it. Below
# --root nothing is known of the computer's processes, and the word of whoever started the script has to do.

# Sets caller: an address; `local` where no sshd is above us, `unknown` where it cannot be told.
find_caller() {
  local at=$PPID parent uids key value exe
  caller=${SSH_CONNECTION%% *}
  if [[ ! ${SUDO_USER-} || $root ]]; then readonly caller=${caller:-local}; return; fi
  caller=local
  while ((at > 1)); do
    parent='' uids='' exe=''
    while IFS=$':\t' read -r key value; do
      case $key in PPid) parent=$value ;; Uid) uids=${value//$'\t'/ }; break ;; esac
    done 2>/dev/null <"/proc/$at/status"
    if [[ ! $parent =~ ^[0-9]+$ ]]; then caller=unknown; break; fi
    # Its name may be anybody's; the program of a process that is root's in every way is not.
    if [[ $uids == '0 0 0 0' ]]; then exe=$(readlink -- "/proc/$at/exe" 2>/dev/null); fi
    if [[ $exe =~ ^/usr/.*/sshd(-session)?(\ \(deleted\))?$ ]]; then
      # The kernel's table is read in pieces, and one that changes meanwhile may leave a line out.
      read_remote "$at" || read_remote "$at" || read_remote "$at" || REPLY=unknown
      caller=$REPLY
      break
    fi
    at=$parent
  done
  readonly caller
  SSH_CONNECTION=$caller # for the worker, which is root's own
}

# Sets REPLY to the other end of the TCP connection of PID.
read_remote() { # PID
  local file sockets remote tcp_state inode
  sockets=" $(find "/proc/$1/fd" -lname 'socket:*' -printf '%l ' 2>/dev/null)"
  for file in tcp tcp6; do
    # 1: 0100007F:0016 0500000A:C350 01 …, the tenth word is the socket's number. 01: established.
    while read -r _ _ remote tcp_state _ _ _ _ _ inode _; do
      if [[ $tcp_state == 01 && $sockets == *" socket:[$inode] "* ]]; then decode_address "${remote%:*}"; return; fi
    done 2>/dev/null <"/proc/$1/net/$file"
  done
  return 1
}

# As the kernel writes it: words of 32 bits, each with its last byte first (the byte order of the machine, which is x86 or ARM).
decode_address() { # HEX; sets REPLY
  local word zeros=0:0:0:0:0:0:0:0 bytes=''
  for ((word = 0; word < ${#1}; word += 8)); do
    bytes+=${1:word + 6:2}${1:word + 4:2}${1:word + 2:2}${1:word:2}
  done
  if [[ $bytes == 00000000000000000000FFFF???????? ]]; then bytes=${bytes: -8}; fi # IPv4 on a socket of IPv6
  if ((${#bytes} == 8)); then
    printf -v REPLY '%d.%d.%d.%d' "0x${bytes:0:2}" "0x${bytes:2:2}" "0x${bytes:4:2}" "0x${bytes:6:2}"
    return
  fi
  printf -v REPLY '%x:%x:%x:%x:%x:%x:%x:%x' "0x${bytes:0:4}" "0x${bytes:4:4}" "0x${bytes:8:4}" "0x${bytes:12:4}" \
    "0x${bytes:16:4}" "0x${bytes:20:4}" "0x${bytes:24:4}" "0x${bytes:28:4}"
  REPLY=:$REPLY:
  while [[ $zeros == 0:* && $REPLY != *":$zeros:"* ]]; do zeros=${zeros:2}; done # the longest run of them
  if [[ $zeros == 0:* ]]; then REPLY=${REPLY/:$zeros:/::}; fi
  if [[ $REPLY != ::* ]]; then REPLY=${REPLY#:}; fi
  if [[ $REPLY != *:: ]]; then REPLY=${REPLY%:}; fi
}
