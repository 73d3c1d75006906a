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
import type { Finding, TriageReport } from '../../protocol/triage.ts';
import type { MutatingVerb } from '../../protocol/verbs.ts';
import type { QemuHouse } from '../support/qemu-house.ts';
import { capturedBeforeStop, DrillError, demand, stalledEvidence, wedgedEvidence } from './drill-evidence.ts';
import { EXPECTED, type Expected, type ExpectedEvidence } from './expected-findings.ts';

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
  if (expected.staged !== undefined) house.host.machine.stage(expected.staged);
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
  for (const said of expected.says ?? [])
    demand(said.test(finding.summary), `the summary does not say ${said}: ${finding.summary}`);
  for (const verb of expected.warned) await target.refuses(verb, finding);

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
  const evidence =
    expected.evidence === undefined ? '' : await target.evidenceOf(operation, expected.evidence);
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

    /**
     * 409, naming the finding, and nothing reaches the host. A VM that no verb helps may have got another name since, of which the
     * verb is warned as well: that its SSH takes seconds, say.
     */
    async refuses(verb: MutatingVerb, { code, advised }: Finding): Promise<void> {
      const before = verbsRun(verb);
      const { status, json } = await ask<Record<string, unknown>>('POST', `/api/targets/devvm/power/${verb}`);
      const against = String(json['contradiction']);
      demand(
        status === 409 && json['code'] === 'contradicts-finding' && (advised === null || against === code),
        `${verb} was not refused for ${code}, but: ${status} ${JSON.stringify(json)}`,
      );
      demand(String(json['detail']).includes(against), `the refusal of ${verb} does not name the finding`);
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

    /** The bundle of the verb, and its picture where it has one. */
    async evidenceOf(operation: Operation | undefined, expected: ExpectedEvidence): Promise<string> {
      const id = operation?.evidence_id;
      demand(operation !== undefined && id !== undefined, 'the operation has no evidence');
      const { json: record } = await ask<EvidenceRecord>('GET', `/api/evidence/${id}`);
      const beforeStop = capturedBeforeStop(record, operation);
      switch (expected.kind) {
        case 'stalled': {
          const picture = await house.call('GET', `/api/evidence/${id}/screen.png`);
          const screen = Buffer.from(await picture.arrayBuffer());
          return `${beforeStop}; ${stalledEvidence(record, expected.stood, screen)}`;
        }
        case 'wedged':
          return `${beforeStop}; ${wedgedEvidence(record, expected.kept)}`;
        default:
          return expected satisfies never;
      }
    },
  };
}
