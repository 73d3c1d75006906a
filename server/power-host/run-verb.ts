// The power host over SSH. Only here a word becomes an argument for it, and only when it is exactly one of the six verbs; otherwise
// nothing is started.
import { StringDecoder } from 'node:string_decoder';
import { BreakglassError } from '../../protocol/problems.ts';
import { isMutating, parseVerb, type Verb } from '../../protocol/verbs.ts';
import type { SshEnd } from '../ssh/client-log.ts';
import type { SshConnection, SshResult } from '../ssh/connection.ts';
import type { ChangedHostKey } from '../ssh/failure.ts';
import { HostOutput, type HostResult, type HostStatus, parseStatus } from './output.ts';

/** The way to one VM's verbs. */
export interface PowerPath {
  readonly ssh: SshConnection;
  /** The VM that it must be for; undefined when any will do. */
  readonly vmid: number | undefined;
}

export interface VerbRun {
  readonly signal?: AbortSignal;
  readonly timeoutMs?: number;
  readonly onOutput?: (stream: 'stdout' | 'stderr', text: string) => void;
  readonly onSection?: (name: string) => void;
  /** The host announces how long the verb may take from now on, seconds. `timeoutMs` is extended to that where it is shorter. */
  readonly onLimit?: (seconds: number) => void;
}

export interface VerbEnd extends SshResult {
  readonly stdout: string;
  readonly stderr: string;
  /** The part of stdout that the host's script printed; what comes before it greets people. */
  readonly answer: string;
  /** What the closing line said, if there was one. */
  readonly host: HostResult | undefined;
}

/** For the host's last words and the way here. */
const AFTER_HOST_MS = 15_000;
// How much of a verb's text goes into the answer. The evidence itself is fetched apart.
const OUTPUT_CAP_CHARS = 1_048_576;
const CUT = '\n[cut: more than 1 MiB]\n';

/** Throws `unknown-verb` before any process is started. */
export function exactVerb(word: unknown): Verb {
  const verb = parseVerb(word);
  if (verb === undefined)
    throw new BreakglassError(
      'unknown-verb',
      'Not one of the six verbs: cycle, forensics, reset, start, status, stop.',
    );
  return verb;
}

export async function runVerb(ssh: SshConnection, word: Verb, run: VerbRun = {}): Promise<VerbEnd> {
  const verb = exactVerb(word);
  const output = new HostOutput();
  const kept = { stdout: '', stderr: '' };
  const add = (stream: 'stdout' | 'stderr', text: string): void => {
    if (text === '' || kept[stream].length >= OUTPUT_CAP_CHARS) return;
    const room = OUTPUT_CAP_CHARS - kept[stream].length;
    const part = text.length <= room ? text : text.slice(0, room) + CUT;
    kept[stream] += part;
    run.onOutput?.(stream, part);
  };
  const startedAt = performance.now();
  let extend: ((ms: number) => void) | undefined;
  let announced: number | undefined;
  const read = (part: { text: string; sections: readonly string[] }): void => {
    for (const section of part.sections) run.onSection?.(section);
    add('stdout', part.text);
    if (output.limitS === undefined || output.limitS === announced) return;
    announced = output.limitS;
    run.onLimit?.(announced);
    // Our limit is never shorter than the host's: slow is not dead.
    const atHostMs = announced * 1_000 + AFTER_HOST_MS;
    if (run.timeoutMs !== undefined && atHostMs > run.timeoutMs - (performance.now() - startedAt))
      extend?.(atHostMs);
  };
  const stdout = new StringDecoder('utf8');
  const stderr = new StringDecoder('utf8');
  const end = await ssh.run({
    command: verb,
    // A verb that changes the VM must never be begun twice: see ssh/connection.ts.
    fresh: isMutating(verb),
    ...(run.signal === undefined ? {} : { signal: run.signal }),
    ...(run.timeoutMs === undefined ? {} : { timeoutMs: run.timeoutMs }),
    onStart: (give) => {
      extend = give;
    },
    onStdout: (chunk) => read(output.feed(stdout.write(chunk))),
    onStderr: (chunk) => add('stderr', stderr.write(chunk)),
  });
  read(output.feed(stdout.end()));
  read(output.end());
  add('stderr', stderr.end());
  return { ...end, ...kept, answer: kept.stdout.slice(output.answerFrom), host: output.result };
}

/** For a status that somebody can wait for. The host's own limit is 15 s: ours is not shorter than that of whom we ask. */
export const STATUS_LIMIT_MS = 20_000;

export type StatusAnswer =
  | { readonly status: HostStatus; readonly version: string | undefined }
  | {
      readonly status: undefined;
      readonly detail: string;
      readonly how: SshEnd;
      /** Whether it answered at all, though not with a status of this VM. */
      readonly reachable: boolean;
      /** The other VM that it answered for. Nothing that it says or does is about ours then. */
      readonly otherVm?: number;
      /** Where it showed another host key than before. */
      readonly hostKey?: ChangedHostKey;
    };

/** What the host says about the VM now, or why it could not be asked. */
export async function askStatus(
  host: PowerPath,
  limitMs: number,
  signal?: AbortSignal,
): Promise<StatusAnswer> {
  const end = await runVerb(host.ssh, 'status', {
    timeoutMs: limitMs,
    ...(signal === undefined ? {} : { signal }),
  });
  return statusAnswer(end, host.vmid);
}

/** It ended there, or it began there and has not come back: slow is not dead. */
export const wasReached = ({ how, begun }: Pick<SshResult, 'how' | 'begun'>): boolean =>
  how === 'exited' || (how === 'timed_out' && begun === 'yes');

/** `vmid`: see PowerPath. */
export function statusAnswer(end: VerbEnd, vmid: number | undefined): StatusAnswer {
  const status = end.how === 'exited' && end.exitCode === 0 ? parseStatus(end.answer, end.host) : undefined;
  const vm = status?.vm ?? end.host?.vm;
  if (vmid !== undefined && vm !== undefined && vm !== vmid)
    return { status: undefined, detail: wrongVm(vmid, vm), how: end.how, reachable: true, otherVm: vm };
  if (status !== undefined) return { status, version: end.host?.version };
  const said = end.stderr.trim().split('\n').at(-1)?.slice(0, 300) ?? '';
  const detail =
    end.detail ||
    (end.how === 'exited'
      ? said || `status ended with exit code ${end.exitCode}`
      : 'the host gave no answer in time');
  const hostKey = end.failure?.hostKey;
  return {
    status: undefined,
    detail,
    how: end.how,
    reachable: wasReached(end),
    ...(hostKey === undefined ? {} : { hostKey }),
  };
}

export const wrongVm = (expected: number, vm: number): string =>
  `This power path answers for VM ${vm}, not for VM ${expected}: every verb is refused. Correct the account or the key of the target (power.user, power.key), or its power.vmid.`;
