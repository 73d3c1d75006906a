// Appends without end and prints each acknowledged id. The test of SIGKILL kills it.
import { newSessionId, type TargetName } from '../../protocol/ids.ts';
import { openJournal } from './sqlite.ts';

const journal = openJournal(process.argv[2] ?? '.');
const actor = { type: 'server', name: 'fixture' } as const;
const session_id = newSessionId();
for (;;) {
  const [event] = await journal.append([
    { kind: 'text', text: 'x'.repeat(200), actor, session_id, target: 'devvm' as TargetName },
  ]);
  process.stdout.write(`${event?.id} acknowledged\n`);
}
