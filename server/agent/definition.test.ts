import path from 'node:path';
import { expect, test } from 'vitest';
import { DefinitionError, isModelName, parseDefinition, readDefinition } from './definition.ts';
import { headAndTail } from './tool-results.ts';

const agents = path.resolve(import.meta.dirname, '../../agents');

test('the definition that ships is complete and leaves the model to the deployment', () => {
  const { prompt, ...front } = readDefinition(agents, 'breakglass');
  expect(front).toMatchObject({
    name: 'breakglass',
    model: undefined,
    tools: ['ssh', 'triage', 'Read', 'Grep', 'Glob'],
  });
  expect(prompt).toContain('Diagnose before you repair');
});

test.each([
  ['no front matter', 'just words', /front matter/],
  ['broken YAML', '---\nname: [\n---\nprompt\n', /not YAML/],
  ['a tool that the agent never gets', '---\nname: x\ndescription: x\ntools: [Bash]\n---\nprompt\n', /tools/],
  ['no prompt', '---\nname: x\ndescription: x\n---\n\n', /no prompt/],
])('a definition with %s is refused with a sentence that names the file', (_, text, why) => {
  expect(() => parseDefinition(text, 'agents/x.md')).toThrow(why);
  expect(() => parseDefinition(text, 'agents/x.md')).toThrow(/agents\/x\.md/);
});

test('a missing definition says what to set', () => {
  expect(() => readDefinition(agents, 'no-such')).toThrow(DefinitionError);
  expect(() => readDefinition(agents, 'no-such')).toThrow(/BREAKGLASS_AGENT/);
});

test.each(['sonnet', 'claude-sonnet-5-5', 'us.anthropic.claude-x:0', 'opus[1m]'])(
  '%s is a model name',
  (name) => {
    expect(isModelName(name)).toBe(true);
  },
);
test.each(['', '--model', 'a b', 'x\n', 'x'.repeat(200), '$(id)'])('%j is no model name', (name) => {
  expect(isModelName(name)).toBe(false);
});

test('a shaped output says how much was left out and keeps whole characters', () => {
  const { text, truncated } = headAndTail(`${'😀'.repeat(1_001)}`, 101);
  expect(truncated).toBe(true);
  expect(text).toMatch(/\[… \d+ characters left out here …\]/);
  expect(text.isWellFormed()).toBe(true);
  expect(headAndTail('short', 100)).toEqual({ text: 'short', truncated: false });
});
