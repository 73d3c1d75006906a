// One drill: a real QEMU gets a fault, triage names it through the real console and warns of the wrong verb, and the advised verb brings
// the VM back, or what an operator, the agent or a person on the host would do instead. Throws when that does not happen.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type FaultName, machineFor } from '../../lab/qemu/faults.ts';
import { sshExec } from '../../lab/qemu/ssh-exec.fixture.ts';
import type { EvidenceRecord } from '../../protocol/evidence.ts';
import type { TargetState } from '../../protocol/me.ts';
import type { Operation } from '../../protocol/operations.ts';
import type { TriageReport } from '../../protocol/triage.ts';
import type { MutatingVerb } from '../../protocol/verbs.ts';
import type { QemuHouse } from '../support/qemu-house.ts';

interface Expected {
  readonly finding: string;
  readonly advised: MutatingVerb | null;
  readonly warned: readonly MutatingVerb[];
  /** What is done before the advised verb, or instead of one. */
  readonly softFix?: SoftFix;
  /** What a second triage finds after the soft fix, where a verb is still needed. */
  readonly next?: { readonly finding: string; readonly advised: MutatingVerb };
  /** Its evidence from before the stop is looked into: lines of the two samples that stand still, at least one of each. */
  readonly stood?: readonly RegExp[];
}

interface SoftFix {
  /** For the table. */
  readonly what: string;
  /** Over SSH, as the repair account. */
  readonly command?: string;
}

const HARD = ['cycle', 'reset', 'stop'] as const;
const ALL = ['cycle', 'reset', 'start', 'stop'] as const;

/** What the table of triage's rules says. Without a command the lab does what a person does on the host or at the console. */
const EXPECTED: Readonly<Record<FaultName, Expected>> = {
  'block-stall-virtio': {
    finding: 'block-path-stalled',
    advised: 'cycle',
    warned: ['reset'],
    stood: [/^virtio0 queue \d+: used index$/, /: operations completed$/],
  },
  // No queue status on this controller, and this lab has no round-robin history: the flat counters are all there is.
  'block-stall-lsi': {
    finding: 'block-path-stalled',
    advised: 'cycle',
    warned: ['reset'],
    stood: [/: bytes written$/, /: operations completed$/],
  },
  'wedged-qemu': { finding: 'qemu-wedged', advised: 'cycle', warned: ['reset'] },
  'io-error-nospace': {
    finding: 'pool-full',
    advised: null,
    warned: HARD,
    softFix: { what: 'space freed and `qm resume` on the host' },
  },
  'kernel-panic': { finding: 'guest-panicked', advised: 'cycle', warned: ['reset'] },
  stopped: { finding: 'stopped', advised: 'start', warned: [] },
  locked: {
    finding: 'stale-lock',
    advised: null,
    warned: ALL,
    softFix: { what: 'unlocked by a person on the host' },
    next: { finding: 'stopped', advised: 'start' },
  },
  'locked-by-task': {
    finding: 'busy',
    advised: null,
    warned: ALL,
    softFix: { what: 'waited for the end of the task' },
  },
  'dead-sshd': {
    finding: 'guest-network-or-sshd',
    advised: null,
    warned: HARD,
    softFix: { what: "sshd started at the VM's console" },
  },
  'dead-guest-agent': {
    finding: 'nothing-wrong-found',
    advised: null,
    warned: HARD,
    softFix: {
      what: 'agent started over SSH',
      command:
        'setsid /sbin/rc.guest-agent </dev/null >/dev/console 2>&1 & sleep 1; test -d /proc/$(cat /run/guest-agent.pid)',
    },
  },
  // A guest that is alive: what it writes says so, and no verb is advised however silent SSH and agent are.
  'network-down': {
    finding: 'guest-network-or-sshd',
    advised: null,
    warned: HARD,
    softFix: { what: "its network brought up at the VM's console" },
  },
  'memory-thrash': { finding: 'memory-thrash', advised: 'reset', warned: [] },
  'disk-full': {
    finding: 'nothing-wrong-found',
    advised: null,
    warned: HARD,
    softFix: {
      what: '`rm` of the log over SSH',
      command: 'rm /data/log/debug.log && sleep 3 && grep -qx ok /run/app.state',
    },
  },
  paused: {
    finding: 'paused',
    advised: null,
    warned: HARD,
    softFix: { what: '`qm resume` by a person on the host' },
  },
};

export interface DrillRow {
  readonly fault: FaultName;
  readonly finding: string;
  readonly confidence: number;
  readonly advised: string;
  readonly warned: readonly string[];
  /** Warned verbs that were asked for and refused. */
  readonly refused: number;
  readonly cure: string;
  readonly outcome: string;
  readonly attempts: number;
  /** From the fault to its name. */
  readonly namedS: number;
  /** From the begin of the cure until SSH answers. */
  readonly answersS: number;
  readonly evidence: string;
}

