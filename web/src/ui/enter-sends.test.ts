import { expect, it } from 'vitest';
import { isSend, type Pressed } from './enter-sends.ts';

const enter: Pressed = { key: 'Enter', shiftKey: false, isComposing: false, keyCode: 13 };

it('Enter sends, and no other key', () => {
  expect(isSend(enter)).toBe(true);
  expect(isSend({ ...enter, key: 'a', keyCode: 65 })).toBe(false);
});

it('Shift+Enter, and the Enter that ends a composition in any browser, do not', () => {
  expect(isSend({ ...enter, shiftKey: true })).toBe(false);
  expect(isSend({ ...enter, isComposing: true })).toBe(false);
  expect(isSend({ ...enter, keyCode: 229 })).toBe(false);
});
