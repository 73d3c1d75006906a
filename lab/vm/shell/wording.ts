// The interpreter's messages, turned into the words that bash and dash print.
import type { ShellFs } from './shell-fs.ts';
import { OPEN } from './transform.ts';

const NO_SUCH = ': No such file or directory';

/** Between the program's name and the reason stands what the program named; quotes and verbs go. */
const pathIn = (line: string): string => {
  const named = line.slice(line.indexOf(': ') + 2, line.length - NO_SUCH.length);
  return named.replace(/^.*? '(.*)'$/, '$1').replace(/^line \d+: /, '');
};

const reworded = (line: string, number: string, shell: string, fs: ShellFs): string => {
  let text = line.replace(/: command not available in browser environments\..*$/, ': command not found');
  const opening = /^bash: (\/\.open\/.*?): (cannot open redirect target|Is a directory)$/.exec(text);
  if (opening?.[1] !== undefined) {
    const [, , ...typed] = opening[1].slice(OPEN.length).split('/');
    const shown = typed.join('/');
    const reason =
      opening[2] === 'Is a directory'
        ? opening[2]
        : (fs.refusals.get(fs.resolvePath(fs.cwd, shown)) ?? NO_SUCH.slice(2));
    text = `bash: ${shown}: ${reason}`;
  } else if (text.endsWith(NO_SUCH)) {
    const reason = fs.refusals.get(fs.resolvePath(fs.cwd, pathIn(text)));
    if (reason !== undefined) text = `${text.slice(0, -NO_SUCH.length)}: ${reason}`;
  } else {
    text = text.replace(/^(\w+): E[A-Z]+: permission denied, \w+ '(.*)'$/, '$1: $2: Permission denied');
  }
  if (!text.startsWith('bash: ')) return text;
  const rest = text
    .slice('bash: '.length)
    .replace(/^line \d+: /, '')
    .replace(/^syntax error: Parse error at \d+:\d+: /, '');
  if (shell === 'sh') return `sh: ${number}: ${rest.replace(/: command not found$/, ': not found')}`;
  const place = /^(syntax error|unexpected EOF)/.test(rest) ? `-c: line ${number}` : `line ${number}`;
  return `bash: ${place}: ${rest}`;
};

export const rewordText = (text: string, number: string, shell: string, fs: ShellFs): string =>
  text
    .split('\n')
    .map((line) => (line === '' ? line : reworded(line, number, shell, fs)))
    .join('\n');
