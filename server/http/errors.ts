// The one place that turns an error into an answer: application/problem+json with a sentence and a stable code.
import type { Socket } from 'node:net';
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { BreakglassError, PROBLEMS, type ProblemCode, toProblem } from '../../protocol/problems.ts';

export function sendProblem(
  reply: FastifyReply,
  code: ProblemCode,
  detail: string,
  extra: Readonly<Record<string, unknown>> = {},
): FastifyReply {
  return reply
    .code(PROBLEMS[code].status)
    .header('content-type', 'application/problem+json; charset=utf-8')
    .send(JSON.stringify({ ...extra, ...toProblem(code, detail) }));
}

export function installErrors(app: FastifyInstance): void {
  app.setErrorHandler(
    (error: FastifyError | BreakglassError, request: FastifyRequest, reply: FastifyReply) => {
      if (error instanceof BreakglassError) return sendProblem(reply, error.code, error.message, error.extra);
      const code = codeOf(error);
      if (code !== 'internal') return sendProblem(reply, code, error.message);
      request.log.error({ err: error }, 'a request failed');
      return sendProblem(
        reply,
        'internal',
        'Something went wrong on the console. Its log says more. The power buttons do not depend on it.',
      );
    },
  );
  app.setNotFoundHandler((request, reply) =>
    sendProblem(reply, 'not-found', `There is nothing at ${request.method} ${request.url.split('?')[0]}.`),
  );
}

/** What is not HTTP, or came too slowly. There is no request to answer, only a socket. */
export function answerClientError(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) return;
  const slow = error.code === 'ERR_HTTP_REQUEST_TIMEOUT';
  const problem = toProblem(
    'bad-request',
    slow ? 'The request did not come in time.' : 'This is not a request that the console understands.',
  );
  const body = JSON.stringify(problem);
  if (socket.writable)
    socket.write(
      `HTTP/1.1 ${slow ? '408 Request Timeout' : '400 Bad Request'}\r\nContent-Length: ${Buffer.byteLength(body)}\r\nContent-Type: application/problem+json\r\nConnection: close\r\n\r\n${body}`,
    );
  socket.destroySoon();
}

/** A URL that cannot be decoded reaches no route and therefore no guard, so the identity is checked here. */
export function answerBadUrl(request: FastifyRequest, reply: FastifyReply, mayKnow: boolean): void {
  if (!mayKnow) void sendProblem(reply, 'unauthenticated', 'Sign in first.');
  else
    void sendProblem(
      reply,
      'bad-request',
      `${JSON.stringify(request.raw.url?.slice(0, 100))} is not a valid URL.`,
    );
}

function codeOf(error: FastifyError): ProblemCode {
  if (error.code === 'FST_ERR_CTP_INVALID_JSON_BODY') return 'invalid-input';
  const status = error.statusCode ?? 500;
  switch (status) {
    case 403: // The path tries to leave the directory of the page.
    case 404:
      return 'not-found';
    case 413:
      return 'payload-too-large';
    case 415:
      return 'unsupported-media-type';
    case 429:
      return 'too-many-requests';
    default:
      return status >= 400 && status < 500 ? 'bad-request' : 'internal';
  }
}
