// The rehearsal model: a local Messages endpoint that drives the real Claude Code CLI through a diagnosis and a repair. It is
// scripted and says so in its first words; what it does next depends on what the last command printed.
import { readConversation } from './conversation.ts';
import type { AnswerBlock, ModelRequest } from './messages-api.ts';
import { nextStep } from './next-step.ts';
import { type Reply, type ScriptedModel, startScriptedModel } from './scripted.ts';
import type { Step } from './step.ts';

export const LABEL = 'Rehearsal model (scripted, no AI): ';
/** So that one sees it being written. */
const PACE = { chars: 5, ms: 12 } as const;

export type RehearsalModel = Pick<ScriptedModel, 'url' | 'close'>;

/** Listens on 127.0.0.1; port 0 (the default) takes a free one. */
export const startRehearsalModel = (options: { readonly port?: number } = {}): Promise<RehearsalModel> =>
  startScriptedModel(rehearse, options);

export function rehearse(request: ModelRequest): Reply {
  const conversation = readConversation(request);
  const step = nextStep(conversation);
  const say = conversation.isOpening ? `${LABEL}${step.say}` : step.say;
  const blocks: AnswerBlock[] = [{ type: 'text', text: say }];
  const call = callBlock(step, request.toolNames);
  if (call !== undefined) blocks.push(call);
  // No model, no tokens: Claude Code would turn them into dollars.
  const usage = { input_tokens: 0, output_tokens: 0 };
  return { type: 'answer', model: 'rehearsal', blocks, usage, pace: PACE };
}

/** Undefined where the tool is not on offer (Claude Code also asks for titles and the like). */
function callBlock({ call }: Step, offered: readonly string[]): AnswerBlock | undefined {
  if (call === undefined) return undefined;
  const name = offered.find((each) => each === call.tool || each.endsWith(`__${call.tool}`));
  if (name === undefined) return undefined;
  const { tool, ...input } = call;
  return { type: 'tool_use', name, input: tool === 'triage' ? {} : input };
}
