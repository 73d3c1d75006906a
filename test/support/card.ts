// The card of a question, as a person uses it: read to its end, then held.
import type { Locator, Page } from 'playwright-core';
import { hold } from './hold.ts';
import { until } from './wait-for.ts';

/** The card of a question whose command contains this, once it takes a press. */
export async function cardOf(page: Page, command: string): Promise<Locator> {
  const card = page.getByTestId('approval-card').filter({ hasText: command });
  await card.waitFor();
  await settled(page);
  return card;
}

/** What has just come or moved takes no press yet. */
export const settled = (page: Page): Promise<void> =>
  page.locator('[data-testid="approval-card"][data-settled="true"]').waitFor();

/** Reads it to its end, so that its button can be held. */
export async function readCard(page: Page, command: string): Promise<Locator> {
  const card = await cardOf(page, command);
  await until('the end of the question', async () => {
    if ((await card.getByTestId('approval-hold').count()) > 0) return true;
    // By a key: a mouse would have to know where it is by now. It may have gone meanwhile.
    await card
      .getByTestId('approval-more')
      .press('Enter', { timeout: 1_000 })
      .catch(() => undefined);
    return false;
  });
  await settled(page);
  return card;
}

/** Reads it, and holds it until it is gone. */
export async function approve(page: Page, command: string): Promise<void> {
  const card = await readCard(page, command);
  await hold(card.getByTestId('approval-hold'));
}
