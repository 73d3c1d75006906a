// The contract as an OpenAPI 3.1 document. It is made, and the schemas are loaded, only when somebody asks for it.
import { z } from 'zod';
import {
  type Answer,
  PROBLEM_EXTRAS,
  ProblemAnswer,
  problemsOf,
  type Route,
} from '../../protocol/contract.ts';
import { PROBLEMS, type ProblemCode } from '../../protocol/problems.ts';
import { ROUTES } from '../../protocol/routes.ts';

type Json = Readonly<Record<string, unknown>>;

const NAMED = '#/components/schemas/';

export function openApi(): Json & { readonly openapi: '3.1.0' } {
  const named: Record<string, unknown> = {};
  /** A shape that has a name is written once, under that name. */
  const shape = (schema: z.ZodType): Json => {
    // `input` leaves objects open, because a later version may add fields.
    const { $schema: _, $defs = {}, ...own } = moved(z.toJSONSchema(schema, { io: 'input' }));
    Object.assign(named, $defs);
    return own;
  };
  const paths: Record<string, Record<string, Json>> = {};
  for (const [name, route] of Object.entries<Route>(ROUTES)) {
    const [method = '', path = ''] = name.split(' ');
    const operations = paths[path] ?? {};
    operations[method.toLowerCase()] = operation(name, route, shape);
    paths[path] = operations;
  }
  return {
    openapi: '3.1.0',
    info: { title: 'Breakglass', version: '1', description: 'Emergency console for wedged VMs.' },
    security: [{ token: [] }, { cookie: [] }, { proxy: [] }],
    paths,
    components: {
      schemas: named,
      securitySchemes: {
        token: { type: 'http', scheme: 'bearer' },
        cookie: { type: 'apiKey', in: 'cookie', name: 'breakglass' },
        proxy: { type: 'apiKey', in: 'header', name: 'X-authentik-username' },
      },
    },
  };
}

type Shape = (schema: z.ZodType) => Json;

function operation(name: string, route: Route, shape: Shape): Json {
  const parameters = [
    ...parametersOf('path', route.params, shape),
    ...parametersOf('query', route.query, shape),
    ...parametersOf('header', route.headers, shape),
  ];
  return {
    operationId: operationIdOf(name),
    summary: route.says,
    ...(route.fixed === true ? { 'x-fixed': true } : {}),
    ...(route.open === true ? { security: [] } : {}),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(route.body === undefined
      ? {}
      : {
          requestBody: {
            required: !route.body.safeParse({}).success,
            content: { 'application/json': { schema: shape(route.body) } },
          },
        }),
    responses: responses(name, route, shape),
  };
}

/** `POST /api/session/{id}/prompt` -> `postSessionIdPrompt` */
const operationIdOf = (name: string): string =>
  name
    .replace(' /api', '')
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+([a-z0-9])/g, (_match, letter: string) => letter.toUpperCase())
    .replaceAll(/[^A-Za-z0-9]/g, '');

function parametersOf(place: string, fields: z.ZodObject | undefined, shape: Shape): Json[] {
  if (fields === undefined) return [];
  return Object.entries(fields.shape).map(([name, field]) => {
    const { description, ...schema } = shape(field as z.ZodType);
    return {
      name,
      in: place,
      required: place === 'path' || !z.safeParse(field, undefined).success,
      ...(description === undefined ? {} : { description }),
      schema,
    };
  });
}

function responses(name: string, route: Route, shape: Shape): Json {
  const answers: Record<string, Json> = {};
  for (const [status, answer] of Object.entries(route.answers))
    answers[status] = { description: answer.says, ...contentOf(answer, shape) };
  for (const [status, codes] of problemsByStatus(name, route)) {
    // The fixed busy answer is described by the route itself.
    if (answers[status] !== undefined) continue;
    const schemas = codes.map((code) => {
      const extra = PROBLEM_EXTRAS[code];
      return extra === undefined ? shape(ProblemAnswer) : { allOf: [shape(ProblemAnswer), shape(extra)] };
    });
    const distinct = [...new Map(schemas.map((schema) => [JSON.stringify(schema), schema])).values()];
    answers[status] = {
      description: codes.map((code) => `\`${code}\`: ${PROBLEMS[code].title}`).join('. '),
      content: {
        'application/problem+json': { schema: distinct.length === 1 ? distinct[0] : { anyOf: distinct } },
      },
    };
  }
  return answers;
}

function contentOf(answer: Answer, shape: Shape): Json {
  switch (answer.type) {
    case 'json':
      return { content: { 'application/json': { schema: shape(answer.schema) } } };
    case 'problem':
      return { content: { 'application/problem+json': { schema: shape(answer.schema) } } };
    case 'events':
      return {
        content: {
          'text/event-stream': {
            schema: {
              type: 'string',
              contentMediaType: 'application/json',
              contentSchema: shape(answer.schema),
            },
          },
        },
      };
    case 'file':
      return { content: { [answer.media]: { schema: { type: 'string', format: 'binary' } } } };
    case 'nothing':
      return {};
  }
}

function problemsByStatus(name: string, route: Route): Map<string, ProblemCode[]> {
  const byStatus = new Map<string, ProblemCode[]>();
  for (const code of problemsOf(name, route)) {
    const status = String(PROBLEMS[code].status);
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  return byStatus;
}

/** Zod names shapes below `$defs`; in the document they stand below `components`. */
const moved = (schema: unknown): Json & { readonly $defs?: Json } =>
  JSON.parse(JSON.stringify(schema).replaceAll('"#/$defs/', `"${NAMED}`)) as Json;
