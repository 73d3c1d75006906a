// What the address says. Pure.
import { parseSessionId, type SessionId } from '../../../protocol/ids.ts';

export type View = 'chat' | 'power';

export const parseHash = (hash: string): { view: View; session: SessionId | undefined } => {
  const [first, second] = hash.replace(/^#\/?/, '').split('/');
  if (first === 'power') return { view: 'power', session: undefined };
  return { view: 'chat', session: first === 's' && second ? parseSessionId(second) : undefined };
};
