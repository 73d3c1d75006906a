// `breakglass completion bash|zsh|fish`: a script made from the commands and options that there are. The names of targets come from the
// console while somebody presses Tab, by a command that no help shows.
import type { Command } from 'commander';

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

/** Prints the names of the targets, one a line, or nothing. */
export const NAMES_COMMAND = '__targets';

interface Level {
  /** The words that lead to it; none: the command itself. */
  readonly path: readonly string[];
  readonly commands: readonly { readonly name: string; readonly says: string }[];
  readonly options: readonly {
    readonly long: string;
    readonly says: string;
    readonly choices: readonly string[];
    readonly takesTarget: boolean;
  }[];
  /** Of its first argument. */
  readonly choices: readonly string[];
  readonly takesTarget: boolean;
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
        long === undefined || long === null
          ? []
          : [{ long, says: description, choices: argChoices ?? [], takesTarget: long === '--target' }],
      ),
    choices: command.registeredArguments[0]?.argChoices ?? [],
    takesTarget: command.registeredArguments[0]?.name() === 'target',
  };
  return [
    own,
    ...commands.flatMap((each) => (each.name() === 'help' ? [] : levelsOf(each, [...path, each.name()]))),
  ];
}

/** Also zsh reads it, by its bashcompinit: what only bash understands is left out, and `path`, which is zsh's PATH. */
function bash(levels: readonly Level[]): string {
  const known = levels.filter(({ path }) => path.length > 0).map(({ path }) => `'${path.join(' ')}'`);
  const words = levels.map(
    ({ path, commands, options, choices, takesTarget }) =>
      `    '${path.join(' ')}') words='${[...commands.map(({ name }) => name), ...choices].join(' ')}' options='${options.map(({ long }) => long).join(' ')}' named='${takesTarget ? 'yes' : ''}' ;;`,
  );
  const values = levels.flatMap(({ path, options }) =>
    options
      .filter(({ choices, takesTarget }) => choices.length > 0 || takesTarget)
      .map(
        ({ long, choices, takesTarget }) =>
          `    '${[...path, long].join(' ')}') words='${choices.join(' ')}' options='' named='${takesTarget ? 'yes' : ''}' ;;`,
      ),
  );
  return `_breakglass() {
  local current=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD-1]} way='' words='' options='' named='' word
  for word in "\${COMP_WORDS[@]:1:$((COMP_CWORD - 1))}"; do
    case "\${way:+$way }$word" in
    ${known.join(' | ')}) way="\${way:+$way }$word" ;;
    esac
  done
  case "$way" in
${words.join('\n')}
  esac
  case "\${way:+$way }$before" in
${values.join('\n')}
  esac
  if [[ $current == -* ]]; then
    words=$options
  elif [[ -n $named ]]; then
    # An address is one word of the line, and several of COMP_WORDS.
    local -a console=()
    local last=''
    for word in \${COMP_LINE:0:$COMP_POINT}; do
      case "$last" in
      --url | --token-file) console+=("$last" "\${word/#\\~/$HOME}") ;;
      esac
      case "$word" in
      --url=* | --token-file=*) console+=("$word") ;;
      esac
      last=$word
    done
    words=$("\${COMP_WORDS[0]/#\\~/$HOME}" "\${console[@]}" ${NAMES_COMMAND} 2>/dev/null </dev/null)
  fi
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _breakglass breakglass`;
}

function fish(levels: readonly Level[]): string {
  const quoted = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
  const names = `(${FISH_NAMES})`;
  const lines = levels.flatMap(({ path, commands, options, choices, takesTarget }) => {
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
      ...(takesTarget ? [`complete -c breakglass -f -n ${quoted(here)} -a ${quoted(names)}`] : []),
      ...options.map(({ long, says, choices: values, takesTarget: named }) => {
        const given = named ? names : values.join(' ');
        return `complete -c breakglass -n ${quoted(here)} -l ${long.replace(/^--/, '')} -d ${quoted(says)}${given === '' ? '' : ` -x -a ${quoted(given)}`}`;
      }),
    ];
  });
  return [FISH_FUNCTION, ...lines].join('\n');
}

const FISH_NAMES = '__breakglass_targets';

const FISH_FUNCTION = `function ${FISH_NAMES}
  set -l line (commandline -opc)
  set -l console
  for index in (seq (count $line))
    switch $line[$index]
      case --url --token-file
        test $index -lt (count $line); and set -a console $line[$index] $line[(math $index + 1)]
      case '--url=*' '--token-file=*'
        set -a console $line[$index]
    end
  end
  $line[1] $console ${NAMES_COMMAND} 2>/dev/null </dev/null
end`;
