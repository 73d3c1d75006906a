// docs/wire.md, written from the contract (protocol/routes.ts) and the events (protocol/events.ts): npm run docs:wire. What stands
// here in words is what no schema can say.
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { z } from 'zod';
import { type Answer, PROBLEM_EXTRAS, ProblemAnswer, problemsOf, type Route } from '../protocol/contract.ts';
import { EphemeralEvent, EventStamp, FIXED_KINDS, JournaledBody } from '../protocol/events.ts';
import { PROBLEMS, type ProblemCode } from '../protocol/problems.ts';
import { ROUTES } from '../protocol/routes.ts';

export const WIRE_PAGE = path.join(import.meta.dirname, 'wire.md');

const INTRODUCTION = `<!-- Written by \`npm run docs:wire\` from protocol/*.ts. Change it there. -->
# The wire: HTTP routes and events

What is marked *fixed* has clients that depend on it: its name, its shapes and its status codes never change. Everything else may
gain fields, kinds and routes; a client ignores what it does not know. \`GET /api/openapi.json\` publishes the same as OpenAPI 3.1.

**Identity.** Everything under \`/api\` needs one, or answers 401: \`Authorization: Bearer <token>\` (the access token, or a named one), the cookie of
\`POST /api/login\`, or \`X-authentik-username\` (\`BREAKGLASS_IDENTITY_HEADER\`) from a proxy that \`BREAKGLASS_TRUSTED_PROXIES\` names;
where the edge signs (\`BREAKGLASS_JWT_HEADER\`), a JWT that verifies in place of that header. Whoever has the role
\`observer\` may only read; anything else answers 403. A request that changes something
and comes from another site (\`Origin\`, \`Sec-Fetch-Site\`) answers 403. \`GET /\` is the page and \`/emergency\` the page without
JavaScript; both let people sign in.

**Bodies** are JSON. An empty body is fine where nothing is required, with \`content-type: application/json\` or with none.

**Errors** are problems (RFC 9457): \`detail\` is a sentence for a person, \`code\` is stable for programs. [All codes](#problems).

**Event streams** are \`text/event-stream\`, one JSON object in each frame's \`data\`; \`kind\` tells which. They carry
\`Cache-Control: no-cache\` and \`X-Accel-Buffering: no\`; a comment keeps idle connections warm
(\`BREAKGLASS_SSE_KEEPALIVE_SECONDS\`). A client that does not read is cut off; it attaches again with \`Last-Event-ID\`.

**The promise:** an event that carries an id was on disk before any client saw it.
`;

const GROUPS: readonly { readonly title: string; readonly paths: RegExp }[] = [
  { title: 'Sessions and chat', paths: /^\/api\/(sessions?|chat)\b/ },
  { title: 'Verbs on the default target', paths: /^\/api\/pve\b/ },
  { title: 'Targets and operations', paths: /^\/api\/(targets|operations)\b/ },
  { title: 'Evidence', paths: /^\/api\/evidence\b/ },
  { title: 'The console itself', paths: /^/ },
];

interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly description?: string;
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly $defs?: Readonly<Record<string, Schema>>;
}

/** The whole page. Pure. */
export function wirePage(): string {
  const named = new Map<string, Schema>();
  const shape = (schema: z.ZodType): Schema => {
    const { $defs = {}, ...own } = z.toJSONSchema(schema, { io: 'input' }) as Schema;
    for (const [name, each] of Object.entries($defs)) named.set(name, each);
    return own;
  };
  const routes = Object.entries<Route>(ROUTES);
  const grouped = Map.groupBy(routes, ([name]) =>
    GROUPS.findIndex(({ paths }) => paths.test(name.split(' ')[1] ?? '')),
  );
  const parts = [
    INTRODUCTION,
    '## Routes',
    ...GROUPS.flatMap(({ title }, index) => [
      `### ${title}`,
      ...(grouped.get(index) ?? []).map(([name, route]) => routeText(name, route, shape)),
    ]),
    eventsText(shape),
    problemsText(shape, named),
  ];
  // What was named on the way, besides what has a section of its own.
  for (const name of ['Problem', 'SessionEvent']) named.delete(name);
  parts.push('## Shapes', ...[...named].sort(byName).map(([name, schema]) => namedText(name, schema)));
  return `${parts
    .join('\n\n')
    .replaceAll(/\n{3,}/g, '\n\n')
    .trim()}\n`;
}

