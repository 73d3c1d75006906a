// A real OpenSSH client against real servers whose host keys change, through the routes.
import { execFileSync } from 'node:child_process';
import { appendFileSync, existsSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { TargetName } from '../../protocol/ids.ts';
import type { TargetState } from '../../protocol/me.ts';
import { testDoor } from '../../test/support/door.ts';
import { createMemoryJournal } from '../../test/support/memory-journal.ts';
import { startPowerHost } from '../../test/support/power-host.ts';
import { quietDoctor } from '../../test/support/quiet-doctor.ts';
import { connectTo, silent } from '../../test/support/ssh-parts.ts';
import { type Sshd, startSshd } from '../../test/support/sshd.ts';
import { tempDir } from '../../test/support/temp-dir.ts';
import { until } from '../../test/support/wait-for.ts';
import type { TargetConfig } from '../config/targets.ts';
import { buildApp } from '../http/app.ts';
import { openControlDir, removeControlDir } from '../ssh/control-dir.ts';
import { createHostKeys } from './host-keys.ts';
import { createLookRoom } from './own-looks.ts';
import { createTarget } from './target.ts';
import { createTargets } from './targets.ts';

const TOKEN = 'host-key-token-0123456789';
const VM = 'breakglass-vm';
const HOST = 'breakglass-power-host';

/** A server whose host key can change. */
interface Changing {
  current: Sshd;
  fingerprint(): string;
  /** Rebuilds it on the same port with a new key. */
  rebuild(type?: string): Promise<void>;
  /** The same, where nothing listens any more. */
  renew(type?: string): Promise<void>;
}

const isAlive = (pid: number): boolean => existsSync(`/proc/${pid}/fd/0`);

function changing(first: Sshd, forcedCommand?: string): Changing {
  const file = path.join(first.dir, 'host_key');
  const self: Changing = {
    current: first,
    fingerprint: () =>
      execFileSync('ssh-keygen', ['-l', '-f', `${file}.pub`], { encoding: 'utf8' }).split(' ')[1] ?? '',
    async rebuild(type) {
      await self.current.stop(true);
      await self.renew(type);
    },
    async renew(type = 'ed25519') {
      for (const each of [file, `${file}.pub`]) rmSync(each, { force: true });
      execFileSync('ssh-keygen', ['-q', '-t', type, '-N', '', '-f', file]);
      self.current = await startSshd({
        dir: first.dir,
        port: first.port,
        ...(forcedCommand === undefined ? {} : { forcedCommand }),
      });
    },
  };
  return self;
}

async function house() {
  const host = await startPowerHost();
  const powerHost = changing(host, path.join(host.dir, 'host.sh'));
  const vm = changing(await startSshd());
  const dataDir = tempDir();
  const controlDir = openControlDir(dataDir);
  const journal = createMemoryJournal();
  const config: TargetConfig = {
    name: 'devvm' as TargetName,
    title: undefined,
    vm: { host: '127.0.0.1', port: vm.current.port, user: vm.current.user },
    observerUser: undefined,
    vmKeyPath: vm.current.keyPath,
    powerHost: { host: '127.0.0.1', port: host.port, user: host.user },
    powerKeyPath: host.keyPath,
    vmid: undefined,
    policy: undefined,
    alerts: [],
  };
  const hostKeys = createHostKeys();
  const targets = createTargets({ default: config.name, all: [config] }, (each) =>
    createTarget(each, {
      defaultTarget: config,
      policy: 'autonomous',
      dataDir,
      controlDir,
      authSock: undefined,
      ownerEnv: {},
      searchPath: process.env['PATH'] ?? '/usr/bin:/bin',
      home: dataDir,
      hostKeys,
      lookRoom: createLookRoom(),
      journal,
      logger: silent,
    }),
  );
  const door = testDoor({ bearerToken: TOKEN }, { journal });
  const app = await buildApp({
    alerts: undefined,
    notify: undefined,
    ...quietDoctor(),
    door,
    conversation: undefined,
    whyPowerOnly: 'not of interest here',
    targets,
    describe: () => {
      throw new Error('not asked for');
    },
    verbTimeoutMs: 60_000,
    keepaliveMs: 1_000,
    webDir: '/does/not/exist',
    tls: undefined,
    logger: silent,
  });
  onTestFinished(async () => {
    await app.close();
    await targets.close();
    removeControlDir(controlDir);
    await vm.current.stop();
    await powerHost.current.stop();
  });
  const headers = { authorization: `Bearer ${TOKEN}` };
  const file = path.join(dataDir, 'known_hosts');
  const state = async () =>
    (await app.inject({ method: 'GET', url: '/api/targets/devvm', headers })).json<TargetState>();
  const accept = (side: string, fingerprint: string) =>
    app.inject({
      method: 'POST',
      url: '/api/targets/devvm/host-keys',
      headers,
      payload: { side, fingerprint },
    });
  return {
    app,
    target: targets.default,
    door,
    journal,
    host,
    powerHost,
    vm,
    file,
    dataDir,
    headers,
    pinned: () => readFileSync(file, 'utf8'),
    /** Both sides answer, so both keys are pinned. */
    working: () =>
      until('both sides to answer', async () => {
        const now = await state();
        return now.ssh.answers === true && now.vm.state === 'running' ? now : undefined;
      }),
    changed: (offered: string) =>
      until('a look that says that the key has changed', async () =>
        (await state()).host_key_changed?.find((each) => each.offered.fingerprint === offered),
      ),
    accept,
    /** Where the host answers: on a busy machine it may take longer than a person would be kept waiting. */
    acceptPatiently: (side: string, fingerprint: string) =>
      until('an answer about the key', async () => {
        const answer = await accept(side, fingerprint);
        return answer.statusCode === 503 ? undefined : answer;
      }),
    verb: (verb: string) => app.inject({ method: 'POST', url: `/api/pve/${verb}`, headers }),
    accepted: () =>
      journal.events.flatMap((event) =>
        event.kind === 'access' && event.what === 'host_key_accepted' ? [event] : [],
      ),
  };
}

test('a changed key of the VM is told with both fingerprints; only the one that was seen is accepted, once, and then SSH works', async () => {
  const { vm, file, dataDir, changed, acceptPatiently: accept, pinned, working, accepted } = await house();
  await working();
  const old = vm.fingerprint();
  appendFileSync(file, 'other-alias ssh-ed25519 AAAA of another machine\n');
  await vm.rebuild();
  const fresh = vm.fingerprint();
  expect(await changed(fresh)).toEqual({
    side: 'vm',
    known: [{ type: 'ED25519', fingerprint: old }],
    offered: { type: 'ED25519', fingerprint: fresh },
  });

  const before = pinned();
  const wrong = await accept('vm', `SHA256:${'A'.repeat(43)}`);
  expect([wrong.statusCode, wrong.json().code]).toEqual([409, 'host-key-refused']);
  expect(wrong.json().detail).toContain(`By now the VM of devvm offers another key, ${fresh} (ED25519)`);
  expect((await accept('vm', old)).statusCode).toBe(409);
  expect([pinned(), accepted()]).toEqual([before, []]);

  const right = await accept('vm', fresh);
  expect(right.statusCode, right.body).toBe(200);
  const [state, others] = [
    right.json<TargetState>(),
    before.split('\n').filter((line) => !line.startsWith(VM)),
  ];
  expect(state).not.toHaveProperty('host_key_changed');
  expect((await working()).ssh).toMatchObject({ answers: true, reading: 'works' });
  expect(
    pinned()
      .split('\n')
      .filter((line) => !line.startsWith(VM)),
  ).toEqual(others);
  expect(pinned().match(new RegExp(`^${VM} `, 'gm'))).toHaveLength(1);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(
    readdirSync(dataDir).filter((name) => name !== 'known_hosts' && name.startsWith('known_hosts')),
  ).toEqual([]);

  const again = await accept('vm', fresh);
  expect([again.statusCode, again.json().code]).toEqual([409, 'host-key-refused']);
  expect(accepted()).toMatchObject([
    {
      actor: { type: 'operator', name: 'operator', via: 'token' },
      detail: `A new host key of the VM of devvm was accepted: ${fresh} (ED25519) in place of ${old} (ED25519).`,
      host_key: {
        target: 'devvm',
        side: 'vm',
        before: [{ type: 'ED25519', fingerprint: old }],
        now: { type: 'ED25519', fingerprint: fresh },
      },
    },
  ]);
});

test('a changed key of the power host lets no verb through until it is accepted; then the verb works, also without a journal', async () => {
  const { powerHost, host, changed, acceptPatiently: accept, working, verb, journal } = await house();
  await working();
  const old = powerHost.fingerprint();
  await powerHost.rebuild();
  const fresh = powerHost.fingerprint();
  expect(await changed(fresh)).toMatchObject({ side: 'power_host', known: [{ fingerprint: old }] });
  const refused = await verb('reset');
  expect(refused.statusCode).toBe(502);
  expect(refused.body).toContain(fresh);
  expect(host.calls()).not.toContain('reset');
  journal.mode = 'fail';
  const right = await accept('power_host', fresh);
  expect(right.statusCode, right.body).toBe(200);
  expect(await working()).not.toHaveProperty('host_key_changed');
  expect((await verb('reset')).statusCode).toBe(200);
  expect(host.calls()).toContain('reset');
});

test('a third key that comes between the look and the press is not accepted', async () => {
  const { vm, changed, acceptPatiently: accept, working, pinned } = await house();
  await working();
  const before = pinned();
  await vm.rebuild();
  const second = vm.fingerprint();
  await changed(second);
  await vm.rebuild();
  const third = vm.fingerprint();
  const answer = await accept('vm', second);
  expect(answer.statusCode).toBe(409);
  expect(answer.json().detail).toContain(third);
  expect(pinned()).toBe(before);
  await changed(third);
  expect((await accept('vm', third)).statusCode).toBe(200);
});

test('of two people who accept at once one does it, and the other is told that it is done', async () => {
  const { vm, changed, acceptPatiently: accept, working, accepted } = await house();
  await working();
  await vm.rebuild();
  await changed(vm.fingerprint());
  const answers = await Promise.all([accept('vm', vm.fingerprint()), accept('vm', vm.fingerprint())]);
  expect(answers.map(({ statusCode }) => statusCode).toSorted((a, b) => a - b)).toEqual([200, 409]);
  expect(answers.find(({ statusCode }) => statusCode === 409)?.json().detail).toMatch(
    /already the accepted one|found no changed host key/,
  );
  expect(accepted()).toHaveLength(1);
});

test('a machine that comes back with a key of another type is accepted too, and all its old keys are gone', async () => {
  const { vm, file, changed, acceptPatiently: accept, working, pinned } = await house();
  await working();
  const rsa = path.join(tempDir(), 'rsa');
  execFileSync('ssh-keygen', ['-q', '-t', 'rsa', '-N', '', '-f', rsa]);
  appendFileSync(file, `${VM} ${readFileSync(`${rsa}.pub`, 'utf8')}`);
  await vm.rebuild('ecdsa');
  expect(await changed(vm.fingerprint())).toMatchObject({
    known: [{ type: 'ED25519' }, { type: 'RSA' }],
    offered: { type: 'ECDSA' },
  });
  const answer = await accept('vm', vm.fingerprint());
  expect(answer.statusCode, answer.body).toBe(200);
  await working();
  expect(pinned().match(new RegExp(`^${VM} `, 'gm'))).toHaveLength(1);
  expect(pinned()).toContain(`${HOST} ssh-ed25519 `);
});

test('a connection to the old machine that is still up is dropped when the new key is accepted', async () => {
  const { vm, target, changed, acceptPatiently: accept, working } = await house();
  await working();
  const command = {
    account: 'repair',
    timeoutMs: 60_000,
    signal: AbortSignal.timeout(120_000),
    onOutput: () => {},
  } as const;
  const reused = async (): Promise<boolean> => {
    await target.guest.run({ ...command, command: 'true' });
    return vm.current.connections().length > 0;
  };
  await until('a reused connection', reused);
  const old = vm.current;
  const connected = old.connections();
  // Only the listener ends: whoever is connected stays connected to the old key.
  old.signal([old.listener], 'SIGKILL');
  rmSync(path.join(old.dir, 'pid'), { force: true });
  await until('the port to be free', () => !isAlive(old.listener));
  await vm.renew();
  await changed(vm.fingerprint());
  const kept = connected.filter(isAlive);
  expect(kept).not.toEqual([]);
  expect((await accept('vm', vm.fingerprint())).statusCode).toBe(200);
  await until('the old connection to end', () => kept.every((pid) => !isAlive(pid)));
  const { ended, output } = await target.guest.run({ ...command, command: 'echo new' });
  expect([ended, output]).toEqual(['exited', 'new\n']);
});

test('a key that is marked as revoked is never accepted', async () => {
  const { vm, file, changed, acceptPatiently: accept, working, pinned } = await house();
  await working();
  await vm.rebuild();
  await changed(vm.fingerprint());
  appendFileSync(file, `@revoked * ${readFileSync(path.join(vm.current.dir, 'host_key.pub'), 'utf8')}`);
  const before = pinned();
  const answer = await accept('vm', vm.fingerprint());
  expect([answer.statusCode, pinned()]).toEqual([409, before]);
  expect(answer.json().detail).toContain('marked as revoked');
});

test('where nothing has changed there is nothing to accept, and a machine that is gone says so', async () => {
  const { vm, changed, accept, working, pinned } = await house();
  await working();
  const before = pinned();
  const none = await accept('vm', vm.fingerprint());
  expect([none.statusCode, none.json().detail]).toEqual([
    409,
    'The last look at the VM of devvm found no changed host key. Nothing was done.',
  ]);
  await vm.rebuild();
  await changed(vm.fingerprint());
  await vm.current.stop(true);
  const gone = await accept('vm', vm.fingerprint());
  expect([gone.statusCode, gone.json().code]).toEqual([503, 'host-key-unavailable']);
  expect(gone.json().detail).toMatch(/^The VM of devvm does not show its key now: .*refused the connection/);
  expect(pinned()).toBe(before);
});

test('what is no side and no fingerprint is refused with what was expected, and an observer accepts nothing', async () => {
  const { app, door, accept, vm } = await house();
  for (const [side, fingerprint] of [
    ['host', vm.fingerprint()],
    ['vm', 'MD5:00:11'],
    ['vm', `${vm.fingerprint()}=`],
    ['vm', ''],
  ] as const)
    expect((await accept(side, fingerprint)).statusCode).toBe(422);
  const { secret } = door.keyring.makeToken({
    name: 'watcher',
    role: 'observer',
    lifeMs: undefined,
    by: 'test',
  });
  const answer = await app.inject({
    method: 'POST',
    url: '/api/targets/devvm/host-keys',
    headers: { authorization: `Bearer ${secret}` },
    payload: { side: 'vm', fingerprint: vm.fingerprint() },
  });
  expect([answer.statusCode, answer.json().code]).toEqual([403, 'not-allowed']);
});

test('where the file cannot be written a sentence says so, and the old key still counts', async () => {
  const sshd = await startSshd();
  const ssh = connectTo(sshd);
  onTestFinished(async () => {
    await ssh.close();
    await sshd.stop();
  });
  const offered = { type: 'ED25519', fingerprint: `SHA256:${'A'.repeat(43)}` };
  // Not even root makes a file there.
  const pin = { file: '/proc/version', alias: 'devvm' };
  await expect(
    createHostKeys().accept({
      ssh: { ...ssh, pin },
      seen: { known: [], offered },
      fingerprint: offered.fingerprint,
      whose: 'the VM of devvm',
    }),
  ).rejects.toMatchObject({
    code: 'host-key-unavailable',
    message: expect.stringMatching(
      /^The new key cannot be written to \/proc\/version .*The old one still counts/,
    ),
  });
});
