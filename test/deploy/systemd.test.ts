// The unit: systemd's own opinion of it, and the server started as the unit says, as another user and with its restrictions, as far as a mount
// namespace can give them (systemd itself does not run here).
import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Me } from '../../protocol/me.ts';
import { freePort } from '../support/free-port.ts';
import { PROGRAM, quoted, startAsOtherUser, USER, whyNoOtherUser } from '../support/other-user.ts';
import { startRescueGround } from '../support/rescue-ground.ts';
import { skippedBecause } from '../support/skipped-because.ts';
import { tempDir } from '../support/temp-dir.ts';
import { until } from '../support/wait-for.ts';

const root = path.resolve(import.meta.dirname, '../..');
const UNIT = path.join(root, 'deploy/systemd/breakglass.service');
const unit = readFileSync(UNIT, 'utf8');
const valuesOf = (key: string): string[] =>
  [...unit.matchAll(new RegExp(`^${key}=(.*)$`, 'gm'))].map(([, value = '']) => value);
const exec = promisify(execFile);

/** In tenths, as `systemd-analyze security --threshold` wants it. */
const MOST_EXPOSURE = 20;

test('systemd takes the unit without a word', () => {
  const file = path.join(tempDir(), 'breakglass.service');
  writeFileSync(file, unit.replaceAll(PROGRAM, root));
  const { status, stdout, stderr } = spawnSync('systemd-analyze', ['verify', file], { encoding: 'utf8' });
  expect([status, stdout, stderr]).toEqual([0, '', '']);
});

test(`systemd finds its exposure below ${MOST_EXPOSURE / 10} of 10`, () => {
  const security = ['security', '--offline=true', '--no-pager', `--threshold=${MOST_EXPOSURE}`, UNIT];
  const { status, stdout } = spawnSync('systemd-analyze', security, { encoding: 'utf8' });
  console.log(/Overall exposure level.*?: (\S+ \S+)/.exec(stdout)?.[0]);
  expect(status).toBe(0);
});

test('the console outlives an agent that takes too much, and whoever stops it waits for it', () => {
  expect(valuesOf('OOMPolicy')).toEqual(['continue']);
  // What the agents may hold by default, and the server beside them.
  expect(valuesOf('MemoryMax')).toEqual(['1G']);
  const [, limitMs = ''] =
    /SHUTDOWN_LIMIT_MS = ([\d_]+)/.exec(readFileSync(path.join(root, 'server/main.ts'), 'utf8')) ?? [];
  expect(Number(valuesOf('TimeoutStopSec')[0])).toBeGreaterThan(Number(limitMs.replace('_', '')) / 1_000);
});

const reason = whyNoOtherUser();

describe.skipIf(reason !== undefined)(`as the unit says${skippedBecause(reason)}`, () => {
  test('it starts without a right, on a machine that it cannot write, and verifies a state', async () => {
    const ground = await startRescueGround();
    onTestFinished(() => ground.close());
    const scratch = mkdtempSync(path.join(tmpdir(), 'bg-unit-'));
    onTestFinished(() => rmSync(scratch, { recursive: true, force: true }));
    const port = await freePort();
    const token = 'unit-token-0123456789abcdef';
    copyFileSync(ground.keyPath, path.join(scratch, 'ssh-key'));
    writeFileSync(path.join(scratch, 'API_BEARER_TOKEN'), `${token}\n`);

    const credentials = '/run/credentials/breakglass.service';
    const specifiers = (text: string): string =>
      text.replaceAll('%d', credentials).replaceAll('%S', '/var/lib');
    const environment = [
      ...valuesOf('Environment').map(specifiers),
      // What EnvironmentFile= would add.
      ...Object.entries({ ...ground.settings, BREAKGLASS_PORT: String(port) }).map((pair) => pair.join('=')),
      'HOME=/var/lib/breakglass',
      'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin',
    ];
    const [command = ''] = valuesOf('ExecStart');
    const { child, said } = startAsOtherUser(
      `cp ${scratch}/ssh-key ${scratch}/API_BEARER_TOKEN /opt/
       mount -t tmpfs -o mode=755 tmpfs /run
       mkdir -p ${credentials}
       mv /opt/ssh-key /opt/API_BEARER_TOKEN ${credentials}/
       chown -R ${USER} /run/credentials && chmod 400 ${credentials}/* && chmod 500 ${credentials}
       mount -t tmpfs -o mode=755 tmpfs /var/lib
       install -d -o ${USER} -g ${USER} -m 700 /var/lib/breakglass
       for home in /home /root; do mount -t tmpfs -o mode=000 tmpfs "$home"; done
       mount -t tmpfs -o mode=1777 tmpfs /tmp
       mount -t tmpfs -o mode=1777 tmpfs /var/tmp
       mount --bind -o ro ${PROGRAM} ${PROGRAM} && mount -o remount,bind,ro ${PROGRAM}
       mount -o remount,bind,ro /
       mount -t proc -o subset=pid,hidepid=invisible proc /proc
       cd /var/lib/breakglass && umask 077`,
      `env -i ${environment.map(quoted).join(' ')} ${specifiers(command)}`,
    );
    await until('it to listen', () => {
      if (child.exitCode !== null) throw new Error(`it ended: ${said()}`);
      return said().includes('Breakglass listens on');
    });
    const base = `http://127.0.0.1:${port}`;
    const me = await fetch(`${base}/api/me`, { headers: { authorization: `Bearer ${token}` } });
    expect(((await me.json()) as Me).mode).toBe('full');
    expect(said()).toContain('the record is in /var/lib/breakglass/data');
    const breakglass = (...args: string[]) =>
      exec(process.execPath, [path.join(root, 'dist/breakglass.js'), ...args], {
        env: { ...process.env, BREAKGLASS_URL: base, BREAKGLASS_TOKEN: token },
      });
    await until('a state that was asked of both', async () =>
      /^devvm +running +answers /m.test((await breakglass('status', 'devvm')).stdout),
    );
    expect((await breakglass('login-link')).stdout).toMatch(new RegExp(`^${base}/#login=[0-9A-Z]{20}$`, 'm'));

    // The restrictions were really there.
    const pid = execFileSync(
      'pgrep',
      ['-u', String(USER), '-n', '-f', `${PROGRAM}/dist/breakglass.js serve`],
      {
        encoding: 'utf8',
      },
    ).trim();
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    expect(status).toMatch(new RegExp(`^Uid:\\s+${USER}\\s+${USER}\\s`, 'm'));
    expect(status).toMatch(/^CapBnd:\s+0+$/m);
    expect(status).toMatch(/^NoNewPrivs:\s+1$/m);
    expect(readFileSync(`/proc/${pid}/mountinfo`, 'utf8')).toMatch(/ \/ \/ ro[, ]/);
  });
});