const byName = ([a]: [string, Schema], [b]: [string, Schema]): number => (a < b ? -1 : 1);

type Shape = (schema: z.ZodType) => Schema;

function routeText(name: string, route: Route, shape: Shape): string {
  const inputs = [
    ...rowsOf('path', route.params, shape),
    ...rowsOf('query', route.query, shape),
    ...rowsOf('header', route.headers, shape),
    ...rowsOf('body', route.body, shape),
  ];
  const answers = Object.entries(route.answers).map(
    ([status, answer]) => `| ${status} | ${answerText(answer, shape)} |`,
  );
  const statuses = new Set(Object.keys(route.answers));
  const own = [...problemsOf(name, { ...route, open: true })]
    .filter((code) => (route.problems ?? []).includes(code))
    .filter((code) => !statuses.has(String(PROBLEMS[code].status)));
  return [
    `#### \`${name}\`${route.fixed === true ? ' *fixed*' : ''}`,
    `${route.says}${route.open === true ? ' Needs no identity.' : ''}`,
    inputs.length === 0 ? '' : ['| in | field | type | |', '|---|---|---|---|', ...inputs].join('\n'),
    ['| status | answer |', '|---|---|', ...answers].join('\n'),
    own.length === 0 ? '' : `Problems: ${own.map(problemLink).join(', ')}.`,
  ]
    .filter((part) => part !== '')
    .join('\n\n');
}

const problemLink = (code: ProblemCode): string => `${PROBLEMS[code].status} \`${code}\``;

function rowsOf(place: string, fields: z.ZodObject | undefined, shape: Shape): string[] {
  return fields === undefined ? [] : fieldRows(shape(fields)).map((row) => `| ${place} ${row}`);
}

function answerText(answer: Answer, shape: Shape): string {
  switch (answer.type) {
    case 'json':
      return `${inlineText(shape(answer.schema))} ${answer.says}`;
    case 'problem':
      return `problem, ${inlineText(shape(answer.schema))} ${answer.says}`;
    case 'events':
      return `stream of ${typeText(shape(answer.schema))}. ${answer.says}`;
    case 'file':
      return `\`${answer.media}\`. ${answer.says}`;
    case 'nothing':
      return answer.says;
  }
}

/** A small object stands in the line itself. */
const inlineText = (schema: Schema): string =>
  schema.properties === undefined
    ? `${typeText(schema)}.`
    : `{${Object.entries(schema.properties)
        .map(
          ([name, field]) =>
            `\`${name}\`${schema.required?.includes(name) === true ? '' : '?'}: ${typeText(field)}`,
        )
        .join(', ')}}.`;

/** One row a field; those of an object without a name stand below it, with its path. */
function fieldRows(schema: Schema, above = ''): string[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, field]) => {
    const optional = schema.required?.includes(name) === true ? '' : '?';
    const own = `| \`${above}${name}\`${optional} | ${typeText(field)} | ${field.description ?? ''} |`;
    const [inside, path] = insideOf(field, `${above}${name}`);
    return [own, ...(inside === undefined ? [] : fieldRows(inside, `${path}.`))];
  });
}

/** The object that a field is, or that its list is of, and how one writes its path. */
function insideOf(field: Schema, path: string): readonly [Schema | undefined, string] {
  if (field.properties !== undefined) return [field, path];
  if (field.items !== undefined) return insideOf(field.items, `${path}[]`);
  return [field.anyOf?.find(({ properties }) => properties !== undefined), path];
}

