// The case library: one folder a case, with what the host and SSH really say, raw. Read here as the server reads it: the bundle by
// the evidence room, `status` by the power room, SSH's client log by the ssh room. A case may be like another one and bring only
// what differs. See cases/README.md.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { MUTATING_VERBS } from '../../protocol/verbs.ts';
import { readBundle } from '../../server/evidence/signals.ts';
import { watchOver } from '../../server/evidence/watch.ts';
import type { Probed } from '../../server/guest/port.ts';
import { probe } from '../../server/guest/probe.ts';
import { HostOutput } from '../../server/power-host/output.ts';
import type { VerbEnd } from '../../server/power-host/run-verb.ts';
import { capturedSignals, signalsOf } from '../../server/readings/triage-run.ts';
import type { Destination } from '../../server/ssh/arguments.ts';
import { readEnd, spokenLines } from '../../server/ssh/client-log.ts';
import type { SshCommand, SshConnection, SshResult } from '../../server/ssh/connection.ts';
import { readFailure } from '../../server/ssh/failure.ts';
import type { Signals } from '../../server/triage/signals.ts';

const DIR = path.join(import.meta.dirname, '../../server/triage/cases');

const Verbs = z.array(z.enum(MUTATING_VERBS));
const Step = z.strictObject({
  status: z.enum(['ok', 'timeout', 'error', 'skipped']),
  why: z.string().optional(),
});

const CaseFile = z.strictObject({
  /** One line: where it was seen. */
  source: z.string().min(10),
  like: z.string().optional(),
  /** A record in cases/_ssh. */
  ssh: z.string().optional(),
  /** How `status` ended, where it did not end by itself. */
  host: z.enum(['unreachable', 'refused', 'lost', 'slow']).optional(),
  /** With these signals of that other case, somebody would press a verb: what keeps them from it is in them. */
  but_for: z.strictObject({ case: z.string(), signals: z.array(z.string()) }).optional(),
  /** Files of the case that it is like, which are not there. */
  without: z.array(z.string()).default([]),
  /** What its manifest says of these steps instead. */
  steps: z.record(z.string(), Step).default({}),
  expect: z.strictObject({
    code: z.string(),
    advised: z.enum(MUTATING_VERBS).nullable(),
    warned: Verbs.optional(),
    confidence: z.number().optional(),
    confidence_at_most: z.number().optional(),
    withheld: z.enum(MUTATING_VERBS).optional(),
    cautions: z.array(z.string()).optional(),
    longer_look: z.boolean().optional(),
    /** In the summary, the advice or a caution. */
    says: z.array(z.string()).default([]),
    never_says: z.array(z.string()).default([]),
    /** Of the inputs, or of the same signal where the finding does not show it. */
    shows: z.record(z.string(), z.string()).default({}),
  }),
});

type Files = ReadonlyMap<string, string>;

export interface RawCase {
  readonly name: string;
  readonly source: string;
  readonly expect: z.infer<typeof CaseFile>['expect'];
  readonly butFor: z.infer<typeof CaseFile>['but_for'];
  readonly ssh: string;
  readonly host: z.infer<typeof CaseFile>['host'];
  readonly bundle: Files;
  /** The second capture of a longer look; empty where there is none. */
  readonly later: Files;
  readonly status: string;
  readonly statusError: string;
  readonly forensics: string;
}

const filesIn = (dir: string): Map<string, string> =>
  new Map(
    existsSync(dir) ? readdirSync(dir).map((name) => [name, readFileSync(path.join(dir, name), 'utf8')]) : [],
  );

function load(name: string): RawCase {
  const dir = path.join(DIR, name);
  const own = CaseFile.parse(parse(readFileSync(path.join(dir, 'case.yaml'), 'utf8')));
  const base = own.like === undefined ? undefined : load(own.like);
  const text = (file: string): string | undefined => {
    const at = path.join(dir, file);
    return existsSync(at) ? readFileSync(at, 'utf8') : undefined;
  };
  const bundle = new Map([...(base?.bundle ?? []), ...filesIn(path.join(dir, 'bundle'))]);
  for (const file of own.without) bundle.delete(file);
  const manifest = bundle.get('manifest.json');
  if (manifest !== undefined) bundle.set('manifest.json', withSteps(manifest, own.steps));
  return {
    name,
    source: own.source,
    expect: own.expect,
    butFor: own.but_for,
    ssh: own.ssh ?? base?.ssh ?? raise(`${name} says nothing of SSH`),
    host: own.host ?? base?.host,
    bundle,
    later: new Map([...(base?.later ?? []), ...filesIn(path.join(dir, 'later'))]),
    // An answer that comes after all takes the place of the error.
    status: text('status.txt') ?? base?.status ?? '',
    statusError: text('status.err') ?? (text('status.txt') === undefined ? (base?.statusError ?? '') : ''),
    forensics: text('forensics.txt') ?? base?.forensics ?? '',
  };
}

function raise(why: string): never {
  throw new Error(why);
}

function withSteps(manifest: string, steps: z.infer<typeof CaseFile>['steps']): string {
  const json = JSON.parse(manifest) as { steps: { name: string }[] };
  const named = Object.entries(steps).map(([name, step]) => ({ name, ms: 3_000, why: null, ...step }));
  const others = json.steps.filter(({ name }) => steps[name] === undefined);
  return JSON.stringify({ ...json, steps: [...others, ...named] });
}

