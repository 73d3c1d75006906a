// Read, Grep and Glob may look into the knowledge directory and nowhere else, judged by real paths. Every call is checked twice, by
// a hook and by the permission callback; neither relies on the other.
import { realpathSync } from 'node:fs';
import path from 'node:path';
import { isOurTool, plainToolName } from './show-tool.ts';

export type Verdict = { readonly allowed: true } | { readonly allowed: false; readonly reason: string };

const ALLOWED: Verdict = { allowed: true };
const refuse = (reason: string): Verdict => ({ allowed: false, reason });
const OUTSIDE = 'Refused: only files inside the knowledge directory can be read.';

export interface Confinement {
  /** Real path of the knowledge directory. */
  readonly root: string;
  /** Names of tools. Every other tool is refused. */
  readonly tools: readonly string[];
}

/** May this call go on? */
export function confine({ root, tools }: Confinement, toolName: string, input: unknown): Verdict {
  if (!tools.includes(plainToolName(toolName))) return refuse(`Refused: the agent has no tool ${toolName}.`);
  if (isOurTool(toolName)) return ALLOWED; // `ssh` and `triage` judge their own input
  if (typeof input !== 'object' || input === null) return refuse('Refused: the input is not an object.');
  const fields: Readonly<Record<string, unknown>> = { ...input };
  switch (toolName) {
    case 'Read':
      return inside(root, fields['file_path']);
    case 'Grep':
      return firstRefusal(searchRoot(root, fields['path']), searchPattern(root, fields['glob']));
    case 'Glob':
      // Without a pattern there is nothing to match: the CLI refuses it itself.
      return firstRefusal(searchRoot(root, fields['path']), searchPattern(root, fields['pattern']));
    default:
      return refuse(`Refused: no rule for ${toolName}.`);
  }
}

const firstRefusal = (...verdicts: readonly Verdict[]): Verdict =>
  verdicts.find((verdict) => !verdict.allowed) ?? ALLOWED;

/** No path means the working directory, which is the knowledge directory. */
const searchRoot = (root: string, value: unknown): Verdict =>
  value === undefined ? ALLOWED : inside(root, value);

function inside(root: string, value: unknown): Verdict {
  // Some programs give `~`, `$` and the like a meaning. A path that contains one is refused.
  if (typeof value !== 'string' || value === '' || /[\0~$\\]/.test(value)) return refuse(OUTSIDE);
  let real: string;
  try {
    real = realpathSync(path.resolve(root, value));
  } catch {
    return refuse(
      'Refused: no such file in the knowledge directory. Glob with pattern **/*.md lists what is there.',
    );
  }
  return within(root, real) ? ALLOWED : refuse(OUTSIDE);
}

const within = (root: string, real: string): boolean => real === root || real.startsWith(root + path.sep);

/** Matches a pattern that climbs up or is absolute, also through braces: inside them only plain words are allowed. */
const CLIMBING = /[\0~$\\]|\.\.|\{[^}]*[^\w,*}-][^}]*\}|\{[^}]*$|(^|[!\s,])\//;

/** Whether the pattern stays below the root. It must not leave it through a symbolic link among its literal segments either. */
function searchPattern(root: string, value: unknown): Verdict {
  if (value === undefined) return ALLOWED;
  if (typeof value !== 'string' || CLIMBING.test(value)) {
    return refuse('Refused: the pattern must stay inside the knowledge directory.');
  }
  let at = root;
  for (const segment of value.replace(/^!/, '').split('/')) {
    if (/[*?[\]{}()!]/.test(segment)) break;
    at = path.join(at, segment);
    try {
      if (!within(root, realpathSync(at))) return refuse(OUTSIDE);
    } catch {
      break; // What does not exist is no link.
    }
  }
  return ALLOWED;
}
