// Turns that try the page, by a word of the prompt: `deep quotes`, `malformed`, `looks`, `progress`, `many lines`, `agent cycle`, `slow`, `nested fence`, `stopped`,
// `no model`.
import { command, prose, type ScriptStep } from './fixture-scripts.ts';

const event = (body: Record<string, unknown>): ScriptStep => ({ afterMs: 5, event: body });
const text = (words: string): ScriptStep => event({ kind: 'text', text: words });
const TICKS = '```';

export const MANY_LINES = 20_000;
const manyLines = (): string =>
  Array.from(
    { length: MANY_LINES },
    (_, line) => `\u001b[3${1 + (line % 6)}mline ${line}\u001b[0m of \u001b[1msome\u001b[0m output`,
  ).join('\n');

const PROGRESS =
  'Fetching   1%\u001b[2K\u001b[1GFetching  50%\u001b[2K\u001b[1GFetching 100%\n' +
  'a: waiting\nb: waiting\n\u001b[2A\u001b[Ka: done\n\u001b[Kb: done\n99%\b\b\b100%\n';

/** As the server tells of a verb that the agent runs: the call, the operation, and the output again as the result. */
const agentVerb = (verb: string, id: string): ScriptStep[] => {
  const at = new Date().toISOString();
  const of = { verb, operation_id: `operation-${id}` };
  const output = `--- ${verb} ---\nVM 102 was looked at by ${verb}\n`;
  return [
    event({
      kind: 'tool',
      name: 'ssh',
      tool_call_id: id,
      input: { host: 'pve', command: `ssh pve ${verb}` },
    }),
    event({ kind: 'power_started', ...of, by: { type: 'agent', name: 'claude' } }),
    event({ kind: 'power_step', ...of, step: { name: verb, at } }),
    event({ kind: 'power_output', ...of, stream: 'stdout', text: output }),
    event({
      kind: 'power_finished',
      ...of,
      state: 'succeeded',
      steps: [{ name: verb, at, ms: 812, ok: true }],
      ...(verb === 'cycle'
        ? { outcome: { summary: 'Running, new QEMU process, SSH answered after 21 s.', warnings: [] } }
        : {}),
    }),
    event({
      kind: 'tool_result',
      tool_call_id: id,
      name: 'ssh',
      is_error: false,
      output,
      truncated: false,
      exit_code: 0,
      duration_ms: 900,
    }),
  ];
};

const failedCommand = (id: string, target: string): ScriptStep[] =>
  command(
    id,
    `ssh ${target} systemctl status orders-api.service`,
    target,
    [
      'Active: \u001b[31mfailed\u001b[0m (Result: exit-code)\nFATAL cannot accept orders without a queue: No space left on device\n',
    ],
    40,
    3,
  );

/** Undefined: the usual turn. */
export const oddTurn = (target: string, prompt: string, id: string): ScriptStep[] | undefined => {
  const look = (name: string, line: string, output: string) =>
    command(`${name}${id}`, `ssh ${target} ${line}`, target, [output], 40);
  const turns: Readonly<Record<string, () => ScriptStep[]>> = {
    'deep quotes': () => [
      text('The one **before**.'),
      text('>'.repeat(2_000)),
      text(`${'- '.repeat(1_500)}x`),
      ...prose(`${'>'.repeat(1_999)} deep`),
      text('The one after.'),
      { afterMs: 60_000, event: { kind: 'note', text: 'The turn goes on.' } },
    ],
    malformed: () => [
      event({ kind: 'text' }),
      event({ kind: 'tool', tool_call_id: `m${id}`, name: 'ssh', input: null }),
      event({ kind: 'finding', report: {} }),
      event({ kind: 'incident_verdict', incident_id: 'x', report: { finding: 7 } }),
      event({ kind: 'power_started', verb: 'cycle', by: {}, operation_id: 'odd' }),
      event({ kind: 'power_finished', verb: 'cycle', operation_id: 'odd', state: 'odd', steps: [null] }),
      event({ kind: 'moon_phase', phase: 'full' }),
      text('The one after.'),
    ],
    looks: () => [
      ...look('a', 'df -h', '/dev/sda1  40G  40G  0 100% /\n'),
      ...look('b', 'du -xm /var/log', '317M\t/var/log/journal\n'),
      ...agentVerb('status', `s${id}`),
      ...failedCommand(`c${id}`, target),
      ...look('d', 'lsof +L1', 'a-very-long-line-'.repeat(30)),
      text('**The disk is full.** One file fills it: `/var/log/orders-api/debug.log`, 31 GB.'),
      event({ kind: 'usage', model: 'sonnet', input_tokens: 9, output_tokens: 9, cost_usd: 0.06 }),
      event({ kind: 'result', is_error: false, result: '', duration_ms: 9_400 }),
    ],
    progress: () => look('p', 'apt-get update', PROGRESS),
    'many lines': () => look('y', 'cat big.log', manyLines()),
    'agent cycle': () => [...agentVerb('cycle', `v${id}`), text('It runs again.')],
    'nested fence': () =>
      prose(
        `Write this file:\n\n${TICKS}markdown\n# Fix\n\n${TICKS}bash\nsystemctl restart x\n${TICKS}\n\nThen look.\n${TICKS}\n\nNow run it.`,
      ),
    slow: () => [{ afterMs: 600_000, event: { kind: 'text', text: 'At last.' } }],
    stopped: () => [
      event({
        kind: 'tool',
        name: 'ssh',
        tool_call_id: `t${id}`,
        input: { host: target, account: 'observer', command: `ssh ${target} sleep 99` },
      }),
      event({
        kind: 'tool_result',
        tool_call_id: `t${id}`,
        name: 'ssh',
        is_error: true,
        output: 'one line\n[stopped after 3.0 s. It may still run in the VM: that could not be proven.]',
        truncated: false,
        exit_code: null,
        ended: 'stopped',
        far_side: 'unproven',
        duration_ms: 3_000,
      }),
    ],
    'no model': () => [
      {
        afterMs: 200,
        event: {
          kind: 'error',
          code: 'model-unreachable',
          error: 'The model API does not answer (connection refused). Power and triage work without it.',
        },
      },
      event({ kind: 'result', is_error: true, result: '', duration_ms: 212 }),
    ],
  };
  return Object.entries(turns).find(([word]) => prompt.includes(word))?.[1]();
};
