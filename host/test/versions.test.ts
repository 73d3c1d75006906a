// Console and host script age apart. Each of this version meets the other one of version 0.1.0, as they were: recorded/ holds the
// whole script, and of the console what reads it (output, bundle, triage). What both say of the same VM must be the same.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { execa } from 'execa';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { MachineSeed } from '../../lab/machine/machine.ts';
import { readSignals } from '../../server/evidence/signals.ts';
import { unpack } from '../../server/evidence/unpack.ts';
import { HostOutput, parseStatus } from '../../server/power-host/output.ts';
import { versionWarning } from '../../server/power-host/version.ts';
import { statusSignals } from '../../server/readings/status-signals.ts';
import { triage } from '../../server/triage/triage.ts';
import { FORCED_COMMAND, type RecordingRoot, temporaryRecordingRoot } from './support/recording-root.ts';

const RECORDED = path.join(import.meta.dirname, 'recorded');
const AT = '2026-11-27T08:00:00.000Z';

interface Reader {
  /** What the console makes of a verb's stdout. */
  read(stdout: string): {
    readonly status:
      | { vmState?: string; qmp?: string; pid?: number; busy?: string; lock?: string }
      | undefined;
    readonly result: { exit?: number; evidence?: string; newPid?: number; version?: string } | undefined;
    readonly sections: readonly string[];
  };
  /** The finding about a bundle, with the status of now. */
  find(
    archive: Buffer,
    status: never,
  ): Promise<{
    readonly code: string;
    readonly advised: string | null;
    readonly problems: readonly string[];
  }>;
}

type OutputClass = new () => {
  result: Record<string, unknown> | undefined;
  feed(text: string): { text: string; sections: readonly string[] };
  end(): { text: string; sections: readonly string[] };
};

const readerWith = (
  Output: OutputClass,
  statusOf: (text: string, result: never) => unknown,
  find: Reader['find'],
): Reader => ({
  read: (stdout) => {
    const output = new Output();
    const parts = [output.feed(stdout), output.end()];
    const text = parts.map((part) => part.text).join('');
    return {
      status: statusOf(text, output.result as never) as ReturnType<Reader['read']>['status'],
      result: output.result as ReturnType<Reader['read']>['result'],
      sections: parts.flatMap((part) => part.sections),
    };
  },
  find,
});

const textsOf = (files: ReadonlyMap<string, Buffer>): ReadonlyMap<string, string> =>
  new Map([...files].map(([name, bytes]) => [name, bytes.toString('utf8')]));

const newConsole = readerWith(HostOutput as unknown as OutputClass, parseStatus, async (archive, status) => {
  const { files, problems } = await unpack(archive);
  const { finding } = triage({
    ...statusSignals(status, readSignals(textsOf(files)), 'capture'),
    target: 'devvm',
    at: AT,
    powerHost: { reading: 'answers', detail: '' },
    ssh: { reading: 'silent', detail: '' },
  });
  return { code: finding.code, advised: finding.advised, problems };
});

async function oldConsole(dir: string): Promise<Reader> {
  const load = async (name: string) =>
    (await import(/* @vite-ignore */ path.join(dir, 'console-0.1.0/server', name))) as never;
  const output = (await load('power/host-output.ts')) as {
    HostOutput: OutputClass;
    parseStatus: () => unknown;
  };
  const archives = (await load('evidence/unpack.ts')) as { unpack: typeof unpack };
  const signals = (await load('evidence/signals.ts')) as { readSignals(files: unknown): object };
  const rules = (await load('triage/triage.ts')) as {
    triage(signals: object): { finding: { code: string; advised: string | null } };
  };
  return readerWith(output.HostOutput, output.parseStatus, async (archive) => {
    const { files, problems } = await archives.unpack(archive);
    const { finding } = rules.triage({
      ...signals.readSignals(textsOf(files)),
      target: 'devvm',
      at: AT,
      powerHost: { reachable: true, detail: '' },
      busy: undefined,
      ssh: { answers: false, detail: '' },
    });
    return { code: finding.code, advised: finding.advised, problems };
  });
}

