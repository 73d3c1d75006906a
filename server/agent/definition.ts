// The agent's definition: agents/<name>.md, YAML front matter and the system prompt below it. Read once, at the start.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';

/** All tools that an agent can have. A definition may name fewer. */
export const BUILT_IN_TOOLS = ['Read', 'Grep', 'Glob'] as const;
type BuiltInTool = (typeof BUILT_IN_TOOLS)[number];
export const OUR_TOOLS = ['ssh', 'triage'] as const;
export type OurTool = (typeof OUR_TOOLS)[number];

export interface AgentDefinition {
  readonly name: string;
  readonly description: string;
  /** Undefined (`inherit` in the file) means the model of the deployment. */
  readonly model: string | undefined;
  readonly tools: readonly (BuiltInTool | OurTool)[];
  readonly prompt: string;
}

export class DefinitionError extends Error {}

/** What a model name looks like. Only the model API knows whether it exists. */
const MODEL_NAME = /^[A-Za-z0-9][A-Za-z0-9.:_@/[\]-]{0,99}$/;
export const isModelName = (text: string): boolean => MODEL_NAME.test(text);

const FrontMatter = z.object({
  name: z.string(),
  description: z.string(),
  model: z.string().regex(MODEL_NAME).optional(),
  tools: z.array(z.enum([...BUILT_IN_TOOLS, ...OUR_TOOLS])).default([...BUILT_IN_TOOLS, ...OUR_TOOLS]),
});

/** Throws DefinitionError with a sentence that names the file. */
export function readDefinition(dir: string, name: string): AgentDefinition {
  const file = path.join(dir, `${name}.md`);
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    throw new DefinitionError(
      `The agent's definition ${file} cannot be read. Set BREAKGLASS_AGENT and BREAKGLASS_AGENTS_DIR to an existing agents/<name>.md.`,
    );
  }
  return parseDefinition(text, file);
}

/** Pure. `file` is only for error messages. */
export function parseDefinition(text: string, file: string): AgentDefinition {
  const match = /^---\r?\n(.*?)\r?\n---\r?\n(.*)$/s.exec(text);
  if (match === null) throw new DefinitionError(`${file}: no front matter. Expected --- lines around it.`);
  let front: unknown;
  try {
    front = parse(match[1] ?? '');
  } catch (cause) {
    throw new DefinitionError(`${file}: the front matter is not YAML (${String(cause).split('\n')[0]}).`);
  }
  const parsed = FrontMatter.safeParse(front);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw new DefinitionError(
      `${file}: front matter, ${issue?.path.join('.') || 'as a whole'}: ${issue?.message}.`,
    );
  }
  const prompt = (match[2] ?? '').trim();
  if (prompt === '') throw new DefinitionError(`${file}: there is no prompt below the front matter.`);
  const { model, ...rest } = parsed.data;
  return { ...rest, model: model === 'inherit' ? undefined : model, prompt };
}
