// What the host's script prints, for people and for programs: `--- section (time) ---` headers, text, and one closing line
// `BREAKGLASS-RESULT {json}`. Read leniently: an older or newer script must not break the power path. Pure.

export interface HostResult {
  readonly exit: number | undefined;
  /** A sentence. */
  readonly outcome: string | undefined;
  readonly vmState: string | undefined;
  readonly qmp: string | undefined;
  readonly evidence: string | undefined;
  /** The version of the script. */
  readonly version: string | undefined;
  readonly oldPid: number | undefined;
  readonly newPid: number | undefined;
  /** The VM that the account on the host is for; undefined when an older script does not say it. */
  readonly vm: number | undefined;
}

/** Begins every line of the script that is for programs. Those that we do not know are skipped. */
const PREFIX = 'BREAKGLASS-';
const LINE_FOR_PROGRAMS = /^BREAKGLASS-([A-Z]{1,40})(?: (.*))?$/;
const SECTION = /^--- (.{1,120}?)(?: \(([^()]*)\))? ---$/;

/** The content of the closing line; undefined when it is not a JSON object. */
export function parseResult(json: string): HostResult | undefined {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const fields = value as Readonly<Record<string, unknown>>;
  const text = (name: string): string | undefined => {
    const field = fields[name];
    return typeof field === 'string' && field !== '' ? field : undefined;
  };
  const integer = (name: string): number | undefined => {
    const field = fields[name];
    return typeof field === 'number' && Number.isSafeInteger(field) ? field : undefined;
  };
  return {
    exit: integer('exit'),
    outcome: text('outcome'),
    vmState: text('vm_state'),
    qmp: text('qmp'),
    evidence: text('evidence'),
    version: text('version'),
    oldPid: integer('old_pid'),
    newPid: integer('new_pid'),
    vm: integer('vm'),
  };
}

/** A host that announces more than a day is not believed. */
const LONGEST_LIMIT_S = 86_400;

export interface OutputPart {
  /** The text to show and to keep. */
  readonly text: string;
  /** The names of the sections that began in this part, in order. */
  readonly sections: readonly string[];
}

/** Splits stdout while it streams. Text is passed on at once, even in the middle of a line, unless the line may still become a mark. */
export class HostOutput {
  result: HostResult | undefined;
  /** From the announcement on, the verb takes no longer than that; seconds. */
  limitS: number | undefined;
  /** Characters of text that had been passed on when the script's own answer began; what came before greets people. */
  answerFrom = 0;
  #passedOn = 0;
  #held = '';
  /** The beginning of the line was passed on already, so the line is no mark. */
  #midLine = false;

  feed(text: string): OutputPart {
    const sections: string[] = [];
    let out = '';
    this.#held += text;
    for (;;) {
      const end = this.#held.indexOf('\n');
      if (end === -1) break;
      const line = this.#held.slice(0, end + 1);
      this.#held = this.#held.slice(end + 1);
      out += this.#midLine ? line : this.#whole(line, sections, out.length);
      this.#midLine = false;
    }
    if (this.#held !== '' && (this.#midLine || !mayBeMark(this.#held))) {
      out += this.#held;
      this.#held = '';
      this.#midLine = true;
    }
    this.#passedOn += out.length;
    return { text: out, sections };
  }

  /** The last line, which had no line end. */
  end(): OutputPart {
    const sections: string[] = [];
    const text = this.#held === '' ? '' : this.#whole(this.#held, sections, 0);
    this.#held = '';
    return { text, sections };
  }

  #whole(line: string, sections: string[], before: number): string {
    const bare = line.replace(/\r?\n$/, '');
    const [, word, rest = ''] = LINE_FOR_PROGRAMS.exec(bare) ?? [];
    if (word === 'RESULT') {
      const result = parseResult(rest);
      // A line that only looks like one of ours stays text.
      if (result === undefined) return line;
      this.result = result;
      return '';
    }
    if (word === 'BEGIN') this.answerFrom = this.#passedOn + before;
    if (word === 'LIMIT') this.limitS = parseLimit(rest) ?? this.limitS;
    if (word !== undefined) return '';
    const section = SECTION.exec(bare);
    if (section?.[1] !== undefined) sections.push(section[1]);
    return line;
  }
}

