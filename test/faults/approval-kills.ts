// Kills the console at random moments while a question waits, is answered, and runs, and compares what was said yes to with what ran in
// the VM, which lives on. The test runs a seeded slice, the benchmark a long series.
import { setTimeout as sleep } from 'node:timers/promises';
import { answer, startScriptedModel, text, toolUse } from '../../lab/model/scripted.ts';
import { healthy } from '../../lab/scenarios/healthy.ts';
import { type House, startHouse } from '../support/house.ts';
import { inVm } from '../support/in-vm.ts';
import { oneOf, random } from '../support/random.ts';
import type { SeenEvent } from '../support/sse-reader.ts';
import { replay, Viewer } from '../support/viewer.ts';
import { until } from '../support/wait-for.ts';

export interface ApprovalKillReport {
  readonly kills: number;
  /** Kills before anybody had answered; after a yes was sent; while what was approved ran or after it. */
  readonly whileWaiting: number;
  readonly whileAnswering: number;
  readonly afterYes: number;
  /** Changes in the VM without a yes that had been sent, or that is not in the journal. */
  readonly withoutYes: number;
  readonly twice: number;
  /** Answers that were acknowledged and are not in the journal. */
  readonly lostAnswers: number;
  /** Questions that do not have exactly one end; calls that do not have exactly one result. */
  readonly badEnds: number;
  readonly ran: number;
}

type Said = 'nothing' | 'approve' | 'deny';

interface Round {
  readonly tag: string;
  readonly session: string;
  readonly said: Said;
  /** Whether the server said that the answer counts, before it died. */
  readonly acknowledged: boolean;
}

const FILE = '/home/breakglass/ran.log';
/** The kill comes within this time after what it aims at. What was approved takes 0.3 s. */
const SPREAD_MS = 1_500;

export async function approvalKillSeries(kills: number, seed: number): Promise<ApprovalKillReport> {
  const next = random(seed);
  const model = await startScriptedModel(({ messages }) => {
    // After a restart Claude Code closes the call of the dead turn in the same message as the new prompt.
    const blocks = messages.flatMap(({ role, content }) => (role === 'user' ? content : []));
    const at = blocks.findLastIndex((block) => block.type === 'text' && /^round-\d+$/.test(block.text));
    if (blocks.slice(at + 1).some(({ type }) => type === 'tool_result')) return answer(text('Done.'));
    const prompt = blocks[at];
    const tag = prompt?.type === 'text' ? prompt.text : 'unknown';
    return answer(
      text('I change it.'),
      toolUse('mcp__breakglass__ssh', {
        host: 'devvm',
        account: 'repair',
        command: `echo ${tag} >> ${FILE}; sleep 0.3`,
      }),
    );
  });
  const house = await startHouse({
    scenario: healthy(),
    modelUrl: model.url,
    env: { BREAKGLASS_POLICY: 'ask' },
  });
  const rounds: Round[] = [];
  try {
    await inVm(house, `: > ${FILE}`);
    let session = '';
    for (let each = 0; each < kills; each++) {
      if (each % 5 === 0) session = await house.newSession();
      rounds.push(await playRound(house, session, `round-${each}`, next));
      await house.start();
    }
    return await judge(house, rounds);
  } finally {
    await house.close();
    await model.close();
  }
}

async function playRound(house: House, session: string, tag: string, next: () => number): Promise<Round> {
  const viewer = new Viewer(house, session);
  await viewer.until('the replay', ({ caughtUp }) => caughtUp);
  const before = viewer.count('approval_requested');
  await house.call('POST', `/api/session/${session}/prompt`, { prompt: tag });
  await viewer.until('the question', (now) => now.count('approval_requested') > before);
  const question = viewer.events.findLast(({ kind }) => kind === 'approval_requested');
  const said = oneOf<Said>(next, ['nothing', 'approve', 'approve', 'approve', 'deny']);
  const waitMs = next() * SPREAD_MS;
  const answered =
    said === 'nothing'
      ? Promise.resolve(false)
      : house
          .call('POST', `/api/session/${session}/approvals/${String(question?.['approval_id'])}`, {
            answer: said,
          })
          .then(
            ({ status }) => status === 200,
            () => false,
          );
  // One in three is killed with the answer on its way.
  await sleep(said !== 'nothing' && next() < 1 / 3 ? next() * 8 : waitMs);
  await house.kill();
  await viewer.close();
  return { tag, session, said, acknowledged: await answered };
}

async function judge(house: House, rounds: readonly Round[]): Promise<ApprovalKillReport> {
  const report = {
    kills: rounds.length,
    whileWaiting: 0,
    whileAnswering: 0,
    afterYes: 0,
    withoutYes: 0,
    twice: 0,
    lostAnswers: 0,
    badEnds: 0,
    ran: 0,
  };
  const events = new Map<string, readonly SeenEvent[]>();
  for (const { session } of rounds)
    if (!events.has(session)) events.set(session, await replay(house, session));
  // What was running when the console died runs to its end in the VM.
  const lines = await until('the end of what ran', async () => {
    const sleeping = await inVm(house, 'pgrep -c sleep || true');
    return sleeping === '0' || sleeping === '' ? (await inVm(house, `cat ${FILE}`)).split('\n') : undefined;
  });
  for (const { tag, session, said, acknowledged } of rounds) {
    const all = events.get(session) ?? [];
    const call = all.find(
      (event) => event.kind === 'tool' && JSON.stringify(event['input']).includes(`${tag} `),
    );
    const ofCall = all.filter((event) => event['tool_call_id'] === call?.['tool_call_id']);
    const question = ofCall.find(({ kind }) => kind === 'approval_requested');
    const ends = all.filter(
      (event) => event.kind === 'approval_resolved' && event['approval_id'] === question?.['approval_id'],
    );
    const [end] = ends;
    const ran = lines.filter((line) => line === tag).length;
    report.ran += ran;
    if (said === 'nothing') report.whileWaiting++;
    else if (!acknowledged) report.whileAnswering++;
    else if (said === 'approve') report.afterYes++;
    if (ran > 0 && (said !== 'approve' || end?.['answer'] !== 'approved')) report.withoutYes++;
    if (ran > 1) report.twice++;
    if (acknowledged && end?.['answer'] !== (said === 'approve' ? 'approved' : 'denied'))
      report.lostAnswers++;
    if (ends.length !== 1 || ofCall.filter(({ kind }) => kind === 'tool_result').length !== 1)
      report.badEnds++;
  }
  return report;
}
