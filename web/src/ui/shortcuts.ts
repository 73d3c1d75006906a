// Keys that work anywhere on the page, but not while somebody types.
interface Shortcuts {
  readonly prompt: () => void;
  readonly power: () => void;
  readonly targets: () => void;
  readonly sessions: () => void;
  /** To the question that waits. */
  readonly approval: () => void;
  readonly close: () => void;
}

// Between the two keys of a chord.
const CHORD_MS = 1_200;

const isTyping = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement &&
  (target.isContentEditable || ['INPUT', 'TEXTAREA', 'SELECT'].includes(target.tagName));

/** Returns what undoes it. */
export const watchShortcuts = (shortcuts: Shortcuts): (() => void) => {
  let chordAt = 0;
  const onKey = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    // What stands above the page takes the keys, also when the button that had the focus is gone from it.
    if (document.querySelector('dialog:modal') !== null) return;
    if (event.key === 'Escape') {
      shortcuts.close();
      return;
    }
    if (isTyping(event.target)) return;
    const inChord = Date.now() - chordAt < CHORD_MS;
    chordAt = event.key === 'g' ? Date.now() : 0;
    if (event.key === '/') shortcuts.prompt();
    else if (inChord && event.key === 'p') shortcuts.power();
    else if (inChord && event.key === 'm') shortcuts.targets();
    else if (inChord && event.key === 's') shortcuts.sessions();
    else if (inChord && event.key === 'a') shortcuts.approval();
    else return;
    event.preventDefault();
  };
  addEventListener('keydown', onKey);
  return () => removeEventListener('keydown', onKey);
};
