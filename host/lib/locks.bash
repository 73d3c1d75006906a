# shellcheck shell=bash disable=SC2154 # the globals are breakglass-pve's
# One mutating verb and one capture at a time for each VM, and what root remembers between two calls. All of it is in directories of
# root's own that nobody else may look into: whoever can open a lock file can hold it.

readonly readings=$run/breakglass
readonly lock_file=$readings/$vmid.lock capture_lock=$readings/$vmid.capture
# Where version 0.1.0 has its lock, in a directory that is open to every local account.
readonly old_lock=$lock_dir/breakglass-$vmid.lock
if [[ ! -d $readings ]]; then mkdir -p -- "$readings" 2>/dev/null; fi # 0700, by the umask
holder_file=$lock_file

# Takes the lock on fd 9, or ends with 75.
take_lock() {
  if ! open_lock; then
    finish 1 "Not done: no lock can be made. None of these is a directory of root's own: $readings, $state, $home."
  fi
  if flock -n 9 && take_old_lock; then
    { printf '%s %s %s\n' "$verb" "$caller" "$EPOCHSECONDS" >"$lock_file"; } 2>/dev/null
    return
  fi
  describe_holder
  printf 'breakglass-pve: busy: %s\n' "$REPLY" >&2
  finish 75 "Not done: another verb is running: $REPLY."
}

# Where no file can be made (a full or read-only file system) the directory itself is the lock, for all VMs.
open_lock() {
  local dir mode
  for dir in "$readings" "$state" "$home"; do
    if [[ ! -d $dir || -L $dir || ! -O $dir ]]; then continue; fi
    mode=$(stat -c %a -- "$dir")
    if ((8#${mode:-777} & 8#077)); then continue; fi
    if [[ $dir == "$readings" && ! -L $lock_file ]] && { exec 9<>"$lock_file"; } 2>/dev/null; then return 0; fi
    if { exec 9<"$dir"; } 2>/dev/null; then return 0; fi
  done
  return 1
}

# A script of version 0.1.0 that is still at work, or comes meanwhile, has the lock under its old name: fails while one holds it. From
# then on that name leads to our lock, so that both take the same one. What some other account has put there is no lock.
take_old_lock() {
  if [[ $old_lock -ef $lock_file ]]; then return 0; fi
  if is_old_lock; then
    # Held on fd 6 for as long as we watch: by one that has opened the file just now, and not locked it yet.
    exec 6<"$old_lock"
    if ! flock -n 6; then holder_file=$old_lock; return 1; fi
  elif [[ -d $old_lock && ! -L $old_lock ]]; then
    rmdir -- "$old_lock"
  fi
  ln -sfT -- "$lock_file" "$old_lock"
  return 0
} 2>/dev/null

# A file that only root can open.
is_old_lock() {
  local mode
  [[ -f $old_lock && ! -L $old_lock && -O $old_lock ]] || return 1
  mode=$(stat -c %a -- "$old_lock" 2>/dev/null)
  ((!(8#${mode:-777} & 8#077)))
}

let_lock_go() { { : >"$lock_file"; } 2>/dev/null; }

# The lock file has content only while a verb runs, or after one was killed: flock is asked only then.
is_busy() {
  holder_file=$lock_file
  if [[ -s $lock_file ]] && ! flock -n "$lock_file" true; then return 0; fi
  if [[ -s $old_lock ]] && is_old_lock && ! flock -n "$old_lock" true; then holder_file=$old_lock; return 0; fi
  return 1
} 2>/dev/null

is_capturing() { [[ -s $capture_lock ]] && ! flock -n "$capture_lock" true; }

# A verb, or a capture, which is not to be disturbed by a question to QEMU.
somebody_works() { is_busy || is_capturing; }

# Sets REPLY to the verb that holds the lock: "cycle by 10.0.0.5 since 2026-01-31T02:03:04Z (12 s)".
describe_holder() {
  local holder_verb='' holder='' since='' try
  # Who has just taken the lock may not have written its name yet.
  for try in 1 2 3 4; do
    { read -r holder_verb holder since <"$holder_file"; } 2>/dev/null
    if [[ $since ]]; then break; fi
    sleep 0.05
  done
  holder_verb=${holder_verb:-a verb} holder=${holder:-unknown}
  [[ $since =~ ^[0-9]+$ ]] || since=$EPOCHSECONDS
  printf -v REPLY '%s by %s since %(%Y-%m-%dT%H:%M:%SZ)T (%d s)' "$holder_verb" "$holder" "$since" "$((EPOCHSECONDS - since))"
}

# ---- captures ------------------------------------------------------------------------------------------------------------

# On fd 7. Fails when somebody else's capture has ended meanwhile that serves as well: evidence is its id then. A lock that cannot be
# made, or is held longer than any capture lasts, holds nobody up.
take_capture_lock() {
  local limit id='' before=''
  if ! { exec 7<>"$capture_lock"; } 2>/dev/null; then return 0; fi
  if flock -n 7; then
    { printf '%s %s %s\n' "$verb" "$caller" "$EPOCHSECONDS" >"$capture_lock"; } 2>/dev/null
    return 0
  fi
  printf 'another capture of this VM is under way: waiting for it\n'
  { read -r before <"$capture_lock.last"; } 2>/dev/null
  scaled "$(((forensics_limit_s + 2) * 1000))"; limit=$REPLY
  flock -w "$limit" 7 || { exec 7>&-; return 0; }
  # Whoever had it left the id of what it kept; one that was killed in the middle left that of another day.
  { read -r id <"$capture_lock.last"; } 2>/dev/null
  { printf '%s %s %s\n' "$verb" "$caller" "$EPOCHSECONDS" >"$capture_lock"; } 2>/dev/null
  if [[ ! $id || $id == "$before" || ! -e $captures/$id/manifest.json ]]; then return 0; fi
  # It kept away from QEMU because of a verb that worked, which is this one: what a verb ends is looked at before.
  if [[ $verb != forensics && -e $captures/$id/beside-a-verb ]]; then
    printf 'it kept away from QEMU because of this %s: capturing again\n' "$verb"
    return 0
  fi
  # It stands before a verb now, and is kept like one.
  if [[ $verb != forensics ]]; then { : >"$captures/$id/kept"; } 2>/dev/null; fi
  evidence=$id
  printf 'shared: evidence %s has just been captured\n' "$id"
  # What it found, as it was shown there. A capture of an older version has no such file.
  if [[ -r $captures/$id/printed.txt ]]; then printf '%s\n' "$(<"$captures/$id/printed.txt")"; fi 2>/dev/null
  let_capture_lock_go
  return 1
}

let_capture_lock_go() {
  { printf '%s\n' "$evidence" >"$capture_lock.last"; : >"$capture_lock"; } 2>/dev/null
  exec 7>&-
}
