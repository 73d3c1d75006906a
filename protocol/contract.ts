// What the contract says about a route: what goes in, what comes out with which status, and which problems. The routes are in routes.ts.
import { z } from 'zod';
import { VerbResult } from './operations.ts';
import { PROBLEMS, type ProblemCode } from './problems.ts';
import { Caution, Finding } from './triage.ts';
import { mutatingVerb, operationId } from './wire.ts';

/** What comes back with one status. */
export type Answer =
  | { readonly type: 'json'; readonly schema: z.ZodType; readonly says: string }
  /** Server-sent events; `schema` is that of one frame's data. */
  | { readonly type: 'events'; readonly schema: z.ZodType; readonly says: string }
  /** A problem (application/problem+json) with more in it. */
  | { readonly type: 'problem'; readonly schema: z.ZodType; readonly says: string }
  | { readonly type: 'file'; readonly media: string; readonly says: string }
  | { readonly type: 'nothing'; readonly says: string };

export interface Route {
  /** Clients depend on it: its name, its shapes and its status codes never change. */
  readonly fixed?: true;
  /** Needs no identity. */
  readonly open?: true;
  readonly says: string;
  readonly params?: z.ZodObject;
  readonly query?: z.ZodObject;
  readonly headers?: z.ZodObject;
  readonly body?: z.ZodObject;
  readonly answers: Readonly<Record<number, Answer>>;
  /** Its own; `problemsOf` adds those that every such route has. */
  readonly problems?: readonly ProblemCode[];
}

export const json = <Schema extends z.ZodType>(schema: Schema, says: string) =>
  ({ type: 'json', schema, says }) as const satisfies Answer;
export const events = <Schema extends z.ZodType>(schema: Schema, says: string) =>
  ({ type: 'events', schema, says }) as const satisfies Answer;
export const problem = <Schema extends z.ZodType>(schema: Schema, says: string) =>
  ({ type: 'problem', schema, says }) as const satisfies Answer;
export const file = (media: string, says: string) =>
  ({ type: 'file', media, says }) as const satisfies Answer;
export const nothing = (says: string) => ({ type: 'nothing', says }) as const satisfies Answer;

const codes = Object.keys(PROBLEMS) as [ProblemCode, ...ProblemCode[]];

/** RFC 9457, application/problem+json. The one shape of every error. */
export const ProblemAnswer = z
  .object({
    type: z.literal('about:blank'),
    title: z.string(),
    status: z.int(),
    detail: z.string().describe('a sentence for a person: what happened, what to do'),
    code: z.enum(codes).describe('stable for programs'),
  })
  .meta({ id: 'Problem', description: 'Every error, as `application/problem+json` (RFC 9457).' });

/** What some problems carry besides. */
export const PROBLEM_EXTRAS: Readonly<Partial<Record<ProblemCode, z.ZodObject>>> = {
  'does-not-apply': z.object({ verb: mutatingVerb }),
  'contradicts-finding': z.object({
    verb: mutatingVerb,
    finding: Finding,
    cautions: z.array(Caution),
    contradiction: z.string().describe('code of the finding or the caution that speaks against the verb'),
    confirm: z.string().describe('send it back as `confirm` to do it all the same; good once'),
    confirm_within_s: z.number().describe('how long it is good'),
  }),
  'verb-running': z.object({
    result: VerbResult.describe('as the fixed route would tell it'),
    operation_id: operationId
      .exactOptional()
      .describe('the operation that is in the way, where it is one of ours'),
  }),
};

/** For a URL that cannot be decoded, for what nobody foresaw, and for a name that is not ours. */
const ANYWHERE: readonly ProblemCode[] = ['bad-request', 'internal', 'unknown-host'];
/** For whoever has to show who they are: nobody, a guest whose link has ended, somebody who guessed too often, or who may not do this. */
const WITH_AN_IDENTITY: readonly ProblemCode[] = [
  'unauthenticated',
  'share-over',
  'too-many-requests',
  'not-allowed',
];
/** For a body that is not JSON, too long or of another type, and for a request that another site caused. */
const WITH_A_BODY: readonly ProblemCode[] = [
  'invalid-input',
  'payload-too-large',
  'unsupported-media-type',
  'cross-site',
];

/** Every problem that a route may answer. */
export const problemsOf = (name: string, route: Route): ReadonlySet<ProblemCode> =>
  new Set([
    ...(route.open === true ? [] : WITH_AN_IDENTITY),
    ...(route.problems ?? []),
    ...(name.startsWith('GET ') ? [] : WITH_A_BODY),
    ...ANYWHERE,
  ]);
