// A question of the agent, shown whole: what would run is exactly this, with everything that cannot be seen as a stand-in.
import type { Approval, ApprovalOutcome } from '../protocol/approvals.ts';
import { visibleLine, visibleText } from '../protocol/visible-text.ts';
import { ask, type ConsoleAddress } from './console-client.ts';
import { CliError } from './failure.ts';
import type { Room, Terminal } from './surroundings.ts';

export type Question = Pick<Approval, 'approval_id' | 'asked' | 'said' | 'expires_at'> & {
  readonly session_id: string;
  readonly target: string;
};

/** What is asked for comes last, next to where the answer is typed, however much the agent says about it. */
export function showQuestion(
  { approval_id, asked, said, expires_at, target }: Question,
  { talk, columns }: Pick<Room, 'talk' | 'columns'>,
): void {
  const { command, stdin, timeout_s, despite_finding } = asked.input;
  const block = (text: string): void => {
    for (const line of blockOf(text, columns?.())) talk(line);
  };
  const what =
    'verb' in asked
      ? `The agent asks to press ${asked.verb} on ${target}.`
      : `The agent asks to run this on ${target} as ${asked.account}${asked.account === 'repair' ? ', who is root there' : ''}:`;
  talk('');
  if (said !== undefined) {
    talk('The agent says (nobody has checked it):');
    block(said);
  }
  talk(visibleLine(what));
  if (!('verb' in asked)) block(command);
  if (stdin !== undefined) {
    talk('with this input:');
    block(stdin);
  }
  if (despite_finding === true) talk('It is against what triage found, and the agent says so.');
  if (timeout_s !== undefined) talk(`for at most ${timeout_s} s`);
  talk(`question ${approval_id}, good until ${expires_at.slice(11, 19)} UTC`);
}

/** Indented, so that no line of it looks like one of ours; also where the terminal would break one, which then goes on behind a colon. */
function blockOf(text: string, columns: number | undefined): string[] {
  const room = columns === undefined ? Infinity : Math.max(8, columns - 5);
  return visibleText(text)
    .split('\n')
    .flatMap((line) => piecesOf(line, room).map((piece, index) => `  ${index === 0 ? '|' : ':'} ${piece}`));
}

/** Each takes no more than so many columns, whatever the terminal makes of its characters. */
function piecesOf(line: string, room: number): string[] {
  const pieces = [''];
  let used = 0;
  for (const character of line) {
    const width = character === '\t' ? 8 : character >= '\u1100' ? 2 : 1;
    if (used > 0 && used + width > room) {
      pieces.push('');
      used = 0;
    }
    pieces[pieces.length - 1] += character;
    used += width;
  }
  return pieces;
}

export type Answer = { readonly answer: 'approve' } | { readonly answer: 'deny'; readonly reason?: string };

/** Undefined: no answer was given, because the input ended or the signal came. Nothing but a clear yes approves. */
export async function askPerson(terminal: Terminal, signal?: AbortSignal): Promise<Answer | undefined> {
  for (;;) {
    const typed = await terminal.ask('Approve? y or n: ', signal);
    if (typed === undefined) return undefined;
    if (/^y(es)?$/i.test(typed.trim())) return { answer: 'approve' };
    if (!/^no?$/i.test(typed.trim())) continue;
    const reason = await terminal.ask('A sentence for the agent, or nothing: ', signal);
    return denial(reason?.trim());
  }
}

export const denial = (reason: string | undefined): Answer => ({
  answer: 'deny',
  ...(reason === undefined || reason === '' ? {} : { reason }),
});

/** Somebody else's answer, or one that came too late, is told and no failure. */
export async function sendAnswer(
  address: ConsoleAddress,
  { session_id, approval_id }: Pick<Question, 'session_id' | 'approval_id'>,
  answer: Answer,
  { talk }: Pick<Room, 'talk'>,
): Promise<boolean> {
  const path = `/api/session/${encodeURIComponent(session_id)}/approvals/${encodeURIComponent(approval_id)}`;
  try {
    const outcome = await ask<ApprovalOutcome>(address, 'POST', path, answer);
    talk(`${outcome.answer} by ${visibleLine(outcome.by)}.`);
    return true;
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    talk(visibleLine(error.message));
    return false;
  }
}
