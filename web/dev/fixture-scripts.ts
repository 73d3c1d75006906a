// What the fixture server plays: one turn, one operation, one triage report. Turns that try the page are in `fixture-turns.ts`.
type Json = Record<string, unknown>;
export interface ScriptStep {
  readonly afterMs: number;
  readonly event: Json;
  readonly ephemeral?: boolean;
}

const DF = `Filesystem      Size  Used Avail Use% Mounted on
/dev/sda1        40G   40G     0 \u001b[31m100%\u001b[0m /
tmpfs           3.9G  1.2M  3.9G   1% /run
`;
const DU = Array.from({ length: 18 }, (_, line) => `${(24 - line) * 317}M\t/var/log/journal/part-${line}\n`);
const SUMMARY = `**The root filesystem is full.** \`/var/log/journal\` holds 21 GB of the 40 GB.

1. Clear old journal files: \`journalctl --vacuum-size=500M\`
2. Restart \`postgresql.service\`, which failed for want of space

| filesystem | used | free |
|---|---|---|
| / | 100 % | 0 |
| /run | 1 % | 3.9 GB |

\`\`\`sh
sudo journalctl --vacuum-size=500M
sudo systemctl restart postgresql
\`\`\`

See [the runbook](https://example.org/runbook) or [not this](javascript:alert(1)). <img src=x onerror=alert(1)> ![plan](https://example.org/x.png)
`;

const words = (text: string): ScriptStep[] =>
  (text.match(/\S+\s*/g) ?? []).map((word) => ({
    afterMs: 12,
    ephemeral: true,
    event: { kind: 'text_delta', text: word },
  }));

export const prose = (text: string): ScriptStep[] => [
  ...words(text),
  { afterMs: 5, event: { kind: 'text', text } },
];

export const command = (
  id: string,
  line: string,
  host: string,
  output: string[],
  paceMs: number,
  exit = 0,
): ScriptStep[] => [
  {
    afterMs: 60,
    event: {
      kind: 'tool',
      name: 'ssh',
      tool_call_id: id,
      input: { command: line, host, account: 'observer' },
    },
  },
  ...output.map((text) => ({
    afterMs: paceMs,
    ephemeral: true,
    event: { kind: 'tool_output', tool_call_id: id, stream: 'stdout', text },
  })),
  {
    afterMs: 60,
    event: {
      kind: 'tool_result',
      tool_call_id: id,
      name: 'ssh',
      is_error: exit !== 0,
      output: output.join(''),
      truncated: false,
      exit_code: exit,
      ended: 'exited',
      duration_ms: 60 + paceMs * output.length,
    },
  },
];

let turn = 0;

export const turnScript = (target: string): ScriptStep[] => {
  turn += 1;
  return [
    ...prose('I look at the disks first, then at what fills them.'),
    ...command(`a${turn}`, `ssh ${target} df -h`, target, [DF], 300),
    ...command(`b${turn}`, `ssh ${target} du -xm /var/log | sort -rn | head -20`, target, DU, 150),
    ...prose(SUMMARY),
    {
      afterMs: 5,
      event: { kind: 'usage', model: 'sonnet', input_tokens: 5120, output_tokens: 640, cost_usd: 0.031 },
    },
    { afterMs: 5, event: { kind: 'result', is_error: false, result: SUMMARY, duration_ms: 6_840 } },
  ];
};

export const operationSteps = (verb: string): string[] => {
  if (verb === 'status' || verb === 'forensics') return [verb];
  if (verb === 'cycle') return ['forensics', 'stop', 'start', 'check'];
  return ['forensics', verb, 'check'];
};

export const powerOutput = (target: string, step: string): string[] => [
  `== ${step}\n`,
  ...Array.from(
    { length: 7 },
    (_, line) => `${step} line ${line + 1}: qmp query-block ${target} drive-scsi0 rd_ops=${line * 1013}\n`,
  ),
];

const EVIDENCE = '20260131T020304.567Z-cycle';
export const evidenceIdOf = (target: string): string =>
  target === 'devvm' ? EVIDENCE : `${EVIDENCE}-${target}`;

export const triageReport = (target: string, watched: boolean): Json => ({
  target,
  ...(watched
    ? { watched_s: 30 }
    : { longer_look: { seconds: 30, why: 'Half a minute would show whether its disks move at all.' } }),
  at: new Date().toISOString(),
  cautions: [
    {
      code: 'staged-configuration',
      warned: [],
      text: 'Staged configuration is pending: memory: 8192 → 12288. Only cycle applies it; reset does not.',
    },
  ],
  finding: {
    code: 'block-path-stalled',
    summary: 'The block path of the QEMU process is stalled: no disk write for 4 minutes while QEMU answers.',
    word: 'Wedged',
    headline: 'No disk writes for 27 min. QEMU still answers.',
    confidence: 0.9,
    advised: 'cycle',
    warned: ['reset'],
    advice: `Cycle ${target}. A reset keeps the stalled QEMU process and makes it worse.`,
    inputs: [
      { name: 'diskwrite delta', value: '0 bytes in 240 s' },
      { name: 'QMP', value: 'answers in 3 ms' },
      { name: 'SSH', value: 'no banner within 5 s' },
      { name: 'evidence', value: evidenceIdOf(target) },
    ],
  },
});
