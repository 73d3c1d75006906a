// The console's picture: QEMU's PPM (Proxmox builds QEMU without PNG) made a PNG that a browser shows. Formats:
// https://netpbm.sourceforge.net/doc/ppm.html, https://www.w3.org/TR/png-3/
import { promisify } from 'node:util';
import { crc32, deflate } from 'node:zlib';

/** Beyond any screen that QEMU emulates; below what would hurt us. */
const MOST_PIXELS = 16_777_216;
const LONGEST_SIDE = 16_384;
const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
const RGB = 2;

export type Picture =
  | { readonly png: Buffer; readonly partial: boolean }
  | { readonly png: undefined; readonly why: string };

/** What a cut-off picture lacks is black. */
export async function pngFromPpm(ppm: Buffer): Promise<Picture> {
  const nothing = (why: string): Picture => ({ png: undefined, why });
  const header = /^P6\s(?:#[^\n]{0,200}\n)?\s{0,8}(\d{1,5})\s{1,8}(\d{1,5})\s{1,8}(\d{1,5})\s/.exec(
    ppm.subarray(0, 400).toString('latin1'),
  );
  if (header === null) return nothing('It is no PPM picture.');
  const [width, height, depth] = [Number(header[1]), Number(header[2]), Number(header[3])];
  if (
    width < 1 ||
    height < 1 ||
    width > LONGEST_SIDE ||
    height > LONGEST_SIDE ||
    width * height > MOST_PIXELS
  )
    return nothing(`It claims ${width} × ${height} pixels.`);
  if (depth !== 255) return nothing(`It has ${depth} levels a colour, not 255.`);
  const pixels = ppm.subarray(header[0].length);
  const row = width * 3;
  // Each row begins with its filter: 0, none.
  const raw = Buffer.alloc((row + 1) * height);
  for (let y = 0; y < height && y * row < pixels.length; y++)
    pixels.copy(raw, y * (row + 1) + 1, y * row, (y + 1) * row);
  const size = Buffer.alloc(13);
  size.writeUInt32BE(width, 0);
  size.writeUInt32BE(height, 4);
  size.set([8, RGB, 0, 0, 0], 8);
  const data = await promisify(deflate)(raw);
  const parts = [SIGNATURE, chunk('IHDR', size), chunk('IDAT', data), chunk('IEND', Buffer.alloc(0))];
  return { png: Buffer.concat(parts), partial: pixels.length < row * height };
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const frame = Buffer.alloc(12 + data.length);
  frame.writeUInt32BE(data.length, 0);
  body.copy(frame, 4);
  frame.writeUInt32BE(crc32(body), 8 + data.length);
  return frame;
}
