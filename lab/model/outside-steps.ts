// Steps from outside, when SSH to the VM does not answer: ask the power host, keep the evidence, name the verb; and when told
// to, run it and confirm over SSH. Pure.
import { type Call, isUnreachable } from './conversation.ts';
import { verbIn } from './intent.ts';
import { readLoad, readUptime } from './read-output.ts';
import { look, type Scene, type Step, verb } from './step.ts';

const CONFIRM = 'uptime; systemctl --failed --no-pager; df -h';
/** A VM needs a while to boot: so many looks before giving up. */
const MAX_LOOKS = 6;

const ran = (calls: readonly Call[], word: string): Call | undefined =>
  calls.findLast((call) => call.host === 'pve' && call.command === word);

export function outsideStep(scene: Scene, prompt: string): Step {
  const wanted = wantedVerb(scene, prompt);
  if (wanted !== undefined) return runVerb(scene, wanted);
  const { calls } = scene;
  if (ran(calls, 'status') === undefined)
    return verb(
      calls.length === 0 ? 'I ask the power host.' : 'SSH does not answer. I ask the power host.',
      'status',
    );
  if (ran(calls, 'forensics') === undefined)
    return verb('Now forensics: it changes nothing and keeps the proof.', 'forensics');
  return { say: conclude(scene.all) };
}

function wantedVerb({ intent, all }: Scene, prompt: string): string | undefined {
  if (intent === 'verb') return verbIn(prompt);
  return intent === 'repair' && ran(all, 'status') !== undefined ? advised(all) : undefined;
}

function runVerb({ calls }: Scene, wanted: string): Step {
  const done = ran(calls, wanted);
  if (done?.result === undefined) return verb(words(wanted), wanted);
  const way =
    wanted === 'reset'
      ? '\n\nA reset keeps the QEMU process. A **cycle** gives it a fresh one: press it, or ask me and hold the card.'
      : '';
  if (done.result.isError)
    return {
      say: `**${wanted} did not succeed.**\n\n\`\`\`\n${lastLines(done.result.text, 6)}\n\`\`\`${way}`,
    };
  if (wanted === 'stop') return { say: 'The VM is stopped. **start** brings it back.' };
  const looks = calls.filter((call) => call.command === CONFIRM);
  const last = looks.at(-1)?.result;
  if (last === undefined || (isUnreachable(last) && looks.length < MAX_LOOKS))
    return look(looks.length === 0 ? 'I confirm over SSH.' : 'It is not up yet. Again.', CONFIRM);
  if (isUnreachable(last))
    return {
      say: `${wanted} was carried out, but **SSH does not answer yet**. ${wanted === 'reset' ? 'A reset keeps the QEMU process. A **cycle** gives it a fresh one: press it, or ask me and hold the card.' : 'Look at the console picture.'}`,
    };
  const facts = [readUptime(last.text), readLoad(last.text)].filter((fact) => fact !== undefined);
  return {
    say: `**The VM is back**: SSH answers, up ${facts[0] ?? 'a moment'}, load ${facts[1] ?? 'unknown'}. ${wanted === 'cycle' ? 'It runs in a fresh QEMU process, so staged configuration is applied.' : ''}`.trim(),
  };
}

const words = (wanted: string): string =>
  wanted === 'cycle'
    ? 'I cycle it: forensics first, then stop, then a fresh QEMU process.'
    : `I run ${wanted}; the power host captures forensics first.`;

const lastLines = (text: string, count: number): string => text.trim().split('\n').slice(-count).join('\n');

/** Everything that was said from outside. */
const said = (all: readonly Call[]): string =>
  all
    .filter((call) => call.host === 'pve' || call.tool === 'triage')
    .map((call) => call.result?.text ?? '')
    .join('\n');

const isStopped = (text: string): boolean => /^status:\s*stopped/im.test(text);
const isStalled = (text: string): boolean =>
  /block-path-stalled|block path|stalled|disk_?write\w*: \d+ -> \d+ \(\+0 bytes|disk_?write\w*[:=]\s*0\b|used-idx frozen/i.test(
    text,
  );

function advised(all: readonly Call[]): string {
  const status = ran(all, 'status')?.result?.text ?? '';
  if (isStopped(status)) return 'start';
  const ruled = all.findLast((call) => call.tool === 'triage')?.result?.text ?? '';
  return /^Advised verb:\s*(cycle|reset|start|stop)\b/im.exec(ruled)?.[1]?.toLowerCase() ?? 'cycle';
}

function conclude(all: readonly Call[]): string {
  const text = said(all);
  const sshDead = all.some(
    (call) => call.host === 'devvm' && call.result !== undefined && isUnreachable(call.result),
  );
  const quotes = text
    .split('\n')
    .filter((line) =>
      /^\s*(status|lock|qmpstatus|diskwrite|inuse)\b|pending|staged|^(new|del) \w+:|stall/i.test(line),
    )
    .map((line) => line.trim())
    .filter((line, index, lines) => lines.indexOf(line) === index)
    .slice(0, 6);
  const proof = quotes.length === 0 ? '' : `\n\n\`\`\`\n${quotes.join('\n')}\n\`\`\``;
  const lock = lockOf(ran(all, 'status')?.result?.text ?? '');
  if (lock !== undefined) return concludeLock(lock, proof);
  if (isStopped(text))
    return `**The VM is stopped.**${proof}\n\nPress **Start**, or ask me: it comes to you as a card first.`;
  if (isStalled(text)) {
    const staged = /^(new|del) \w+:|staged|pending/im.test(text)
      ? ' It also applies the staged configuration.'
      : '';
    return `**The block path is stalled**: ${sshDead ? 'SSH hangs, ' : ''}QEMU answers, and no disk I/O completes.${proof}\n\nA reset would keep the wedged QEMU process and make it worse. A **cycle** gives the VM a fresh one.${staged} The evidence is kept.\n\nPress **Cycle**, or ask me for it: it comes to you as a card first.`;
  }
  return `The power host answers.${proof}\n\n${sshDead ? 'SSH to the VM does not answer, and nothing here says why. If it stays so, a **cycle** is the way: press it, or ask me and hold the card.' : 'Nothing points to QEMU.'}`;
}

interface Lock {
  readonly name: string;
  /** Whoever owns it, as the host names it. */
  readonly task: string | undefined;
  readonly vmid: string;
}

function lockOf(status: string): Lock | undefined {
  const word = (key: string): string | undefined => new RegExp(`^${key}:\\s*(\\S+)`, 'm').exec(status)?.[1];
  const name = word('lock');
  return name === undefined || name === 'none'
    ? undefined
    : { name, task: word('task'), vmid: word('vm') ?? 'ID' };
}

/** A lock stands before everything else: with it every verb is refused, but for the start that takes it away. */
function concludeLock({ name, task, vmid }: Lock, proof: string): string {
  if (name === 'suspended')
    return `**The VM is hibernated** (suspended to disk).${proof}\n\nNothing has to be unlocked: start resumes it where it was. Staged configuration is not applied by that.\n\nPress **Start**, or ask me: it comes to you as a card first.`;
  if (task !== undefined)
    return `**The VM is locked (${name})** by a task: \`${task}\`.${proof}\n\nLook at its log, and wait for its end.`;
  return `**The VM is locked (${name})**, and the host sees no task that owns the lock.${proof}\n\nVerbs are refused while it is there, and I have no word that removes it. Who is sure that nothing works on the VM types on the host: \`qm unlock ${vmid}\`. Then ask me again.`;
}
