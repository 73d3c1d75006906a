// Command lines as getopt reads them: bundled short options, long ones, values glued or apart.

export interface Options {
  has(...names: string[]): boolean;
  /** The last value given. */
  value(...names: string[]): string | undefined;
  all(...names: string[]): string[];
  readonly operands: readonly string[];
  /** The first option that the program does not know, as it is printed. */
  readonly unknown: string | undefined;
}

export interface OptionSpec {
  /** Letters without a value. `*`: take any letter. */
  readonly flags: string;
  /** Letters with a value. */
  readonly values?: string;
  /** Long names without, and with a value. */
  readonly long?: readonly string[];
  readonly longValues?: readonly string[];
  /** Options end at the first operand. */
  readonly strict?: boolean;
}

export const parseOptions = (args: readonly string[], spec: OptionSpec): Options => {
  const given: [string, string][] = [];
  const operands: string[] = [];
  let unknown: string | undefined;
  for (let at = 0; at < args.length; at += 1) {
    const arg = args[at] ?? '';
    if (arg === '--') {
      operands.push(...args.slice(at + 1));
      break;
    }
    if (arg.startsWith('--')) {
      const [name = '', ...rest] = arg.slice(2).split('=');
      const takes = spec.longValues?.includes(name) === true;
      if (!takes && spec.long?.includes(name) !== true) unknown ??= `unrecognized option '${arg}'`;
      if (rest.length > 0) given.push([name, rest.join('=')]);
      else if (takes) {
        at += 1;
        given.push([name, args[at] ?? '']);
      } else given.push([name, '']);
    } else if (arg.startsWith('-') && arg.length > 1) {
      for (let letter = 1; letter < arg.length; letter += 1) {
        const name = arg[letter] ?? '';
        if (spec.values?.includes(name)) {
          const glued = arg.slice(letter + 1);
          if (glued === '') at += 1;
          given.push([name, glued === '' ? (args[at] ?? '') : glued]);
          break;
        }
        if (!spec.flags.includes(name) && !spec.flags.includes('*'))
          unknown ??= `invalid option -- '${name}'`;
        given.push([name, '']);
      }
    } else if (spec.strict) {
      operands.push(...args.slice(at));
      break;
    } else operands.push(arg);
  }
  const all = (...names: string[]): string[] =>
    given.filter(([name]) => names.includes(name)).map(([, value]) => value);
  return {
    has: (...names) => all(...names).length > 0,
    all,
    value: (...names) => all(...names).at(-1),
    operands,
    unknown,
  };
};
