// What is tried before it is needed: `breakglass drill` and `breakglass notify test`.
import type { Drill } from '../protocol/doctor.ts';
import type { Notifications, NotificationTest } from '../protocol/notifications.ts';
import { visibleJson, visibleLine } from '../protocol/visible-text.ts';
import { columns } from './columns.ts';
import { ask, type ConsoleAddress, get } from './console-client.ts';
import { targetOr, targetPath } from './default-target.ts';
import { CliError, EXIT } from './failure.ts';
import type { Room } from './surroundings.ts';

/** It captures evidence, which alone may take minutes. */
const DRILL_MS = 600_000;
const TEST_MS = 30_000;

/** Resolves with the exit code: 1 where a step failed. */
export async function drill(
  address: ConsoleAddress,
  { target, json }: { readonly target: string | undefined; readonly json: boolean },
  { print, talk }: Pick<Room, 'print' | 'talk'>,
): Promise<number> {
  const name = await targetOr(address, target);
  talk(`Walking the way of a night on ${name}. Evidence is captured; nothing else is changed.`);
  const walked = await ask<Drill>(address, 'POST', `${targetPath(name)}/drill`, {}, { limitMs: DRILL_MS });
  if (json) print(visibleJson(walked));
  else {
    const rows = walked.steps.map(({ name: step, ok, took_ms, detail }) => [
      step,
      ok ? 'ok' : 'failed',
      `${(took_ms / 1_000).toFixed(1)} s`,
      detail,
    ]);
    const [head = '', ...lines] = columns(['STEP', 'RESULT', 'TOOK', 'WHAT WAS SEEN'], rows);
    print(head);
    for (const [index, line] of lines.entries())
      print(
        line,
        walked.steps[index]?.ok === true ? { word: 'ok', tone: 'good' } : { word: 'failed', tone: 'bad' },
      );
    if (walked.evidence_id !== undefined) print(`evidence: ${walked.evidence_id}`);
  }
  return walked.ok ? 0 : EXIT.failed;
}

/** One channel, or each that is set up. Resolves with the exit code: 1 where one did not arrive, or there is none. */
export async function notifyTest(
  address: ConsoleAddress,
  { channel, json }: { readonly channel: string | undefined; readonly json: boolean },
  { print }: Pick<Room, 'print'>,
): Promise<number> {
  const names = channel === undefined ? await channelsOf(address) : [channel];
  const results: (NotificationTest & { channel: string })[] = [];
  for (const name of names) {
    const result = await ask<NotificationTest>(
      address,
      'POST',
      '/api/notifications/test',
      { channel: name },
      { limitMs: TEST_MS },
    );
    results.push({ channel: name, ...result });
    if (!json)
      print(visibleLine(`${name} ${result.result}: ${result.detail}`), {
        word: result.result,
        tone: result.result === 'sent' ? 'good' : 'bad',
      });
  }
  if (json) print(visibleJson(results));
  return results.every(({ result }) => result === 'sent') ? 0 : EXIT.failed;
}

async function channelsOf(address: ConsoleAddress): Promise<string[]> {
  const { channels } = await get<Notifications>(address, '/api/notifications');
  const on = channels.filter((each) => each.on).map(({ name }) => name);
  if (on.length > 0) return on;
  throw new CliError('No channel is set up, so nobody would be told: see docs/notifications.md.');
}
