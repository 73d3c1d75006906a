// Backups of directories that are being written, and restores of whole, damaged and foreign ones.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, onTestFinished, test } from 'vitest';
import type { NewEvent } from '../../protocol/events.ts';
import {
  type EvidenceId,
  eventId,
  newOperationId,
  newSessionId,
  newTurnId,
  type TargetName,
} from '../../protocol/ids.ts';
import { tempDir } from '../../test/support/temp-dir.ts';
import { until } from '../../test/support/wait-for.ts';
import { openJournal } from '../journal/sqlite.ts';
import { DataDirInUse, lockDataDir } from '../processes/data-dir-lock.ts';
import { makeBackup } from './make-backup.ts';
import { restore } from './restore.ts';

const actor = { type: 'operator', name: 'ann' } as const;
const target = 'devvm' as TargetName;
const session_id = newSessionId();
const base = { actor, target, session_id };
const opened: NewEvent = { kind: 'session_opened', ...base };
const evidence = (id: string): NewEvent => ({
  kind: 'evidence',
  evidence_id: id as EvidenceId,
  verb: 'forensics',
  status: 'complete',
  summary: 'x',
  ...base,
});

async function events(dir: string) {
  const journal = openJournal(dir);
  try {
    return await journal.read({}, eventId(0), 1_000_000);
  } finally {
    await journal.close();
  }
}

/** A data directory of a console that is not running. */
async function house(more: readonly NewEvent[] = [], bundles: readonly string[] = ['b1']): Promise<string> {
  const dir = path.join(tempDir(), 'data');
  const journal = openJournal(dir);
  await journal.append([opened, ...bundles.map(evidence), ...more]);
  await journal.close();
  mkdirSync(path.join(dir, 'evidence/devvm'), { recursive: true });
  for (const id of bundles)
    for (const suffix of ['.json', '.tar.gz', '.summary'])
      writeFileSync(path.join(dir, 'evidence/devvm', id + suffix), `${id}${suffix}`);
  writeFileSync(path.join(dir, 'access.json'), '{"tokens":[]}', { mode: 0o644 });
  writeFileSync(path.join(dir, 'known_hosts'), 'h ssh-ed25519 AAAA');
  return dir;
}

