import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseEvidenceId, parseTargetName } from '../../protocol/ids.ts';
import { ID, packBundle, STALLED } from '../../test/support/bundle.ts';
import { frameArchive } from './frame.ts';
import { readArchive } from './read-archive.ts';

const cause = {
  id: parseEvidenceId(ID) ?? expect.fail(),
  target: parseTargetName('devvm') ?? expect.fail(),
  verb: 'forensics',
  ssh: { reading: 'silent', reached: 'nothing', detail: 'no answer' },
} as const;
const job = (archive: Uint8Array, before = '') => ({ cause, archive, before, problems: [], at: new Date(0) });

test('a bundle comes back from the worker with its record, its picture, its signals and its samples', async () => {
  const { record, json, png, read } = await readArchive(job(await packBundle(STALLED)));
  expect(record).toMatchObject({ status: 'complete', report: { finding: { code: 'block-path-stalled' } } });
  expect(JSON.parse(json)).toEqual(JSON.parse(JSON.stringify(record)));
  expect(
    Buffer.from(png ?? [])
      .subarray(1, 4)
      .toString(),
  ).toBe('PNG');
  expect(read.counters).toHaveLength(2);
  const { disks } = read.counters[0] ?? expect.fail();
  expect(disks.is === 'known' && disks.value.get('virtio0')).toMatchObject({ written: 4_096 });
});

// Only another thread can be given up: on this one the limit would pass unseen.
test('a bomb that takes longer than its limit is given up, and there is a record that says so', async () => {
  const bomb = await packBundle({ 'kernel-log.txt': Buffer.alloc(90 * 1024 * 1024, 10) });
  const { record } = await readArchive(job(bomb), { ms: 1, heapMb: 512 });
  expect(record).toMatchObject({ status: 'damaged', bytes: bomb.length });
  expect(record.why).toContain('longer than');
});

test('one that wants more memory than the worker may have costs the worker, not the server', async () => {
  const wide = gzipSync(Buffer.alloc(90 * 1024 * 1024, '[1,'));
  const lines = await packBundle({ 'rrd.json': Buffer.from('['.repeat(1_000_000)), 'cluster.txt': wide });
  const { record } = await readArchive(job(lines), { ms: 60_000, heapMb: 8 });
  expect(record.status).toBe('damaged');
});

test('what greets people before the bundle changes nothing of it, and is kept', async () => {
  const bundle = await packBundle(STALLED);
  const greeting = 'Willkommen auf pve!\nuptime: 12 days\n';
  const stream = Buffer.concat([Buffer.from(`${greeting}BREAKGLASS-EVIDENCE 1\n`), bundle]);
  const { archive, before } = frameArchive(stream);
  expect(archive).toEqual(bundle);
  const { record } = await readArchive(job(archive, before));
  expect(record.status).toBe('complete');
  expect(record.sections.at(-1)).toEqual({
    name: 'printed before the bundle',
    text: greeting.trim(),
    truncated: false,
  });
});

test('wherever the bundle begins a line it is found, and text without one stays what it is', () => {
  const archive = gzipSync('x');
  const line = fc.string({ maxLength: 40 }).map((text) => text.replaceAll('\n', ' '));
  fc.assert(
    fc.property(fc.array(line, { maxLength: 5 }), (lines) => {
      const text = lines.map((each) => `${each}\n`).join('');
      expect(frameArchive(Buffer.concat([Buffer.from(text), archive])).archive).toEqual(archive);
      expect(frameArchive(Buffer.from(text)).archive.toString()).toBe(text);
      // A greeting need not end its line.
      expect(frameArchive(Buffer.concat([Buffer.from(`${text}> `), archive])).archive).toEqual(archive);
    }),
  );
});
