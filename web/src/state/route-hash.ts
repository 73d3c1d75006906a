// What the address says. Pure.
import { type EvidenceId, parseEvidenceId, parseSessionId, type SessionId } from '../../../protocol/ids.ts';

export type View = 'chat' | 'power' | 'evidence';

export interface Place {
  readonly view: View;
  readonly session: SessionId | undefined;
  readonly evidence: EvidenceId | undefined;
}

export const parseHash = (hash: string): Place => {
  const [first, second] = hash.replace(/^#\/?/, '').split('/');
  const evidence = first === 'evidence' && second ? parseEvidenceId(second) : undefined;
  if (evidence) return { view: 'evidence', session: undefined, evidence };
  if (first === 'power') return { view: 'power', session: undefined, evidence };
  return { view: 'chat', session: first === 's' && second ? parseSessionId(second) : undefined, evidence };
};
