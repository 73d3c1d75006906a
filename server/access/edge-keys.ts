// The public keys with which the edge signs: asked from its provider, cached, and kept in the data directory. What was good stays good
// while the provider is away, also over a restart. The provider is asked in the background; only a signature by a key that nobody knows
// here is worth a wait, a short one, and not often.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { FastifyBaseLogger } from 'fastify';
import type { LocalJWKSet } from 'jose';
import { z } from 'zod';
import { replaceFile } from './replace-file.ts';

/** What one question may take. Whoever comes with a key that is not known waits so long. */
const ASK_LIMIT_MS = 2_000;
/**
 * Whoever sends keys that do not exist makes us ask no more often than this. It is also longer than a resolver hangs: a lookup holds one
 * of the few threads of this process, and two of them must not.
 */
export const ASK_EVERY_MS = 30_000;
/** A key that the provider took back is good no longer than this, while the provider answers. */
const FRESH_MS = 10 * 60_000;
const ANSWER_BYTES = 256 * 1_024;
export const KEPT_FILE = 'edge-keys.json';

const KeySet = z.looseObject({ keys: z.array(z.looseObject({ kty: z.string() })) });
const Kept = z.object({ url: z.string(), jwks: KeySet });
type KeySet = z.output<typeof KeySet>;

/** Symmetric keys are none that a provider may publish. */
const PUBLIC_KINDS: readonly string[] = ['RSA', 'EC', 'OKP'];

export interface EdgeKeysParts {
  readonly url: string;
  /** Undefined: nothing is kept. */
  readonly dataDir: string | undefined;
  readonly logger: Pick<FastifyBaseLogger, 'info' | 'warn'>;
  readonly now?: () => number;
  readonly askLimitMs?: number;
}

export class EdgeKeys {
  readonly #url: string;
  readonly #file: string | undefined;
  readonly #logger: EdgeKeysParts['logger'];
  readonly #now: () => number;
  readonly #askLimitMs: number;
  readonly #closing = new AbortController();
  #jwks: KeySet | undefined;
  #keys: LocalJWKSet | undefined;
  #asking: Promise<void> | undefined;
  #askedAtMs = Number.NEGATIVE_INFINITY;
  #goodAtMs = Number.NEGATIVE_INFINITY;
  #trouble: string | undefined;

  constructor({ url, dataDir, logger, now = Date.now, askLimitMs = ASK_LIMIT_MS }: EdgeKeysParts) {
    this.#url = url;
    this.#file = dataDir === undefined ? undefined : path.join(dataDir, KEPT_FILE);
    this.#logger = logger;
    this.#now = now;
    this.#askLimitMs = askLimitMs;
    this.#jwks = this.#kept();
  }

  /** What is known here; undefined: no key at all. Asks in the background for what may be out of date. */
  async known(): Promise<LocalJWKSet | undefined> {
    if (this.#now() - this.#goodAtMs > FRESH_MS) void this.ask();
    if (this.#keys === undefined && this.#jwks !== undefined) {
      const { createLocalJWKSet } = await import('jose');
      this.#keys ??= createLocalJWKSet(this.#jwks);
    }
    return this.#keys;
  }

  /** Asks the provider, where that was not done a moment ago, and never twice at a time. It never throws. */
  ask(): Promise<void> {
    if (this.#asking !== undefined) return this.#asking;
    const now = this.#now();
    if (now - this.#askedAtMs < ASK_EVERY_MS || this.#closing.signal.aborted) return Promise.resolve();
    this.#askedAtMs = now;
    this.#asking = this.#fetch().finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  close(): void {
    this.#closing.abort();
  }

  async #fetch(): Promise<void> {
    try {
      const signal = AbortSignal.any([AbortSignal.timeout(this.#askLimitMs), this.#closing.signal]);
      const answer = await fetch(this.#url, { signal, redirect: 'error' });
      if (!answer.ok) throw new Error(`it answered ${answer.status}`);
      const jwks = publicKeys(JSON.parse(await textOf(answer)));
      this.#goodAtMs = this.#now();
      if (this.#trouble !== undefined) this.#logger.info('The keys of the edge can be read again.');
      this.#trouble = undefined;
      if (JSON.stringify(jwks) === JSON.stringify(this.#jwks)) return;
      this.#jwks = jwks;
      this.#keys = undefined;
      this.#keep(jwks);
    } catch (error) {
      if (this.#closing.signal.aborted) return;
      // An outage of a week is told once, and not twice a minute.
      const trouble = whyOf(error);
      if (trouble === this.#trouble) return;
      this.#trouble = trouble;
      const rest =
        this.#jwks === undefined
          ? 'Nobody comes in by the edge until it answers.'
          : 'The keys that it told last stay good.';
      this.#logger.warn(
        { err: error },
        `The keys of the edge (BREAKGLASS_JWT_JWKS_URL) could not be read: ${trouble}. ${rest}`,
      );
    }
  }

  #kept(): KeySet | undefined {
    if (this.#file === undefined) return undefined;
    try {
      const { url, jwks } = Kept.parse(JSON.parse(readFileSync(this.#file, 'utf8')));
      // Another provider's keys open nothing.
      return url === this.#url ? publicKeys(jwks) : undefined;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
        this.#logger.warn(
          { err: error },
          `${this.#file} cannot be read: the keys of the edge are asked anew.`,
        );
      return undefined;
    }
  }

  #keep(jwks: KeySet): void {
    if (this.#file === undefined) return;
    try {
      replaceFile(this.#file, `${JSON.stringify({ url: this.#url, jwks })}\n`);
    } catch (error) {
      this.#logger.warn({ err: error }, 'The keys of the edge could not be kept for the next start.');
    }
  }
}

/** Throws where there is none: an answer without a key does not take the place of one with keys. */
function publicKeys(answer: unknown): KeySet {
  const keys = KeySet.safeParse(answer).data?.keys.filter(({ kty }) => PUBLIC_KINDS.includes(kty)) ?? [];
  if (keys.length === 0) throw new Error('it tells no public key (has the provider a signing key?)');
  return { keys };
}

async function textOf(answer: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of answer.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > ANSWER_BYTES) throw new Error(`its answer is longer than ${ANSWER_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function whyOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === 'TimeoutError') return 'there was no answer in time';
  return error.cause instanceof Error ? error.cause.message : error.message;
}
