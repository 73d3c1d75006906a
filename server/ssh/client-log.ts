// How a run of the OpenSSH client ended, read from its exit code and its own log (-E, LogVerbose). ssh exits 255 for its own
// troubles and for a remote command that exits 255; only the log tells them apart, and only the log says whether the command
// was ever sent and how far it came. Where the log is silent (OpenSSH before 8.5, no room for a log file) the answer is the careful
// one. Pure.
import type { SshReached } from '../../protocol/ssh-reading.ts';

export type SshEnd = 'exited' | 'unreachable' | 'connection_lost' | 'aborted' | 'timed_out';

/** Had the far side been asked to begin the command? `no` is proof that it never ran; `unknown` must be treated as `yes`. */
export type Begun = 'yes' | 'no' | 'unknown';

export interface ClientExit {
  readonly pid: number | undefined;
  readonly exitCode: number | null;
  /** Set when we ended the client ourselves. */
  readonly cause: 'aborted' | 'timed_out' | undefined;
  readonly log: string | undefined;
}

export interface ClientEnd {
  readonly how: SshEnd;
  /** Of the remote command; null when it is not known. */
  readonly exitCode: number | null;
  readonly begun: Begun;
  /** How far it came, as far as the log tells. */
  readonly reached: SshReached;
}

/** ssh ends its lines with CR LF: the terminal may be raw. */
const linesOf = (log: string): readonly string[] => log.split(/\r?\n/);

// Only lines that carry our client's pid are its own: a remote command's text, which the log quotes, cannot pose as one.
const ownLines = (log: string, pid: number | undefined): readonly string[] =>
  linesOf(log).filter(
    (line) => line.includes(` (pid=${pid}): `) && /^(?:debug\d: )?[a-z0-9-]+\.c:/.test(line),
  );

const SENT =
  /client_session2_setup\(\).*: Sending command: |mux_client_request_session\(\).*: master session id: /;
const STATUS =
  /client_loop\(\).*: Exit status (-?\d+)$|mux_client_request_session\(\).*: Received exit status from master (\d+)$/;
// OpenSSH's words for failing before a session exists (sshconnect.c, kex.c, sshconnect2.c).
const NEVER_CONNECTED =
  /^ssh: connect to host |^ssh: Could not resolve hostname |^Connection timed out during banner exchange|^kex_exchange_identification: |^Host key verification failed|Permission denied \(|^Connection (?:closed|reset) by \S+ port |^Unable to negotiate /m;

function begunOf(log: string | undefined, lines: readonly string[]): Begun {
  if (log === undefined) return 'unknown';
  if (lines.some((line) => SENT.test(line))) return 'yes';
  if (lines.length > 0) return 'no';
  return NEVER_CONNECTED.test(log) ? 'no' : 'unknown';
}

const BANNER = /kex_exchange_identification\(\).*: Remote protocol version /;
const CONNECTED = /ssh_connect_direct\(\).*: Connection established\.$/;

function reachedOf(begun: Begun, lines: readonly string[]): SshReached {
  if (begun === 'yes') return 'logged-in';
  if (lines.some((line) => BANNER.test(line))) return 'banner';
  return lines.some((line) => CONNECTED.test(line)) ? 'connected' : 'nothing';
}

export function readEnd(exit: ClientExit): ClientEnd {
  const lines = ownLines(exit.log ?? '', exit.pid);
  const end = howItEnded(exit, lines);
  return { ...end, reached: reachedOf(end.begun, lines) };
}

function howItEnded(
  { exitCode, cause, log }: ClientExit,
  lines: readonly string[],
): Omit<ClientEnd, 'reached'> {
  const begun = begunOf(log, lines);
  if (cause !== undefined) return { how: cause, exitCode: null, begun };
  if (exitCode !== null && exitCode !== 255) return { how: 'exited', exitCode, begun: 'yes' };
  const status = lines.map((line) => STATUS.exec(line)).findLast((match) => match !== null);
  const code = status === undefined ? undefined : Number(status[1] ?? status[2]);
  if (exitCode === 255 && code === 255) return { how: 'exited', exitCode: 255, begun: 'yes' };
  // Ended by a signal over there: it has an end, but no exit code.
  if (code === -1 && lines.some((line) => line.includes('rtype exit-signal')))
    return { how: 'exited', exitCode: null, begun: 'yes' };
  return { how: begun === 'no' ? 'unreachable' : 'connection_lost', exitCode: null, begun };
}

// What a server says before its banner, instead of one: why it lets nobody in.
const BEFORE_BANNER = /^debug1: kex\.c:kex_exchange_identification\(\).*: banner line \d+: /;

/** What ssh said to people: its log without the progress, and without the source positions that LogVerbose adds. */
export const spokenLines = (log: string): string =>
  linesOf(log)
    .filter(
      (line) =>
        BEFORE_BANNER.test(line) ||
        (!/^debug\d: |: (?:Transferred: sent|Bytes per second: sent) /.test(line) && line.trim() !== ''),
    )
    .map((line) => line.replace(/^(?:debug1: )?[a-z0-9-]+\.c:\w+\(\):\d+ \(pid=\d+\): /, ''))
    .join('\n');
