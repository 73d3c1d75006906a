// What this console cannot do at the moment, sorted by how urgent it is to read. Pure.
import type { Me } from '../../../protocol/me.ts';

export interface ConsoleLimits {
  /** Must be read at once; '' if nothing is that urgent. */
  readonly plain: string;
  /** The heading above `sentences`, which are one tap away; '' if there are none. */
  readonly short: string;
  readonly sentences: readonly string[];
  /** Less urgent: shown at the end of the power view. */
  readonly notes: readonly string[];
}

const NO_KEY = 'No SSH key is loaded: neither the VM nor the power host can be reached.';

export const consoleLimits = (me: Me | null): ConsoleLimits => {
  if (!me) {
    const plain = 'The console could not say who you are or what works. Power may still work.';
    return { plain, short: '', sentences: [], notes: [] };
  }
  const aboutKeys = me.warnings.filter((warning) => warning.includes('SSH key'));
  const limits = [
    ...(me.mode === 'full' && !me.agent.available
      ? [
          {
            head: 'No agent',
            text: `The agent is not available. ${me.agent.why ?? 'Triage without AI and power work.'}`,
          },
        ]
      : []),
    ...(me.keys.present ? [] : [{ head: 'No SSH key', text: aboutKeys.join(' ') || NO_KEY }]),
  ];
  const sentences = limits.map(({ text }) => text);
  const isNote = (warning: string): boolean =>
    !sentences.includes(warning) && (me.keys.present || !aboutKeys.includes(warning));
  return {
    plain: plainly(me),
    short: limits.map(({ head }) => head).join(' · '),
    sentences,
    notes: me.warnings.filter(isNote),
  };
};

function plainly({ mode, why, role }: Me): string {
  const looks = role === 'observer' ? 'You may look, and change nothing.' : '';
  const power = mode === 'power-only' ? `Power only: no chat, no sessions. ${why ?? ''}` : '';
  return `${looks} ${power}`.trim();
}
