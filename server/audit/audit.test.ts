// The audit log against receivers that are real programs and die: nothing is lost, the order is kept, and what came twice has the same key.
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { expect, onTestFinished, test } from 'vitest';
import type { NewEvent } from '../../protocol/events.ts';
import { newOperationId, type TargetName } from '../../protocol/ids.ts';
import { selfSigned } from '../../test/support/self-signed.ts';
import { type SyslogReceiver, syslogReceiver } from '../../test/support/syslog-receiver.ts';
import { tempDir } from '../../test/support/temp-dir.ts';
import { eventually, until } from '../../test/support/wait-for.ts';
import type { AuditConfig } from '../config/audit.ts';
import { readAudit } from '../config/audit.ts';
import { openJournal } from '../journal/sqlite.ts';
import { startAudit } from './audit.ts';

const logger = pino({ level: 'silent' });
const actor = { type: 'operator', name: 'ann' } as const;
const prompt = (text: string): NewEvent => ({ kind: 'user', text, actor, target: 'devvm' as TargetName });

async function receiver(tls?: { cert: string; key: string }): Promise<SyslogReceiver> {
  const made = await syslogReceiver(tempDir(), tls);
  onTestFinished(() => made.signal('SIGKILL'));
  return made;
}

function house(config: AuditConfig, newsAfterMs = 60_000) {
  const journal = openJournal(tempDir());
  const audit = startAudit({ config, journal, logger, pauseMs: () => 20, newsAfterMs });
  onTestFinished(async () => {
    await audit.close();
    await journal.close();
  });
  return { journal, audit };
}

/** Whether a connection to this port waits in CLOSE_WAIT (08): its peer has sent everything and its end. */
const isHalfClosed = (port: number): boolean =>
  new RegExp(`^ *\\d+: \\S+:${port.toString(16).toUpperCase().padStart(4, '0')} \\S+ 08 `, 'm').test(
    readFileSync('/proc/net/tcp', 'latin1'),
  );

/** In the order of their first coming. */
const once = (texts: readonly (string | undefined)[]): (string | undefined)[] => [...new Set(texts)];

const syslogAt = (scheme: 'tcp' | 'tls', port: number, ca?: string): AuditConfig =>
  readAudit({ BREAKGLASS_AUDIT_SYSLOG: `${scheme}://127.0.0.1:${port}`, BREAKGLASS_AUDIT_SYSLOG_CA: ca });

test.each(['tcp', 'tls'] as const)(
  '%s: a receiver that is killed and started again while events flow gets all of them in their order',
  async (scheme) => {
    const pair = scheme === 'tls' ? selfSigned(tempDir()) : undefined;
    const log = await receiver(pair);
    const { journal } = house(syslogAt(scheme, log.port, pair?.cert));
    const sent: string[] = [];
    for (let round = 0; round < 8; round++) {
      await log.start();
      for (let i = 0; i < 40; i++) {
        const text = `round ${round} event ${i}`;
        await journal.append([prompt(text)]);
        sent.push(text);
      }
      await sleep((round * 37) % 150);
      await log.signal('SIGKILL');
      const text = `while it is down ${round}`;
      await journal.append([prompt(text)]);
      sent.push(text);
    }
    await log.start();
    await eventually(() => expect(once(log.records().map(({ text }) => text))).toEqual(sent));
    const keys = new Map(log.records().map(({ key, text }) => [key, text]));
    expect(keys.size).toBe(sent.length);
  },
);

test('what a receiver had in its socket and never read when it was killed is sent again', async () => {
  const log = await receiver();
  const { journal, audit } = house(syslogAt('tcp', log.port));
  await log.start();
  await journal.append([prompt('first')]);
  const sentId = async () => (await journal.outbox('audit-syslog').state()).sentId;
  await eventually(async () => expect(await sentId()).toBe(1));
  await log.signal('SIGSTOP');
  await journal.append([prompt('taken by its kernel only')]);
  await until('our end of the connection, in the kernel of the receiver', () => isHalfClosed(log.port));
  expect(await sentId()).toBe(1);
  await log.signal('SIGKILL');
  await log.start();
  await eventually(() =>
    expect(once(log.records().map(({ text }) => text))).toEqual(['first', 'taken by its kernel only']),
  );
  expect(audit.warnings()).toEqual([]);
});