test.each(['copy.tar', 'copy'])(
  '%s: what is backed up while a writer appends at full speed is whole and restored as it was',
  async (name) => {
    const dir = await house();
    const writer = spawn(
      process.execPath,
      [path.join(import.meta.dirname, '../journal/writer.fixture.ts'), dir],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    onTestFinished(() => void writer.kill('SIGKILL'));
    let said = '';
    writer.stdout.on('data', (data: Buffer) => {
      said += data.toString();
    });
    const acknowledged = (): number =>
      Number.parseInt(said.slice(0, said.lastIndexOf('\n')).split('\n').at(-1) ?? '', 10) || 0;
    await until('100 events', () => acknowledged() > 100);
    const before = acknowledged();
    const copy = path.join(tempDir(), name);
    await makeBackup(dir, copy);
    await until('events after the backup', () => acknowledged() > before + 10);
    const gone = new Promise((resolve) => writer.once('close', resolve));
    writer.kill('SIGKILL');
    await gone;

    const back = path.join(tempDir(), 'data');
    const { remarks } = await restore(copy, back);
    expect(remarks).toEqual([]);
    const [there, restored] = [await events(dir), await events(back)];
    expect(restored.length).toBeGreaterThanOrEqual(before);
    expect(restored.length).toBeLessThan(there.length);
    expect(restored).toEqual(there.slice(0, restored.length));
    for (const file of ['access.json', 'known_hosts', 'evidence/devvm/b1.tar.gz'])
      expect(readFileSync(path.join(back, file))).toEqual(readFileSync(path.join(dir, file)));
    expect(statSync(path.join(back, 'access.json')).mode & 0o777).toBe(0o600);
    expect(statSync(back).mode & 0o777).toBe(0o700);
    expect(readdirSync(back).toSorted()).toEqual([
      'access.json',
      'evidence',
      'journal.sqlite',
      'known_hosts',
    ]);
  },
);

test('a backup holds no socket, no link, no lock, no secret and no half of a file, and nobody else may read it', async () => {
  const dir = await house();
  const lock = lockDataDir(dir);
  onTestFinished(() => lock.release());
  writeFileSync(path.join(dir, 'access-token'), 'secret');
  symlinkSync('/etc/passwd', path.join(dir, 'link'));
  writeFileSync(path.join(dir, 'evidence/devvm', `.${crypto.randomUUID()}`), 'half');
  const copy = path.join(tempDir(), 'copy');
  await makeBackup(dir, copy);
  expect(readdirSync(copy, { recursive: true, encoding: 'utf8' }).toSorted()).toEqual(
    ['access.json', 'backup.json', 'evidence', 'evidence/devvm', 'journal.sqlite', 'known_hosts']
      .concat(['.json', '.summary', '.tar.gz'].map((suffix) => `evidence/devvm/b1${suffix}`))
      .toSorted(),
  );
  const tar = path.join(tempDir(), 'copy.tar');
  await makeBackup(dir, tar);
  for (const file of [tar, path.join(copy, 'journal.sqlite'), path.join(copy, 'access.json')])
    expect(statSync(file).mode & 0o077).toBe(0);
});

test('a backup replaces nothing, and is not made inside what it copies or of a directory without a journal', async () => {
  const dir = await house();
  const used = tempDir();
  writeFileSync(path.join(used, 'mine'), '');
  for (const [from, to, why] of [
    [dir, used, /exists already/],
    [dir, path.join(used, 'mine'), /exists already/],
    [dir, path.join(dir, 'copy'), /lies in the data directory/],
    [used, path.join(used, 'copy'), /no journal/],
  ] as const)
    await expect(makeBackup(from, to)).rejects.toThrow(why);
  expect(readdirSync(used)).toEqual(['mine']);
});

test('a directory that is used, or that a running server has, gets no restore', async () => {
  const dir = await house();
  const copy = path.join(tempDir(), 'copy');
  await makeBackup(dir, copy);
  await expect(restore(copy, dir)).rejects.toThrow(/is not an empty directory/);
  const lock = lockDataDir(dir);
  onTestFinished(() => lock.release());
  await expect(restore(copy, dir)).rejects.toThrow(DataDirInUse);
});

test('evidence that was removed before, and work that was under way, is said', async () => {
  const dir = await house(
    [
      { kind: 'user', text: 'x', turn_id: newTurnId(), ...base },
      { kind: 'power_started', verb: 'cycle', by: actor, operation_id: newOperationId(), ...base },
    ],
    ['b1', 'b2'],
  );
  rmSync(path.join(dir, 'evidence/devvm/b2.json'));
  const copy = path.join(tempDir(), 'copy.tar');
  await makeBackup(dir, copy);
  const { remarks } = await restore(copy, path.join(tempDir(), 'data'));
  expect(remarks).toEqual([
    expect.stringMatching(/^1 of 2 bundles .*\(devvm\/b2\)/),
    expect.stringMatching(/^2 turns or operations were under way/),
  ]);
});

const sql = (statement: string) => (copy: string) => {
  const database = new DatabaseSync(path.join(copy, 'journal.sqlite'));
  database.exec(statement);
  database.close();
  return resign(copy);
};
/** Makes the list of files true again, as somebody would who changes a backup on purpose or with a broken tool. */
function resign(copy: string): void {
  const manifest = JSON.parse(readFileSync(path.join(copy, 'backup.json'), 'utf8')) as {
    files: { path: string; sha256: string }[];
  };
  for (const file of manifest.files)
    file.sha256 = createHash('sha256')
      .update(readFileSync(path.join(copy, file.path)))
      .digest('hex');
  writeFileSync(path.join(copy, 'backup.json'), JSON.stringify(manifest));
}
const twice = (columns: string): string =>
  `INSERT INTO events SELECT id + 100, at, kind, session_id, turn_id, operation_id, target,
    json_set(event, '$.id', id + 100) FROM events WHERE ${columns}`;

test.each<[string, (copy: string) => unknown, RegExp]>([
  ['a file is missing', (copy) => rmSync(path.join(copy, 'known_hosts')), /known_hosts is missing/],
  [
    'a file was changed',
    (copy) => writeFileSync(path.join(copy, 'known_hosts'), 'evil'),
    /known_hosts is not the file/,
  ],
  ['a file was added', (copy) => writeFileSync(path.join(copy, 'evil'), ''), /evil does not belong/],
  ['there is no list of files', (copy) => rmSync(path.join(copy, 'backup.json')), /no backup of Breakglass/],
  ['the schema is a newer one', sql('PRAGMA user_version = 99'), /schema 99/],
  ['a turn ends twice', sql(twice("kind = 'turn_end'")), /two of what is there once: turn_end/],
  [
    'an operation ends twice',
    sql(twice("kind = 'power_finished'")),
    /two of what is there once: power_finished/,
  ],
  [
    'an operation ends that never began',
    sql("DELETE FROM events WHERE kind = 'power_started'"),
    /never began: power_finished/,
  ],
  [
    'a row was rewritten',
    sql("UPDATE events SET event = json_set(event, '$.kind', 'note') WHERE kind = 'user'"),
    /is not the event that its row says/,
  ],
  [
    'an event is no JSON',
    sql("UPDATE events SET event = '{' WHERE kind = 'user'"),
    /is not the event that its row says/,
  ],
  [
    'a channel is ahead of the journal',
    sql("INSERT INTO outbox (channel, sent_id, attempts) VALUES ('x', 999, 0)"),
    /x sent more than there is/,
  ],
  [
    'a page of the journal is garbage',
    (copy) => {
      const file = path.join(copy, 'journal.sqlite');
      const bytes = readFileSync(file);
      bytes.fill(0x5a, 4096 + 100, 4096 * 3);
      writeFileSync(file, bytes);
      resign(copy);
    },
    /damaged|malformed|not a database/,
  ],
])('%s: the restore is refused, and the directory stays empty', async (_name, harm, why) => {
  const [turn_id, operation_id] = [newTurnId(), newOperationId()];
  const dir = await house([
    { kind: 'user', text: 'x', turn_id, ...base },
    { kind: 'turn_end', turn_id, ...base },
    { kind: 'power_started', verb: 'cycle', by: actor, operation_id, ...base },
    { kind: 'power_finished', verb: 'cycle', state: 'succeeded', steps: [], operation_id, ...base },
  ]);
  const copy = path.join(tempDir(), 'copy');
  await makeBackup(dir, copy);
  await harm(copy);
  const back = tempDir();
  await expect(restore(copy, back)).rejects.toThrow(why);
  expect(readdirSync(back)).toEqual([]);
});

test('a file that is no backup, or half of one, is refused', async () => {
  const dir = await house();
  const tar = path.join(tempDir(), 'copy.tar');
  await makeBackup(dir, tar);
  const whole = readFileSync(tar);
  for (const bytes of [whole.subarray(0, whole.length / 2), Buffer.from('no tar at all')]) {
    writeFileSync(tar, bytes);
    const back = path.join(tempDir(), 'data');
    await expect(restore(tar, back)).rejects.toThrow(
      /cannot be unpacked|no backup of Breakglass|missing|is not the file/,
    );
    expect(existsSync(back)).toBe(false);
  }
});

test('nothing is backed up or restored to a place below /proc, where Node would try to make a directory for ever', async () => {
  const dir = await house();
  const copy = path.join(tempDir(), 'copy');
  await makeBackup(dir, copy);
  for (const place of ['/proc/backup/copy', '/proc/backup/copy.tar'])
    await expect(makeBackup(dir, place)).rejects.toThrow(/lies below \/proc/);
  await expect(restore(copy, '/proc/backup/data')).rejects.toThrow(/lies below \/proc/);
});
