// The rehearsal model's mind: which step follows from what was printed so far. Pure, and free of any scenario's names: paths,
// units and sizes come from the conversation. It is a script that reads; it is no AI.
import { type Conversation, isDenied } from './conversation.ts';
import { insideStep } from './inside-steps.ts';
import { readIntent } from './intent.ts';
import { outsideStep } from './outside-steps.ts';
import type { Scene, Step } from './step.ts';

export function nextStep(conversation: Conversation): Step {
  const turn = conversation.turns.at(-1);
  if (turn === undefined) return { say: 'No prompt came.' };
  const scene: Scene = {
    intent: readIntent(turn.prompt, conversation.turns.length > 1),
    calls: turn.calls,
    all: conversation.turns.flatMap((each) => each.calls),
  };
  const denied = turn.calls.at(-1)?.result;
  if (denied !== undefined && isDenied(denied)) {
    return { say: `${afterDenial(denied.text)}\n\nThe buttons on the page work whatever the policy says.` };
  }
  return choose(scene, turn.prompt);
}

/** Who denied it, or that nobody answered, in its own words; else what forbids it. */
const afterDenial = (text: string): string =>
  /^(Denied by|No answer)/.test(text)
    ? text
    : `I may not do that. ${text.replace(/^(Denied|Refused)\.?:?\s*/, '')}`;

function choose(scene: Scene, prompt: string): Step {
  switch (scene.intent) {
    case 'chat':
      return chat(prompt);
    case 'outside':
    case 'verb':
      return outsideStep(scene, prompt);
    case 'triage':
    case 'repair':
    case 'memory':
    case 'disk':
    case 'services':
      return insideStep(scene, prompt);
  }
}

const chat = (prompt: string): Step => ({
  say: `I read “${prompt.trim().slice(0, 80)}” as plain words, nothing more. I am a script for rehearsals: I can **triage**, look at **memory**, **disk** and **services**, ask the power host (**is QEMU wedged?**), and, when you ask me to **fix it** or to **cycle it**, put each change before you as a card.`,
});
