// A small power host for tests: a real sshd whose forced command is a bash script that obeys files in a directory.
//   state   what `status` says             born   Unix seconds at which its "QEMU process" began
//   slow    seconds that a verb takes      busy   what `status` says is going on
//   limit   seconds that a verb announces it may take
//   vm      the VM that it says it is for
//   capture text that forensics prints         mute   `status` hangs, or answers after so many seconds
//   bundle  what the word `evidence` streams; without it, the word is rejected as by an older script
//   named   the evidence that a verb names; without it, that of the bundle, or e1
//   refuse  a verb answers 75 with this    code   a verb's exit code      loud   bytes that a verb prints
// Every command that arrives is a line of `calls`; two mutating verbs at once leave a line in `overlaps`.
import { chmodSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type Sshd, startSshd } from './sshd.ts';

const SCRIPT = `#!/bin/bash
dir=\${0%/*}
verb=$SSH_ORIGINAL_COMMAND
get() { [ -e "$dir/$1" ] && cat "$dir/$1" || printf '%s' "$2"; }
printf '%q\\n' "$verb" >>"$dir/calls"
named=$(get named "$(tar -tzf "$dir/bundle" 2>/dev/null | head -n 1)")
named=\${named%/}
named=\${named:-e1}
case $verb in
  status)
    [ -e "$dir/mute" ] && { mute=$(get mute); sleep "\${mute:-60}"; }
    printf 'status: %s\\n' "$(get state running)"
    [ "$(get state running)" = running ] && printf 'qmp: answers\\npid: 1\\nuptime: %s s\\n' $(($(date +%s) - $(get born 0)))
    [ -e "$dir/vm" ] && printf 'vm: %s\\n' "$(get vm)"
    [ -e "$dir/busy" ] && printf 'busy: %s\\n' "$(get busy)"
    exit 0 ;;
  forensics) echo '--- forensics (10:00:00Z) ---'; get capture; echo "evidence: $named"; exit 0 ;;
  evidence) [ -e "$dir/bundle" ] && exec cat "$dir/bundle"; echo 'breakglass-pve: rejected' >&2; exit 2 ;;
  reset|start|stop|cycle) ;;
  *) echo "breakglass-pve: rejected" >&2; exit 2 ;;
esac
if [ -e "$dir/refuse" ]; then printf 'breakglass-pve: busy: %s\\n' "$(get refuse)" >&2; exit 75; fi
mkdir "$dir/lock" 2>/dev/null || echo "$verb" >>"$dir/overlaps"
[ -e "$dir/limit" ] && printf 'BREAKGLASS-LIMIT {"verb":"%s","vm":102,"seconds":%s}\\n' "$verb" "$(get limit)"
echo '--- forensics (10:00:00Z) ---'
echo "evidence: $named"
[ -e "$dir/loud" ] && head -c "$(get loud)" /dev/zero | tr '\\0' x && echo
# Detached, as the real one: what was begun ends, whoever watches.
setsid bash -c '
  sleep "$2"
  case $3 in stop) echo stopped >"$1/state" ;; *) echo running >"$1/state" ;; esac
  case $3 in start|cycle) date +%s >"$1/born" ;; esac
  rmdir "$1/lock"' worker "$dir" "$(get slow 0)" "$verb" </dev/null >/dev/null 2>&1 &
wait
printf -- '--- %s (10:00:01Z) ---\\n' "$verb"
case $verb in cycle|start) new=2 ;; reset) new=1 ;; stop) new=null ;; esac
printf 'BREAKGLASS-RESULT {"verb":"%s","version":"%s","exit":%s,"outcome":"VM 102: %s done.","vm_state":"%s","qmp":null,"evidence":"%s","old_pid":1,"new_pid":%s}\\n' \\
  "$verb" "$(get version 0.2.0)" "$(get code 0)" "$verb" "$(get state)" "$named" "$new"
exit "$(get code 0)"
`;

export interface TestPowerHost extends Sshd {
  set(name: string, value: string | number | Uint8Array): void;
  unset(name: string): void;
  calls(): readonly string[];
  overlaps(): readonly string[];
}

export async function startPowerHost(): Promise<TestPowerHost> {
  const first = await startSshd();
  await first.stop(true);
  const script = path.join(first.dir, 'host.sh');
  writeFileSync(script, SCRIPT);
  chmodSync(script, 0o755);
  const sshd = await startSshd({ dir: first.dir, forcedCommand: script });
  const at = (name: string): string => path.join(sshd.dir, name);
  const lines = (name: string): readonly string[] =>
    existsSync(at(name)) ? readFileSync(at(name), 'utf8').split('\n').filter(Boolean) : [];
  return {
    ...sshd,
    set: (name, value) => writeFileSync(at(name), typeof value === 'number' ? String(value) : value),
    unset: (name) => rmSync(at(name), { force: true }),
    calls: () => lines('calls'),
    overlaps: () => lines('overlaps'),
  };
}