export const CASES: readonly RawCase[] = readdirSync(DIR, { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && !entry.name.startsWith('_'))
  .map(({ name }) => load(name));

/** What triage looks at, as the server would come by it. */
export async function signalsOfCase(raw: RawCase): Promise<Signals> {
  const first = readBundle(raw.bundle);
  // A second capture is the first one's files, with those that came out otherwise.
  const second = raw.later.size === 0 ? undefined : readBundle(new Map([...raw.bundle, ...raw.later]));
  const { signals } = second === undefined ? first : watchOver(first.counters, second);
  const forensics = endOf(raw.forensics, '', undefined);
  const hasCapture = raw.bundle.size > 0 || raw.forensics !== '';
  return signalsOf({
    target: 'devvm',
    vmid: undefined,
    at: '2026-11-27T02:39:30.000Z',
    end: endOf(raw.status, raw.statusError, raw.host),
    probed: await probedBy(raw.ssh),
    captured: hasCapture ? capturedSignals(forensics, signals.evidence, signals) : {},
  });
}

const NOTHING = {
  exitCode: null,
  signal: undefined,
  stderrTail: '',
  failure: undefined,
  stderr: '',
} as const;

function endOf(stdout: string, stderr: string, host: RawCase['host']): VerbEnd {
  const output = new HostOutput();
  const text = output.feed(stdout).text + output.end().text;
  switch (host) {
    case undefined:
      return {
        ...NOTHING,
        how: 'exited',
        exitCode: output.result?.exit ?? 0,
        begun: 'yes',
        reached: 'logged-in',
        detail: '',
        stdout: text,
        answer: text.slice(output.answerFrom),
        stderr,
        host: output.result,
      };
    case 'unreachable':
      return {
        ...NOTHING,
        how: 'unreachable',
        begun: 'no',
        reached: 'nothing',
        detail: 'breakglass@10.0.10.2 port 22 does not answer (the connection timed out).',
        stdout: '',
        answer: '',
        host: undefined,
      };
    case 'refused':
      return {
        ...NOTHING,
        how: 'unreachable',
        begun: 'no',
        reached: 'banner',
        failure: { reading: 'refused', refusal: 'key' },
        detail:
          'breakglass@10.0.10.2 port 22 did not accept our key. Is the public key in authorized_keys there?',
        stdout: '',
        answer: '',
        host: undefined,
      };
    case 'lost':
      return {
        ...NOTHING,
        how: 'connection_lost',
        begun: 'yes',
        reached: 'logged-in',
        detail: 'The connection to breakglass@10.0.10.2 port 22 was lost.',
        stdout: '',
        answer: '',
        host: undefined,
      };
    case 'slow':
      return {
        ...NOTHING,
        how: 'timed_out',
        begun: 'yes',
        reached: 'logged-in',
        detail: '',
        stdout: '',
        answer: '',
        host: undefined,
      };
    default:
      return host satisfies never;
  }
}

const SshRecord = z.strictObject({
  exit: z.number().optional(),
  ended_by_us: z.enum(['timed_out', 'aborted']).optional(),
  took_ms: z.number().optional(),
  stdout: z.string().default(''),
  stderr: z.string().default(''),
  log: z.string().default(''),
});

const PID = 4711;
const DESTINATION: Destination = {
  address: { host: '10.0.20.102', port: 22, user: 'root' },
  keyFile: '/data/key',
  authSock: undefined,
  knownHostsFile: '/data/known_hosts',
  hostKeyAlias: 'breakglass-vm',
};

const probes = new Map<string, Promise<Probed>>();

/** The probe, run against what OpenSSH's client wrote. */
function probedBy(record: string): Promise<Probed> {
  const probed = probes.get(record) ?? probeRecord(record);
  probes.set(record, probed);
  return probed;
}

async function probeRecord(record: string): Promise<Probed> {
  const text = readFileSync(path.join(DIR, '_ssh', `${record}.yaml`), 'utf8');
  const { exit, ended_by_us, took_ms, stdout, stderr, log } = SshRecord.parse(parse(text));
  const run = async (command: SshCommand): Promise<SshResult> => {
    const nonce = /'-([0-9a-f-]+)"$/.exec(command.command)?.[1] ?? '';
    command.onStdout?.(Buffer.from(stdout.replaceAll('NONCE', nonce)));
    const end = readEnd({ pid: PID, exitCode: exit ?? null, cause: ended_by_us, log });
    const result = { ...end, signal: undefined, stderrTail: stderr };
    if (end.how === 'exited') return { ...result, failure: undefined, detail: '' };
    const { failure, detail } = readFailure({ ...result, spoken: spokenLines(log) }, DESTINATION);
    const failed = end.how === 'unreachable' || end.how === 'connection_lost';
    return { ...result, failure, detail: failed ? detail : '' };
  };
  const ssh: SshConnection = {
    run,
    warm: async () => true,
    masterPid: () => undefined,
    pin: { file: DESTINATION.knownHostsFile, alias: DESTINATION.hostKeyAlias },
    lookAtKey: async () => ({ type: 'none', why: 'There is no host here.' }),
    dropReused: async () => undefined,
    close: async () => undefined,
  };
  const probed = await probe(ssh, 5_000);
  return { ...probed, ms: took_ms ?? 180 };
}
