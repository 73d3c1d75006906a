// The agent's tools: `ssh` and `triage`, as functions of the server. A call is recorded before it does anything. Policy judges it,
// `guest` or `press` carries it out, and a Stop aborts it at the far side. No shell string is analysed.
import {
  createSdkMcpServer,
  type McpSdkServerConfigWithInstance,
  tool,
} from '@anthropic-ai/claude-agent-sdk';
import { z } from 'zod';
import { AGENT } from '../../protocol/actors.ts';
import type { Asked } from '../../protocol/approvals.ts';
import {
  newToolCallId,
  type OperationId,
  type SessionId,
  type ToolCallId,
  toolCallId,
} from '../../protocol/ids.ts';
import type { Operation } from '../../protocol/operations.ts';
import { BreakglassError } from '../../protocol/problems.ts';
import { isMutating, VERBS } from '../../protocol/verbs.ts';
import { exactVerb, HOW_TO_AGREE } from '../press/press.ts';
import { evidenceNamed } from '../readings/printed-capture.ts';
import { type Call, seekConsent } from './consent.ts';
import type { OurTool } from './definition.ts';
import type { Exchange } from './exchange.ts';
import type { Hands } from './hands.ts';
import { accountOf, MAX_COMMAND_BYTES, MAX_STDIN_CHARS, MCP_SERVER } from './show-tool.ts';
import {
  failed,
  guestOutcome,
  operationOutcome,
  type ToolOutcome,
  textForModel,
  triageText,
} from './tool-results.ts';

/** Limits of one command in the VM, in seconds. */
const COMMAND_LIMIT_S = { default: 120, max: 900 } as const;

export interface ToolServerParts {
  readonly hands: Hands;
  /** How long a call waits for the end of a verb. The operation has a limit of its own. */
  readonly verbWaitMs: number;
  readonly session: SessionId;
  readonly tools: readonly OurTool[];
  /** The exchange of the prompt that runs now. Without one every call is refused. */
  readonly exchange: () => Exchange | undefined;
}

type Run = (exchange: Exchange, id: ToolCallId, signal: AbortSignal) => Promise<ToolOutcome>;

export function toolServer(parts: ToolServerParts): McpSdkServerConfigWithInstance {
  const { hands, session, tools, exchange } = parts;
  const { vm, powerHost } = hands.targetAliases;
  const call = async (name: OurTool, input: unknown, extra: unknown, run: Run) => {
    const current = exchange();
    const outcome =
      current === undefined
        ? failed('Refused: no turn is running.')
        : await current.runTool(idOf(extra), name, input, signalOf(extra), (id, signal) =>
            run(current, id, signal),
          );
    return { content: [{ type: 'text' as const, text: textForModel(outcome) }], isError: outcome.isError };
  };
  const ssh = tool(
    'ssh',
    `Run one command. Host ${vm}: a shell command in the VM, as the account "observer" (reads; the default where there is one) or "repair" (may use sudo). Host ${powerHost}: the command is exactly one of ${VERBS.join(', ')}, nothing else.`,
    {
      host: z.enum([vm, powerHost]).describe(`${vm}: the VM. ${powerHost}: the power host.`),
      command: z
        .string()
        .min(1)
        .describe(`At most ${MAX_COMMAND_BYTES / 1024} KiB.`),
      account: z
        .enum(['observer', 'repair'])
        .optional()
        .describe(`Only for ${vm}. Take repair only to change something.`),
      stdin: z
        .string()
        .optional()
        .describe(`Only for ${vm}. At most ${MAX_STDIN_CHARS / 1024} KiB.`),
      timeout_s: z
        .number()
        .int()
        .min(1)
        .max(COMMAND_LIMIT_S.max)
        .optional()
        .describe(`Only for ${vm}. Default ${COMMAND_LIMIT_S.default}.`),
      despite_finding: z
        .boolean()
        .optional()
        .describe(`Only for ${powerHost}: run the verb although triage advises against it. Say why first.`),
    },
    (input, extra) =>
      call('ssh', input, extra, (current, id, signal) =>
        input.host === vm
          ? runInVm({ hands, session, exchange: current, id, signal }, input)
          : runVerb({ hands, session, exchange: current, id, signal }, input, parts.verbWaitMs),
      ),
  );
  const triage = tool(
    'triage',
    'Ask the rule engine what is wrong with the VM, from outside and inside. Changes nothing.',
    {
      longer_look: z
        .boolean()
        .optional()
        .describe('Watch for half a minute, so that movement over time may decide. Where triage offered it.'),
    },
    (input, extra) =>
      call('triage', input, extra, async (current) => {
        const longer = input.longer_look === true;
        const tooSoon = longer ? hands.captures.longerLook.begin() : undefined;
        if (tooSoon !== undefined)
          return failed(
            `Refused: the last longer look began ${tooSoon} s ago, and you may take one a minute: later captures push earlier evidence out. Read what it said, or call triage without longer_look.`,
            'denied',
          );
        // Where SSH is silent a triage captures. Soon after the last one it does so only if something has changed.
        const unasked = !longer && hands.captures.triage.begin() !== undefined;
        const report = await hands.triage({ by: AGENT, session_id: session, longer, unasked });
        await current.record({ kind: 'finding', report });
        return { isError: false, output: triageText(report), truncated: false };
      }),
  );
  const offered = [ssh, triage].filter(({ name }) => tools.some((wanted) => wanted === name));
  return createSdkMcpServer({ name: MCP_SERVER, version: '1.0.0', alwaysLoad: true, tools: offered });
}

