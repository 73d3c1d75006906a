// The whole console, killed with SIGKILL while it records, and its receiver of the audit log too: what the journal has reaches the
// receiver, all of it and in its order.
import { expect, onTestFinished, test } from 'vitest';
import { eventId } from '../../protocol/ids.ts';
import { AUDITED_KINDS } from '../../server/audit/record.ts';
import { openJournal } from '../../server/journal/sqlite.ts';
import { makeConsole } from '../support/console.ts';
import { freePort } from '../support/free-port.ts';
import { syslogReceiver } from '../support/syslog-receiver.ts';
import { tempDir } from '../support/temp-dir.ts';
import { eventually } from '../support/wait-for.ts';

test('a console killed again and again, with a receiver that is killed too, loses no audit event', async () => {
  const dir = tempDir();
  const receiver = await syslogReceiver(dir);
  const console = await makeConsole({
    dir,
    hostPort: await freePort(),
    hostUser: 'root',
    vmPort: await freePort(),
    keyPath: '/does/not/exist',
    modelUrl: 'http://127.0.0.1:9',
    env: { BREAKGLASS_AUDIT_SYSLOG: `tcp://127.0.0.1:${receiver.port}` },
  });
  onTestFinished(async () => {
    await console.close();
    await receiver.signal('SIGKILL');
  });
  const opened: string[] = [];
  for (const receiverIs of ['up', 'down', 'up', 'down'] as const) {
    if (receiverIs === 'up') await receiver.start();
    await console.start();
    for (let i = 0; i < 5; i++) opened.push(await console.newSession());
    await console.kill();
    await receiver.signal('SIGKILL');
  }
  await receiver.start();
  await console.start();
  const journal = openJournal(console.dataDir);
  const recorded = await journal.read({ kinds: AUDITED_KINDS }, eventId(0), 10_000);
  await journal.close();
  const kinds = recorded.map(({ kind }) => kind);
  expect(kinds.filter((kind) => kind === 'configured')).toHaveLength(5);
  expect(recorded.flatMap(({ kind, session_id }) => (kind === 'session_opened' ? [session_id] : []))).toEqual(
    opened,
  );
  await eventually(() => {
    const came = [...new Set(receiver.records().map(({ key }) => key))];
    expect(came.slice(0, recorded.length)).toEqual(recorded.map(({ id, at }) => `${id}@${at}`));
  });
});
