// The report of a night, and what hostile text does in it. Markdown is judged by a real parser of it.
import path from 'node:path';
import fc from 'fast-check';
import { marked, type Token } from 'marked';
import { expect, test } from 'vitest';
import type { JournalEvent } from '../../protocol/events.ts';
import { parseSessionId } from '../../protocol/ids.ts';
import { visibleLine, visibleText } from '../../protocol/visible-text.ts';
import { heading, list, type ReportDocument, sentence, table, verbatim } from './document.ts';
import { toHtml } from './html.ts';
import { nightOf, TARGET } from './incident.fixture.ts';
import { incidentReport } from './incident-report.ts';
import { toMarkdown } from './markdown.ts';

const SESSION = '11111111-2222-4333-8444-555555555555';
const session = parseSessionId(SESSION);
const reportOf = (events: readonly JournalEvent[], leftOut = 0, firstPart = events.length): ReportDocument =>
  incidentReport({ target: TARGET, events, leftOut, firstPart }, { type: 'session', id: SESSION });
const leftOf = (events: readonly JournalEvent[]): string => {
  const [block] = reportOf(events).sections.find(({ title }) => title === 'What is left')?.blocks ?? [];
  return block?.type === 'list' ? block.items.join('\n') : '';
};

test('the report of a night is the one that was looked at, as Markdown and as HTML', async () => {
  const report = reportOf(nightOf(session));
  await expect(toMarkdown(report)).toMatchFileSnapshot(
    path.join(import.meta.dirname, 'golden/night.md.golden'),
  );
  await expect(toHtml(report)).toMatchFileSnapshot(
    path.join(import.meta.dirname, 'golden/night.html.golden'),
  );
});

test('what is left names an unproven stop, a failed delivery, and that a finding from before the cycle is past', () => {
  const left = leftOf(nightOf(session));
  expect(left).toContain('not proven that it no longer runs: ssh devvm systemctl restart orders-api');
  expect(left).toContain('1 notification did not arrive; the last by ntfy');
  expect(left).toContain('Past since cycle of');
  expect(left).not.toContain('incident is open');
  expect(left).not.toContain('Staged configuration');
});

test('without the end of the cycle and the incident both are left, and so are finding and staged configuration', () => {
  const left = leftOf(nightOf(session).slice(0, 19));
  expect(left).toContain('The incident is open: devvm is down');
  expect(left).toContain('cycle of 2026-11-27 02:18:30 has no end');
  expect(left).toContain('Standing is the last finding');
  expect(left).toContain('Staged configuration: Staged configuration is pending: memory.');
});

test('a turn, and a question, that have no end are left', () => {
  const left = leftOf(nightOf(session).slice(0, 9));
  expect(left).toContain('A turn has no end yet: Look at it, please.');
  expect(left).toContain('A question waits for an answer: rm -rf /var/log/old');
});

test('what was left out is told in the head and at its place in the timeline', () => {
  const text = toMarkdown(reportOf(nightOf(session), 4_321, 2));
  expect(text).toContain('4321 events in the middle');
  const rows = text.split('\n').filter((line) => line.startsWith('| '));
  const place = rows.findIndex((line) => line.includes('4321 events left out here'));
  expect(rows[place - 1]).toContain('alert from uptime-kuma');
});

const PIECES = [
  '``` ```` ~~~ | \\ ` <script> </pre> --> <!-- &lt; --- === *** _a_ $x$ [x] ![x](http://e.example/x)'.split(
    ' ',
  ),
  'https://e.example www.e.example a@b.example'.split(' '),
  ['[a]: http://e.example', '# ', '- ', '1. ', '2) ', '> ', '\n', '\r', '\n\n', '\t', '    '],
  ['\u001B[2J', '\u202E', '\u200B', '\u2028', '\0'],
].flat();
/** Everything that might begin markup, the ends of lines, and what cannot be seen. */
const hostile = fc
  .array(fc.oneof(fc.constantFrom(...PIECES), fc.string({ unit: 'binary', maxLength: 6 })), { maxLength: 14 })
  .map((parts) => parts.join(''));

