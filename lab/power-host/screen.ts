// The VM's console as QEMU's screendump gives it: a binary PPM of a text screen. A stalled guest shows the same as one that is
// well, which is why a picture alone proves nothing.

/** Character and glyph: five rows of three dots, each row an octal digit. */
const FONT =
  'A25755 B65656 C34443 D65556 E74647 F74644 G34553 H55755 I72227 J11152 K55655 L44447 M57755 ' +
  'N65555 O25552 P65644 Q25563 R65655 S34216 T72222 U55557 V55522 W55775 X55255 Y55222 Z71247 ' +
  '075557 126227 261247 361216 455711 574616 634757 771222 875757 975716 :02020 .00002 -00700 ' +
  '/11244 _00007';
const GLYPHS = new Map(FONT.split(' ').map((entry) => [entry.charAt(0), entry.slice(1)]));

const WIDTH = 720;
const HEIGHT = 400;
/** Edge of a dot in pixels; a cell is four dots wide and six high. */
const DOT = 3;

export const drawScreen = (hostname: string): Buffer => {
  const header = Buffer.from(`P6\n${WIDTH} ${HEIGHT}\n255\n`);
  const pixels = Buffer.alloc(WIDTH * HEIGHT * 3);
  const lines = [`DEBIAN GNU/LINUX 12 ${hostname} TTY1`, '', `${hostname} LOGIN: _`];
  for (const [row, line] of lines.entries()) {
    for (const [column, character] of line.toUpperCase().split('').entries()) {
      const rows = GLYPHS.get(character) ?? '00000';
      for (let dot = 0; dot < 15; dot += 1) {
        if ((Number(rows.charAt(Math.floor(dot / 3))) & (4 >> (dot % 3))) === 0) continue;
        fillDot(pixels, (column * 4 + (dot % 3) + 1) * DOT, (row * 6 + Math.floor(dot / 3) + 1) * DOT);
      }
    }
  }
  return Buffer.concat([header, pixels]);
};

const fillDot = (pixels: Buffer, left: number, top: number): void => {
  for (let y = top; y < Math.min(top + DOT, HEIGHT); y += 1) {
    if (left + DOT <= WIDTH) pixels.fill(170, (y * WIDTH + left) * 3, (y * WIDTH + left + DOT) * 3);
  }
};
