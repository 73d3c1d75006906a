// Evidence over HTTP: the list, one bundle as JSON and as text, the console's picture, the archive as it came.
import type { FastifyInstance } from 'fastify';
import { EvidenceQuery, EvidenceTextQuery } from '../../protocol/bodies.ts';
import type { EvidenceRecord } from '../../protocol/evidence.ts';
import { type EvidenceId, parseEvidenceId } from '../../protocol/ids.ts';
import { BreakglassError } from '../../protocol/problems.ts';
import { visibleText } from '../../protocol/visible-text.ts';
import type { Evidence } from '../evidence/port.ts';
import { recordText } from '../evidence/record.ts';
import type { Targets } from '../targets/targets.ts';
import { parse, serve } from './route.ts';

// A bundle never changes, but only the operator may see it.
const CACHE = 'private, max-age=3600';

export function evidenceRoutes(app: FastifyInstance, targets: Targets): void {
  const idOf = (text: string): EvidenceId => {
    const id = parseEvidenceId(text);
    if (id === undefined) throw unknown();
    return id;
  };
  /** From the shelf of the target that has it. Ids contain the time, so that two targets hardly ever have the same one. */
  const first = async <T>(look: (evidence: Evidence) => Promise<T | undefined>): Promise<T | undefined> => {
    for (const { evidence } of targets.all) {
      const found = await look(evidence);
      if (found !== undefined) return found;
    }
    return undefined;
  };
  const record = async (text: string): Promise<EvidenceRecord> => {
    const id = idOf(text);
    const found = await first((evidence) => evidence.read(id));
    if (found === undefined) throw unknown();
    return found;
  };

  serve(app, 'GET /api/evidence', async (request) => {
    const { target } = parse(EvidenceQuery, request.query);
    const shelves = target === undefined ? targets.all : [targets.named(target)];
    const lists = await Promise.all(shelves.map(({ evidence }) => evidence.list()));
    return { evidence: lists.flat().sort((a, b) => (a.at < b.at ? 1 : a.at > b.at ? -1 : 0)) };
  });
  serve(app, 'GET /api/evidence/{id}', async (request) => record(request.params.id));
  serve(app, 'GET /api/evidence/{id}/text', async (request, reply) => {
    const { raw } = parse(EvidenceTextQuery, request.query);
    const text = recordText(await record(request.params.id));
    return reply.type('text/plain; charset=utf-8').send(raw === undefined ? visibleText(text) : text);
  });
  serve(app, 'GET /api/evidence/{id}/screen.png', async (request, reply) => {
    const id = idOf(request.params.id);
    const png = await first((evidence) => evidence.picture(id));
    if (png === undefined)
      throw new BreakglassError('unknown-evidence', 'There is no picture of the console in it.');
    return reply.type('image/png').header('cache-control', CACHE).send(png);
  });
  serve(app, 'GET /api/evidence/{id}/bundle.tar.gz', async (request, reply) => {
    const id = idOf(request.params.id);
    const archive = await first((evidence) => evidence.archive(id));
    if (archive === undefined) throw unknown();
    return reply
      .type('application/gzip')
      .header('cache-control', CACHE)
      .header('content-disposition', `attachment; filename="${id}.tar.gz"`)
      .send(archive);
  });
}

const unknown = (): BreakglassError =>
  new BreakglassError(
    'unknown-evidence',
    'Evidence not found. The power host keeps the newest in its capture directory.',
  );