interface VmCommand {
  readonly command: string;
  readonly account?: 'observer' | 'repair' | undefined;
  readonly stdin?: string | undefined;
  readonly timeout_s?: number | undefined;
}

async function runInVm(call: Call, input: VmCommand): Promise<ToolOutcome> {
  const { hands, exchange, id, signal } = call;
  const { vm } = hands.targetAliases;
  const account = accountOf(input.account, { hasObserver: hands.guest.hasObserver, vmAlias: vm });
  const tooLong = lengthRefusal(input);
  if (tooLong !== undefined) return failed(tooLong, 'denied');
  const { command, stdin } = input;
  const timeoutS = input.timeout_s ?? COMMAND_LIMIT_S.default;
  const asked: Asked = {
    account,
    input: { host: vm, command, timeout_s: timeoutS, ...(stdin === undefined ? {} : { stdin }) },
  };
  const consent = await seekConsent(call, asked, () => Promise.resolve(undefined));
  if (consent.type === 'refused') return consent.outcome;
  const refusal = await consent.use(asked);
  if (refusal !== undefined) return failed(`Denied. ${refusal}`, 'denied');
  if (signal.aborted) return failed('Stopped before it ran.', 'stopped');
  const result = await hands.guest.run({
    account,
    command,
    timeoutMs: timeoutS * 1_000,
    signal,
    onOutput: (stream, text) => exchange.showOutput(id, stream, text),
    ...(stdin === undefined ? {} : { stdin }),
  });
  return guestOutcome(result, account, vm);
}

/** What a person could not read in the record is not run. */
function lengthRefusal({ command, stdin }: VmCommand): string | undefined {
  const bytes = Buffer.byteLength(command);
  if (bytes > MAX_COMMAND_BYTES)
    return `Refused: the command has ${bytes} bytes, and at most ${MAX_COMMAND_BYTES} are allowed. It was not run. Send a shorter one, or the long part as stdin (at most ${MAX_STDIN_CHARS} characters), in several steps if need be.`;
  if (stdin !== undefined && stdin.length > MAX_STDIN_CHARS)
    return `Refused: stdin has ${stdin.length} characters, and at most ${MAX_STDIN_CHARS} are allowed. It was not run. Send it in several steps.`;
  return undefined;
}

interface HostCommand {
  readonly command: string;
  readonly despite_finding?: boolean | undefined;
}

async function runVerb(call: Call, input: HostCommand, verbWaitMs: number): Promise<ToolOutcome> {
  if (call.signal.aborted) return failed('Stopped before it ran.', 'stopped');
  const started = await press(call, input, verbWaitMs);
  if ('output' in started) return started;
  const { operation, stopped } = await endOf(call, started.id, verbWaitMs);
  if (operation === undefined)
    return failed(
      `${started.verb} was started as operation ${started.id}, which cannot be found now. Ask for status.`,
    );
  return operationOutcome(operation, stopped);
}

interface EndOfVerb {
  readonly operation: Operation | undefined;
  /** The turn ended while it ran. */
  readonly stopped: boolean;
}

/** Waits for the end of a verb, as long as the turn goes on. */
async function endOf({ hands, signal }: Call, id: OperationId, verbWaitMs: number): Promise<EndOfVerb> {
  const stopped = new Promise<undefined>((resolve) => {
    if (signal.aborted) resolve(undefined);
    signal.addEventListener('abort', () => resolve(undefined), { once: true });
  });
  const waited = await Promise.race([hands.power.wait(id, verbWaitMs), stopped]);
  const operation = waited ?? (await hands.power.get(id));
  return { operation, stopped: waited === undefined && operation?.state === 'running' };
}

