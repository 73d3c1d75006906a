// `breakglass completion bash|zsh|fish`: a script made from the commands and options that there are.
import type { Command } from 'commander';

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

interface Level {
  /** The words that lead to it; none: the command itself. */
  readonly path: readonly string[];
  readonly commands: readonly { readonly name: string; readonly says: string }[];
  readonly options: readonly {
    readonly long: string;
    readonly says: string;
    readonly choices: readonly string[];
  }[];
  /** Of its first argument. */
  readonly choices: readonly string[];
}

export function completionScript(shell: Shell, program: Command): string {
  const levels = levelsOf(program, []);
  switch (shell) {
    case 'bash':
      return bash(levels);
    case 'zsh':
      return `autoload -U +X compinit && compinit\nautoload -U +X bashcompinit && bashcompinit\n${bash(levels)}`;
    case 'fish':
      return fish(levels);
  }
}

function levelsOf(command: Command, path: readonly string[]): Level[] {
  const help = command.createHelp();
  const commands = help.visibleCommands(command);
  const own: Level = {
    path,
    commands: commands.map((each) => ({ name: each.name(), says: each.description() })),
    options: help
      .visibleOptions(command)
      .flatMap(({ long, description, argChoices }) =>
        long === undefined || long === null ? [] : [{ long, says: description, choices: argChoices ?? [] }],
      ),
    choices: command.registeredArguments[0]?.argChoices ?? [],
  };
  return [
    own,
    ...commands.flatMap((each) => (each.name() === 'help' ? [] : levelsOf(each, [...path, each.name()]))),
  ];
}

function bash(levels: readonly Level[]): string {
  const known = levels.filter(({ path }) => path.length > 0).map(({ path }) => `'${path.join(' ')}'`);
  const words = levels.map(
    ({ path, commands, options, choices }) =>
      `    '${path.join(' ')}') words='${[...commands.map(({ name }) => name), ...choices].join(' ')}' options='${options.map(({ long }) => long).join(' ')}' ;;`,
  );
  const values = levels.flatMap(({ path, options }) =>
    options
      .filter(({ choices }) => choices.length > 0)
      .map(
        ({ long, choices }) =>
          `    '${[...path, long].join(' ')}') words='${choices.join(' ')}' options='' ;;`,
      ),
  );
  return `_breakglass() {
  local current=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD-1]} path='' words='' options='' word
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "\${path:+$path }$word" in
    ${known.join(' | ')}) path="\${path:+$path }$word" ;;
    esac
  done
  case "$path" in
${words.join('\n')}
  esac
  case "\${path:+$path }$before" in
${values.join('\n')}
  esac
  if [[ $current == -* ]]; then words=$options; fi
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _breakglass breakglass`;
}

function fish(levels: readonly Level[]): string {
  const quoted = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
  const lines = levels.flatMap(({ path, commands, options, choices }) => {
    const [first, ...rest] = path;
    const below = commands.map(({ name }) => name);
    const conditions = [
      first === undefined ? '__fish_use_subcommand' : `__fish_seen_subcommand_from ${first}`,
      ...rest.map((word) => `__fish_seen_subcommand_from ${word}`),
    ];
    const here = conditions.join('; and ');
    const before =
      below.length === 0 || first === undefined
        ? here
        : `${here}; and not __fish_seen_subcommand_from ${below.join(' ')}`;
    return [
      ...commands.map(
        ({ name, says }) => `complete -c breakglass -f -n ${quoted(before)} -a ${name} -d ${quoted(says)}`,
      ),
      ...(choices.length === 0
        ? []
        : [`complete -c breakglass -f -n ${quoted(here)} -a ${quoted(choices.join(' '))}`]),
      ...options.map(
        ({ long, says, choices: values }) =>
          `complete -c breakglass -n ${quoted(here)} -l ${long.replace(/^--/, '')} -d ${quoted(says)}${values.length === 0 ? '' : ` -x -a ${quoted(values.join(' '))}`}`,
      ),
    ];
  });
  return lines.join('\n');
}
