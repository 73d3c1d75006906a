// Evidence over HTTP: the list, one bundle as JSON and as text, the console's picture, the archive as it came.
import type { FastifyInstance } from 'fastify';
import type { EvidenceList, EvidenceRecord } from '../../protocol/evidence.ts';
import { type EvidenceId, parseEvidenceId } from '../../protocol/ids.ts';
import { BreakglassError } from '../../protocol/problems.ts';
import type { Evidence } from '../evidence/port.ts';
import { recordText } from '../evidence/record.ts';

type ById = { Params: { id: string } };

// A bundle never changes, but it is nobody's business but the operator's.
const CACHE = 'private, max-age=3600';

export function evidenceRoutes(app: FastifyInstance, evidence: Evidence): void {
  const idOf = (text: string): EvidenceId => {
    const id = parseEvidenceId(text);
    if (id === undefined) throw unknown();
    return id;
  };
  const record = async (text: string): Promise<EvidenceRecord> => {
    const found = await evidence.read(idOf(text));
    if (found === undefined) throw unknown();
    return found;
  };

  app.get('/api/evidence', async (): Promise<EvidenceList> => ({ evidence: await evidence.list() }));
  app.get<ById>('/api/evidence/:id', async (request) => record(request.params.id));
  app.get<ById>('/api/evidence/:id/text', async (request, reply) =>
    reply.type('text/plain; charset=utf-8').send(recordText(await record(request.params.id))),
  );
  app.get<ById>('/api/evidence/:id/screen.png', async (request, reply) => {
    const png = await evidence.picture(idOf(request.params.id));
    if (png === undefined)
      throw new BreakglassError('unknown-evidence', 'There is no picture of the console in it.');
    return reply.type('image/png').header('cache-control', CACHE).send(png);
  });
  app.get<ById>('/api/evidence/:id/bundle.tar.gz', async (request, reply) => {
    const id = idOf(request.params.id);
    const archive = await evidence.archive(id);
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
    'This console does not keep such evidence (yet, or any more). The power host keeps the newest in its capture directory.',
  );
