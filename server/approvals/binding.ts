// What an answer is about, as one hash: change a byte of it, and it is another question. Pure.
import { createHash } from 'node:crypto';
import type { Asked } from '../../protocol/approvals.ts';
import type { SessionId, TargetName } from '../../protocol/ids.ts';

/** All that a person agrees to. */
export interface Bound {
  readonly asked: Asked;
  readonly session: SessionId;
  readonly target: TargetName;
  readonly policyVersion: number;
  /** UTC, ISO 8601. */
  readonly expiresAt: string;
}

/** SHA-256 in hex. The order of the parts is fixed here, so that the same question has the same hash however its object was made. */
export function bindingOf({ asked, session, target, policyVersion, expiresAt }: Bound): string {
  const { host, command, stdin, timeout_s, despite_finding } = asked.input;
  const kind = 'verb' in asked ? ['verb', asked.verb] : ['command', asked.account];
  const parts = [
    'breakglass-approval-1',
    kind,
    host,
    command,
    stdin ?? null,
    timeout_s ?? null,
    despite_finding ?? null,
    session,
    target,
    policyVersion,
    expiresAt,
  ];
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}
