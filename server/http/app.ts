// All of HTTP, built without listening: tests use inject(), and main listens.
import { existsSync } from 'node:fs';
import path from 'node:path';
import cookie from '@fastify/cookie';
import helmet from '@fastify/helmet';
import fastifyStatic from '@fastify/static';
import Fastify, {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyRequest,
  LogController,
} from 'fastify';
import type { Me } from '../../protocol/me.ts';
import { BreakglassError } from '../../protocol/problems.ts';
import type { Door } from '../access/door.ts';
import type { Identity } from '../access/identity.ts';
import { deviceRoutes, identityRoutes, loginRoute, tokenRoutes } from './access-routes.ts';
import { type AlertRouteDeps, alertRoutes } from './alert-routes.ts';
import { boundConnections } from './connections.ts';
import { type DoctorRouteDeps, doctorRoutes } from './doctor-routes.ts';
import { emergencyRoutes } from './emergency.ts';
import { answerBadUrl, answerClientError, installErrors } from './errors.ts';
import { evidenceRoutes } from './evidence-routes.ts';
import { type Gate, identify, networkOf, refuseForeignHost, requireIdentity } from './guard.ts';
import { Here } from './here.ts';
import { hostKeyRoutes } from './host-key-routes.ts';
import { type NotificationRouteDeps, notificationRoutes } from './notification-routes.ts';
import { passkeyRoutes } from './passkey-routes.ts';
import { type PowerRouteDeps, powerRoutes } from './power-routes.ts';
import { serve } from './route.ts';
import { type SessionRouteDeps, sessionRoutes } from './session-routes.ts';
import { Streams } from './streams.ts';

export interface AppDeps
  extends Omit<
    PowerRouteDeps & SessionRouteDeps & AlertRouteDeps & NotificationRouteDeps & DoctorRouteDeps,
    'streams' | 'here'
  > {
  readonly door: Door;
  readonly keepaliveMs: number;
  readonly describe: (identity: Identity) => Me;
  readonly webDir: string;
  readonly tls: { readonly cert: Buffer; readonly key: Buffer } | undefined;
  readonly logger: FastifyBaseLogger;
}

/** Prompts are larger: see session-routes.ts. */
const BODY_LIMIT_BYTES = 16_384;
/** A phone in a bad network sends its headers in this time, and the whole request in the next. Who has shown no identity waits for no body. */
const HEADERS_LIMIT_MS = 10_000;
const REQUEST_LIMIT_MS = 60_000;
const LOOK_FOR_SLOW_MS = 2_000;
/** Both belong to probes, which come by whatever address. */
const FOR_PROBES: readonly string[] = ['/health', '/ready'];

const noJsonSchema = (): never => {
  throw new Error('Bodies are checked with Zod (route.ts): no route has a JSON Schema.');
};
/** Two compilers of JSON Schema that no route uses would cost a tenth of the start. */
const NO_JSON_SCHEMA = { buildValidator: () => noJsonSchema, buildSerializer: () => noJsonSchema };

