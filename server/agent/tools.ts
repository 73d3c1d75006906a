// The agent's hands: `ssh` and `triage`, as functions of the server. A call is recorded before it does anything, judged by
// policy, run by `guest` or `power`, and aborted at the far side when the turn is stopped. No shell string is analysed.
import {
  createSdkMcpServer,
  type McpSdkServerConfigWithInstance,
  tool,
} from '@anthropic-ai/claude-agent-sdk';
import { z } from 'zod';
import type { PolicyMode } from '../../protocol/events.ts';
import { newToolCallId, type SessionId, type ToolCallId, toolCallId } from '../../protocol/ids.ts';
import { contradictionOf, type TriageReport } from '../../protocol/triage.ts';
import { isMutating, parseVerb, VERBS, type Verb } from '../../protocol/verbs.ts';
import type { Guest } from '../guest/port.ts';
import { type Action, decide, type VerbBudget } from '../policy/decide.ts';
import type { Power } from '../power/port.ts';
import type { TriageCause } from '../power/triage-run.ts';
import type { OurTool } from './definition.ts';
import type { Exchange } from './exchange.ts';
import { accountOf, MCP_SERVER } from './show-tool.ts';
import {
  failed,
  guestOutcome,
  operationOutcome,
  type ToolOutcome,
  textForModel,
  triageText,
} from './tool-results.ts';

export interface ToolDeps {
  readonly guest: Guest;
  readonly power: Power;
  readonly triage: (cause: TriageCause) => Promise<TriageReport>;
  /** From the latest signals, within a second: a verb that it speaks against is refused at first. */
  readonly quickTriage?: () => Promise<TriageReport>;
  readonly policyMode: () => PolicyMode;
  readonly verbBudget: () => Promise<VerbBudget>;
  /** True when the VM is known to be stopped; `start` then spends no budget. */
  readonly vmStopped?: () => Promise<boolean>;
  readonly targetAliases: { readonly vm: string; readonly powerHost: string };
  /** How long a call waits for a verb's end; the operation itself has its own limit. */
  readonly verbWaitMs: number;
}

const AGENT = { type: 'agent', name: 'claude' } as const;

/** Limits of one command in the VM, in seconds. */
const COMMAND_LIMIT_S = { default: 120, max: 900 } as const;
const STDIN_CAP_CHARS = 1024 * 1024;

export interface ToolServerParts {
  readonly deps: ToolDeps;
  readonly session: SessionId;
  readonly tools: readonly OurTool[];
  /** Of the prompt that runs now; a call outside of one is refused. */
  readonly exchange: () => Exchange | undefined;
}

type Run = (exchange: Exchange, id: ToolCallId, signal: AbortSignal) => Promise<ToolOutcome>;

export function toolServer({
  deps,
  session,
  tools,
  exchange,
}: ToolServerParts): McpSdkServerConfigWithInstance {
  const { vm, powerHost } = deps.targetAliases;
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
      command: z.string().min(1),
      account: z
        .enum(['observer', 'repair'])
        .optional()
        .describe(`Only for ${vm}. Take repair only to change something.`),
      stdin: z.string().max(STDIN_CAP_CHARS).optional().describe(`Only for ${vm}.`),
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
        input.host === vm ? runInVm(deps, input, current, id, signal) : runVerb(deps, session, input, signal),
      ),
  );
  const triage = tool(
    'triage',
    'Ask the rule engine what is wrong with the VM, from outside and inside. Changes nothing.',
    {},
    (input, extra) =>
      call('triage', input, extra, async (current) => {
        const report = await deps.triage({ by: AGENT, session_id: session });
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
  deps: ToolDeps,
  input: VmCommand,
  exchange: Exchange,
  id: ToolCallId,
  signal: AbortSignal,
): Promise<ToolOutcome> {
  const account = accountOf(input.account, {
    hasObserver: deps.guest.hasObserver,
    vmAlias: deps.targetAliases.vm,
  });
  const denial = await judge(deps, { type: 'command', account });
  if (denial !== undefined) return denial;
  if (signal.aborted) return failed('Stopped before it ran.', 'stopped');
  const result = await deps.guest.run({
    account,
    command: input.command,
    timeoutMs: (input.timeout_s ?? COMMAND_LIMIT_S.default) * 1_000,
    signal,
    onOutput: (stream, text) => exchange.showOutput(id, stream, text),
    ...(input.stdin === undefined ? {} : { stdin: input.stdin }),
  });
  return guestOutcome(result, account, deps.targetAliases.vm);
}

async function runVerb(
  deps: ToolDeps,
  session: SessionId,
  { command, despite_finding }: { readonly command: string; readonly despite_finding?: boolean | undefined },
  signal: AbortSignal,
): Promise<ToolOutcome> {
  // The exact word: nothing is trimmed, no case is folded, no argument is split off.
  const verb = parseVerb(command);
  const { vm, powerHost } = deps.targetAliases;
  if (verb === undefined)
    return failed(
      `Refused: ${powerHost} takes exactly one of ${VERBS.join(', ')}. For anything in the VM use host ${vm}.`,
      'denied',
    );
  const denial = await judge(deps, await verbAction(deps, verb));
  if (denial !== undefined) return denial;
  const finding = isMutating(verb) ? await deps.quickTriage?.() : undefined;
  const against = finding === undefined || !isMutating(verb) ? undefined : contradictionOf(finding, verb);
  if (against !== undefined && despite_finding !== true)
    return failed(
      `Not done. ${against.text} If you know better, say why, and call again with despite_finding: true.`,
      'denied',
    );
  if (signal.aborted) return failed('Stopped before it ran.', 'stopped');
  const { id } = await deps.power.start({
    verb,
    by: AGENT,
    session_id: session,
    ...(finding === undefined ? {} : { finding }),
  });
  const stopped = new Promise<undefined>((resolve) => {
    if (signal.aborted) resolve(undefined);
    signal.addEventListener('abort', () => resolve(undefined), { once: true });
  });
  const waited = await Promise.race([deps.power.wait(id, deps.verbWaitMs), stopped]);
  const operation = waited ?? (await deps.power.get(id));
  if (operation === undefined)
    return failed(`${verb} was started as operation ${id}, which cannot be found now. Ask for status.`);
  return operationOutcome(operation, waited === undefined && operation.state === 'running');
}

const verbAction = async (deps: ToolDeps, verb: Verb): Promise<Action> => {
  const vmStopped = verb === 'start' ? await deps.vmStopped?.() : undefined;
  return { type: 'verb', verb, ...(vmStopped === undefined ? {} : { vmStopped }) };
};

async function judge(deps: ToolDeps, action: Action): Promise<ToolOutcome | undefined> {
  const spends = action.type === 'verb' && isMutating(action.verb);
  const budget = spends ? await deps.verbBudget() : { spentAt: [], now: 0 };
  // Read last: a mode that was tightened a moment ago holds for this call.
  const decision = decide(deps.policyMode(), 'agent', action, budget);
  if (decision.type === 'allow') return undefined;
  return failed(`Denied. ${decision.reason}`, 'denied');
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
