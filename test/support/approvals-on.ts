// The real approvals over a journal, for tests of the rooms around them.
import pino from 'pino';
import { onTestFinished } from 'vitest';
import type { PolicyMode } from '../../protocol/approvals.ts';
import { Approvals, type Lives } from '../../server/approvals/approvals.ts';
import { SessionPolicies } from '../../server/approvals/session-policies.ts';
import type { Journal } from '../../server/journal/port.ts';

export function approvalsOn(
  journal: Journal,
  { mode = 'ask', lives }: { readonly mode?: PolicyMode; readonly lives?: Lives } = {},
): Approvals {
  const policies = new SessionPolicies({
    journal,
    configured: () => mode,
    logger: pino({ level: 'silent' }),
  });
  onTestFinished(() => policies.close());
  return new Approvals({ journal, policies, ...(lives === undefined ? {} : { lives }) });
}