function typeText(schema: Schema): string {
  if (schema.$ref !== undefined) return refText(schema.$ref);
  if (schema.const !== undefined) return `\`${JSON.stringify(schema.const)}\``;
  if (schema.enum !== undefined)
    return schema.enum.map((value) => `\`${JSON.stringify(value)}\``).join(' or ');
  const either = schema.anyOf ?? schema.oneOf;
  if (either !== undefined) return either.map(typeText).join(' or ');
  if (schema.items !== undefined) return `list of ${typeText(schema.items)}`;
  if (schema.type === undefined) return 'anything';
  return [schema.type].flat().join(' or ');
}

function refText(ref: string): string {
  const name = ref.split('/').at(-1) ?? '';
  if (name === 'SessionEvent') return '[events](#events)';
  if (name === 'Problem') return '[problem](#problems)';
  return `[${name}](#${name.toLowerCase()})`;
}

function namedText(name: string, schema: Schema): string {
  const alternatives = schema.oneOf ?? schema.anyOf;
  const body =
    alternatives === undefined
      ? tableOf(schema)
      : alternatives.map((each) => tableOf(each)).join('\n\nor\n\n');
  return [`### ${name}`, schema.description ?? '', body].filter((part) => part !== '').join('\n\n');
}

const tableOf = (schema: Schema): string =>
  ['| field | type | |', '|---|---|---|', ...fieldRows(schema)].join('\n');

function eventsText(shape: Shape): string {
  const rows = (schema: z.ZodType, journaled: boolean): string[] =>
    (shape(schema).oneOf ?? []).map((each) => {
      const { kind, ...fields } = each.properties ?? {};
      const name = String(kind?.const);
      const isFixed = FIXED_KINDS.includes(name) && (journaled || name === 'done');
      return `| \`${name}\`${isFixed ? ' *fixed*' : ''} | ${fieldsText(fields, each.required)} | ${each.description ?? ''} |`;
    });
  const head = ['| kind | fields | |', '|---|---|---|'];
  return [
    '## Events',
    'Events of the journal, in the order of their ids. A verb that the agent ran shows both as its `tool` and as `power_*` events.',
    [...head, ...rows(JournaledBody, true)].join('\n'),
    'Each carries besides:',
    tableOf(shape(EventStamp)),
    'Events without an id, never journaled:',
    [...head, ...rows(EphemeralEvent, false)].join('\n'),
  ].join('\n\n');
}

const fieldsText = (fields: Readonly<Record<string, Schema>>, required: readonly string[] = []): string =>
  Object.entries(fields)
    .map(([name, field]) => {
      const says = field.description === undefined ? '' : ` (${field.description})`;
      return `\`${name}\`${required.includes(name) ? '' : '?'}: ${typeText(field)}${says}`;
    })
    .join('<br>');

function problemsText(shape: Shape, named: ReadonlyMap<string, Schema>): string {
  shape(ProblemAnswer);
  const extras = Object.entries(PROBLEM_EXTRAS).map(
    ([code, schema]) => `\`${code}\` carries besides:\n\n${tableOf(shape(schema))}`,
  );
  return [
    '## Problems',
    tableOf(named.get('Problem') ?? {}),
    'A URL that leads nowhere is 404 `not-found`; under `/api` only for those who have an identity. Any route that takes a body may answer `invalid-input`, `payload-too-large`, `unsupported-media-type` and `cross-site`.',
    [
      '| code | status | |',
      '|---|---|---|',
      ...Object.entries(PROBLEMS).map(
        ([code, { status, title }]) => `| \`${code}\` | ${status} | ${title} |`,
      ),
    ].join('\n'),
    ...extras,
  ].join('\n\n');
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  writeFileSync(WIRE_PAGE, wirePage());
  console.log(`wrote ${path.relative(process.cwd(), WIRE_PAGE)}`);
}