// A line that begins like a mark and does not end is passed on at this length.
const mayBeMark = (line: string): boolean =>
  line.length < 16_384 &&
  (line.startsWith('--- ') || '--- '.startsWith(line) || line.startsWith(PREFIX) || PREFIX.startsWith(line));

function parseLimit(json: string): number | undefined {
  try {
    const seconds: unknown = Reflect.get(Object(JSON.parse(json)), 'seconds');
    return typeof seconds === 'number' && seconds > 0 && seconds <= LONGEST_LIMIT_S ? seconds : undefined;
  } catch {
    return undefined;
  }
}

export interface HostStatus {
  readonly vmState: string;
  /** Undefined for a stopped VM, and from an older script. */
  readonly qmp: string | undefined;
  readonly pid: number | undefined;
  /** The age of the QEMU process in seconds. A warm reset does not change it. */
  readonly uptimeS: number | undefined;
  /** The verb that the host is carrying out now. */
  readonly busy: string | undefined;
  /** The property `lock` of the configuration. */
  readonly lock: string | undefined;
  /** The running task of the host that explains the lock. */
  readonly task: string | undefined;
  /** Undefined when the script does not ask the guest agent. */
  readonly guestAgent: boolean | undefined;
  /** The VM that the answer is about; undefined from an older script. */
  readonly vm: number | undefined;
  /** What the script says of how it asked QEMU's monitor, where there is something to say. */
  readonly monitor: string | undefined;
  /** The monitor was not asked now, but so long ago; undefined: now. */
  readonly askedAgoS: number | undefined;
  /** What is wrong with the VM's configuration, or with the cluster's file system that holds it. */
  readonly cluster: string | undefined;
  /** Who holds qemu-server's lock file; undefined where nobody was seen, or nobody looked. */
  readonly holder: string | undefined;
  /** The address that the host sees us come from; undefined from a script that does not say. */
  readonly caller: string | undefined;
  /** What is free there for evidence, MiB; undefined from a script that does not say. */
  readonly freeMb: number | undefined;
}

/** Lines are read up to here; a status has a dozen short ones. */
const LONGEST_LINE = 2_000;

/**
 * Of an answer whose beginning no mark tells (an older script makes none): from its last line `status: …` on, which comes first in what it
 * prints. What greets people before that is nobody's answer.
 */
function ownLines(stdout: string): readonly string[] {
  const lines = stdout.split('\n').map((line) => line.slice(0, LONGEST_LINE).trimEnd());
  // qm's own verbose form is sorted by key, so its state is not its first line.
  if (lines.some((line) => /^[ \t]*(?:qmpstatus|running-qemu):/.test(line))) return lines;
  const first = lines.findLastIndex((line) => /^status: \S/.test(line));
  return first === -1 ? lines : lines.slice(first);
}

/** Reads the text of the verb `status` (lines of `key: value`). Where it names no state, that of the closing line counts. */
export function parseStatus(stdout: string, result: HostResult | undefined): HostStatus | undefined {
  const fields = new Map<string, string>();
  for (const line of ownLines(stdout)) {
    const [, key, value] = /^[ \t]*([a-z][a-z-]{0,30}):[ \t]*(\S.*)$/.exec(line) ?? [];
    if (key !== undefined && value !== undefined) fields.set(key, value);
  }
  const number = (text: string | undefined): number | undefined => {
    const match = /^\d{1,12}/.exec(text ?? '');
    return match === null ? undefined : Number(match[0]);
  };
  // The closing line is a frame of its own; qm's own form has none.
  const vmState = result?.vmState ?? fields.get('qmpstatus') ?? fields.get('status');
  if (vmState === undefined) return undefined;
  const agent = fields.get('guest-agent');
  return {
    vmState,
    qmp: result?.qmp ?? fields.get('qmp') ?? (fields.has('running-qemu') ? 'answers' : undefined),
    pid: number(fields.get('pid')),
    uptimeS: number(fields.get('uptime')),
    busy: fields.get('busy'),
    lock: fields.get('lock'),
    task: fields.get('task'),
    guestAgent: agent === 'answers' ? true : agent === 'silent' ? false : undefined,
    vm: result?.vm ?? number(fields.get('vm')),
    monitor: fields.get('monitor'),
    askedAgoS: number(fields.get('asked')),
    cluster: fields.get('cluster'),
    holder: fields.get('holder'),
    caller: fields.get('caller'),
    freeMb: number(fields.get('space')),
  };
}
