// A small console for tests of single commands: real HTTP, with answers that the contract allows.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';
import { runCommand, type Surroundings } from './program.ts';
import type { Terminal } from './surroundings.ts';

export interface Asked {
  readonly route: string;
  readonly body: unknown;
  readonly headers: IncomingMessage['headers'];
}

/** @param answers by `METHOD /path`, without the query; what is not there is 404 */
export async function smallConsole(
  answers: Readonly<Record<string, (response: ServerResponse, asked: Asked) => void>>,
) {
  const asked: Asked[] = [];
  const server = createServer((request, response) => {
    let text = '';
    request.setEncoding('utf8').on('data', (data: string) => {
      text += data;
    });
    request.on('end', () => {
      const { method = '', url = '', headers } = request;
      const one = { route: `${method} ${url}`, body: text === '' ? undefined : JSON.parse(text), headers };
      asked.push(one);
      const answer = answers[`${method} ${url.split('?')[0]}`];
      if (answer === undefined) problem(404, 'not-found', 'There is nothing there.')(response);
      else answer(response, one);
    });
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}

export const json =
  (value: unknown, status = 200) =>
  (response: ServerResponse): void => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
  };

export const problem =
  (status: number, code: string, detail: string, extra: object = {}) =>
  (response: ServerResponse): void => {
    const body = { ...extra, type: 'about:blank', title: code, status, detail, code };
    response.writeHead(status, { 'content-type': 'application/problem+json' }).end(JSON.stringify(body));
  };

const refuse = async () => Promise.reject(new Error('not asked for'));

/** The command in this process. It finds no configuration of this machine. */
export async function run(
  argv: readonly string[],
  env: Readonly<Record<string, string>> = {},
  over: Partial<Surroundings> = {},
) {
  const out: string[] = [];
  const err: string[] = [];
  const code = await runCommand(argv, {
    env: { HOME: '/does/not/exist', BREAKGLASS_ENVIRONMENT: '/does/not/exist', ...env },
    write: (text) => out.push(text),
    writeTalk: (text) => err.push(text),
    colour: { stdout: false, stderr: false },
    terminal: undefined,
    onInterrupt: () => () => {},
    local: { serve: refuse, journalBack: refuse, backup: refuse, restore: refuse },
    version: '9.9.9',
    ...over,
  });
  return { code, out: out.join('').replace(/\n$/, ''), err: err.join('').replace(/\n$/, '') };
}

/** A person who types these lines, one for each question, and then ends the input. */
export function typist(...lines: readonly string[]): { terminal: () => Terminal; questions: string[] } {
  const left = [...lines];
  const questions: string[] = [];
  const terminal: Terminal = {
    async ask(question) {
      questions.push(question);
      return left.shift();
    },
  };
  return { terminal: () => terminal, questions };
}
