// With a small program in the console's place: what a supervisor must do does not depend on what it supervises.
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { tempDir } from '../test/support/temp-dir.ts';
import { until } from '../test/support/wait-for.ts';
import { startConsole } from './console-process.ts';

function supervised(program: string) {
  vi.spyOn(console, 'log').mockImplementation(() => {});
  const dir = tempDir();
  const starts = path.join(dir, 'starts');
  const main = path.join(dir, 'main.mjs');
  writeFileSync(starts, '');
  writeFileSync(
    main,
    `import { appendFileSync } from 'node:fs';
     appendFileSync(${JSON.stringify(starts)}, (process.env.BREAKGLASS_PORT ?? '-') + '\\n');
     ${program}`,
  );
  const { promise: gaveUp, resolve } = Promise.withResolvers<number>();
  const pauses: number[] = [];
  // A test waits for no pause: it looks how long they would have been.
  const pause = async (ms: number): Promise<void> => void pauses.push(ms);
  const supervisor = startConsole({ PATH: process.env['PATH'] ?? '' }, resolve, main, pause);
  onTestFinished(() => supervisor.stop());
  return {
    ...supervisor,
    gaveUp,
    pauses,
    /** The port that each start was asked for. */
    starts: () => readFileSync(starts, 'utf8').trim().split('\n'),
  };
}

test.each([1, 2, 7])(
  'a console that never listened is not started again, and its exit code %i is told',
  async (code) => {
    const { gaveUp, starts } = supervised(`setTimeout(() => process.exit(${code}), 1_200);`);
    expect(await gaveUp).toBe(code);
    expect(starts()).toHaveLength(1);
  },
);

test('the address is what the console says, and the next one is asked for the same port', async () => {
  const { ready, starts } = supervised(`
    process.send({ ready: 'https://127.0.0.1:4711' });
    setTimeout(() => process.exit(3), 50);`);
  expect(await ready).toEqual({ ready: 'https://127.0.0.1:4711' });
  await until('the second start', () => starts().length > 2);
  expect(starts().slice(0, 3)).toEqual(['-', '4711', '4711']);
});

test('one that dies again and again is started at a falling rate', async () => {
  const { pauses } = supervised(`process.send({ ready: 'http://127.0.0.1:1' }, () => process.exit(1));`);
  await until('eight deaths', () => pauses.length >= 8);
  expect(pauses.slice(0, 8)).toEqual([0, 500, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000]);
});
