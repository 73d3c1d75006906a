// The answer to the console's question whether a person looks: only from a page that is visible and has the focus. A page in a pocket or
// behind another window stays silent, and the phone rings.
import { answerLooking } from './console-api.ts';

export function answerIfSeen(nonce: string): void {
  if (document.visibilityState !== 'visible' || !document.hasFocus()) return;
  // An answer that is lost makes a phone ring that need not have: nothing to tell anybody.
  answerLooking(nonce).catch(() => undefined);
}
