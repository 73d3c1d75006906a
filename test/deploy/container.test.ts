// The image, built and started: a root that cannot be written, nobody's user, and what a deployment has around it.
import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { buildImage } from '../../deploy/container/build.ts';
import type { Source } from '../../deploy/source.ts';
import { AUTH } from '../support/console.ts';
import {
  inContainer,
  type KeyOf,
  launchContainer,
  type Unpacked,
  unpackWithConfig,
  whyNoContainers,
} from '../support/container.ts';
import { type House, startHouse } from '../support/house.ts';
import { skippedBecause } from '../support/skipped-because.ts';
import { Viewer } from '../support/viewer.ts';
import { until, within } from '../support/wait-for.ts';

const why = whyNoContainers();
/** So that a package that comes by accident is seen. What is in it: 399 MB are Claude Code, 150 Node, 92 Debian. */
const SIZE_LIMIT_MB = 700;
const TURN_LIMIT_MS = 400_000;

describe.skipIf(why)(`the image${skippedBecause(why)}`, () => {
  let image: Unpacked;
  let source: Source;
  const start = async (keyOf: KeyOf): Promise<House> => {
    const house = await startHouse({
      scenario: 'io-stall',
      powerHost: 'sshd',
      launch: launchContainer({ image, keyOf }),
    });
    onTestFinished(() => house.close());
    return house;
  };

  const run = (house: House, command: string) => inContainer(image, house.pid(), ...command.split(' '));

  beforeAll(async () => {
    source = await buildImage(false, (line) => console.log(line));
    image = await unpackWithConfig();
  });
  afterAll(() => image?.remove());

  test('has the console, the pinned Node and the command, no compiler, no npm, and belongs to root', async () => {
    const files = filesBelow(image.root);
    const megabytes = files.reduce((sum, { size }) => sum + size, 0) / 1e6;
    console.log(`the image: ${megabytes.toFixed(0)} MB`);
    expect(megabytes).toBeLessThan(SIZE_LIMIT_MB);
    const names = files.map(({ name }) => name);
    expect(names.filter((name) => /\/(gcc|cc|make|npm|npx|python3|curl|vite)$/.test(name))).toEqual([]);
    expect(
      names.filter((name) => /\/opt\/breakglass\/.*(\.test\.ts|\.env|private_key|access-token)$/.test(name)),
    ).toEqual([]);
    for (const { name, uid, mode } of files.filter((file) => /^\/(opt|usr)\//.test(file.name)))
      expect([name, uid, mode & 0o022]).toEqual([name, 0, 0]);
  });

  test('says what it is: version, commit, licence, a numeric user that is not root', async () => {
    const { Labels, User, Volumes } = image.config;
    expect(Labels).toMatchObject({
      'org.opencontainers.image.title': 'Breakglass',
      'org.opencontainers.image.version': source.version,
      'org.opencontainers.image.revision': source.revision,
      'org.opencontainers.image.source': expect.any(String),
      'org.opencontainers.image.licenses': 'Apache-2.0',
      'org.opencontainers.image.created': expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
    });
    expect(User).toBe('10001:10001');
    expect(Volumes).toEqual({ '/data': {} });
  });

  test('goes through sign-in, a verb that is verified, and a turn of the agent, and ends when it is told to', async () => {
    const house = await start('user');
    const health = await run(house, 'healthy');
    expect(health).toMatchObject({ exitCode: 0, stderr: '' });

    const link = await run(house, `breakglass login-link --url ${house.base}`);
    expect(link.exitCode, link.stderr).toBe(0);
    const code = new URL(link.stdout.trim()).hash.replace('#', '');
    expect(code).not.toBe('');

    // As an operator does it: the first answer may come before the host's.
    await until('a running VM in `breakglass status`', async () => {
      const status = await run(house, `breakglass status devvm --url ${house.base}`);
      expect(status.exitCode, status.stderr).toBe(0);
      return /^devvm +running/m.test(status.stdout);
    });

    expect(await (await house.call('POST', '/api/pve/cycle')).json()).toMatchObject({ exit_code: 0 });

    const tried: string[] = [];
    await until(
      'a turn of the agent',
      async () => {
        const session = await house.newSession();
        const viewer = new Viewer(house, session);
        await house.call('POST', `/api/session/${session}/prompt`, { prompt: 'What is wrong?' });
        await viewer.turnsEnded();
        await viewer.close();
        const [trouble] = viewer.events.flatMap((event) => (event.kind === 'error' ? [event] : []));
        tried.push(trouble === undefined ? 'done' : JSON.stringify(trouble['error']));
        // On a busy machine the agent, which is nice, comes too late: its message asks to try again.
        if (trouble?.['code'] === 'model-silent') return false;
        expect(trouble).toBeUndefined();
        return viewer.count('tool_result') > 0;
      },
      TURN_LIMIT_MS,
    ).catch((error: unknown) => {
      throw new Error(`${tried.join(', ')}\n${house.log()}`, { cause: error });
    });

    expect(house.log()).not.toMatch(/entrypoint:/);
    await within('the end of the container after SIGTERM', house.close());
  });

  test('takes a key that belongs to root and a group, as Kubernetes mounts it', async () => {
    const house = await start('group');
    const answer = await house.call('POST', '/api/pve/status');
    expect(await answer.json()).toMatchObject({ exit_code: 0 });
    expect(house.log()).not.toMatch(/entrypoint:/);
  });

  test('says that it may not read its key, and comes up', async () => {
    const house = await start('root');
    expect(house.log()).toMatch(/private_key cannot be read by this user \(10001:10001\)/);
  });

  test('cannot write its root, has no capability, and is well with that', async () => {
    const house = await start('user');
    const written = await run(house, 'touch /opt/breakglass/dist/x');
    expect(written).toMatchObject({ exitCode: 1, stderr: expect.stringMatching(/Read-only file system/) });
    const self = await run(house, 'cat /proc/1/status');
    expect(self.stdout).toMatch(/^Uid:\t10001\t10001\t10001\t10001$/m);
    expect(self.stdout).toMatch(/^CapEff:\t0+$/m);
    expect(self.stdout).toMatch(/^NoNewPrivs:\t1$/m);
    const ready = await fetch(`${house.base}/ready`, { headers: AUTH });
    expect(ready.status).toBe(200);
    expect(await ready.json()).not.toHaveProperty('degraded');
  });
});

interface Found {
  readonly name: string;
  readonly size: number;
  readonly uid: number;
  readonly mode: number;
}

function filesBelow(base: string): readonly Found[] {
  return execFileSync('find', [base, '-xdev', '-type', 'f', '-printf', '/%P\t%s\t%U\t%m\n'], {
    encoding: 'utf8',
    maxBuffer: 64e6,
  })
    .trim()
    .split('\n')
    .map((line) => {
      const [name = '', size, uid, mode = ''] = line.split('\t');
      return { name, size: Number(size), uid: Number(uid), mode: Number.parseInt(mode, 8) };
    });
}
