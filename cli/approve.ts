// `breakglass approve`: what waits for a person, in all sessions, and the answer to one of them.
import type { Approval } from '../protocol/approvals.ts';
import { visibleJson } from '../protocol/visible-text.ts';
import { columns } from './columns.ts';
import { type ConsoleAddress, get } from './console-client.ts';
import { CliError, EXIT } from './failure.ts';
import { denial, sendAnswer, showQuestion } from './questions.ts';
import type { Room } from './surroundings.ts';

export interface ApproveOptions {
  /** Or its first characters; undefined: only list. */
  readonly id: string | undefined;
  readonly deny: boolean;
  readonly reason: string | undefined;
  readonly yes: boolean;
  readonly json: boolean;
}

/** Resolves with the exit code. */
export async function approve(
  address: ConsoleAddress,
  { id, deny, reason, yes, json }: ApproveOptions,
  room: Room,
): Promise<number> {
  if (reason !== undefined && !deny) throw new CliError('--reason goes with --deny.', EXIT.usage);
  const terminal = room.terminal?.();
  const { approvals } = await get<{ approvals: readonly Approval[] }>(address, '/api/approvals');
  if (id === undefined) {
    if (deny || yes) throw new CliError('Expected the id of a question.', EXIT.usage);
    list(approvals, json, room);
    return 0;
  }
  // A variable of a script that is not set is no question.
  if (id === '') throw new CliError('Expected the id of a question. Nothing was done.', EXIT.usage);
  const found = approvals.filter(({ approval_id }) => approval_id.startsWith(id.toLowerCase()));
  const [question] = found;
  if (question === undefined || found.length > 1)
    throw new CliError(
      found.length > 1
        ? `${found.length} questions begin with ${JSON.stringify(id)}. Nothing was done.`
        : `No question ${JSON.stringify(id)} waits: it was answered, or its time is over. Nothing was done.`,
    );
  showQuestion(question, room);
  // A denial lets nothing run.
  if (!deny && !yes) {
    if (terminal === undefined)
      throw new CliError('Nobody is at a terminal to confirm: add --yes. Nothing was done.', EXIT.usage);
    const typed = await terminal.ask('Approve exactly this? y or n: ');
    if (!/^y(es)?$/i.test(typed?.trim() ?? ''))
      throw new CliError('That was no yes. The question still waits: --deny denies it.');
  }
  const answered = await sendAnswer(address, question, deny ? denial(reason) : { answer: 'approve' }, room);
  return answered ? 0 : EXIT.failed;
}

function list(approvals: readonly Approval[], json: boolean, { print, talk }: Room): void {
  if (json) print(visibleJson(approvals));
  else if (approvals.length === 0) talk('Nothing waits for a person.');
  else for (const line of table(approvals)) print(line);
}

function table(approvals: readonly Approval[]): string[] {
  const rows = approvals.map(({ approval_id, target, asked, expires_at }) => [
    approval_id.slice(0, 8),
    target,
    'verb' in asked ? 'verb' : asked.account,
    `${expires_at.slice(11, 19)}Z`,
    asked.input.command,
  ]);
  return columns(['QUESTION', 'TARGET', 'AS', 'GOOD UNTIL', 'WHAT'], rows);
}
