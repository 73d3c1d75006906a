// The documents as a site: npm run docs:site writes dist-site/. Plain HTML without a script and without anything from elsewhere, which reads
// the same from a disk, below any path and on a phone. Whatever a page links to in this repository comes along, so no link leads nowhere.
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { Marked, type Token } from 'marked';

const root = path.resolve(import.meta.dirname, '..');

/** The order in which a newcomer needs them. What is not here stands under "More". */
const SECTIONS: readonly { readonly title: string; readonly pages: readonly string[] }[] = [
  { title: 'Begin', pages: ['README', 'quick-start', 'when-not'] },
  {
    title: 'Install',
    pages: [
      'install-container',
      'install-kubernetes',
      'install-debian',
      'install-user',
      'install',
      'configuration',
    ],
  },
  { title: 'In the night', pages: ['runbook', 'doctor', 'cli'] },
  { title: 'Keep it well', pages: ['notifications', 'alerts', 'metrics', 'record', 'journal', 'security'] },
  { title: 'Reference', pages: ['wire', 'host-protocol', 'lab-differences'] },
];

interface Heading {
  readonly depth: number;
  readonly text: string;
  readonly anchor: string;
}

interface SitePage {
  /** Below the repository, such as `docs/runbook.md`. A directory stands for the list of its pages. */
  readonly source: string;
  readonly title: string;
  readonly headings: readonly Heading[];
  readonly body: string;
}

/** Writes the whole site into the directory, which is emptied before. Throws where a link leads to a file that is not there. */
export function buildSite(outDir: string): readonly string[] {
  rmSync(outDir, { recursive: true, force: true });
  const waiting = markdownIn('docs').map((name) => `docs/${name}`);
  const pages = new Map<string, SitePage>();
  const copied = new Set<string>();
  for (let source = waiting.shift(); source !== undefined; source = waiting.shift()) {
    if (pages.has(source)) continue;
    const links = { pages: waiting, copied };
    pages.set(source, isDirectory(source) ? listPage(source, links) : markdownPage(source, links));
  }
  const navigation = sectionsOf(pages);
  for (const page of pages.values()) put(outDir, placeOf(page.source), htmlOf(page, navigation));
  for (const source of copied) {
    const to = path.join(outDir, copyOf(source));
    mkdirSync(path.dirname(to), { recursive: true });
    copyFileSync(path.join(root, source), to);
  }
  put(
    outDir,
    'style.css',
    readFileSync(path.join(root, 'web/src/ui/tokens.css'), 'utf8') +
      readFileSync(path.join(root, 'docs/site.css'), 'utf8'),
  );
  return [...pages.keys()];
}

const isDirectory = (source: string): boolean => statSync(path.join(root, source)).isDirectory();

const markdownIn = (directory: string): readonly string[] =>
  readdirSync(path.join(root, directory))
    .filter((name) => name.endsWith('.md'))
    .toSorted();

function put(outDir: string, place: string, text: string): void {
  const to = path.join(outDir, place);
  mkdirSync(path.dirname(to), { recursive: true });
  writeFileSync(to, text);
}

/** Where a page stands in the site. `docs/` is its root; what lies outside of it stands below `repository/`. */
export function placeOf(source: string): string {
  const inSite = source.startsWith('docs/') ? source.slice('docs/'.length) : `repository/${source}`;
  if (!inSite.endsWith('.md')) return `${inSite}/index.html`;
  return inSite === 'README.md' ? 'index.html' : inSite.replace(/\.md$/, '.html');
}

/** Pictures are shown, and whatever else is read as text. */
function copyOf(source: string): string {
  const inSite = source.startsWith('docs/') ? source.slice('docs/'.length) : `repository/${source}`;
  return /\.(png|svg|jpg|json|yaml)$/.test(source) ? inSite : `${inSite}.txt`;
}

interface Links {
  readonly pages: string[];
  readonly copied: Set<string>;
}

function markdownPage(source: string, links: Links): SitePage {
  const headings: Heading[] = [];
  const place = placeOf(source);
  const lead = (href: string): string => {
    if (/^(https?|mailto):/.test(href) || href.startsWith('#')) return href;
    const [file = '', anchor] = href.split('#');
    // GitHub knows this address of a repository; a site does not.
    if (file.startsWith('../../security')) return lead('SECURITY.md');
    const to = path.join(path.dirname(source), decodeURI(file)).replace(/\/$/, '');
    if (to.startsWith('..') || !existsSync(path.join(root, to)))
      throw new Error(`${source} links to ${href}, which is not there`);
    const isPage = to.endsWith('.md') || isDirectory(to);
    if (isPage) links.pages.push(to);
    else links.copied.add(to);
    const away = path.relative(path.dirname(place), isPage ? placeOf(to) : copyOf(to));
    return anchor === undefined ? away : `${away}#${anchor}`;
  };
  const marked = new Marked({
    gfm: true,
    renderer: {
      // A comment is for whoever edits the page.
      html: ({ text }) => (/^\s*<!--[\s\S]*-->\s*$/.test(text) ? '' : escaped(text)),
      heading({ tokens, depth }) {
        const text = textOf(tokens);
        const anchor = freeAnchor(text, headings);
        headings.push({ depth, text, anchor });
        return `<h${depth} id="${escaped(anchor)}">${this.parser.parseInline(tokens)}</h${depth}>\n`;
      },
      link({ href, tokens }) {
        const elsewhere = /^https?:/.test(href) ? ' rel="noreferrer"' : '';
        return `<a href="${escaped(lead(href))}"${elsewhere}>${this.parser.parseInline(tokens)}</a>`;
      },
      image({ href, text }) {
        if (/^https?:/.test(href)) throw new Error(`${source} shows a picture from elsewhere: ${href}`);
        return `<img src="${escaped(lead(href))}" alt="${escaped(text)}" loading="lazy">`;
      },
      // A long name breaks behind a part of it, not within a word.
      codespan: ({ text }) => `<code>${escaped(text).replaceAll(/[_/](?=\w)/g, '$&<wbr>')}</code>`,
      table({ header, rows }) {
        const heads = header.map(({ text }) => text);
        // On a phone the cells of a row stand below each other there, and say of which column they are.
        const wide = heads.length > 2;
        const cell = ({ tokens }: (typeof header)[number], column: number): string => {
          const head = wide && column > 0 && heads[column] ? ` data-head="${escaped(heads[column])}"` : '';
          return `<td${head}>${this.parser.parseInline(tokens)}</td>`;
        };
        const head = header.map(({ tokens }) => `<th>${this.parser.parseInline(tokens)}</th>`).join('');
        const thead = heads.some((text) => text !== '') ? `<thead><tr>${head}</tr></thead>` : '';
        const body = rows.map((row) => `<tr>${row.map(cell).join('')}</tr>`).join('');
        return `<div class="table" tabindex="0"><table${wide ? ' class="wide"' : ''}>${thead}<tbody>${body}</tbody></table></div>\n`;
      },
    },
  });
  const body = marked.parse(readFileSync(path.join(root, source), 'utf8'), { async: false });
  return { source, title: headings[0]?.text ?? path.basename(source, '.md'), headings, body };
}

