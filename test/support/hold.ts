// A press that is held until what is held has gone: the way in which a person confirms a verb.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Locator } from 'playwright-core';
import { until } from './wait-for.ts';

/** A page that has just opened still moves; a person looks before they press. */
const STILL_MS = 250;

export async function hold(button: Locator): Promise<void> {
  await button.scrollIntoViewIfNeeded();
  let before = '';
  const box = await until('a button that stands still', async () => {
    const now = await button.boundingBox();
    const isStill = now !== null && JSON.stringify(now) === before;
    before = JSON.stringify(now);
    if (!isStill) await sleep(STILL_MS);
    return isStill ? now : undefined;
  });
  const mouse = button.page().mouse;
  await mouse.move(box.x + box.width / 2, box.y + box.height / 2);
  await mouse.down();
  await button.waitFor({ state: 'detached' });
  await mouse.up();
}
