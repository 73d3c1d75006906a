// A state as a shape, as on the page: check, triangle, cross or ring, beside its word. A text browser draws none of it and shows the word.
export type Tone = 'ok' | 'warn' | 'bad' | 'none';

const DRAWN: Readonly<Record<Tone, string>> = {
  ok: '<circle cx="8" cy="8" r="7"/><path class="knocked" d="m4.9 8.3 2.2 2.2 4-4.6"/>',
  warn: '<path d="M8 1.9 15 14H1Z"/><path class="knocked" d="M8 6.1v3.7M8 12.2v.1"/>',
  bad: '<path class="drawn" d="m3.25 3.25 9.5 9.5M12.75 3.25l-9.5 9.5"/>',
  none: '<circle class="drawn" cx="8" cy="8" r="6"/>',
};

export const shape = (tone: Tone): string =>
  `<svg class="${tone}" viewBox="0 0 16 16" aria-hidden="true">${DRAWN[tone]}</svg>`;

export const STATE_CSS = `svg { fill: currentcolor; color: var(--none); }
svg.ok { color: var(--ok); }
svg.warn { color: var(--warn); }
svg.bad { color: var(--bad); }
.drawn { fill: none; stroke: currentcolor; stroke-width: 2; stroke-linecap: round; }
.knocked { fill: none; stroke: var(--surface); stroke-width: 1.75; stroke-linecap: round; stroke-linejoin: round; }
`;
