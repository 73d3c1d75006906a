import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { tempDir } from '../../test/support/temp-dir.ts';
import { checkJournalLater } from './check-later.ts';
import { openJournal } from './sqlite.ts';

const logger = pino({ level: 'silent' });
const note = (text: string) => ({ kind: 'note', text, actor: { type: 'server', name: 'test' } }) as const;

test('a large journal is checked while it is written, and a whole one gives no warning', async () => {
  const dir = tempDir();
  const journal = openJournal(dir);
  await journal.append([note('x'.repeat(100_000))]);
  const check = checkJournalLater(dir, logger, 0);
  await journal.append([note('meanwhile')]);
  expect(await check.done).toBe(true);
  expect(check.warnings()).toEqual([]);
  await journal.close();
});

test('one that was checked at the start already is not checked again', async () => {
  const dir = tempDir();
  await openJournal(dir).close();
  expect(await checkJournalLater(dir, logger).done).toBe(false);
});

test('damage is a warning that names the file and what to do', async () => {
  const dir = tempDir();
  const journal = openJournal(dir);
  await journal.append(Array.from({ length: 200 }, () => note('x'.repeat(1_000))));
  await journal.close();
  const file = path.join(dir, 'journal.sqlite');
  const bytes = readFileSync(file);
  bytes.fill(0x5a, bytes.length - 3 * 4096 + 8, bytes.length - 4096);
  writeFileSync(file, bytes);
  const check = checkJournalLater(dir, logger, 0);
  await check.done;
  expect(check.warnings()).toEqual([
    expect.stringMatching(new RegExp(`^The journal ${file} is damaged: .*restore`)),
  ]);
});
