// Runs the bats files side by side: they wait for limits more than they work.
import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import type { FileOutcome } from './outcome.ts';

const DIR = 'host/test';

export function runBats(root: string): Promise<FileOutcome[]> {
  const files = readdirSync(path.join(root, DIR)).filter((name) => name.endsWith('.bats'));
  return Promise.all(files.map((name) => runFile(root, path.join(DIR, name))));
}

async function runFile(root: string, file: string): Promise<FileOutcome> {
  const from = performance.now();
  const child = spawn(path.join(root, 'node_modules/bats/bin/bats'), ['--formatter', 'tap', file], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (data: Buffer) => {
      said += data.toString();
    });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  const lines = said.split('\n');
  const skip = /^ok \d+ (.*?) # skip\s*(.*)$/i;
  const skipped = lines.flatMap((line) => {
    const [, name, why] = skip.exec(line) ?? [];
    return name === undefined ? [] : [{ name, why: why || undefined }];
  });
  const passed = lines.filter((line) => line.startsWith('ok ')).length - skipped.length;
  const planned = Number(/^1\.\.(\d+)/m.exec(said)?.[1] ?? 0);
  // Whatever was planned and has not passed has failed; and so has a run that planned nothing.
  const failed = Math.max(planned - passed - skipped.length, code === 0 && planned > 0 ? 0 : 1);
  const seconds = (performance.now() - from) / 1_000;
  console.log(`${failed === 0 ? ' ✓' : ' ❯'} ${file} (${planned} tests) ${Math.round(seconds * 1_000)}ms`);
  if (failed > 0) console.log(said);
  return { file, seconds, passed, failed, skipped };
}
