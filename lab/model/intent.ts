// What a prompt asks for, by its words. Pure.

export type Intent = 'triage' | 'repair' | 'verb' | 'memory' | 'disk' | 'services' | 'outside' | 'chat';

const WORDS: readonly (readonly [Intent, RegExp])[] = [
  // Said outright, it covers whatever else is named in the same breath.
  ['triage', /\btriage\b/i],
  ['verb', /\b(cycle|reset|start|stop)\b(?!ed)/i],
  ['repair', /\b(free|fix|repair|go ahead|do it|do that|clear|truncate|restart|yes|ok|okay|please do)\b/i],
  ['outside', /\b(qemu|wedged|power host|pve|hypervisor)\b/i],
  ['memory', /\b(memory|ram|oom|swap|load)\b/i],
  ['disk', /\b(disk|space|filesystem|df)\b/i],
  ['services', /\b(services?|units?|systemd)\b/i],
  [
    'triage',
    /\b(triage|diagnos\w*|check|look|status|wrong|broken|down|help|why|what|slow|hang\w*|dead|stuck|up)\b/i,
  ],
];

/** The longest prompt that counts as an order. Above it one asks for a look at something, whatever words are in it. */
const ORDER_CHARS = 160;

/** "Free it" is an order; "is a cycle needed?", "say what is safe to clear" and "do not delete anything" are not. */
function isOrder(text: string): boolean {
  if (text.length > ORDER_CHARS || /\b(do not|don't|say what|say whether)\b/i.test(text)) return false;
  return !/\?\s*$/.test(text) || /^(please\s+)?(can|could|would|will) you\b/i.test(text);
}

/** `hasPast`: a short yes only means something after a proposal. */
export function readIntent(prompt: string, hasPast: boolean): Intent {
  const text = prompt.trim();
  // A path, a file mention or an option is not a wish.
  if (/^[-/@]/.test(text)) return 'chat';
  const order = isOrder(text);
  for (const [intent, words] of WORDS) {
    if (!words.test(text) || (!order && (intent === 'verb' || intent === 'repair'))) continue;
    if (intent === 'repair' && !hasPast && /^(yes|ok|okay)\W*$/i.test(text)) return 'chat';
    return intent;
  }
  return 'chat';
}

export const verbIn = (prompt: string): string | undefined =>
  /\b(cycle|reset|start|stop)\b/i.exec(prompt)?.[1]?.toLowerCase();
