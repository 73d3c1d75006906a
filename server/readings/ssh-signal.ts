// A look at SSH as triage sees it. Pure.
import type { Probed } from '../guest/port.ts';
import type { SshSignal } from '../triage/signals.ts';

export const sshSignal = ({ reading, refusal, reached, detail, ms }: Probed): SshSignal => ({
  reading,
  ...(refusal === undefined ? {} : { refusal }),
  reached,
  ...(reading === 'works' ? { tookMs: ms } : {}),
  detail,
});
