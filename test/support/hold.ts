// A press that is held until what is held has gone: the way in which a person confirms a verb.
import type { Locator } from 'playwright-core';

export async function hold(button: Locator): Promise<void> {
  await button.scrollIntoViewIfNeeded();
  const box = await button.boundingBox();
  if (box === null) throw new Error('nothing to hold');
  const mouse = button.page().mouse;
  await mouse.move(box.x + box.width / 2, box.y + box.height / 2);
  await mouse.down();
  await button.waitFor({ state: 'detached' });
  await mouse.up();
}