/** A fault needs some seconds to be seen: the guest has to write, the agent to be missed. */
const BETWEEN_MS = 2_000;
/** Against a hang, on a machine that has eight other things to do. How long it took is told, and is no claim. */
const NAMED_MS = 300_000;
const OPERATION_MS = 900_000;
const ANSWERS_MS = 300_000;

class DrillError extends Error {}

const secondsSince = (from: number): number => Math.round((performance.now() - from) / 100) / 10;

/** The house's VM must be well; afterwards it is again. */
export async function runDrill(
  house: QemuHouse,
  fault: FaultName,
  say: (line: string) => void = () => undefined,
): Promise<DrillRow> {
  if (house.kind !== machineFor(fault))
    throw new DrillError(`${fault} needs the ${machineFor(fault)} machine`);
  const expected = EXPECTED[fault];
  const target = createTarget(house);
  await target.answers();
  const pidBefore = house.host.machine.pid();
  await house.host.inject(fault);

  const injected = performance.now();
  const { report, attempts } = await target.named(expected, say);
  const namedS = secondsSince(injected);
  const { finding } = report;
  say(`${fault}: ${finding.code} after ${namedS} s (${attempts}): ${finding.summary}`);
  demand(
    finding.advised === expected.advised && sameSet(finding.warned, expected.warned),
    `advised ${finding.advised}, warned of ${finding.warned.join()}`,
  );
  for (const verb of expected.warned) await target.refuses(verb, finding.code);

  const begun = performance.now();
  const cures: string[] = [];
  if (expected.softFix !== undefined) {
    const { what, command } = expected.softFix;
    cures.push(what);
    if (command === undefined) await house.host.heal();
    else await target.repair(command);
  }
  if (expected.next !== undefined) {
    const next = await target.named(expected.next, say);
    demand(next.report.finding.advised === expected.next.advised, 'the second finding advises otherwise');
  }
  const verb = expected.advised ?? expected.next?.advised;
  const operation = verb === undefined ? undefined : await target.run(verb);
  if (verb !== undefined) cures.push(`**${verb}**`);
  const answeredAt = await target.answers();
  const answersS = Math.round((answeredAt - begun) / 100) / 10;
  demand(
    operation === undefined || (operation.state === 'succeeded' && operation.outcome?.ssh_answers === true),
    `${verb} ended ${operation?.state}: ${operation?.outcome?.summary}\n${operation?.result?.stdout}`,
  );
  const fresh = house.host.machine.pid() !== pidBefore;
  demand(
    fresh === (verb === 'cycle' || fault === 'stopped' || fault === 'locked'),
    'not the expected process',
  );
  const evidence = expected.stood === undefined ? '' : await target.evidenceOf(operation, expected.stood);
  await house.host.heal().catch(() => undefined); // a cause that outlives its cure, as a slow disk
  return {
    fault,
    finding: finding.code,
    confidence: finding.confidence,
    advised: finding.advised ?? 'none',
    warned: finding.warned,
    refused: expected.warned.length,
    cure: cures.join(', then '),
    outcome: operation?.outcome?.summary ?? 'VM running, SSH answers.',
    attempts,
    namedS,
    answersS,
    evidence,
  };
}

function demand(holds: boolean, otherwise: string): asserts holds {
  if (!holds) throw new DrillError(otherwise);
}

const sameSet = (a: readonly string[], b: readonly string[]): boolean =>
  a.toSorted().join() === b.toSorted().join();