export async function buildApp(deps: AppDeps): Promise<FastifyInstance> {
  const { door, tls } = deps;
  const http = { connectionsCheckingInterval: LOOK_FOR_SLOW_MS, headersTimeout: HEADERS_LIMIT_MS };
  const app = Fastify({
    loggerInstance: deps.logger,
    bodyLimit: BODY_LIMIT_BYTES,
    requestTimeout: REQUEST_LIMIT_MS,
    logController: new LogController({ disableRequestLogging: true }),
    routerOptions: { maxParamLength: 500 },
    forceCloseConnections: true,
    frameworkErrors: (_error, request, reply) => {
      mayKnow(request).then(
        (may) => answerBadUrl(request, reply, may),
        () => answerBadUrl(request, reply, false),
      );
    },
    clientErrorHandler(error, socket) {
      if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT') connections.noteSlow(socket);
      answerClientError(error, socket);
    },
    ...(tls === undefined ? { http } : { https: { ...tls, ...http, handshakeTimeout: HEADERS_LIMIT_MS } }),
    schemaController: { compilersFactory: NO_JSON_SCHEMA },
  }) as unknown as FastifyInstance;
  const connections = boundConnections(app.server, networkOf, deps.logger);
  const gate: Gate = { door, connections };
  const streams = new Streams(deps.keepaliveMs, door);
  const here = new Here();
  /** Whoever may know how this console is doing. */
  const isMember = async (request: FastifyRequest): Promise<boolean> => {
    const identity = await identify(gate, request);
    return identity !== undefined && identity.role !== 'guest';
  };
  const mayKnow = async (request: FastifyRequest): Promise<boolean> =>
    request.raw.url?.startsWith('/api') !== true || (await isMember(request));
  app.decorateRequest('identity', undefined);
  app.addHook('onClose', async () => streams.close());
  installErrors(app);
  acceptEmptyJson(app);
  app.addHook('onRequest', async (request) => {
    if (!FOR_PROBES.includes(request.url)) refuseForeignHost(door, request);
  });

  await app.register(helmet, {
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        'default-src': ["'none'"],
        'script-src': ["'self'"],
        'style-src': ["'self'"],
        'img-src': ["'self'", 'data:'],
        'connect-src': ["'self'"],
        'manifest-src': ["'self'"],
        'worker-src': ["'self'"],
        'form-action': ["'self'"],
        'frame-ancestors': ["'none'"],
        'base-uri': ["'none'"],
        'require-trusted-types-for': ["'script'"],
        // For Svelte's own templates, and for the URL of the service worker.
        'trusted-types': ['svelte-trusted-html', 'breakglass-worker'],
      },
    },
    // Only this name: what its neighbours do is not ours to decide.
    strictTransportSecurity: tls !== undefined && { includeSubDomains: false },
    // Not `no-referrer`: a browser would then send our own forms with `Origin: null`.
    referrerPolicy: { policy: 'same-origin' },
  });
  await app.register(cookie);

  serve(app, 'GET /health', async () => ({
    status: 'ok' as const,
    service: 'claude-breakglass' as const,
  }));
  const whyNotRecorded = (): string | undefined =>
    deps.conversation === undefined
      ? (deps.whyPowerOnly ?? 'the journal is not available')
      : deps.conversation.journal.health();
  serve(app, 'GET /ready', async (request) => {
    const why = whyNotRecorded();
    if (why === undefined) return { status: 'ready' as const };
    // Why may name paths.
    const known = await isMember(request);
    return { status: 'degraded' as const, ...(known ? { why } : {}) };
  });
  await app.register(async (scope) => loginRoute(scope, door));
  await app.register(async (scope) =>
    emergencyRoutes(scope, {
      gate,
      targets: deps.targets,
      approvals: deps.conversation?.approvals,
      here,
      knows: {
        doctor: () => deps.doctor.show(),
        openIncident: (target) => deps.alerts?.openIncident(target),
        whyNotRecorded,
      },
    }),
  );
  await app.register(async (scope) => {
    requireIdentity(scope, gate);
    identityRoutes(scope, door, deps.describe);
    deviceRoutes(scope, door);
    tokenRoutes(scope, door);
    passkeyRoutes(scope, door);
    sessionRoutes(scope, { ...deps, streams, here });
    powerRoutes(scope, { ...deps, streams, here });
    notificationRoutes(scope, deps);
    doctorRoutes(scope, { ...deps, streams });
    hostKeyRoutes(scope, door, deps.targets);
    evidenceRoutes(scope, deps.targets);
    alertRoutes(scope, deps);
    serve(scope, 'GET /api/openapi.json', async () => {
      const { openApi } = await import('./openapi.ts');
      return openApi();
    });
    // Unknown paths below /api need an identity too, so that nobody maps the API from outside.
    scope.all('/api/*', async (request) => {
      throw new BreakglassError(
        'not-found',
        `There is nothing at ${request.method} ${request.url.split('?')[0]}.`,
      );
    });
  });
  await servePage(app, deps.webDir);
  return app;
}

/** Existing clients send `content-type: application/json` with an empty body. */
function acceptEmptyJson(app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser('error', 'error');
  app.removeContentTypeParser('application/json');
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
    if (body === '') done(null, undefined);
    else void parse(request, body as string, done);
  });
  // A proxy that re-frames a POST may drop its length and its type. What comes then is nothing, or JSON without a content type.
  app.addContentTypeParser('*', { parseAs: 'string' }, (request, body, done) => {
    if (body === '') done(null, undefined);
    else if (request.headers['content-type'] === undefined) void parse(request, body as string, done);
    else done(new BreakglassError('unsupported-media-type', 'Send JSON: content-type application/json.'));
  });
}

/** Static files come last and never shadow /api or /health. Hashed assets never change; everything else is asked for again. */
async function servePage(app: FastifyInstance, webDir: string): Promise<void> {
  if (!existsSync(path.join(webDir, 'index.html'))) {
    app.log.warn(`the page is not built (${webDir} is missing); run: npm run build`);
    app.get('/', async (_request, reply) =>
      reply
        .type('text/html')
        .send(
          '<!doctype html><title>Breakglass</title><body><p>The page is not built. Run: npm run build. The API works.</p></body>',
        ),
    );
    return;
  }
  await app.register(fastifyStatic, {
    root: webDir,
    preCompressed: true,
    cacheControl: false,
    setHeaders: (response, file) => {
      void response.header(
        'cache-control',
        /[/\\]assets[/\\]/.test(file) ? 'public, max-age=31536000, immutable' : 'no-cache',
      );
    },
  }); // The same page. An edge that asks its sign-on for everything else lets this one through, for when that is down.
  app.get('/sign-in', (_request, reply) => reply.sendFile('index.html'));
}
