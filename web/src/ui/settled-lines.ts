// What a terminal would finally show of output that moves its cursor: progress that is written over itself, line by line or over several
// lines. Colours stay in the text. What would empty the whole screen, or jump to a place on it, takes nothing away: there is no screen
// here, and a person needs what was printed. Pure.

const ESC = '\u001B';
const BEL = '\u0007';
/** Colours, movements, and the rest, which is dropped: titles, links, character sets, modes. */
const SEQUENCE = new RegExp(
  [
    `${ESC}\\[([0-9:;<=>?]*)[ -/]*([@-~])`,
    `${ESC}\\][^${BEL}${ESC}]*(?:${BEL}|${ESC}\\\\)`,
    `${ESC}[P^_X][^${ESC}]*${ESC}\\\\`,
    `${ESC}[()*+#%][A-Z0-9]`,
    `${ESC}([78MDEc=>])`,
  ].join('|'),
  'gy',
);
/** Whether anything is there to be settled: nearly all output has nothing but colours. */
const MOVES = new RegExp(`[\\b\\r]|${ESC}(?!\\[[0-9:;]*m)`);

export const movesCursor = (text: string): boolean => MOVES.test(text.replaceAll('\r\n', '\n'));

/** One position: the colours that were set before it, and its character. */
interface Cell {
  readonly style: string;
  readonly character: string;
}

// Nobody moves further; a number from outside must not make us fill a line with a million spaces.
const FURTHEST = 4_096;
// Colours are set anew all the time; without a reset the sequence of them would grow for ever.
const STYLE_CAP = 120;

class Screen {
  readonly lines: Cell[][] = [[]];
  row = 0;
  column = 0;
  style = '';
  #kept = { row: 0, column: 0 };

  write(character: string): void {
    const line = this.#line();
    while (line.length < this.column) line.push({ style: '', character: ' ' });
    line[this.column] = { style: this.style, character };
    this.column += 1;
  }

  newLine(): void {
    this.row += 1;
    this.column = 0;
    if (this.row === this.lines.length) this.lines.push([]);
  }

  move(command: string, parameters: string): void {
    const given = Number.parseInt(parameters, 10);
    const by = Math.min(Number.isNaN(given) || given === 0 ? 1 : given, FURTHEST);
    switch (command) {
      case 'A':
      case 'F':
        this.row = Math.max(0, this.row - by);
        break;
      case 'B':
      case 'E':
        this.row = Math.min(this.lines.length - 1, this.row + by);
        break;
      case 'C':
        this.column = Math.min(this.column + by, FURTHEST);
        break;
      case 'D':
        this.column = Math.max(0, this.column - by);
        break;
      case 'G':
      case '`':
        this.column = by - 1;
        break;
      case 'H':
      case 'f':
        this.#toFreshLine();
        break;
      case 'K':
        this.#erase(Number.isNaN(given) ? 0 : given);
        break;
      case 'J':
        if (Number.isNaN(given) || given === 0) {
          this.#erase(0);
          for (const below of this.lines.slice(this.row + 1)) below.length = 0;
        }
        break;
      case 'P':
        this.#line().splice(this.column, by);
        break;
      case 'X':
        for (let at = this.column; at < Math.min(this.column + by, this.#line().length); at += 1)
          this.#blank(at);
        break;
      case 's':
        this.keep();
        break;
      case 'u':
        this.goBack();
        break;
      case 'm':
        this.paint(parameters);
        break;
      default: // Modes, reports, scrolling: nothing of it is text.
    }
    if (command === 'E' || command === 'F') this.column = 0;
  }

  paint(parameters: string): void {
    const isReset = parameters === '' || /^0*(?:;|$)/.test(parameters);
    const added = `${isReset ? '' : this.style}${ESC}[${parameters}m`;
    this.style =
      isReset && /^0*$/.test(parameters)
        ? ''
        : added.length > STYLE_CAP
          ? added.slice(added.lastIndexOf(ESC))
          : added;
  }

  keep(): void {
    this.#kept = { row: this.row, column: this.column };
  }

  goBack(): void {
    this.row = Math.min(this.#kept.row, this.lines.length - 1);
    this.column = this.#kept.column;
  }

  #line(): Cell[] {
    const line = this.lines[this.row] ?? [];
    this.lines[this.row] = line;
    return line;
  }

  #blank(at: number): void {
    const line = this.#line();
    if (at < line.length) line[at] = { style: '', character: ' ' };
  }

  #erase(which: number): void {
    const line = this.#line();
    if (which === 0) line.length = Math.min(line.length, this.column);
    else if (which === 1) for (let at = 0; at <= this.column; at += 1) this.#blank(at);
    else line.length = 0;
  }

  #toFreshLine(): void {
    this.row = this.lines.length - 1;
    this.column = 0;
    if (this.#line().length > 0) this.newLine();
  }
}

const lineOf = (cells: readonly Cell[]): string => {
  let style = '';
  let text = '';
  for (const cell of cells) {
    if (cell.style !== style) text += `${style === '' ? '' : `${ESC}[0m`}${cell.style}`;
    style = cell.style;
    text += cell.character;
  }
  return style === '' ? text : `${text}${ESC}[0m`;
};

export const settledLines = (printed: string): readonly string[] => {
  const text = printed.replaceAll('\r\n', '\n');
  if (!movesCursor(text)) return text.split('\n');
  const screen = new Screen();
  let at = 0;
  while (at < text.length) {
    const character = String.fromCodePoint(text.codePointAt(at) ?? 0);
    SEQUENCE.lastIndex = at;
    const found = character === ESC ? SEQUENCE.exec(text) : null;
    at += found?.[0].length ?? character.length;
    const [, parameters = '', command, single] = found ?? [];
    if (command !== undefined) screen.move(command, parameters);
    else if (single === '7') screen.keep();
    else if (single === '8') screen.goBack();
    else if (single === 'M') screen.move('A', '');
    else if (single === 'E' || single === 'D' || character === '\n') screen.newLine();
    else if (character === '\r') screen.column = 0;
    else if (character === '\b') screen.column = Math.max(0, screen.column - 1);
    else if (found === null) screen.write(character);
  }
  return screen.lines.map(lineOf);
};

/** Which colours are on after this text, if they were on before it. */
export const styleAfter = (text: string, before: string): string => {
  const screen = new Screen();
  screen.style = before;
  for (const [, parameters = ''] of text.matchAll(COLOUR)) screen.paint(parameters);
  return screen.style;
};
/** A colour, with its parameters. */
export const COLOUR = new RegExp(`${ESC}\\[([0-9:;]*)m`, 'g');
