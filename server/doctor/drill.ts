// A drill: the way of a night walked on the real target, step by step, up to the verb that would change it, which is never pressed. Each step
// is what a person would do, by the same way.
import type { Drill, DrillStep, Examination } from '../../protocol/doctor.ts';
import type { TargetName } from '../../protocol/ids.ts';
import type { Actor, Operation } from '../../protocol/operations.ts';
import type { Journal } from '../journal/port.ts';
import type { Notify } from '../notify/notify.ts';
import { lastLine } from '../ssh/failure.ts';
import type { Target } from '../targets/target.ts';
import { reasonOf } from './link.ts';

export interface DrillParts {
  readonly examine: (by: Actor, target: TargetName) => Promise<Examination>;
  /** Undefined in power-only mode. */
  readonly notify: Pick<Notify, 'channels' | 'test' | 'push'> | undefined;
  readonly journal: Pick<Journal, 'append'> | undefined;
  readonly onNotRecorded: (error: unknown) => void;
  readonly now?: () => number;
}

export interface Drills {
  /** Whoever asks while one of the target is under way gets its result. Never rejects: a step that fails is told. */
  drill(target: Target, by: Actor): Promise<Drill>;
}

/** A capture is allowed two minutes by the host itself; the answer of a status 20 s. */
const FORENSICS_LIMIT_MS = 180_000;
const STATUS_LIMIT_MS = 25_000;

interface Done {
  readonly ok: boolean;
  readonly detail: string;
}

export function createDrills(parts: DrillParts): Drills {
  const underWay = new Map<TargetName, Promise<Drill>>();
  const { now = Date.now } = parts;

  async function drill(target: Target, by: Actor): Promise<Drill> {
    const at = new Date(now()).toISOString();
    const steps: DrillStep[] = [];
    const step = async (name: DrillStep['name'], run: () => Promise<Done>): Promise<void> => {
      const startedAt = performance.now();
      const { ok, detail } = await run().catch(
        (error: unknown): Done => ({ ok: false, detail: reasonOf(error) }),
      );
      steps.push({ name, ok, took_ms: Math.round(performance.now() - startedAt), detail });
    };
    let captured: Operation | undefined;
    await step('links', async () => linksOf(await parts.examine(by, target.name)));
    await step('status', async () => verbEnd(await press(target, 'status', by, STATUS_LIMIT_MS)));
    await step('triage', async () => {
      const { finding } = await target.diagnosis.triage({ by });
      return { ok: true, detail: `${finding.summary} (${finding.code})` };
    });
    await step('forensics', async () => {
      captured = await press(target, 'forensics', by, FORENSICS_LIMIT_MS);
      return verbEnd(captured);
    });
    await step('evidence', async () => evidenceOf(target, captured));
    await step('notification', () => notified(parts.notify));
    const id = captured?.evidence_id;
    const ended = {
      ok: steps.every(({ ok }) => ok),
      steps,
      ...(id === undefined ? {} : { evidence_id: id }),
    };
    await parts.journal
      ?.append([{ kind: 'drilled', ...ended, actor: by, target: target.name }])
      .catch(parts.onNotRecorded);
    return { at, by, target: target.name, ...ended };
  }

  return {
    drill(target, by) {
      const other = underWay.get(target.name);
      if (other !== undefined) return other;
      const own = drill(target, by).finally(() => underWay.delete(target.name));
      underWay.set(target.name, own);
      return own;
    },
  };
}

/** Only the two verbs that change nothing can be named here. */
async function press(
  target: Target,
  verb: 'status' | 'forensics',
  by: Actor,
  limitMs: number,
): Promise<Operation> {
  const operation = await target.press.press({
    verb,
    by,
    session: undefined,
    permission: { type: 'person' },
    applies: { type: 'refused' },
    secondPress: { type: 'not-asked' },
    once: { type: 'no-key' },
  });
  return target.power.wait(operation.id, limitMs);
}

function verbEnd({ verb, state, outcome, result }: Operation): Done {
  const said = outcome?.summary ?? (result === undefined ? undefined : lastLine(result.stderr));
  if (state === 'succeeded') return { ok: true, detail: said || `${verb} is done.` };
  if (state === 'running') return { ok: false, detail: `${verb} has not ended yet; it goes on.` };
  return { ok: false, detail: said || `${verb} ended as ${state}.` };
}

function linksOf({ links, count }: Examination): Done {
  const broken = links.filter(({ state }) => state === 'broken').map(({ code }) => code);
  return broken.length === 0
    ? { ok: true, detail: `${count.works} links work, ${count.doubtful} are doubtful, none is broken.` }
    : { ok: false, detail: `Broken: ${broken.join(', ')}.` };
}

async function evidenceOf(target: Target, captured: Operation | undefined): Promise<Done> {
  const id = captured?.evidence_id;
  if (id === undefined) return { ok: false, detail: 'The capture brought no evidence here.' };
  const record = await target.evidence.read(id);
  if (record === undefined)
    return { ok: false, detail: `${id} was captured, and is not kept here: the power host has it.` };
  return record.status === 'complete'
    ? { ok: true, detail: `${id} came whole and was read: ${record.summary}` }
    : { ok: false, detail: `${id} did not come whole: ${record.why ?? 'the reason is not known.'}` };
}

async function notified(notify: DrillParts['notify']): Promise<Done> {
  if (notify === undefined)
    return { ok: false, detail: 'Nobody is notified while the journal is not available.' };
  const channels = notify
    .channels()
    .filter(({ name, on }) => on && (name !== 'push' || notify.push.devices().length > 0));
  if (channels.length === 0)
    return { ok: true, detail: 'No channel is set up: nobody would be told who does not look.' };
  const tests = await Promise.all(
    channels.map(async ({ name }) => ({ name, ...(await notify.test(name, undefined)) })),
  );
  return {
    ok: tests.every(({ result }) => result === 'sent'),
    detail: tests.map(({ name, result, detail }) => `${name}: ${result}. ${detail}`).join(' '),
  };
}
