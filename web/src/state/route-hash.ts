// Reads and writes the address. Pure.
// An address without a target means the default one, as all addresses did while there was only one target.
import {
  type EvidenceId,
  parseEvidenceId,
  parseSessionId,
  parseTargetName,
  type SessionId,
  type TargetName,
} from '../../../protocol/ids.ts';

export interface Place {
  /** `links`: those of doctor. `set-up`: the same as a checklist, for the first run. */
  readonly view: 'chat' | 'power' | 'evidence' | 'links' | 'set-up';
  /** `none`: the address names no target. `unreadable`: it names something that cannot be a target. */
  readonly target: { readonly name: TargetName } | 'none' | 'unreadable';
  readonly session: SessionId | undefined;
  readonly evidence: EvidenceId | undefined;
}
export type View = Place['view'];

const targetOf = (text: string | undefined): Place['target'] => {
  const name = parseTargetName(text ?? '');
  return name === undefined ? 'unreadable' : { name };
};

export const parseHash = (hash: string): Place => {
  const parts = hash.replace(/^#\/?/, '').split('/');
  const target = parts[0] === 't' ? targetOf(parts[1]) : 'none';
  const [first, second = ''] = parts[0] === 't' ? parts.slice(2) : parts;
  const evidence = first === 'evidence' ? parseEvidenceId(second) : undefined;
  if (evidence) return { view: 'evidence', target, session: undefined, evidence };
  if (first === 'power' || first === 'links' || first === 'set-up')
    return { view: first, target, session: undefined, evidence };
  // A session belongs to one target, so its address need not name it.
  const session = first === 's' && target === 'none' ? parseSessionId(second) : undefined;
  return { view: 'chat', target, session, evidence };
};

/** It lies over chat and power, and closing it leads back to where it was opened. */
export const isOver = (view: View): boolean => view !== 'chat' && view !== 'power';

export type Goal =
  | { readonly view: 'chat' | 'power' | 'links' | 'set-up' }
  | { readonly view: 'evidence'; readonly evidence: string };

/** `target` undefined: there is only one target, so the address does not name it. */
export const hashOf = (goal: Goal, target: string | undefined): string => {
  const head = target === undefined ? '#/' : `#/t/${target}/`;
  switch (goal.view) {
    case 'chat':
      return target === undefined ? head : `#/t/${target}`;
    case 'power':
    case 'links':
    case 'set-up':
      return `${head}${goal.view}`;
    case 'evidence':
      return `${head}evidence/${goal.evidence}`;
  }
};

export const sessionHash = (id: string): string => `#/s/${id}`;

/** A link that lets a browser in. Its code is taken out of the address at once. */
export type OpenedLink =
  | { readonly kind: 'login'; readonly code: string }
  | { readonly kind: 'share'; readonly code: string; readonly session: SessionId };

export const linkOf = (hash: string): OpenedLink | undefined => {
  const login = /^#login=([0-9A-Za-z]{1,40})$/.exec(hash)?.[1];
  if (login !== undefined) return { kind: 'login', code: login };
  const [, id = '', code] = /^#\/s\/([^/]+)\/share\/([0-9A-Za-z]{1,40})$/.exec(hash) ?? [];
  const session = parseSessionId(id);
  return session === undefined || code === undefined ? undefined : { kind: 'share', code, session };
};
