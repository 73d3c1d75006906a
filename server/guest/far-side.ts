// What runs in the VM around a command: the wrapper that starts it and the stopper that ends it. They use plain POSIX sh with
// timeout, bash, ps and awk, which every Debian guest has (the lab's too). Pure: strings in, strings out.
import { BreakglassError } from '../../protocol/problems.ts';

/** The wrapper's first line on stderr: proof that the command has begun, and the root of its process tree. */
const PID_MARK = 'BREAKGLASS-PID';
const STOPPED_MARK = 'BREAKGLASS-STOPPED';
const LEFT_MARK = 'BREAKGLASS-LEFT';

/** Seconds between TERM and KILL when the far side's own time limit ends a command. */
const KILL_AFTER_S = 5;

// On Linux an argument has at most 131,072 bytes (MAX_ARG_STRLEN), and the whole exec string is one argument on both machines.
const MAX_COMMAND_BYTES = 100_000;
const MAX_EXEC_BYTES = 125_000;

/** Quotes it as one word for any POSIX shell. */
export const quote = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`;

/**
 * The exec string for a command. sshd gives an exec without a terminal a session of its own, so everything the command
 * starts has the session of the process named by the mark, until it calls setsid itself. `timeout` without --foreground
 * leads its own process group and signals all of it.
 * Throws `invalid-input` for what cannot be sent.
 */
export function wrapCommand(command: string, limitMs: number): string {
  if (command.includes('\0'))
    throw new BreakglassError('invalid-input', 'A command cannot contain a NUL character.');
  const seconds = Math.max(1, Math.ceil(limitMs / 1_000));
  const script = `echo "${PID_MARK} $$" >&2; timeout -k ${KILL_AFTER_S} ${seconds} bash -c "$1"`;
  const exec = `sh -c ${quote(script)} breakglass ${quote(command)}`;
  if (Buffer.byteLength(command) > MAX_COMMAND_BYTES || Buffer.byteLength(exec) > MAX_EXEC_BYTES) {
    throw new BreakglassError(
      'invalid-input',
      `The command is too long (${Buffer.byteLength(command)} bytes; at most ${MAX_COMMAND_BYTES}, less with many quotes). Send long text through stdin instead.`,
    );
  }
  return exec;
}

// Members of the tree: the descendants of the root, the members of its session, and members of an earlier look that still live.
// A daemon (its own session, and a parent that died before the first look) is none of these and escapes; nothing could find it.
// Zombies do not count: they are dead and only wait to be collected. Prints the session, then the pids. Session 0 never matches: it
// is that of kernel threads, and of session leaders outside a container.
const TREE_AWK = `$4 !~ /^Z/ { n++; pid[n] = $1; up[n] = $2; sess[n] = $3; if ($1 == root && !sid) sid = $3 }
END {
  if (!sid) sid = root;
  k = split(seen, list, " "); for (i = 1; i <= k; i++) old[list[i]] = 1;
  do {
    more = 0;
    for (i = 1; i <= n; i++)
      if (!(pid[i] in tree) && (pid[i] == root || sess[i] == sid || (up[i] in tree) || (pid[i] in old))) { tree[pid[i]] = 1; more = 1 }
  } while (more);
  out = sid;
  for (i = 1; i <= n; i++) if (pid[i] in tree) out = out " " pid[i];
  print out
}`;

// Sends TERM, looks for up to 0.8 s, sends KILL, and looks once more.
const stopScript = (pid: number): string => `root=${pid}; sid=; seen=
look() {
  out=$(ps -e -o pid= -o ppid= -o sess= -o stat= | awk -v root="$root" -v sid="$sid" -v seen="$seen" ${quote(TREE_AWK)})
  sid=\${out%% *}
  case $out in *" "*) now=\${out#* } ;; *) now= ;; esac
}
look; seen=$now
if [ -n "$now" ]; then kill -TERM $now 2>/dev/null; fi
n=0
while [ -n "$now" ] && [ $n -lt 8 ]; do sleep 0.1; look; n=$((n + 1)); done
if [ -n "$now" ]; then
  kill -KILL $now 2>/dev/null; sleep 0.1; look
fi
if [ -z "$now" ]; then echo ${STOPPED_MARK}; else echo "${LEFT_MARK} $now"; fi`;

// Runs as root where we may: sudo gives its command a session of its own (use_pty), and we cannot signal root's processes.
// The script goes through stdin, because sudo writes the arguments of every command into the VM's log.
const SUDO_FIRST = `out=$(printf '%s\\n' "$1" | sudo -n sh 2>/dev/null)
case $out in
  BREAKGLASS-*) echo "$out" ;;
  *) sh -c "$1" ;;
esac`;

/** The exec string that ends the tree of a wrapped command. `asRoot`: try sudo without a password first. */
export function stopCommand(pid: number, asRoot: boolean): string {
  const script = quote(stopScript(pid));
  return asRoot ? `sh -c ${quote(SUDO_FIRST)} breakglass-stop ${script}` : `sh -c ${script}`;
}

/** Whether the stopper said that nothing is left. */
export const saysStopped = (stdout: string): boolean =>
  stdout.split('\n').some((line) => line.trim() === STOPPED_MARK);

/**
 * Takes the wrapper's mark out of stderr. Text before the mark is not from the command but from a login shell or a banner. It is kept
 * apart, and `end` gives it back if the mark never came.
 */
export class PidLine {
  pid: number | undefined;
  #before = '';

  /** The part of the text that belongs to the command. */
  feed(text: string): string {
    if (this.pid !== undefined) return text;
    this.#before += text;
    const match = /^BREAKGLASS-PID (\d{1,10})\r?\n/m.exec(this.#before);
    if (match === null) {
      // The mark may be split over two chunks. What is kept of a flood without a mark is bounded.
      if (this.#before.length > 65_536) this.#before = this.#before.slice(-32_768);
      return '';
    }
    this.pid = Number(match[1]);
    const rest = this.#before.slice(match.index + match[0].length);
    this.#before = '';
    return rest;
  }

  end(): string {
    const text = this.#before;
    this.#before = '';
    return text;
  }
}
