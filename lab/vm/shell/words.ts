// The interpreter's messages, turned into the words that bash and dash print.
import { OPEN } from './rewrite.ts';

const NO_SUCH = 'No such file or directory';

export interface Place {
  /** Why the machine refused a path, if it did. */
  readonly refusal: (path: string) => string | undefined;
  readonly shell: 'bash' | 'sh';
  /** Of the script, where the command stands. */
  readonly line: string;
}

/** What a message names: between its first colon and the reason, without the quotes and verbs around it. */
const namedIn = (text: string): string => text.slice(text.indexOf(': ') + 2).replace(/^.*? '(.*)'$/, '$1');

/** By a shell inside this one. */
const isDone = (line: string): boolean => /^bash: (-c: |line \d+: (?!unexpected EOF))|^sh: /.test(line);

/** Where Debian's programs say it in other words than `program: file: reason`. */
const CANNOT: Readonly<Record<string, (path: string) => string>> = {
  head: (path) => `cannot open '${path}' for reading`,
  tail: (path) => `cannot open '${path}' for reading`,
  sort: (path) => `cannot read: ${path}`,
  find: (path) => `'${path}'`,
};
const cannot = (head: string): string => {
  const [program = '', path = ''] = head.split(/: (.*)/s);
  const words = CANNOT[program];
  return words === undefined || path.includes("'") ? head : `${program}: ${words(path)}`;
};

const reworded = (line: string, { refusal, shell, line: number }: Place): string => {
  if (isDone(line)) return line;
  let text = line.replace(/E[A-Z]+: ([A-Z][\w ()-]+), '.*'$/, '$1');
  const opened = new RegExp(`^bash: ${OPEN}[^/]*/\\d+/(.*): (.*)$`).exec(text);
  if (opened !== null) {
    const [, path = '', reason = ''] = opened;
    text = `bash: ${path}: ${reason === 'Is a directory' ? reason : (refusal(path) ?? NO_SUCH)}`;
  } else if (text.endsWith(`: ${NO_SUCH}`)) {
    const head = text.slice(0, -NO_SUCH.length - 2);
    text = `${cannot(head)}: ${refusal(namedIn(head)) ?? NO_SUCH}`;
  }
  // They are part of the shell.
  if (/^(\[|test|printf): /.test(text)) text = `bash: ${text}`;
  if (!text.startsWith('bash: ')) return text;
  const rest = text
    .slice('bash: '.length)
    .replace(/^line \d+: /, '')
    .replace(/: command not available in browser environments\..*$/, ': command not found')
    .replace(/^syntax error: Parse error at \d+:\d+: /, '')
    .replace(/: maximum recursion depth .*$/, ': maximum function nesting level exceeded')
    .replace(/^Expected .*, got EOF$/, 'syntax error: unexpected end of file')
    .replace(/^Expected .*$/, "syntax error near unexpected token `newline'");
  if (shell === 'sh') return `sh: ${number}: ${rest.replace(/: command not found$/, ': not found')}`;
  return `bash: ${/^(syntax error|unexpected EOF)/.test(rest) ? '-c: ' : ''}line ${number}: ${rest}`;
};

export const inShellsWords = (text: string, place: Place): string =>
  text.replaceAll(/^.+$/gm, (line) => reworded(line, place));

const OF_SHELL = new RegExp(`bash: (?:${OPEN}.*|[^\\s:]+: command not found)$`, 'gm');
/** Something printed, which may be any bytes, with the shell's own messages in it as they would be. */
export const printed = (bytes: Buffer, place: Place): Buffer =>
  bytes.includes('bash: ')
    ? Buffer.from(
        bytes.toString('latin1').replaceAll(OF_SHELL, (line) => reworded(line, place)),
        'latin1',
      )
    : bytes;
