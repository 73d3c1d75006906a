// The agent's tools: `ssh` and `triage`, as functions of the server. A call is recorded before it does anything. Policy judges it,
// `guest` or `press` carries it out, and a Stop aborts it at the far side. No shell string is analysed.
import {
  createSdkMcpServer,
  type McpSdkServerConfigWithInstance,
  tool,
} from '@anthropic-ai/claude-agent-sdk';
import { z } from 'zod';
import { newToolCallId, type SessionId, type ToolCallId, toolCallId } from '../../protocol/ids.ts';
import type { Operation } from '../../protocol/operations.ts';
import { BreakglassError } from '../../protocol/problems.ts';
import { isMutating, VERBS, type Verb } from '../../protocol/verbs.ts';
import { type Action, decide } from '../policy/decide.ts';
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

const AGENT = { type: 'agent', name: 'claude' } as const;

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
        input.host === vm ? runInVm(hands, input, current, id, signal) : runVerb(parts, input, signal),
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
        const report = await hands.triage({ by: AGENT, session_id: session, longer });
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

async function runInVm(
  hands: Hands,
  input: VmCommand,
  exchange: Exchange,
  id: ToolCallId,
  signal: AbortSignal,
): Promise<ToolOutcome> {
  const account = accountOf(input.account, {
    hasObserver: hands.guest.hasObserver,
    vmAlias: hands.targetAliases.vm,
  });
  const denial = await judge(hands, { type: 'command', account });
  if (denial !== undefined) return failed(`Denied. ${denial}`, 'denied');
  const tooLong = lengthRefusal(input);
  if (tooLong !== undefined) return failed(tooLong, 'denied');
  if (signal.aborted) return failed('Stopped before it ran.', 'stopped');
  const result = await hands.guest.run({
    account,
    command: input.command,
    timeoutMs: (input.timeout_s ?? COMMAND_LIMIT_S.default) * 1_000,
    signal,
    onOutput: (stream, text) => exchange.showOutput(id, stream, text),
    ...(input.stdin === undefined ? {} : { stdin: input.stdin }),
  });
  return guestOutcome(result, account, hands.targetAliases.vm);
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

async function runVerb(
  { hands, session, verbWaitMs }: ToolServerParts,
  { command, despite_finding }: { readonly command: string; readonly despite_finding?: boolean | undefined },
  signal: AbortSignal,
): Promise<ToolOutcome> {
  if (signal.aborted) return failed('Stopped before it ran.', 'stopped');
  const started = await press(hands, session, command, despite_finding === true, signal);
  if ('output' in started) return started;
  const { id, verb } = started;
  const stopped = new Promise<undefined>((resolve) => {
    if (signal.aborted) resolve(undefined);
    signal.addEventListener('abort', () => resolve(undefined), { once: true });
  });
  const waited = await Promise.race([hands.power.wait(id, verbWaitMs), stopped]);
  const operation = waited ?? (await hands.power.get(id));
  if (operation === undefined)
    return failed(`${verb} was started as operation ${id}, which cannot be found now. Ask for status.`);
  return operationOutcome(operation, waited === undefined && operation.state === 'running');
}

/** The operation, or why there is none. */
async function press(
  hands: Hands,
  session: SessionId,
  command: string,
  despiteFinding: boolean,
  signal: AbortSignal,
): Promise<Operation | ToolOutcome> {
  const { vm, powerHost } = hands.targetAliases;
  try {
    return await hands.press.press({
      verb: command,
      by: AGENT,
      session,
      permission: {
        type: 'judged',
        judge: async (verb) => {
          const denial = await judge(hands, await verbAction(hands, verb));
          // Asked right before the start, so that a Stop that came meanwhile counts.
          return signal.aborted ? 'The turn was stopped.' : denial;
        },
      },
      secondPress: { type: 'stated', despiteFinding },
      once: { type: 'no-key' },
    });
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
    if (code === 'contradicts-finding') return failed(`Not done. ${message}`, 'denied');
    throw error;
  }
}

async function verbAction(hands: Hands, verb: Verb): Promise<Action> {
  if (verb === 'start') return { type: 'verb', verb, vmStopped: await hands.vmStopped() };
  if (verb === 'stop' || verb === 'cycle')
    return { type: 'verb', verb, shutdownBy: await hands.shutdownBy() };
  return { type: 'verb', verb };
}

/** Why it is refused; undefined when it is allowed. */
async function judge(hands: Hands, action: Action): Promise<string | undefined> {
  const spends = action.type === 'verb' && isMutating(action.verb);
  const budget = spends ? await hands.verbBudget() : { spentAt: [], now: 0 };
  // Read last, so that a mode that was tightened a moment ago counts for this call.
  const decision = decide(hands.policyMode(), 'agent', action, budget);
  return decision.type === 'allow' ? undefined : decision.reason;
}

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
