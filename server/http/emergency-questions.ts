// What waits for a person, on the emergency page: the questions of the agent, and host keys that have changed.
import type { Approval } from '../../protocol/approvals.ts';
import type { HostKey, HostKeyChange } from '../../protocol/host-keys.ts';
import type { TargetState } from '../../protocol/me.ts';
import { asText, hidden } from './emergency-html.ts';

export interface Asking {
  readonly state: TargetState;
  readonly formToken: string;
  readonly base: string;
  readonly waiting: readonly Approval[];
}

/** One at a time, with a count: whoever reads two answers neither. A box to tick takes the place of holding. */
export function approvalsBody({ waiting, formToken, base, state }: Asking): string {
  const [first] = waiting;
  if (first === undefined) return '';
  const { approval_id, asked, said, expires_at, observer } = first;
  const { command, stdin, timeout_s, despite_finding } = asked.input;
  const what =
    'verb' in asked
      ? `the verb <strong>${asked.verb}</strong> on ${asText(state.name)}`
      : `a command on ${asText(state.name)} as <strong>${asked.account}</strong>${asked.account === 'repair' ? ' (root)' : ''}`;
  const lines = [
    `<section id="asks" class="box asks"><h2>Claude asks${waiting.length === 1 ? '' : ` (1 of ${waiting.length})`}</h2>`,
    `<p>It wants to run ${what}:</p><pre>${asText(command)}</pre>`,
    stdin === undefined ? '' : `<p>With this input:</p><pre>${asText(stdin)}</pre>`,
    timeout_s === undefined ? '' : `<p>For at most ${timeout_s} s.</p>`,
    despite_finding === true
      ? '<p><strong>Triage speaks against it. Claude says it knows better.</strong></p>'
      : '',
    said === undefined ? '' : `<p>Claude says: “${asText(said)}”</p>`,
    observer ? '' : '<p>This target has no observer account: nothing separates looking from changing.</p>',
    `<p>It ends by itself at ${asText(expires_at.slice(11, 19))} UTC: then it is not run.</p>`,
    `<form method="post" action="${base}/approval">${hidden('form', formToken)}${hidden('session', first.session_id)}${hidden('approval', approval_id)}`,
    '<p><label>What Claude should know <input name="reason" maxlength="500"></label></p>',
    '<p><button name="answer" value="deny">Deny</button></p>',
    '<p><label class="tick"><input type="checkbox" name="sure" value="yes"> I have read it to its end</label></p>',
    '<p><button name="answer" value="approve">Approve</button></p></form></section>\n',
  ];
  return lines.filter((line) => line !== '').join('\n');
}

const whoseKey = ({ side }: HostKeyChange): string => (side === 'vm' ? 'VM' : 'power host');

const keyWords = ({ fingerprint, type }: HostKey): string =>
  `<br><code>${asText(fingerprint)}</code> (${asText(type)})`;

const fingerprints = ({ known, offered }: HostKeyChange): string =>
  `<p>Known until now: ${known.map(keyWords).join('') || 'not readable'}</p>
<p>Offered now: ${keyWords(offered)}</p>`;

export const hostKeysBody = ({ state, formToken, base }: Omit<Asking, 'waiting'>): string =>
  (state.host_key_changed ?? [])
    .map(
      (change) =>
        `<section class="box asks"><h2>The ${whoseKey(change)} of ${asText(state.name)} shows another host key than before.</h2>
<p>${
          change.side === 'vm'
            ? 'If it was rebuilt, accept it. If not, <strong>somebody may sit in between</strong>: accept nothing.'
            : 'This key is the way to the hypervisor, and no verb works until it is settled. If you know that the power host was rebuilt, accept it. If not, <strong>somebody may sit in between</strong>: accept nothing, and go to the host by another way.'
        }</p>
${fingerprints(change)}
${hostKeyForm(change, formToken, base)}</section>
`,
    )
    .join('');

const hostKeyForm = (change: HostKeyChange, formToken: string, base: string, sure = false): string =>
  `<form method="post" action="${base}/host-key">${hidden('form', formToken)}${hidden('side', change.side)}${hidden('fingerprint', change.offered.fingerprint)}${sure ? hidden('sure', 'yes') : ''}
<button>${sure ? 'Yes, accept this key now' : `Accept the new key of the ${whoseKey(change)}`}</button></form>`;

export const confirmHostKeyBody = (
  change: HostKeyChange,
  { state, formToken, base }: Omit<Asking, 'waiting'>,
): string =>
  `<p>The key of the <strong>${whoseKey(change)}</strong> of ${asText(state.name)}. Do you know that it was rebuilt? On its own console the fingerprint is shown by <code>ssh-keygen -lf /etc/ssh/ssh_host_${asText(change.offered.type.toLowerCase())}_key.pub</code>.</p>
${fingerprints(change)}
${hostKeyForm(change, formToken, base, true)}<p><a href="${base}">Do nothing</a></p>`;