test('the recorder itself is killed again and again, and the receiver too: nothing that was on disk is lost', async () => {
  const log = await receiver();
  const dir = tempDir();
  const config = syslogAt('tcp', log.port);
  let child: ChildProcess | undefined;
  onTestFinished(() => void child?.kill('SIGKILL'));
  let recorded = 0;
  for (let round = 0; round < 8; round++) {
    if (round % 3 !== 1) await log.start();
    const program = path.join(import.meta.dirname, 'recorder.fixture.ts');
    const started = spawn(
      process.execPath,
      [program, dir, JSON.stringify(config), String(recorded + 1), '2'],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    child = started;
    let text = '';
    started.stdout.on('data', (data: Buffer) => {
      text += data.toString();
    });
    const whole = (): number => Number(text.slice(0, text.lastIndexOf('\n')).split('\n').at(-1) ?? 0);
    await until('40 recorded events', () => whole() >= recorded + 40);
    await sleep((round * 53) % 200);
    const gone = new Promise((resolve) => started.once('close', resolve));
    started.kill('SIGKILL');
    await gone;
    recorded = whole();
    await log.signal('SIGKILL');
  }
  await log.start();
  const journal = openJournal(dir);
  const audit = startAudit({ config, journal, logger, pauseMs: () => 20 });
  onTestFinished(async () => {
    await audit.close();
    await journal.close();
  });
  // Besides what was acknowledged, an event may be on disk whose acknowledgement was killed: the next round has its number again.
  const expected = Array.from({ length: recorded }, (_, index) => `event ${index + 1}`);
  await eventually(() =>
    expect(once(log.records().map(({ text }) => text)).slice(0, recorded)).toEqual(expected),
  );
  const ids = once(log.records().map(({ key }) => key)).map((key) => Number.parseInt(String(key), 10));
  expect(ids).toEqual(ids.toSorted((a, b) => a - b));
});

test('a certificate that is not of the given authority is refused, and nothing is sent to it', async () => {
  const [theirs, other] = [selfSigned(tempDir()), selfSigned(tempDir())];
  const log = await receiver(theirs);
  await log.start();
  const { journal } = house(syslogAt('tls', log.port, other.cert));
  await journal.append([prompt('a secret thought')]);
  await eventually(async () =>
    expect((await journal.outbox('audit-syslog').state()).attempts).toBeGreaterThan(1),
  );
  expect((await journal.outbox('audit-syslog').state()).trouble).toMatch(/certificate/);
  expect(log.messages()).toEqual([]);
});

test('a webhook gets records with its token; what it does not answer with success comes again, in order', async () => {
  const got: { authorization: string | undefined; texts: string[] }[] = [];
  const answers = [500, 503];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const status = answers.shift() ?? 204;
      const { records } = JSON.parse(Buffer.concat(chunks).toString()) as { records: { text: string }[] };
      if (status === 204)
        got.push({ authorization: request.headers.authorization, texts: records.map(({ text }) => text) });
      response.writeHead(status).end();
    });
  }).listen(0, '127.0.0.1');
  onTestFinished(() => void server.close());
  await new Promise((resolve) => server.once('listening', resolve));
  const { journal } = house(
    readAudit({
      BREAKGLASS_AUDIT_WEBHOOK: `http://127.0.0.1:${(server.address() as AddressInfo).port}/audit`,
      BREAKGLASS_AUDIT_WEBHOOK_TOKEN: 'hook-token',
    }),
  );
  const all = Array.from({ length: 60 }, (_, index) => `event ${index}`);
  await journal.append([...all.map(prompt), { kind: 'text', text: 'prose is not part of it', actor }]);
  await eventually(() => expect(got.flatMap(({ texts }) => texts)).toEqual(all));
  expect(new Set(got.map(({ authorization }) => authorization))).toEqual(new Set(['Bearer hook-token']));
});

test('a record that is longer than a message comes in several and is whole', async () => {
  const log = await receiver();
  await log.start();
  const { journal } = house(syslogAt('tcp', log.port));
  const command = `echo ${'ä'.repeat(20_000)} 'the part in the middle' ${'x'.repeat(300_000)}\n<13>1 - forged`;
  await journal.append([
    prompt(command),
    { kind: 'power_started', verb: 'cycle', by: actor, actor, operation_id: newOperationId() },
  ]);
  await eventually(() => expect(log.records().map(({ event }) => event)).toEqual(['prompt', 'verb']));
  expect(log.records()[0]?.text).toBe(command);
  for (const message of log.messages()) {
    expect(message.length).toBeLessThanOrEqual(8_192);
    expect(message).toMatch(
      /^<10[89]>1 \S+ \S+ breakglass \d+ (prompt|verb) \[breakglass@32473 [\x20-\x7e]*$/,
    );
  }
});

test('a channel in trouble is a warning with the reason and how much waits, until the receiver is there again', async () => {
  const log = await receiver();
  const { journal, audit } = house(syslogAt('tcp', log.port), 0);
  await journal.append([prompt('one'), prompt('two')]);
  await eventually(() =>
    expect(audit.warnings()).toEqual([
      expect.stringMatching(
        /^The audit log has not left this machine .*audit-syslog: .*ECONNREFUSED.* 2 events wait/,
      ),
    ]),
  );
  await log.start();
  await eventually(() => expect(log.records()).toHaveLength(2));
  await eventually(() => expect(audit.warnings()).toEqual([]));
});