const tokensOf = (text: string): Token[] => marked.lexer(text).filter(({ type }) => type !== 'space');
/** The text that a reader sees, without markup. Throws for any token that is not text. */
const seen = (tokens: readonly Token[]): string =>
  tokens
    .map((token) => {
      if (token.type === 'escape' || token.type === 'text') {
        if ('tokens' in token && token.tokens !== undefined) return seen(token.tokens);
        return token.type === 'escape' ? String(token['text']) : String(token['raw']);
      }
      throw new Error(`markup in a text: ${token.type} ${JSON.stringify(token.raw)}`);
    })
    .join('');
/** Markdown joins runs of spaces when it is drawn. */
const drawn = (text: string): string => text.replaceAll(/ +/g, ' ').trim();

test('in Markdown no text leaves its paragraph, heading, item, cell or block, and each is read as it was', () => {
  fc.assert(
    fc.property(hostile, hostile, hostile, (one, two, three) => {
      fc.pre([one, two, three].every((text) => visibleLine(text).trim() !== ''));
      const report: ReportDocument = {
        title: one,
        sections: [
          {
            title: two,
            blocks: [
              sentence(three),
              verbatim(one),
              table(
                ['A', 'B'],
                [
                  [two, three],
                  [three, one],
                ],
              ),
              list([one, two]),
              heading(three),
              verbatim(`${two}\n${three}`),
              sentence('end'),
            ],
          },
        ],
      };
      const tokens = tokensOf(toMarkdown(report));
      expect(tokens.map(({ type }) => type)).toEqual(
        'heading heading paragraph code table list heading code paragraph'.split(' '),
      );
      const [title, section, paragraph, code, cells, items, part, more] = tokens as (Token & {
        tokens?: Token[];
        text?: string;
        rows?: { tokens: Token[] }[][];
        items?: { tokens: Token[] }[];
      })[];
      const said = (text: string): string => drawn(visibleLine(text));
      expect(drawn(seen(title?.tokens ?? []))).toBe(said(one));
      expect(drawn(seen(section?.tokens ?? []))).toBe(said(two));
      expect(drawn(seen(paragraph?.tokens ?? []))).toBe(said(three));
      expect(drawn(seen(part?.tokens ?? []))).toBe(said(three));
      expect(cells?.rows?.map((row) => row.map((cell) => drawn(seen(cell.tokens))))).toEqual([
        [said(two), said(three)],
        [said(three), said(one)],
      ]);
      expect(items?.items?.map((item) => drawn(seen(item.tokens)))).toEqual([said(one), said(two)]);
      // The parser is not exact about empty lines at the end of a block.
      const block = (text: string | undefined): string => visibleText(text ?? '').replace(/\n+$/, '');
      expect(block(code?.text)).toBe(block(one));
      expect(block(more?.text)).toBe(block(`${two}\n${three}`));
    }),
    { numRuns: 1_000 },
  );
});

test('in HTML no text becomes an element, an attribute or an entity', () => {
  fc.assert(
    fc.property(hostile, (text) => {
      const html = toHtml({
        title: text,
        sections: [
          { title: text, blocks: [sentence(text), verbatim(text), table([text], [[text]]), list([text])] },
        ],
      });
      const bare = toHtml({
        title: 'x',
        sections: [
          { title: 'x', blocks: [sentence('x'), verbatim('x'), table(['x'], [['x']]), list(['x'])] },
        ],
      });
      const tags = (page: string): string[] => page.match(/<[^>]*>/g) ?? [];
      expect(tags(html)).toEqual(tags(bare));
      // Only our own stand-ins and references remain.
      expect(html.replaceAll(/&#\d+;/g, '')).not.toContain('&');
    }),
  );
});

test('no control, bidirectional or zero-width character of a text is left in either form', () => {
  fc.assert(
    fc.property(hostile, (text) => {
      const report: ReportDocument = {
        title: text,
        sections: [{ title: 'x', blocks: [verbatim(text), sentence(text)] }],
      };
      for (const page of [toMarkdown(report), toHtml(report)]) expect(visibleText(page)).toBe(page);
    }),
  );
});
