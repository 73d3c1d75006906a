// What leaves this machine, judged by what became of it; and the drills.
import { expect, onTestFinished, test } from 'vitest';
import type { Link } from '../../protocol/doctor.ts';
import type { TargetName } from '../../protocol/ids.ts';
import { startPostReceiver } from '../../test/support/post-receiver.ts';
import { silent } from '../../test/support/ssh-parts.ts';
import { syslogReceiver } from '../../test/support/syslog-receiver.ts';
import { tempDir } from '../../test/support/temp-dir.ts';
import { eventually } from '../../test/support/wait-for.ts';
import { startAudit } from '../audit/audit.ts';
import { openJournal } from '../journal/sqlite.ts';
import { startNotify } from '../notify/notify.ts';
import { lastDrillsIn } from './chains.ts';
import { type ChannelParts, channelChain } from './channel-links.ts';
import { examine } from './examine.ts';

const [devvm, buildvm] = ['devvm' as TargetName, 'buildvm' as TargetName];
const actor = { type: 'operator', name: 'anna' } as const;

const look = async (parts: Partial<ChannelParts>): Promise<readonly Link[]> =>
  examine([
    channelChain({
      notify: undefined,
      pushDevices: () => 0,
      audit: undefined,
      lastDrills: async () => [],
      targets: [devvm],
      now: Date.now,
      ...parts,
    }),
  ]);
const of = (links: readonly Link[], code: Link['code']) => links.find((link) => link.code === code);

function openedJournal() {
  const journal = openJournal(tempDir());
  onTestFinished(() => journal.close());
  return journal;
}

test('notify-ntfy: doubtful until something went out, broken where the last one did not arrive, and well after a test', async () => {
  const receiver = await startPostReceiver();
  onTestFinished(() => receiver.close());
  const notify = startNotify({
    config: {
      push: { contact: undefined, local: false },
      ntfy: { url: `${receiver.url}/topic`, token: undefined },
      webhook: undefined,
      turnMs: 0,
      publicUrl: undefined,
    },
    dataDir: tempDir(),
    journal: openedJournal(),
    stands: () => true,
    askViewers: () => 0,
    logger: silent,
  });
  onTestFinished(() => notify.close());
  const state = async () => of(await look({ notify }), 'notify-ntfy')?.state;
  expect(await state()).toBe('doubtful');
  expect(receiver.came).toHaveLength(0);
  receiver.answer = () => 403;
  await notify.test('ntfy', undefined);
  expect(await state()).toBe('broken');
  receiver.answer = () => 200;
  await notify.test('ntfy', undefined);
  expect(await state()).toBe('works');
  const others = await look({ notify });
  expect([of(others, 'notify-push')?.state, of(others, 'notify-webhook')?.state]).toEqual([
    'not-used',
    'not-used',
  ]);
});

test('audit-syslog: the receiver is gone, and comes back', async () => {
  const journal = openedJournal();
  const receiver = await syslogReceiver(tempDir());
  const audit = startAudit({
    config: { syslog: { host: '127.0.0.1', port: receiver.port, tls: undefined }, webhook: undefined },
    journal,
    logger: silent,
    pauseMs: () => 20,
  });
  onTestFinished(() => audit.close());
  const state = async () => of(await look({ audit }), 'audit-syslog');
  expect((await state())?.state).toBe('doubtful');
  await journal.append([{ kind: 'user', text: 'hello', actor, target: devvm }]);
  await eventually(async () => expect((await state())?.state).toBe('broken'));
  expect((await state())?.detail).toMatch(/ECONNREFUSED.* 1 events wait/);
  await receiver.start();
  onTestFinished(() => receiver.signal('SIGKILL'));
  await eventually(async () => expect((await state())?.state).toBe('works'));
  expect(of(await look({ audit }), 'audit-webhook')?.state).toBe('not-used');
});

test('drill: never, long ago, failed, and well', async () => {
  const journal = openedJournal();
  const drills = { lastDrills: () => lastDrillsIn(journal), targets: [devvm, buildvm] };
  const drilled = (target: TargetName, ok: boolean) =>
    journal.append([
      { kind: 'drilled', ok, steps: [{ name: 'forensics', ok, took_ms: 1, detail: 'x' }], actor, target },
    ]);
  const seen = async (change: Partial<ChannelParts> = {}) =>
    of(await look({ ...drills, ...change }), 'drill');
  expect(await seen()).toMatchObject({ state: 'doubtful', detail: 'Drilled: devvm never; buildvm never.' });
  await drilled(devvm, true);
  await drilled(buildvm, false);
  expect(await seen()).toMatchObject({
    state: 'doubtful',
    detail: 'Drilled: devvm today; buildvm today, and forensics failed.',
  });
  await drilled(buildvm, true);
  expect((await seen())?.state).toBe('works');
  expect(await seen({ now: () => Date.now() + 91 * 86_400_000 })).toMatchObject({
    state: 'doubtful',
    remedy: expect.stringContaining('breakglass drill devvm'),
  });
});