describe.each([
  'the new console with the script of 0.1.0',
  'the console of 0.1.0 with the new script',
] as const)('%s', (pair) => {
  let dir: string;
  let console_: Reader;
  let script: string;
  let host: RecordingRoot | undefined;

  beforeAll(async () => {
    dir = mkdtempSync(path.join(tmpdir(), 'bg-versions-'));
    for (const name of ['host-0.1.0', 'console-0.1.0'])
      execFileSync('tar', ['-xzf', path.join(RECORDED, `${name}.tar.gz`), '-C', dir]);
    symlinkSync(path.resolve(import.meta.dirname, '../../node_modules'), path.join(dir, 'node_modules'));
    const isNew = pair.startsWith('the new console');
    console_ = isNew ? newConsole : await oldConsole(dir);
    script = isNew ? path.join(dir, 'host-0.1.0/breakglass-pve') : FORCED_COMMAND;
  });
  afterEach(() => host?.close());
  afterAll(() => rmSync(dir, { recursive: true }));

  const machine = (seed: Partial<MachineSeed>): void => {
    host = temporaryRecordingRoot({
      config: {
        agent: '1',
        cores: '4',
        memory: '8192',
        scsihw: 'virtio-scsi-single',
        scsi0: 'local-lvm:vm-102-disk-0',
      },
      ...seed,
    });
  };
  const call = async (word: string) =>
    execa(script, ['--root', host?.dir ?? '', '102'], {
      env: { SSH_ORIGINAL_COMMAND: word, SSH_CONNECTION: '10.0.0.5 50000 10.0.0.9 22' },
      reject: false,
      stdin: 'ignore',
      encoding: 'buffer',
    });
  const said = async (word: string) => {
    const { stdout, exitCode } = await call(word);
    return { exitCode, ...console_.read(Buffer.from(stdout).toString('utf8')) };
  };

  test('a status says how the VM is', async () => {
    machine({});
    expect(await said('status')).toMatchObject({
      exitCode: 0,
      status: { vmState: 'running', qmp: 'answers', pid: 4242, uptimeS: expect.any(Number), busy: undefined },
      result: { exit: 0 },
    });
    await host?.close();
    machine({ status: 'stopped' });
    expect((await said('status')).status).toMatchObject({
      vmState: 'stopped',
      qmp: undefined,
      pid: undefined,
    });
  });

  test.each([
    ['a block stall', { fault: 'block-stall' }, 'block-path-stalled', 'cycle'],
    ['a stopped VM', { status: 'stopped' }, 'stopped', 'start'],
  ] as const)(
    'the evidence of %s leads to its finding, and the verb cures it',
    async (_name, seed, code, verb) => {
      machine(seed);
      const forensics = await said('forensics');
      expect(forensics).toMatchObject({
        exitCode: 0,
        result: { exit: 0, evidence: expect.stringMatching(/-forensics$/) },
      });
      expect(forensics.sections).toContain('forensics');
      const { status } = await said('status');
      const found = await console_.find(Buffer.from((await call('evidence')).stdout), status as never);
      expect(found).toMatchObject({ code, advised: verb, problems: [] });
      const cured = await said(verb);
      expect(cured).toMatchObject({ exitCode: 0, result: { exit: 0, newPid: expect.any(Number) } });
      expect(cured.sections).toEqual(expect.arrayContaining(['startable', 'forensics', 'start', 'verify']));
      expect((await said('status')).status).toMatchObject({ vmState: 'running', pid: cured.result?.newPid });
    },
  );

  test('what is no word is rejected in the same way', async () => {
    machine({});
    expect(await said('status 103')).toMatchObject({ exitCode: 2, status: undefined, result: undefined });
  });

  test('that the versions differ is said in a sentence', async () => {
    machine({});
    const { result } = await said('status');
    if (pair.startsWith('the new console'))
      expect(versionWarning(result?.version)).toEqual([
        expect.stringContaining('The power host runs breakglass-pve 0.1.0; this console expects '),
      ]);
    // The console of 0.1.0 compares with its own number in the same way.
    else expect(result?.version).not.toBe('0.1.0');
  });
});
