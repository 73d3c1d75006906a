// Registers routes by their names in the contract (protocol/routes.ts). Only the types of the contract are used: a route that it does
// not have, or an answer that it does not describe, does not compile. At run time nothing is checked or cut off: a mistake in a schema
// must not cost anybody an answer in an emergency.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { BreakglassError } from '../../protocol/problems.ts';
import type { AnswerOf, RouteName } from '../../protocol/routes.ts';

type Param<Path> = Path extends `${string}{${infer Name}}${infer Rest}` ? Name | Param<Rest> : never;

type Request<Name> = FastifyRequest<{ Params: Readonly<Record<Param<Name>, string>> }>;

declare module 'fastify' {
  interface FastifyContextConfig {
    readonly anyRole?: true;
    readonly delivers?: true;
    readonly forGuests?: ForGuests;
  }
}

/** What a guest of a share link may use: what is about themselves, or about the session that they watch, or about its target. */
type ForGuests = 'themselves' | 'their-session' | 'their-target';

export interface RouteOptions {
  /** Also for those who only look, although it changes something: it is their own. */
  readonly anyRole?: true;
  /** Also for those who only deliver alerts. */
  readonly delivers?: true;
  /** Absent: guests of a share link are refused. */
  readonly forGuests?: ForGuests;
  /** The largest body in bytes, where it is not that of the server. */
  readonly bodyLimit?: number;
}

/** @param handle gives the JSON of an answer with 200, or sends the answer itself */
export function serve<Name extends RouteName>(
  app: FastifyInstance,
  name: Name,
  handle: (
    request: Request<Name>,
    reply: FastifyReply,
    // biome-ignore lint/suspicious/noConfusingVoidType: a stream has taken the reply and returns nothing
  ) => Promise<AnswerOf<Name> | FastifyReply | void>,
  options: RouteOptions = {},
): void {
  const [method = '', path = ''] = name.split(' ');
  app.route<{ Params: Readonly<Record<Param<Name>, string>> }>({
    method,
    url: path.replaceAll(/\{(\w+)\}/g, ':$1'),
    config: {
      ...(options.anyRole === true ? { anyRole: true as const } : {}),
      ...(options.delivers === true ? { delivers: true as const } : {}),
      ...(options.forGuests === undefined ? {} : { forGuests: options.forGuests }),
    },
    ...(options.bodyLimit === undefined ? {} : { bodyLimit: options.bodyLimit }),
    handler: handle,
  });
}

/** Reads a body or a query by its schema. Nothing at all counts as an empty object. Throws `invalid-input` with what was expected. */
export function parse<Schema extends z.ZodType>(schema: Schema, received: unknown): z.output<Schema> {
  const parsed = schema.safeParse(received ?? {});
  if (parsed.success) return parsed.data;
  throw new BreakglassError('invalid-input', parsed.error.issues.map((issue) => issue.message).join('; '));
}
