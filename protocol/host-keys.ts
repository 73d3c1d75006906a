// A host that shows another key than the one that is pinned: what is known, what it offers, and which side it is.
import { z } from 'zod';
import { targetName, type Wire } from './wire.ts';

export const HostKeySide = z
  .enum(['vm', 'power_host'], { error: 'side: expected vm or power_host' })
  .describe('whose key; that of the power host opens the way to the hypervisor');
export type HostKeySide = Wire<typeof HostKeySide>;

export const HostKey = z.object({
  type: z.string().describe('as ssh names it: `ED25519`, `ECDSA`, `RSA`, …'),
  fingerprint: z.string().describe('`SHA256:` and 43 characters, as ssh prints it'),
});
export type HostKey = Wire<typeof HostKey>;

/** For the record of who accepted which key. */
export const HostKeyAccepted = z
  .object({
    target: targetName,
    side: HostKeySide,
    before: z.array(HostKey).describe('those that counted until then'),
    now: HostKey,
  })
  .meta({ id: 'HostKeyAccepted' });
export type HostKeyAccepted = Wire<typeof HostKeyAccepted>;

export const HostKeyChange = z
  .object({
    side: HostKeySide,
    known: z
      .array(HostKey)
      .describe('those that are pinned; they stop counting when the new one is accepted'),
    offered: HostKey,
  })
  .meta({ id: 'HostKeyChange', description: 'A host showed another key than before, and was not trusted.' });
export type HostKeyChange = Wire<typeof HostKeyChange>;
