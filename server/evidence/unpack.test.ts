import { inflateSync } from 'node:zlib';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ID, PPM, packBundle, STALLED } from '../../test/support/bundle.ts';
import { pngFromPpm } from './picture.ts';
import { unpack } from './unpack.ts';

test('a whole bundle unpacks without a problem', async () => {
  const { id, files, problems } = await unpack(await packBundle(STALLED));
  expect({ id, problems }).toEqual({ id: ID, problems: [] });
  expect([...files.keys()].sort()).toEqual(Object.keys(STALLED).sort());
  expect(files.get('screendump.ppm')).toEqual(PPM);
});

const evil = Buffer.from('evil');
test.each([
  { name: '../../etc/cron.d/x', type: 'file' as const, size: 4 },
  { name: '/etc/passwd', type: 'file' as const, size: 4 },
  { name: `${ID}/../x`, type: 'file' as const, size: 4 },
  { name: `${ID}/background/../../x`, type: 'file' as const, size: 4 },
  { name: `${ID}/.hidden`, type: 'file' as const, size: 4 },
  { name: 'another/manifest.json', type: 'file' as const, size: 4 },
  { name: `${ID}/link.txt`, type: 'symlink' as const, size: 0, linkname: '/etc/shadow' },
  { name: `${ID}/hard.txt`, type: 'link' as const, size: 0, linkname: '/etc/shadow' },
  { name: `${ID}/device.txt`, type: 'block-device' as const, size: 0 },
])('$name ($type) is refused and said; the rest is kept', async (header) => {
  const more = [{ header, ...(header.size > 0 ? { body: evil } : {}) }];
  const { files, problems } = await unpack(await packBundle({ 'manifest.json': '{}' }, ID, more));
  expect([...files.keys()]).toEqual(['manifest.json']);
  expect(problems).toHaveLength(1);
  expect(problems[0]).toContain('Refused');
});

test('a bomb is cut at the limit, and one large file does not take the others with it', async () => {
  const limits = { totalBytes: 100_000, fileBytes: 20_000, files: 3 };
  const bomb = await unpack(await packBundle({ 'a.txt': 'a', 'b.txt': Buffer.alloc(5_000_000) }), limits);
  expect(bomb.problems[0]).toContain('more than 100000 bytes');
  expect(bomb.files.get('a.txt')?.toString()).toBe('a');
  const large = await unpack(await packBundle({ 'a.txt': Buffer.alloc(50_000), 'b.txt': 'b' }), limits);
  expect(large.files.get('b.txt')?.toString()).toBe('b');
  expect(large.problems.join()).toContain('left out from there');
  const many = await unpack(await packBundle({ a: '1', b: '2', c: '3', d: '4' }), limits);
  expect([...many.files.keys()]).toEqual(['a', 'b', 'c']);
});

test('cut at any byte, or with any byte changed, it still ends, with what could be read and a problem named', async () => {
  const whole = await packBundle(STALLED);
  await fc.assert(
    fc.asyncProperty(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }), async (at, change) => {
      const cut = await unpack(whole.subarray(0, at));
      expect(cut.problems.length).toBeGreaterThan(0);
      const flipped = Buffer.from(whole);
      flipped[at] = (flipped[at] ?? 0) ^ change;
      const { files } = await unpack(flipped);
      for (const name of files.keys()) expect(name).not.toMatch(/\.\./);
    }),
    { numRuns: 60 },
  );
  expect((await unpack(Buffer.alloc(0))).problems).toEqual(['The bundle is empty.']);
  expect((await unpack(Buffer.from('breakglass-pve: rejected'))).problems.length).toBeGreaterThan(0);
});

test('a picture becomes a PNG of the same points; a cut one is completed with black, and nonsense is refused', async () => {
  const picture = await pngFromPpm(PPM);
  expect(picture).toMatchObject({ partial: false });
  const png = picture.png ?? Buffer.alloc(0);
  expect(png.subarray(1, 4).toString()).toBe('PNG');
  expect([png.readUInt32BE(16), png.readUInt32BE(20)]).toEqual([4, 2]);
  const idat = png.indexOf('IDAT');
  const rows = inflateSync(png.subarray(idat + 4, idat + 4 + png.readUInt32BE(idat - 4)));
  expect([...rows.subarray(0, 13)]).toEqual([0, ...Array.from({ length: 12 }, (_, n) => n * 10)]);
  expect(await pngFromPpm(PPM.subarray(0, 20))).toMatchObject({ partial: true });
  for (const bad of ['', 'P5\n1 1\n255\n', 'P6\n99999 99999\n255\n', 'P6\n0 3\n255\n', 'P6\n1 1\n65535\n'])
    expect((await pngFromPpm(Buffer.from(bad))).png).toBeUndefined();
  const garbage = fc.uint8Array({ maxLength: 60 });
  await fc.assert(fc.asyncProperty(garbage, async (bytes) => void (await pngFromPpm(Buffer.from(bytes)))));
});
