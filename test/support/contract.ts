// Compares answers and events with the contract (protocol/routes.ts): nothing may be missing or of another type, and there may be nothing
// that the contract does not name, since that would be in no documentation.
import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { PROBLEM_EXTRAS, ProblemAnswer, problemsOf, type Route } from '../../protocol/contract.ts';
import { OperationFrame } from '../../protocol/operations.ts';
import { ROUTES, SessionEvent } from '../../protocol/routes.ts';

export class OffContract extends Error {}

const Frame = z.union([SessionEvent, OperationFrame]);

/** Checks the data of one frame of any of our streams. */
export function checkEvent(value: unknown): void {
  hold('an event', Frame, value);
}

/** Checks the status and the media type of an answer, and reads a copy of its body unless it is a stream. */
export async function checkAnswer(method: string, url: string, answer: Response): Promise<void> {
  const found = routeOf(method, url);
  if (found === undefined) return;
  const [name, route] = found;
  const at = `${name} -> ${answer.status}`;
  const declared = route.answers[answer.status];
  const media = (answer.headers.get('content-type') ?? '').split(';')[0];
  if (declared !== undefined && media === MEDIA[declared.type]) {
    if (declared.type === 'json' || declared.type === 'problem')
      hold(at, declared.schema, await answer.clone().json());
    return;
  }
  if (declared?.type === 'file' && declared.media === media) return;
  if (declared?.type === 'nothing' && (await answer.clone().text()) === '') return;
  if (media !== MEDIA.problem) throw new OffContract(`${at}: ${media} is not in the contract`);
  const problem: unknown = await answer.clone().json();
  const { code } = z.looseObject({ code: ProblemAnswer.shape.code }).parse(problem);
  if (!problemsOf(name, route).has(code)) throw new OffContract(`${at}: ${code} is not in the contract`);
  hold(at, ProblemAnswer.extend(PROBLEM_EXTRAS[code]?.shape ?? {}), problem);
}

const MEDIA = {
  json: 'application/json',
  problem: 'application/problem+json',
  events: 'text/event-stream',
  file: undefined,
  nothing: undefined,
} as const;

function routeOf(method: string, url: string): readonly [string, Route] | undefined {
  const path = url.split('?')[0] ?? '';
  return Object.entries<Route>(ROUTES).find(([name]) => {
    const [verb, pattern = ''] = name.split(' ');
    return verb === method && new RegExp(`^${pattern.replaceAll(/\{\w+\}/g, '[^/]+')}$`).test(path);
  });
}

function hold(what: string, schema: z.ZodType, value: unknown): void {
  const parsed = schema.safeParse(value);
  if (!parsed.success)
    throw new OffContract(`${what}: ${z.prettifyError(parsed.error)}\n${JSON.stringify(value)}`);
  // A schema lets through only what it names.
  if (!isDeepStrictEqual(parsed.data, value))
    throw new OffContract(
      `${what}: not all of it is in the contract.\nIt is ${JSON.stringify(value)}\nand in the contract is ${JSON.stringify(parsed.data)}`,
    );
}