/** A directory that somebody links to: its pages by their titles. */
function listPage(source: string, links: Links): SitePage {
  const title =
    { 'docs/decisions': 'Decisions', 'bench/results': 'Results of the benchmarks' }[source] ?? source;
  const items = markdownIn(source).map((name) => {
    const file = `${source}/${name}`;
    links.pages.push(file);
    const [, heading = name] = /^# (.+)$/m.exec(readFileSync(path.join(root, file), 'utf8')) ?? [];
    return `<li><a href="${escaped(name.replace(/\.md$/, '.html'))}">${escaped(heading.replaceAll('`', ''))}</a></li>`;
  });
  const heading = { depth: 1, text: title, anchor: anchorOf(title) };
  const body = `<h1 id="${heading.anchor}">${escaped(title)}</h1>\n<ul>${items.join('\n')}</ul>`;
  return { source, title, headings: [heading], body };
}

/** As GitHub makes an anchor of a heading. */
const anchorOf = (text: string): string =>
  text
    .trim()
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-');

function freeAnchor(text: string, headings: readonly Heading[]): string {
  const wanted = anchorOf(text);
  const taken = new Set(headings.map(({ anchor }) => anchor));
  if (!taken.has(wanted)) return wanted;
  for (let n = 1; ; n++) if (!taken.has(`${wanted}-${n}`)) return `${wanted}-${n}`;
}

const textOf = (tokens: readonly Token[]): string =>
  tokens
    .map((token) =>
      'tokens' in token && token.tokens !== undefined
        ? textOf(token.tokens)
        : 'text' in token
          ? String(token.text)
          : token.raw,
    )
    .join('');

export const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');

interface Section {
  readonly title: string;
  readonly pages: readonly SitePage[];
}

function sectionsOf(pages: ReadonlyMap<string, SitePage>): readonly Section[] {
  const named = SECTIONS.map(({ title, pages: names }) => ({
    title,
    pages: names.flatMap((name) => pages.get(`docs/${name}.md`) ?? []),
  }));
  const listed = new Set(named.flatMap((section) => section.pages));
  const more = [...pages.values()].filter(
    (page) =>
      !listed.has(page) &&
      /^docs\/[^/]+$|^(ARCHITECTURE|CHANGELOG|SECURITY|CONTRIBUTING)\.md$/.test(page.source),
  );
  return [...named, { title: 'More', pages: more }].filter((section) => section.pages.length > 0);
}

function htmlOf(page: SitePage, sections: readonly Section[]): string {
  const place = placeOf(page.source);
  const up = (to: string): string => escaped(path.relative(path.dirname(place), to) || path.basename(place));
  const outline = page.headings.filter(({ depth }) => depth === 2);
  const inPage =
    outline.length < 2
      ? ''
      : `<ul>${outline.map(({ text, anchor }) => `<li><a href="#${escaped(anchor)}">${escaped(text)}</a></li>`).join('')}</ul>`;
  const entry = (each: SitePage): string =>
    each === page
      ? `<li><a href="${up(placeOf(each.source))}" aria-current="page">${escaped(each.title)}</a>${inPage}</li>`
      : `<li><a href="${up(placeOf(each.source))}">${escaped(each.title)}</a></li>`;
  const navigation = sections
    .map(({ title, pages }) => `<h2>${title}</h2>\n<ul>${pages.map(entry).join('\n')}</ul>`)
    .join('\n');
  const title = page.source === 'docs/README.md' ? 'Breakglass' : `${page.title} · Breakglass`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>${escaped(title)}</title>
<link rel="stylesheet" href="${up('style.css')}">
</head>
<body>
<a class="skip" href="#text">To the text</a>
<header><a class="name" href="${up('index.html')}">Breakglass</a><a class="contents" href="#pages">All pages</a></header>
<main id="text">
${page.body}
</main>
<nav id="pages" aria-label="All pages">
${navigation}
</nav>
</body>
</html>
`;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const out = path.join(root, 'dist-site');
  console.log(`${buildSite(out).length} pages in ${path.relative(process.cwd(), out) || '.'}`);
}
