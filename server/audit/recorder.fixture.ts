// The part of a console that records and sends, as a process that a test or a benchmark kills: appends prompts numbered from a given
// number on, and prints each number once its event is on disk. Arguments: data directory, audit configuration as JSON, first number, pause
// in milliseconds between events.
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import type { TargetName } from '../../protocol/ids.ts';
import type { AuditConfig } from '../config/audit.ts';
import { openJournal } from '../journal/sqlite.ts';
import { startAudit } from './audit.ts';

const [dir = '.', config = '{}', first = '1', pauseMs = '5'] = process.argv.slice(2);
const journal = openJournal(dir);
startAudit({
  config: JSON.parse(config) as AuditConfig,
  journal,
  logger: pino({ level: 'silent' }),
  pauseMs: () => 20,
});
for (let number = Number(first); ; number++) {
  await journal.append([
    {
      kind: 'user',
      text: `event ${number}`,
      actor: { type: 'operator', name: 'ann' },
      target: 'devvm' as TargetName,
    },
  ]);
  process.stdout.write(`${number}\n`);
  await sleep(Number(pauseMs));
}
