// Command lines, read as Debian's programs read them where the interpreter's own do not.

/** `10`, `1.5m`, `2h`, in milliseconds. */
export const durationMs = (text = ''): number | undefined => {
  const [, amount, unit = ''] = /^(\d+(?:\.\d+)?|\.\d+)([smhd]?)$/.exec(text) ?? [];
  const scale = { s: 1, m: 60, h: 3600, d: 86_400 }[unit] ?? 1;
  return amount === undefined ? undefined : Number(amount) * scale * 1000;
};

/** `xargs -n1`. */
export const apart = (args: readonly string[]): string[] =>
  args.flatMap((arg) => /^(-[nIPd])(.+)$/s.exec(arg)?.slice(1) ?? [arg]);

export type RunsOthers = 'env' | 'timeout' | 'xargs' | 'systemd-run';
/** What these are asked to run, without their own options. */
export const runBy = (name: RunsOthers, args: readonly string[]): readonly string[] => {
  const valued = {
    env: /^-[uC]$/,
    timeout: /^-[ks]$/,
    xargs: /^-[nIPdLsEa]$/,
    'systemd-run': /^(-[puE]|--(property|unit|uid|slice|description))$/,
  }[name];
  const isOwn = (arg: string): boolean => arg.startsWith('-') || (name === 'env' && /^\w+=/.test(arg));
  let at = 0;
  while (isOwn(args[at] ?? '')) at += valued.test(args[at] ?? '') ? 2 : 1;
  return args.slice(at + Number(name === 'timeout'));
};

/** What they say of a program that is not there, and how they end. */
export const missing = (by: RunsOthers, name: string): [words: string, code: number] => {
  const said = {
    env: `env: '${name}'`,
    timeout: `timeout: failed to run command '${name}'`,
    xargs: `xargs: ${name}`,
    'systemd-run': `Failed to find executable ${name}`,
  }[by];
  return [`${said}: No such file or directory\n`, by === 'systemd-run' ? 1 : 127];
};

/** `sort -h` of lines with a size in front. */
export const bySize = (args: readonly string[]): string[] => {
  const has = (letter: string): boolean => args.some((arg) => new RegExp(`^-[a-z]*${letter}`).test(arg));
  return has('h') && !has('k') ? ['-k1,1', ...args] : [...args];
};

/** `tail -f` without the `-f`; undefined where it does not follow. */
export const withoutFollow = (name: string, args: readonly string[]): string[] | undefined => {
  if (!['tail', 'journalctl', 'dmesg'].includes(name)) return undefined;
  const isFollow = (arg: string): boolean => /^-[a-zA-Z]*[fFw]|^--follow/.test(arg);
  const rest = args.map((arg) => (isFollow(arg) ? arg.replaceAll(/[fFw]|^--follow.*/g, '') : arg));
  return args.some(isFollow) ? rest.filter((arg) => arg !== '-' && arg !== '') : undefined;
};

export interface ShellLine {
  /** `-c`: the script itself; else the file of the script, or nothing: it comes by the input. */
  readonly inline: boolean;
  readonly script: string | undefined;
  /** `$0`, `$1` and so on. */
  readonly positional: readonly string[];
  /** Letters for `set`. */
  readonly set: string;
}
export const shellLine = (name: string, args: readonly string[]): ShellLine => {
  const first = args.findIndex((arg) => !/^-[a-z]/.test(arg));
  const flags = args.slice(0, first < 0 ? undefined : first).join('');
  const operands = first < 0 ? [] : args.slice(first);
  const [inline, byInput] = [flags.includes('c'), flags.includes('s')];
  const [zero = name, ...positional] = inline ? operands.slice(1) : byInput ? [name, ...operands] : operands;
  const script = byInput ? undefined : operands[0];
  return { inline, script, positional: [zero, ...positional], set: flags.replaceAll(/[^eux]/g, '') };
};
