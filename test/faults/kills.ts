// Kills the console at random moments of live turns and compares what clients saw with what is there afterwards. The test
// runs a seeded slice, the benchmark a long series.
import { setTimeout as sleep } from 'node:timers/promises';
import { type AnswerBlock, answer, startScriptedModel, text, toolUse } from '../../lab/model/scripted.ts';
import { startHouse } from '../support/house.ts';
import { markedProcesses } from '../support/processes.ts';
import { random } from '../support/random.ts';
import type { SeenEvent } from '../support/sse-reader.ts';
import { replay, Viewer } from '../support/viewer.ts';

export interface KillReport {
  readonly kills: number;
  /** Kills that hit a turn in the middle of a tool call. */
  readonly inToolCall: number;
  readonly eventsSeen: number;
  readonly lost: number;
  readonly changed: number;
  readonly doubled: number;
  readonly badEnds: number;
  readonly orphans: number;
  /** Milliseconds from the start of the process until /health answered. */
  readonly readyMs: readonly number[];
}

/** What a client sees of one turn, running text and output included: a random one of these is the last before the kill. */
const SEEN_OF_A_TURN = 20;
/** Pieces of output come so far apart: the kill is somewhere between two of them. */
const BETWEEN_PIECES_MS = 100;

export async function killSeries(kills: number, seed: number): Promise<KillReport> {
  const next = random(seed);
  // Text, a command that takes a moment, text again: every stage of a turn is wide enough to be hit.
  const model = await startScriptedModel((request) => {
    const last = request.messages.at(-1);
    const afterTool =
      Array.isArray(last?.content) && last.content.some((block) => block.type === 'tool_result');
    const blocks: AnswerBlock[] = afterTool
      ? [text('The disk is fine.')]
      : [
          text('Let me look. '.repeat(20)),
          toolUse('mcp__breakglass__ssh', {
            host: 'devvm',
            command: 'for i in 1 2 3 4 5 6 7 8; do echo line $i; sleep 0.1; done',
          }),
        ];
    return answer(...blocks);
  });
  const house = await startHouse({ modelUrl: model.url });
  const report = {
    kills,
    inToolCall: 0,
    eventsSeen: 0,
    lost: 0,
    changed: 0,
    doubled: 0,
    badEnds: 0,
    orphans: 0,
    readyMs: [] as number[],
  };
  try {
    let session = await house.newSession();
    for (let round = 0; round < kills; round++) {
      if (round % 5 === 0) session = await house.newSession();
      const viewer = new Viewer(house, session);
      await viewer.until('the replay', ({ caughtUp }) => caughtUp);
      const ended = viewer.count('turn_end');
      const last = viewer.seen + Math.floor(next() * SEEN_OF_A_TURN);
      await house.call('POST', `/api/session/${session}/prompt`, { prompt: `round ${round}` });
      await viewer.until(
        'the moment of the kill',
        (now) => now.seen >= last || now.count('turn_end') > ended,
      );
      await sleep(next() * BETWEEN_PIECES_MS);
      const dead = house.pid();
      await house.kill();
      await viewer.close();
      const seen = viewer.events;
      if (
        seen.findLastIndex(({ kind }) => kind === 'tool') >
        seen.findLastIndex(({ kind }) => kind === 'tool_result' || kind === 'turn_end')
      )
        report.inToolCall++;
      report.readyMs.push(await house.start());
      report.orphans += markedProcesses(house.dataDir).filter(({ owner }) => owner === dead).length;
      compare(seen, await replay(house, session), report);
    }
  } finally {
    await house.close();
    await model.close();
  }
  return report;
}

function compare(
  seen: readonly SeenEvent[],
  now: readonly SeenEvent[],
  report: { eventsSeen: number; lost: number; changed: number; doubled: number; badEnds: number },
): void {
  const byId = new Map(now.map((event) => [event.id, event]));
  report.doubled += now.length - byId.size;
  report.eventsSeen += seen.length;
  for (const event of seen) {
    const kept = byId.get(event.id);
    if (kept === undefined) report.lost++;
    else if (JSON.stringify(kept) !== JSON.stringify(event)) report.changed++;
  }
  // Every turn ends exactly once, whatever happened, and `interrupted` comes right before that end if at all.
  for (const { turn_id } of now.filter(({ kind }) => kind === 'user')) {
    const turn = now.filter((event) => event['turn_id'] === turn_id);
    const ends = turn.filter(({ kind }) => kind === 'turn_end').length;
    const interrupted = turn.filter(({ kind }) => kind === 'interrupted').length;
    if (ends !== 1 || interrupted > 1 || turn.at(-1)?.kind !== 'turn_end') report.badEnds++;
  }
}
