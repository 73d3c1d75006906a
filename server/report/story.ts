// The events of a report put together: each command with its answer and its question, each operation with its end and its evidence.
import type { JournalEvent, JournaledKind } from '../../protocol/events.ts';
import type { TriageReport } from '../../protocol/triage.ts';

export type EventOf<Kind extends JournaledKind> = Extract<JournalEvent, { kind: Kind }>;

export interface Question {
  readonly asked: EventOf<'approval_requested'>;
  readonly answer: EventOf<'approval_resolved'> | undefined;
}

export interface Command {
  readonly call: EventOf<'tool'>;
  readonly result: EventOf<'tool_result'> | undefined;
  readonly question: Question | undefined;
  /** After it was stopped, nothing showed that it is gone. */
  readonly unproven: boolean;
}

export interface VerbRun {
  /** Absent where it began before the report does. */
  readonly began: EventOf<'power_started'> | undefined;
  readonly ended: EventOf<'power_finished'> | undefined;
  readonly evidence: readonly EventOf<'evidence'>[];
}

/** What triage said, whoever asked for it. */
export interface Found {
  readonly at: string;
  readonly report: TriageReport;
  readonly why: string;
}

export interface Story {
  readonly events: readonly JournalEvent[];
  readonly commands: readonly Command[];
  readonly questions: readonly Question[];
  readonly verbs: readonly VerbRun[];
  /** Two that say the same one after the other are one. */
  readonly findings: readonly Found[];
}

export function storyOf(events: readonly JournalEvent[]): Story {
  const all = <Kind extends JournaledKind>(kind: Kind): EventOf<Kind>[] =>
    events.filter((event): event is EventOf<Kind> => event.kind === kind);

  const answers = new Map(all('approval_resolved').map((event) => [event.approval_id, event]));
  const questions = all('approval_requested').map((asked) => ({
    asked,
    answer: answers.get(asked.approval_id),
  }));
  const questionOf = new Map(questions.map((question) => [question.asked.tool_call_id, question]));
  const results = new Map(all('tool_result').map((event) => [event.tool_call_id, event]));
  const proven = new Set(all('far_side').map((event) => event.tool_call_id));
  const commands = all('tool').map((call) => {
    const result = results.get(call.tool_call_id);
    return {
      call,
      result,
      question: questionOf.get(call.tool_call_id),
      unproven: result?.far_side === 'unproven' && !proven.has(call.tool_call_id),
    };
  });
  return { events, commands, questions, verbs: verbsOf(events), findings: findingsOf(events) };
}

function verbsOf(events: readonly JournalEvent[]): VerbRun[] {
  const runs = new Map<
    string,
    { began?: EventOf<'power_started'>; ended?: EventOf<'power_finished'>; evidence: EventOf<'evidence'>[] }
  >();
  for (const event of events) {
    if (event.operation_id === undefined) continue;
    const run = runs.get(event.operation_id) ?? { evidence: [] };
    if (event.kind === 'power_started') run.began = event;
    else if (event.kind === 'power_finished') run.ended = event;
    else if (event.kind === 'evidence') run.evidence.push(event);
    else continue;
    runs.set(event.operation_id, run);
  }
  return [...runs.values()]
    .filter(({ began, ended }) => (began ?? ended)?.verb !== 'status')
    .map(({ began, ended, evidence }) => ({ began, ended, evidence }));
}

function findingsOf(events: readonly JournalEvent[]): Found[] {
  const found: Found[] = [];
  for (const event of events) {
    const said = saidBy(event);
    const last = found.at(-1);
    if (said === undefined || (last !== undefined && sameReport(last.report, said.report))) continue;
    found.push({ at: event.at, ...said });
  }
  return found;
}

function saidBy(event: JournalEvent): Omit<Found, 'at'> | undefined {
  if (event.kind === 'finding') return { report: event.report, why: `asked for by ${event.actor.name}` };
  if (event.kind === 'incident_verdict' && event.report !== undefined)
    return { report: event.report, why: 'because of the alert' };
  if (event.kind === 'power_started' && event.finding !== undefined)
    return { report: event.finding, why: `right before ${event.verb}` };
  return undefined;
}

const sameReport = (a: TriageReport, b: TriageReport): boolean =>
  a.at === b.at && a.finding.code === b.finding.code;
