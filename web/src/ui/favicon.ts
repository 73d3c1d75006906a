// The icon of the tab: the shape of the state. Files and no data: URLs, so that it needs nothing of the Content-Security-Policy.
import { type TabState, type TabTone, tabTitle } from '../state/tab-title.ts';

const setFavicon = (tone: TabTone): void => {
  const link = document.querySelector<HTMLLinkElement>('link[rel="icon"]');
  const href = `/favicon-${tone}.svg`;
  // Every change is a request, so only where it differs.
  if (link !== null && link.getAttribute('href') !== href) link.setAttribute('href', href);
};

/** Title and icon of the tab, from what is known now. To be called again whenever that changes, and as time passes. */
export const showInTab = (state: TabState): void => {
  const { title, tone } = tabTitle(state);
  if (document.title !== title) document.title = title;
  setFavicon(tone);
};

/** For a page without a target. */
export const clearTab = (): void => {
  document.title = 'Breakglass';
  setFavicon('none');
};
