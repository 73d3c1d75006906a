// The one thing besides the six verbs and `evidence` that is ever sent to a power host: a fixed word that is none of them, to see it
// rejected. It is no program either, so that a host which hands it to a shell finds nothing to run.
import type { SshConnection, SshResult } from '../ssh/connection.ts';

export const NO_VERB = 'breakglass-doctor-no-verb';

/** As the forced command ends for whatever is no word of its own: docs/host-protocol.md. */
export const REJECTED = 2;

export const sendNoVerb = (ssh: SshConnection, limitMs: number, signal: AbortSignal): Promise<SshResult> =>
  ssh.run({ command: NO_VERB, fresh: true, timeoutMs: limitMs, signal });
