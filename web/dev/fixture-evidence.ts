// The evidence that the fixture server keeps: a stall as a power host captures it, the picture of its console, and older captures.
import { crc32, deflateSync } from 'node:zlib';
import { evidenceIdOf, triageReport } from './fixture-scripts.ts';
import { hourOf } from './fixture-targets.ts';

type Json = Record<string, unknown>;

/** The files of a capture that are shown, as long as real ones are. */
const kernelLog = Array.from(
  { length: 240 },
  (_, line) =>
    `2026-01-31T01:${String(Math.floor(line / 60) + 30).padStart(2, '0')}:${String(line % 60).padStart(2, '0')},000000+00:00 vmbr0: port ${line % 4}(tap10${line % 4}i0) entered ${line % 2 === 0 ? 'blocking' : 'forwarding'} state\n`,
).join('');

const step = (name: string, ms: number, more: Json = {}): Json => ({ name, status: 'ok', ms, ...more });

export const evidenceRecord = (target: string, id = evidenceIdOf(target)): Json => {
  const report = triageReport(target, false);
  return {
    id,
    target,
    verb: 'cycle',
    at: '2026-01-31T02:03:09.000Z',
    status: 'damaged',
    why: 'The compressed data is cut off.',
    bytes: 2_104_311,
    screen: true,
    summary: 'The block path of the QEMU process is stalled.',
    word: 'Wedged',
    operation_id: 'a1',
    manifest: {
      id,
      verb: 'cycle',
      vmid: 102,
      began_at: '2026-01-31T02:03:04.567Z',
      steps: [
        step('process-a', 212),
        step('qmp-a', 40),
        step('screendump', 11),
        step('rrd', 180, { status: 'error', why: 'exit 1' }),
        step('kernel-log', 166),
        step('agent-ping', 3_000, { status: 'timeout', why: 'no answer in 3 s' }),
        step('gdb', 0, { status: 'skipped', why: 'no gdb here' }),
        step('qmp-b', 38),
      ],
    },
    report: {
      ...report,
      finding: {
        ...(report['finding'] as Json),
        inputs: [
          { name: 'QMP', value: 'answers in 3 ms' },
          { name: 'SSH', value: 'no banner within 5 s' },
          { name: 'wrote before', value: 'yes, until 27 min ago' },
          { name: 'diskwrite delta', value: '0 bytes in 2 s' },
          { name: 'threads in D', value: 'none' },
          { name: 'QEMU process', value: 'S, 4242' },
        ],
      },
    },
    apart_s: 2.03,
    screen_at: '2026-01-31T02:03:04.911Z',
    hour: { ...hourOf(true), from: '2026-01-31T01:03:00.000Z' },
    samples: [
      { name: 'QMP', a: 'answers', b: 'answers', still: false },
      { name: 'VM state', a: 'running', b: 'running', still: false },
      { name: 'QEMU process state', a: 'S (sleeping)', b: 'S (sleeping)', still: false },
      { name: 'virtio0 queue 0: requests in use', a: '3', b: '3', still: false },
      { name: 'virtio0 queue 0: used index', a: '70', b: '70', still: true },
      { name: 'virtio0: bytes read', a: '212403118080', b: '212403118080', still: true },
      { name: 'virtio0: bytes written', a: '794665194496', b: '794665194496', still: true },
      { name: 'virtio0: operations completed', a: '18204113', b: '18204113', still: true },
      { name: 'qm status: netin', a: '88120433', b: 'not read', still: false },
      { name: 'CPU 0/KVM: time used', a: '941628', b: '941822', still: false },
    ],
    sections: [
      {
        name: 'kernel-log.txt',
        text: `first line\nkvm: stuck <img src=x onerror=alert(1)>\n${kernelLog}`,
        truncated: false,
      },
      { name: 'config.txt', text: 'memory: 8192\n', truncated: true },
    ],
  };
};

const captureOf = (target: string, at: string, more: Json & { readonly verb: string }): Json => ({
  id: `${at.replace(/[-:]/g, '')}-${more.verb}${target === 'devvm' ? '' : `-${target}`}`,
  target,
  at,
  status: 'complete',
  bytes: 1_911_000,
  screen: true,
  ...more,
});

/** What stands in the list of one target, newest first. */
export const captureList = (target: string): Json[] => {
  const { id, at, verb, status, why, bytes, screen, summary, word, operation_id } = evidenceRecord(target);
  return [
    { id, target, at, verb, status, why, bytes, screen, summary, word, operation_id },
    captureOf(target, '2026-01-31T01:58:41.020Z', {
      verb: 'forensics',
      summary: 'The block path of the QEMU process is stalled.',
      word: 'Wedged',
    }),
    captureOf(target, '2026-01-28T09:12:00.700Z', {
      verb: 'reset',
      operation_id: 'b1',
      summary: 'The guest kernel has halted after a panic.',
      word: 'Panicked',
    }),
    captureOf(target, '2026-01-12T17:40:12.000Z', {
      verb: 'forensics',
      operation_id: 'b2',
      summary: 'Nothing is wrong that can be seen from outside.',
      word: 'Well',
    }),
    // From before there were words.
    captureOf(target, '2025-12-03T22:01:55.100Z', {
      verb: 'stop',
      operation_id: 'b3',
      summary: 'Too little is known.',
    }),
  ];
};

const chunk = (kind: string, data: Buffer): Buffer => {
  const typed = Buffer.concat([Buffer.from(kind, 'latin1'), data]);
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.length);
  sum.writeUInt32BE(crc32(typed));
  return Buffer.concat([length, typed, sum]);
};

/** The size of a text console, 720 by 400, with bars where its letters would be. */
function drawConsole(): Buffer {
  const [width, height, cell, row] = [720, 400, 9, 16];
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  // Eight bits of grey a point.
  header[8] = 8;
  const lines = [31, 0, 44, 58, 61, 39, 0, 52, 60, 47, 55, 22, 0, 13];
  const points = Buffer.alloc((width + 1) * height);
  for (const [line, letters] of lines.entries())
    for (let letter = 0; letter < letters; letter += 1) {
      if ((letter * 7 + line * 3) % 8 === 5) continue;
      for (let y = 4; y < 13; y += 1)
        for (let x = 1; x < cell - 1; x += 1)
          points[(line * row + y) * (width + 1) + 1 + letter * cell + x] =
            (x * y + letter) % 3 === 0 ? 60 : 170;
    }
  return Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(points)),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}
export const evidencePng = drawConsole();
