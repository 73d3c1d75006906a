// The person at a real terminal, which script(1) gives: what was typed too early answers nothing.
import { spawn } from 'node:child_process';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { until } from '../test/support/wait-for.ts';

const ASKS = `
  const { openTerminal } = await import(${JSON.stringify(path.join(import.meta.dirname, 'terminal.ts'))});
  const terminal = openTerminal(process.stdin, process.stderr);
  for (const question of ['first? ', 'second? ', 'third? ', 'fourth? '])
    console.log('answer ' + JSON.stringify(await terminal.ask(question)));
  terminal.close();
`;

test('neither a line that was typed before the question nor the beginning of one answers it', async () => {
  const child = spawn(
    'script',
    [
      '-qefc',
      `exec ${process.execPath} --input-type=module -e '${ASKS.replaceAll("'", `'"'"'`)}'`,
      '/dev/null',
    ],
    { stdio: ['pipe', 'pipe', 'inherit'] },
  );
  let said = '';
  child.stdout.on('data', (data: Buffer) => {
    said += data.toString();
  });
  onTestFinished(() => void child.kill());
  await until('the first question', () => said.includes('first? '));
  child.stdin.write('a\ny');
  await until('the second question', () => said.includes('second? '));
  child.stdin.write('\n');
  await until('the third question', () => said.includes('third? '));
  child.stdin.write('b\ny\n');
  await until('the fourth question', () => said.includes('fourth? '));
  child.stdin.write('dév\n');
  await until('its end', () => child.exitCode !== null);
  expect(said.match(/(?<=answer ).*(?=\r)/g)).toEqual(['"a"', '""', '"b"', '"dév"']);
});
