// What another user of the machine can read of a console that runs: nothing, whatever the umask, and whatever was there before.
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { answer, startScriptedModel, text } from '../../lab/model/scripted.ts';
import { makeConsole } from '../support/console.ts';
import { freePort } from '../support/free-port.ts';
import { tempDir } from '../support/temp-dir.ts';
import { until } from '../support/wait-for.ts';

test('in an existing directory that everybody may read, nothing that the console writes can be read by nobody', async (context) => {
  if (process.getuid?.() !== 0) return context.skip('only root can look with the eyes of another user');
  const before = process.umask(0o000); // The console inherits it.
  const dir = tempDir();
  chmodSync(dir, 0o755);
  const dataDir = path.join(dir, 'data');
  mkdirSync(path.join(dataDir, 'evidence'), { recursive: true, mode: 0o755 });
  writeFileSync(path.join(dataDir, 'evidence', 'old.json'), '{}', { mode: 0o644 });
  writeFileSync(path.join(dataDir, 'not-ours'), '', { mode: 0o644 }); // So that the directory itself stays open.
  const model = await startScriptedModel(() => answer(text('Noted.')));
  const closed = await freePort();
  const breakglass = await makeConsole({
    dir,
    hostPort: closed,
    hostUser: 'root',
    vmPort: closed,
    keyPath: path.join(dir, 'no-key'),
    modelUrl: model.url,
  });
  onTestFinished(async () => {
    await breakglass.close();
    await model.close();
  });
  await breakglass.start();
  process.umask(before);
  const id = await breakglass.newSession();
  await breakglass.call('POST', `/api/session/${id}/prompt`, { prompt: 'the password is hunter2' });
  /** Claude Code makes and removes locks meanwhile. */
  const names = (): string[] => {
    for (let tries = 1; ; tries += 1)
      try {
        return readdirSync(dataDir, { recursive: true, encoding: 'utf8' });
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || tries > 100) throw error;
      }
  };
  const modeOf = (name: string): number =>
    statSync(path.join(dataDir, name), { throwIfNoEntry: false })?.mode ?? 0;
  await until(
    'a transcript of Claude Code',
    async () => names().some((name) => name.endsWith('.jsonl')),
    30_000,
  );

  const all = names().filter((name) => name !== 'not-ours');
  expect(all).toEqual(
    expect.arrayContaining([
      'journal.sqlite',
      'journal.sqlite-wal',
      'server.lock',
      expect.stringMatching(/\.jsonl$/),
    ]),
  );
  const open = all.filter((name) => (modeOf(name) & 0o077) !== 0);
  expect(open).toEqual([]);
  const asNobody = spawnSync('grep', ['-rl', 'hunter2', dataDir], {
    uid: 65_534,
    gid: 65_534,
    encoding: 'utf8',
  });
  expect(asNobody.stdout).toBe('');
  expect(asNobody.stderr).toMatch(/journal\.sqlite: Permission denied/);
  expect(breakglass.log()).toMatch(/could be read by others until now/);
});