/** One a minute. Who comes too soon is told what the last one printed, to whomever; one that kept nothing, or from before a verb, does not count. */
async function capture(
  call: Call,
  start: () => Promise<Operation>,
  verbWaitMs: number,
): Promise<Operation | ToolOutcome> {
  const { captures, power } = call.hands;
  const { forensics } = captures;
  for (;;) {
    const last = forensics.lately();
    if (last === undefined) return forensics.begin(start);
    const agoS = Math.round((performance.now() - last.beganAt) / 1_000);
    const begun = await last.operation.catch(() => undefined);
    const end = begun && (await endOf(call, begun.id, verbWaitMs));
    if (call.signal.aborted) return failed('Stopped before it ran.', 'stopped');
    if (
      end?.operation !== undefined &&
      isOrWillBeKept(end.operation) &&
      !isFromBefore(end.operation, power)
    ) {
      const { output, ...outcome } = operationOutcome(end.operation, false);
      return { ...outcome, output: `${capturedBefore(agoS)}\n${output}` };
    }
    forensics.forget(last);
  }
}

const isOrWillBeKept = ({ state, evidence_id, result }: Operation): boolean =>
  state === 'running' || evidence_id !== undefined || evidenceNamed(result?.stdout ?? '') !== undefined;

const isFromBefore = ({ started_at }: Operation, power: Hands['power']): boolean =>
  (power.lastChange()?.beganAtMs ?? 0) >= Date.parse(started_at);

const capturedBefore = (agoS: number): string =>
  `Nothing was captured anew: the last forensics began ${agoS} s ago, in this session or another, and you may take one a minute, because later captures push earlier evidence out. This is what it printed:`;

/** The operation, or why there is none. */
async function press(
  call: Call,
  { command, despite_finding }: HostCommand,
  verbWaitMs: number,
): Promise<Operation | ToolOutcome> {
  const { hands, session, signal } = call;
  const { vm, powerHost } = hands.targetAliases;
  const despiteFinding = despite_finding === true;
  try {
    const verb = exactVerb(command);
    const asked: Asked = {
      verb,
      input: { host: powerHost, command, ...(despiteFinding ? { despite_finding: true } : {}) },
    };
    const consent = await seekConsent(call, asked, async () => {
      if (isMutating(verb)) hands.power.checkFree(verb);
      const useless = await hands.press.whyNot(verb);
      if (useless !== undefined) return notDone(useless);
      const against = despiteFinding ? undefined : await hands.press.against(verb);
      return against === undefined ? undefined : notDone(`${against.text} ${HOW_TO_AGREE.stated}`);
    });
    if (consent.type === 'refused') return consent.outcome;
    const start = (): Promise<Operation> =>
      hands.press.press({
        verb,
        by: AGENT,
        session,
        permission: {
          type: 'judged',
          judge: async () => {
            const denial = await consent.use(asked);
            // Asked right before the start, so that a Stop that came meanwhile counts.
            return signal.aborted ? 'The turn was stopped.' : denial;
          },
        },
        applies: { type: 'refused' },
        secondPress: { type: 'stated', despiteFinding },
        once: { type: 'no-key' },
      });
    return await (verb === 'forensics' ? capture(call, start, verbWaitMs) : start());
  } catch (error) {
    if (!(error instanceof BreakglassError)) throw error;
    const { code, message } = error;
    if (code === 'unknown-verb')
      return failed(
        `Refused: ${powerHost} takes exactly one of ${VERBS.join(', ')}. For anything in the VM use host ${vm}.`,
        'denied',
      );
    if (code === 'denied' && signal.aborted) return failed('Stopped before it ran.', 'stopped');
    if (code === 'denied') return failed(`Denied. ${message}`, 'denied');
    if (code === 'contradicts-finding' || code === 'does-not-apply') return notDone(message);
    throw error;
  }
}

const notDone = (why: string): ToolOutcome => failed(`Not done. ${why}`, 'denied');

const field = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;

function idOf(extra: unknown): ToolCallId {
  const id = field(field(extra, '_meta'), 'claudecode/toolUseId');
  return typeof id === 'string' ? toolCallId(id) : newToolCallId();
}

function signalOf(extra: unknown): AbortSignal {
  const signal = field(extra, 'signal');
  return signal instanceof AbortSignal ? signal : new AbortController().signal;
}
