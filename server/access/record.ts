// What is recorded of access: in the log, and in the journal, from where it leaves the machine. Nobody is kept waiting by it, and
// nobody is kept out because it fails.
import type { FastifyBaseLogger } from 'fastify';
import type { AccessChange } from '../../protocol/events.ts';
import type { HostKeyAccepted } from '../../protocol/host-keys.ts';
import type { Actor } from '../../protocol/operations.ts';
import type { Journal } from '../journal/port.ts';

export interface AccessNote {
  readonly what: AccessChange;
  /** A sentence for a person. */
  readonly detail: string;
  readonly by?: Actor;
  readonly address?: string;
  readonly times?: number;
  readonly hostKey?: HostKeyAccepted;
}

export type RecordAccess = (note: AccessNote) => void;

/** Of what nobody did who has a name. */
const CONSOLE: Actor = { type: 'server', name: 'console' };

export function recordAccess(
  journal: Journal | undefined,
  logger: Pick<FastifyBaseLogger, 'info' | 'warn'>,
): RecordAccess {
  return ({ what, detail, by = CONSOLE, address, times, hostKey }) => {
    const seen = {
      what,
      detail,
      ...(address === undefined ? {} : { address }),
      ...(times === undefined || times === 1 ? {} : { times }),
      ...(hostKey === undefined ? {} : { host_key: hostKey }),
    };
    logger[what === 'refused' ? 'warn' : 'info']({ access: seen, by }, detail);
    journal?.append([{ kind: 'access', actor: by, ...seen }]).catch((error: unknown) => {
      logger.warn({ err: error, access: what }, 'this could not be recorded');
    });
  };
}
