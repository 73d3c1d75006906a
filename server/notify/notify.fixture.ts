// A console's notifications as a process of its own, so that a test can kill it: it writes an event again and again, and prints the number
// of each that is on disk. Arguments: directory, URL of ntfy, first number, last number.
import { pino } from 'pino';
import type { TargetName } from '../../protocol/ids.ts';
import { openJournal } from '../journal/sqlite.ts';
import { startNotify } from './notify.ts';

const [dir = '.', url = '', first = '1', last = '1'] = process.argv.slice(2);
const journal = openJournal(dir);
startNotify({
  config: {
    push: { contact: undefined, local: false },
    ntfy: { url, token: undefined },
    webhook: undefined,
    turnMs: 0,
    publicUrl: undefined,
  },
  dataDir: dir,
  journal,
  stands: () => true,
  askViewers: () => 0,
  logger: pino({ level: 'silent' }),
  pauseMs: () => 20,
});
for (let number = Number(first); number <= Number(last); number++) {
  await journal.append([
    {
      kind: 'incident_verdict',
      incident_id: crypto.randomUUID(),
      title: `number ${number}`,
      detail: 'The disk is full.',
      agent: 'not-configured',
      actor: { type: 'server', name: 'test' },
      target: 'devvm' as TargetName,
    },
  ]);
  process.stdout.write(`${number}\n`);
}
setInterval(() => undefined, 60_000);
