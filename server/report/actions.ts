// What was found, and what was done about it: findings, commands, questions and their answers, verbs.
import type { Asked } from '../../protocol/approvals.ts';
import { type Block, heading, list, sentence, table, verbatim } from './document.ts';
import type { Command, Found, Question, Story, VerbRun } from './story.ts';
import { inShort, plural, seconds, timeOf, whoOf } from './words.ts';

/** Of the output of a command, in lines. The journal has it whole. */
const OUTPUT_LINES = 12;

export const findings = ({ findings: all }: Story): Block[] =>
  all.length === 0 ? [sentence('Triage was not asked.')] : all.flatMap(finding);

function finding({ at, report: { finding: it, cautions }, why }: Found): Block[] {
  const { advised, withheld, warned } = it;
  return [
    heading(`${timeOf(at)}: ${it.headline ?? it.summary}`),
    sentence(
      `${it.summary} (${it.code}, confidence ${Math.round(it.confidence * 100)} %, ${why}.) ${it.advice}`,
    ),
    list([
      advised === null ? 'No verb is advised.' : `Advised: ${advised}.`,
      ...(withheld === undefined
        ? []
        : [`Withheld: ${withheld.verb}, because ${withheld.because.join(' ')}`]),
      ...(warned.length === 0 ? [] : [`Advised against: ${warned.join(', ')}.`]),
      ...cautions.map(({ code, text }) => `Caution (${code}): ${text}`),
    ]),
    ...(it.inputs.length === 0
      ? []
      : [
          table(
            ['Input', 'Value'],
            it.inputs.map(({ name, value }) => [name, value]),
          ),
        ]),
  ];
}

export const commands = ({ commands: all }: Story): Block[] =>
  all.length === 0 ? [sentence('The agent ran nothing.')] : all.flatMap(command);

function command({ call, result, question, unproven }: Command): Block[] {
  const { account, stdin } = call.input as { account?: unknown; stdin?: unknown };
  const facts = [
    typeof account === 'string' ? `account ${account}` : undefined,
    ...(result === undefined
      ? ['no end is recorded']
      : [
          result.exit_code === undefined || result.exit_code === null
            ? undefined
            : `exit code ${result.exit_code}`,
          result.ended === undefined || result.ended === 'exited'
            ? undefined
            : `ended: ${result.ended.replaceAll('_', ' ')}`,
          seconds(result.duration_ms),
          result.is_error ? 'failed' : undefined,
        ]),
    question === undefined ? undefined : answerOf(question),
    unproven ? 'it is not proven that it no longer runs' : undefined,
  ].filter((fact) => fact !== undefined);
  return [
    heading(`${timeOf(call.at)} ${call.name}`),
    verbatim(call.input.command ?? JSON.stringify(call.input)),
    ...(typeof stdin === 'string' && stdin !== ''
      ? [sentence('With this input:'), verbatim(firstLines(stdin))]
      : []),
    sentence(`${facts.join(', ')}.`),
    ...(result === undefined || result.output.trim() === '' ? [] : [verbatim(firstLines(result.output))]),
  ];
}

function firstLines(text: string): string {
  const lines = text.replace(/\n+$/, '').split('\n');
  const more = lines.length - OUTPUT_LINES;
  return more <= 0
    ? lines.join('\n')
    : `${lines.slice(0, OUTPUT_LINES).join('\n')}\n… (${plural(more, 'more line')})`;
}

const answerOf = ({ answer }: Question): string =>
  answer === undefined ? 'nobody has answered yet' : `${answer.answer} by ${answer.by}`;

export const approvals = ({ questions }: Story): Block[] =>
  questions.length === 0
    ? [sentence('Nobody was asked.')]
    : [
        table(
          ['Asked (UTC)', 'What', 'Answer', 'By', 'Answered (UTC)', 'Reason'],
          questions.map(({ asked, answer }) => [
            timeOf(asked.at),
            `${kindOf(asked.asked)}: ${inShort(asked.asked.input.command)}`,
            answer?.answer ?? 'none yet',
            answer?.by ?? '',
            answer === undefined ? '' : timeOf(answer.at),
            answer?.reason ?? '',
          ]),
        ),
      ];

const kindOf = (asked: Asked): string => ('verb' in asked ? 'verb' : `${asked.account} command`);

export const verbs = ({ verbs: all }: Story): Block[] =>
  all.length === 0 ? [sentence('No verb was pressed.')] : all.flatMap(verbRun);

function verbRun({ began, ended, evidence }: VerbRun): Block[] {
  const first = began ?? ended;
  if (first === undefined) return evidence.length === 0 ? [] : [list(evidenceOf(evidence))];
  const steps = ended?.steps ?? [];
  const outcome = ended?.outcome;
  return [
    heading(`${timeOf(first.at)} ${first.verb} by ${whoOf(began?.by ?? first.actor)}`),
    sentence(
      ended === undefined
        ? 'No end is recorded: it may still run.'
        : `${ended.state}: ${outcome?.summary ?? ended.result?.stderr ?? 'nothing more is recorded.'}`,
    ),
    list([
      ...(outcome?.vm_state === undefined ? [] : [`VM: ${outcome.vm_state}`]),
      ...(outcome?.new_process === undefined
        ? []
        : [outcome.new_process ? 'A new QEMU process' : 'The same QEMU process as before']),
      ...(outcome?.ssh_answers === undefined
        ? []
        : [
            outcome.ssh_answers
              ? `SSH answers${outcome.ssh_after_s === undefined ? '' : ` after ${outcome.ssh_after_s} s`}`
              : 'SSH does not answer',
          ]),
      ...(outcome?.warnings ?? []).map((warning) => `Warning: ${warning}`),
      ...evidenceOf(evidence),
    ]),
    ...(steps.length === 0
      ? []
      : [
          table(
            ['Step', 'Began (UTC)', 'Took', 'Result'],
            steps.map(({ name, at, ms, ok }) => [
              name,
              timeOf(at),
              ms === undefined ? '' : seconds(ms),
              ok === undefined ? 'not known' : ok ? 'ok' : 'failed',
            ]),
          ),
        ]),
  ];
}

const evidenceOf = (evidence: VerbRun['evidence']): string[] =>
  evidence.map(({ evidence_id, status, summary }) => `Evidence ${evidence_id} (${status}): ${summary}`);
