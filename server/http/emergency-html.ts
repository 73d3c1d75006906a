// The frame of every emergency page, and text made safe for it. Plain HTML without scripts: it must work in a text browser over a bad line.
import { escapedMarkup, visibleText } from '../../protocol/visible-text.ts';

/** Text and no markup, with the stand-ins of the page for what cannot be seen. */
export const asText = (text: string): string => escapedMarkup(visibleText(text));

export const hidden = (name: string, value: string): string =>
  `<input type="hidden" name="${name}" value="${asText(value)}">`;

export interface Frame {
  /** Of the window. */
  readonly title: string;
  /** Markup. What the page says first. */
  readonly heading: string;
  /** Whoever is signed in. */
  readonly name?: string;
  readonly body: string;
  /** After so many seconds it loads itself again. */
  readonly refreshS?: number;
}

export function frame({ title, heading, name, body, refreshS }: Frame): string {
  const refresh = refreshS === undefined ? '' : `<meta http-equiv="refresh" content="${refreshS}">`;
  const who = name === undefined ? '' : ` · signed in as ${asText(name)}`;
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">${refresh}<title>${asText(title)} · Breakglass emergency</title><link rel="icon" href="data:,"><link rel="stylesheet" href="/emergency.css"></head>
<body><p class="small">Breakglass · emergency page${who}</p>
<h1>${heading}</h1>
${body}
</body></html>
`;
}

/** A page that is about one sentence. */
export const page = (title: string, body: string, name?: string): string =>
  frame({ title, heading: asText(title), body, ...(name === undefined ? {} : { name }) });

export const signInBody = (note: string): string => `<p>${asText(note)}</p>
<form method="post" action="/emergency/login"><p><label>Access token, or the code of a login link <input type="password" name="token" autocomplete="current-password" autocapitalize="none" spellcheck="false" required></label></p>
<p><label class="tick"><input type="checkbox" name="remember" value="yes"> Remember this device</label></p>
<p><button class="ink">Sign in</button></p></form>
<p class="small">This page needs no JavaScript. <a href="/">The whole console</a></p>`;
