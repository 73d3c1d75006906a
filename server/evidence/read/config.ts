// The VM's configuration, what is staged in it, and who holds it. Pure.
import { field, integer } from './head-sections.ts';

/** Lines as `qm pending` prints them (`cur k: v`, `new k: v`, `del k`), one change a line for a person. */
export function readStaged(text: string): readonly string[] {
  const current = new Map<string, string>();
  const staged: string[] = [];
  for (const line of text.split('\n')) {
    const [, kind, key, value] = /^\s*(cur|new|del) ([a-z][a-z0-9_-]*)(?:: (.*))?$/.exec(line) ?? [];
    if (key === undefined) continue;
    if (kind === 'cur') current.set(key, value ?? '');
    else if (kind === 'del') staged.push(`${key}: removed`);
    else staged.push(current.has(key) ? `${key}: ${current.get(key)} → ${value}` : `${key}: ${value}`);
  }
  return staged;
}

/** I/O limits of disks, each as the configuration names it. */
export const readThrottles = (config: string): readonly string[] =>
  [...config.matchAll(/^((?:scsi|virtio|sata|ide)\d+): (.*)$/gm)].flatMap(([, disk, options]) => {
    const limits = (options ?? '')
      .split(',')
      .filter((option) => /^(?:iops|mbps|bps)(?:_\w+)?=[1-9]/.test(option));
    return limits.length === 0 ? [] : [`${disk}: ${limits.join(', ')}`];
  });

/** `unknown`, perhaps with the reason behind it, is not known. */
const said = (value: string | undefined): string | undefined =>
  value === undefined || /^unknown\b/.test(value) ? undefined : value;

export interface Holders {
  readonly configLock: string | undefined;
  readonly task: string | undefined;
  readonly quorum: boolean | undefined;
  readonly haManaged: boolean | undefined;
  readonly flock: { readonly holder: string; readonly heldS: number | undefined } | undefined;
}

export function readHolders(
  config: string | undefined,
  cluster: string | undefined,
  flock: string | undefined,
): Holders {
  const lock = field(config, 'lock') ?? said(field(cluster, 'lock'));
  const quorum = said(field(cluster, 'quorum'));
  const ha = said(field(cluster, 'ha'));
  const holder = field(flock, 'holder') ?? (/^free\b/m.test(flock ?? '') ? 'free' : undefined);
  return {
    configLock: lock === 'none' ? undefined : lock,
    task: said(field(cluster, 'task')),
    quorum: quorum === undefined ? undefined : /^yes\b/.test(quorum),
    haManaged: ha === undefined ? undefined : /^managed\b/.test(ha),
    flock:
      holder === undefined
        ? undefined
        : { holder, heldS: integer(/^\d+/.exec(field(flock, 'held_s') ?? '')?.[0]) },
  };
}