/** The VM as seen through the console's API. */
function createTarget(house: QemuHouse) {
  const ask = async <T>(
    method: string,
    url: string,
    body?: unknown,
  ): Promise<{ status: number; json: T }> => {
    const answer = await house.call(method, url, body);
    return { status: answer.status, json: (await answer.json()) as T };
  };
  const hostLog = (): string =>
    readFileSync(path.join(house.host.machine.dir, 'log/breakglass-pve.log'), 'utf8');
  const verbsRun = (verb: string): number =>
    hostLog()
      .split('\n')
      .filter((line) => new RegExp(`\\b${verb}\\b`).test(line)).length;

  return {
    /** As an operator would: where two seconds cannot decide, the longer look is taken. */
    async named(
      { finding: code, advised }: Pick<Expected, 'finding' | 'advised'>,
      say: (line: string) => void,
    ): Promise<{ report: TriageReport; attempts: number }> {
      let last: TriageReport | undefined;
      const until = performance.now() + NAMED_MS;
      for (let attempts = 1; performance.now() < until; attempts += 1) {
        const longer = last?.longer_look !== undefined;
        const { json } = await ask<TriageReport>('POST', '/api/targets/devvm/triage', { longer });
        last = json;
        if (json.finding?.code === code && json.finding.advised === advised)
          return { report: json, attempts };
        say(`attempt ${attempts}: ${JSON.stringify(json.finding ?? json)}`);
        await sleep(BETWEEN_MS);
      }
      throw new DrillError(`triage did not find ${code}, but: ${JSON.stringify(last, null, 1)}`);
    },

    /** 409, naming the finding, and nothing reaches the host. */
    async refuses(verb: MutatingVerb, code: string): Promise<void> {
      const before = verbsRun(verb);
      const { status, json } = await ask<Record<string, unknown>>('POST', `/api/targets/devvm/power/${verb}`);
      demand(
        status === 409 && json['code'] === 'contradicts-finding' && json['contradiction'] === code,
        `${verb} was not refused for ${code}, but: ${status} ${JSON.stringify(json)}`,
      );
      demand(String(json['detail']).includes(code), `the refusal of ${verb} does not name the finding`);
      const state = await ask<TargetState>('GET', '/api/targets/devvm');
      demand(state.json.operation === null && verbsRun(verb) === before, `${verb} ran although refused`);
    },

    /** With the second press where it is asked for: what is advised must not need one. */
    async run(verb: MutatingVerb): Promise<Operation> {
      const { status, json } = await ask<Operation>('POST', `/api/targets/devvm/power/${verb}`);
      demand(status === 202, `${verb} was not begun: ${status} ${JSON.stringify(json)}`);
      const until = performance.now() + OPERATION_MS;
      for (;;) {
        const { json: now } = await ask<Operation>('GET', `/api/operations/${json.id}`);
        if (now.finished_at !== undefined) return now;
        demand(performance.now() < until, `${verb} has not ended: ${JSON.stringify(now)}`);
        await sleep(250);
      }
    },

    /** -> when it was. */
    async answers(): Promise<number> {
      const until = performance.now() + ANSWERS_MS;
      let last: TargetState | undefined;
      while (performance.now() < until) {
        const asked = new Date().toISOString();
        last = (await ask<TargetState>('GET', '/api/targets/devvm')).json;
        // A reading from before may be older than the cure.
        if (last.ssh.answers === true && (last.ssh.at ?? '') >= asked && last.vm.state === 'running')
          return performance.now();
        await sleep(500);
      }
      throw new DrillError(`SSH does not answer: ${JSON.stringify(last)}\n${house.log().slice(-2_000)}`);
    },

    async repair(command: string): Promise<void> {
      const { privateKey, vmPort: port } = house;
      const said = await sshExec({ port, username: 'breakglass', privateKey, command });
      demand(said.code === 0, `the repair failed: ${said.code} ${said.stdout}${said.stderr}`);
    },

    /** The bundle of the verb: fetched, whole, from before the stop, with what the rule saw, the screen and the backtrace. */
    async evidenceOf(operation: Operation | undefined, stood: readonly RegExp[]): Promise<string> {
      const id = operation?.evidence_id;
      demand(id !== undefined, 'the operation has no evidence');
      const { json: record } = await ask<EvidenceRecord>('GET', `/api/evidence/${id}`);
      demand(record.status === 'complete', `the evidence is ${record.status}: ${record.why}`);
      const stop = operation?.steps.find(({ name }) => name === 'stop');
      const [began, ended] = [record.manifest?.began_at ?? '', record.manifest?.ended_at ?? ''];
      demand(
        stop !== undefined &&
          Date.parse(began) < Date.parse(ended) &&
          Date.parse(ended) <= Date.parse(stop.at),
        `captured ${began} to ${ended}, stopped ${stop?.at}`,
      );
      for (const pattern of stood)
        demand(
          record.samples.some(({ name, still }) => still && pattern.test(name)),
          `nothing that stands still is ${pattern}: ${JSON.stringify(record.samples)}`,
        );
      const inUse = record.samples.filter(({ name }) => /^virtio\d+ queue \d+: requests in use$/.test(name));
      demand(
        inUse.length === 0 || inUse.some(({ a, b }) => Number(a) > 0 && Number(b) > 0),
        'no request of the queue is in use in both samples',
      );
      const backtrace = record.sections.find(({ name }) => name === 'gdb.txt')?.text ?? '';
      demand(/^Thread \d+ [\s\S]*^#0 /m.test(backtrace), `no backtrace: ${backtrace.slice(0, 500)}`);
      const picture = await house.call('GET', `/api/evidence/${id}/screen.png`);
      const { width, height } = pngSize(Buffer.from(await picture.arrayBuffer()));
      demand(width >= 320 && height >= 200 && width <= 4_096, `a picture of ${width} × ${height}`);
      const frames = backtrace.match(/^#\d+ /gm)?.length ?? 0;
      return `complete, ended ${Date.parse(stop.at) - Date.parse(ended)} ms before the stop; ${record.report.finding.code}; screen ${width} × ${height}; ${frames} frames of backtrace`;
    },
  };
}

/** https://www.w3.org/TR/png-3/#11IHDR */
function pngSize(png: Buffer): { width: number; height: number } {
  demand(png.subarray(0, 8).toString('latin1') === '\x89PNG\r\n\x1a\n', 'the picture is no PNG');
  return { width: png.readUInt32BE(16), height: png.readUInt32BE(20) };
}
