// The command line of `bash` and `sh`.

export interface ShellArguments {
  /** `-c`: the first operand is the script. */
  readonly inline: boolean;
  /** Letters for `set`: e, u, x. */
  readonly options: string;
  readonly operands: readonly string[];
}

export const shellArguments = (args: readonly string[]): ShellArguments => {
  let at = 0;
  let options = '';
  let inline = false;
  for (; args[at]?.startsWith('-') === true && args[at] !== '-'; at += 1) {
    const option = args[at] ?? '';
    if (option === '--') {
      at += 1;
      break;
    }
    if (option.startsWith('--')) continue;
    inline ||= option.includes('c');
    options += option.replaceAll(/[^eux]/g, '');
  }
  return { inline, options, operands: args.slice(at) };
};
