// What this console cannot do at the moment, in short and in sentences. Pure.
import type { Me } from '../../../protocol/me.ts';

export interface ConsoleLimits {
  /** Must be read at once; '' when there is nothing of that weight. */
  readonly plain: string;
  /** The heading above the sentences. */
  readonly short: string;
  readonly sentences: readonly string[];
}

export const consoleLimits = (me: Me | null): ConsoleLimits => {
  if (!me) {
    return {
      plain: 'The console could not say who you are or what works. Power may still work.',
      short: '',
      sentences: [],
    };
  }
  const noAgent = me.mode === 'full' && !me.agent.available;
  const sentences = [
    ...(noAgent
      ? [`The agent is not available. ${me.agent.why ?? 'Triage without AI and power work.'}`]
      : []),
    ...(me.keys.present || me.warnings.some((warning) => warning.includes('SSH key'))
      ? []
      : ['No SSH key is loaded: neither the VM nor the power host can be reached.']),
    ...me.warnings,
  ];
  const named = [noAgent ? 'No agent' : '', me.keys.present ? '' : 'No SSH key'].filter(
    (head) => head !== '',
  );
  const rest = sentences.length - named.length;
  const notes = rest > 0 ? [`${rest} ${rest === 1 ? 'note' : 'notes'} about this console`] : [];
  return {
    plain: me.mode === 'power-only' ? `Power only: no chat, no sessions. ${me.why ?? ''}`.trim() : '',
    short: [...named, ...notes].join(' · '),
    sentences,
  };
};
