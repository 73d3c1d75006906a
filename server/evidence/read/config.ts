// The VM's configuration, as the file that Proxmox keeps (sections, `[PENDING]`) or as `qm config` prints it, and what is staged in
// it. Pure. The file: PVE::QemuServer::parse_vm_config of https://git.proxmox.com/?p=qemu-server.git.

export interface VmConfig {
  /** Key → value, of what holds now. */
  readonly current: ReadonlyMap<string, string>;
  /** Undefined: the text has no sections, so it cannot say what is staged. */
  readonly pending:
    | { readonly set: ReadonlyMap<string, string>; readonly removed: readonly string[] }
    | undefined;
}

const LINE = /^([a-z][a-zA-Z0-9_-]{0,60}):[ \t]*(.*)$/;
const SECTION = /^\[([^\]\n]{1,100})\][ \t]*$/;

/** Comments, and sections of snapshots, say nothing about the VM as it is. */
export function readConfig(text: string): VmConfig {
  const current = new Map<string, string>();
  const set = new Map<string, string>();
  const removed: string[] = [];
  let section: 'current' | 'pending' | 'other' = 'current';
  let sections = false;
  for (const line of text.split('\n')) {
    const [, name] = SECTION.exec(line) ?? [];
    if (name !== undefined) {
      sections = true;
      section = name.toUpperCase() === 'PENDING' ? 'pending' : 'other';
      continue;
    }
    const [, key, value] = LINE.exec(line.trimEnd()) ?? [];
    if (key === undefined || value === undefined || section === 'other') continue;
    if (section === 'current') current.set(key, value);
    // `!` before a key: removed by force.
    else if (key === 'delete') removed.push(...value.split(/[,;\s]+/).map((each) => each.replace(/^!/, '')));
    else set.set(key, value);
  }
  // A configuration without anything staged and without snapshots has no section either; qm prints a description as a key.
  const asFile = sections || !current.has('description');
  return { current, pending: asFile ? { set, removed: removed.filter((key) => key !== '') } : undefined };
}

/** One change a line, for a person. Undefined where the text cannot tell. */
export function stagedIn({ current, pending }: VmConfig): readonly string[] | undefined {
  if (pending === undefined) return undefined;
  return [
    ...[...pending.set].map(([key, value]) => change(key, current.get(key), value)),
    ...pending.removed.map((key) => change(key, current.get(key), undefined)),
  ];
}

const change = (key: string, from: string | undefined, to: string | undefined): string =>
  `${key}: ${from === undefined ? '' : `${from}${to === undefined ? ', ' : ' → '}`}${to ?? 'removed'}`;

/** Lines as `qm pending` prints them: `cur k: v`, `new k: v`, `del k: v`, interleaved by key; a `del` may come without a `cur`. */
export function readStaged(text: string): readonly string[] {
  const current = new Map<string, string>();
  const staged: string[] = [];
  for (const line of text.split('\n')) {
    const [, kind, key, value] = /^\s*(cur|new|del) ([a-z][a-zA-Z0-9_-]{0,60})(?:: (.*))?$/.exec(line) ?? [];
    if (key === undefined) continue;
    if (kind === 'cur') current.set(key, value ?? '');
    else if (kind === 'new') staged.push(change(key, current.get(key), value ?? ''));
    else staged.push(change(key, value ?? current.get(key), undefined));
  }
  return staged;
}

const LIMIT = /^(?:iops|mbps|bps)(?:_(?:rd|wr))?(?:_max)?=([0-9.]{1,20})$/;

/** I/O limits of disks, each as the configuration names it. Less than one is a limit, too. */
export const throttlesIn = ({ current }: VmConfig): readonly string[] =>
  [...current].flatMap(([disk, options]) => {
    if (!/^(?:scsi|virtio|sata|ide)\d+$/.test(disk)) return [];
    const limits = options.split(',').filter((option) => Number(LIMIT.exec(option)?.[1] ?? 0) > 0);
    return limits.length === 0 ? [] : [`${disk}: ${limits.join(', ')}`];
  });

/** `agent: 1`, `agent: enabled=1,fstrim_cloned_disks=1`; `agent: 0` and no such line mean that there is none. */
export function agentIn({ current }: VmConfig): boolean {
  const options = (current.get('agent') ?? '0').split(',');
  return options.some((option, n) => option === 'enabled=1' || (n === 0 && option === '1'));
}

export const lockIn = ({ current }: VmConfig): string => current.get('lock') || 'none';
